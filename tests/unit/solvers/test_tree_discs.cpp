/// Discs around pairs of controls and flows, against polygons inside and around them.
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "dec/solvers/tree_interior_point.hpp"
#include "support/random_tree.hpp"

using namespace dec;
using solvers::TreeOutcome;
using solvers::TreeProgram;
using solvers::TreeSide;
using solvers::TreeStatus;

namespace {

constexpr double pi = std::numbers::pi;

// Which pairs and vertices have a disc, and where: the centre of what is limited.
struct Disc {
    std::int32_t of = 0;
    double x = 0.0, y = 0.0, radius = 1.0;
};
struct Discs {
    std::vector<Disc> pairs, flows;
};

testing::RandomTree wanted(unsigned seed) {
    return {.seed = seed,
            .vertices = 6 + static_cast<int>(seed % 25),
            .reactive = true,
            .sloped = seed % 3 == 1,
            .paired = true,
            .linear = seed % 5 == 4,
            .groups = seed % 4 == 2 ? testing::RandomTree::Groups::tied : testing::RandomTree::Groups::none,
            .stress = 0.4 + 0.1 * (seed % 6)};
}

// Instead of the half planes of each pair a disc in which its controls may move; around every fourth vertex one for the flow.
Discs discs_of(TreeProgram const& program, unsigned seed) {
    Discs discs;
    for (auto const& limit : program.pair_limits)
        if (discs.pairs.empty() || discs.pairs.back().of != limit.control)
            discs.pairs.push_back({limit.control, 0.1, 0.05, 0.4});
    for (std::size_t j = seed % 4; j < program.vertices.size(); j += 4)
        if (!program.vertices[j].root) discs.flows.push_back({static_cast<std::int32_t>(j), 0.0, 0.0, 0.8});
    return discs;
}

// `sides` 0: as discs; else polygons with so many sides, with corners on the circles or around them.
TreeProgram with(TreeProgram program, Discs const& discs, int sides, bool around) {
    program.pair_limits.clear();
    program.flow_limits.clear();
    program.weights.clear();
    auto const flow_limit = [&](Disc const& disc, double p, double q, double bound, TreeSide side) {
        auto const& vertex = program.vertices[static_cast<std::size_t>(disc.of)];
        program.flow_limits.push_back({.vertex = disc.of,
                                       .first_weight = static_cast<std::int64_t>(program.weights.size()),
                                       .bound = bound,
                                       .side = side});
        for (int k = 0; k < vertex.flows; ++k) program.weights.push_back(k < vertex.rows ? p : q);
    };
    double const distance = around ? 1.0 : std::cos(pi / std::max(sides, 1));
    for (auto const& disc : discs.pairs) {
        double const part = 1.0 / disc.radius;
        if (sides == 0) {
            program.pair_limits.push_back({disc.of, part, 0.0, part * disc.x, TreeSide::first_of_disc});
            program.pair_limits.push_back({disc.of, 0.0, part, part * disc.y, TreeSide::second_of_disc});
        }
        for (int k = 0; k < sides; ++k) {
            double const c = std::cos(2.0 * pi * k / sides), s = std::sin(2.0 * pi * k / sides);
            program.pair_limits.push_back({.control = disc.of,
                                           .first = c,
                                           .second = s,
                                           .bound = c * disc.x + s * disc.y + distance * disc.radius});
        }
    }
    for (auto const& disc : discs.flows) {
        double const part = 1.0 / disc.radius;
        if (sides == 0) {
            flow_limit(disc, part, 0.0, part * disc.x, TreeSide::first_of_disc);
            flow_limit(disc, 0.0, part, part * disc.y, TreeSide::second_of_disc);
        }
        for (int k = 0; k < sides; ++k) {
            double const c = std::cos(2.0 * pi * k / sides), s = std::sin(2.0 * pi * k / sides);
            flow_limit(disc, c, s, c * disc.x + s * disc.y + distance * disc.radius, TreeSide::half_plane);
        }
    }
    return program;
}

TreeOutcome answer(TreeProgram const& program, bool presolve) {
    solvers::NoLinks links;
    return solvers::solve(program, links, {.presolve = presolve});
}

}  // namespace

