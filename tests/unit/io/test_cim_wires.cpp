/// Lines that a CIM file describes by their wires and where these hang or lie.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/core/error.hpp"
#include "dec/feeder/line_constants.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/io/cim.hpp"
#include "small_cim.hpp"
#include "support/places.hpp"

namespace {

using namespace dec;
using Catch::Matchers::Contains;
using Catch::Matchers::VectorContains;
using feeder::EarthModel;
using feeder::LineCode;
using feeder::Phase;

/// Line l2 of the small model (phases C, B) on poles, with a neutral.
test::CimModel on_poles() {
    auto model = test::small_model();
    model.remove("l2", "ACLineSegment.PerLengthImpedance");
    model.set("l2", "ACLineSegment.WireSpacingInfo", ">pole");
    model.add("WireSpacingInfo", "pole", {{"WireSpacingInfo.isCable", "false"}});
    auto const position = [&](std::string const& number, std::string const& x, std::string const& y) {
        model.add("WirePosition", "place " + number,
                  {{"WirePosition.WireSpacingInfo", ">pole"},
                   {"WirePosition.sequenceNumber", number},
                   {"WirePosition.xCoord", x},
                   {"WirePosition.yCoord", y}});
    };
    position("1", "-1", "9");
    position("2", "1.5", "9");
    position("3", "0", "7.5");
    auto const wire = [&](std::string const& name, std::string const& radius, std::string const& gmr) {
        model.add("OverheadWireInfo", name,
                  {{"WireInfo.radius", radius},
                   {"WireInfo.gmr", gmr},
                   {"WireInfo.rDC20", "0.0003"},
                   {"WireInfo.rAC50", "0.000306"}});
    };
    wire("thick", "0.009", "0.0074");
    wire("thin", "0.005", "0.0014");
    model.add("ACLineSegmentPhase", "l2_N",
              {{"ACLineSegmentPhase.ACLineSegment", ">l2"},
               {"ACLineSegmentPhase.phase", "~SinglePhaseKind.N"},
               {"ACLineSegmentPhase.sequenceNumber", "3"}});
    model.set("l2_C", "ACLineSegmentPhase.WireInfo", ">thick");
    model.set("l2_B", "ACLineSegmentPhase.WireInfo", ">thick");
    model.set("l2_N", "ACLineSegmentPhase.WireInfo", ">thin");
    return model;
}

feeder::LineGeometry the_same_poles() {
    feeder::Wire const thick{.radius_m = 0.009, .gmr_m = 0.0074, .r_dc_ohm_m = 0.0003, .r_ac_ohm_m = 0.000306};
    feeder::Wire const thin{.radius_m = 0.005, .gmr_m = 0.0014, .r_dc_ohm_m = 0.0003, .r_ac_ohm_m = 0.000306};
    return {{{thick, {}, -1.0, 9.0}, {thick, {}, 1.5, 9.0}, {thin, {}, 0.0, 7.5}}, 2};
}

feeder::Line const& line_of(feeder::Feeder const& f, std::string const& name) {
    for (auto id : f.lines.ids())
        if (f.lines.name(id) == name) return f.lines[id];
    FAIL("no line " << name);
    return f.lines.rows()[0];
}

void check_same(LineCode const& a, LineCode const& b) {
    CHECK(a.conductors == b.conductors);
    CHECK(a.form == b.form);
    CHECK(a.r_ohm == b.r_ohm);
    CHECK(a.x_ohm == b.x_ohm);
    CHECK(a.b_s == b.b_s);
}

std::vector<std::string> findings_of(test::CimModel const& model) {
    std::vector<std::string> lines;
    try {
        (void)io::parse_cim_xml(model.xml(), "some.xml");
    } catch (core::InvalidInput const& error) {
        for (auto const& finding : error.findings()) lines.push_back(core::one_line(finding));
    }
    return lines;
}

std::string finding_of(test::CimModel const& model) {
    auto const lines = findings_of(model);
    for (auto const& line : lines) UNSCOPED_INFO(line);
    REQUIRE(lines.size() == 1);
    return lines.front();
}

}  // namespace

