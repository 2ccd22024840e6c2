#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "dec/core/error.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/cim.hpp"
#include "support/complete_feeder.hpp"
#include "support/places.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;
using core::Index;
using feeder::Feeder;

namespace {

using Lines = std::vector<std::string>;

Feeder reread(Feeder const& feeder) { return io::parse_cim_xml(io::to_cim_xml(feeder), "memory").feeder; }

/// One node of a written file.
struct Node {
    std::string class_name;
    std::multimap<std::string, std::string> properties;  ///< texts, and targets of links without "urn:uuid:"
    [[nodiscard]] std::string get(std::string const& attribute) const {
        auto const found = properties.find(attribute);
        return found == properties.end() ? "" : found->second;
    }
};

/// A reader of nothing but the shape of a written file: by identifier.
std::map<std::string, Node> nodes_of(std::string const& text) {
    static std::regex const pattern{
        R"re(<cim:([A-Za-z0-9]+) rdf:about="urn:uuid:([^"]*)">|  <cim:([A-Za-z0-9.]+)(?:>([^<]*)<| rdf:resource="(?:urn:uuid:)?([^"]*)"))re"};
    std::map<std::string, Node> nodes;
    Node* current = nullptr;
    for (std::sregex_iterator match{text.begin(), text.end(), pattern}, end; match != end; ++match) {
        auto const& m = *match;
        if (m[1].matched) {
            REQUIRE_FALSE(nodes.contains(m[2]));
            current = &nodes[m[2]];
            current->class_name = m[1];
        } else {
            current->properties.emplace(m[3], m[4].matched ? m[4] : m[5]);
        }
    }
    return nodes;
}

std::vector<Node> of_class(std::map<std::string, Node> const& nodes, std::string_view class_name) {
    std::vector<Node> found;
    for (auto const& [id, node] : nodes)
        if (node.class_name == class_name) found.push_back(node);
    return found;
}

template <class Change>
std::vector<core::Finding> refusals(Change const& change) {
    auto feeder = test::complete_feeder();
    change(feeder);
    try {
        (void)io::to_cim_xml(feeder);
    } catch (core::InvalidInput const& error) {
        return error.findings();
    }
    return {};
}

}  // namespace

TEST_CASE("the feeder that has everything is valid, so that what is written of it can be read", "[io]") {
    feeder::Notes notes;

    auto const tree = feeder::validate(test::complete_feeder(), notes);

    CHECK(tree.vertices.size() > 20);
}

TEST_CASE("what is written as CIM reads back as the same feeder, whatever is in it", "[io]") {
    auto const original = test::complete_feeder();

    auto const again = reread(original);

    CHECK(feeder::differences(original, again) == Lines{});
    CHECK(again.heading.region == "Région");
    CHECK(again.heading.mrid == original.heading.mrid);
}

TEST_CASE("mRIDs are written as they are, in whatever spelling", "[io]") {
    auto const original = test::complete_feeder();

    auto const again = reread(original);

    feeder::for_each_table(original, [&](std::string_view label, auto const& table) {
        if (label == "transformer code") return;  // those of three-phase transformers have no identity in CIM
        auto const mrids = [](auto const& of) {
            std::set<std::string> all;
            for (auto id : of.ids())
                if (!of.mrid(id).empty()) all.emplace(of.mrid(id));
            return all;
        };
        feeder::for_each_table(again, [&](std::string_view other, auto const& table_again) {
            CAPTURE(label);
            auto const expected = mrids(table);
            auto const found = mrids(table_again);
            if (other == label) CHECK(std::ranges::includes(found, expected));
        });
    });
}

TEST_CASE("public feeders survive being written to the last bit", "[io][shared]") {
    for (auto const* name : {"IEEE123.xml", "IEEE123_PV.xml", "IEEE13.xml", "IEEE13_Assets.xml", "IEEE37.xml",
                             "epri_ckt5.xml.gz", "ieee8500.xml.gz", "ieee9500.xml.gz"}) {
        auto const path = test::shared_path(std::string{"feeders/cim/"} + name);
        if (!path) continue;
        auto const original = io::read_cim_xml(*path).feeder;

        auto const text = io::to_cim_xml(original);
        auto const again = io::parse_cim_xml(text, "memory").feeder;

        CAPTURE(name);
        CHECK(feeder::differences(original, again, 0.0) == Lines{});
        CHECK(io::to_cim_xml(again) == text);
    }
}

TEST_CASE("the same feeder always gives the same file", "[io]") {
    auto const original = test::complete_feeder();

    CHECK(io::to_cim_xml(original) == io::to_cim_xml(original));
}

TEST_CASE("every node has a UUID of its own and every link leads to a node", "[io]") {
    static std::regex const uuid{"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"};
    auto const nodes = nodes_of(io::to_cim_xml(test::complete_feeder()));

    for (auto const& [id, node] : nodes) {
        CAPTURE(id, node.class_name);
        CHECK(std::regex_match(id, uuid));
        for (auto const& [attribute, value] : node.properties)
            if (std::regex_match(value, uuid) && attribute != "IdentifiedObject.mRID") {
                CAPTURE(attribute);
                CHECK(nodes.contains(value));
            }
    }
    CHECK(nodes.size() > 500);
}

TEST_CASE("elements without mRID that share a name stay apart", "[io]") {
    auto feeder = test::complete_feeder();
    auto const load = feeder.loads.rows()[0];
    feeder.loads.add(load, "twin");
    feeder.loads.add(load, "twin");

    CHECK(of_class(nodes_of(io::to_cim_xml(feeder)), "EnergyConsumer").size() == feeder.loads.size());
}

TEST_CASE("there are as many nodes of each class as the feeder has", "[io]") {
    auto const feeder = test::complete_feeder();
    auto const nodes = nodes_of(io::to_cim_xml(feeder));
    auto const count = [&](std::string_view class_name) { return of_class(nodes, class_name).size(); };

    CHECK(count("ConnectivityNode") == feeder.buses.size());
    CHECK(count("TopologicalNode") == feeder.buses.size());
    CHECK(count("ACLineSegment") == feeder.lines.size());
    CHECK(count("PowerTransformer") == feeder.banks.size());
    CHECK(count("PhotovoltaicUnit") == feeder.pv_systems.size());
    CHECK(count("BatteryUnit") == feeder.batteries.size());
    CHECK(count("PowerElectronicsConnection") == feeder.pv_systems.size() + feeder.batteries.size());
    CHECK(count("LinearShuntCompensator") == feeder.capacitors.size());
    CHECK(count("RegulatingControl") == 8);
    CHECK(count("TapChangerControl") == 3);
    CHECK(count("RatioTapChanger") == feeder.tap_changers.size());
    CHECK(count("SynchronousMachine") == feeder.machines.size());
    CHECK(count("Analog") + count("Discrete") == feeder.measurements.size());
    CHECK(count("FeederArea") + count("SwitchArea") + count("SecondaryArea") == feeder.areas.size());
    for (auto const* once : {"IEC61970CIMVersion", "CoordinateSystem", "GeographicalRegion", "SubGeographicalRegion",
                             "Substation", "Feeder", "TopologicalIsland", "DistributionArea", "EnergySource"}) {
        CAPTURE(once);
        CHECK(count(once) == 1);
    }
    CHECK(count("OperationalLimitType") == 6);
    CHECK(count("BaseVoltage") == 6);
    CHECK(count("VoltageLimit") == 4 * count("BaseVoltage"));
}

TEST_CASE("figures are written as a person would write them", "[io]") {
    auto const text = io::to_cim_xml(test::complete_feeder());

    for (auto const* figure :
         {"<cim:BaseVoltage.nominalVoltage>4160<", "<cim:BaseVoltage.nominalVoltage>208<",
          "<cim:EnergySource.voltageAngle>0.52359878<", "<cim:EnergyConsumer.p>100000<",
          "<cim:PerLengthSequenceImpedance.r>0.000551156<", "<cim:PerLengthSequenceImpedance.r0>0.001350357<",
          "<cim:ShortCircuitTest.loss>0.45<", "<cim:NoLoadTest.loss>0.05<",
          "<cim:LoadResponseCharacteristic.pConstantPower>70<", "<cim:Switch.open>False<"}) {
        CAPTURE(figure);
        CHECK(text.find(figure) != std::string::npos);
    }
}

TEST_CASE("service voltages are limited to the ranges of ANSI C84.1", "[io]") {
    std::map<std::string, double> limits;
    for (auto const& node : of_class(nodes_of(io::to_cim_xml(test::complete_feeder())), "VoltageLimit"))
        limits[node.get("IdentifiedObject.name")] = std::stod(node.get("VoltageLimit.value"));

    CHECK(limits.at("OpLimV_0.4800_RangeAHi") == Approx(504.0));
    CHECK(limits.at("OpLimV_0.4800_RangeALo") == Approx(456.0));
    CHECK(limits.at("OpLimV_4.1600_RangeBHi") == Approx(4402.6667).epsilon(1e-6));
    CHECK(limits.at("OpLimV_4.1600_RangeBLo") == Approx(3813.3333).epsilon(1e-6));
}

TEST_CASE("terminals between areas say which area each of them bounds", "[io]") {
    auto const nodes = nodes_of(io::to_cim_xml(test::complete_feeder()));
    std::map<std::string, std::string> bounds;
    for (auto const& node : of_class(nodes, "Terminal"))
        if (auto const area = node.get("Terminal.BoundedSchedulingArea"); !area.empty())
            bounds[node.get("IdentifiedObject.name")] = nodes.at(area).get("IdentifiedObject.name");

    // the service transformer between the switch area and its customers
    CHECK(bounds.at("tpoletop_T1") == "complete.1");
    CHECK(bounds.at("tpoletop_T2") == "complete.1.0");
    CHECK(bounds.at("tpoletop_T3") == "complete.1.0");
    // a line, a load and a tap changer's bank inside one area bound nothing
    for (auto const* inside : {"671684_T1", "kitchen_T1", "reg b_T2"}) {
        CAPTURE(inside);
        CHECK_FALSE(bounds.contains(inside));
    }
}

TEST_CASE("a line whose own impedance is no longer balanced keeps it as a matrix", "[io]") {
    auto original = test::complete_feeder();
    Index<feeder::Line> const line{2};
    auto& code = original.line_codes[original.lines[line].code];
    REQUIRE(code.form == feeder::LineCode::Form::whole_line);
    code.x_ohm[2][2] *= 1.5;
    auto const before = feeder::line_matrices(original, line);

    auto const again = reread(original);

    auto const after = feeder::line_matrices(again, line);
    REQUIRE(again.lines.name(line) == original.lines.name(line));
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t k = 0; k < 3; ++k) {
            CHECK(after.r_ohm[i][k] == Approx(before.r_ohm[i][k]).epsilon(1e-13));
            CHECK(after.x_ohm[i][k] == Approx(before.x_ohm[i][k]).epsilon(1e-13));
            CHECK(after.b_s[i][k] == Approx(before.b_s[i][k]).epsilon(1e-13));
            CHECK(after.g_s[i][k] == Approx(before.g_s[i][k]).epsilon(1e-13));
        }
}

