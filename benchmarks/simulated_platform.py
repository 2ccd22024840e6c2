"""A simulator as the platform has one, made of `dec powerflow`: it takes setpoints as difference messages, lets sun and loads change, and
says what it measures in the platform's output messages."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from common import ENVIRONMENT, EXECUTABLE, PROJECT, Failure, dec, h5py, np

VOLTAGE, POWER, CURRENT, POSITION = range(4)  # types of measurements in a native file
SWITCH, BANK, LOAD, CAPACITOR, PV = 2, 4, 7, 8, 9  # kinds of what they are at
DELTA = 1
PHASES = ("A", "B", "C", "s1", "s2")
SLOTS = (0, 1, 2, 0, 1)  # places of the phases in arrays of three


def places(mask):
    """Phases of a sum of 1 A, 2 B, 4 C, 8 s1, 16 s2."""
    return [k for k in range(5) if mask >> k & 1]


def places_of_tap_changers(file):
    """Rows of tap changers by row of their bank and phase."""
    units, changers = file["branches/transformers"], file["branches/tap_changers"]
    found = {}
    for row, (unit, winding) in enumerate(zip(changers["transformer"][:], changers["winding"][:])):
        for conductor in units[f"winding_{winding + 1}_conductors"][unit]:
            if 1 <= conductor <= 3:
                found[units["bank"][unit], conductor - 1] = row
    return found


class Simulation:
    def __init__(self, feeder, folder, options=(), simulation_id="725830594"):
        """`feeder`: any format `dec` reads; `folder`: for files of the simulation; `options` of `dec powerflow`."""
        self.options = [str(option) for option in options]
        self.folder = Path(folder)
        self.simulation_id = simulation_id
        self.base = self.folder / "base.h5"
        dec("convert", feeder, self.base, "--quiet")
        with h5py.File(self.base) as file:
            self.loads = {name: file[f"loads/{name}"][:] for name in ("bus", "connection", "phases", "p", "q", "model", "nominal_voltage")}
            self.models = {name: column[:] for name, column in file["load_models"].items() if column.dtype.kind != "S"}
            self.pv = {name: file[f"ders/pv/{name}"][:] for name in ("mrid", "phases", "p", "q", "max_p")}
            self.measurements = {name: column[:] for name, column in file["measurements"].items()}
            self.closed = file["switches/closed"][:]
            self.steps = file["branches/tap_changers/step"][:] if "branches/tap_changers" in file else np.zeros(0)
            self.tap_changers = places_of_tap_changers(file) if len(self.steps) else {}
            self.sections = file["shunts/capacitors/sections"][:] if "shunts/capacitors" in file else np.zeros((0, 3))
            self.bus_names = file["buses/name"][:]
            self.base_v = file["buses/base_voltage"][:]
        self.row_of_pv = {mrid.decode(): row for row, mrid in enumerate(self.pv["mrid"])}
        self.orders = np.full(len(self.pv["p"]), np.inf)  # W
        self.exported = np.zeros(len(self.pv["p"]))
        share = self.pv["p"] / self.pv["p"].sum(axis=1, keepdims=True)
        self.share_of_phase = np.nan_to_num(share)

    def obey(self, message):
        """Setpoints of a difference message, as the platform's bridge applies them: what is forward, and nothing of a message with an
        object it does not know."""
        assert message["command"] == "update" and message["input"]["simulation_id"] == self.simulation_id
        inside = message["input"]["message"]
        forward, reverse = inside["forward_differences"], inside["reverse_differences"]
        assert [(d["object"], d["attribute"]) for d in forward] == [(d["object"], d["attribute"]) for d in reverse]
        orders = {self.row_of_pv[d["object"]]: float(d["value"]) for d in forward if d["attribute"] == "PowerElectronicsConnection.p"}
        for row, watts in orders.items():
            self.orders[row] = watts

    def run(self, sun, load=1.0):
        """The power flow with this share of sun and of the loads. Returns the highest and the lowest voltage, pu."""
        self.exported = np.minimum(self.orders, sun * self.pv["max_p"])
        self.drawn_p, self.drawn_q = load * self.loads["p"], load * self.loads["q"]  # at nominal voltage
        step, results = self.folder / "step.h5", self.folder / "results.h5"
        shutil.copyfile(self.base, step)
        with h5py.File(step, "r+") as file:
            file["ders/pv/p"][:] = self.exported[:, None] * self.share_of_phase
            file["loads/p"][:], file["loads/q"][:] = self.drawn_p, self.drawn_q
            file["switches/closed"][:] = self.closed
            if len(self.sections):
                file["shunts/capacitors/sections"][:] = self.sections
            if len(self.steps):
                file["branches/tap_changers/step"][:] = self.steps
        dec("powerflow", step, "--controls", "off", "--load-limits", "wide", *self.options, "-o", results, "--quiet")
        with h5py.File(results) as file:
            nodes = {name: file[f"nodes/{name}"][:] for name in ("bus", "phase", "v_ac", "angle_deg")}
        row_of_bus = {name: row for row, name in enumerate(self.bus_names)}
        self.volts = np.full((len(self.bus_names), 5), np.nan + 0j)
        for bus, phase, v, angle in zip(nodes["bus"], nodes["phase"], nodes["v_ac"], nodes["angle_deg"]):
            row = row_of_bus[bus]
            self.volts[row, PHASES.index(phase.decode())] = v * self.base_v[row] * np.exp(1j * np.radians(angle))
        return np.nanmax(nodes["v_ac"]), np.nanmin(nodes["v_ac"])

    def load_power(self, row, phase):
        """VA that a load draws in one of its places at the present voltages."""
        bus, k = self.loads["bus"][row], SLOTS[phase]
        delta = self.loads["connection"][row] == DELTA
        across = self.volts[bus, k] - self.volts[bus, (k + 1) % 3] if delta else self.volts[bus, phase]
        nominal = self.loads["nominal_voltage"][row]
        if np.isnan(nominal):
            nominal = self.base_v[bus] * (np.sqrt(3.0) if delta else 1.0)
        v, model = abs(across) / nominal, self.loads["model"][row]
        drawn = []
        for letter, power in (("p", self.drawn_p[row, k]), ("q", self.drawn_q[row, k])):
            if model < 0:
                drawn.append(power)
            elif self.models["exponential"][model]:
                drawn.append(power * v ** self.models[f"{letter}_exponent"][model])
            else:
                drawn.append(power * (self.models[f"{letter}_impedance"][model] * v**2 + self.models[f"{letter}_current"][model] * v
                                      + self.models[f"{letter}_power"][model]))
        return complex(*drawn)

    def measure(self, row):
        """One entry of an output message, or None for what is not simulated here."""
        m = self.measurements
        kind, element, mask = m["at_kind"][row], m["at_element"][row], m["phases"][row]
        phases = places(mask)
        if m["type"][row] == VOLTAGE:
            volts = self.volts[m["at_bus"][row], phases[0]]
            return None if np.isnan(volts) else polar(volts)
        if m["type"][row] == POWER and kind == LOAD:
            return polar(self.load_power(element, phases[0]))
        if m["type"][row] == POWER and kind == PV:
            slot = SLOTS[phases[0]]
            return polar(-complex(self.exported[element] * self.share_of_phase[element, slot], self.pv["q"][element, slot]))
        if m["type"][row] != POSITION:
            return None
        if kind == SWITCH:
            return {"value": int(self.closed[element] & mask == mask)}
        if kind == BANK:
            changer = self.tap_changers.get((element, phases[0]))
            return None if changer is None else {"value": int(self.steps[changer])}
        return {"value": int(self.sections[element][SLOTS[phases[0]]])} if kind == CAPACITOR else None

    def output(self, time):
        """What the platform would publish now, as a dictionary."""
        measurements = {}
        for row, mrid in enumerate(self.measurements["mrid"]):
            if (entry := self.measure(row)) is not None:
                measurements[mrid.decode()] = {"measurement_mrid": mrid.decode(), **entry}
        return {"simulation_id": self.simulation_id, "message": {"timestamp": time, "measurements": measurements}}


def polar(value):
    return {"magnitude": float(abs(value)), "angle": float(np.degrees(np.angle(value)))}


class Coordination:
    """`dec coordinate` as a process: a line in, a line out."""

    def __init__(self, feeder, *options, ranks=0):
        launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks else []
        self.process = subprocess.Popen([*launcher, str(EXECUTABLE), "coordinate", str(feeder), *map(str, options)], env=ENVIRONMENT,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def tell(self, message):
        self.process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"dec coordinate has ended: {self.process.stderr.read().strip()}")
        return json.loads(line)

    def ask(self, message):
        self.tell(message)
        return self.hear()

    def stop(self):
        """Returns exit code and what was said on standard error."""
        self.tell({"command": "stop"})
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


class PlatformCoordination:
    """The same as a platform has it: the feeder uploaded to a triple store, scripts/gridappsd_app.py started with its mRID, and messages over
    a message broker. Store and broker are those of the tests."""

    def __init__(self, simulation, options=(), ranks=0):
        sys.path.insert(0, str(PROJECT / "tests" / "command"))
        import sparql_store
        import stomp_broker

        if missing := stomp_broker.what_is_missing():
            raise Failure(missing)
        feeder = simulation.folder / "feeder.xml"
        dec("convert", simulation.base, feeder, "--quiet")
        with contextlib.ExitStack() as stack:
            store = stack.enter_context(sparql_store.SparqlStore())
            address = os.environ | {"DB_URL": store.url}
            uploaded = subprocess.run([PROJECT / "scripts" / "ingest_feeder", feeder], env=address, capture_output=True, text=True)
            if uploaded.returncode != 0:
                raise Failure(uploaded.stderr.strip())
            (mrid,) = (line.split()[0] for line in dec("inspect", store.address()).splitlines()[1:])
            broker = stack.enter_context(stomp_broker.Broker(simulation.folder / "broker"))
            self.platform = stack.enter_context(stomp_broker.PlatformSide(broker))
            self.application = stack.enter_context(stomp_broker.Running(
                broker, mrid, simulation.simulation_id, "--ranks", ranks, "--", *options, environment={"DB_URL": store.url}))
            self.platform.hear_log("coordinates simulation")
            self.parts = stack.pop_all()

    def ask(self, message):
        self.platform.publish(message.encode())
        return self.platform.hear_difference()

    def stop(self):
        """Returns exit code and what was said on standard error."""
        with self.parts:
            self.platform.command({"command": "stop"})
            return self.application.end()
