"""The programs of `dec export-qp` solved by Clarabel, HiGHS and the active-set method beside, and what they say held against
method exact. Objectives are compared with all of them, shares with the active-set method alone: interior points know objectives
to 1e-9 and shares to 1e-4."""
import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import clarabel
import highspy
import numpy as np
from scipy import sparse
from scipy.optimize import nnls
from scipy.sparse.linalg import splu

from active_set import Point, solve_strictly_convex

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "command"))
from command_line import ENVIRONMENT  # noqa: E402


WITH_POWERS = ("-reactive", "-factor", "-ratings", "-both")


@dataclass
class Program:
    """minimise 1/2 x'diag(P)x + q'x + offset - sum w ln(1 - x) subject to A x = b, h_low <= G x <= h_high, lb <= x <= ub"""

    P: np.ndarray
    q: np.ndarray
    offset: float
    A: sparse.csr_matrix
    b: np.ndarray
    G: sparse.csr_matrix
    h_low: np.ndarray
    h_high: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    names: list
    log_terms: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    log_weights: np.ndarray = field(default_factory=lambda: np.zeros(0))
    circles: sparse.csr_matrix = None  # each pair of entries of circles x + centres has a length of at most 1
    centres: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @staticmethod
    def load(path):
        z = np.load(path)
        matrix = lambda name: sparse.csr_matrix(  # noqa: E731
            (z[f"{name}_data"], z[f"{name}_indices"], z[f"{name}_indptr"]), shape=z[f"{name}_shape"])
        program = Program(z["P"], z["q"], float(z["offset"]), matrix("A"), z["b"], matrix("G"), z["h_low"], z["h_high"],
                          z["lb"], z["ub"], [name.decode() for name in z["names"]])
        if "log_terms" in z:
            program.log_terms, program.log_weights = z["log_terms"], z["log_weights"]
        if "centres" in z:
            program.circles, program.centres = matrix("circles"), z["centres"]
        return program

    def with_rows(self, G, h_high):
        return replace(self, G=sparse.vstack([self.G, G]).tocsr(),
                       h_low=np.concatenate([self.h_low, np.full(G.shape[0], -np.inf)]),
                       h_high=np.concatenate([self.h_high, h_high]))


def in_decisions_alone(p):
    """The same program with voltages and powers eliminated: better posed, which solvers of dense cones need."""
    first_state = next(i for i, name in enumerate(p.names) if name.startswith("v:"))
    decided = np.arange(len(p.names)) < first_state
    states = int((~decided).sum())
    physics = p.A[:states].tocsc()  # balances and drops; ties between decisions come after them
    solve = splu(physics[:, ~decided].tocsc())
    at_zero = solve.solve(p.b[:states])
    effect = -solve.solve(physics[:, decided].toarray())
    G_states = p.G[:, ~decided]
    shift = G_states @ at_zero
    move = (np.cumsum(decided) - 1)[p.log_terms]
    circles, centres = None, p.centres
    if len(centres):
        circles = sparse.csr_matrix(p.circles[:, decided] + sparse.csr_matrix(p.circles[:, ~decided] @ effect))
        centres = p.centres + p.circles[:, ~decided] @ at_zero
    return Program(p.P[decided], p.q[decided], p.offset, p.A[states:, decided].tocsr(), p.b[states:],
                   sparse.csr_matrix(p.G[:, decided] + sparse.csr_matrix(G_states @ effect)), p.h_low - shift,
                   p.h_high - shift, p.lb[decided], p.ub[decided], [n for n, d in zip(p.names, decided) if d], move,
                   p.log_weights, circles, centres)


@dataclass
class Verdict:
    status: str  # optimal, infeasible, or what the solver calls it
    objective: float = np.nan
    x: np.ndarray = None