TEST_CASE("short-circuit tests give the impedance back from mostly reactive to mostly resistive", "[io][property]") {
    auto const ratio = GENERATE(0.0, 0.1, 0.3, 1.0, 7.0, 100.0, 1e6);
    auto const seed = GENERATE(range(0, 20));
    auto original = test::complete_feeder();
    auto& test = original.transformer_codes.rows()[3].short_circuit[0];
    REQUIRE(original.transformer_codes.rows()[3].form == feeder::TransformerCode::Form::tank_tests);
    test.r_ohm = std::exp(std::sin(7.3 * seed) * 5.0);
    test.x_ohm = ratio * test.r_ohm;

    CHECK(feeder::differences(original, reread(original)) == Lines{});
}

TEST_CASE("what CIM has no words for is refused by name", "[io]") {
    auto const series = refusals([](Feeder& f) { f.series_compensators.rows()[0].phases = {feeder::Phase::a}; });
    auto const delta = refusals([](Feeder& f) {
        f.pv_systems.rows()[1].inverter.connection = feeder::Connection::delta;
        f.batteries.rows()[0].inverter.connection = feeder::Connection::delta;
    });
    auto const negative = refusals([](Feeder& f) { f.transformer_codes.rows()[4].short_circuit[1].x_ohm = -0.1; });
    auto const shared = refusals([](Feeder& f) {
        f.transformers.rows()[5].bank = f.transformers.rows()[0].bank;
        f.transformers.rows()[6].bank = {};
    });

    REQUIRE(series.size() == 1);
    CHECK(series[0].element == "series compensator hvmv_hsb");
    REQUIRE(delta.size() == 2);
    CHECK(delta[0].element == "pv roof");
    CHECK(delta[1].element == "battery battery 0");
    REQUIRE(negative.size() == 1);
    CHECK(negative[0].element == "transformer tpoletop");
    CHECK(negative[0].problem.find("-0.1 ohm") != std::string::npos);
    REQUIRE(shared.size() == 2);
    CHECK(shared[0].element.find("transformer sub3") == 0);
    CHECK(shared[1].element == "transformer pair cb");
}

TEST_CASE("a feeder goes to a file and back, compressed or not", "[io]") {
    test::TemporaryFolder const folder;
    auto const original = test::complete_feeder();

    io::write_feeder(original, folder / "plain.xml");
    io::write_feeder(original, folder / "small.xml.gz");

    CHECK(feeder::differences(original, io::read_feeder(folder / "plain.xml").feeder) == Lines{});
    CHECK(feeder::differences(original, io::read_feeder(folder / "small.xml.gz").feeder) == Lines{});
    CHECK(std::filesystem::file_size(folder / "small.xml.gz") * 4 < std::filesystem::file_size(folder / "plain.xml"));
    CHECK(folder.files() == 2);
}
