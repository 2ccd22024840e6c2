#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "dec/feeder/tree.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/synthesis/populate.hpp"
#include "support/places.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;

namespace {

std::string tables() { return test::source_path("inputs/ieee123"); }

/// A copy of the tables in which one text of one file is replaced.
class Spoilt {
  public:
    Spoilt(std::string const& file, std::string const& text, std::string const& by) {
        std::filesystem::copy(tables(), folder_.path());
        std::ifstream in{folder_ / file};
        std::string content{std::istreambuf_iterator<char>{in}, {}};
        auto const at = content.find(text);
        REQUIRE(at != std::string::npos);
        content.replace(at, text.size(), by);
        std::ofstream{folder_ / file} << content;
    }
    [[nodiscard]] std::string path() const { return folder_.path().string(); }

  private:
    test::TemporaryFolder folder_;
};

std::vector<core::Finding> findings_of(std::string const& folder) {
    try {
        (void)synthesis::read_tables(folder);
    } catch (core::InvalidInput const& error) {
        return error.findings();
    }
    return {};
}

bool close(feeder::Matrix3 const& a, feeder::Matrix3 const& b, double tolerance) {
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t k = 0; k < 3; ++k)
            if (std::abs(a[i][k] - b[i][k]) > tolerance * std::abs(b[i][k])) return false;
    return true;
}

template <class Row>
std::map<std::string, Row> by_name(feeder::Table<Row> const& table) {
    std::map<std::string, Row> rows;
    for (auto id : table.ids()) rows.emplace(table.name(id), table[id]);
    return rows;
}

}  // namespace

TEST_CASE("a table that is not UTF-8 is refused with its line", "[synthesis][tables]") {
    Spoilt const folder{"capacitors.csv", "c83", "c\xe9"};

    auto const findings = findings_of(folder.path());

    REQUIRE_FALSE(findings.empty());
    CHECK(std::ranges::count_if(findings, [](auto const& f) {
              return f.problem == "is not UTF-8" && f.element.starts_with("line ");
          }) == 1);
}

TEST_CASE("the tables hold the published IEEE 123 feeder and five utility PV systems", "[synthesis]") {
    auto const feeder = synthesis::read_tables(tables());

    auto const totals = feeder::totals(feeder);
    CHECK(totals.load_w == Approx(3490e3).epsilon(1e-12));
    CHECK(totals.load_var == Approx(1920e3).epsilon(1e-12));
    CHECK(totals.capacitor_var == Approx(750e3).epsilon(1e-12));
    CHECK(feeder.loads.size() == 91);
    CHECK(feeder.lines.size() == 118);
    CHECK(feeder.switches.size() == 8);
    CHECK(feeder.buses.size() == 130);
    REQUIRE(feeder.pv_systems.size() == 5);
    for (auto const& pv : feeder.pv_systems.rows()) {
        CHECK(pv.max_p_w >= 200e3);
        CHECK(pv.max_p_w <= 500e3);
        CHECK(feeder.buses[pv.inverter.bus].phases == feeder::PhaseSet::abc());
    }
    feeder::Notes notes;
    CHECK_NOTHROW(feeder::validate(feeder, notes));
}

