#!/usr/bin/env python3
"""The AC power flow beside OpenDSS in one run: the same feeder in the same state, one core, factorisations left out on both sides.

    pip install dss_python==0.15.7
    cmake --build build/release --target benchmark_power_flow
    benchmarks/power_flow_against_opendss.py FEEDER.xml MASTER.dss

FEEDER is the CIM100 file of the OpenDSS model MASTER with the taps and capacitors that OpenDSS' controls settle at. Both keep
the models of all devices from 0.5 to 1.5 pu, start at no load and stop at the tolerance (OpenDSS: largest relative change of a voltage's
magnitude). Prints a table; the times are the best of the repeats.
"""
import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
EXECUTABLE = Path(__file__).resolve().parents[1] / "build" / "release" / "benchmarks" / "benchmark_power_flow"


def with_other_cases(folder):
    """OpenDSS files name each other in any case."""
    for file in list(folder.iterdir()):
        for name in {file.stem + file.suffix.lower(), file.stem + file.suffix.upper(), file.name.lower()} - {file.name}:
            if not (folder / name).exists():
                (folder / name).symlink_to(file)


def opendss(master, repeats, tolerance):
    from dss import DSS

    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / master.parent.name
        shutil.copytree(master.parent, copy)
        with_other_cases(copy)
        text = DSS.Text

        def command(line):
            text.Command = line

        command(f'compile "{copy / master.name}"')
        command("set maxiterations=1000 maxcontroliter=300 tolerance=1e-10 mode=snapshot")
        command("solve")
        command("set controlmode=off")
        for kind in ("load", "generator", "pvsystem", "storage"):
            if getattr(DSS.ActiveCircuit, {"load": "Loads", "generator": "Generators", "pvsystem": "PVSystems",
                                           "storage": "Storages"}[kind]).Count:
                command(f"batchedit {kind}..* vminpu=0.5 vmaxpu=1.5")
        command(f"set tolerance={tolerance}")
        solution = DSS.ActiveCircuit.Solution
        best = float("inf")
        for repeat in range(repeats + 1):
            command("set mode=snapshot")  # the next solution starts at no load
            began = time.process_time()
            solution.Solve()
            if repeat > 0:  # the first one factors
                best = min(best, time.process_time() - began)
        volts = [v for v in DSS.ActiveCircuit.AllBusVmagPu if v < 2]
        return {"iterations": solution.Iterations, "nodes": DSS.ActiveCircuit.NumNodes, "v_max": max(volts), "solve_s": best}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("feeder", type=Path)
    parser.add_argument("master", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--tolerance", type=float, default=1e-8)
    options = parser.parse_args()
    theirs = opendss(options.master.resolve(), options.repeats, options.tolerance)
    run = subprocess.run([EXECUTABLE, options.feeder, str(options.repeats), str(options.tolerance)], capture_output=True,
                         text=True, check=True)
    ours = json.loads(run.stdout.splitlines()[-1])
    print(f"{'':28}{'OpenDSS':>12}{'dec':>12}")
    for label, key in (("nodes", "nodes"), ("iterations", "iterations")):
        print(f"{label:28}{theirs[key]:>12}{ours[key]:>12}")
    print(f"{'highest voltage, pu':28}{theirs['v_max']:>12.5f}{ours['v_max']:>12.5f}")
    print(f"{'without factorisations, ms':28}{1e3 * theirs['solve_s']:>12.2f}{1e3 * ours['solve_without_factorisations_s']:>12.2f}")
    print(f"{'with them, ms':28}{'':>12}{1e3 * ours['solve_cpu_s']:>12.2f}")
    print(f"times faster: {theirs['solve_s'] / ours['solve_without_factorisations_s']:.1f}; "
          f"with its factorisations: {theirs['solve_s'] / ours['solve_cpu_s']:.1f}")


if __name__ == "__main__":
    main()