def solve_with_clarabel(p):
    """Logarithms by the exponential cone: t <= ln(1 - x) as (t, 1, 1 - x)."""
    n, logs = len(p.q), len(p.log_terms)
    P = sparse.block_diag([sparse.diags(p.P), sparse.csc_matrix((logs, logs))]).tocsc()
    q = np.concatenate([p.q, -p.log_weights])
    widen = lambda M: sparse.hstack([M, sparse.csr_matrix((M.shape[0], logs))])  # noqa: E731
    eye = sparse.identity(n, format="csr")
    upper, lower = np.isfinite(p.h_high), np.isfinite(p.h_low)
    at_most, at_least = np.isfinite(p.ub), np.isfinite(p.lb)
    rows = [widen(p.A), widen(p.G[upper]), widen(-p.G[lower]), widen(eye[at_most]), widen(-eye[at_least])]
    right = [p.b, p.h_high[upper], -p.h_low[lower], p.ub[at_most], -p.lb[at_least]]
    inequalities = sum(len(r) for r in right[1:])
    cones = [clarabel.ZeroConeT(len(p.b)), clarabel.NonnegativeConeT(inequalities)]
    for k, variable in enumerate(p.log_terms):
        cone = sparse.lil_matrix((3, n + logs))
        cone[0, n + k] = -1.0
        cone[2, variable] = 1.0
        rows.append(cone.tocsr())
        right.append(np.array([0.0, 1.0, 1.0]))
        cones.append(clarabel.ExponentialConeT())
    for k in range(0, len(p.centres), 2):
        rows.append(widen(sparse.vstack([sparse.csr_matrix((1, n)), -p.circles[k:k + 2]])))
        right.append(np.concatenate([[1.0], p.centres[k:k + 2]]))
        cones.append(clarabel.SecondOrderConeT(3))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 500
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11 if not logs and not len(p.centres) else 1e-10
    solution = clarabel.DefaultSolver(P, q, sparse.vstack(rows).tocsc(), np.concatenate(right), cones, settings).solve()
    status = str(solution.status)
    if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
        return Verdict("infeasible")
    x = np.array(solution.x)[:n]
    # Asked for more digits than it can reach it stops short of them; what it has is judged by its residuals.
    reached = max(solution.r_prim, solution.r_dual) < 1e-8 and abs(solution.obj_val - solution.obj_val_dual) < 1e-8 * max(
        1.0, abs(solution.obj_val))
    name = "optimal" if status == "Solved" or reached else status
    objective = 0.5 * x @ (p.P * x) + p.q @ x + p.offset
    if logs:
        objective -= p.log_weights @ np.log1p(-x[p.log_terms])
    return Verdict(name, float(objective), x)


def quiet_highs():
    highs = highspy.Highs()
    for option in ("output_flag", "log_to_console"):
        highs.setOptionValue(option, False)
    for tolerance in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        highs.setOptionValue(tolerance, 1e-10)
    return highs


def verdict_of(highs):
    highs.run()
    status = highs.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return Verdict("infeasible")
    name = "optimal" if status == highspy.HighsModelStatus.kOptimal else str(status)
    return Verdict(name, highs.getInfo().objective_function_value, np.array(highs.getSolution().col_value))


def solve_mps_with_highs(path):
    highs = quiet_highs()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk, f"{path} is not read without a warning"
    return verdict_of(highs)


def solve_linear_with_highs(p):
    lp = highspy.HighsLp()
    matrix = sparse.vstack([p.A, p.G]).tocsc()
    lp.num_col_, lp.num_row_ = len(p.q), matrix.shape[0]
    lp.col_cost_, lp.offset_ = p.q, p.offset
    lp.col_lower_, lp.col_upper_ = p.lb, p.ub
    lp.row_lower_, lp.row_upper_ = np.concatenate([p.b, p.h_low]), np.concatenate([p.b, p.h_high])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    highs = quiet_highs()
    highs.passModel(lp)
    return verdict_of(highs)


