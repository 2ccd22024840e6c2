/// Reactive power and ratings of method exact on any number of ranks: by hand, and by laws. Independent solvers: tests/peers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "dec/coordination/check.hpp"
#include "dec/coordination/exact.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"
#include "support/random_feeder.hpp"
#include "support/rated_feeder.hpp"

using namespace dec;
using coordination::Ratings;
using coordination::Status;

namespace {

fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }

coordination::Settings settings(double v_max_pu) {
    return {.limits = {.v_min_pu = 0.0, .v_max_pu = v_max_pu}, .max_iterations = 5000, .tolerance = 1e-9};
}

constexpr double base_v = 2400.0, ohm_r = 1.2, ohm_x = 1.0, watts = 100e3;

/// One photovoltaic system of 100 kW and 110 kVA at the end of a line of one phase.
feeder::Feeder two_buses() {
    test::FeederMaker make;
    auto const source = make.bus("source", base_v);
    auto const end = make.bus("end", base_v);
    make.source(source);
    make.line(source, end, {feeder::Phase::a}, {{{ohm_r, ohm_x}}}, "line");
    make.pv(end, feeder::PhaseSet{feeder::Phase::a}, {watts, 0.0, 0.0});
    return make.finish();
}

/// Shares and reactive powers on all ranks, in the feeder's order.
struct Everywhere {
    coordination::Answer answer;
    std::vector<double> alpha, reactive;
};
Everywhere ask(core::Communicator const& comm, test::Distributed const& spread, std::string_view name,
               coordination::Settings const& settings) {
    Everywhere all;
    all.answer = coordination::exact(comm, *spread.flow, policy(name), settings, {});
    all.alpha = test::all_ders(comm, spread.piece, all.answer.alpha);
    if (settings.reactive) all.reactive = test::all_ders(comm, spread.piece, all.answer.reactive);
    return all;
}

bool has_answer(coordination::Answer const& answer) {
    return answer.status == Status::optimal || answer.status == Status::converged;
}

}  // namespace

TEST_CASE("one inverter curtails where its circle meets the voltage limit", "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    auto const feeder = two_buses();
    auto const spread = test::distributed(world, feeder);
    // v = 1 + 2 (r p + x q), p = s cos t, q = -s sin t: r cos t - x sin t = |z| cos(t + angle of z).
    double const per_w = 2.0 / (base_v * base_v), s = 1.1 * watts, z = std::hypot(ohm_r, ohm_x);
    for (auto const* name :
         {"quadratic", "min-curtailment", "proportional", "nash", "min-max", "equal-kw", "uniform-export"})
        for (double const share : {0.4, 0.7}) {
            double const reach = share * ohm_r * watts;  // of v without reactive power, that the limit allows
            auto asked = settings(std::sqrt(1.0 + per_w * reach));
            asked.reactive = true;

            auto const found = ask(world, *spread, name, asked);

            double const angle = std::acos(reach / (s * z)) - std::atan2(ohm_x, ohm_r);
            double const most = s * std::cos(angle);
            bool const curtails = most < watts;
            CAPTURE(name, share);
            REQUIRE(has_answer(found.answer));
            CHECK(found.alpha[0] == Approx(curtails ? 1.0 - most / watts : 0.0).margin(1e-7));
            // Without curtailment: no more reactive power than the limit asks for.
            double const needed = curtails ? -s * std::sin(angle) : (reach - ohm_r * watts) / ohm_x;
            CHECK(found.reactive[0] * 1e6 == Approx(needed).epsilon(1e-5));
        }
}

TEST_CASE("a floor on the power factor and a rating are met where the hand says", "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    auto feeder = two_buses();
    SECTION("power factor 0.98") {
        auto const spread = test::distributed(world, feeder);
        double const slope = std::tan(std::acos(0.98)), reach = 0.5 * ohm_r * watts;
        auto asked = settings(std::sqrt(1.0 + 2.0 / (base_v * base_v) * reach));
        asked.reactive = true;
        asked.power_factor = 0.98;

        auto const found = ask(world, *spread, "quadratic", asked);

        double const most = reach / (ohm_r - slope * ohm_x);
        REQUIRE(has_answer(found.answer));
        CHECK(found.alpha[0] == Approx(1.0 - most / watts).margin(1e-7));
        CHECK(found.reactive[0] * 1e6 == Approx(-slope * most).epsilon(1e-6));
    }
    SECTION("a line rated 60 kVA, and its price") {
        feeder.lines.rows()[0].rating.normal_a = 60e3 / base_v;
        auto const spread = test::distributed(world, feeder);
        auto asked = settings(1.2);
        asked.ratings = Ratings::normal;

        auto const found = ask(world, *spread, "min-curtailment", asked);

        REQUIRE(has_answer(found.answer));
        CHECK(found.alpha[0] == Approx(0.4).margin(1e-8));
        double price = 0.0;
        for (double const p : found.answer.price_rating) price += p;
        CHECK(world.sum(price) == Approx(1.0).epsilon(1e-6));  // a kW for each kVA
    }
}

