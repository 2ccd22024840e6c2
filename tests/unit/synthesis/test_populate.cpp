#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "dec/feeder/areas.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/synthesis/populate.hpp"
#include "support/places.hpp"

using namespace dec;
using feeder::Phase;
using feeder::PhaseSet;

namespace {

std::string tables() { return test::source_path("inputs/ieee123"); }

feeder::Feeder populated(synthesis::PopulateOptions const& options) {
    auto feeder = synthesis::read_tables(tables());
    (void)synthesis::populate(feeder, options);
    return feeder;
}

/// Primary phase that each energised bus of a secondary hangs from.
std::map<std::int32_t, Phase> primary_phase_of_secondaries(feeder::Feeder const& feeder) {
    std::map<std::int32_t, Phase> phase;
    for (auto const& unit : feeder.transformers.rows())
        if (unit.phases(1).has_legs()) phase[unit.winding[1].bus.value()] = *unit.phases(0).list().begin();
    for (auto const& line : feeder.lines.rows())
        if (line.phase_set().has_legs()) phase[line.to.value()] = phase.at(line.from.value());
    return phase;
}

/// Sums per primary bus and phase.
using SpotLoads = std::map<std::pair<std::string, Phase>, std::array<double, 2>>;

SpotLoads spot_loads(feeder::Feeder const& feeder) {
    std::map<std::int32_t, std::int32_t> primary_bus;
    for (auto const& unit : feeder.transformers.rows())
        if (unit.phases(1).has_legs()) primary_bus[unit.winding[1].bus.value()] = unit.winding[0].bus.value();
    for (auto const& line : feeder.lines.rows())
        if (line.phase_set().has_legs()) primary_bus[line.to.value()] = primary_bus.at(line.from.value());
    auto const phases = primary_phase_of_secondaries(feeder);
    SpotLoads sums;
    for (auto const& load : feeder.loads.rows()) {
        auto const at = primary_bus.find(load.bus.value());
        auto const bus = at == primary_bus.end() ? load.bus : core::Index<feeder::Bus>{at->second};
        for (Phase p : load.phases.list()) {
            auto const key =
                std::pair{std::string{feeder.buses.name(bus)}, feeder::is_leg(p) ? phases.at(load.bus.value()) : p};
            sums[key][0] += load.p_w[slot(p)];
            sums[key][1] += load.q_var[slot(p)];
        }
    }
    return sums;
}

std::map<std::string, feeder::PvSystem> rooftops(feeder::Feeder const& feeder) {
    std::map<std::string, feeder::PvSystem> found;
    for (auto id : feeder.pv_systems.ids())
        if (feeder.pv_systems[id].inverter.phases.has_legs())
            found.emplace(feeder.pv_systems.name(id), feeder.pv_systems[id]);
    return found;
}

std::map<std::string, double> drop_lengths(feeder::Feeder const& feeder) {
    std::map<std::string, double> found;
    for (auto id : feeder.lines.ids())
        if (feeder.lines[id].phase_set().has_legs()) found.emplace(feeder.lines.name(id), feeder.lines[id].length_m);
    return found;
}

double total(feeder::PerPhase const& values) { return values[0] + values[1] + values[2]; }

}  // namespace

TEST_CASE("houses draw what the spot load drew, per bus and phase", "[synthesis]") {
    auto const before = spot_loads(synthesis::read_tables(tables()));
    auto const scale = GENERATE(1.0, 0.35);

    auto const after = spot_loads(populated({.load_scale = scale}));

    REQUIRE(after.size() == before.size());
    for (auto const& [key, sum] : before) {
        CAPTURE(key.first, feeder::to_text(key.second));
        CHECK(after.at(key)[0] == Approx(scale * sum[0]).epsilon(1e-12));
        CHECK(after.at(key)[1] == Approx(scale * sum[1]).epsilon(1e-12));
    }
}

TEST_CASE("only single-phase wye loads of the primary become secondaries", "[synthesis]") {
    auto const before = synthesis::read_tables(tables());
    auto const after = populated({});

    std::set<std::string> stayed;
    for (auto id : after.loads.ids())
        if (!after.loads[id].phases.has_legs()) stayed.emplace(after.loads.name(id));
    std::size_t replaced = 0;
    for (auto id : before.loads.ids()) {
        auto const& load = before.loads[id];
        bool const goes = load.connection == feeder::Connection::wye && load.phases.size() == 1;
        replaced += goes ? 1 : 0;
        CAPTURE(before.loads.name(id));
        CHECK(stayed.contains(std::string{before.loads.name(id)}) != goes);
    }
    CHECK(stayed.size() + replaced == before.loads.size());
}

