"""What the commands of this folder share: where things are, how `dec` is run, scenarios, the machine."""
import fcntl
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SCENARIOS = PROJECT / "benchmarks" / "scenarios"


def use_project_python():
    """Starts the calling script again in the project's own environment, which need not be activated."""
    python = PROJECT / ".venv" / "bin" / "python"
    if python.exists() and Path(sys.prefix) != PROJECT / ".venv":
        os.execv(python, [str(python), *sys.argv])


try:
    import h5py
    import numpy as np
except ImportError as missing:
    use_project_python()
    sys.exit(f"error: {missing}; run scripts/setup_python")

import tomllib

EXECUTABLE = Path(os.environ.get("DEC_EXECUTABLE", PROJECT / "build" / "release" / "dec"))
SHARED = Path(os.environ.get("DEC_SHARED", PROJECT.parent / "shared"))
# Of what needs packages that do not go with those of scripts/requirements.txt; scripts/setup_python --benchmarks makes it.
MODELLING_PYTHON = PROJECT / ".venv-benchmarks" / "bin" / "python"
# One rank computes on one core, whatever libraries would like.
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Failure(Exception):
    """What ends a command with one line."""


def dec(*arguments, ranks=1):
    """Runs `dec` and returns what it printed. More ranks than cores take turns."""
    launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    environment = ENVIRONMENT | ({"OMPI_MCA_mpi_yield_when_idle": "1"} if ranks > (os.cpu_count() or 1) else {})
    done = subprocess.run([*launcher, str(EXECUTABLE), *map(str, arguments)], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"dec {' '.join(map(str, arguments))} ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def solve(feeder, *options, ranks=1, repeat=1):
    """The summary of the run whose `solve` was shortest: `quadratic` to 1e-8, linear."""
    runs = [json.loads(dec("solve", feeder, "--policy", "quadratic", "--tolerance", "1e-8", "--ac", "none", "--json", "--quiet", *options,
                           ranks=ranks)) for _ in range(repeat)]
    return min(runs, key=lambda run: run["seconds"]["solve"])


def native_benchmark(name, needs=""):
    """Path of a program of this folder, brought up to date first."""
    folder = EXECUTABLE.parent
    if not (folder / "CMakeCache.txt").exists():
        raise Failure(f"{folder} is no build folder; run scripts/build, or name the executable of one with DEC_EXECUTABLE")
    with (folder / "CMakeCache.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one builder at a time
        done = subprocess.run(["cmake", "--build", str(folder), "--target", f"benchmark_{name}"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"benchmark_{name} cannot be built{needs}: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    return folder / "benchmarks" / f"benchmark_{name}"


TRIAD = """
import sys, time
import numpy as np
a, b, c = (np.full(1 << 24, value) for value in (0.0, 1.0, 2.0))
print("ready", flush=True)
sys.stdin.readline()
best = 1e9
for _ in range(6):
    start = time.perf_counter()
    np.add(b, c, out=a)
    best = min(best, time.perf_counter() - start)
print(3 * a.nbytes / best)
"""


def memory_bandwidth(processes):
    """Bytes per second of as many processes together, each adding two arrays that fit no cache; three streams, as STREAM counts them."""
    started = [subprocess.Popen([sys.executable, "-c", TRIAD], env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(processes)]
    for process in started:
        process.stdout.readline()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in started)


def cache_bytes():
    """Of the largest cache of a core, which others may share; None where the system does not say."""
    sizes = [int(path.read_text().strip().rstrip("K")) * 1024 for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
             if path.read_text().strip().endswith("K")]
    return max(sizes, default=None)


def machine():
    """What figures depend on."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", str(PROJECT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"processor": model, "cores": os.cpu_count(), "load": os.getloadavg()[0], "commit": commit.stdout.strip(),
            "dec": dec("--version").strip()}


def write_json(path, content):
    Path(path).write_text(json.dumps(content, indent=2) + "\n")


@dataclass
class Scenario:
    """One file of benchmarks/scenarios: a problem that everybody measures alike."""

    name: str
    path: Path
    nodes: int  # that have limits
    above: int  # of them above the upper limit with nothing curtailed
    tables: dict  # of the file

    @staticmethod
    def load(name):
        path = SCENARIOS / f"{name}.toml"
        if not path.exists():
            raise Failure(f"there is no scenario {name}; there are: {', '.join(scenario_names())}")
        tables = tomllib.loads(path.read_text())
        about = tables["scenario"]
        return Scenario(name, path, about["nodes"], about["above"], tables)

    @property
    def share(self):
        return self.above / self.nodes

    def source(self):
        """The file the feeder is made from; none if it is generated."""
        about = self.tables["scenario"]
        if "input" in about:
            return PROJECT / about["input"]
        return SHARED / "feeders" / about["public"] if "public" in about else None

    def make_feeder(self, folder):
        """Path of the feeder; variants of one feeder share it, and what is there already is used."""
        folder = Path(folder)
        feeder = folder / f"{self.name.rsplit('_', 1)[0]}.h5"
        if feeder.exists():
            return feeder
        folder.mkdir(parents=True, exist_ok=True)
        source = self.source()
        if source is not None and not source.exists():
            raise Failure(f"{source} is absent; set DEC_SHARED to the folder of public feeders")
        if "generate" in self.tables:
            dec("generate", feeder, "--config", self.path, "--quiet")
        elif "populate" in self.tables:
            dec("populate", source, feeder, "--config", self.path, "--quiet")
        else:
            dec("convert", source, feeder, "--quiet")
        return feeder

    def check(self, feeder, results):
        """Solves the scenario, which leaves `results`, and returns the summary.
        Fails if another number of nodes than the file says is above the limit with nothing curtailed."""
        summary = json.loads(dec("solve", feeder, "--config", self.path, "--policy", "quadratic", "--ac", "none", "--json",
                                 "--quiet", "-o", results))
        with h5py.File(results) as file:
            limit, v = file["nodes/v_limit_high"][:], file["nodes/v_uncurtailed"][:]
        limited = np.isfinite(limit)
        nodes, above = int(limited.sum()), int((v[limited] > limit[limited]).sum())
        if (nodes, above) != (self.nodes, self.above):
            raise Failure(f"{self.name}: {above} of {nodes} nodes are above the limit with nothing curtailed; "
                          f"{self.path.relative_to(PROJECT)} says {self.above} of {self.nodes}")
        return summary


    def voltages(self, feeder, pv_scale, results):
        """Squared voltages of all nodes that have limits, with nothing curtailed, pu^2."""
        dec("solve", feeder, "--config", self.path, "--pv-scale", pv_scale, "--vmin", 0, "--vmax", 10, "--ac", "none",
            "--quiet", "-o", results)
        with h5py.File(results) as file:
            v = file["nodes/v_uncurtailed"][:]
        return v[np.isfinite(v)] ** 2

    def fit(self, feeder, results, share):
        """PV scale, of four digits, at which that share of nodes is above the limit: squared voltages are affine in it.
        Returns it, the number of nodes and how many of them are above."""
        without = self.voltages(feeder, 0.0, results)
        rise = self.voltages(feeder, 1.0, results) - without
        limit = self.tables["problem"].get("vmax", 1.05) ** 2
        least = np.full(len(rise), np.inf)  # scale from which a node is above
        np.divide(limit - without, rise, out=least, where=rise > 0.0)
        scale = float(f"{np.sort(least)[int(share * len(least))]:.4g}")
        return scale, len(rise), int((without + scale * rise > limit).sum())


def scenario_names():
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))