class Moves:
    """Small moves that keep the limits from where our shares are: rows of limits that are met, each by its largest number, and
    whether a share may rise or fall. They form a cone, so that a solver is asked for numbers of the order of one however little
    a share moves a limit."""

    def __init__(self, program, ours):
        shares = np.array([name.startswith("alpha:") for name in program.names])
        self.names = [name.removeprefix("alpha:") for name, is_share in zip(program.names, shares) if is_share]
        self.alpha = np.array([ours["alpha"][name] for name in self.names])
        G = program.G.toarray()
        rows = ~G[:, ~shares].any(axis=1) & G[:, shares].any(axis=1)  # without the caps of min-max
        A, low, high, top = G[rows][:, shares], program.h_low[rows], program.h_high[rows], program.ub[shares]
        v = A @ self.alpha
        self.violation = max((v - high).max(), (low - v).max(), -self.alpha.min(), (self.alpha - top).max())
        met = 1e-10
        self.rows = np.vstack([A[high - v < met], -A[v - low < met]])
        self.rows /= np.abs(self.rows).max(axis=1, keepdims=True, initial=1e-300)
        self.least = np.where(self.alpha < met, 0.0, -1.0)
        self.most = np.where(top - self.alpha < met, 0.0, 1.0)

    def gain(self, cost, most=None, sums=None):
        """What the best move takes off the cost; `most` the shares may rise, none of the `sums` may become larger."""
        rows = self.rows if sums is None else np.vstack([self.rows, sums])
        none = np.zeros(0)
        verdict = solve_linear_with_highs(
            Program(np.zeros_like(cost), cost, 0.0, sparse.csr_matrix((0, len(cost))), none, sparse.csr_matrix(rows),
                    np.full(len(rows), -np.inf), np.zeros(len(rows)), self.least, self.most if most is None else most, []))
        return -verdict.objective if verdict.status == "optimal" else np.inf


def min_max_flaws(program, ours, tolerance=1e-6):
    """Lexicographic min-max is the only point where no share can be lowered unless one that is at least as large is raised."""
    moves = Moves(program, ours)
    flaws = [f"limits are exceeded by {moves.violation}"] if moves.violation > 1e-9 else []
    levels, left = 0, moves.alpha > tolerance
    while left.any():
        level = moves.alpha[left].max()
        members = left & (moves.alpha > level - 1e-9)
        levels += (members & (moves.most > 0.0)).any()  # a guarantee is no level
        most = np.where(moves.alpha > level - 1e-9, 0.0, moves.most)
        if (gain := moves.gain(np.where(members, 1.0, 0.0), most)) > tolerance:
            flaws.append(f"level {level}: HiGHS lowers its shares by {gain}")
        left &= ~members
    if levels != ours["levels"]:
        flaws.append(f"{levels} levels, ours says {ours['levels']}")
    return flaws


def lifo_flaws(program, ours, tolerance=1e-6):
    """Date after date nobody can give up less while older dates give up what they do; then no answer has smaller squares.
    min-curtailment is the same with a single date."""
    moves = Moves(program, ours)
    flaws = [f"limits are exceeded by {moves.violation}"] if moves.violation > 1e-9 else []
    date = np.array([ours["date"].get(name, 0) for name in moves.names])
    available = program.q[[name.startswith("alpha:") for name in program.names]]
    available = available / available.max()
    sums, levels = [], 0
    for day in np.unique(date):
        cost = np.where(date == day, available, 0.0)
        levels += cost @ moves.alpha > tolerance
        if (gain := moves.gain(cost, sums=sums or None)) > tolerance:
            flaws.append(f"date {day}: HiGHS finds {gain} less")
        sums.append(cost)
    if ours["date"] and levels != ours["levels"]:
        flaws.append(f"{levels} dates give something, ours says {ours['levels']}")
    if (gain := moves.gain(available * moves.alpha, sums=sums)) > tolerance:
        flaws.append(f"HiGHS finds smaller squares: {gain}")
    return flaws


@dataclass
class Decisions:
    """The same program in what is free: shares that are tied are the fraction they are tied to, so that terms are strictly convex."""

    names: list  # of the shares
    to_shares: np.ndarray  # shares = to_shares @ x
    p: np.ndarray
    q: np.ndarray
    C: np.ndarray  # C x >= d
    d: np.ndarray
    logs: np.ndarray  # weights of -ln(1 - x), per variable


