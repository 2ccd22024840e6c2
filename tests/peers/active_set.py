"""A dual active-set method (Goldfarb and Idnani, Math. Programming 27, 1983) for small dense programs, the last system solved in
extended precision. Slow, and nothing like an interior point: it ends at a vertex of multipliers, exactly, or not at all."""
from dataclasses import dataclass

import numpy as np

LONG = np.longdouble


@dataclass
class Point:
    status: str  # optimal, infeasible, or unsettled
    x: np.ndarray = None
    multipliers: np.ndarray = None  # >= 0 per inequality
    residual: float = np.inf  # largest violation, negative multiplier or derivative left, in rows of length one


def eliminate(matrix, right):
    """Gauss with exchanged rows, in the precision of its arguments."""
    A, b = matrix.copy(), right.copy()
    n = len(b)
    for k in range(n):
        pivot = k + int(np.argmax(np.abs(A[k:, k])))
        if A[pivot, k] == 0:
            return None
        if pivot != k:
            A[[k, pivot]], b[[k, pivot]] = A[[pivot, k]], b[[pivot, k]]
        factor = A[k + 1 :, k] / A[k, k]
        A[k + 1 :, k:] -= factor[:, None] * A[k, k:]
        b[k + 1 :] -= factor * b[k]
    x = np.zeros_like(b)
    for k in reversed(range(n)):
        x[k] = (b[k] - A[k, k + 1 :] @ x[k + 1 :]) / A[k, k]
    return x


def solve_strictly_convex(p, q, C, d, equalities=0):
    """minimise 1/2 x'diag(p)x + q'x subject to C x >= d, the first rows with equality; all p > 0."""
    root = np.sqrt(p)
    # Rows of length one in variables of which the objective is a sum of squares.
    N = C / root
    length = np.linalg.norm(N, axis=1)
    if np.any((length == 0) & (d > 1e-12)):
        return Point("infeasible")
    length[length == 0] = 1.0
    N, e = N / length[:, None], d / length
    w = -q / root
    active, u = [], np.zeros(0)
    tolerance = 1e-12 * max(1.0, np.abs(w).max(initial=0.0))
    for _ in range(50 * (len(d) + len(q))):
        slack = N @ w - e
        missing = [k for k in range(equalities) if k not in active]
        if missing:
            entering = missing[0]
        else:
            entering = int(np.argmin(slack)) if len(slack) else -1
            if entering < 0 or slack[entering] >= -tolerance:
                break
        # Rows of equalities are turned so that they are violated from below.
        sign = -1.0 if entering < equalities and slack[entering] > 0 else 1.0
        normal, price = sign * N[entering], 0.0
        while True:
            rows = N[active] if active else np.zeros((0, len(w)))
            r = np.linalg.lstsq(rows.T, normal, rcond=None)[0] if active else np.zeros(0)
            direction = normal - rows.T @ r
            independent = direction @ direction > 1e-18
            leaving, dual_step = -1, np.inf
            for k, row in enumerate(active):
                if row >= equalities and r[k] > 1e-12 and u[k] / r[k] < dual_step:
                    leaving, dual_step = k, u[k] / r[k]
            shortfall = sign * e[entering] - normal @ w
            primal_step = max(shortfall, 0.0) / (direction @ direction) if independent else np.inf
            step = min(dual_step, primal_step)
            if not np.isfinite(step):
                return Point("infeasible") if shortfall > tolerance else Point("unsettled")
            u, price = u - step * r, price + step
            if independent:
                w = w + step * direction
            if step == primal_step:
                active.append(entering)
                u = np.append(u, sign * price)
                break
            active.pop(leaving)
            u = np.delete(u, leaving)
    else:
        return Point("unsettled")
    return finish(p, q, C, d, active, equalities)


def finish(p, q, C, d, active, equalities):
    """With the rows that are met: P x + q = N'u and N x = d, in extended precision, and what is left of the conditions."""
    p, q, C, d = (np.asarray(a, LONG) for a in (p, q, C, d))
    N = C[active]
    u = eliminate((N / p) @ N.T, d[active] + N @ (q / p)) if active else np.zeros(0, LONG)
    if u is None:
        return Point("unsettled")
    x = (N.T @ u - q) / p
    length = np.maximum(np.sqrt((C * C).sum(axis=1)), LONG(1e-300))
    slack = (C @ x - d) / length
    signs = [u[k] for k, row in enumerate(active) if row >= equalities]
    worst = max([0.0, *(-slack[equalities:]), *np.abs(slack[:equalities]), *(-s for s in signs)])
    multipliers = np.zeros(len(d))
    multipliers[active] = u
    return Point("optimal" if worst <= 1e-9 else "unsettled", x.astype(float), multipliers, float(worst))
