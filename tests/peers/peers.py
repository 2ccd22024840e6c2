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
        return Program(self.P, self.q, self.offset, self.A, self.b, sparse.vstack([self.G, G]).tocsr(),
                       np.concatenate([self.h_low, np.full(G.shape[0], -np.inf)]), np.concatenate([self.h_high, h_high]),
                       self.lb, self.ub, self.names, self.log_terms, self.log_weights)


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


def lexicographic_flaws(program, alpha, tolerance):
    """Level by level: with the larger shares as they are, the largest of the others cannot be smaller."""
    index = {name.removeprefix("alpha:"): i for i, name in enumerate(program.names) if name.startswith("alpha:")}
    cap = next(i for i, name in enumerate(program.names) if name.startswith("fraction:"))
    ours = np.array([alpha[name] for name in index])
    variables = list(index.values())
    levels = []
    for value in sorted(ours, reverse=True):
        if value > 1e-6 and (not levels or levels[-1] - value > 1e-5):
            levels.append(value)
    flaws = []
    limited = program.h_low.size - len(ours)  # the caps come last
    assert program.q[cap] == 1.0

    def smallest(done, slack):
        """The smallest largest share of those not done; `slack` so that rounding leaves what was decided feasible."""
        p = Program(**program.__dict__)
        p.ub = program.ub.copy()
        keep = np.concatenate([np.ones(limited, bool), ~done])
        p.G, p.h_low, p.h_high = program.G[keep], program.h_low[keep], program.h_high[keep] + 0.0
        p.ub[np.array(variables)[done]] = np.minimum(1.0, ours[done] + slack)
        p.h_high[:limited] += slack
        return solve_linear_with_highs(p)

    for level in levels:
        done = ours > level + 5e-6
        best, looser = smallest(done, 1e-9), smallest(done, 2e-9)
        if best.status != "optimal" or looser.status != "optimal":
            flaws.append(f"level {level}: HiGHS {best.status}")
            continue
        # Where hardly anybody moves a limit, the slack moves the level.
        by_slack = abs(best.objective - looser.objective)
        if abs(best.objective - level) > tolerance + 3.0 * by_slack:
            flaws.append(f"level {level}: HiGHS {best.status} {best.objective} ± {by_slack}")
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
    for solver, other in others.items():
        if other.status not in ("optimal", "infeasible"):
            if silent is not None:
                silent.append(solver)  # it says nothing
            continue
        if other.status != ("optimal" if ours["status"] == "converged" else ours["status"]):
            flaws.append(f"{solver}: {other.status} {other.objective}; ours: {ours['status']} {ours['objective']}")
            continue
        difference = abs(ours["objective"] - other.objective)
        if other.status == "optimal" and difference > objective_tolerance * max(1.0, abs(other.objective)):
            flaws.append(f"{solver}: objective {other.objective!r}; ours: {ours['objective']!r}")
    theirs = others["Clarabel"]
    if ours["status"] == "optimal" and theirs.status == "optimal":
        policy = Path(name).name.split("-", 1)[1]
        if policy.startswith(("quadratic", "nash")):
            shares = shares_of(reduced, theirs.x)
            worst = max((abs(share - ours["alpha"][mrid]) for mrid, share in shares.items()), default=0.0)
            if worst > share_tolerance:
                flaws.append(f"Clarabel: a share differs by {worst:.2e}")
        if policy.startswith("min-max") and not len(program.centres) and not policy.endswith("powers"):
            flaws += lexicographic_flaws(program, ours["alpha"], 1e-6)
    return flaws


def reactive_flaws(name, tolerance=2e-3, room=1e-7):
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


def solve_random_feeders(executable, folder, first, count, *more):
    """Names (without ending) of what was asked and answered."""
    subprocess.run([executable, str(folder), str(first), str(count), *more], env=ENVIRONMENT, check=True)
    return sorted(path.with_suffix("") for path in Path(folder).glob("*.json"))
