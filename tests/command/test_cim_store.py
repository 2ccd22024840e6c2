"""What `dec convert` writes loads into a SPARQL store and answers a platform's questions as the original file does."""
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pyoxigraph import RdfFormat, Store

SOURCE = Path(os.environ.get("DEC_SOURCE", Path(__file__).resolve().parents[2]))
SHARED = Path(os.environ.get("DEC_SHARED", SOURCE.parent / "shared"))
EXECUTABLE = os.environ.get("DEC_EXECUTABLE", str(SOURCE / "build" / "release" / "dec"))

FEEDERS = {
    "demonstration": SOURCE / "inputs" / "ieee123_secondary.xml",
    "IEEE123": SHARED / "feeders" / "cim" / "IEEE123.xml",
    "IEEE123_PV": SHARED / "feeders" / "cim" / "IEEE123_PV.xml",
    "IEEE13": SHARED / "feeders" / "cim" / "IEEE13.xml",
    "IEEE37": SHARED / "feeders" / "cim" / "IEEE37.xml",
}

PREFIXES = """
PREFIX r: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX c: <http://iec.ch/TC57/CIM100#>
"""

# Equipment of the feeder ?fdr, and the bus a terminal of it is at.
IN_FEEDER = "?fdr a c:Feeder . ?eq c:Equipment.EquipmentContainer ?fdr ; c:IdentifiedObject.name ?name ."
AT_BUS = """?t c:Terminal.ConductingEquipment ?eq ; c:Terminal.ConnectivityNode ?cn ; c:ACDCTerminal.sequenceNumber ?seq .
            ?cn c:IdentifiedObject.name ?bus ."""

