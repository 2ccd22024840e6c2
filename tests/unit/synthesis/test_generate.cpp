/// Generated feeders: as many buses as asked, always valid, always the same, of the mix and the voltages they promise.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/feeder/fields.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/synthesis/generate.hpp"
#include "support/linear_answer.hpp"

namespace {

using namespace dec;
using synthesis::generate;
using synthesis::GenerateOptions;

std::vector<std::string> every_difference(feeder::Feeder const& a, feeder::Feeder const& b) {
    return feeder::differences(a, b, 0.0);
}

}  // namespace

TEST_CASE("a feeder of any size is valid and has exactly the buses asked for, all energised", "[synthesis][generate]") {
    for (std::int64_t buses : {20, 21, 33, 100, 999, 6000, 25000}) {
        for (std::uint64_t seed : {1U, 2U, 3U}) {
            CAPTURE(buses, seed);
            auto const feeder = generate({.buses = buses, .seed = seed});
            feeder::Notes notes;
            auto const tree = feeder::validate(feeder, notes);

            CHECK(feeder.buses.size() == static_cast<std::size_t>(buses));
            CHECK(std::ranges::count(tree.vertex_of_bus, -1) == 0);
            CHECK(notes.warnings.empty());
        }
    }
}

TEST_CASE("phases of generated buses are those of what is attached to them, areas are complete",
          "[synthesis][generate]") {
    auto const feeder = generate({.buses = 15000});
    auto again = feeder;
    again.derive_bus_phases();
    again.areas = {};
    auto const forget = [](auto& table) {
        for (auto& row : table.rows()) row.area = {};
    };
    forget(again.lines);
    forget(again.switches);
    forget(again.banks);
    forget(again.transformers);
    forget(again.loads);
    forget(again.capacitors);
    forget(again.pv_systems);
    forget(again.sources);
    feeder::derive_areas(again);

    CHECK(every_difference(feeder, again).empty());
}

TEST_CASE("the same options give the same feeder and another seed another one", "[synthesis][generate]") {
    GenerateOptions const options{.buses = 800, .seed = 5};

    CHECK(every_difference(generate(options), generate(options)).empty());
    CHECK_FALSE(every_difference(generate(options), generate({.buses = 800, .seed = 6})).empty());
}

TEST_CASE("a tenth of the buses has three phases, a fifth is other primary, the rest secondary",
          "[synthesis][generate]") {
    auto const feeder = generate({.buses = 60000});
    double three = 0.0, other = 0.0, secondary = 0.0;
    for (auto const& bus : feeder.buses.rows()) {
        if (bus.phases.has_legs()) ++secondary;
        else (bus.phases.size() == 3 ? three : other) += 1.0;
    }
    auto const all = static_cast<double>(feeder.buses.size());

    CHECK(three / all == Approx(0.10).margin(0.01));
    CHECK(other / all == Approx(0.20).margin(0.02));
    CHECK(secondary / all == Approx(0.70).margin(0.02));
    std::size_t two_phase = 0;
    for (auto const& bus : feeder.buses.rows()) two_phase += bus.phases.size() == 2 && !bus.phases.has_legs() ? 1 : 0;
    CHECK(two_phase > 0);
}

TEST_CASE("a generated region has everything a feeder is made of", "[synthesis][generate]") {
    auto const feeder = generate({.buses = 20000});

    CHECK(feeder.capacitors.size() >= 4);
    CHECK(feeder.tap_changers.size() >= 3);
    CHECK(std::ranges::any_of(feeder.switches.rows(), [](auto const& s) { return s.normally_open; }));
    for (auto kind : {feeder::Switch::Kind::breaker, feeder::Switch::Kind::load_break_switch,
                      feeder::Switch::Kind::recloser, feeder::Switch::Kind::fuse})
        CHECK(std::ranges::any_of(feeder.switches.rows(), [&](auto const& s) { return s.kind == kind; }));
    for (auto kind : {feeder::Area::Kind::feeder, feeder::Area::Kind::switch_delimited, feeder::Area::Kind::secondary})
        CHECK(std::ranges::any_of(feeder.areas.rows(), [&](auto const& a) { return a.kind == kind; }));
    CHECK(std::ranges::any_of(feeder.pv_systems.rows(),
                              [](auto const& pv) { return pv.inverter.phases == feeder::PhaseSet::abc(); }));
    CHECK(std::ranges::all_of(feeder.buses.rows(), [](auto const& b) { return std::isfinite(b.x + b.y); }));
    double const load_per_customer_w = totals(feeder).load_w / static_cast<double>(feeder.loads.size());
    CHECK(load_per_customer_w > 1000.0);
    CHECK(load_per_customer_w < 2500.0);
}