def free_decisions(program):
    n = len(program.q)
    follows = np.arange(n)
    for row in range(program.A.shape[0]):
        entries = program.A[row]
        one, other = entries.indices
        assert program.b[row] == 0.0 and entries.data.sum() == 0.0, "a tie is share = fraction"
        alpha, fraction = (one, other) if program.names[one].startswith("alpha:") else (other, one)
        follows[alpha] = fraction
    kept = sorted(set(follows))
    T = np.zeros((n, len(kept)))
    T[np.arange(n), [kept.index(f) for f in follows]] = 1.0
    G, eye = program.G.toarray() @ T, T
    low, high = np.isfinite(program.h_low), np.isfinite(program.h_high)
    at_least, at_most = np.isfinite(program.lb), np.isfinite(program.ub)
    C = np.vstack([G[low], -G[high], eye[at_least], -eye[at_most]])
    d = np.concatenate([program.h_low[low], -program.h_high[high], program.lb[at_least], -program.ub[at_most]])
    logs = np.zeros(n)
    logs[program.log_terms] = program.log_weights
    shares = [i for i, name in enumerate(program.names) if name.startswith("alpha:")]
    return Decisions([program.names[i].removeprefix("alpha:") for i in shares], T[shares], T.T @ program.P, T.T @ program.q,
                     C, d, T.T @ logs)


def solve_with_logarithms(of):
    """Newton's method, each step a program of the active-set method."""
    x = np.full(len(of.q), 0.1)
    for _ in range(100):
        gradient, curvature = of.q + of.logs / (1.0 - x), of.logs / (1.0 - x) ** 2
        point = solve_strictly_convex(curvature, gradient - curvature * x, of.C, of.d)
        if point.status != "optimal":
            return point
        step = point.x - x
        inside = step > 0.0
        length = min(1.0, 0.9 * np.min((1.0 - x[inside]) / step[inside], initial=np.inf))
        x = x + length * step
        if np.abs(step).max(initial=0.0) < 1e-13:
            point.x = x
            return point
    return Point("unsettled")


def cheapest_of_smallest_squares(of):
    """Of the optima of a linear program that with the smallest sum of cost x^2: HiGHS says which limits are met by all optima."""
    highs = quiet_highs()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(of.q), len(of.d)
    lp.col_cost_ = of.q
    lp.col_lower_, lp.col_upper_ = np.full(len(of.q), -highspy.kHighsInf), np.full(len(of.q), highspy.kHighsInf)
    lp.row_lower_, lp.row_upper_ = of.d, np.full(len(of.d), highspy.kHighsInf)
    matrix = sparse.csc_matrix(of.C)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    highs.passModel(lp)
    if verdict_of(highs).status != "optimal":
        return Point("unsettled")
    # In rows of length one in what a share costs.
    prices = np.array(highs.getSolution().row_dual) * np.linalg.norm(of.C / of.q, axis=1)
    met = prices > 1e-7
    order = np.concatenate([np.flatnonzero(met), np.flatnonzero(~met)])
    return solve_strictly_convex(2.0 * of.q, np.zeros(len(of.q)), of.C[order], of.d[order], int(met.sum()))


def what_is_left(of, x):
    """Residual of the optimality conditions at x: the gradient not explained by limits that are met, in what a share costs in full;
    and by how much a limit is missed."""
    slack = of.C @ x - of.d
    gradient = of.p * x + of.q + np.divide(of.logs, 1.0 - x, out=np.zeros_like(x), where=of.logs > 0.0)
    mean = np.mean(np.abs(of.p) + np.abs(of.q) + of.logs)
    near = slack <= 1e-9
    if not near.any():
        return np.abs(gradient).max(initial=0.0) / mean, max(-slack.min(initial=0.0), 0.0)
    rows = of.C[near]
    length = np.linalg.norm(rows, axis=1)
    multipliers, _ = nnls((rows / np.where(length > 0.0, length, 1.0)[:, None]).T, gradient, maxiter=50 * len(x) + 1000)
    left = gradient - (rows / np.where(length > 0.0, length, 1.0)[:, None]).T @ multipliers
    return np.abs(left).max(initial=0.0) / mean, max(-slack.min(initial=0.0), 0.0)


