"""What is wrong is said once, in one line each, with the documented exit code, and no file is written or touched."""
import gzip
import json
import os
import re
import resource
import stat
import subprocess

import pytest

from command_line import DEMONSTRATION, ENVIRONMENT, TABLES, command, dec, public_feeder, succeed

HEADER = """<?xml version="1.0" encoding="utf-8"?>
<rdf:RDF xmlns:cim="http://iec.ch/TC57/CIM100#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
"""
HOUSE = "s1a_1"  # the first of the demonstration feeder


@pytest.fixture(scope="module")
def demonstration():
    return DEMONSTRATION.read_text()


def replaced(text, pattern, replacement):
    """The text with exactly one place changed."""
    changed, count = re.subn(pattern, replacement, text, count=1)
    assert count == 1, pattern
    return changed


def in_object(text, kind, name, old, new):
    """Changes `old` inside the one object of this kind and name."""
    pattern = rf"(<cim:{kind} (?:(?!</cim:{kind}>)[\s\S])*?<cim:IdentifiedObject.name>{re.escape(name)}<(?:(?!</cim:{kind}>)[\s\S])*?){old}"
    return replaced(text, pattern, rf"\g<1>{new}")


def dangling(text):
    return in_object(text, "Terminal", f"drop_{HOUSE}_T2", r"(Terminal.ConnectivityNode rdf:resource=\"urn:uuid:)[^\"]*",
                     r"\g<2>00000000-0000-0000-0000-000000000000")


def island(text):
    """The service drop of one house ends at a bus of its own instead of at the transformer."""
    nowhere = "11111111-1111-5111-8111-111111111111"
    container = re.search(r'ConnectivityNodeContainer rdf:resource="([^"]*)"', text)[1]
    text = in_object(text, "Terminal", f"drop_{HOUSE}_T1", r"(Terminal.ConnectivityNode rdf:resource=\"urn:uuid:)[^\"]*",
                     rf"\g<2>{nowhere}")
    return text.replace("</rdf:RDF>", f"""<cim:ConnectivityNode rdf:about="urn:uuid:{nowhere}">
  <cim:IdentifiedObject.mRID>{nowhere}</cim:IdentifiedObject.mRID>
  <cim:IdentifiedObject.name>nowhere</cim:IdentifiedObject.name>
  <cim:ConnectivityNode.ConnectivityNodeContainer rdf:resource="{container}"/>
</cim:ConnectivityNode>
</rdf:RDF>""")


def pv_on_missing_phase(text):
    return in_object(text, "PowerElectronicsConnectionPhase", f"pv_{HOUSE}_s1", r"SinglePhaseKind\.s1", "SinglePhaseKind.A")