TEST_CASE("without photovoltaics every voltage of a generated feeder is between 0.95 and 1.05",
          "[synthesis][generate]") {
    for (std::uint64_t seed : {1U, 2U, 3U, 4U}) {
        CAPTURE(seed);
        auto const feeder = generate({.buses = 15000, .seed = seed, .pv_penetration = 0.0});
        REQUIRE(feeder.pv_systems.empty());
        test::LinearAnswer const answer{feeder};
        double lowest = 2.0, highest = 0.0;
        for (auto id : feeder.buses.ids())
            for (auto phase : feeder.buses[id].phases.list()) {
                double const v_pu = std::sqrt(answer.v_sq(id, phase));
                lowest = std::min(lowest, v_pu);
                highest = std::max(highest, v_pu);
            }
        CHECK(lowest > 0.95);
        CHECK(highest < 1.05);
    }
}

TEST_CASE("a larger share adds photovoltaics to houses and changes none", "[synthesis][generate]") {
    auto const few = generate({.buses = 2000, .pv_penetration = 0.2});
    auto const many = generate({.buses = 2000, .pv_penetration = 0.7});

    REQUIRE(few.pv_systems.size() > 100);
    std::size_t found = 0;
    std::size_t next = 0;
    for (auto id : few.pv_systems.ids()) {
        while (next < many.pv_systems.size() &&
               many.pv_systems.name(core::Index<feeder::PvSystem>{next}) != few.pv_systems.name(id))
            ++next;
        if (next == many.pv_systems.size()) break;
        found += many.pv_systems.rows()[next].max_p_w == few.pv_systems[id].max_p_w ? 1 : 0;
    }
    CHECK(found == few.pv_systems.size());
    auto const houses = static_cast<double>(many.loads.size());
    CHECK(static_cast<double>(many.pv_systems.size()) / houses == Approx(0.7).margin(0.05));
}

TEST_CASE("a feeder alone has the loads and photovoltaics it has in its network", "[synthesis][generate]") {
    synthesis::Generator const generator{{.buses = 15000, .seed = 3}};
    REQUIRE(generator.feeders() == 3);
    auto const network = generate(generator.options());

    double load_w = 0.0, pv_w = 0.0;
    std::size_t buses = 1;
    for (std::int64_t number = 0; number < 3; ++number) {
        auto const alone = generator.alone(number);
        feeder::Notes notes;
        static_cast<void>(feeder::validate(alone, notes));
        load_w += totals(alone).load_w;
        pv_w += totals(alone).pv_w;
        buses += alone.buses.size() - 1;
    }
    CHECK(buses == network.buses.size());
    CHECK(load_w == Approx(totals(network).load_w).epsilon(1e-12));
    CHECK(pv_w == Approx(totals(network).pv_w).epsilon(1e-12));
}