def margin_of(of):
    """The most by which every limit could be tightened (pu^2, shares), negative: relaxed. NaN if HiGHS does not say."""
    n, bounds = len(of.q), np.abs(of.C).sum(axis=1) == 1.0  # rows of one share alone are bounds
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + 1, len(of.d)
    lp.col_cost_ = np.append(np.zeros(n), -1.0)
    lp.col_lower_, lp.col_upper_ = np.full(n + 1, -10.0), np.full(n + 1, 10.0)
    lp.row_lower_, lp.row_upper_ = of.d, np.full(len(of.d), highspy.kHighsInf)
    matrix = sparse.csc_matrix(np.hstack([of.C, np.where(bounds, 0.0, -1.0)[:, None]]))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    highs = quiet_highs()
    highs.passModel(lp)
    verdict = verdict_of(highs)
    return float(verdict.x[-1]) if verdict.status == "optimal" else np.nan


def solve_scalar(p, ramps):
    """The first scalar at which there are reactive powers that keep every limit: straight piece of all ramps after straight piece. The
    objective of the verdict is the scalar."""
    corners = sorted({corner for start, end, _ in ramps.values() for corner in (start, end)})
    others = np.array([not name.startswith("alpha:") for name in p.names])
    eye = sparse.identity(len(p.names), format="csr")[:, others]
    share = lambda der, k: np.interp(k, ramps[der][:2], [0.0, ramps[der][2]]) if der in ramps else 0.0  # noqa: E731
    at = lambda k: np.array([0.0 if other else share(name.removeprefix("alpha:"), k)  # noqa: E731
                             for name, other in zip(p.names, others)])
    for low, high in zip(corners, corners[1:]):
        start, T = at(low), sparse.hstack([sparse.csr_matrix((at(high) - at(low))[:, None]), eye]).tocsr()
        shift = p.G @ start
        circles = None if p.circles is None else sparse.csr_matrix(p.circles @ T)
        centres = p.centres if p.circles is None else p.centres + p.circles @ start
        bound = lambda of_time, of_others: np.concatenate([[of_time], of_others[others]])  # noqa: E731
        cost = np.zeros(T.shape[1])
        cost[0] = high - low
        of_piece = Program(np.zeros(T.shape[1]), cost, low, sparse.csr_matrix((0, T.shape[1])), np.zeros(0),
                           sparse.csr_matrix(p.G @ T), p.h_low - shift, p.h_high - shift, bound(0.0, p.lb), bound(1.0, p.ub),
                           [], circles=circles, centres=centres)
        verdict = solve_with_clarabel(of_piece)
        if verdict.status != "infeasible":
            return verdict
    return Verdict("infeasible")


def scalar_flaws(program, ours, policy, silent, objective_tolerance, share_tolerance):
    """Of policies with one scalar: it is the smallest, and all shares follow it."""
    other = solve_scalar(program, ours["ramp"])
    if other.status not in ("optimal", "infeasible"):
        silent.append("Clarabel")
        return []
    if other.status != ours["status"]:
        return [f"Clarabel: {other.status} at {other.objective}; ours: {ours['status']} {ours['objective']}"]
    if other.status != "optimal":
        return []
    scalar = ours["objective"] * (-1.0 if policy.startswith("uniform-export") else 1.0)
    flaws = []
    if abs(scalar - other.objective) > objective_tolerance * max(1.0, abs(other.objective)):
        flaws.append(f"Clarabel: scalar {other.objective!r}; ours: {scalar!r}")
    worst = max((abs(np.interp(scalar, [start, end], [0.0, most]) - ours["alpha"][der])
                 for der, (start, end, most) in ours["ramp"].items()), default=0.0)
    if worst > share_tolerance:
        flaws.append(f"a share is {worst:.1e} off its ramp")
    return flaws


def moved(program, by, v_max_pu):
    """The program with the upper limit of all squared voltages moved."""
    other = Program(**program.__dict__)
    at_limit = np.abs(program.h_high - v_max_pu**2) < 1e-9
    other.h_high = np.where(at_limit, program.h_high + by, program.h_high)
    return other


