"""CIM difference messages: their structure, every system once, the same on every number of ranks."""
import csv
import json
import uuid
import xml.etree.ElementTree as ElementTree

import pytest

from command_line import DEMONSTRATION, dec, public_feeder, succeed

RANKS = [0, 3]
CIM = "{http://iec.ch/TC57/CIM100#}"
NOON = 1655321845


def class_of_mrid(path):
    """Of every object of a CIM file that has one."""
    mrids = ((element.findtext(f"{CIM}IdentifiedObject.mRID"), element) for element in ElementTree.parse(path).getroot())
    return {mrid: element.tag.removeprefix(CIM) for mrid, element in mrids if mrid is not None}


class Ordered:
    """A run with messages: path of each and what it says."""

    def __init__(self, folder, name, *options, feeder=DEMONSTRATION, ranks=0):
        self.folder, self.setpoints, self.results = folder / name, folder / f"{name}.csv", folder / f"{name}.h5"
        self.outcome = succeed("solve", feeder, "-o", self.results, "--messages", self.folder, "--setpoints",
                               self.setpoints, *options, ranks=ranks)
        self.messages = {path.name: json.loads(path.read_text()) for path in sorted(self.folder.iterdir())}

    def values(self, direction):
        return [(entry["object"], entry["value"]) for message in self.messages.values()
                for entry in message["input"]["message"][f"{direction}_differences"]]

    def rows(self):
        with open(self.setpoints, newline="") as text:
            return {row["mrid"]: row for row in csv.DictReader(text)}


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messages")
    return {ranks: Ordered(folder, f"on_{ranks}", "--timestamp", NOON, ranks=ranks) for ranks in RANKS}


def check_structure(message, timestamp):
    """A difference message of the platform, with real-power setpoints in it and nothing else."""
    assert list(message) == ["command", "input"] and message["command"] == "update"
    assert list(message["input"]) == ["message"]  # which simulation it goes to is known to whoever sends it
    inner = message["input"]["message"]
    assert list(inner) == ["timestamp", "difference_mrid", "reverse_differences", "forward_differences"]
    assert type(inner["timestamp"]) is int and inner["timestamp"] == timestamp
    assert inner["difference_mrid"] == str(uuid.UUID(inner["difference_mrid"]))
    assert uuid.UUID(inner["difference_mrid"]).version == 4
    reverse, forward = inner["reverse_differences"], inner["forward_differences"]
    assert forward and [entry["object"] for entry in forward] == [entry["object"] for entry in reverse]
    for entry in forward + reverse:
        assert list(entry) == ["object", "attribute", "value"]
        assert entry["attribute"] == "PowerElectronicsConnection.p"
        assert type(entry["object"]) is str and type(entry["value"]) is float and entry["value"] >= 0.0


@pytest.mark.parametrize("ranks", RANKS)
def test_every_message_has_the_structure_the_platform_expects(ordered, ranks):
    messages = ordered[ranks].messages
    assert len(messages) == 85
    for message in messages.values():
        check_structure(message, NOON)
    mrids = [message["input"]["message"]["difference_mrid"] for message in messages.values()]
    assert len(set(mrids)) == len(mrids)


@pytest.mark.parametrize("ranks", RANKS)
def test_every_system_is_ordered_once_to_its_setpoint(ordered, ranks):
    rows = ordered[ranks].rows()
    assert len(rows) == 469
    for direction, column in (("forward", "allowed_kw"), ("reverse", "available_kw")):
        values = ordered[ranks].values(direction)
        assert sorted(name for name, _ in values) == sorted(rows)
        for name, value in values:
            assert value == pytest.approx(1000.0 * float(rows[name][column]), rel=0, abs=0.51e-3)  # a milliwatt


def test_messages_are_the_same_bytes_on_every_number_of_ranks(ordered):
    alone, spread = (ordered[ranks].folder for ranks in RANKS)
    assert {path.name: path.read_bytes() for path in alone.iterdir()} == {
        path.name: path.read_bytes() for path in spread.iterdir()}