TEST_CASE("every service transformer is the smallest that the spot load fills to 80 % at most", "[synthesis]") {
    auto const before = synthesis::read_tables(tables());
    auto const after = populated({});
    std::map<std::string, double> kva_of;
    for (auto id : after.transformers.ids()) {
        auto const& code = after.transformer_codes[after.transformers[id].code];
        if (code.windings == 3) kva_of.emplace(after.transformers.name(id), code.winding[0].rated_va / 1000.0);
    }

    std::size_t checked = 0;
    for (auto id : before.loads.ids()) {
        auto const& load = before.loads[id];
        if (load.connection == feeder::Connection::delta || load.phases.size() != 1) continue;
        double const kw = total(load.p_w) / 1000.0;
        double expected = 0.0;
        for (double kva : {100.0, 75.0, 50.0, 25.0})
            if (kw / kva <= 0.8) expected = kva;
        CAPTURE(before.loads.name(id), kw);
        CHECK(kva_of.at("xf_" + std::string{before.loads.name(id)}) == expected);
        ++checked;
    }
    CHECK(checked == kva_of.size());
}

TEST_CASE("service transformers have the winding data of the platform's ct25, ct50 and ct100", "[synthesis][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return;
    auto const platform = io::read_feeder(*path).feeder;
    std::map<double, feeder::TransformerCode> theirs;
    for (auto const& code : platform.transformer_codes.rows())
        if (code.windings == 3) theirs.emplace(code.winding[0].rated_va, code);
    REQUIRE(theirs.size() == 3);

    std::size_t compared = 0;
    auto const after = populated({});
    for (auto const& code : after.transformer_codes.rows()) {
        if (code.windings != 3) continue;
        auto const& other = theirs.at(code.winding[0].rated_va);
        for (std::size_t w = 0; w < 3; ++w) {
            CHECK(code.winding[w].rated_v == Approx(other.winding[w].rated_v).epsilon(1e-6));
            CHECK(code.winding[w].r_ohm == Approx(other.winding[w].r_ohm).epsilon(1e-6));
            CHECK(code.winding[w].clock == other.winding[w].clock);
            CHECK(code.short_circuit[w].r_ohm == Approx(other.short_circuit[w].r_ohm).epsilon(1e-5));
            CHECK(code.short_circuit[w].x_ohm == Approx(other.short_circuit[w].x_ohm).epsilon(1e-5));
        }
        CHECK(code.no_load_w == Approx(other.no_load_w).epsilon(1e-5));
        CHECK(code.no_load_var == Approx(other.no_load_var).epsilon(1e-5));
        ++compared;
    }
    CHECK(compared == 3);
}

TEST_CASE("a spot load larger than any service transformer gets several, none above 80 %", "[synthesis]") {
    auto const kw = GENERATE(80.0, 81.0, 159.0, 160.0, 161.0, 1000.0);
    auto feeder = synthesis::read_tables(tables());
    feeder.loads.rows()[0].p_w = {1000.0 * kw, 0.0, 0.0};
    auto const name = std::string{feeder.loads.name(core::Index<feeder::Load>{0})};
    (void)synthesis::populate(feeder, {});

    std::map<std::int32_t, double> kw_behind, kva_behind;
    for (auto id : feeder.transformers.ids())
        if (feeder.transformers.name(id).ends_with("_" + name))
            kva_behind[feeder.transformers[id].winding[1].bus.value()] =
                feeder.transformer_codes[feeder.transformers[id].code].winding[0].rated_va / 1000.0;
    for (auto const& line : feeder.lines.rows())
        for (auto const& load : feeder.loads.rows())
            if (load.bus == line.to && kva_behind.contains(line.from.value()))
                kw_behind[line.from.value()] += total(load.p_w) / 1000.0;

    CAPTURE(kw);
    CHECK(kva_behind.size() >= static_cast<std::size_t>(std::ceil(kw / 80.0)));
    double sum = 0.0;
    for (auto const& [bus, kva] : kva_behind) {
        CHECK(kw_behind.at(bus) / kva <= 0.8 + 1e-9);
        sum += kw_behind.at(bus);
    }
    CHECK(sum == Approx(kw));
}