# The questions a GridAPPS-D application asks (../shared/docs/gridappsd.md, section 7), and what surrounds them. Both
# directions of an association are asked for where files differ in them.
QUERIES = {
    "feeders": """SELECT ?name ?mrid ?sub ?subregion ?region {
        ?f a c:Feeder ; c:IdentifiedObject.name ?name ; c:IdentifiedObject.mRID ?mrid ;
           c:Feeder.NormalEnergizingSubstation ?s .
        ?s c:IdentifiedObject.name ?sub ; c:Substation.Region ?sr .
        ?sr c:IdentifiedObject.name ?subregion ; c:SubGeographicalRegion.Region ?gr . ?gr c:IdentifiedObject.name ?region }""",
    "loads": f"""SELECT ?mrid ?bus ?p ?q ?conn ?base ?response (GROUP_CONCAT(?phase) AS ?phases) {{
        {{ SELECT * {{ {IN_FEEDER} {AT_BUS} ?eq a c:EnergyConsumer ; c:IdentifiedObject.mRID ?mrid ; c:EnergyConsumer.p ?p ;
            c:EnergyConsumer.q ?q ; c:EnergyConsumer.phaseConnection ?conn ; c:EnergyConsumer.LoadResponse ?lr ;
            c:ConductingEquipment.BaseVoltage ?bv . ?bv c:BaseVoltage.nominalVoltage ?base .
            ?lr c:IdentifiedObject.name ?response .
            OPTIONAL {{ ?ph c:EnergyConsumerPhase.EnergyConsumer ?eq ; c:EnergyConsumerPhase.phase ?phase }} }}
          ORDER BY ?phase }} }} GROUP BY ?mrid ?bus ?p ?q ?conn ?base ?response""",
    "load phases": """SELECT ?load ?phase ?p ?q { ?ph c:EnergyConsumerPhase.EnergyConsumer ?eq ; c:EnergyConsumerPhase.phase ?phase ;
        c:EnergyConsumerPhase.p ?p ; c:EnergyConsumerPhase.q ?q . ?eq c:IdentifiedObject.mRID ?load }""",
    "photovoltaics": f"""SELECT ?unitid ?mrid ?bus ?p ?q ?s ?u ?maxp ?minp ?maxq ?minq ?phase {{ {IN_FEEDER} {AT_BUS}
        ?unit a c:PhotovoltaicUnit ; c:IdentifiedObject.mRID ?unitid ; c:PowerElectronicsUnit.maxP ?maxp ;
          c:PowerElectronicsUnit.minP ?minp ;
          c:PowerElectronicsUnit.PowerElectronicsConnection|^c:PowerElectronicsConnection.PowerElectronicsUnit ?eq .
        ?eq c:IdentifiedObject.mRID ?mrid ; c:PowerElectronicsConnection.p ?p ; c:PowerElectronicsConnection.q ?q ;
          c:PowerElectronicsConnection.ratedS ?s ; c:PowerElectronicsConnection.ratedU ?u ;
          c:PowerElectronicsConnection.maxQ ?maxq ; c:PowerElectronicsConnection.minQ ?minq .
        OPTIONAL {{ ?ph c:PowerElectronicsConnectionPhase.PowerElectronicsConnection ?eq ;
          c:PowerElectronicsConnectionPhase.phase ?phase }} }}""",
    "batteries": f"""SELECT ?unitid ?bus ?p ?q ?rated ?stored ?state {{ {IN_FEEDER} {AT_BUS}
        ?unit a c:BatteryUnit ; c:IdentifiedObject.mRID ?unitid ; c:BatteryUnit.ratedE ?rated ; c:BatteryUnit.storedE ?stored ;
          c:BatteryUnit.batteryState ?state ;
          c:PowerElectronicsUnit.PowerElectronicsConnection|^c:PowerElectronicsConnection.PowerElectronicsUnit ?eq .
        ?eq c:PowerElectronicsConnection.p ?p ; c:PowerElectronicsConnection.q ?q }}""",
    "lines": f"""SELECT ?mrid ?name ?bus1 ?bus2 ?length ?code ?phase ?order {{ {IN_FEEDER} ?eq a c:ACLineSegment ;
        c:IdentifiedObject.mRID ?mrid ; c:Conductor.length ?length ; c:ACLineSegment.PerLengthImpedance ?z .
        ?z c:IdentifiedObject.name ?code .
        ?t1 c:Terminal.ConductingEquipment ?eq ; c:ACDCTerminal.sequenceNumber "1" ;
          c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus1 .
        ?t2 c:Terminal.ConductingEquipment ?eq ; c:ACDCTerminal.sequenceNumber "2" ;
          c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus2 .
        ?ph c:ACLineSegmentPhase.ACLineSegment ?eq ; c:ACLineSegmentPhase.phase ?phase ; c:ACLineSegmentPhase.sequenceNumber ?order }}""",
    "line codes": """SELECT ?name ?n ?row ?column ?rr ?x ?b { ?z a c:PerLengthPhaseImpedance ; c:IdentifiedObject.name ?name ;
        c:PerLengthPhaseImpedance.conductorCount ?n . ?d c:PhaseImpedanceData.PhaseImpedance ?z ; c:PhaseImpedanceData.row ?row ;
        c:PhaseImpedanceData.column ?column ; c:PhaseImpedanceData.r ?rr ; c:PhaseImpedanceData.x ?x ; c:PhaseImpedanceData.b ?b }""",
    "transformer ends": f"""SELECT ?name ?group ?bus ?number ?kind ?s ?u ?rr ?clock {{ {IN_FEEDER}
        ?eq c:PowerTransformer.vectorGroup ?group . ?end c:PowerTransformerEnd.PowerTransformer ?eq ; c:TransformerEnd.endNumber ?number ;
          c:PowerTransformerEnd.connectionKind ?kind ; c:PowerTransformerEnd.ratedS ?s ; c:PowerTransformerEnd.ratedU ?u ;
          c:PowerTransformerEnd.r ?rr ; c:PowerTransformerEnd.phaseAngleClock ?clock ;
          c:TransformerEnd.Terminal/c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus }}""",
    "mesh impedances": """SELECT ?from ?to ?rr ?x { ?m c:TransformerMeshImpedance.r ?rr ; c:TransformerMeshImpedance.x ?x ;
        c:TransformerMeshImpedance.FromTransformerEnd/c:IdentifiedObject.name ?from ;
        c:TransformerMeshImpedance.ToTransformerEnd/c:IdentifiedObject.name ?to }""",
    "core admittances": """SELECT ?end ?g ?b { ?a c:TransformerCoreAdmittance.g ?g ; c:TransformerCoreAdmittance.b ?b ;
        ^c:TransformerEnd.CoreAdmittance|c:TransformerCoreAdmittance.TransformerEnd ?e . ?e c:IdentifiedObject.name ?end }""",
    "tank ends": f"""SELECT ?bank ?name ?group ?bus ?number ?ordered ?base ?u ?s ?rr ?clock {{ {IN_FEEDER}
        ?eq c:TransformerTank.TransformerTankInfo ?info ; c:TransformerTank.PowerTransformer ?pt .
        ?pt c:IdentifiedObject.name ?bank ; c:PowerTransformer.vectorGroup ?group .
        ?end c:TransformerTankEnd.TransformerTank ?eq ; c:TransformerEnd.endNumber ?number ;
          c:TransformerTankEnd.orderedPhases ?ordered ; c:TransformerEnd.BaseVoltage/c:BaseVoltage.nominalVoltage ?base ;
          c:TransformerEnd.Terminal/c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus .
        ?ei c:TransformerEndInfo.TransformerTankInfo ?info ; c:TransformerEndInfo.endNumber ?number ; c:TransformerEndInfo.ratedU ?u ;
          c:TransformerEndInfo.ratedS ?s ; c:TransformerEndInfo.r ?rr ; c:TransformerEndInfo.phaseAngleClock ?clock }}""",
    "short-circuit tests": """SELECT ?info ?from ?to ?base ?z ?loss { ?t c:ShortCircuitTest.EnergisedEnd ?e ; c:ShortCircuitTest.GroundedEnds ?g ;
        c:TransformerTest.basePower ?base ; c:ShortCircuitTest.leakageImpedance ?z ; c:ShortCircuitTest.loss ?loss .
        ?e c:TransformerEndInfo.endNumber ?from ; c:TransformerEndInfo.TransformerTankInfo/c:IdentifiedObject.name ?info .
        ?g c:TransformerEndInfo.endNumber ?to }""",
    "no-load tests": """SELECT ?info ?base ?loss { ?t c:NoLoadTest.EnergisedEnd/c:TransformerEndInfo.TransformerTankInfo ?i ;
        c:TransformerTest.basePower ?base ; c:NoLoadTest.loss ?loss . ?i c:IdentifiedObject.name ?info }""",
    "regulators": """SELECT ?name ?end ?step ?increment ?target ?band ?phase ?terminal ?ldr ?ldx ?pt ?ct {
        ?tc a c:RatioTapChanger ; c:IdentifiedObject.name ?name ; c:TapChanger.step ?step ; c:RatioTapChanger.stepVoltageIncrement ?increment ;
          c:TapChanger.ptRatio ?pt ; c:TapChanger.ctRating ?ct ;
          c:RatioTapChanger.TransformerEnd/c:IdentifiedObject.name ?end ; c:TapChanger.TapChangerControl ?ctl .
        ?ctl c:RegulatingControl.targetValue ?target ; c:RegulatingControl.targetDeadband ?band ; c:RegulatingControl.monitoredPhase ?phase ;
          c:RegulatingControl.Terminal/c:IdentifiedObject.name ?terminal ; c:TapChangerControl.lineDropR ?ldr ; c:TapChangerControl.lineDropX ?ldx }""",
    "switches": f"""SELECT ?mrid ?class ?open ?normal ?rated ?seq ?bus {{ {IN_FEEDER} {AT_BUS} ?eq a ?class ; c:IdentifiedObject.mRID ?mrid ;
        c:Switch.open ?open ; c:Switch.normalOpen ?normal ; c:Switch.ratedCurrent ?rated }}""",
    "capacitors": f"""SELECT ?name ?bus ?u ?b ?sections ?conn ?phase ?phasesections {{ {IN_FEEDER} {AT_BUS} ?eq a c:LinearShuntCompensator ;
        c:ShuntCompensator.nomU ?u ; c:LinearShuntCompensator.bPerSection ?b ; c:ShuntCompensator.sections ?sections ;
        c:ShuntCompensator.phaseConnection ?conn . OPTIONAL {{ ?ph c:ShuntCompensatorPhase.ShuntCompensator ?eq ;
          c:ShuntCompensatorPhase.phase ?phase ; c:ShuntCompensatorPhase.sections ?phasesections }} }}""",
    "source": f"""SELECT ?mrid ?bus ?nominal ?volts ?angle ?rr ?x ?r0 ?x0 {{ {IN_FEEDER} {AT_BUS} ?eq a c:EnergySource ; c:IdentifiedObject.mRID ?mrid ;
        c:EnergySource.nominalVoltage ?nominal ; c:EnergySource.voltageMagnitude ?volts ; c:EnergySource.voltageAngle ?angle ;
        c:EnergySource.r ?rr ; c:EnergySource.x ?x ; c:EnergySource.r0 ?r0 ; c:EnergySource.x0 ?x0 }}""",
    "measurements": """SELECT ?mrid ?name ?type ?phases ?equipment ?terminal ?bus { ?m c:Measurement.measurementType ?type ;
        c:IdentifiedObject.mRID ?mrid ; c:IdentifiedObject.name ?name ; c:Measurement.phases ?phases ;
        c:Measurement.PowerSystemResource/c:IdentifiedObject.mRID ?equipment ; c:Measurement.Terminal ?t .
        ?t c:IdentifiedObject.name ?terminal ; c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus }""",
    "current limits": """SELECT ?terminal ?direction ?duration ?amps { ?t c:ACDCTerminal.OperationalLimitSet ?set ; c:IdentifiedObject.name ?terminal .
        ?l a c:CurrentLimit ; c:OperationalLimit.OperationalLimitSet ?set ; c:CurrentLimit.value ?amps ; c:OperationalLimit.OperationalLimitType ?lt .
        ?lt c:OperationalLimitType.direction ?direction ; c:OperationalLimitType.acceptableDuration ?duration }""",
    "voltage limits": """SELECT ?bus ?direction ?duration ?volts { ?cn c:ConnectivityNode.OperationalLimitSet ?set ; c:IdentifiedObject.name ?bus .
        ?l a c:VoltageLimit ; c:OperationalLimit.OperationalLimitSet ?set ; c:VoltageLimit.value ?volts ; c:OperationalLimit.OperationalLimitType ?lt .
        ?lt c:OperationalLimitType.direction ?direction ; c:OperationalLimitType.acceptableDuration ?duration }""",
    "areas": """SELECT ?equipment ?class ?area { ?eq c:Equipment.SubSchedulingArea ?a ; c:IdentifiedObject.mRID ?equipment .
        ?a a ?class ; c:IdentifiedObject.mRID ?area }""",
    "topology": """SELECT ?bus ?topological { ?cn a c:ConnectivityNode ; c:IdentifiedObject.name ?bus ; c:ConnectivityNode.TopologicalNode ?tn .
        ?tn c:IdentifiedObject.name ?topological ; c:TopologicalNode.TopologicalIsland/c:TopologicalIsland.AngleRefTopologicalNode ?ref }""",
}

