"""scripts/plot_results: every picture is there, shows what it should, and copes with what a file may lack."""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import matplotlib.image
import numpy as np
import pytest

import synthetic_results

SOURCE = Path(os.environ.get("DEC_SOURCE", Path(__file__).resolve().parents[2]))
SCRIPT = SOURCE / "scripts" / "plot_results"
PICTURES = ("voltage_profile", "curtailment", "map_voltage", "map_curtailment", "iterations", "agents")
BEFORE, AFTER = (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)


def plot(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=600)


def pictures_of(path, *arguments):
    """Runs the script and returns the folder of the pictures; nothing may go wrong or be complained about."""
    run = plot(path, *arguments)
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr
    return path.parent / "plots", run


def share_of_colour(picture, colour):
    pixels = np.round(matplotlib.image.imread(picture)[..., :3] * 255).astype(int)
    return np.mean(np.all(np.abs(pixels - colour) <= 3, axis=2))


def script_as_module():
    loader = importlib.machinery.SourceFileLoader("plot_results", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("plot_results", loader))
    loader.exec_module(module)
    return module


def texts_in(svg):
    """Texts are drawn as outlines; matplotlib leaves them beside each as a comment."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    return [node.text.strip() for node in ElementTree.parse(svg, parser).iter() if node.tag is ElementTree.Comment]


@pytest.fixture(scope="module", params=[30, 3000], ids=["hundred nodes", "ten thousand nodes"])
def drawn(request, tmp_path_factory):
    """Pictures of a small and of a large feeder, drawn once: folder, run, file."""
    path = tmp_path_factory.mktemp("drawn") / "results.h5"
    return *pictures_of(synthetic_results.write(path, houses=request.param)), path


def test_every_picture_is_drawn_and_its_path_printed(drawn):
    folder, run, _ = drawn

    expected = [folder / f"{name}.{suffix}" for name in PICTURES for suffix in ("png", "svg")]
    assert [Path(line) for line in run.stdout.splitlines()] == expected
    for path in expected:
        if path.suffix == ".svg":
            assert len(texts_in(path)) > 5
            assert path.stat().st_size < 4e6, "clouds must not be drawn point by point"
        else:
            image = matplotlib.image.imread(path)
            assert image.shape[0] > 600 and image.shape[1] > 900
            assert len(np.unique(np.round(image[..., :3] * 16).reshape(-1, 3), axis=0)) > 10


def test_the_pictures_say_what_their_axes_are(drawn):
    folder, _, path = drawn
    with h5py.File(path) as file:
        ders = len(file["ders/name"])

    profile = texts_in(folder / "voltage_profile.svg")
    for text in ("Phase A", "Phase B", "Phase C", "Secondaries (s1, s2)", "distance from the substation (km)",
                 "voltage (pu)", "nothing curtailed", "with the setpoints", "limits 0.95 and 1.05 pu"):
        assert text in profile
    shares = texts_in(folder / "curtailment.svg")
    for text in (f"Each DER ({ders})", "Each area between switches (4)", "allowed", "curtailed", "power (kW)"):
        assert any(text in found for found in shares), text
    assert any("highest voltage of the bus (pu)" in text for text in texts_in(folder / "map_voltage.svg"))
    assert any("curtailed share of available power" in text for text in texts_in(folder / "map_curtailment.svg"))
    assert "primal residual" in texts_in(folder / "iterations.svg")


def test_the_profile_shows_before_and_after_and_the_bars_both_parts(drawn):
    folder, _, _ = drawn

    # The dot of a legend alone, without the nodes or bars it stands for, is less than a tenth of this.
    for name, least in (("voltage_profile.png", 4e-4), ("curtailment.png", 2e-2)):
        for colour in (BEFORE, AFTER):
            assert share_of_colour(folder / name, colour) > least, (name, colour)


def test_what_is_not_curtailed_is_not_drawn_as_such(tmp_path, drawn):
    folder, _ = pictures_of(synthetic_results.write(tmp_path / "results.h5", curtailed=False))

    assert share_of_colour(folder / "curtailment.png", BEFORE) < 1e-3
    assert share_of_colour(drawn[0] / "curtailment.png", BEFORE) > 5e-2


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_few_iterations_are_points_at_whole_numbers(tmp_path, iterations):
    folder, _ = pictures_of(synthetic_results.write(tmp_path / "results.h5", iterations=iterations))

    texts = texts_in(folder / "iterations.svg")
    assert [text for text in texts if text in ("0", "0.5", "1", "1.5", "2", "3")] == [str(i) for i in range(iterations + 1)]
    assert share_of_colour(folder / "iterations.png", AFTER) > 1e-5


def test_buses_without_coordinates_are_left_out_with_a_note(tmp_path):
    results = synthetic_results.write(tmp_path / "results.h5", coordinates=lambda bus: bus[0] != "h3")

    folder, run = pictures_of(results)

    assert "leave out 1 of" in run.stderr
    assert any("1 of 65 buses have no coordinates and are left out" in text for text in texts_in(folder / "map_voltage.svg"))


def test_without_any_coordinates_there_are_no_maps_and_a_note(tmp_path):
    folder, run = pictures_of(synthetic_results.write(tmp_path / "results.h5", coordinates=lambda bus: False))

    assert "no maps" in run.stderr
    assert sorted(path.stem for path in folder.glob("*.png")) == ["agents", "curtailment", "iterations", "voltage_profile"]


def test_a_file_without_agents_shows_the_agents_its_ders_name(tmp_path):
    folder, _ = pictures_of(synthetic_results.write(tmp_path / "results.h5", agents=False))

    assert any(text.startswith("Each agent") for text in texts_in(folder / "curtailment.svg"))


def test_a_feeder_without_ders_or_iterations_still_has_its_voltages(tmp_path):
    path = synthetic_results.write(tmp_path / "results.h5")
    with h5py.File(path, "r+") as file:
        for group in ("ders", "convergence"):
            for name, dataset in list(file[group].items()):
                empty = np.zeros((0, *dataset.shape[1:]), dataset.dtype)
                del file[group][name]
                file[group].create_dataset(name, data=empty, dtype=empty.dtype)

    folder, run = pictures_of(path)

    assert "the feeder has no DERs" in run.stderr
    assert (folder / "voltage_profile.png").exists()
    assert not (folder / "curtailment.png").exists()


def test_nodes_that_are_not_energised_leave_no_trace(tmp_path):
    path = synthetic_results.write(tmp_path / "results.h5")
    with h5py.File(path, "r+") as file:
        for name in ("v", "v_uncurtailed", "distance_km"):
            values = file["nodes"][name][:]
            values[-6:] = np.nan
            file["nodes"][name][:] = values

    pictures_of(path)


def test_an_open_switch_is_dotted_on_the_map_and_joins_nothing_in_the_profile(tmp_path):
    module = script_as_module()
    results = module.Results(synthetic_results.write(tmp_path / "results.h5"))

    plan = module.Map(results)
    segments = module.profile_segments(results, ["A"], results.nodes["v"])

    tie = tuple(results.branches[end][list(results.branches["name"]).index("open_tie")] for end in ("from", "to"))
    assert plan.open == [tie]
    assert tie not in plan.ends
    assert len(segments) == sum(np.isfinite(results.branches["p_kw"]) & (results.branches["phase"] == "A"))


def test_areas_count_what_is_inside_them(tmp_path):
    module = script_as_module()
    results = module.Results(synthetic_results.write(tmp_path / "results.h5"))

    (_, areas, available, allowed), (_, secondaries, _, _) = module.totals_by_area(results)

    assert sorted(areas) == ["area 1", "area 2", "area 3", "area 4"]
    assert available.sum() == pytest.approx(results.attributes["available_kw"])
    assert (available - allowed).sum() == pytest.approx(results.attributes["curtailed_kw"])
    assert len(secondaries) == len(results.ders["name"]) - 1  # all but the farm


def test_long_names_of_areas_that_begin_alike_can_be_told_apart():
    script, feeder = script_as_module(), "9285ee51-6c4f-5a56-acd5-85f1eea6a479"

    def labels(*kinds_and_names):
        return script.labels_of([name for _, name in kinds_and_names], 23,
                                {name: kind for kind, name in kinds_and_names})

    assert labels(*(("area", f"{feeder}.{i}") for i in (3, 0, 12))) == ["area 3", "area 0", "area 12"]
    assert labels(("secondary", f"{feeder}.0.22"), ("feeder", "ieee123")) == ["secondary 0.22", "ieee123"]
    assert labels(*(("area", f"the distribution feeder of the north.{i}") for i in (1, 2))) == ["area 1", "area 2"]
    assert script.labels_of([f"{feeder}.{i}" for i in (3, 12)], 23) == ["…3", "…12"]
    assert script.labels_of(["north.1", "north.2"], 23) == ["north.1", "north.2"]
    assert [len(label) for label in script.labels_of([feeder], 23)] == [23]


def test_the_same_file_gives_the_same_pictures(tmp_path):
    path = synthetic_results.write(tmp_path / "results.h5")
    for name in ("first", "second"):
        assert plot(path, "--output", tmp_path / name).returncode == 0

    for picture in (tmp_path / "first").iterdir():
        assert picture.read_bytes() == (tmp_path / "second" / picture.name).read_bytes(), picture.name


def test_help_says_what_it_does():
    run = plot("--help")

    assert run.returncode == 0
    assert "results file" in run.stdout and "--output" in run.stdout


@pytest.mark.parametrize("content", [None, b"", b"<html></html>"], ids=["absent", "empty", "a web page"])
def test_what_is_no_results_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "results.h5"
    if content is not None:
        path.write_bytes(content)

    run = plot(path)

    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1 and run.stderr.startswith(f"error: {path}: ")
    assert not (tmp_path / "plots").exists()


def test_another_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "feeder.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "dec-feeder"

    run = plot(path)

    assert run.returncode == 2
    assert "is not a results file" in run.stderr


def test_a_folder_that_cannot_be_made_is_a_system_failure(tmp_path):
    results = synthetic_results.write(tmp_path / "results.h5")
    (tmp_path / "file").write_text("in the way")

    run = plot(results, "--output", tmp_path / "file" / "plots")

    assert run.returncode == 5
    assert run.stderr.startswith("error: ") and len(run.stderr.splitlines()) == 1
