"""Feeders in a triple store, read over HTTP by the protocol of the platform: the same as from their files."""
import csv
import gzip
import json
import os
import re
import subprocess
import time

import pytest

from command_line import DEMONSTRATION, SHARED, SOURCE, dec, public_feeder, succeed

pytest.importorskip("pyoxigraph", reason="SKIPPED: pyoxigraph is absent; run scripts/setup_python")
from sparql_store import Answer, SparqlStore  # noqa: E402

SMALL = ["IEEE13.xml", "IEEE13_Assets.xml", "IEEE37.xml", "IEEE123.xml", "IEEE123_PV.xml"]
LARGE = ["ieee8500.xml.gz", "ieee9500.xml.gz", "epri_ckt5.xml.gz"]
CIM = "PREFIX c: <http://iec.ch/TC57/CIM100#>\n"


def ingest(store, *files, arguments=()):
    return subprocess.run([SOURCE / "scripts" / "ingest_feeder", *arguments, *map(str, files)], capture_output=True, text=True,
                          env=os.environ | {"DB_URL": store if isinstance(store, str) else store.url})


@pytest.fixture(scope="module")
def store():
    """One store with several feeders, as a platform has it; the large ones join when their turn comes."""
    with SparqlStore() as one:
        files = [path for name in SMALL if (path := SHARED / "feeders" / "cim" / name).exists()]
        done = ingest(one, DEMONSTRATION, *files)
        assert done.returncode == 0, done.stderr
        yield one


@pytest.fixture(autouse=True)
def well_behaved(request):
    yield
    if "store" in request.fixturenames:
        store = request.getfixturevalue("store")
        store.instead = store.most_rows = None