def price_flaws(program, ours):
    """The objective is convex in the squared limit, so its price lies between what moving it up and down by 1e-4 pu changes."""
    v_max_pu = ours["v_max_pu"]
    step, price = 2.0 * v_max_pu * 1e-4, ours["price_high"] / (2.0 * v_max_pu)
    smaller = solve_with_clarabel(in_decisions_alone(moved(program, step, v_max_pu)))
    larger = solve_with_clarabel(in_decisions_alone(moved(program, -step, v_max_pu)))
    scatter = 1e-7 * max(1.0, abs(ours["objective"])) / step
    flaws = []
    if smaller.status == "optimal" and price < (ours["objective"] - smaller.objective) / step - scatter:
        flaws.append(f"price {price}; a looser limit saves {(ours['objective'] - smaller.objective) / step} per pu^2")
    if larger.status == "optimal" and price > (larger.objective - ours["objective"]) / step + scatter:
        flaws.append(f"price {price}; a tighter limit costs {(larger.objective - ours['objective']) / step} per pu^2")
    return flaws


def reference_of(policy, of):
    """The answer with its shares, or None where the policy has no single program for them."""
    if policy.startswith("quadratic"):
        return solve_strictly_convex(of.p, of.q, of.C, of.d)
    if policy.startswith("nash"):
        return solve_with_logarithms(of)
    if policy.startswith(("min-curtailment", "proportional")):
        return cheapest_of_smallest_squares(of)
    return None


def compare(name, objective_tolerance=1e-7, share_tolerance=1e-6, silent=None, seen=None):
    """Differences between our answer NAME.json and what others make of NAME.npz and NAME.mps; none if they agree.

    `silent` gets the names of those that found neither an optimum nor that there is none, "ours" where we leave something open; `seen` the largest difference of a
    share and what is left of the optimality conditions."""
    ours = json.loads(Path(f"{name}.json").read_text())
    policy = Path(name).name.split("-", 1)[1]
    program = Program.load(f"{name}.npz")
    reduced = in_decisions_alone(program)
    silent = [] if silent is None else silent
    seen = {} if seen is None else seen
    one_scalar = policy.startswith(("equal-kw", "uniform-export"))
    others = {} if one_scalar else {"Clarabel": solve_with_clarabel(reduced)}
    if Path(f"{name}.mps").exists() and not one_scalar:
        others["HiGHS"] = solve_mps_with_highs(f"{name}.mps")
    flaws = []
    unsettled = ours["status"] == "converged"  # the objective is the least, but levels or ties after it are open
    if unsettled:
        silent.append("ours")
        ours["status"] = "optimal"
    if ours["status"] not in ("optimal", "infeasible"):
        flaws.append(f"ours: {ours['status']}")
    for solver, other in others.items():
        if other.status not in ("optimal", "infeasible"):
            silent.append(solver)
            continue
        if other.status != ours["status"]:
            flaws.append(f"{solver}: {other.status} {other.objective}; ours: {ours['status']} {ours['objective']}")
            continue
        if policy.startswith("lifo"):
            continue  # its program is that of min-curtailment
        difference = abs(ours["objective"] - other.objective)
        if other.status == "optimal" and difference > objective_tolerance * max(1.0, abs(other.objective)):
            flaws.append(f"{solver}: objective {other.objective!r}; ours: {ours['objective']!r}")
    if one_scalar:
        return flaws + scalar_flaws(reduced, ours, policy, silent, objective_tolerance, share_tolerance)
    if policy.endswith(WITH_POWERS):
        return flaws  # what follows is of programs in shares alone
    levels = {"min-max": min_max_flaws, "lifo": lifo_flaws}.get(policy.rsplit("-", 1)[0])
    if levels is not None:
        settled = ours["status"] == "optimal" and not unsettled
        return flaws + (levels(reduced, ours) if settled else [])

    of = free_decisions(reduced)
    margin = margin_of(of)
    if abs(margin) > 1e-6 and ours["status"] != ("optimal" if margin > 0.0 else "infeasible"):
        flaws.append(f"every limit can be tightened by {margin}; ours: {ours['status']}")
    if ours["status"] != "optimal":
        return flaws
    alpha = np.array([ours["alpha"][mrid] for mrid in of.names])
    reference = reference_of(policy, of)
    if unsettled:
        pass
    elif reference.status == "optimal":
        worst = float(np.abs(of.to_shares @ reference.x - alpha).max(initial=0.0))
        seen["share"] = worst
        if worst > share_tolerance:
            flaws.append(f"active set: a share differs by {worst:.2e}")
    else:
        silent.append("active set")
    if policy.startswith(("quadratic", "nash")):
        left, missed = what_is_left(of, alpha)
        seen["left"] = max(left, missed)
        if max(left, missed) > 1e-10:
            flaws.append(f"left of the optimality conditions: {left:.1e}, of limits {missed:.1e}")
    return flaws + price_flaws(program, ours)