TEST_CASE("reactive power helps, circles and ratings hold, and the other linear power flow agrees",
          "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    for (unsigned seed = 0; seed < 6; ++seed) {
        auto const feeder = test::with_ratings(test::random_feeder({.seed = seed, .branches = 10}), seed);
        auto const spread = test::distributed(world, feeder);
        auto const* const name = std::array{"quadratic", "min-curtailment", "proportional"}[seed % 3];
        auto asked = settings(test::limit_between(test::DenseTwin{feeder}, 0.6));
        if (seed % 2 == 1) asked.ratings = Ratings::normal;
        auto const without = ask(world, *spread, name, asked);
        asked.reactive = true;
        asked.power_factor = 0.9;
        auto const with = ask(world, *spread, name, asked);

        CAPTURE(seed, name);
        if (!has_answer(without.answer)) continue;
        REQUIRE(has_answer(with.answer));
        CHECK(with.answer.objective <= without.answer.objective * (1.0 + 1e-7) + 1e-7);
        std::vector<double> kw, kvar;
        auto const& ders = spread->flow->ders();
        for (std::size_t d = 0; d < ders.size(); ++d) {
            kw.push_back(1000.0 * ders[d].available * (1.0 - with.answer.alpha[d]));
            kvar.push_back(1000.0 * with.answer.reactive[d]);
            if (!(ders[d].available > 0.0)) continue;
            CHECK(std::hypot(kw[d], kvar[d]) <= 1000.0 * ders[d].rated * (1.0 + 1e-8));
            CHECK(std::abs(kvar[d]) <= kw[d] * std::tan(std::acos(0.9)) + 1e-5 * ders[d].rated);
        }
        auto const check = coordination::check_linear(world, *spread->flow, with.answer, kw, kvar);
        CHECK(check.largest_difference < 1e-9);
        CHECK(check.violation_pu < 1e-8);
        CHECK(check.overload < 2e-8);
    }
}

TEST_CASE("any number of ranks finds the same shares and reactive powers", "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD}, alone{MPI_COMM_SELF};
    constexpr std::array names{"quadratic", "proportional", "equal-kw", "uniform-export"};
    for (unsigned seed = 20; seed < 24; ++seed) {
        auto const feeder = test::random_feeder({.seed = seed});
        auto asked = settings(test::limit_between(test::DenseTwin{feeder}, 0.5));
        asked.reactive = true;
        asked.power_factor = 0.95;
        auto const* const name = names[seed % names.size()];

        auto const here = ask(alone, *test::distributed(alone, feeder), name, asked);
        auto const together = ask(world, *test::distributed(world, feeder), name, asked);

        CAPTURE(seed, name);
        REQUIRE(here.answer.status == together.answer.status);
        if (!has_answer(here.answer)) continue;
        CHECK(together.answer.objective == Approx(here.answer.objective).epsilon(1e-9).margin(1e-9));
        for (std::size_t d = 0; d < here.alpha.size(); ++d) {
            CAPTURE(d);
            CHECK(together.alpha[d] == Approx(here.alpha[d]).margin(1e-9));
        }
    }
}

