/// Generated feeders: as many buses as asked, always valid, always the same, of the mix and the voltages they promise.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/core/error.hpp"
#include "dec/feeder/areas.hpp"
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
    auto const feeder = generate({.buses = 3000});
    auto again = feeder;
    again.derive_bus_phases();
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

TEST_CASE("one feeder of a region alone is the one in the region", "[synthesis][generate]") {
    GenerateOptions const options{.buses = 15000, .seed = 3};
    REQUIRE(synthesis::generated_feeders(options) == 3);
    auto const region = generate(options);

    double load_w = 0.0, pv_w = 0.0;
    std::size_t buses = 1;
    for (std::int64_t number = 0; number < 3; ++number) {
        auto const alone = generate_one(options, number);
        feeder::Notes notes;
        static_cast<void>(feeder::validate(alone, notes));
        load_w += totals(alone).load_w;
        pv_w += totals(alone).pv_w;
        buses += alone.buses.size() - 1;
    }
    CHECK(buses == region.buses.size());
    CHECK(load_w == Approx(totals(region).load_w).epsilon(1e-12));
    CHECK(pv_w == Approx(totals(region).pv_w).epsilon(1e-12));
}

TEST_CASE("what cannot be generated is refused with what can", "[synthesis][generate]") {
    CHECK_THROWS_WITH(generate({.buses = 19}), Catch::Contains("--buses") && Catch::Contains("give 20 to"));
    CHECK_THROWS_WITH(generate({.pv_penetration = 1.5}), Catch::Contains("--pv-penetration"));
}
