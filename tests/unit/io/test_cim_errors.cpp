/// Wrong input is refused with file, element and remedy; everything that is wrong is said at once.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "dec/core/error.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/io/cim.hpp"
#include "small_cim.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;
using Catch::Matchers::Contains;

/// All findings about a text, a line each; empty if it is read.
std::vector<std::string> findings_of(std::string const& text) {
    try {
        (void)io::parse_cim_xml(text, "some.xml");
    } catch (core::InvalidInput const& error) {
        std::vector<std::string> lines;
        for (auto const& finding : error.findings()) {
            CHECK(finding.file == "some.xml");
            CHECK_FALSE(finding.remedy.empty());
            lines.push_back(core::one_line(finding));
        }
        return lines;
    }
    return {};
}

std::vector<std::string> findings_of(test::CimModel const& model) { return findings_of(model.xml()); }

/// The only finding of a wrong model.
std::string finding_of(auto const& wrong) {
    auto const findings = findings_of(wrong);
    for (auto const& line : findings) UNSCOPED_INFO(line);
    REQUIRE(findings.size() == 1);
    return findings.front();
}

void write(std::string const& path, std::string const& bytes) { std::ofstream{path, std::ios::binary} << bytes; }

/// The only finding when a file is read by its ending.
std::string finding_of_file(std::string const& path) {
    try {
        (void)io::read_feeder(path);
    } catch (core::InvalidInput const& error) {
        REQUIRE(error.findings().size() == 1);
        CHECK(error.findings().front().file == path);
        CHECK_FALSE(error.findings().front().remedy.empty());
        return core::one_line(error.findings().front());
    }
    FAIL("it was read");
    return {};
}

}  // namespace

TEST_CASE("a capacitor across the legs of a secondary is refused by name", "[io][cim]") {
    auto model = test::small_model();
    model.set("can", "ShuntCompensator.phaseConnection", "~PhaseShuntConnectionKind.D");
    model.set("can_C", "ShuntCompensatorPhase.phase", "~SinglePhaseKind.s1");

    CHECK_THAT(finding_of(model), Contains("can") && Contains("is connected D on a secondary"));
}

TEST_CASE("a path that is no feeder is refused saying what it is", "[io][cim][errors]") {
    test::TemporaryFolder const folder;

    CHECK_THAT(finding_of_file(folder / "absent.xml"), Contains("there is no such file"));
    std::filesystem::create_directory(folder / "folder.xml");
    CHECK_THAT(finding_of_file(folder / "folder.xml"), Contains("is a directory"));
    write(folder / "empty.xml", "");
    CHECK_THAT(finding_of_file(folder / "empty.xml"), Contains("is empty"));
    write(folder / "feeder.docx", "x");
    CHECK_THAT(finding_of_file(folder / "feeder.docx"), Contains(".xml.gz"));
}

TEST_CASE("damaged gzip data are told from truncated ones", "[io][cim][errors]") {
    test::TemporaryFolder const folder;
    auto const good = folder / "good.xml.gz";
    io::write_feeder(io::parse_cim_xml(test::small_model().xml(), "small.xml").feeder, good);
    std::ifstream file{good, std::ios::binary};
    std::string const bytes{std::istreambuf_iterator<char>{file}, {}};

    write(folder / "short.xml.gz", bytes.substr(0, bytes.size() / 2));
    CHECK_THAT(finding_of_file(folder / "short.xml.gz"), Contains("truncated"));
    auto damaged = bytes;
    for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 20; ++i) damaged[i] = '\xff';
    write(folder / "damaged.xml.gz", damaged);
    CHECK_THAT(finding_of_file(folder / "damaged.xml.gz"), Contains("damaged near byte"));
    write(folder / "plain.xml.gz", test::small_model().xml());
    CHECK_THAT(finding_of_file(folder / "plain.xml.gz"), Contains("not gzip data"));
    CHECK_NOTHROW(io::read_feeder(good));
}

TEST_CASE("text that is not CIM is named for what it is", "[io][cim][errors]") {
    CHECK_THAT(finding_of(std::string{}), Contains("is empty"));
    CHECK_THAT(finding_of(std::string{" \n "}), Contains("is empty"));
    CHECK_THAT(finding_of(std::string{"<!DOCTYPE html>\n<html><body>Not found<br></body></html>"}),
               Contains("is an HTML page"));
    CHECK_THAT(finding_of(std::string{"clear\nnew circuit.ieee13"}), Contains("is not XML"));
    CHECK_THAT(finding_of(std::string{"<svg></svg>"}), Contains("begins with <svg>"));
}