TEST_CASE("the tables are the network of the platform's IEEE123.xml", "[synthesis][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE123.xml");
    if (!path) return;
    auto const ours = synthesis::read_tables(tables());
    auto const theirs = io::read_feeder(*path).feeder;

    SECTION("totals") {
        CHECK(feeder::totals(ours).load_w == Approx(feeder::totals(theirs).load_w).epsilon(1e-12));
        CHECK(feeder::totals(ours).load_var == Approx(feeder::totals(theirs).load_var).epsilon(1e-12));
        CHECK(feeder::totals(ours).nodes == feeder::totals(theirs).nodes);
    }
    SECTION("lines, to the digits published") {
        REQUIRE(ours.lines.size() == theirs.lines.size());
        std::map<std::string, core::Index<feeder::Line>> their_line;
        for (auto id : theirs.lines.ids()) their_line.emplace(theirs.lines.name(id), id);
        for (auto id : ours.lines.ids()) {
            CAPTURE(ours.lines.name(id));
            auto const found = their_line.find(std::string{ours.lines.name(id)});
            REQUIRE(found != their_line.end());
            auto const a = feeder::line_matrices(ours, id);
            auto const b = feeder::line_matrices(theirs, found->second);
            CHECK(close(a.r_ohm, b.r_ohm, 1e-6));
            CHECK(close(a.x_ohm, b.x_ohm, 1e-6));
            // The platform's capacitances were computed from the published susceptances with 377 rad/s for 2 pi 60.
            CHECK(close(a.b_s, b.b_s, 3e-5));
            CHECK(ours.buses.name(ours.lines[id].from) == theirs.buses.name(theirs.lines[found->second].from));
            CHECK(ours.buses.name(ours.lines[id].to) == theirs.buses.name(theirs.lines[found->second].to));
        }
    }
    SECTION("loads") {
        auto const our_loads = by_name(ours.loads);
        for (auto const& [name, load] : by_name(theirs.loads)) {
            CAPTURE(name);
            REQUIRE(our_loads.contains(name));
            auto const& mine = our_loads.at(name);
            CHECK(mine.connection == load.connection);
            CHECK(mine.phases == load.phases);
            for (std::size_t i = 0; i < 3; ++i) {
                CHECK(mine.p_w[i] == Approx(load.p_w[i]).epsilon(1e-7));
                CHECK(mine.q_var[i] == Approx(load.q_var[i]).epsilon(1e-7));
            }
            auto const& a = ours.load_models[mine.model];
            auto const& b = theirs.load_models[load.model];
            CHECK(a.p_impedance == Approx(b.p_impedance));
            CHECK(a.p_current == Approx(b.p_current));
            CHECK(a.q_power == Approx(b.q_power));
        }
    }
    SECTION("transformers, regulators, capacitors, switches and the source") {
        auto theirs_without_areas = by_name(theirs.transformers);
        for (auto const& [name, unit] : by_name(ours.transformers)) {
            CAPTURE(name);
            REQUIRE(theirs_without_areas.contains(name));
            auto const& other = theirs_without_areas.at(name);
            auto const& a = ours.transformer_codes[unit.code];
            auto const& b = theirs.transformer_codes[other.code];
            CHECK(a.form == b.form);
            CHECK(a.short_circuit[0].r_ohm == Approx(b.short_circuit[0].r_ohm).epsilon(1e-6));
            CHECK(a.short_circuit[0].x_ohm == Approx(b.short_circuit[0].x_ohm).epsilon(1e-6));
            for (std::size_t w = 0; w < 2; ++w) {
                CHECK(a.winding[w].rated_v == Approx(b.winding[w].rated_v));
                CHECK(a.winding[w].rated_va == Approx(b.winding[w].rated_va));
                CHECK(a.winding[w].connection == b.winding[w].connection);
                CHECK(unit.winding[w].conductors == other.winding[w].conductors);
                CHECK(unit.winding[w].grounded == other.winding[w].grounded);
            }
            CHECK(unit.winding[0].rating.normal_a == Approx(other.winding[0].rating.normal_a).epsilon(1e-6));
        }
        auto const our_taps = by_name(ours.tap_changers);
        for (auto const& [name, tap] : by_name(theirs.tap_changers)) {
            CAPTURE(name);
            REQUIRE(our_taps.contains(name));
            auto const& mine = our_taps.at(name);
            CHECK(mine.ct_ratio == Approx(tap.ct_ratio));
            CHECK(mine.neutral_v == Approx(tap.neutral_v));
            CHECK(mine.winding == tap.winding);
            CHECK(mine.control.target == Approx(tap.control.target));
            CHECK(mine.control.deadband == Approx(tap.control.deadband));
            CHECK(mine.control.line_drop_r_v == Approx(tap.control.line_drop_r_v));
            CHECK(mine.control.line_drop_x_v == Approx(tap.control.line_drop_x_v));
            CHECK(mine.control.min_limit_v == Approx(tap.control.min_limit_v));
            CHECK(mine.control.monitored_phase == tap.control.monitored_phase);
            CHECK(ours.buses.name(mine.control.monitored.bus) == theirs.buses.name(tap.control.monitored.bus));
        }
        auto const our_capacitors = by_name(ours.capacitors);
        for (auto const& [name, capacitor] : by_name(theirs.capacitors)) {
            CAPTURE(name);
            REQUIRE(our_capacitors.contains(name));
            CHECK(our_capacitors.at(name).phases == capacitor.phases);
            for (std::size_t i = 0; i < 3; ++i)
                CHECK(our_capacitors.at(name).b_per_section_s[i] == Approx(capacitor.b_per_section_s[i]).epsilon(1e-6));
        }
        auto const our_switches = by_name(ours.switches);
        for (auto const& [name, element] : by_name(theirs.switches)) {
            CAPTURE(name);
            REQUIRE(our_switches.contains(name));
            CHECK(our_switches.at(name).closed == element.closed);
            CHECK(our_switches.at(name).normally_open == element.normally_open);
        }
        CHECK(ours.sources.rows()[0].x_ohm == theirs.sources.rows()[0].x_ohm);
        CHECK(ours.sources.rows()[0].voltage_v == theirs.sources.rows()[0].voltage_v);
    }
    SECTION("coordinates") {
        auto const our_buses = by_name(ours.buses);
        for (auto const& [name, bus] : by_name(theirs.buses)) {
            CAPTURE(name);
            REQUIRE(our_buses.contains(name));
            CHECK(our_buses.at(name).base_v == Approx(bus.base_v));
            CHECK(our_buses.at(name).x == Approx(bus.x));
            CHECK(our_buses.at(name).y == Approx(bus.y));
        }
    }
}

