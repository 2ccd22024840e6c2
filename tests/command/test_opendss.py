"""Scripts of OpenDSS go through every command; what is wrong in one is said with its line, and nothing is written."""
import json

import h5py
import numpy
import pytest

from command_line import SHARED, SOURCE, dec, succeed

VILLAGE = SOURCE / "inputs" / "village.dss"


def public_script(name):
    path = SHARED / "feeders" / "dss" / name
    if not path.exists():
        pytest.skip(f"SKIPPED: {path} is absent; set DEC_SHARED to the folder of public feeders")
    return path


def test_inspect_says_what_was_read(tmp_path):
    outcome = succeed("inspect", VILLAGE, "--report")
    assert "loads                 3, 453.800 kW" in outcome.out
    assert "split phase (4 buses)" in outcome.out
    assert "command" not in outcome.err


def test_a_converted_feeder_has_the_same_voltages(tmp_path):
    succeed("powerflow", VILLAGE, "-o", tmp_path / "script.h5")
    succeed("convert", VILLAGE, tmp_path / "village.h5")
    succeed("powerflow", tmp_path / "village.h5", "-o", tmp_path / "native.h5")
    with h5py.File(tmp_path / "script.h5") as a, h5py.File(tmp_path / "native.h5") as b:
        assert numpy.array_equal(a["nodes/v_ac"], b["nodes/v_ac"])

    # CIM has neither the switch's impedance nor the loads' own nominal voltage.
    succeed("convert", VILLAGE, tmp_path / "village.xml")
    succeed("powerflow", tmp_path / "village.xml", "-o", tmp_path / "cim.h5")
    with h5py.File(tmp_path / "script.h5") as a, h5py.File(tmp_path / "cim.h5") as b:
        assert list(a["nodes/bus"]) == list(b["nodes/bus"])
        difference = numpy.abs(a["nodes/v_ac"][:] - b["nodes/v_ac"][:])
        assert numpy.nanmax(difference) < 1e-4


def test_solve_and_populate(tmp_path):
    answers = [json.loads(succeed("solve", VILLAGE, "--pv-scale", 2, "--vmax", 1.05, "-o", tmp_path / f"{ranks}.h5", "--json",
                                  ranks=ranks).out) for ranks in (1, 3)]
    assert answers[0]["curtailed_kw"] == pytest.approx(answers[1]["curtailed_kw"], abs=1e-6)
    assert answers[0]["v_max_ac"] <= 1.05 + 1e-5
    succeed("populate", VILLAGE, tmp_path / "more.h5", "--pv-penetration", 0.5)
    assert json.loads(succeed("solve", tmp_path / "more.h5", "-o", tmp_path / "r.h5", "--json").out)["ders"] >= 2


def test_scripts_are_not_written(tmp_path):
    outcome = dec("convert", VILLAGE, tmp_path / "out.dss")
    assert outcome.code == 2
    assert outcome.errors == [f"{tmp_path}/out.dss: .dss can be read, not written; formats that can be written are "
                              ".xml, .xml.gz, .h5"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text, said", [
    ("New Circuit.a\nRedirect nowhere.dss\n", "broken.dss:2: redirect nowhere.dss: there is no such file"),
    ("New Circuit.a\nRedirect broken.dss\n", "broken.dss:2: redirect broken.dss: leads back to a file"),
    ("New Circuit.a\nNew Load.b bus1=sourcebus kw=(1 2 /\n", "broken.dss:2: load.b: a bracket or quote is opened"),
    ("New Circuit.a\nNew Load.b bus1=sourcebus kw=many\n", 'broken.dss:2: load.b: kw = "many" is no number'),
    ("New Circuit.a\nNew Load.b bus1=elsewhere\n",
     "broken.dss:2: load.b: no phase leads from the source to bus elsewhere"),
    ("New Load.b\n", "defines no circuit"),
    ("", "defines no circuit"),
])
@pytest.mark.parametrize("ranks", [0, 2])
def test_what_is_wrong_is_said_once(tmp_path, text, said, ranks):
    broken = tmp_path / "broken.dss"
    broken.write_text(text)
    outcome = dec("powerflow", broken, "-o", tmp_path / "out.h5", ranks=ranks)
    assert outcome.code == 2, outcome
    assert sum(said in error for error in outcome.errors) == 1, outcome.errors
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("script", ["ieee13/IEEE13_CDPSM.dss", "ieee37/ieee37.dss", "ieee123/IEEE123Switches.dss",
                                    "ieee123_pv/IEEE123Master_fixedVR.dss", "ieee9500/ieee9500unbal.dss",
                                    "epri_ckt5/Master_ckt5.dss", "epri_ckt7/Master_ckt7.dss"])
def test_public_scripts_become_cim_and_come_back(tmp_path, script):
    path = public_script(script)
    succeed("convert", path, tmp_path / "feeder.xml.gz", "--quiet")
    succeed("powerflow", tmp_path / "feeder.xml.gz", "--load-limits", "wide", "-o", tmp_path / "cim.h5")
    succeed("powerflow", path, "--load-limits", "wide", "-o", tmp_path / "script.h5")
    with h5py.File(tmp_path / "script.h5") as a, h5py.File(tmp_path / "cim.h5") as b:
        volts = [dict(zip(zip(f["nodes/bus"], f["nodes/phase"]), f["nodes/v_ac"])) for f in (a, b)]
    assert volts[0].keys() == volts[1].keys()
    # what CIM does not hold: impedances of switches, nominal voltages of loads
    assert max(abs(volts[0][node] - volts[1][node]) for node in volts[0]) < 2e-3
