"""Writes results files of the schema in docs/results.md for a made-up feeder, for tests of what reads them.

The voltages are not a power flow, only plausible: a drop or rise along the feeder that grows with the distance and
differs between phases, and a curtailment that brings the highest of them down to the limit.
"""
import h5py
import numpy as np

PRIMARY = ("A", "B", "C")
LEGS = ("s1", "s2")
UPPER, LOWER = 1.05, 0.95
TEXT = h5py.string_dtype("utf-8")


class Feeder:
    """A trunk of three phases, single-phase laterals off it, houses on split-phase secondaries at their ends, and an
    open switch between two places of the trunk."""

    def __init__(self, houses, seed=1):
        self.draw = np.random.default_rng(seed)
        self.buses = []  # name, phases, x, y, distance_km, area
        self.branches = []  # name, from, to, phases
        self.ders = []  # name, bus, phases, agent, available_kw
        self.agents = [("feeder", "feeder", "")]
        self.add_trunk(max(4, houses // 20))
        for house in range(houses):
            self.add_house(house)
        self.ties = [("open_tie", self.buses[self.trunk[-1]][0], self.buses[self.trunk[1]][0], PRIMARY)]

    def add_bus(self, name, parent, phases, step, length_km, area):
        x, y, distance = (0.0, 0.0, 0.0) if parent is None else self.buses[parent][2:5]
        self.buses.append((name, phases, x + step[0], y + step[1], distance + length_km, area))
        if parent is not None:
            self.branches.append((f"line_{name}", self.buses[parent][0], name, phases))
        return len(self.buses) - 1

    def add_trunk(self, length):
        self.trunk = [self.add_bus("source", None, PRIMARY, (0.0, 0.0), 0.0, "feeder")]
        for i in range(length):
            area = f"area {i * 4 // length + 1}"
            if (area, "area", "feeder") not in self.agents:
                self.agents.append((area, "area", "feeder"))
            parent = self.trunk[-1 - int(self.draw.integers(min(6, len(self.trunk))))]
            turn = self.draw.normal(0.3, 0.8)
            step = 300 * np.array([np.cos(turn), np.sin(turn)])
            self.trunk.append(self.add_bus(f"t{i}", parent, PRIMARY, step, 0.3, area))
        self.ders.append(("farm", f"t{length - 1}", "ABC", f"area {(length - 1) * 4 // length + 1}", 250.0))

    def add_house(self, number):
        root = self.trunk[int(self.draw.integers(1, len(self.trunk)))]
        phase = PRIMARY[number % 3]
        area = self.buses[root][5]
        angle = self.draw.uniform(0, 2 * np.pi)
        pole = self.add_bus(f"p{number}", root, (phase,), 150 * np.array([np.cos(angle), np.sin(angle)]), 0.15, area)
        secondary = f"secondary {number}"
        self.agents.append((secondary, "secondary", area))
        house = self.add_bus(f"h{number}", pole, LEGS, 30 * np.array([np.cos(angle), np.sin(angle)]), 0.03, secondary)
        if self.draw.random() < 0.6:
            kw = float(np.round(self.draw.uniform(3, 10), 1))
            self.ders.append((f"pv_{number}", self.buses[house][0], "s1s2", secondary, kw))


def voltages(feeder):
    """Uncurtailed and final voltage of every node, and the curtailed share."""
    lift = {"A": 0.055, "B": 0.035, "C": 0.012}
    farthest = max(bus[4] for bus in feeder.buses)
    uncurtailed, primary_phase = [], {"source": "A"}
    phase_of = {to: phases[0] for _, _, to, phases in feeder.branches}
    above = {to: frm for _, frm, to, _ in feeder.branches}
    for name, phases, _, _, distance, _ in feeder.buses:
        for phase in phases:
            key = phase if phase in lift else phase_of[above[name]]
            extra = 0.006 if phase in LEGS else 0.0
            uncurtailed.append(1.02 + lift[key] * (distance / farthest) ** 0.7 + extra * feeder.draw.random())
    uncurtailed = np.array(uncurtailed)
    alpha = max(0.0, 1 - (UPPER - 1.02) / (uncurtailed.max() - 1.02))
    return uncurtailed, 1.02 + (uncurtailed - 1.02) * (1 - alpha), alpha


class Writer:
    def __init__(self, file):
        self.file = file

    def put(self, path, values, unit="1", shape=None):
        values = np.asarray(values)
        if values.dtype.kind in "US":
            encoded = [str(v).encode() for v in values]
            width = max([1, *map(len, encoded)])
            values = np.array(encoded, dtype=h5py.string_dtype("utf-8", width))
            unit = ""
        elif values.dtype.kind in "iu":
            values = values.astype("<i8")
        self.file.create_dataset(path, data=values if shape is None else values.reshape(shape))
        self.file[path].attrs.create("unit", unit, dtype=TEXT)

    def attributes(self, group, values):
        for name, value in values.items():
            if isinstance(value, str):
                self.file.require_group(group).attrs.create(name, value, dtype=TEXT)
            else:
                self.file.require_group(group).attrs[name] = np.int64(value) if isinstance(value, int) else float(value)


def write_nodes(put, feeder, uncurtailed, final, coordinates):
    rows = [(bus, phase) for bus in feeder.buses for phase in bus[1]]
    unknown = np.full(len(rows), np.nan)
    high = np.array([np.nan if bus[0] == "source" else UPPER for bus, _ in rows])
    put("nodes/bus", [bus[0] for bus, _ in rows])
    put("nodes/phase", [phase for _, phase in rows])
    put("nodes/base_kv", [0.12 if phase in LEGS else 2.4 for _, phase in rows], "kV")
    put("nodes/x", [bus[2] if coordinates(bus) else np.nan for bus, _ in rows])
    put("nodes/y", [bus[3] if coordinates(bus) else np.nan for bus, _ in rows])
    put("nodes/distance_km", [bus[4] for bus, _ in rows], "km")
    put("nodes/v_limit_low", high - UPPER + LOWER, "pu")
    put("nodes/v_limit_high", high, "pu")
    put("nodes/v_uncurtailed", uncurtailed, "pu")
    put("nodes/v", final, "pu")
    put("nodes/v_ac", unknown, "pu")
    put("nodes/angle_deg", unknown, "deg")
    put("nodes/price_low", unknown, "1/pu")
    put("nodes/price_high", unknown, "1/pu")
    return rows


def write_branches(put, feeder):
    rows = [(branch, phase) for branch in feeder.branches + feeder.ties for phase in branch[3]]
    flows = feeder.draw.normal(0, 50, len(rows))
    flows[[branch in feeder.ties for branch, _ in rows]] = np.nan
    put("branches/name", [branch[0] for branch, _ in rows])
    put("branches/mrid", [f"_{branch[0]}" for branch, _ in rows])
    put("branches/from", [branch[1] for branch, _ in rows])
    put("branches/to", [branch[2] for branch, _ in rows])
    put("branches/phase", [phase for _, phase in rows])
    put("branches/p_kw", flows, "kW")
    put("branches/q_kvar", 0.2 * flows, "kvar")
    put("branches/current_a", np.abs(flows) / 2.4, "A")
    put("branches/loading", np.abs(flows) / 2.4 / 400)
    put("branches/loss_kw", np.full(len(rows), np.nan), "kW")


def write_ders(put, feeder, alpha, worst):
    available = np.array([der[4] for der in feeder.ders])
    alphas = np.clip(alpha + feeder.draw.normal(0, 0.05, len(available)), 0, 1) if alpha else np.zeros(len(available))
    put("ders/name", [der[0] for der in feeder.ders])
    put("ders/mrid", [f"_{der[0]}" for der in feeder.ders])
    put("ders/bus", [der[1] for der in feeder.ders])
    put("ders/phases", [der[2] for der in feeder.ders])
    put("ders/agent", [der[3] for der in feeder.ders])
    put("ders/available_kw", available, "kW")
    put("ders/alpha", alphas)
    put("ders/alpha_linear", alphas)
    put("ders/p_kw", available * (1 - alphas), "kW")
    put("ders/q_kvar", np.zeros(len(available)), "kvar")
    put("ders/binding_node", [worst if alpha else "" for _ in available])
    return available, alphas


def write_agents(put, feeder, iterations, available, alphas):
    owner = np.array([der[3] for der in feeder.ders])
    count = np.array([np.sum(owner == agent[0]) for agent in feeder.agents])
    offered = np.array([available[owner == agent[0]].sum() for agent in feeder.agents])
    curtailed = np.array([(available * alphas)[owner == agent[0]].sum() for agent in feeder.agents])
    with np.errstate(invalid="ignore"):
        share = curtailed / offered
    for column, name in enumerate(("name", "kind", "parent")):
        put(f"agents/{name}", [agent[column] for agent in feeder.agents])
    put("agents/nodes", [sum(len(bus[1]) for bus in feeder.buses if bus[5] == agent[0]) for agent in feeder.agents])
    put("agents/ders", count)
    put("agents/alpha", share)
    put("convergence/agent_alpha", np.tile(share, (iterations + 1, 1)))
    put("partition/agent_rank", np.zeros(len(feeder.agents), int))
    write_boundaries(put, feeder, iterations)


def write_boundaries(put, feeder, iterations):
    """Areas meet the feeder on three phases, secondaries their area on one."""
    boundaries = [(name, above, PRIMARY if kind == "area" else ("A",)) for name, kind, above in feeder.agents[1:]]
    rows = [(below, above, phase) for below, above, phases in boundaries for phase in phases]
    put("boundaries/upstream_agent", [above for _, above, _ in rows])
    put("boundaries/downstream_agent", [below for below, _, _ in rows])
    put("boundaries/bus", ["source"] * len(rows))
    put("boundaries/phase", [phase for *_, phase in rows])
    put("boundaries/v", np.full(len(rows), 1.04), "pu")
    put("boundaries/p_kw", np.full(len(rows), -5.0), "kW")
    put("boundaries/q_kvar", np.full(len(rows), 1.0), "kvar")
    history = np.full((iterations + 1, len(boundaries), 3), np.nan)
    for b, (*_, phases) in enumerate(boundaries):
        for phase in phases:
            swing = feeder.draw.normal(0.01, 0.004) * 0.6 ** np.arange(iterations + 1)
            history[:, b, PRIMARY.index(phase)] = 1.045 + swing
    put("convergence/boundary_v", history, "pu")


def write_convergence(put, iterations, alpha, available):
    step = np.arange(iterations + 1)
    error = np.where(step == 0, alpha, 0.5**step) if alpha else np.zeros(len(step))
    shares = np.where(step == 0, 0.0, alpha + (1 - alpha) * error)
    put("convergence/iteration", step)
    put("convergence/objective", shares)
    put("convergence/primal_residual", error)
    put("convergence/dual_residual", np.full(len(step), np.nan))
    put("convergence/max_alpha_change", np.abs(np.diff(shares, prepend=0.0)))
    put("convergence/total_injection_kw", available.sum() * (1 - shares), "kW")
    put("convergence/ac_round", np.zeros(len(step), dtype=int))


def write_positions(put):
    put("taps/name", ["reg"])
    put("taps/mrid", ["00000000-0000-0000-0000-000000000001"])
    put("taps/transformer", ["regulator"])
    put("taps/winding", np.array([2]))
    put("taps/step", np.array([3.0]))
    put("taps/ratio", np.array([1.01875]))
    put("capacitors/name", ["cap"])
    put("capacitors/mrid", ["00000000-0000-0000-0000-000000000002"])
    put("capacitors/bus", ["b1"])
    put("capacitors/sections", np.array([[1.0, 1.0, 1.0]]))


def write_work(writer, nodes, iterations, ranks):
    writer.put("partition/node_rank", np.arange(nodes) * ranks // nodes)
    writer.attributes("partition", {"edge_cut": ranks - 1, "imbalance": 1.0})
    writer.put("timing/seconds", np.full((ranks, 5), 0.1), "s")
    writer.put("timing/iteration_seconds", np.full(iterations + 1, 0.01), "s")
    writer.put("timing/iteration_bytes", np.zeros(iterations + 1), "B")
    writer.put("timing/messages_sent", np.zeros(ranks), "1")
    writer.put("timing/bytes_sent", np.zeros(ranks), "B")
    writer.put("timing/communication_seconds", np.zeros(ranks), "s")
    writer.put("timing/peak_memory", np.full(ranks, 30.0), "MB")
    writer.attributes("timing", {"created": "2024-05-01T12:00:00Z", "command_line": "dec solve", "ranks": ranks,
                                 "machine": "localhost"})


def write_summary(writer, feeder, available, alphas, uncurtailed, final, iterations):
    nan = float("nan")
    kept = 1 - alphas
    curtailed = float((available * alphas).sum())
    writer.attributes("/", {
        "format": "dec-results", "format_version": 1, "dec_version": "0.1.0", "feeder": "made-up",
        "buses": len(feeder.buses), "nodes": len(final), "branches": len(feeder.branches + feeder.ties), "loads": 0,
        "ders": len(available), "storages": 0, "machines": 0, "agents": len(feeder.agents), "areas": 4,
        "method": "bisection", "policy": "proportional", "scope": "feeder", "status": "optimal",
        "iterations": iterations, "levels": nan, "objective": float(alphas.max()),
        "objective_optimal": nan, "optimality_gap": nan, "alpha_min": float(alphas.min()),
        "alpha_mean": float(alphas.mean()), "alpha_max": float(alphas.max()), "available_kw": float(available.sum()),
        "curtailed_kw": curtailed, "curtailed_kw_linear": curtailed,
        "jain": float(kept.sum() ** 2 / (len(kept) * (kept**2).sum())), "gini": 0.0, "price_of_fairness": nan,
        "v_max_uncurtailed": float(uncurtailed.max()), "v_max": float(final.max()), "v_min": float(final.min()),
        "v_max_ac": nan, "v_min_ac": nan, "v_max_ac_linear": nan, "nodes_below_vmin": 0, "violation": 0.0, "ac_rounds": 0,
        "primal_residual": 1e-11, "dual_residual": nan, "duality_gap": nan})


def write(path, houses=30, iterations=30, agents=True, curtailed=True, coordinates=lambda bus: True, ranks=2, seed=1):
    """One file of about four nodes per house. `coordinates(bus)` says which buses have some."""
    feeder = Feeder(houses, seed)
    uncurtailed, final, alpha = voltages(feeder)
    if not curtailed:
        uncurtailed, alpha = final, 0.0
    with h5py.File(path, "w") as file:
        writer = Writer(file)
        rows = write_nodes(writer.put, feeder, uncurtailed, final, coordinates)
        write_branches(writer.put, feeder)
        worst = ".".join((rows[int(np.argmax(final))][0][0], rows[int(np.argmax(final))][1]))
        available, alphas = write_ders(writer.put, feeder, alpha, worst)
        write_positions(writer.put)
        write_convergence(writer.put, iterations, alpha, available)
        if agents:
            write_agents(writer.put, feeder, iterations, available, alphas)
        write_work(writer, len(rows), iterations, ranks)
        write_summary(writer, feeder, available, alphas, uncurtailed, final, iterations)
    return path