COORDINATES = f"""SELECT ?mrid ?number ?bus ?x ?y {{ {IN_FEEDER} ?eq c:IdentifiedObject.mRID ?mrid ; c:PowerSystemResource.Location ?l .
    ?p c:PositionPoint.Location ?l ; c:PositionPoint.sequenceNumber ?number ; c:PositionPoint.xPosition ?x ; c:PositionPoint.yPosition ?y .
    ?t c:Terminal.ConductingEquipment ?eq ; c:ACDCTerminal.sequenceNumber ?number ; c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus }}"""

BORDERS = """SELECT ?terminal ?area ?bus { ?t c:Terminal.BoundedSchedulingArea/c:IdentifiedObject.name ?area ; c:IdentifiedObject.name ?terminal ;
    c:Terminal.ConnectivityNode/c:IdentifiedObject.name ?bus }"""

# What `dec inspect` calls a number, and the classes whose nodes it counts.
COUNTED = {
    "buses": ["ConnectivityNode"],
    "lines": ["ACLineSegment"],
    "switches": ["LoadBreakSwitch", "Breaker", "Recloser", "Fuse", "Sectionaliser", "Disconnector", "Jumper", "Switch"],
    "loads": ["EnergyConsumer"],
    "capacitors": ["LinearShuntCompensator"],
    "PV systems": ["PhotovoltaicUnit"],
    "batteries": ["BatteryUnit"],
    "machines": ["SynchronousMachine"],
    "measurements": ["Analog", "Discrete"],
}