TEST_CASE("an encoding is decoded as the file says, by its mark or its declaration", "[io][cim]") {
    auto model = test::small_model();
    model.set("house load", "IdentifiedObject.name", "Grünstraße");
    auto const text = model.xml();
    auto const name_of = [](std::string const& bytes) {
        auto const f = io::parse_cim_xml(bytes, "some.xml").feeder;
        auto const ids = f.loads.ids();
        return std::ranges::count_if(ids, [&](auto id) { return f.loads.name(id) == "Grünstraße"; }) == 1;
    };
    auto const as = [&](std::string const& encoding, auto const& unit) {
        auto declared = text;
        declared.replace(declared.find("utf-8"), 5, encoding);
        std::string bytes;
        for (std::size_t i = 0; i < declared.size(); ++i) {
            auto code = static_cast<unsigned>(static_cast<unsigned char>(declared[i]));
            if (code >= 0x80) code = (code & 0x1fU) << 6U | (static_cast<unsigned char>(declared[++i]) & 0x3fU);
            bytes += unit(code);
        }
        return bytes;
    };
    auto const low_first = [](unsigned c) {
        return std::string{static_cast<char>(c & 0xffU), static_cast<char>(c >> 8U)};
    };
    auto const high_first = [](unsigned c) {
        return std::string{static_cast<char>(c >> 8U), static_cast<char>(c & 0xffU)};
    };
    auto const one = [](unsigned c) { return std::string{static_cast<char>(c)}; };

    CHECK(name_of(text));
    CHECK(name_of("\xef\xbb\xbf" + text));
    CHECK(name_of(as("ISO-8859-1", one)));
    CHECK(name_of(as("windows-1252", one)));
    CHECK(name_of("\xff\xfe" + as("utf-16", low_first)));
    CHECK(name_of("\xfe\xff" + as("UTF-16", high_first)));
    CHECK(name_of(as("UTF-16", low_first)));
}

TEST_CASE("bytes that are no text are refused with their line, and so is an encoding that is not the file's",
          "[io][cim][errors]") {
    auto const with = [](std::string_view part, std::string const& other) {
        auto text = test::small_model().xml();
        return text.replace(text.find(part), part.size(), other);
    };

    CHECK_THAT(finding_of(with("house load", "house \xe9")), Contains("line 877 (byte") && Contains("is not UTF-8"));
    CHECK_THAT(finding_of(with("house load", "house \xed\xa0\x80")), Contains("is not UTF-8"));
    CHECK_THAT(finding_of(with("house load", std::string{"house\0load", 10})), Contains("control character 0x00"));
    CHECK_THAT(finding_of(with("utf-8", "UTF-16")), Contains("says that it is encoded as UTF-16, and is not"));
    CHECK_THAT(finding_of(with("utf-8", "EBCDIC-XY")), Contains("EBCDIC-XY, which is not known here"));
    CHECK_THAT(finding_of(std::string{"\xff\x0d\x9b\x6f\x3f\xd2"}), Contains("is not XML"));
    CHECK_THAT(finding_of(std::string{"\xff\xfe<\0?", 5}), Contains("is not UTF-16LE"));
}

TEST_CASE("another version of CIM is warned of, none at all is refused", "[io][cim][errors]") {
    auto const with = [](std::string const& uri) {
        auto text = test::small_model().xml();
        std::string const mark = "xmlns:cim=\"http://iec.ch/TC57/CIM100#\"";
        return text.replace(text.find(mark), mark.size(), "xmlns:cim=\"" + uri + "\"");
    };
    auto const warnings = [](std::string const& text) { return io::parse_cim_xml(text, "some.xml").report.warnings(); };

    auto const said = warnings(with("http://iec.ch/TC57/2012/CIM-schema-cim17#"));

    REQUIRE(said.size() == warnings(test::small_model().xml()).size() + 1);
    CHECK(std::ranges::count_if(said, [](auto const& line) {
              return line.find("CIM-schema-cim17#: another version") != std::string::npos;
          }) == 1);
    CHECK_THAT(finding_of(with("http://example.com/things#")), Contains("names no CIM namespace"));
}

