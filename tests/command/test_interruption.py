"""SIGINT and SIGTERM end a run with its own exit code, and leave nothing that looks whole and is not."""
import json
import os
import re
import signal
import subprocess
import time

import h5py
import pytest

from command_line import DEMONSTRATION, ENVIRONMENT, command, succeed


def interrupted(arguments, number, seconds, folder):
    process = subprocess.Popen(command(*arguments), cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    time.sleep(seconds)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture
def slow_to_read(tmp_path):
    """A pipe that delivers the feeder when it is told to: whoever reads it can be interrupted in the middle."""
    path = tmp_path / "feeder.xml"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("arguments", [("solve", "feeder.xml", "--json"), ("solve", "feeder.xml", "--dry-run"),
                                       ("convert", "feeder.xml", "out.xml"), ("populate", "feeder.xml", "out.xml")])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_stopped_while_reading_writes_nothing(arguments, number, code, slow_to_read, tmp_path):
    process = subprocess.Popen(command(*arguments), cwd=tmp_path, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with open(slow_to_read, "wb") as feeder:  # waits until the command has opened it
        feeder.write(DEMONSTRATION.read_bytes()[:1000])
        process.send_signal(number)
        feeder.write(DEMONSTRATION.read_bytes()[1000:])
    out, err = process.communicate(timeout=60)

    assert process.returncode == code, err
    assert out == "" and err.count("error: ") == 1 and "stopped by a signal" in err
    assert [path.name for path in tmp_path.iterdir()] == ["feeder.xml"]


def test_a_second_signal_ends_the_process_at_once(slow_to_read, tmp_path):
    process = subprocess.Popen(command("solve", "feeder.xml"), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with open(slow_to_read, "wb", buffering=0) as feeder:
        feeder.write(b"<?xml")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == -signal.SIGTERM


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whenever_a_signal_comes_the_results_are_whole_or_absent(number, code, tmp_path):
    output = tmp_path / "results.h5"
    seen = set()
    for step in range(8):
        output.unlink(missing_ok=True)
        returned, _, err = interrupted(("solve", DEMONSTRATION, "-o", output), number, 0.02 + 0.08 * step, tmp_path)
        seen.add(returned)
        assert {path.name for path in tmp_path.iterdir()} <= {"results.h5"}, err
        if output.exists():
            with h5py.File(output) as file:
                assert file.attrs["status"] == ("optimal" if returned == 0 else "interrupted")
        else:
            # Before the command listens, the signal has its usual effect.
            assert returned in (code, -number), err
    assert seen - {0}


@pytest.mark.parametrize("number, ranks", [(signal.SIGUSR1, 2), (signal.SIGUSR1, 3)])
def test_mpirun_forwards_the_signal_for_a_clean_stop(number, ranks, slow_to_read, tmp_path):
    process = subprocess.Popen(command("solve", "feeder.xml", "--json", ranks=ranks), cwd=tmp_path, env=ENVIRONMENT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(slow_to_read, "wb", buffering=0) as feeder:  # waits until the first rank has opened it
        feeder.write(DEMONSTRATION.read_bytes()[:1000])
        process.send_signal(number)
        time.sleep(0.5)  # mpirun passes it on in its own time
        feeder.write(DEMONSTRATION.read_bytes()[1000:])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 143, err
    assert out == "" and err.count("error: ") == 1 and "stopped by a signal" in err
    assert [path.name for path in tmp_path.iterdir()] == ["feeder.xml"]


@pytest.mark.parametrize("ranks, number", [(0, signal.SIGTERM), (2, signal.SIGUSR1)])
def test_an_interrupted_run_is_where_the_next_one_begins(ranks, number, tmp_path):
    feeder, output = tmp_path / "feeder.h5", tmp_path / "stopped.h5"
    succeed("generate", feeder, "--buses", 20000, "--target-vmax", "1.07", "--pv-penetration", "0.5")
    options = ("--policy", "quadratic", "--ac", "none")
    cold = json.loads(succeed("solve", feeder, "-o", tmp_path / "cold.h5", "--json", *options).out)
    process = subprocess.Popen(command("solve", feeder, "-o", output, "--progress", "on", *options, ranks=ranks), env=ENVIRONMENT,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in process.stderr:
        if re.search(r"round +[4-9]\b", line):
            process.send_signal(number)
            break
    process.communicate(timeout=100)
    assert process.returncode == 143
    with h5py.File(output) as file:
        assert file.attrs["status"] == "interrupted"
        alpha = file["ders/alpha"][:]
        assert ((alpha >= 0.0) & (alpha <= 1.0)).all() and alpha.any()

    warm = json.loads(succeed("solve", feeder, "-o", tmp_path / "warm.h5", "--warm-start", output, "--json", *options).out)

    assert warm["status"] == cold["status"] == "optimal"
    assert warm["curtailed_kw"] == pytest.approx(cold["curtailed_kw"], rel=1e-7)