def mrid_of(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        node = re.search(r"<cim:Feeder .*?</cim:Feeder>", file.read().decode(), re.DOTALL)[0]
    return re.search(r"IdentifiedObject.mRID>([^<]+)", node)[1]


def unused_catalogue_entries(store):
    """mRIDs of what stands in the store and nothing refers to; which feeder it came with is not known any more."""
    rows = store.triples.query(CIM + """SELECT ?mrid { ?entry c:IdentifiedObject.mRID ?mrid ; a ?class
        VALUES ?class { c:LoadResponseCharacteristic c:PerLengthPhaseImpedance c:PerLengthSequenceImpedance c:TransformerTankInfo }
        FILTER NOT EXISTS { ?user c:EnergyConsumer.LoadResponse|c:ACLineSegment.PerLengthImpedance|c:TransformerTank.TransformerTankInfo ?entry } }""")
    return {row["mrid"].value for row in rows}


@pytest.mark.parametrize("name", ["demonstration", *SMALL, *LARGE])
def test_a_feeder_is_the_same_from_the_store_as_from_its_file(store, name):
    path = DEMONSTRATION if name == "demonstration" else public_feeder(name)
    if name in LARGE:
        assert ingest(store, path).returncode == 0
    first = len(store.queries)

    outcome = dec("diff", path, store.address(mrid_of(path)), "--tolerance", "0", "--verbose")

    assert outcome.code in (0, 1), outcome
    only_in_file = [re.search(r"\(([^()]*)\): only in the first$", line) for line in outcome.out.splitlines()]
    assert all(only_in_file), outcome.out
    assert {line[1] for line in only_in_file} <= unused_catalogue_entries(store)
    assert len(store.queries) - first < 100


def test_a_server_that_gives_few_rows_at_once_is_asked_until_it_has_given_all(store):
    store.most_rows = 4000
    whole = succeed("inspect", DEMONSTRATION).out

    assert succeed("inspect", store.address(mrid_of(DEMONSTRATION))).out == whole


def test_setpoints_are_those_of_the_file_on_any_number_of_ranks(store, tmp_path):
    for place, path, ranks in (("file", DEMONSTRATION, 0), ("store", store.address(mrid_of(DEMONSTRATION)), 3)):
        succeed("solve", path, "--quiet", "-o", tmp_path / f"{place}.h5", "--setpoints", tmp_path / f"{place}.csv", ranks=ranks)

    rows = [{row["mrid"]: row for row in csv.DictReader(open(tmp_path / f"{place}.csv"))} for place in ("file", "store")]
    assert rows[0].keys() == rows[1].keys()
    for mrid, row in rows[0].items():
        assert float(row["allowed_kw"]) == pytest.approx(float(rows[1][mrid]["allowed_kw"]), abs=1e-6)


def test_messages_from_a_store_are_of_now(store, tmp_path):
    before = int(time.time())
    succeed("solve", store.address(mrid_of(DEMONSTRATION)), "--quiet", "-o", tmp_path / "r.h5", "--messages", tmp_path / "messages")
    times = {json.loads(file.read_text())["input"]["message"]["timestamp"] for file in (tmp_path / "messages").iterdir()}
    assert len(times) == 1 and before <= times.pop() <= time.time()


def test_the_older_dialect_is_read_from_the_other_end_of_its_associations(store):
    """Names with rdf:ID and an underscore, and associations kept at the other object, as older models have them."""
    text = DEMONSTRATION.read_text()
    text = re.sub(r'rdf:about="urn:uuid:([^"]+)"', r'rdf:ID="_\1"', text)
    text = re.sub(r'rdf:resource="urn:uuid:([^"]+)"', r'rdf:resource="#_\1"', text)
    text = re.sub(r"(IdentifiedObject.mRID>)", r"\1_", text).replace("</cim:_IdentifiedObject", "</cim:IdentifiedObject")
    text = text.replace("</cim:IdentifiedObject.mRID>_", "</cim:IdentifiedObject.mRID>")
    turned = []
    for here, there in (("PowerElectronicsUnit.PowerElectronicsConnection", "PowerElectronicsConnection.PowerElectronicsUnit"),
                        ("EnergyConsumerPhase.EnergyConsumer", "EnergyConsumer.EnergyConsumerPhase")):
        for node in re.findall(rf"<cim:(\w+) rdf:ID=\"([^\"]+)\">((?:(?!</cim:\1>).)*?)<cim:{here} rdf:resource=\"#([^\"]+)\"/>", text, re.DOTALL):
            turned.append((node[1], node[3], there))
        text = re.sub(rf'\s*<cim:{here} rdf:resource="[^"]+"/>', "", text)
    assert len(turned) > 100
    nodes = "".join(f'<rdf:Description rdf:about="#{owner}"><cim:{there} rdf:resource="#{part}"/></rdf:Description>' for part, owner, there in turned)
    with SparqlStore() as old:
        old.load(text.replace("</rdf:RDF>", nodes + "</rdf:RDF>").encode())
        mrid = mrid_of(DEMONSTRATION)

        for spelling in (mrid, "_" + mrid):
            outcome = dec("diff", DEMONSTRATION, old.address(spelling), "--tolerance", "0", "--verbose")
            differences = {line for line in outcome.out.splitlines() if "only in the first" not in line and "mrid is" not in line.lower()}
            assert differences == set(), outcome


# ---- what a store says of itself


def test_inspect_lists_the_feeders_of_a_store(store):
    rows = [line.split() for line in succeed("inspect", store.address()).out.splitlines()]

    assert rows[0] == ["mRID", "name", "substation"]
    assert [mrid_of(DEMONSTRATION), "ieee123_secondary"] in [row[:2] for row in rows[1:]]
    assert [row[1] for row in rows[1:]] == sorted(row[1] for row in rows[1:])


def test_a_feeder_that_is_not_there_is_refused_with_those_that_are(store):
    outcome = dec("solve", store.address("11111111-2222-3333-4444-555555555555"), ranks=2)

    assert outcome.code == 2
    assert "holds no feeder with mRID 11111111-2222-3333-4444-555555555555" in outcome.errors[0]
    assert mrid_of(DEMONSTRATION) in outcome.errors[0]


def test_a_store_with_several_feeders_wants_to_know_which(store):
    outcome = dec("solve", store.address())

    assert outcome.code == 2
    assert "say which one: ?mrid=" in outcome.errors[0]


def test_a_store_with_one_feeder_needs_no_mrid():
    with SparqlStore() as small:
        assert ingest(small, DEMONSTRATION).returncode == 0
        assert "ieee123_secondary" in succeed("solve", small.address(), "--dry-run").out


def test_an_empty_store_says_so():
    with SparqlStore() as empty:
        outcome = dec("solve", empty.address())
    assert outcome.code == 2
    assert "holds no cim:Feeder" in outcome.errors[0]


def test_a_hole_in_the_store_is_named(store):
    with SparqlStore() as damaged:
        damaged.load(DEMONSTRATION.read_bytes())
        damaged.triples.update(CIM + "DELETE { ?line c:Conductor.length ?length } WHERE { ?line c:IdentifiedObject.name \"l35\" ; c:Conductor.length ?length }")
        outcome = dec("solve", damaged.address())
    assert outcome.code == 2
    assert "l35" in outcome.errors[0] and "Conductor.length is missing" in outcome.errors[0]


@pytest.mark.parametrize("address", ["sparql+http://?mrid=x", "sparql+http://:80/sparql", "sparql+http://host/path?mrid="])
def test_what_is_no_address_is_bad_input(address):
    outcome = dec("solve", address)
    assert outcome.code == 2
    assert "sparql+http://host:port/path?mrid=" in outcome.errors[0]


# ---- endpoints that fail


FAULTS = {
    "an HTML page": (Answer(200, b"<!DOCTYPE html><html><body>Welcome</body></html>", "text/html"), "answers with an HTML page"),
    "nothing": (Answer(200, b""), "gives an empty answer"),
    "half": (Answer(200, b'{"head":{"vars":["s"]},"results":{"bindings":[{"s":{"type":"uri","val'), "breaks off or is damaged"),
    "less than announced": (Answer(200, b'{"head"', announced=5000), "gives no answer"),
    "XML": (Answer(200, b"<?xml version='1.0'?><sparql/>", "application/sparql-results+xml"), "answers with application/sparql-results+xml"),
    "other JSON": (Answer(200, b'{"error":"out of memory"}'), "not the result of a query"),
    "a refusal": (Answer(400, b"java.util.concurrent.ExecutionException: MalformedQueryException", "text/plain"), "HTTP status 400"),
    "an internal error": (Answer(500, b"java.lang.OutOfMemoryError", "text/plain"), "answers with HTTP status 500 (asked 4 times)"),
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("after", [0, 20])
def test_an_endpoint_that_answers_with_something_else_ends_the_run(store, kind, after, tmp_path):
    answer, message = FAULTS[kind]
    start = len(store.queries)
    store.instead = lambda number, query: answer if number - start >= after else None

    outcome = dec("solve", store.address(mrid_of(DEMONSTRATION)), "-o", tmp_path / "never.h5", ranks=2 if after else 0)

    assert outcome.code == 5, outcome
    assert message in outcome.errors[0]
    assert "sparql+http://127.0.0.1" in outcome.errors[0]
    assert not (tmp_path / "never.h5").exists()


def test_a_page_that_stays_empty_ends_the_run(store):
    nothing = Answer(200, b'{"head":{"vars":["s","p","o"]},"results":{"bindings":[]}}')
    store.instead = lambda number, query: nothing if "OFFSET" in query and "ConductingEquipment.Terminals" in query else None

    outcome = dec("solve", store.address(mrid_of(DEMONSTRATION)))

    assert outcome.code == 5
    assert re.search(r"gives only 0 of \d+ rows about terminals", outcome.errors[0])


def test_a_store_that_is_busy_for_a_while_is_asked_again(store):
    start = len(store.queries)
    busy = Answer(503, b"starting", "text/plain")
    store.instead = lambda number, query: busy if number - start in (0, 1, 9) else None

    succeed("inspect", store.address(mrid_of(DEMONSTRATION)), "--quiet")


def test_a_store_that_is_silent_is_given_up(store):
    store.instead = lambda number, query: Answer(200, b"{}", delay=30.0)

    outcome = dec("solve", store.address(mrid_of(DEMONSTRATION)), "--endpoint-patience", "1")

    assert outcome.code == 5
    assert "gives no answer" in outcome.errors[0]


def test_where_nobody_listens_the_address_is_named():
    with SparqlStore() as gone:
        address = gone.address("x")
    outcome = dec("solve", address, ranks=2)
    assert outcome.code == 5
    assert len(outcome.errors) == 1
    assert "gives no answer" in outcome.errors[0] and "(asked 4 times)" in outcome.errors[0]


def test_passwords_do_not_appear_in_messages(store):
    outcome = dec("solve", store.address("nowhere").replace("http://", "http://somebody:secret@"))
    assert outcome.code == 2
    assert "secret" not in outcome.err


# ---- uploading


def test_uploading_twice_changes_nothing_and_emptying_first_is_possible():
    with SparqlStore() as one:
        first = ingest(one, DEMONSTRATION)
        again = ingest(one, DEMONSTRATION)
        one.load(b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="urn:x"><rdf:value>1</rdf:value></rdf:Description></rdf:RDF>')
        emptied = ingest(one, DEMONSTRATION, arguments=["--replace"])
        assert first.returncode == again.returncode == emptied.returncode == 0
        new = [int(re.search(r"(\d+) new triples", done.stdout)[1]) for done in (first, again, emptied)]
        assert new[0] > 10000 and new[1] == 0 and new[2] == new[0]
        assert len(one.triples) == new[0]


@pytest.mark.parametrize("what, code, message", [("absent.xml", 2, "there is no such file"), ("broken.xml", 2, "refuses it"),
                                                 ("broken.xml.gz", 2, "no gzip file")])
def test_what_cannot_be_uploaded_is_named(what, code, message, tmp_path):
    if what != "absent.xml":
        (tmp_path / what).write_text("<rdf:RDF><cim:Feeder")
    with SparqlStore() as one:
        done = ingest(one, tmp_path / what)
    assert done.returncode == code
    assert what in done.stderr and message in done.stderr


def test_uploading_to_nobody_or_to_the_wrong_path_is_a_failure_of_the_store():
    with SparqlStore() as one:
        wrong_path = ingest(one.url.replace("/sparql", "/elsewhere"), DEMONSTRATION)
        gone = one.url
    for done in (wrong_path, ingest(gone, DEMONSTRATION)):
        assert done.returncode == 5
        assert "DB_URL" in done.stderr