TEST_CASE("entities of the file's own are refused", "[io][cim][errors]") {
    auto text = test::small_model().xml();
    text.insert(text.find("<rdf:RDF"), "<!DOCTYPE x [<!ENTITY a \"aaaa\">]>\n");

    CHECK_THAT(finding_of(text), Contains("declares entities of its own"));
}

TEST_CASE("what the reader finds and what validation finds is said together", "[io][cim][errors]") {
    auto model = test::small_model();
    model.set("l3", "IdentifiedObject.name", "l4");
    auto island = model;
    island.remove("l2", "ACLineSegment.PerLengthImpedance");
    for (auto* wrong : {&model, &island}) wrong->set("bank control", "RegulatingControl.targetValue", "high");
    auto holes = model;
    holes.remove("delta load_T1", "Terminal.ConnectivityNode");

    auto const both = findings_of(model);
    REQUIRE(both.size() == 2);
    CHECK_THAT(both[0], Contains("bank control") && Contains("\"high\""));
    CHECK_THAT(both[1], Contains("line l4") && Contains("the name stands 2 times"));
    CHECK(findings_of(island).size() == 3);
    CHECK(findings_of(holes).size() == 3);  // that the load is on no bus is not said twice
}

TEST_CASE("a text is read whole, whatever comments and CDATA sections cut it", "[io][cim]") {
    auto const with = [](std::string const& written) {
        auto text = test::small_model().xml();
        std::string const name = "name>bank</";
        text.replace(text.find(name), name.size(), "name>" + written + "</");
        return std::string{io::parse_cim_xml(text, "some.xml").feeder.capacitors.names()[0]};
    };

    CHECK(with("ba<!-- a comment -->nk") == "bank");
    CHECK(with("<!-- a comment -->bank") == "bank");
    CHECK(with("<![CDATA[ba]]>nk<!-- -->5") == "bank5");
    CHECK(with("b<![CDATA[<a>]]>&amp;nk") == "b<a>&nk");
}

TEST_CASE("truncated XML is told from damaged XML, with the line", "[io][cim][errors]") {
    auto const text = test::small_model().xml();
    auto damaged = text;
    damaged.replace(damaged.find("</cim:Substation>"), 17, "</cim:Sub>");

    CHECK_THAT(finding_of(text.substr(0, text.size() * 2 / 3)), Contains("ends too early, in line"));
    CHECK_THAT(finding_of(text.substr(0, text.rfind("</rdf:RDF>"))), Contains("truncated"));
    CHECK_THAT(finding_of(damaged), Contains("is damaged in line"));
}

TEST_CASE("wherever a file is cut it is refused, never half read", "[io][cim][errors]") {
    auto const text = test::small_model().xml();
    auto const part = GENERATE(range(1, 40));
    auto const size = text.size() * static_cast<std::size_t>(part) / 40;
    CAPTURE(size);

    CHECK(findings_of(text.substr(0, size)).size() == 1);
}

TEST_CASE("a second feeder and a second source are refused", "[io][cim][errors]") {
    auto feeders = test::small_model();
    feeders.add("Feeder", "other", {});
    auto sources = test::small_model();
    sources.add("EnergySource", "other source", {});
    auto none = test::small_model();
    none.rename_class("feeder", "Line");

    CHECK_THAT(finding_of(feeders), Contains("Feeder other") && Contains("second feeder"));
    CHECK_THAT(finding_of(sources), Contains("EnergySource other source") && Contains("second source"));
    CHECK_THAT(finding_of(none), Contains("no cim:Feeder"));
}

TEST_CASE("a file without its feeder is one finding, not one for everything in the feeder", "[io][cim][errors]") {
    auto model = test::small_model();
    model.remove("feeder");
    CHECK_THAT(finding_of(model), Contains("no cim:Feeder"));

    model.set("l2", "ACLineSegment.PerLengthImpedance", ">gone");
    auto const both = findings_of(model);
    REQUIRE(both.size() == 2);
    CHECK_THAT(both.back(), Contains("ACLineSegment l2 (l2)") && Contains("points to gone"));
}

TEST_CASE("a reference to an object that is not there is refused if its meaning is needed", "[io][cim][errors]") {
    auto needed = test::small_model();
    needed.set("l2", "ACLineSegment.PerLengthImpedance", ">gone");
    auto part = test::small_model();
    part.set("l2_C", "ACLineSegmentPhase.ACLineSegment", ">gone");
    auto harmless = test::small_model();
    harmless.set("n1", "ConnectivityNode.TopologicalNode", ">gone");

    CHECK_THAT(finding_of(needed), Contains("ACLineSegment l2 (l2)") && Contains("points to gone"));
    CHECK_THAT(findings_of(part).back(), Contains("ACLineSegmentPhase l2_C") && Contains("points to gone"));
    CHECK(findings_of(harmless).empty());
}