TEST_CASE("a disc costs no more than a polygon inside it and no less than one around it", "[solvers][tree][discs]") {
    int answered = 0, pressed = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        auto const tree = testing::random_tree(wanted(seed));
        auto const discs = discs_of(tree, seed);
        auto const inside = answer(with(tree, discs, 48, false), true);
        auto const around = answer(with(tree, discs, 48, true), true);
        for (bool const presolve : {false, true}) {
            auto const program = with(tree, discs, 0, false);
            auto const found = answer(program, presolve);

            CAPTURE(seed, presolve);
            if (inside.status != TreeStatus::optimal) continue;  // there the polygon may leave nothing over
            REQUIRE(found.status == TreeStatus::optimal);
            double const rounding = 1e-7 * std::max(1.0, std::abs(found.objective));
            CHECK(found.objective <= inside.objective + rounding);
            if (around.status == TreeStatus::optimal) CHECK(found.objective >= around.objective - rounding);
            CHECK(found.gap <= 1e-7 * std::max(1e-2, std::abs(found.objective)));
            CHECK(found.primal_residual <= 1e-9);
            ++answered;
            for (std::size_t i = 1; i < found.price_pair.size(); i += 2)
                pressed += std::hypot(found.price_pair[i - 1], found.price_pair[i]) > 1e-6 ? 1 : 0;
            for (std::size_t i = 1; i < found.price_flow.size(); i += 2)
                pressed += std::hypot(found.price_flow[i - 1], found.price_flow[i]) > 1e-6 ? 1 : 0;
        }
    }
    CHECK(answered > 60);
    CHECK(pressed > 60);
}

TEST_CASE("a disc is met where the hand says, with its force", "[solvers][tree][discs]") {
    // The root alone: minimise -3 u - 4 w on |(u, w)| <= 1, which is at (0.6, 0.8) with the force (3, 4).
    TreeProgram program;
    program.vertices.push_back({.controls = 2, .rows = 1, .flows = 2, .root = true});
    program.numbers = {1.0, 0.0, 0.0};
    program.low = {-INFINITY};
    program.high = {INFINITY};
    for (double const cost : {-3.0, -4.0})
        program.controls.push_back({.term = {.cost = cost, .lower = -2.0, .upper = 2.0},
                                    .first_gain = static_cast<std::int64_t>(program.gains.size()),
                                    .vertex = 0}),
            program.gains.insert(program.gains.end(), {0.0, 0.0});
    program.pair_limits = {{0, 1.0, 0.0, 0.0, TreeSide::first_of_disc}, {0, 0.0, 1.0, 0.0, TreeSide::second_of_disc}};
    program.level_start = {0, 1};

    auto const found = answer(program, false);

    REQUIRE(found.status == TreeStatus::optimal);
    CHECK(found.u[0] == Approx(0.6).margin(1e-10));
    CHECK(found.u[1] == Approx(0.8).margin(1e-10));
    CHECK(found.price_pair[0] == Approx(3.0).epsilon(1e-8));
    CHECK(found.price_pair[1] == Approx(4.0).epsilon(1e-8));
    CHECK(found.objective == Approx(-5.0).epsilon(1e-10));
}

TEST_CASE("an answer is resumed at slightly other costs, and what it is worth is judged anew",
          "[solvers][tree][discs]") {
    solvers::NoLinks links;
    for (unsigned seed = 0; seed < 30; ++seed) {
        auto const tree = testing::random_tree(wanted(seed));
        auto program = with(tree, discs_of(tree, seed), 0, false);
        auto const before = answer(program, true);
        if (before.status != TreeStatus::optimal) continue;
        for (auto& control : program.controls) control.term.curvature *= 1.001;
        solvers::TreeStart const start{.u = before.u,
                                       .y = before.y,
                                       .price_low = before.price_low,
                                       .price_high = before.price_high,
                                       .price_flow = before.price_flow,
                                       .price_pair = before.price_pair};

        auto const cold = answer(program, true);
        auto const resumed = solvers::solve(program, links, {.resume = true}, &start);
        auto const judged = solvers::evaluate(program, links, start);

        CAPTURE(seed);
        REQUIRE(cold.status == TreeStatus::optimal);
        REQUIRE(resumed.status == TreeStatus::optimal);
        double const scale = std::max(1e-2, std::abs(cold.objective));
        CHECK(std::abs(resumed.objective - cold.objective) <= 1e-8 * scale);
        CHECK(judged.objective >= cold.objective - 1e-8 * scale);       // feasible, but not the best
        CHECK(judged.dual_objective <= cold.objective + 1e-8 * scale);  // a bound all the same
    }
}
