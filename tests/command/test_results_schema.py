"""A results file holds exactly what docs/results.md says: datasets, types, units, shapes, attributes."""
import os
import re
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

import synthetic_results

SOURCE = Path(os.environ.get("DEC_SOURCE", Path(__file__).resolve().parents[2]))
EXECUTABLE = os.environ.get("DEC_EXECUTABLE", str(SOURCE / "build" / "release" / "dec"))
FEEDER = SOURCE / "inputs" / "ieee123_secondary.xml"


def documented():
    """Datasets {path: (type, axes, unit)} and attributes {group: {name: type}} of the documentation."""
    datasets, attributes, group = {}, {}, "/"
    for line in (SOURCE / "docs" / "results.md").read_text().splitlines():
        if heading := re.match(r"## (/\w+)", line):
            group = heading[1]
        if not (cell := re.match(r"\| `([^`]+)` \|", line)):
            continue
        columns = [column.strip() for column in line.strip("|").split("|")]
        if cell[1].startswith("/"):
            datasets[cell[1]] = (columns[1], columns[2].split(" × "), columns[3])
        else:
            attributes.setdefault(group, {})[cell[1]] = columns[1]
    assert len(datasets) > 40 and len(attributes["/"]) > 30
    return datasets, attributes


def type_of(dtype):
    if h5py.check_string_dtype(dtype) is not None:
        return "text"
    return {"f": "float64", "i": "int64"}[dtype.kind] if dtype.itemsize == 8 else str(dtype)


def datasets_of(file):
    found = {}
    file.visititems(lambda name, item: found.update({f"/{name}": item}) if isinstance(item, h5py.Dataset) else None)
    return found


def check_datasets(file, table):
    found = datasets_of(file)
    with_agents = {path for path, (_, axes, _) in table.items() if {"agent", "boundary", "boundary_phase"} & set(axes)}
    with_ratings = {"/branches/price"} - set(found)
    assert set(found) in (set(table) - with_ratings, set(table) - with_agents - with_ratings)
    sizes = {}
    for path, dataset in found.items():
        kind, axes, unit = table[path]
        assert type_of(dataset.dtype) == kind, path
        assert dataset.attrs["unit"] == unit, path
        assert len(dataset.shape) == len(axes), path
        for axis, size in zip(axes, dataset.shape):
            assert sizes.setdefault(axis, size) == size, (path, axis)
        if kind == "text":
            assert h5py.check_string_dtype(dataset.dtype).encoding == "utf-8", path
            dataset.asstr()[:]  # every text can be decoded
    return sizes


def check_attributes(file, table):
    for group, expected in table.items():
        found = file[group].attrs
        assert set(found) == set(expected), group
        for name, kind in expected.items():
            value = found[name]
            if kind == "text":
                assert isinstance(value, str), (group, name)
            elif isinstance(value, np.float64) and np.isnan(value):
                pass  # a number that does not apply
            else:
                assert type_of(value.dtype) == kind, (group, name)


def check(path):
    datasets, attributes = documented()
    with h5py.File(path) as file:
        sizes = check_datasets(file, datasets)
        check_attributes(file, attributes)
        root = file.attrs
        assert root["format"] == "dec-results" and root["format_version"] == 1
        assert (sizes["node"], sizes["der"]) == (root["nodes"], root["ders"])
        assert sizes["rank"] == file["timing"].attrs["ranks"]
    return sizes


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    path = tmp_path_factory.mktemp("solved") / "results.h5"
    run = subprocess.run(["mpirun", "-n", "3", EXECUTABLE, "solve", FEEDER, "-o", path, "--quiet"], capture_output=True,
                         text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return path


def test_a_solved_feeder_is_written_as_documented(solved):
    sizes = check(solved)

    assert sizes["rank"] == 3 and sizes["node"] > 500 and sizes["der"] > 100


def test_what_is_computed_is_there_and_what_is_not_is_not_a_number(solved):
    with h5py.File(solved) as file:
        energised = np.isfinite(file["nodes/v"][:])
        assert energised.all()
        for name in ("v_uncurtailed", "distance_km", "base_kv"):
            assert np.isfinite(file["nodes"][name][:]).all(), name
        for name in ("v_ac", "angle_deg"):
            assert np.isfinite(file["nodes"][name][:]).all(), name
        assert file.attrs["v_max_ac"] == file["nodes/v_ac"][:].max()
        carries = np.isfinite(file["branches/p_kw"][:])
        assert carries.any() and np.isfinite(file["branches/loss_kw"][:][carries]).all()
        assert (file["nodes/price_high"][:] > 0).any() and (file["nodes/price_low"][:] >= 0).all()
        alpha, available, p = (file["ders"][name][:] for name in ("alpha", "available_kw", "p_kw"))
        assert ((alpha >= 0) & (alpha <= 1)).all()
        assert np.allclose(p, (1 - alpha) * available, rtol=0, atol=1e-9)
        assert file.attrs["curtailed_kw"] == pytest.approx((alpha * available).sum(), abs=1e-6)
        assert file.attrs["v_max"] == pytest.approx(file["nodes/v"][:].max(), abs=1e-12)


@pytest.mark.parametrize("agents", [True, False])
def test_the_made_up_files_of_the_other_tests_are_as_documented(tmp_path, agents):
    check(synthetic_results.write(tmp_path / "results.h5", agents=agents))


@pytest.mark.parametrize("fault", ["unit", "type", "shape", "missing", "extra", "attribute"])
def test_the_check_finds_what_is_wrong(tmp_path, fault):
    path = synthetic_results.write(tmp_path / "results.h5")
    with h5py.File(path, "r+") as file:
        v = file["nodes/v"]
        if fault == "unit":
            v.attrs["unit"] = "kV"
        elif fault == "attribute":
            del file.attrs["jain"]
        elif fault == "extra":
            file["nodes/more"] = v[:]
        else:
            values, unit = v[:], v.attrs["unit"]
            del file["nodes/v"]
            if fault != "missing":
                file["nodes/v"] = values.astype("f4") if fault == "type" else values[:-1]
                file["nodes/v"].attrs["unit"] = unit

    with pytest.raises((AssertionError, KeyError)):
        check(path)