TEST_CASE("missing terminals, nodes and base voltages are refused by name", "[io][cim][errors]") {
    auto terminal = test::small_model();
    terminal.remove("l3_T2");
    auto node = test::small_model();
    node.remove("delta load_T1", "Terminal.ConnectivityNode");
    auto voltage = test::small_model();
    voltage.remove("tie", "ConductingEquipment.BaseVoltage");
    auto conflict = test::small_model();
    conflict.set("l4", "ConductingEquipment.BaseVoltage", ">kv115");

    CHECK_THAT(finding_of(terminal), Contains("ACLineSegment l3") && Contains("1 terminals instead of 2"));
    CHECK_THAT(finding_of(node), Contains("Terminal delta load_T1") && Contains("EnergyConsumer delta load"));
    CHECK_THAT(finding_of(voltage), Contains("ConnectivityNode n7") && Contains("Recloser tie"));
    CHECK_THAT(findings_of(conflict).front(), Contains("115000") && Contains("4160"));
}

TEST_CASE("a line without impedance is read without a code, for validation to find", "[io][cim][errors]") {
    auto model = test::small_model();
    model.remove("l2", "ACLineSegment.PerLengthImpedance");

    auto const f = io::parse_cim_xml(model.xml(), "some.xml").feeder;
    auto const is_without = [&](auto id) { return !f.lines[id].code.valid(); };

    CHECK(std::ranges::count_if(f.lines.ids(), is_without) == 1);
}

TEST_CASE("a text that is no number is named with its attribute", "[io][cim][errors]") {
    auto const text = GENERATE("12,5", "", "three", "0x10", "1.0 m", "nan", "inf");
    auto model = test::small_model();
    model.set("l1", "Conductor.length", text);

    CHECK_THAT(finding_of(model),
               Contains("ACLineSegment l1 (l1)") && Contains("Conductor.length = \"" + std::string{text}));
}

TEST_CASE("wrong integers, truth values and literals are refused", "[io][cim][errors]") {
    auto integer = test::small_model();
    integer.set("tap", "TapChanger.highStep", "16.5");
    auto truth = test::small_model();
    truth.set("sw1", "Switch.open", "maybe");
    auto literal = test::small_model();
    literal.set("battery", "BatteryUnit.batteryState", "~BatteryStateKind.boiling");
    auto phase = test::small_model();
    phase.set("l1_A", "ACLineSegmentPhase.phase", "~SinglePhaseKind.X");
    auto winding = test::small_model();
    winding.set("ct25_1", "TransformerEndInfo.connectionKind", "~WindingConnection.Z");
    auto shunt = test::small_model();
    shunt.set("motor", "EnergyConsumer.phaseConnection", "~PhaseShuntConnectionKind.I");

    CHECK_THAT(finding_of(integer), Contains("highStep = \"16.5\""));
    CHECK_THAT(finding_of(truth), Contains("neither true nor false"));
    CHECK_THAT(finding_of(literal), Contains("boiling") && Contains("discharging"));
    CHECK_THAT(findings_of(phase).front(), Contains("\"X\" is no phase"));
    CHECK_THAT(findings_of(winding).front(), Contains("\"Z\" is not supported"));
    CHECK_THAT(finding_of(shunt), Contains("\"I\" is not supported"));
}

TEST_CASE("a value given twice is refused unless it is the same", "[io][cim][errors]") {
    auto text = test::small_model().xml();
    std::string const first = "  <cim:Conductor.length>200</cim:Conductor.length>\n";
    auto const place = text.find(first);
    REQUIRE(place != std::string::npos);
    auto different = text;
    text.insert(place, first);
    different.insert(place, "  <cim:Conductor.length>300</cim:Conductor.length>\n");

    CHECK(findings_of(text).empty());
    CHECK_THAT(finding_of(different), Contains("is both"));
}

TEST_CASE("two names or two mRIDs of one object are refused, too", "[io][cim][errors]") {
    auto const attribute = GENERATE("IdentifiedObject.name", "IdentifiedObject.mRID");
    auto text = test::small_model().xml();
    auto const place = text.find("  <cim:Conductor.length>200<");
    REQUIRE(place != std::string::npos);
    text.insert(place, std::string{"  <cim:"} + attribute + ">other</cim:" + attribute + ">\n");

    CHECK_THAT(finding_of(text), Contains("ACLineSegment") && Contains(std::string{attribute} + " is both"));
}