def reactive_flaws(name, tolerance=2e-3, room=1e-8):
    """With our shares as they are: is every circle kept, and the sum of q^2 / s as small as it can be?"""
    ours = json.loads(Path(f"{name}.json").read_text())
    if ours["status"] not in ("optimal", "converged") or not ours["reactive"]:
        return []
    p = in_decisions_alone(Program.load(f"{name}.npz"))
    index = {variable: i for i, variable in enumerate(p.names)}
    rated = np.zeros(len(p.names))
    fixed = Program(**p.__dict__)
    fixed.lb, fixed.ub, at = p.lb.copy(), p.ub.copy(), np.zeros(len(p.names))
    for der, share in ours["alpha"].items():
        i = index[f"alpha:{der}"] if f"alpha:{der}" in index else None
        if i is not None:
            fixed.lb[i] = fixed.ub[i] = at[i] = share
    for der, (part, kva) in ours["reactive"].items():
        at[index[f"q:{der}"]], rated[index[f"q:{der}"]] = part, kva
    flaws = []
    if len(p.centres):
        worst = np.hypot(*(p.circles @ at + p.centres).reshape(-1, 2).T).max()
        if worst > 1.0 + 1e-8:
            flaws.append(f"a circle is left by {worst - 1.0:.1e}")
    if "smaller ones" in ours["open"]:
        return flaws
    fixed.P, fixed.q, fixed.offset = 2.0 * rated, np.zeros(len(p.q)), 0.0
    fixed.log_terms, fixed.log_weights = np.zeros(0, int), np.zeros(0)
    fixed.h_low, fixed.h_high = p.h_low - room, p.h_high + room  # so that there is an inside
    fixed.centres = p.centres
    other, spent = solve_with_clarabel(fixed), rated @ at**2
    if other.status == "optimal" and abs(other.objective - spent) > tolerance * max(1.0, spent):
        flaws.append(f"sum of q^2 / s: {spent}, Clarabel {other.objective}")
    return flaws


def date_flaws(name, tolerance=1e-4):
    """lifo with powers: date after date, can less be given up while older dates give up what they do? Of an answer that is not settled
    altogether the dates that it says are."""
    ours = json.loads(Path(f"{name}.json").read_text())
    if ours["status"] not in ("optimal", "converged") or not ours["date"]:
        return []
    p = in_decisions_alone(Program.load(f"{name}.npz"))
    of = [variable.removeprefix("alpha:") if variable.startswith("alpha:") else None for variable in p.names]
    date = np.array([ours["date"].get(der, 0) for der in of])
    alpha = np.array([ours["alpha"].get(der, 0.0) for der in of])
    flaws, levels, total, sums = [], 0, p.q[date > 0].sum(), []
    for day in np.unique(date[date > 0]):
        if "dates give up" in ours["open"] and levels == ours["levels"]:
            break
        cost = np.where(date == day, p.q, 0.0)
        given = cost @ alpha
        levels += given > 1e-7 * total
        rows = sparse.csr_matrix(np.array(sums)) if sums else None

        def solve(room):
            kept = p if rows is None else p.with_rows(rows, rows @ alpha + room)
            return solve_with_clarabel(replace(kept, q=cost, offset=0.0))

        least, near = without_room(solve, 1e-11)
        if near.status == "optimal" and given > max(least, near.objective) + tolerance * max(1.0, given):
            flaws.append(f"date {day}: {given}, Clarabel {near.objective}")
        sums.append(cost / total)
    return flaws


def settled_with_powers(name, policy):
    """Ours and the program of an answer that is settled altogether; None of others."""
    ours = json.loads(Path(f"{name}.json").read_text())
    if ours["status"] != "optimal" or not Path(name).name.split("-", 1)[1].startswith(policy):
        return None
    return ours, in_decisions_alone(Program.load(f"{name}.npz"))


