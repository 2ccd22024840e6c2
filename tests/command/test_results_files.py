"""dec inspect and dec diff on results files that another program wrote: h5py, with its own idea of texts and shapes."""
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

import synthetic_results

SOURCE = Path(os.environ.get("DEC_SOURCE", Path(__file__).resolve().parents[2]))
EXECUTABLE = os.environ.get("DEC_EXECUTABLE", str(SOURCE / "build" / "release" / "dec"))


def dec(*arguments):
    return subprocess.run([EXECUTABLE, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@pytest.fixture
def pair(tmp_path):
    first = synthetic_results.write(tmp_path / "first.h5")
    shutil.copy(first, tmp_path / "second.h5")
    return first, tmp_path / "second.h5"


def test_a_copy_has_no_differences(pair):
    run = dec("diff", *pair)

    assert run.returncode == 0, run.stderr
    assert "/nodes" not in run.stdout


def test_texts_of_variable_length_equal_the_same_texts_of_fixed_length(pair):
    with h5py.File(pair[1], "r+") as file:
        texts = file["ders/name"].asstr()[:]
        del file["ders/name"]
        file["ders/name"] = texts.astype(h5py.string_dtype())
        file["ders/name"].attrs["unit"] = ""

    assert dec("diff", *pair).returncode == 0


def test_one_changed_value_is_found_and_named(pair):
    with h5py.File(pair[1], "r+") as file:
        file["nodes/v"][3] += 1e-6

    run = dec("diff", *pair)

    assert run.returncode != 0
    assert "/nodes/v: 1 of" in run.stdout and "row 3" in run.stdout


def test_datasets_of_three_axes_are_compared_and_described(pair):
    for path, last in zip(pair, (11.0, 11.5)):
        with h5py.File(path, "r+") as file:
            values = np.arange(12.0).reshape(2, 3, 2)
            values[1, 2, 1] = last
            del file["convergence/boundary_v"]
            file["convergence/boundary_v"] = values
            file["convergence/boundary_v"].attrs["unit"] = "pu"

    run = dec("diff", *pair)

    assert "/convergence/boundary_v: 1 of 12 values differ, first in row 1, column 5: 11 against 11.5" in run.stdout
    assert "/convergence/boundary_v" in dec("inspect", pair[0]).stdout


def test_inspect_shows_the_summary_and_every_dataset(pair):
    run = dec("inspect", pair[0])

    assert run.returncode == 0, run.stderr
    assert "made-up" in run.stdout
    with h5py.File(pair[0]) as file:
        names = []
        file.visititems(lambda name, item: names.append(f"/{name}") if isinstance(item, h5py.Dataset) else None)
    assert all(name in run.stdout for name in names)


def test_a_damaged_results_file_is_refused_in_one_line(pair):
    with open(pair[1], "r+b") as file:
        file.truncate(10_000)

    run = dec("diff", *pair)

    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "second.h5: is damaged or incomplete" in run.stderr