TEST_CASE("an identifier that is used twice is refused", "[io][cim][errors]") {
    auto model = test::small_model();
    model.add("WeatherStation", "l1", {});

    CHECK_THAT(finding_of(model), Contains("WeatherStation l1") && Contains("another object"));
}

TEST_CASE("matrices that are incomplete or do not fit their line are refused", "[io][cim][errors]") {
    auto outside = test::small_model();
    outside.set("two21", "PhaseImpedanceData.row", "3");
    auto hole = test::small_model();
    hole.remove("three32");
    auto fit = test::small_model();
    fit.set("l2", "ACLineSegment.PerLengthImpedance", ">three");
    auto neutral = test::small_model();
    neutral.set("three", "PerLengthPhaseImpedance.conductorCount", "4");

    CHECK_THAT(findings_of(outside).front(), Contains("row 3, column 1 is outside the 2 x 2 matrix"));
    CHECK_THAT(findings_of(hole).front(), Contains("PerLengthPhaseImpedance three") && Contains("row 2, column 3"));
    CHECK_THAT(finding_of(fit), Contains("has 2 phases") && Contains("3 conductors"));
    CHECK_THAT(findings_of(neutral).front(), Contains("conductorCount = 4"));
}

TEST_CASE("transformers whose data have holes are refused", "[io][cim][errors]") {
    auto info = test::small_model();
    info.remove("service tank", "TransformerTank.TransformerTankInfo");
    auto pair = test::small_model();
    pair.remove("ct25_test23");
    auto mesh = test::small_model();
    mesh.remove("mesh");
    auto loss = test::small_model();
    loss.set("ct25_test12", "ShortCircuitTest.loss", "450");
    auto terminal = test::small_model();
    terminal.remove("service tank_End_2", "TransformerEnd.Terminal");
    auto number = test::small_model();
    number.set("service tank_End_3", "TransformerEnd.endNumber", "2");
    auto phases = test::small_model();
    phases.set("service tank_End_1", "TransformerTankEnd.orderedPhases", "~OrderedPhaseCodeKind.ABC");
    auto tap = test::small_model();
    tap.set("tap", "TapChanger.step", "17");

    CHECK_THAT(finding_of(info), Contains("TransformerTank service tank") && Contains("no TransformerTankInfo"));
    CHECK_THAT(finding_of(pair), Contains("TransformerTankInfo ct25") && Contains("between ends 2 and 3"));
    CHECK_THAT(finding_of(mesh), Contains("PowerTransformer substation transformer") && Contains("no impedance"));
    CHECK_THAT(finding_of(loss), Contains("ShortCircuitTest ct25_test12") && Contains("kW"));
    CHECK_THAT(finding_of(terminal), Contains("TransformerTankEnd service tank_End_2") && Contains("no Terminal"));
    CHECK_THAT(findings_of(number).front(), Contains("endNumber = 2 like"));
    CHECK_THAT(finding_of(phases), Contains("3 phases") && Contains("single-phase"));
    CHECK_THAT(finding_of(tap), Contains("step = 17 is outside -16 to 16"));
}

TEST_CASE("a converter with two units is refused: its power cannot be divided", "[io][cim][errors]") {
    auto model = test::small_model();
    model.set("battery", "PowerElectronicsUnit.PowerElectronicsConnection", ">roof inverter");
    auto loose = test::small_model();
    loose.remove("roof", "PowerElectronicsUnit.PowerElectronicsConnection");

    CHECK_THAT(finding_of(model), Contains("PowerElectronicsConnection roof inverter") && Contains("2 units"));
    CHECK_THAT(finding_of(loose), Contains("PhotovoltaicUnit roof"));
}

TEST_CASE("everything that is wrong is said at once", "[io][cim][errors]") {
    auto model = test::small_model();
    model.set("l1", "Conductor.length", "long");
    model.set("house load", "EnergyConsumer.LoadResponse", ">gone");
    model.remove("diesel", "RotatingMachine.p");
    model.set("mixed", "LoadResponseCharacteristic.pConstantPower", "30");

    auto const findings = findings_of(model);

    CHECK(findings.size() == 4);
}