TEST_CASE("a line is calculated from its wires, phases in the order of their numbers", "[io][cim][wires]") {
    auto const model = GENERATE(EarthModel::modified_carson, EarthModel::carson, EarthModel::deri);
    io::ReadOptions const options{.earth = {model, 250.0}};

    auto const read = io::parse_cim_xml(on_poles().xml(), "some.xml", options);

    auto const& line = line_of(read.feeder, "l2");
    REQUIRE(line.code.valid());
    CHECK(line.conductors == 2);
    CHECK(line.phases[0] == Phase::c);
    CHECK(line.phases[1] == Phase::b);
    CHECK(line.length_m == 100.0);
    CHECK(read.feeder.line_codes.name(line.code) == "pole");
    check_same(read.feeder.line_codes[line.code], feeder::line_constants(the_same_poles(), options.earth));
}

TEST_CASE("by default the earth is modified Carson's, and the report says so", "[io][cim][wires]") {
    auto const read = io::parse_cim_xml(on_poles().xml(), "some.xml");

    check_same(read.feeder.line_codes[line_of(read.feeder, "l2").code],
               feeder::line_constants(the_same_poles(), {EarthModel::modified_carson, 100.0}));
    CHECK(read.report.warnings().front() ==
          "ACLineSegment.WireSpacingInfo of l2: impedance calculated by the modified Carson earth model with 100 ohm m "
          "at 60 Hz");
}

TEST_CASE("the same wires are said through assets, backwards and in any order", "[io][cim][wires]") {
    auto const plain = io::parse_cim_xml(on_poles().xml(), "some.xml").feeder;
    auto assets = on_poles();
    for (auto const* phase : {"l2_C", "l2_B", "l2_N"}) {
        assets.remove(phase, "ACLineSegmentPhase.WireInfo");
        assets.add("Asset", std::string{"asset of "} + phase,
                   {{"Asset.PowerSystemResources", std::string{">"} + phase},
                    {"Asset.AssetInfo", phase == std::string_view{"l2_N"} ? ">thin" : ">thick"}});
    }
    assets.remove("l2", "ACLineSegment.WireSpacingInfo");
    assets.add("Asset", "poles", {{"Asset.PowerSystemResources", ">l2"}, {"Asset.AssetInfo", ">pole"}});
    auto turned = on_poles();
    turned.turn("ACLineSegmentPhase.WireInfo", "WireInfo.ACLineSegmentPhases");
    turned.turn("WirePosition.WireSpacingInfo", "WireSpacingInfo.WirePositions");
    turned.reverse_order();

    CHECK(feeder::differences(plain, io::parse_cim_xml(assets.xml(), "some.xml").feeder).empty());
    CHECK(feeder::differences(plain, io::parse_cim_xml(turned.xml(), "some.xml").feeder).empty());
}

TEST_CASE("a neutral may have any number", "[io][cim][wires]") {
    auto model = on_poles();
    model.set("l2_N", "ACLineSegmentPhase.sequenceNumber", "1");
    model.set("l2_C", "ACLineSegmentPhase.sequenceNumber", "2");
    model.set("l2_B", "ACLineSegmentPhase.sequenceNumber", "3");
    model.set("place 1", "WirePosition.sequenceNumber", "2");
    model.set("place 2", "WirePosition.sequenceNumber", "3");
    model.set("place 3", "WirePosition.sequenceNumber", "1");

    auto const read = io::parse_cim_xml(model.xml(), "some.xml");

    check_same(read.feeder.line_codes[line_of(read.feeder, "l2").code],
               feeder::line_constants(the_same_poles(), {EarthModel::modified_carson, 100.0}));
}

TEST_CASE("one spacing with other wires is another line code", "[io][cim][wires]") {
    auto model = on_poles();
    model.remove("l3", "ACLineSegment.PerLengthImpedance");
    model.set("l3", "ACLineSegment.WireSpacingInfo", ">pole");
    for (auto const& [phase, number] : {std::pair{"A", "1"}, std::pair{"B", "2"}, std::pair{"C", "3"}})
        model.add("ACLineSegmentPhase", std::string{"l3_"} + phase,
                  {{"ACLineSegmentPhase.ACLineSegment", ">l3"},
                   {"ACLineSegmentPhase.phase", std::string{"~SinglePhaseKind."} + phase},
                   {"ACLineSegmentPhase.sequenceNumber", number},
                   {"ACLineSegmentPhase.WireInfo", ">thick"}});

    auto const f = io::parse_cim_xml(model.xml(), "some.xml").feeder;

    CHECK(f.line_codes.name(line_of(f, "l2").code) == "pole");
    CHECK(f.line_codes.name(line_of(f, "l3").code) == "pole thick thick thick");
    CHECK(f.line_codes[line_of(f, "l3").code].conductors == 3);
}