TEST_CASE("under one scalar all shares follow it, with reactive power it is no larger, with ratings no smaller",
          "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    int answers = 0;
    for (unsigned seed = 0; seed < 8; ++seed) {
        auto const feeder = test::with_ratings(test::random_feeder({.seed = seed, .branches = 10}), seed);
        auto const spread = test::distributed(world, feeder);
        auto const* const name = seed % 2 == 0 ? "equal-kw" : "uniform-export";
        double const more = seed % 2 == 0 ? 1.0 : -1.0;  // of the objective, for more curtailment
        auto asked = settings(test::limit_between(test::DenseTwin{feeder}, 0.6));
        auto const walked = ask(world, *spread, name, asked);
        auto const on_tree = coordination::exact_on_tree(world, *spread->flow, policy(name), asked, {});
        asked.reactive = true;
        auto const with = ask(world, *spread, name, asked);
        asked.ratings = Ratings::normal;
        auto const rated = ask(world, *spread, name, asked);

        CAPTURE(seed, name);
        if (!has_answer(walked.answer)) continue;
        ++answers;
        REQUIRE(on_tree.status == Status::optimal);
        CHECK(on_tree.objective == Approx(walked.answer.objective).epsilon(1e-9).margin(1e-7));
        REQUIRE(has_answer(with.answer));
        CHECK(more * with.answer.objective <= more * walked.answer.objective + 1e-7);
        if (has_answer(rated.answer)) CHECK(more * rated.answer.objective >= more * with.answer.objective - 1e-7);
        auto const& ders = spread->flow->ders();
        for (std::size_t d = 0; d < ders.size(); ++d) {
            if (seed % 2 != 0 || !(ders[d].available > 0.0)) continue;
            double const kw = spread->flow->settings().per_unit.power_si(ders[d].available) / 1000.0;
            CHECK(with.answer.alpha[d] * kw == Approx(std::min(with.answer.objective, kw)).margin(1e-7));
        }
    }
    CHECK(answers > 0);
}

TEST_CASE("moving one rating changes the objective as its price says", "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    int priced = 0;
    for (unsigned seed = 0; seed < 8; ++seed) {
        auto const feeder = test::with_ratings(test::random_feeder({.seed = seed, .branches = 10}), seed);
        auto asked = settings(test::limit_between(test::DenseTwin{feeder}, 0.6));
        asked.ratings = Ratings::normal;
        asked.reactive = seed % 2 == 0;
        auto const* const name = seed % 4 < 2 ? "quadratic" : "min-curtailment";
        auto const found = ask(world, *test::distributed(world, feeder), name, asked);
        if (found.answer.status != Status::optimal) continue;
        // The dearest rated line, the same on all ranks: by its place in the feeder and all prices of its phases together.
        std::vector<double> of_line(feeder.lines.size(), 0.0);
        for (std::size_t i = 0; i < found.answer.ratings.size(); ++i)
            for (auto id : feeder.lines.ids())
                if (found.answer.ratings[i].limit == found.answer.ratings[i].rating &&
                    found.answer.ratings[i].name.starts_with("line " + std::string{feeder.lines.name(id)} + "."))
                    of_line[id.at()] += found.answer.price_rating[i] * found.answer.ratings[i].limit * 1000.0;
        for (double& price : of_line) price = world.sum(price);
        auto const dearest = std::ranges::max_element(of_line);
        if (dearest == of_line.end() || *dearest < 1e-3 * std::max(1.0, found.answer.objective)) continue;
        constexpr double part = 1e-4;
        auto const moved = [&](double by) {
            auto other = feeder;
            other.lines.rows()[static_cast<std::size_t>(dearest - of_line.begin())].rating.normal_a *= 1.0 + by;
            return ask(world, *test::distributed(world, other), name, asked).answer.objective;
        };

        double const wider = moved(part), narrower = moved(-part);

        // The objective is convex in the rating.
        double const scatter = 1e-6 * std::max(1.0, found.answer.objective);
        CAPTURE(seed, name, *dearest, wider, narrower, found.answer.objective);
        CHECK(part * *dearest >= found.answer.objective - wider - scatter);
        CHECK(part * *dearest <= narrower - found.answer.objective + scatter);
        CHECK(narrower - found.answer.objective > 0.5 * part * *dearest - scatter);
        ++priced;
    }
    CHECK(priced > 0);
}

TEST_CASE("begun from its own answer a program with reactive power has the same answer", "[parallel][reactive]") {
    core::Communicator const world{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = 20});
    auto const spread = test::distributed(world, feeder);
    auto asked = settings(test::limit_between(test::DenseTwin{feeder}, 0.5));
    asked.reactive = true;
    auto const cold = ask(world, *spread, "quadratic", asked);
    REQUIRE(has_answer(cold.answer));
    coordination::Settings::Start start{.alpha = cold.answer.alpha};
    for (double const q : cold.answer.reactive) start.reactive_kvar.push_back(1000.0 * q);
    asked.start = start;

    auto const warm = ask(world, *spread, "quadratic", asked);

    REQUIRE(has_answer(warm.answer));
    CHECK(warm.answer.objective == Approx(cold.answer.objective).epsilon(1e-9).margin(1e-9));
    for (std::size_t d = 0; d < cold.alpha.size(); ++d) CHECK(warm.alpha[d] == Approx(cold.alpha[d]).margin(1e-8));
}