# name: (how it is made, words that every line of it must hold between them)
FILES = {
    "empty.xml": (lambda text: "", ["is empty"]),
    "truncated.xml": (lambda text: text[: len(text) // 2], ["ends too early", "copy or export it again"]),
    "page.xml": (lambda text: "<!DOCTYPE html><html><body><p>404 Not Found</body></html>", ["HTML page", "download the file itself"]),
    "noise.xml": (lambda text: "\x01\x02 not XML at all\n", ["is not XML"]),
    "feederless.xml": (lambda text: HEADER + "</rdf:RDF>", ["no cim:Feeder"]),
    "removed.xml": (lambda text: re.sub(r"<cim:Feeder .*?</cim:Feeder>", "", text, flags=re.DOTALL), ["no cim:Feeder"]),
    "dangling.xml": (dangling, [f"drop_{HOUSE}", "00000000-0000-0000-0000-000000000000"]),
    "island.xml": (island, [f"bus {HOUSE}", "island"]),
    "phase.xml": (pv_on_missing_phase, [f"pv_{HOUSE}", f"bus {HOUSE}"]),
}


def check_refused(outcome, code, folder, left=()):
    """One line for each finding and one that counts several; nothing on standard output; no file but those of before."""
    assert outcome.code == code, outcome
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert outcome.errors and all(line.startswith(("error: ", "warning: ")) for line in lines), outcome.err
    assert len(set(outcome.errors)) == len(outcome.errors), "said more than once"
    if len(outcome.errors) > 1:
        assert outcome.errors[-1] == f"{len(outcome.errors) - 1} problems; nothing was written"
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("ranks", [0, 3])
def test_a_wrong_file_is_refused(name, ranks, demonstration, tmp_path):
    make, words = FILES[name]
    (tmp_path / name).write_text(make(demonstration))
    older = tmp_path / "results.h5"
    older.write_bytes(b"an older answer")

    outcome = dec("solve", name, ranks=ranks, folder=tmp_path)

    check_refused(outcome, 2, tmp_path, [name, "results.h5"])
    assert older.read_bytes() == b"an older answer"
    for word in words:
        assert any(word in line for line in outcome.errors), (word, outcome.errors)
    assert len(outcome.errors) == 1 or words != ["no cim:Feeder"]
    assert all(line.startswith(name + ": ") for line in outcome.errors[:1])


def test_what_never_writes_does_not_say_that_nothing_was_written(demonstration, tmp_path):
    (tmp_path / "island.xml").write_text(dangling(demonstration))
    for arguments in (("inspect", "island.xml"), ("diff", "island.xml", DEMONSTRATION),
                      ("solve", "island.xml", "--dry-run")):
        outcome = dec(*arguments, folder=tmp_path)
        assert outcome.code == 2
        assert outcome.errors[-1] == f"{len(outcome.errors) - 1} problems"


def test_wrong_compressed_files_are_refused(tmp_path):
    (tmp_path / "plain.xml.gz").write_bytes(DEMONSTRATION.read_bytes()[:1000])
    (tmp_path / "cut.xml.gz").write_bytes(gzip.compress(DEMONSTRATION.read_bytes()[:500000])[:-2000])
    for name, word in (("plain.xml.gz", "not gzip data"), ("cut.xml.gz", "end too early")):
        outcome = dec("solve", name, folder=tmp_path)
        check_refused(outcome, 2, tmp_path, ["plain.xml.gz", "cut.xml.gz"])
        assert word in outcome.errors[0]


MISUSE = {
    # arguments: words of the first line
    ("solve", "missing.xml"): ["missing.xml", "there is no such file"],
    ("solve", TABLES): ["is a folder, not a feeder", "dec populate"],
    ("solve", "feeder.dss"): ["there is no such file"],
    ("inspect", "missing.h5"): ["missing.h5", "No such file"],
    ("diff", DEMONSTRATION, "missing.xml"): ["missing.xml", "No such file"],
    ("convert", "missing.xml", "out.xml"): ["there is no such file"],
    ("convert", DEMONSTRATION, "out.dss"): ["out.dss", "can be read, not written", ".xml.gz"],
    ("populate", "missing", "out.xml"): ["there is no such file"],
    ("solve", DEMONSTRATION, "--vmin", "1.06"): ["--vmin 1.06 --vmax 1.05", "no voltage is between the limits"],
    ("solve", DEMONSTRATION, "--vmax", "-1"): ["--vmax -1", "no voltage is between the limits"],
    ("solve", DEMONSTRATION, "--vmax", "nan"): ["--vmax: nan is not a number"],
    ("solve", DEMONSTRATION, "--vmax", "high"): ["--vmax: high is not a number"],
    ("solve", DEMONSTRATION, "--vmax"): ["--vmax: needs a value"],
    ("solve", DEMONSTRATION, "--vmax", "1.04", "--vmax", "1.03"): ["--vmax: is given more than once"],
    ("solve", DEMONSTRATION, "--load-scale", "-1"): ["--load-scale: -1 is not a number of at least 0"],
    ("solve", DEMONSTRATION, "--load-scale=nan"): ["--load-scale: nan is not a number of at least 0"],
    ("solve", DEMONSTRATION, "--pv-scale", "inf"): ["--pv-scale: inf is not a number of at least 0"],
    ("solve", DEMONSTRATION, "--source-voltage", "0"): ["--source-voltage: 0 is not a number above 0"],
    ("solve", DEMONSTRATION, "--source-voltage", "nan"): ["--source-voltage: nan is not a number above 0"],
    ("solve", DEMONSTRATION, "--max-iterations", "1.5"): ["--max-iterations: 1.5 is not a whole number of at least 1"],
    ("solve", DEMONSTRATION, "--policy", "fair"): ["--policy fair", "proportional, equal-kw"],
    ("solve", DEMONSTRATION, "--method", "magic"): ["--method magic", "bisection"],
    ("solve", DEMONSTRATION, "--method", "bisection", "--scope", "agent"): [
        "--method bisection: cannot do policy proportional with scope agent", "bisection does proportional (scope feeder)",
        "exchange does proportional (scope agent), quadratic"],
    ("solve", DEMONSTRATION, "--ac", "always"): ["--ac: always is not none or check or correct"],
    ("solve", DEMONSTRATION, "--scope", "house"): ["--scope: house is not agent or area or feeder"],
    ("solve", DEMONSTRATION, "--method", "bisection", "--policy", "quadratic"): [
        "--method bisection: cannot do policy quadratic", "exchange does"],
    ("solve", DEMONSTRATION, "--method", "exchange", "--scope", "area"): ["--method exchange: cannot do", "(scope agent)"],
    ("solve", DEMONSTRATION, "--method", "exchange", "--policy", "equal-kw"): ["--method exchange: cannot do policy equal-kw"],
    ("solve", DEMONSTRATION, "--tolerance", "1"): [
        "--tolerance 1: an answer as far off as that is none", "between 1e-12 and 0.01"],
    ("solve", DEMONSTRATION, "--tolerance", "1e-20"): [
        "--tolerance 1e-20: rounding does not allow for it", "between 1e-12 and 0.01"],
    ("solve", DEMONSTRATION, "--method", "bisection", "--tolerance", "1e-4"): [
        "--tolerance: method bisection is exact", "leave --tolerance out"],
    ("solve", DEMONSTRATION, "--policy", "equal-kw", "--scope", "feeder"): ["--scope feeder", "leave --scope out"],
    ("solve", DEMONSTRATION, "--frob", "3"): ["--frob: there is no such option", "dec solve --help"],
    ("solve", "--frob", "3"): ["--frob: there is no such option"],
    ("solve", DEMONSTRATION, "twice.xml"): ["twice.xml: is one argument too many"],
    ("solve", DEMONSTRATION, "--quiet", "--verbose"): ["--quiet excludes --verbose"],
    ("solve",): ["FEEDER is required", "dec solve --help"],
    (): ["no command given", "solve, powerflow, tradeoff, inspect, convert, generate, populate, diff, export-qp", "dec --help"],
    ("frob",): ["frob: there is no such command"],
    ("solve", DEMONSTRATION, "--config", "missing.toml"): ["missing.toml", "cannot be read"],
    ("populate", TABLES, "out.xml", "--seed", "-1"): ["--seed: -1 is not a whole number of at least 0"],
    ("populate", TABLES, "out.xml", "--pv-penetration", "2"): ["--pv-penetration: 2 is not a number from 0 to 1"],
    ("populate", TABLES, "out.xml", "--target-vmax", "nan"): ["--target-vmax: nan is not a number above 0"],
    ("populate", TABLES, "out.xml", "--target-vmax", "0.9"): ["--target-vmax", "without the added PV", "ask for more"],
    ("populate", DEMONSTRATION, "out.xml", "--target-vmax", "1.1", "--pv-penetration", "0.1"): ["no added PV to scale"],
    ("solve", DEMONSTRATION, "--setpoints", "results.h5"): ["--output and --setpoints name the same file"],
    ("solve", DEMONSTRATION, "-o", DEMONSTRATION): ["FEEDER and --output name the same file"],
    ("convert", DEMONSTRATION, DEMONSTRATION): ["IN and OUT name the same file"],
}


@pytest.mark.parametrize("arguments", MISUSE, ids=lambda arguments: " ".join(map(str, arguments)).replace(str(DEMONSTRATION), "F"))
def test_misuse_is_refused_before_anything_is_done(arguments, tmp_path):
    outcome = dec(*arguments, folder=tmp_path)
    check_refused(outcome, 2, tmp_path)
    assert len(outcome.errors) == 1 and outcome.warnings == []
    for word in MISUSE[arguments]:
        assert word in outcome.errors[0]


@pytest.mark.parametrize("arguments", [(), ("solve", "missing.xml"), ("solve", DEMONSTRATION, "--vmin", "1.06"),
                                       ("solve", DEMONSTRATION, "--frob"), ("solve", DEMONSTRATION, "--policy", "fair"),
                                       ("solve", DEMONSTRATION, "--config", "missing.toml")],
                         ids=["nothing", "missing", "limits", "option", "policy", "config"])
def test_misuse_on_three_ranks_is_said_once(arguments, tmp_path):
    outcome = dec(*arguments, folder=tmp_path, ranks=3)
    check_refused(outcome, 2, tmp_path)
    assert len(outcome.errors) == 1


@pytest.mark.parametrize("ranks", [0, 3])
def test_unknown_switches_are_all_named_with_those_there_are(ranks, tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--open", "sw99,nix", "--close", "sw7", ranks=ranks, folder=tmp_path)
    check_refused(outcome, 2, tmp_path)
    assert "switch sw99: there is no such switch" in outcome.errors[0] and "sw1" in outcome.errors[0]
    assert "switch nix: there is no such switch" in outcome.errors[1]
    contradiction = dec("solve", DEMONSTRATION, "--open", "sw7", "--close", "sw7", folder=tmp_path)
    check_refused(contradiction, 2, tmp_path)
    assert "sw7" in contradiction.errors[0] and "open and closed" in contradiction.errors[0]


@pytest.mark.parametrize("ranks", [0, 3])
def test_closing_both_ties_names_the_loops_and_what_to_open(ranks, tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--close", "sw7,sw8", ranks=ranks, folder=tmp_path)
    check_refused(outcome, 2, tmp_path)
    assert "closes the loop" in outcome.errors[0]
    assert any("open one of" in line and "sw7" in line and "sw8" in line for line in outcome.errors)


def test_closing_both_ties_of_the_public_feeder_is_refused(tmp_path):
    outcome = dec("solve", public_feeder("IEEE123.xml"), "--close", "sw7,sw8", folder=tmp_path)
    check_refused(outcome, 2, tmp_path)
    assert any("closes the loop" in line and "open one of" in line for line in outcome.errors)


def test_loads_that_no_source_could_serve_are_no_answer(tmp_path):
    for ranks in (0, 3):
        outcome = dec("solve", DEMONSTRATION, "--load-scale", "40", ranks=ranks, folder=tmp_path)
        check_refused(outcome, 3, tmp_path)
        assert "the voltage collapses" in outcome.errors[0] and "--load-scale" in outcome.errors[0]


def test_limits_that_contradict_each_other_are_named(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--vmin", "1.03", "--vmax", "1.035", "--vmin-relax", "off", folder=tmp_path)
    assert outcome.code == 3 and "node" in outcome.errors[0] and "--vmin" in outcome.errors[0]
    assert list(tmp_path.iterdir()) == []


# --- outputs ---------------------------------------------------------------------------------------------------------

UNWRITABLE = {
    "missing/results.h5": "create the folder first",
    "file/results.h5": "Not a directory",
    "folder": "this is a folder",
    "": "names no file",
    "/dev/full": "this is a device",
}


@pytest.mark.parametrize("option, path, ranks",
                         [(option, path, 0) for option in ("-o", "--setpoints") for path in UNWRITABLE] +
                         [("-o", "missing/results.h5", 3), ("--setpoints", "folder", 3)])
def test_an_unwritable_output_is_found_before_reading(option, path, ranks, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")

    # The feeder is not there either: whoever complains about it first has read before looking.
    outcome = dec("solve", "missing.xml", option, path, folder=tmp_path, ranks=ranks)

    check_refused(outcome, 5, tmp_path, ["folder", "file"])
    assert UNWRITABLE[path] in outcome.errors[0] and len(outcome.errors) == 1


@pytest.mark.parametrize("arguments", [("convert", "missing.xml", "nowhere/out.xml"), ("populate", "missing.xml", "nowhere/out.xml")])
def test_an_unwritable_feeder_is_found_before_reading(arguments, tmp_path):
    outcome = dec(*arguments, folder=tmp_path)
    check_refused(outcome, 5, tmp_path)
    assert "nowhere/out.xml" in outcome.errors[0] and "create the folder first" in outcome.errors[0]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB; the results of the demonstration feeder need about 550 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"SKIPPED: no file system can be mounted here: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_disk_that_fills_up_leaves_the_older_results_and_no_temporary(small_disk, ranks):
    (small_disk / "results.h5").write_bytes(b"an older answer")
    outcome = dec("solve", DEMONSTRATION, "-o", small_disk / "results.h5", ranks=ranks)
    check_refused(outcome, 5, small_disk, ["results.h5"])
    assert "disk" in outcome.errors[0]
    assert (small_disk / "results.h5").read_bytes() == b"an older answer"


@pytest.mark.parametrize("ranks", [0, 3])
def test_setpoints_do_not_appear_without_their_results(small_disk, tmp_path, ranks):
    (tmp_path / "setpoints.csv").write_text("older setpoints")
    outcome = dec("solve", DEMONSTRATION, "-o", small_disk / "results.h5", "--setpoints", tmp_path / "setpoints.csv", ranks=ranks)
    check_refused(outcome, 5, small_disk)
    assert (tmp_path / "setpoints.csv").read_text() == "older setpoints"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "setpoints.csv"]


def test_a_full_standard_output_is_no_success(tmp_path):
    for arguments in (["--help"], ["solve", DEMONSTRATION, "--json"], ["inspect", DEMONSTRATION]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=ENVIRONMENT)
        assert done.returncode == 5 and "error: standard output: cannot be written" in done.stderr


def test_an_output_keeps_the_usual_permissions_and_replaces_what_was_there(tmp_path):
    output = tmp_path / "results.h5"
    output.write_text("an older answer")
    succeed("solve", DEMONSTRATION, "-o", output)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(output.stat().st_mode) == 0o666 & ~umask
    assert output.read_bytes()[1:4] == b"HDF" and [path.name for path in tmp_path.iterdir()] == ["results.h5"]


def test_running_out_of_memory_is_a_failure_of_the_machine(tmp_path):
    feeder = tmp_path / "big.xml"
    feeder.write_text(HEADER + "<!--" + "x" * 200_000_000 + "--></rdf:RDF>")
    outcome = dec("solve", feeder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400_000_000, 400_000_000)))
    feeder.unlink()
    assert outcome.code == 5 and outcome.errors == ["rank 0: out of memory; use a machine with more of it"]


def test_names_that_hold_control_characters_are_shown_without_them(tmp_path):
    text = DEMONSTRATION.read_text(encoding="utf-8")
    name = "<cim:IdentifiedObject.name>ieee123_secondary<"
    assert text.count(name) == 1
    (tmp_path / "escape.xml").write_text(text.replace(name, name[:-1] + "&#10;&#27;[31m<"), encoding="utf-8")

    for arguments in (("inspect", "escape.xml"), ("solve", "escape.xml", "-o", "results.h5"), ("inspect", "results.h5")):
        outcome = succeed(*arguments, folder=tmp_path)
        assert "\x1b" not in outcome.out + outcome.err and "ieee123_secondary??[31m" in outcome.out
    assert json.loads(succeed("solve", "escape.xml", "--json", folder=tmp_path).out)["feeder"].endswith("\n\x1b[31m")


@pytest.mark.parametrize("content, said", [(b"vmax = 1.05\n[[[", "[[[: is not TOML"), (b"\x00\x01\xff\n", "is no text in UTF-8")])
def test_a_damaged_options_file_is_named_for_what_it_is(content, said, tmp_path):
    (tmp_path / "options.toml").write_bytes(content)
    outcome = dec("solve", DEMONSTRATION, "--config", "options.toml", folder=tmp_path)
    assert outcome.code == 2 and any("options.toml" in line and said in line for line in outcome.errors)
    assert outcome.err.isprintable() or set(filter(lambda c: not c.isprintable(), outcome.err)) == {"\n"}


def test_a_file_without_a_name_and_results_that_are_none(tmp_path):
    (tmp_path / "garbage.h5").write_bytes(bytes(range(256)))
    for arguments, said in ((("solve", ""), '"": '), (("inspect", ""), '"": '), (("inspect", "garbage.h5"), "is not HDF5")):
        outcome = dec(*arguments, folder=tmp_path)
        assert outcome.code == 2 and said in outcome.errors[0]