TEST_CASE("several wires of a phase are a bundle", "[io][cim][wires]") {
    auto model = on_poles();
    model.set("pole", "WireSpacingInfo.phaseWireCount", "2");
    model.set("pole", "WireSpacingInfo.phaseWireSpacing", "0.3");
    auto geometry = the_same_poles();
    for (std::size_t i = 0; i < 2; ++i)
        geometry.conductors[i].wire = feeder::bundle(geometry.conductors[i].wire, 2, 0.3);

    auto const f = io::parse_cim_xml(model.xml(), "some.xml").feeder;

    check_same(f.line_codes[line_of(f, "l2").code],
               feeder::line_constants(geometry, {EarthModel::modified_carson, 100.0}));
}

TEST_CASE("what follows from other values of a wire is reported", "[io][cim][wires]") {
    auto model = on_poles();
    for (auto const* attribute : {"WireInfo.gmr", "WireInfo.rDC20", "WireInfo.rAC50"}) model.remove("thin", attribute);
    model.set("thin", "WireInfo.rAC75", "0.0003");

    auto const warnings = io::parse_cim_xml(model.xml(), "some.xml").report.warnings();

    auto const of_wires = std::ranges::count_if(warnings, [](auto const& w) { return w.starts_with("OverheadWire"); });
    CHECK(of_wires == 2);
    CHECK_THAT(warnings,
               VectorContains(std::string{"OverheadWireInfo.gmr of thin: absent: 0.7788 of the radius taken"}));
    CHECK_THAT(warnings,
               VectorContains(std::string{"OverheadWireInfo.rDC20 of thin: absent: AC resistance / 1.02 taken"}));
}

TEST_CASE("what is wrong about wires is named", "[io][cim][wires]") {
    auto model = on_poles();
    SECTION("no spacing") {
        model.remove("l2", "ACLineSegment.WireSpacingInfo");
        CHECK_THAT(finding_of(model), Contains("ACLineSegment l2") && Contains("has wires and 0 spacings"));
    }
    SECTION("a phase without wire") {
        model.remove("l2_B", "ACLineSegmentPhase.WireInfo");
        CHECK_THAT(finding_of(model), Contains("ACLineSegment l2") && Contains("has 1 of 3 conductors without a wire"));
    }
    SECTION("a position without conductor") {
        model.remove("l2_N");
        CHECK_THAT(finding_of(model), Contains("WireSpacingInfo pole") &&
                                          Contains("has 3 positions for the 2 conductors of ACLineSegment l2"));
    }
    SECTION("a conductor without position") {
        model.remove("place 3");
        CHECK_THAT(finding_of(model),
                   Contains("WireSpacingInfo pole") && Contains("has no position for conductor 3 of ACLineSegment l2"));
    }
    SECTION("no place") {
        model.remove("place 2", "WirePosition.yCoord");
        CHECK_THAT(findings_of(model).front(),
                   Contains("WirePosition place 2") && Contains("WirePosition.yCoord is missing"));
    }
    SECTION("two conductors in one place") {
        model.set("place 2", "WirePosition.xCoord", "-1");
        CHECK_THAT(finding_of(model), Contains("WireSpacingInfo pole") &&
                                          Contains("conductors 1 and 2 are in the same place, for example in") &&
                                          Contains("ACLineSegment l2"));
    }
    SECTION("a wire without resistance") {
        for (auto const* attribute : {"WireInfo.rDC20", "WireInfo.rAC50"}) model.remove("thick", attribute);
        CHECK_THAT(finding_of(model), Contains("conductor 1 has no positive resistance"));
    }
    SECTION("bundles without spacing") {
        model.set("pole", "WireSpacingInfo.phaseWireCount", "2");
        CHECK_THAT(finding_of(model), Contains("WireSpacingInfo pole") && Contains("bundles 2 wires of a phase 0 m"));
    }
    SECTION("a cable without data") {
        model.rename_class("thick", "ConcentricNeutralCableInfo");
        CHECK_THAT(findings_of(model).front(), Contains("ConcentricNeutralCableInfo thick") &&
                                                   Contains("CableInfo.diameterOverInsulation is missing"));
    }
}