def test_each_agent_speaks_for_the_systems_the_results_say_are_its(ordered):
    import h5py

    with h5py.File(ordered[3].results) as file:
        agent, mrid = (file[f"ders/{name}"].asstr()[:] for name in ("agent", "mrid"))
        kind = dict(zip(file["agents/name"].asstr()[:], file["agents/kind"].asstr()[:]))
    spoken_for = {name.removesuffix(".json"): [entry["object"] for entry in message["input"]["message"]["forward_differences"]]
                  for name, message in ordered[3].messages.items()}
    assert spoken_for == {name: list(mrid[agent == name]) for name in set(agent)}
    assert {kind[name] for name in spoken_for} == {"area", "secondary"}


def test_objects_are_units_or_connections_as_asked(ordered, tmp_path):
    classes = class_of_mrid(DEMONSTRATION)
    connected = Ordered(tmp_path, "connected", "--message-id", "connection", "--timestamp", NOON)
    assert {classes[name] for name, _ in ordered[0].values("forward")} == {"PhotovoltaicUnit"}
    assert {classes[name] for name, _ in connected.values("forward")} == {"PowerElectronicsConnection"}
    assert [value for _, value in connected.values("forward")] == [value for _, value in ordered[0].values("forward")]


def test_without_a_timestamp_messages_carry_the_time_of_the_feeders_file(tmp_path):
    feeder = tmp_path / "feeder.xml"
    feeder.write_bytes(DEMONSTRATION.read_bytes())
    run = Ordered(tmp_path, "dated", feeder=feeder)
    for message in run.messages.values():
        check_structure(message, int(feeder.stat().st_mtime))


def test_what_is_in_the_folder_stays_and_old_messages_are_replaced(ordered, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    name = next(iter(ordered[0].messages))
    (tmp_path / "out" / name).write_text("old")
    outcome = succeed("solve", DEMONSTRATION, "-o", tmp_path / "r.h5", "--messages", tmp_path / "out", "--timestamp", NOON)
    assert f"messages: {tmp_path / 'out'} (85 agents)" in outcome.out
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "out" / name).read_bytes() == (ordered[0].folder / name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 86


@pytest.mark.parametrize("ranks", [0, 3])
@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nowhere", ""])
def test_a_folder_that_takes_no_messages_is_found_before_reading(folder, ranks, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = dec("solve", "missing.xml", "--messages", folder, folder=tmp_path, ranks=ranks)
    assert outcome.code == 5 and len(outcome.errors) == 1
    assert "no messages can be written there" in outcome.errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unsolved_problem_leaves_no_folder(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--vmax", "0.5", "--vmin", "0.1", "--messages", "out", folder=tmp_path)
    assert outcome.code == 3 and list(tmp_path.iterdir()) == []


def test_what_is_not_finished_is_no_order(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--policy", "quadratic", "--max-iterations", 3, "--messages", "out",
                  "-o", "r.h5", folder=tmp_path)
    assert outcome.code == 4 and any("no messages are written" in line for line in outcome.warnings)
    assert [path.name for path in tmp_path.iterdir()] == ["r.h5"]


def test_what_agents_decide_by_themselves_is_ordered_by_them(tmp_path):
    run = Ordered(tmp_path, "exchanged", "--method", "exchange", "--policy", "quadratic", "--timestamp", NOON, ranks=3)
    rows = run.rows()
    assert sorted(name for name, _ in run.values("forward")) == sorted(rows) and len(rows) == 469
    for name, value in run.values("forward"):
        assert value == pytest.approx(1000.0 * float(rows[name]["allowed_kw"]), rel=0, abs=0.51e-3)


def test_what_only_messages_have_is_refused_without_them(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--message-id", "unit", "--timestamp", 1, folder=tmp_path)
    assert outcome.code == 2 and ["no messages are asked for" in line for line in outcome.errors] == [True, True, False]
    for options in (("--message-id", "name"), ("--timestamp", "1.5"), ("--timestamp", "-1")):
        assert dec("solve", DEMONSTRATION, "--messages", "out", *options, folder=tmp_path).code == 2
    assert list(tmp_path.iterdir()) == []


def test_mrids_of_the_model_are_echoed_to_the_letter(tmp_path):
    feeder = public_feeder("IEEE123_PV.xml")
    units = [mrid for mrid, kind in class_of_mrid(feeder).items() if kind == "PhotovoltaicUnit"]

    run = Ordered(tmp_path, "public", feeder=feeder)

    assert len(units) == 14 and sorted(name for name, _ in run.values("forward")) == sorted(units)