TEST_CASE("there is a house for each 3.5 kW, on a drop of its own of 15 to 45 m", "[synthesis]") {
    auto const before = synthesis::read_tables(tables());
    auto feeder = before;
    auto const added = synthesis::populate(feeder, {});

    std::int64_t expected = 0;
    for (auto const& load : before.loads.rows())
        if (load.connection == feeder::Connection::wye && load.phases.size() == 1)
            expected += std::max<std::int64_t>(1, std::llround(total(load.p_w) / 3500.0));
    auto const lengths = drop_lengths(feeder);
    CHECK(added.houses == expected);
    CHECK(lengths.size() == static_cast<std::size_t>(expected));
    for (auto const& [name, length] : lengths) {
        CAPTURE(name);
        CHECK(length >= 15.0);
        CHECK(length <= 45.0 + 1e-9);
    }
    auto const [shortest, longest] =
        std::ranges::minmax_element(lengths, {}, [](auto const& entry) { return entry.second; });
    CHECK(shortest->second < 16.0);
    CHECK(longest->second > 44.0);
}

TEST_CASE("60 % of the houses have 3 to 10 kW of PV, half on each leg", "[synthesis]") {
    auto feeder = synthesis::read_tables(tables());
    auto const added = synthesis::populate(feeder, {});

    auto const systems = rooftops(feeder);
    CHECK(added.rooftop_pv == std::llround(0.6 * static_cast<double>(added.houses)));
    CHECK(systems.size() == static_cast<std::size_t>(added.rooftop_pv));
    CHECK(added.utility_pv == 5);
    CHECK(added.first_pv.value() == 5);
    double sum = 0.0;
    for (auto const& [name, pv] : systems) {
        CAPTURE(name);
        CHECK(pv.max_p_w >= 3000.0);
        CHECK(pv.max_p_w <= 10000.0);
        CHECK(pv.inverter.p_w[0] == pv.inverter.p_w[1]);
        CHECK(total(pv.inverter.p_w) == Approx(pv.max_p_w));
        CHECK(pv.inverter.rated_va >= pv.max_p_w);
        sum += pv.max_p_w;
    }
    CHECK(sum / static_cast<double>(systems.size()) == Approx(6500.0).margin(300.0));  // three standard errors
}

TEST_CASE("a higher penetration adds systems and changes none", "[synthesis]") {
    auto const few = rooftops(populated({.pv_penetration = 0.3}));
    auto const many = rooftops(populated({.pv_penetration = 0.8}));
    auto const none = rooftops(populated({.pv_penetration = 0.0}));

    CHECK(none.empty());
    CHECK(few.size() < many.size());
    for (auto const& [name, pv] : few) {
        CAPTURE(name);
        REQUIRE(many.contains(name));
        CHECK(many.at(name).max_p_w == pv.max_p_w);
    }
}

TEST_CASE("the same seed gives the same feeder, another seed another", "[synthesis]") {
    auto const once = populated({.seed = 7});
    auto const again = populated({.seed = 7});
    auto const other = populated({.seed = 8});

    CHECK(feeder::differences(once, again).empty());
    CHECK(!feeder::differences(once, other).empty());
    CHECK(drop_lengths(once) != drop_lengths(other));
    CHECK(once.loads.size() == other.loads.size());
}

TEST_CASE("what is drawn for one house does not depend on other spot loads", "[synthesis]") {
    auto feeder = synthesis::read_tables(tables());
    feeder.loads.rows()[0].p_w[0] *= 3.0;  // more houses at the first load
    auto const all = synthesis::PopulateOptions{.pv_penetration = 1.0};
    (void)synthesis::populate(feeder, all);
    auto const unchanged = populated(all);

    auto const lengths = drop_lengths(feeder);
    auto const systems = rooftops(feeder);
    CHECK(lengths.size() > drop_lengths(unchanged).size());
    for (auto const& [name, length] : drop_lengths(unchanged)) CHECK(lengths.at(name) == length);
    for (auto const& [name, pv] : rooftops(unchanged)) CHECK(systems.at(name).max_p_w == pv.max_p_w);
}