TEST_CASE("feeders grown apart, last first, are the rows of the network grown in one go", "[synthesis][generate]") {
    synthesis::Generator const generator{{.buses = 20000, .seed = 2}};
    REQUIRE(generator.feeders() == 3);
    auto const whole = generate(generator.options());
    std::vector<synthesis::GrownBefore> before(1);
    for (std::int64_t number = 0; number < 3; ++number) {
        feeder::Feeder counted;
        before.push_back(before.back());
        before.back().add(generator.grow(number, before[static_cast<std::size_t>(number)], counted));
    }
    CHECK(before.back().rows == feeder::row_counts(whole));

    for (std::int64_t number = 2; number >= 0; --number) {
        auto const& first = before[static_cast<std::size_t>(number)];
        feeder::Feeder part;
        generator.grow(number, first, part);
        std::size_t place = 0, wrong = 0;
        feeder::for_each_table(part, [&]<class Row>(std::string_view, core::Table<Row> const& table) {
            auto const& all = feeder::table_of<Row>(whole);
            auto const begin = static_cast<std::size_t>(first.rows[place++]);
            for (std::size_t row = 0; row < table.size(); ++row) {
                core::Index<Row> const here{row}, there{begin + row};
                wrong += table.name(here) != all.name(there) || table.mrid(here) != all.mrid(there) ? 1U : 0U;
            }
        });
        CHECK(wrong == 0);
        auto const bus_begin = static_cast<std::size_t>(first.rows[feeder::place_of_table<feeder::Line>()]);
        for (std::size_t row = 0; row < part.lines.size(); ++row) {
            auto const& a = part.lines.rows()[row];
            auto const& b = whole.lines.rows()[bus_begin + row];
            wrong +=
                a.from != b.from || a.to != b.to || a.area != b.area || a.length_m != b.length_m || a.code != b.code
                    ? 1U
                    : 0U;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("no two elements of a generated network have the same mRID", "[synthesis][generate]") {
    auto const feeder = generate({.buses = 30000});
    std::unordered_set<std::string_view> seen;
    std::size_t count = 0;
    auto const look_at = [&](core::TextColumn const& mrids) {
        for (std::size_t row = 0; row < mrids.size(); ++row, ++count) seen.insert(mrids[row]);
    };
    feeder::for_each_table(feeder, [&](std::string_view, auto const& table) { look_at(table.mrids()); });
    look_at(feeder.pv_connection_mrids);

    CHECK(count > 3 * feeder.buses.size());
    CHECK(seen.size() == count);
}

TEST_CASE("a region has so many feeders, shared among its substations, each valid and with a source of its own",
          "[synthesis][generate]") {
    synthesis::Generator const generator{{.buses = 14000, .feeders = 7, .substations = 3}};
    REQUIRE(generator.feeders() == 7);
    std::map<std::string, int> of_substation;
    std::set<std::string> mrids;
    std::size_t buses = 0;
    for (std::int64_t number = 0; number < 7; ++number) {
        feeder::Feeder feeder;
        generator.grow(number, {}, feeder);
        feeder::Notes notes;
        static_cast<void>(feeder::validate(feeder, notes));
        ++of_substation[feeder.heading.substation];
        mrids.insert(feeder.heading.mrid);
        buses += feeder.buses.size();
        CHECK(feeder.sources.size() == 1);
        CHECK(std::ranges::none_of(feeder.switches.rows(), [](auto const& s) { return s.normally_open; }));
    }
    CHECK(buses == 14000);
    CHECK(mrids.size() == 7);
    CHECK(of_substation == std::map<std::string, int>{{"substation_1", 3}, {"substation_2", 2}, {"substation_3", 2}});
    CHECK_THROWS_WITH(generate(generator.options()), Catch::Contains("a region is no single feeder"));
}

TEST_CASE("lines computed from their wires are those that the IEEE test feeders publish", "[synthesis][generate]") {
    auto const feeder = generate({.buses = 20});
    auto const check = [&](std::string_view name, std::vector<double> const& r_per_mile,
                           std::vector<double> const& x_per_mile) {
        for (auto id : feeder.line_codes.ids()) {
            if (feeder.line_codes.name(id) != name) continue;
            auto const& code = feeder.line_codes[id];
            std::size_t next = 0;
            for (std::size_t i = 0; i < code.conductors; ++i)
                for (std::size_t k = 0; k <= i; ++k, ++next) {
                    CAPTURE(name, i, k);
                    // Published to four digits, and computed with an earth return of 0.09530 + j 0.12134 (ln 1/D + 7.93402).
                    CHECK(1609.344 * code.r_ohm[i][k] == Approx(r_per_mile[next]).margin(5e-4));
                    CHECK(1609.344 * code.x_ohm[i][k] == Approx(x_per_mile[next]).margin(1e-3));
                }
            CHECK(next == r_per_mile.size());
            return;
        }
        FAIL("there is no " << name);
    };
    // Configurations 601 and 602 of the 13-node feeder, whose places from left to right are B, A, C and C, A, B; its 603 and
    // 605; configuration 1 of the 123-node feeder. Ohm per mile, lower triangles.
    check("oh3_556_5_acsr", {0.3375, 0.1560, 0.3465, 0.1535, 0.1580, 0.3414},
          {1.0478, 0.5017, 1.0179, 0.3849, 0.4236, 1.0348});
    check("oh3_4_0_acsr", {0.7436, 0.1560, 0.7526, 0.1535, 0.1580, 0.7475},
          {1.2112, 0.5017, 1.1814, 0.3849, 0.4236, 1.1983});
    check("oh3_336_4_acsr", {0.4576, 0.1560, 0.4666, 0.1535, 0.1580, 0.4615},
          {1.0780, 0.5017, 1.0482, 0.3849, 0.4236, 1.0651});
    check("oh2_1_0_acsr", {1.3238, 0.2066, 1.3294}, {1.3569, 0.4591, 1.3471});
    check("oh1_1_0_acsr", {1.3292}, {1.3475});
}

TEST_CASE("what cannot be generated is refused with what can", "[synthesis][generate]") {
    CHECK_THROWS_WITH(generate({.buses = 19}), Catch::Contains("--buses") && Catch::Contains("give 20 to"));
    CHECK_THROWS_WITH(generate({.pv_penetration = 1.5}), Catch::Contains("--pv-penetration"));
    CHECK_THROWS_WITH(generate({.buses = 1000, .feeders = 51}), Catch::Contains("--feeders: 51 do not fit 1000 buses"));
    CHECK_THROWS_WITH(synthesis::Generator({.buses = 1000, .feeders = 2, .substations = 3}),
                      Catch::Contains("--substations"));
}