TEST_CASE("wires that no line uses are left alone", "[io][cim][wires]") {
    auto model = test::small_model();
    model.add("TapeShieldCableInfo", "cable", {});

    auto const report = io::parse_cim_xml(model.xml(), "some.xml").report;

    CHECK(report.entries().at({"TapeShieldCableInfo", io::Use::ignored}).count == 1);
}

TEST_CASE("the line codes of IEEE13_Assets are OpenDSS's by all earth models", "[io][cim][wires][shared]") {
    // RMatrix, XMatrix, CMatrix of the lines of IEEE13_Assets.dss in DSS C-API 0.14.5 at 60 Hz, per metre, with
    // "set earthmodel" Carson, FullCarson and Deri
    struct Entry {
        std::string line;
        double r00, r01, r11, x00, x01, x11, b00;
    };
    auto const [model, entries] = GENERATE(table<EarthModel, std::vector<Entry>>({
        {EarthModel::modified_carson,
         {{"650632", 2.1327408298923517e-4, 9.852238656079675e-5, 2.197659024042596e-4, 6.523828820591876e-4,
           2.976919605517217e-4, 6.31522743791975e-4, 3.6231944497973837e-9},
          {"632645", 8.374499953842968e-4, 1.2933587686280747e-4, 8.409721828022638e-4, 8.448075738589193e-4,
           2.8699484599140524e-4, 8.387659018808471e-4, 2.9011407351393963e-9},
          {"692675", 4.959523671877811e-4, 1.9832186543558127e-4, 4.903229209485525e-4, 2.773254188910136e-4,
           2.039582149935003e-5, 2.5112053779163617e-4, 8.994286771764655e-8},
          {"684652", 8.161867231468957e-4, 0.0, 0.0, 4.30424401527043e-4, 0.0, 0.0, 6.271578259411058e-8}}},
        {EarthModel::carson,
         {{"650632", 2.130386022981855e-4, 9.830654641583274e-5, 2.195691169858744e-4, 6.53038871286944e-4,
           2.9833448895954205e-4, 6.321517316448807e-4, 3.6231944497973837e-9},
          {"692675", 4.959817810942153e-4, 1.983507046543758e-4, 4.903510619278789e-4, 2.7732448636489813e-4,
           2.0392872378681193e-5, 2.5111563936976373e-4, 8.994286771764655e-8},
          {"684652", 8.162179028026386e-4, 0.0, 0.0, 4.3046186646751724e-4, 0.0, 0.0, 6.271578259411058e-8}}},
        {EarthModel::deri,
         {{"650632", 2.1148472727205468e-4, 9.800311579299487e-5, 2.1792362654588228e-4, 6.538816728603686e-4,
           2.990582111423518e-4, 6.327557471346376e-4, 3.6231944497973837e-9},
          {"692675", 4.918853866468909e-4, 1.9874296538958144e-4, 4.8618719731135563e-4, 2.769501529870708e-4,
           1.9995464418019152e-5, 2.50697859421504e-4, 8.994286771764655e-8},
          {"684652", 8.029067881572987e-4, 0.0, 0.0, 4.292789461740204e-4, 0.0, 0.0, 6.271578259411058e-8}}},
    }));
    auto const path = test::shared_path("feeders/cim/IEEE13_Assets.xml");
    if (!path) return;

    auto const f = io::read_feeder(*path, {.earth = {model, 100.0}}).feeder;

    for (auto const& expected : entries) {
        CAPTURE(feeder::to_text(model), expected.line);
        auto const& code = f.line_codes[line_of(f, expected.line).code];
        // 0.3183 for 1/pi in the resistance of the tape makes 3e-6 of line 684652; constants of eight digits 5e-8 of all others
        auto const is = [](double value) { return Approx(value).epsilon(5e-6); };
        CHECK(code.r_ohm[0][0] == is(expected.r00));
        CHECK(code.r_ohm[0][1] == is(expected.r01));
        CHECK(code.r_ohm[1][1] == is(expected.r11));
        CHECK(code.x_ohm[0][0] == is(expected.x00));
        CHECK(code.x_ohm[0][1] == is(expected.x01));
        CHECK(code.x_ohm[1][1] == is(expected.x11));
        CHECK(code.b_s[0][0] == is(expected.b00));
    }
}