def dec(*arguments):
    done = subprocess.run([EXECUTABLE, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def value(term):
    """Text of a term, with numbers and truth values in one spelling whatever the file's. Six digits: the originals' limits
    are rounded to single precision. That nothing is lost to the last bit is the business of unit_io."""
    if term is None:
        return ""
    text = term.value
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text.lower() if text in ("True", "False") else text


def ask(store, query):
    answer = store.query(PREFIXES + query)
    return Counter(tuple(value(row[variable]) for variable in answer.variables) for row in answer)


def load(path):
    store = Store()
    store.bulk_load(path=str(path), format=RdfFormat.RDF_XML)
    return store


@pytest.fixture(scope="module", params=FEEDERS)
def stores(request, tmp_path_factory):
    """The original, what `dec convert` makes of it, and its path."""
    original = FEEDERS[request.param]
    if not original.exists():
        pytest.skip(f"SKIPPED: {original} is absent")
    written = tmp_path_factory.mktemp(request.param) / "written.xml"
    dec("convert", original, written, "--quiet")
    return load(original), load(written), written


@pytest.mark.parametrize("question", QUERIES)
def test_a_question_has_the_answer_it_had_before(stores, question):
    original, written, _ = stores
    before, after = (ask(store, QUERIES[question]) for store in (original, written))
    assert after - before == Counter()
    assert before - after == Counter()


def test_questions_have_answers(stores):
    """Nothing above holds just because both answers are empty."""
    _, written, path = stores
    always = ["feeders", "loads", "lines", "line codes", "source", "current limits", "voltage limits", "topology", "tank ends",
              "transformer ends", "short-circuit tests", "no-load tests", "mesh impedances", "core admittances", "regulators"]
    for question in always:
        assert ask(written, QUERIES[question]), question
    assert sum(ask(written, COORDINATES).values()) > 40


def test_there_are_as_many_nodes_as_the_feeder_has_elements(stores):
    _, written, path = stores
    counts = ask(written, "SELECT ?class (COUNT(?s) AS ?n) { ?s a ?class } GROUP BY ?class")
    nodes = Counter({name.split("#")[1]: int(number) for name, number in counts})
    account = dec("inspect", path, "--quiet")
    for label, classes in COUNTED.items():
        said = int(re.search(rf"^{label} +(\d+)", account, re.MULTILINE)[1])
        assert sum(nodes[name] for name in classes) == said, label
    units, banks, taps = map(int, re.search(r"^transformers +(\d+) units in (\d+) banks, (\d+) tap", account, re.MULTILINE).groups())
    assert nodes["PowerTransformer"] == banks
    assert nodes["RatioTapChanger"] == taps
    three_phase = ask(written, "SELECT DISTINCT ?t { ?e c:PowerTransformerEnd.PowerTransformer ?t }")
    assert nodes["TransformerTank"] + len(three_phase) == units
    assert nodes["PowerElectronicsConnection"] == nodes["PhotovoltaicUnit"] + nodes["BatteryUnit"]


def test_photovoltaics_are_all_found(stores):
    _, written, _ = stores
    found = {row[0] for row in ask(written, QUERIES["photovoltaics"])}
    units = ask(written, "SELECT ?unit { ?u a c:PhotovoltaicUnit ; c:IdentifiedObject.mRID ?unit }")
    assert len(found) == sum(units.values())


def test_places_are_those_of_the_original(stores):
    """Several buses at the origin mean that their place is not known: such points are left out."""
    original, written, _ = stores
    before, after = ask(original, COORDINATES), ask(written, COORDINATES)
    if len({bus for _, _, bus, *place in before if place == ["0", "0"]}) > 1:
        before = {row: n for row, n in before.items() if row[3:] != ("0", "0")}
    assert set(after) <= set(before)
    placed = {row[2] for row in after}
    assert {row[2] for row in before} == placed


def test_terminals_between_areas_bound_what_they_bounded(stores):
    """Left out is only where an area is a bus with one switch and nothing else: no element says that it lies there."""
    original, written, _ = stores
    before, after = ask(original, BORDERS), ask(written, BORDERS)
    assert after - before == Counter()
    for terminal, _, bus in before - after:
        at_bus = ask(original, f"""SELECT ?t {{ ?t c:Terminal.ConnectivityNode/c:IdentifiedObject.name "{bus}" }}""")
        assert sum(at_bus.values()) == 1, terminal


def test_every_link_leads_somewhere(stores):
    _, written, _ = stores
    dangling = ask(written, """SELECT ?s ?p ?o { ?s ?p ?o FILTER(STRSTARTS(STR(?o), "urn:uuid:")) FILTER NOT EXISTS { ?o a ?class } }""")
    assert dangling == Counter()


def test_writing_it_again_gives_the_same_bytes(stores, tmp_path):
    _, _, path = stores
    dec("convert", path, tmp_path / "again.xml", "--quiet")
    assert (tmp_path / "again.xml").read_bytes() == path.read_bytes()
    assert dec("diff", path, tmp_path / "again.xml", "--quiet") == ""
