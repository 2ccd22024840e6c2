"""Public solvers through their own Python interfaces, on one thread, on a program of `dec export-qp`. Run as a command it solves
one program with one solver and prints what came of it as JSON: a process of its own can be stopped and tells its memory.

    python benchmarks/solvers.py SOLVER problem.npz TOLERANCE REPEAT
"""
import importlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse


@dataclass
class Program:
    """minimise 1/2 x'diag(P)x + q'x + offset - sum w ln(1 - x[logs]) subject to A x = b, h_low <= G x <= h_high, lb <= x <= ub"""

    P: np.ndarray
    q: np.ndarray
    offset: float
    A: sparse.csc_matrix
    b: np.ndarray
    G: sparse.csc_matrix
    h_low: np.ndarray
    h_high: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    logs: np.ndarray
    log_weights: np.ndarray

    @staticmethod
    def load(path):
        z = np.load(path)

        def matrix(name):
            return sparse.csr_matrix((z[f"{name}_data"], z[f"{name}_indices"], z[f"{name}_indptr"]),
                                     shape=z[f"{name}_shape"]).tocsc()

        logs = "log_terms" in z
        return Program(z["P"], z["q"], float(z["offset"]), matrix("A"), z["b"], matrix("G"), z["h_low"], z["h_high"], z["lb"],
                       z["ub"], z["log_terms"] if logs else np.zeros(0, int), z["log_weights"] if logs else np.zeros(0))

    @property
    def is_quadratic(self):
        return bool(np.any(self.P != 0.0))

    def objective(self, x):
        value = 0.5 * x @ (self.P * x) + self.q @ x + self.offset
        with np.errstate(invalid="ignore", divide="ignore"):
            return value - self.log_weights @ np.log1p(-x[self.logs]) if len(self.logs) else value

    def violation(self, x):
        """The largest of all rows and bounds; squared voltages, powers and shares are all of the order of one."""
        g = self.G @ x
        parts = [np.abs(self.A @ x - self.b), g - self.h_high, self.h_low - g, x - self.ub, self.lb - x]
        return max((float(np.max(part)) for part in parts if len(part)), default=0.0)

    def one_sided(self):
        """(matrix, right side) of matrix x <= right side for all inequalities and bounds."""
        eye = sparse.identity(len(self.q), format="csr")
        G = self.G.tocsr()
        high, low, ub, lb = (np.isfinite(limit) for limit in (self.h_high, self.h_low, self.ub, self.lb))
        return (sparse.vstack([G[high], -G[low], eye[ub], -eye[lb]]).tocsc(),
                np.concatenate([self.h_high[high], -self.h_low[low], self.ub[ub], -self.lb[lb]]))


class Piqp:
    package = "piqp"

    def __init__(self, p, tolerance):
        self.solver = importlib.import_module("piqp").SparseSolver()
        settings = self.solver.settings
        settings.eps_abs = settings.eps_rel = tolerance
        settings.check_duality_gap = True
        settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = tolerance
        settings.max_iter = 1000
        settings.num_threads = 1
        self.solver.setup(sparse.diags(p.P, format="csc"), p.q, p.A, p.b, p.G, p.h_low, p.h_high, p.lb, p.ub)

    def solve(self):
        status = self.solver.solve()
        result = self.solver.result
        return np.array(result.x), int(result.info.iter), str(status).rsplit(".", 1)[-1]


class Clarabel:
    """Logarithms by the exponential cone: t <= ln(1 - x) as (t, 1, 1 - x)."""

    package = "clarabel"

    def __init__(self, p, tolerance):
        clarabel = importlib.import_module("clarabel")
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_iter = 1000
        settings.max_threads = 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        self.n, logs = len(p.q), len(p.logs)
        matrix, right = p.one_sided()
        blocks = [p.A, matrix]
        blocks = [sparse.hstack([block, sparse.csc_matrix((block.shape[0], logs))]) for block in blocks]
        rights = [p.b, right]
        cones = [clarabel.ZeroConeT(len(p.b)), clarabel.NonnegativeConeT(len(right))]
        if logs:
            k = np.arange(logs)
            blocks.append(sparse.csc_matrix((np.concatenate([-np.ones(logs), np.ones(logs)]),
                                             (np.concatenate([3 * k, 3 * k + 2]), np.concatenate([self.n + k, p.logs]))),
                                            shape=(3 * logs, self.n + logs)))
            rights.append(np.tile([0.0, 1.0, 1.0], logs))
            cones += [clarabel.ExponentialConeT()] * logs
        quadratic = sparse.diags(np.concatenate([p.P, np.zeros(logs)]), format="csc")
        self.solver = clarabel.DefaultSolver(quadratic, np.concatenate([p.q, -p.log_weights]),
                                             sparse.vstack(blocks).tocsc(), np.concatenate(rights), cones, settings)

    def solve(self):
        solution = self.solver.solve()
        return np.array(solution.x)[:self.n], int(solution.iterations), str(solution.status)