TEST_CASE("populating again adds nothing", "[synthesis]") {
    auto feeder = populated({});
    auto const before = feeder;

    auto const added = synthesis::populate(feeder, {});

    CHECK(added.service_transformers == 0);
    CHECK(added.houses == 0);
    CHECK(added.rooftop_pv == 0);
    CHECK(feeder::differences(before, feeder).empty());
}

TEST_CASE("the demonstration feeder is valid and has areas, coordinates and measurements throughout", "[synthesis]") {
    auto const feeder = populated(synthesis::read_settings(tables()));

    SECTION("validation finds nothing") {
        feeder::Notes notes;
        CHECK_NOTHROW(feeder::validate(feeder, notes));
        CHECK(notes.warnings.empty());
    }
    SECTION("one secondary area for each service transformer") {
        std::map<feeder::Area::Kind, std::size_t> areas;
        for (auto const& area : feeder.areas.rows()) ++areas[area.kind];
        CHECK(areas[feeder::Area::Kind::feeder] == 1);
        CHECK(areas[feeder::Area::Kind::switch_delimited] == 6);
        CHECK(areas[feeder::Area::Kind::secondary] == 82 + 1);  // and xfm1
        for (auto const& load : feeder.loads.rows()) {
            auto const kind = feeder.areas[load.area].kind;
            CHECK((kind == feeder::Area::Kind::secondary) == load.phases.has_legs());
        }
    }
    SECTION("every bus is on the map, and no two houses at one place") {
        std::set<std::pair<double, double>> places;
        std::size_t houses = 0;
        for (auto const& load : feeder.loads.rows()) {
            if (!load.phases.has_legs()) continue;
            places.emplace(feeder.buses[load.bus].x, feeder.buses[load.bus].y);
            ++houses;
        }
        CHECK(places.size() == houses);
        for (auto const& bus : feeder.buses.rows()) CHECK((std::isfinite(bus.x) && std::isfinite(bus.y)));
    }
    SECTION("every node has a voltage, every device a power, every switch, capacitor and tap a position") {
        using Type = feeder::Measurement::Type;
        using Kind = feeder::ElementKind;
        std::map<std::int32_t, PhaseSet> voltage;
        std::map<std::tuple<Type, Kind, std::int32_t>, PhaseSet> measured;
        for (auto const& row : feeder.measurements.rows()) {
            if (row.type == Type::voltage) voltage[row.at.bus.value()] = voltage[row.at.bus.value()] | row.phases;
            auto& phases = measured[{row.type, row.at.kind, row.at.element}];
            phases = phases | row.phases;
            CHECK(row.discrete == (row.type == Type::position));
        }
        for (auto id : feeder.buses.ids()) CHECK(voltage[id.value()] == feeder.buses[id].phases);
        for (auto id : feeder.pv_systems.ids())
            CHECK(measured[{Type::power, Kind::pv, id.value()}] == feeder.pv_systems[id].inverter.phases);
        for (auto id : feeder.lines.ids())
            CHECK(measured[{Type::power, Kind::line, id.value()}] == feeder.lines[id].phase_set());
        for (auto id : feeder.loads.ids()) CHECK(!measured[{Type::power, Kind::load, id.value()}].empty());
        for (auto id : feeder.switches.ids()) {
            CHECK(measured[{Type::position, Kind::switch_, id.value()}] == feeder.switches[id].phases);
            CHECK(measured[{Type::current, Kind::switch_, id.value()}] == feeder.switches[id].phases);
        }
        for (auto id : feeder.capacitors.ids())
            CHECK(measured[{Type::position, Kind::capacitor, id.value()}] == feeder.capacitors[id].phases);
        for (auto const& tap : feeder.tap_changers.rows()) {
            auto const& unit = feeder.transformers[tap.transformer];
            CHECK(measured[{Type::position, Kind::bank, unit.bank.value()}].contains(unit.phases(1)));
        }
    }
    SECTION("mRIDs are unique") {
        std::set<std::string> seen;
        std::size_t all = 0;
        feeder::for_each_table(feeder, [&](std::string_view label, auto const& table) {
            if (label == "transformer" || label == "transformer code") return;  // three-phase units share their bank's
            for (auto id : table.ids()) seen.emplace(table.mrid(id));
            all += table.size();
        });
        CHECK(seen.size() == all);
    }
}

