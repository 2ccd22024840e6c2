"""Runs `dec` as its users do, alone or under mpirun, and keeps what it said."""
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(os.environ.get("DEC_SOURCE", Path(__file__).resolve().parents[2]))
SHARED = Path(os.environ.get("DEC_SHARED", SOURCE.parent / "shared"))
EXECUTABLE = os.environ.get("DEC_EXECUTABLE", str(SOURCE / "build" / "release" / "dec"))
DEMONSTRATION = SOURCE / "inputs" / "ieee123_secondary.xml"
TABLES = SOURCE / "inputs" / "ieee123"

# Root and more ranks than cores, which OpenMPI refuses unless told.
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}
MPIRUN_NOTICE = re.compile(r"^-{20,}\n.*?^-{20,}\n", re.MULTILINE | re.DOTALL)

JSON_KEYS = """feeder buses nodes branches loads ders storages machines agents areas ranks method policy scope status
    iterations levels objective objective_optimal optimality_gap alpha_min alpha_mean alpha_max available_kw
    curtailed_kw curtailed_kw_linear jain gini
    price_of_fairness v_max_uncurtailed v_max v_min v_max_ac v_min_ac v_max_ac_linear nodes_below_vmin violation ac_rounds binding
    primal_residual dual_residual duality_gap edge_cut imbalance peak_memory_mb communication seconds""".split()
SECONDS_KEYS = "read partition build solve check write total".split()


@dataclass
class Outcome:
    code: int
    out: str
    err: str  # without mpirun's own notices

    @property
    def errors(self):
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]

    @property
    def warnings(self):
        return [line.removeprefix("warning: ") for line in self.err.splitlines() if line.startswith("warning: ")]


def command(*arguments, ranks=0):
    """The words of a command line; ranks=0 means without mpirun."""
    launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks else []
    return launcher + [EXECUTABLE, *map(str, arguments)]


def dec(*arguments, ranks=0, folder=None, **options):
    done = subprocess.run(command(*arguments, ranks=ranks), cwd=folder, env=ENVIRONMENT, text=True, timeout=300,
                          capture_output=True, stdin=subprocess.DEVNULL, **options)
    return Outcome(done.returncode, done.stdout, MPIRUN_NOTICE.sub("", done.stderr))


def succeed(*arguments, **options):
    outcome = dec(*arguments, **options)
    assert outcome.code == 0, outcome
    return outcome


def public_feeder(name):
    """A file of ../shared/feeders/cim, or a skipped test that says so."""
    import pytest

    path = SHARED / "feeders" / "cim" / name
    if not path.exists():
        pytest.skip(f"SKIPPED: {path} is absent; set DEC_SHARED to the folder of public feeders")
    return path


def sunny_ieee8500(folder):
    """The public feeder with PV at every secondary and the light load of a sunny noon, as in benchmarks/scenarios/ieee8500_10.toml, where
    its own regulators are set for a heavy load. To be asked at a source voltage of 0.98 pu."""
    import h5py

    feeder = folder / "populated.h5"
    succeed("populate", public_feeder("ieee8500.xml.gz"), feeder, "--pv-penetration", 1.0, "--quiet")
    with h5py.File(feeder, "r+") as file:
        for path, factor in (("loads/p", 0.4), ("loads/q", 0.4), ("ders/pv/p", 0.3), ("ders/pv/max_p", 0.3), ("branches/tap_changers/step", 0.0)):
            file[path][:] *= factor
    return feeder