TEST_CASE("what is wrong in a table is named with its file, line, column and value", "[synthesis]") {
    struct Case {
        char const *file, *text, *by, *element, *problem;
    };
    auto const c = GENERATE(
        Case{"loads.csv", "s1a,1,A,wye,40,", "s1a,1,A,wye,4o,", "line 2, column p_kw", "\"4o\" is no number"},
        Case{"loads.csv", "s2b,2,B,wye", "s2b,2,D,wye", "line 3, column phases", "\"D\""},
        Case{"loads.csv", "s2b,2,B,wye", "s2b,2,B,star", "line 3, column connection", "\"star\" is not known"},
        Case{"loads.csv", "s2b,2,B", "s2b,2000,B", "line 3, column bus", "\"2000\" is no bus"},
        Case{"loads.csv", "s2b,2,B", "s1a,2,B", "line 3, column name", "\"s1a\" stands twice"},
        Case{"loads.csv", "10,0,0,100", "10,0,0,90", "line 3, column power_percent", "100 %"},
        Case{"loads.csv", "current_percent", "current", "line 1, column current", "has no meaning"},
        Case{"lines.csv", "ABC,1,400", "ABC,13,400", "line 2, column line_code", "\"13\" is no line code"},
        Case{"lines.csv", "ABC,1,400", "AB,1,400", "line 2, column phases", "\"AB\" do not fit"},
        Case{"lines.csv", "ABC,1,400", "ABC,1,-400", "line 2, column length_ft", "\"-400\" is not positive"},
        Case{"lines.csv", "ABC,1,400", "ABC,1", "line 2", "has 5 cells"},
        Case{"regulators.csv", ",2,120,", ",17,120,", "line 2, column tap_step", "\"17\" is out of range"},
        Case{"switches.csv", "closed,closed", "closed,shut", "line 2, column position", "\"shut\" is not known"},
        Case{"settings.csv", "0.35", "much", "line 5, column value", "\"much\" is no number"},
        Case{"pv.csv", "rated_kva", "kva", "line 1, column rated_kva", "is missing"});
    Spoilt const spoilt{c.file, c.text, c.by};

    auto const findings = findings_of(spoilt.path());

    CAPTURE(c.file, c.text, c.by);
    auto const named = [&](core::Finding const& f) {
        return f.file == spoilt.path() + "/" + c.file && f.element == c.element &&
               f.problem.find(c.problem) != std::string::npos;
    };
    for (auto const& f : findings) UNSCOPED_INFO(core::one_line(f));
    CHECK(std::count_if(findings.begin(), findings.end(), named) == 1);
}

TEST_CASE("a folder without tables names every table that is missing", "[synthesis]") {
    test::TemporaryFolder const folder;

    auto const findings = findings_of(folder.path().string());

    CHECK(findings.size() == 11);
    for (auto const& finding : findings) CHECK(finding.problem == "cannot be read");
}

TEST_CASE("settings say what a run without options does", "[synthesis]") {
    auto const options = synthesis::read_settings(tables());

    CHECK(options.seed == 1);
    CHECK(options.pv_penetration.value() == 0.6);
    CHECK(options.load_scale == 0.35);
}
