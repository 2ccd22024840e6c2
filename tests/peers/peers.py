"""The programs of `dec export-qp` solved by Clarabel and HiGHS, and what they say held against method exact."""
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import clarabel
import highspy
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "command"))
from command_line import ENVIRONMENT  # noqa: E402


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

    @staticmethod
    def load(path):
        z = np.load(path)
        matrix = lambda name: sparse.csr_matrix(  # noqa: E731
            (z[f"{name}_data"], z[f"{name}_indices"], z[f"{name}_indptr"]), shape=z[f"{name}_shape"])
        program = Program(z["P"], z["q"], float(z["offset"]), matrix("A"), z["b"], matrix("G"), z["h_low"], z["h_high"],
                          z["lb"], z["ub"], [name.decode() for name in z["names"]])
        if "log_terms" in z:
            program.log_terms, program.log_weights = z["log_terms"], z["log_weights"]
        return program

    def with_rows(self, G, h_high):
        return Program(self.P, self.q, self.offset, self.A, self.b, sparse.vstack([self.G, G]).tocsr(),
                       np.concatenate([self.h_low, np.full(G.shape[0], -np.inf)]), np.concatenate([self.h_high, h_high]),
                       self.lb, self.ub, self.names, self.log_terms, self.log_weights)


def in_decisions_alone(p):
    """The same program with voltages and powers eliminated: better posed, which solvers of dense cones need."""
    decided = np.array([name.startswith(("alpha:", "fraction:")) for name in p.names])
    states = int((~decided).sum())
    physics = p.A[:states].tocsc()  # balances and drops; ties between decisions come after them
    solve = splu(physics[:, ~decided].tocsc())
    at_zero = solve.solve(p.b[:states])
    effect = -solve.solve(physics[:, decided].toarray())
    G_states = p.G[:, ~decided]
    shift = G_states @ at_zero
    move = (np.cumsum(decided) - 1)[p.log_terms]
    return Program(p.P[decided], p.q[decided], p.offset, p.A[states:, decided].tocsr(), p.b[states:],
                   sparse.csr_matrix(p.G[:, decided] + sparse.csr_matrix(G_states @ effect)), p.h_low - shift,
                   p.h_high - shift, p.lb[decided], p.ub[decided], [n for n, d in zip(p.names, decided) if d], move,
                   p.log_weights)


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
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 500
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11 if not logs else 1e-10
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
    highs.setOptionValue("output_flag", False)
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


def shares_of(program, x):
    return {name.removeprefix("alpha:"): x[i] for i, name in enumerate(program.names) if name.startswith("alpha:")}


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


def compare(name, objective_tolerance=1e-7, share_tolerance=1e-5, silent=None):
    """Differences between our answer NAME.json and what others make of NAME.npz and NAME.mps; none if they agree.

    `silent` gets the names of those that found neither an optimum nor that there is none."""
    ours = json.loads(Path(f"{name}.json").read_text())
    program = Program.load(f"{name}.npz")
    reduced = in_decisions_alone(program)
    others = {"Clarabel": solve_with_clarabel(reduced)}
    if Path(f"{name}.mps").exists():
        others["HiGHS"] = solve_mps_with_highs(f"{name}.mps")
    flaws = []
    policy = Path(name).name.split("-", 1)[1]
    for solver, other in others.items():
        if other.status not in ("optimal", "infeasible"):
            if silent is not None:
                silent.append(solver)  # it says nothing
            continue
        if other.status != ours["status"]:
            flaws.append(f"{solver}: {other.status} {other.objective}; ours: {ours['status']} {ours['objective']}")
            continue
        if policy.startswith("lifo"):
            continue  # its program is that of min-curtailment
        difference = abs(ours["objective"] - other.objective)
        if other.status == "optimal" and difference > objective_tolerance * max(1.0, abs(other.objective)):
            flaws.append(f"{solver}: objective {other.objective!r}; ours: {ours['objective']!r}")
    theirs = others["Clarabel"]
    if ours["status"] == "optimal" and theirs.status == "optimal":
        if policy.startswith(("quadratic", "nash")):
            shares = shares_of(reduced, theirs.x)
            worst = max((abs(share - ours["alpha"][mrid]) for mrid, share in shares.items()), default=0.0)
            if worst > share_tolerance:
                flaws.append(f"Clarabel: a share differs by {worst:.2e}")
        if policy.startswith("min-max"):
            flaws += min_max_flaws(reduced, ours)
        if policy.startswith(("lifo", "min-curtailment")):
            flaws += lifo_flaws(reduced, ours)
    return flaws


def solve_random_feeders(executable, folder, first, count, *more):
    """Names (without ending) of what was asked and answered."""
    subprocess.run([executable, str(folder), str(first), str(count), *more], env=ENVIRONMENT, check=True)
    return sorted(path.with_suffix("") for path in Path(folder).glob("*.json"))