def without_room(solve, room):
    """The objective `solve` gives with no room at all, from two with some: solvers want an inside, and what a room is worth may be much."""
    near, far = solve(room), solve(2.0 * room)
    return 2.0 * near.objective - far.objective if near.status == far.status == "optimal" else -np.inf, near


def level_flaws(name, tolerance=1e-4):
    """min-max with powers: level after level, with larger shares as they are, can the largest of the others be lower?"""
    settled = settled_with_powers(name, "min-max")
    if settled is None:
        return []
    ours, p = settled
    index = {variable.removeprefix("alpha:"): i for i, variable in enumerate(p.names) if variable.startswith("alpha:")}
    cap = next(i for i, variable in enumerate(p.names) if variable.startswith("fraction:"))
    alpha = {der: ours["alpha"][der] for der in index}
    flaws, left = [], {der for der in alpha if alpha[der] > tolerance}
    while left:
        level = max(alpha[der] for der in left)

        def solve(room):
            fixed = replace(p, lb=p.lb.copy(), ub=p.ub.copy(), G=p.G.tolil(copy=True), h_low=p.h_low - room,
                            h_high=p.h_high + room)
            for der, i in index.items():
                if alpha[der] <= level + 1e-7:
                    continue
                fixed.lb[i], fixed.ub[i] = max(p.lb[i], alpha[der] - room), min(p.ub[i], alpha[der] + room)
                for row in np.flatnonzero(p.G[:, [i, cap]].toarray().all(axis=1)):
                    fixed.G[row, :] = 0.0  # it is under the cap no longer
            fixed.G = fixed.G.tocsr()
            return solve_with_clarabel(fixed)

        least, near = without_room(solve, 1e-10)
        if near.status == "optimal" and level > max(least, near.objective) + tolerance:
            flaws.append(f"level {level}: Clarabel {near.objective}")
        left = {der for der in left if alpha[der] < level - 1e-7}
    return flaws


def tie_flaws(name, tolerance=1e-4):
    """min-curtailment and proportional with powers: among the answers that cost as little as ours, has one smaller squares?"""
    settled = settled_with_powers(name, ("min-curtailment", "proportional"))
    if settled is None:
        return []
    ours, p = settled
    total = np.abs(p.q).sum()
    shares = np.array([variable.startswith(("alpha:", "fraction:")) for variable in p.names])
    # What a fraction costs in sum is what its members have.
    squares = np.where(shares, 2.0 * np.abs(p.q), 0.0)
    at = np.array([ours["alpha"].get(variable.removeprefix("alpha:"), np.nan) for variable in p.names])
    for row in range(p.A.shape[0]):  # share = fraction
        one, other = p.A[row].indices
        at[other if np.isnan(at[other]) else one] = np.nanmax(at[[one, other]])
    at = np.where(shares, at, 0.0)
    if np.isnan(at).any():
        return []
    given = p.q @ at
    spent = 0.5 * squares @ at**2

    def solve(room):
        tied = replace(p, P=squares, q=np.zeros(len(p.q)), offset=0.0, h_low=p.h_low - room, h_high=p.h_high + room)
        return solve_with_clarabel(tied.with_rows(sparse.csr_matrix(p.q / total), np.array([given / total + room])))

    least, near = without_room(solve, 1e-9)
    if near.status == "optimal" and spent > max(least, near.objective) + tolerance * max(1.0, spent):
        return [f"sum of squares {spent}, Clarabel {near.objective}"]
    return []


def compare_all(name, silent=None, seen=None):
    """`compare`, and with powers what is not in the objective: dates and levels, circles and the smallest reactive powers."""
    flaws = compare(name, silent=silent, seen=seen)
    if Path(name).name.endswith(WITH_POWERS):
        flaws += reactive_flaws(name) + date_flaws(name) + level_flaws(name) + tie_flaws(name)
    return flaws


def solve_random_feeders(executable, folder, first, count, *more):
    """Names (without ending) of what was asked and answered."""
    subprocess.run([executable, str(folder), str(first), str(count), *more], env=ENVIRONMENT, check=True)
    return sorted(path.with_suffix("") for path in Path(folder).glob("*.json"))