class Highs:
    package = "highspy"

    def __init__(self, p, tolerance):
        highspy = importlib.import_module("highspy")
        self.highspy = highspy
        lp = highspy.HighsLp()
        matrix = sparse.vstack([p.A, p.G]).tocsc()
        lp.num_col_, lp.num_row_ = len(p.q), matrix.shape[0]
        lp.col_cost_, lp.offset_ = p.q, p.offset
        lp.col_lower_, lp.col_upper_ = p.lb, p.ub
        lp.row_lower_, lp.row_upper_ = np.concatenate([p.b, p.h_low]), np.concatenate([p.b, p.h_high])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        model = highspy.HighsModel()
        model.lp_ = lp
        if p.is_quadratic:
            hessian = sparse.diags(p.P, format="csc")
            model.hessian_.dim_ = len(p.q)
            model.hessian_.format_ = highspy.HessianFormat.kTriangular
            model.hessian_.start_, model.hessian_.index_ = hessian.indptr, hessian.indices
            model.hessian_.value_ = hessian.data
        self.solver = highspy.Highs()
        for option, value in {"output_flag": False, "threads": 1, "primal_feasibility_tolerance": tolerance,
                              "dual_feasibility_tolerance": tolerance}.items():
            self.solver.setOptionValue(option, value)
        self.solver.passModel(model)

    def solve(self):
        self.solver.run()
        info = self.solver.getInfo()
        iterations = max(info.qp_iteration_count, info.simplex_iteration_count, info.ipm_iteration_count)
        status = self.solver.modelStatusToString(self.solver.getModelStatus())
        return np.array(self.solver.getSolution().col_value), int(iterations), status


class Osqp:
    package = "osqp"

    def __init__(self, p, tolerance):
        self.solver = importlib.import_module("osqp").OSQP()
        eye = sparse.identity(len(p.q), format="csc")
        self.solver.setup(sparse.diags(p.P, format="csc"), p.q, sparse.vstack([p.A, p.G, eye]).tocsc(),
                          np.concatenate([p.b, p.h_low, p.lb]), np.concatenate([p.b, p.h_high, p.ub]), verbose=False,
                          eps_abs=tolerance, eps_rel=tolerance, max_iter=1_000_000, polishing=True)

    def solve(self):
        result = self.solver.solve()
        return np.array(result.x), int(result.info.iter), result.info.status


class Ecos:
    """The quadratic part as one second-order cone: |(sqrt(2) P^(1/2) x, t - 1)| <= t + 1, cost t."""

    package = "ecos"

    def __init__(self, p, tolerance):
        self.ecos = importlib.import_module("ecos")
        self.tolerance = tolerance
        self.n = len(p.q)
        matrix, right = p.one_sided()
        extra = 1 if p.is_quadratic else 0
        G = sparse.hstack([matrix, sparse.csc_matrix((matrix.shape[0], extra))])
        self.c = np.concatenate([p.q, np.ones(extra)])
        self.dims = {"l": matrix.shape[0], "q": []}
        self.h = right
        if extra:
            squared = np.flatnonzero(p.P)
            cone = sparse.lil_matrix((len(squared) + 2, self.n + 1))
            cone[0, self.n] = -1.0
            cone[np.arange(len(squared)) + 1, squared] = -np.sqrt(2.0 * p.P[squared])
            cone[len(squared) + 1, self.n] = -1.0
            G = sparse.vstack([G, cone])
            self.h = np.concatenate([right, [1.0], np.zeros(len(squared)), [-1.0]])
            self.dims["q"] = [len(squared) + 2]
        self.G = sparse.csc_matrix(G)
        self.A = sparse.csc_matrix(sparse.hstack([p.A, sparse.csc_matrix((p.A.shape[0], extra))]))
        self.b = p.b

    def solve(self):
        t = self.tolerance
        result = self.ecos.solve(self.c, self.G, self.h, self.dims, self.A, self.b, verbose=False, abstol=t, reltol=t,
                                 feastol=t, max_iters=500)
        return np.array(result["x"])[:self.n], int(result["info"]["iter"]), result["info"]["infostring"]


SOLVERS = {"PIQP": Piqp, "Clarabel": Clarabel, "HiGHS": Highs, "OSQP": Osqp, "ECOS": Ecos}


def is_installed(name):
    return importlib.util.find_spec(SOLVERS[name].package) is not None


def can_do(name, policy):
    """Logarithms need an exponential cone."""
    return policy != "nash" or name == "Clarabel"


def peak_memory_mb():
    """Of this program alone; what getrusage says begins with the peak of whoever started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None


def measure(name, path, tolerance, repeat):
    p = Program.load(path)
    best = {}
    for _ in range(repeat):
        start = time.perf_counter()
        solver = SOLVERS[name](p, tolerance)
        middle = time.perf_counter()
        x, iterations, status = solver.solve()
        end = time.perf_counter()
        if not best or end - middle < best["solve_seconds"]:
            best = {"setup_seconds": middle - start, "solve_seconds": end - middle, "iterations": iterations, "status": status}
    finite = len(x) == len(p.q) and bool(np.all(np.isfinite(x)))
    return best | {"objective": float(p.objective(x)) if finite else None, "violation": p.violation(x) if finite else None,
                   "variables": len(p.q), "equalities": len(p.b), "inequalities": len(p.h_low),
                   "peak_memory_mb": peak_memory_mb()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))))