TEST_CASE("any public feeder can be populated and is valid afterwards", "[synthesis][shared]") {
    std::string const file = GENERATE("IEEE123.xml", "IEEE123_PV.xml", "IEEE13.xml", "IEEE37.xml", "ieee8500.xml.gz");
    auto const path = test::shared_path("feeders/cim/" + file);
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    auto const before = feeder::totals(feeder);
    auto const had = feeder.pv_systems.size();

    auto const added = synthesis::populate(feeder, {.pv_penetration = 0.5});

    CAPTURE(file);
    feeder::Notes notes;
    CHECK_NOTHROW(feeder::validate(feeder, notes));
    auto const after = feeder::totals(feeder);
    CHECK(after.load_w == Approx(before.load_w).epsilon(1e-12));
    CHECK(after.load_var == Approx(before.load_var).epsilon(1e-12));
    CHECK(added.rooftop_pv > 0);
    CHECK(feeder.pv_systems.size() == had + static_cast<std::size_t>(added.rooftop_pv));
    CHECK(feeder.pv_connection_names.size() == feeder.pv_systems.size());
    for (auto const& load : feeder.loads.rows()) CHECK(load.area.valid());
    for (auto const& pv : feeder.pv_systems.rows()) {
        CHECK(pv.area.valid());
        CHECK(feeder.buses[pv.inverter.bus].phases.contains(pv.inverter.phases));
    }
    auto twice = feeder;
    CHECK(synthesis::populate(twice, {.pv_penetration = 0.5}).rooftop_pv == 0);
    CHECK(feeder::differences(feeder, twice).empty());
}

TEST_CASE("customers between phases get three-phase systems in proportion to their load", "[synthesis][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE37.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    std::map<std::int32_t, double> load_w;
    for (auto const& load : feeder.loads.rows()) load_w[load.bus.value()] += total(load.p_w);

    (void)synthesis::populate(feeder, {.pv_penetration = 1.0});

    CHECK(feeder.pv_systems.size() == load_w.size());
    for (auto const& pv : feeder.pv_systems.rows()) {
        CHECK(pv.inverter.phases == PhaseSet::abc());
        CHECK(pv.inverter.p_w[0] == Approx(pv.inverter.p_w[2]));
        auto const houses = static_cast<double>(std::llround(load_w.at(pv.inverter.bus.value()) / 3500.0));
        CHECK(pv.max_p_w >= 3000.0 * houses);
        CHECK(pv.max_p_w <= 10000.0 * houses);
    }
}

TEST_CASE("options out of range are refused by name", "[synthesis]") {
    auto feeder = synthesis::read_tables(tables());

    try {
        (void)synthesis::populate(feeder, {.pv_penetration = 1.5, .load_scale = -1.0});
        FAIL("accepted");
    } catch (core::InvalidInput const& error) {
        REQUIRE(error.findings().size() == 2);
        CHECK(error.findings()[0].element == "--pv-penetration");
        CHECK(error.findings()[1].element == "--load-scale");
    }
    CHECK(feeder::differences(feeder, synthesis::read_tables(tables())).empty());
}

TEST_CASE("a load to neutral in a network without a neutral stays, and gets three-phase PV", "[synthesis][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE37.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    auto& load = feeder.loads.rows()[0];
    load.connection = feeder::Connection::wye;
    load.phases = {Phase::a};
    load.p_w = {70e3, 0.0, 0.0};
    auto const bus = load.bus;

    auto const added = synthesis::populate(feeder, {.pv_penetration = 1.0});

    CHECK(added.service_transformers == 0);
    auto const pv = std::ranges::find(feeder.pv_systems.rows(), bus, [](auto const& row) { return row.inverter.bus; });
    REQUIRE(pv != feeder.pv_systems.rows().end());
    CHECK(pv->inverter.phases == PhaseSet::abc());
}

TEST_CASE("a feeder that is not valid is not populated", "[synthesis]") {
    auto feeder = synthesis::read_tables(tables());
    feeder.lines.rows()[0].to = {};

    CHECK_THROWS_AS(synthesis::populate(feeder, {}), core::InvalidInput);
}
