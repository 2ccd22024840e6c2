"""Help and version; inspect, convert, diff, populate; and the sample commands of every source file."""
import gzip
import json
import re
import shlex
import shutil

import pytest

from command_line import DEMONSTRATION, SOURCE, TABLES, dec, succeed

COMMANDS = ["solve", "inspect", "convert", "generate", "populate", "diff"]


def test_version_and_help_go_to_standard_output():
    version = re.search(r"project\(dec VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text())[1]
    for ranks in (0, 3):
        assert succeed("--version", ranks=ranks).out == f"dec {version}\n"
        text = succeed("--help", ranks=ranks).out
        assert text.count("Usage: dec") == 1
        assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    outcome = succeed(name, "--help")
    assert outcome.err == "" and f"Usage: dec {name}" in outcome.out
    for text in ("Exit codes:", "--config FILE", "mpirun -n P", "--quiet"):
        assert text in outcome.out


@pytest.mark.parametrize("ranks", [0, 3])
def test_inspect_counts_what_is_in_a_feeder(ranks):
    outcome = succeed("inspect", DEMONSTRATION, ranks=ranks)
    values = dict(re.findall(r"^(\S.*?)  +(.*)$", outcome.out, re.MULTILINE))
    assert values["feeder"].startswith("ieee123_secondary (")
    assert values["buses"] == "986, 1986 nodes"
    assert values["switches"] == "8, 2 open"
    assert values["PV systems"] == "469, 4660.800 kW"
    assert values["agents"] == "89: 1 feeder, 5 areas between switches, 83 secondaries"
    assert values["tree"] == "radial, all buses energised"


def test_the_report_says_of_every_class_what_became_of_it():
    table = succeed("inspect", DEMONSTRATION, "--report").out
    uses = re.findall(r"^(\w+)(?:\.[\w.]+)? +(read|assumed|ignored) +(\d+)", table, re.MULTILINE)
    classes = set(re.findall(r"^<cim:(\w+) rdf:about", DEMONSTRATION.read_text(), re.MULTILINE))
    assert classes == {name for name, _, _ in uses}
    assert ("PhotovoltaicUnit", "read", "469") in uses


def test_inspect_shows_the_figures_and_tables_of_a_results_file(tmp_path):
    succeed("solve", DEMONSTRATION, "-o", tmp_path / "r.h5")
    text = succeed("inspect", tmp_path / "r.h5").out
    for word in ("policy", "proportional", "curtailed_kw", "/nodes/v_uncurtailed", "float64", "1986", "kW"):
        assert word in text
    (tmp_path / "cut.h5").write_bytes((tmp_path / "r.h5").read_bytes()[:100000])
    outcome = dec("inspect", tmp_path / "cut.h5")
    assert outcome.code == 2 and "cut.h5: is damaged or incomplete" in outcome.errors[0]


@pytest.mark.parametrize("ranks", [0, 3])
def test_converting_back_and_forth_loses_nothing(ranks, tmp_path):
    succeed("convert", DEMONSTRATION, "a.xml.gz", ranks=ranks, folder=tmp_path)
    assert (tmp_path / "a.xml.gz").read_bytes()[:2] == b"\x1f\x8b"
    succeed("convert", "a.xml.gz", "b.xml", folder=tmp_path)
    assert succeed("diff", DEMONSTRATION, "b.xml", folder=tmp_path).out == ""
    assert gzip.decompress((tmp_path / "a.xml.gz").read_bytes()) == (tmp_path / "b.xml").read_bytes()


@pytest.mark.parametrize("ranks", [0, 3])
def test_diff_names_what_differs_between_feeders_and_ends_with_1(ranks, tmp_path):
    text = DEMONSTRATION.read_text()
    (tmp_path / "other.xml").write_text(text.replace("<cim:EnergyConsumerPhase.p>", "<cim:EnergyConsumerPhase.p>1", 1))
    outcome = dec("diff", DEMONSTRATION, "other.xml", ranks=ranks, folder=tmp_path)
    assert outcome.code == 1 and outcome.errors == []
    assert outcome.out.startswith("load ") and outcome.out.count("\n") <= 3


def test_diff_names_what_differs_between_results_and_ends_with_1(tmp_path):
    for name, vmax in (("a", 1.05), ("b", 1.05 + 1e-6)):
        succeed("solve", DEMONSTRATION, "-o", tmp_path / f"{name}.h5", "--vmax", vmax)
    outcome = dec("diff", tmp_path / "a.h5", tmp_path / "b.h5")
    assert outcome.code == 1 and "/nodes/v: " in outcome.out and "/ attribute v_max: " in outcome.out
    loose = dec("diff", tmp_path / "a.h5", tmp_path / "b.h5", "--tolerance", "0.1")
    assert "/nodes/v: " not in loose.out
    assert succeed("diff", tmp_path / "a.h5", tmp_path / "a.h5").out == ""


def test_diff_of_unrelated_feeders_is_no_flood_unless_asked_for(tmp_path):
    succeed("populate", TABLES, "other.xml", "--pv-penetration", 0, folder=tmp_path)
    short = dec("diff", DEMONSTRATION, "other.xml", folder=tmp_path)
    everything = dec("diff", DEMONSTRATION, "other.xml", "--verbose", folder=tmp_path)
    lines = everything.out.splitlines()
    assert short.code == everything.code == 1 and len(lines) > 400
    assert short.out.splitlines() == lines[:100] + [f"and {len(lines) - 100} more differences; --verbose lists all"]


def test_a_report_about_a_results_file_is_not_left_out_silently(tmp_path):
    succeed("solve", DEMONSTRATION, "-o", tmp_path / "r.h5")
    outcome = succeed("inspect", tmp_path / "r.h5", "--report")
    assert "/nodes/v " in outcome.out and outcome.warnings == ["--report is about feeders; this is a results file"]


def test_diff_wants_two_of_a_kind(tmp_path):
    succeed("solve", DEMONSTRATION, "-o", tmp_path / "r.h5")
    for pair in ((tmp_path / "r.h5", DEMONSTRATION), (DEMONSTRATION, tmp_path / "r.h5")):
        outcome = dec("diff", *pair)
        assert outcome.code == 2 and "compare two of a kind" in outcome.errors[0]


def test_populate_is_seeded_and_reaches_the_voltage_asked_for(tmp_path):
    made = {}
    for name, options in {"a": ("--seed", 7), "b": ("--seed", 7), "c": ("--seed", 8)}.items():
        outcome = succeed("populate", TABLES, f"{name}.xml", "--target-vmax", 1.1, "--pv-penetration", 0.3, *options,
                          folder=tmp_path, ranks=3 if name == "b" else 0)
        assert outcome.out == "" and "rooftop PV systems added" in outcome.err
        made[name] = (tmp_path / f"{name}.xml").read_bytes()
    assert made["a"] == made["b"] != made["c"]
    summary = json.loads(succeed("solve", "a.xml", "--json", folder=tmp_path).out)
    assert summary["v_max_uncurtailed"] == pytest.approx(1.1, abs=1e-9)
    assert 0.2 * 779 < summary["ders"] < 0.4 * 779


def sample_commands():
    """The command lines in the heading comments of the source files, by file."""
    for path in sorted((SOURCE / "src" / "app").glob("*.cpp")):
        heading = re.match(r"(///.*\n)+", path.read_text())
        lines = re.findall(r"^///   (.*\bdec .*)$", heading[0], re.MULTILINE) if heading else []
        if lines:
            yield path.stem, lines


@pytest.mark.parametrize("name, lines", list(sample_commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_the_sample_commands_work_as_they_stand(name, lines, tmp_path):
    (tmp_path / "inputs").symlink_to(SOURCE / "inputs")
    # What samples start from and another command has made.
    shutil.copy(DEMONSTRATION, tmp_path / "feeder.xml")
    succeed("convert", "feeder.xml", "feeder.xml.gz", folder=tmp_path)
    for made in ("results", "one_rank", "four_ranks"):
        if any(f"{made}.h5" in line for line in lines):
            succeed("solve", "feeder.xml", "-o", f"{made}.h5", folder=tmp_path)
    (tmp_path / "feeders.txt").write_text("feeder.xml\n")
    for line in lines:
        words = shlex.split(line.removesuffix(" < /dev/null"))  # nothing is what commands are given here, too
        ranks = int(words[words.index("-n") + 1]) if words[0] == "mpirun" else 0
        succeed(*words[words.index("dec") + 1:], ranks=ranks, folder=tmp_path)


def test_every_command_has_sample_commands():
    assert {name for name, _ in sample_commands()} >= set(COMMANDS)
