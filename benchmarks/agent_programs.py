"""One cvxpy program per agent, solved round after round with what neighbours said in the last: a re-creation, from the public description
of it (Poudel et al., IEEE Trans. Sustainable Energy 14(3), 2023), of how coordination was done before. Run as a command, in the
environment of `scripts/setup_python --benchmarks`, it prints what that took as JSON.

    python benchmarks/agent_programs.py PROGRAM.npz build|reuse ROUNDS TOLERANCE

PROGRAM holds minimise 1/2 x'diag(P)x + q'x + offset subject to A x = b, G x <= h, lb <= x <= ub; the agent of each variable and row;
which variables are voltages, and which shares. In a round every agent chooses its own variables for its own objective, given all
that its rows say of others: the voltage above it and the powers its children draw. Voltages heard are means over the last rounds.
"""
import importlib.metadata
import json
import sys
import time

import cvxpy
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

ROUNDS_OF_MEAN = 5
# What exceeding a limit costs, beside giving up all there is: an agent alone may be unable to keep its limits.
PENALTY = 1e3


class Agent:
    """The rows and variables of one agent, and what these rows say of others."""

    def __init__(self, data, number, reuse):
        self.own = np.flatnonzero(data["agent_of_variable"] == number)
        rows, limits = (np.flatnonzero(data[key] == number) for key in ("agent_of_row", "agent_of_limit"))
        A = data["A"][rows]
        others = np.setdiff1d(np.unique(A.indices), self.own)
        self.others = others
        self.A_own, self.A_others, self.b = A[:, self.own], A[:, others], data["b"][rows]
        self.G, self.h = data["G"][limits][:, self.own], data["h"][limits]
        self.P, self.q, self.lb, self.ub = (data[key][self.own] for key in ("P", "q", "lb", "ub"))
        self.reuse, self.problem = reuse, None

    def formulate(self, given):
        """`given`: numbers, or a parameter that gets them later."""
        self.x = cvxpy.Variable(len(self.own))
        constraints = [self.A_own @ self.x + (self.A_others @ given if len(self.others) else 0.0) == self.b]
        for bound, sign in ((self.lb, 1.0), (self.ub, -1.0)):
            finite = np.flatnonzero(np.isfinite(bound))
            if len(finite):
                constraints.append(sign * self.x[finite] >= sign * bound[finite])
        cost = 0.5 * cvxpy.sum_squares(cvxpy.multiply(np.sqrt(self.P), self.x)) + self.q @ self.x
        if len(self.h):
            excess = cvxpy.Variable(len(self.h), nonneg=True)
            constraints.append(self.G @ self.x <= self.h + excess)
            cost += PENALTY * max(float(np.sum(self.P)), 1.0) * cvxpy.sum(excess)
        self.problem = cvxpy.Problem(cvxpy.Minimize(cost), constraints)

    def decide(self, x):
        """Own variables, given everybody's of the round before; and seconds of it within the solver."""
        if not self.reuse:
            self.formulate(x[self.others])
        elif self.problem is None:
            self.given = cvxpy.Parameter(len(self.others), value=x[self.others]) if len(self.others) else None
            self.formulate(self.given)
        elif self.given is not None:
            self.given.value = x[self.others]
        self.problem.solve(solver=cvxpy.CLARABEL)
        if self.x.value is None:
            raise ValueError(f"an agent's program ends as {self.problem.status}")
        return self.x.value, self.problem.solver_stats.solve_time or 0.0


def load(path):
    data = dict(np.load(path))
    for name, rows in (("A", "b"), ("G", "h")):
        parts = (data.pop(f"{name}_{key}") for key in ("data", "indices", "indptr"))
        data[name] = sparse.csr_matrix(tuple(parts), shape=(len(data[rows]), len(data["P"])))
    return data


def follow(data, shares):
    """All variables that these shares lead to, of the whole feeder."""
    x = np.zeros(len(data["P"]))
    x[data["is_share"]] = shares
    rest = ~data["is_share"]
    A = data["A"].tocsc()
    x[rest] = spsolve(A[:, rest].tocsc(), data["b"] - A[:, data["is_share"]] @ shares)
    return x


def violation_pu(data, x):
    """By how much the worst voltage is beyond its limit; limits are of squared voltages."""
    beyond = (data["G"] @ x - data["h"]) / (2.0 * np.sqrt(np.abs(data["h"])))
    return max(0.0, float(np.max(beyond)))


def coordinate(data, reuse, most_rounds, tolerance):
    began = time.perf_counter()
    shares = data["is_share"]
    agents = [Agent(data, number, reuse) for number in range(int(data["agents"]))]
    x = follow(data, np.zeros(int(np.sum(shares))))
    v_max_uncurtailed = float(np.sqrt(np.max(x[data["is_voltage"]])))
    heard = [x[data["is_voltage"]]]
    solver_seconds = 0.0
    rounds = []
    while len(rounds) < most_rounds:
        round_began = time.perf_counter()
        said = x.copy()
        said[data["is_voltage"]] = np.mean(heard[-ROUNDS_OF_MEAN:], axis=0)
        following = x.copy()
        for agent in agents:
            following[agent.own], seconds = agent.decide(said)
            solver_seconds += seconds
        change = float(np.max(np.abs(following - x)))
        x = following
        heard.append(x[data["is_voltage"]])
        rounds.append({"seconds": time.perf_counter() - round_began, "change": change})
        if change < tolerance:
            break
    seconds = time.perf_counter() - began
    after = follow(data, np.clip(x[shares], 0.0, 1.0))
    return {"seconds": seconds, "solver_seconds": solver_seconds, "rounds": len(rounds), "each_round": rounds,
            "status": "converged" if rounds[-1]["change"] < tolerance else "round limit", "programs": len(agents),
            "objective": float(0.5 * after @ (data["P"] * after) + data["q"] @ after + data["offset"]),
            "violation": violation_pu(data, after), "shares": after[shares].tolist(),
            "v_max_uncurtailed": v_max_uncurtailed,
            "cvxpy": importlib.metadata.version("cvxpy")}


if __name__ == "__main__":
    try:
        print(json.dumps(coordinate(load(sys.argv[1]), sys.argv[2] == "reuse", int(sys.argv[3]), float(sys.argv[4]))))
    except ValueError as reason:
        sys.exit(str(reason))
