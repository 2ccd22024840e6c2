/// Programs on trees: the tree interior point against the general one, against its own certificates, and against itself
/// with and without presolve.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "dec/solvers/interior_point.hpp"
#include "dec/solvers/tree_interior_point.hpp"
#include "support/random_tree.hpp"

using namespace dec;
using solvers::TreeOutcome;
using solvers::TreeProgram;
using solvers::TreeSettings;
using solvers::TreeStatus;
using testing::RandomTree;

namespace {

TreeOutcome answer(TreeProgram const& program, bool presolve) {
    solvers::NoLinks links;
    TreeSettings settings;
    settings.presolve = presolve;
    return solvers::solve(program, links, settings);
}

// Every mix: one and two flows per row, sloped, dense, ratios, mixed limits, groups, linear and quadratic.
RandomTree mix(unsigned seed) {
    RandomTree wanted;
    wanted.seed = seed;
    wanted.vertices = 5 + static_cast<int>(seed % 60);
    wanted.roots = seed % 7 == 0 ? 2 : 1;
    wanted.reactive = seed % 2 == 1;
    wanted.sloped = seed % 3 == 1;
    wanted.dense = seed % 5 == 2;
    wanted.ratios = seed % 4 == 3;
    wanted.mixed = seed % 5 == 4;
    wanted.linear = seed % 8 == 6;
    wanted.rated = seed % 9 == 4 && !wanted.linear;
    wanted.paired = seed % 4 == 1;
    wanted.groups = seed % 6 == 2   ? RandomTree::Groups::tied
                    : seed % 6 == 5 ? RandomTree::Groups::capped
                                    : RandomTree::Groups::none;
    wanted.stress = 0.3 + 0.2 * (seed % 8);
    return wanted;
}

double relative(double a, double b) { return std::abs(a - b) / std::max({std::abs(a), std::abs(b), 1e-2}); }

// One vertex below a root: v = 1 - d s, s = c + u, v <= high.
TreeProgram one_branch(double c, double high) {
    TreeProgram program;
    program.numbers = {1.0, 0.0,           // root: e, c
                       1.0, 0.1, 0.0, c};  // tau, D, e, c
    program.vertices.resize(2);
    program.vertices[0] = {.rows = 1, .flows = 1, .root = true};
    program.vertices[1] = {.parent = 0,
                           .first_row = 1,
                           .first_control = 0,
                           .controls = 1,
                           .first_number = 2,
                           .rows = 1,
                           .flows = 1,
                           .parent_rows = 1,
                           .parent_flows = 1};
    program.low = {-INFINITY, -INFINITY};
    program.high = {INFINITY, high};
    program.gains = {1.0};
    program.controls = {{.term = {.curvature = 2.0}, .vertex = 1}};
    program.level_start = {0, 2};
    return program;
}

}  // namespace

TEST_CASE("one control with one limit takes what the limit asks for, at the price of it", "[solvers][tree]") {
    // v = 1 + 0.05 - 0.1 u <= 1.02: u = 0.3, marginal cost 0.6 per 0.1 of v.
    auto const outcome = answer(one_branch(-0.5, 1.02), GENERATE(false, true));

    REQUIRE(outcome.status == TreeStatus::optimal);
    CHECK(outcome.u[0] == Approx(0.3).margin(1e-8));
    CHECK(outcome.objective == Approx(0.09).margin(1e-9));
    CHECK(outcome.price_high[1] == Approx(6.0).margin(1e-6));
    CHECK(outcome.price_low[1] == 0.0);
    CHECK(outcome.state[1] == Approx(1.02).margin(1e-9));
    CHECK(outcome.flow[1] == Approx(-0.2).margin(1e-8));
}

TEST_CASE("a limit that is never reached costs nothing", "[solvers][tree]") {
    auto const outcome = answer(one_branch(-0.5, 1.06), GENERATE(false, true));

    REQUIRE(outcome.status == TreeStatus::optimal);
    CHECK(outcome.u[0] == Approx(0.0).margin(1e-4));
    CHECK(outcome.objective == Approx(0.0).margin(1e-9));
}

TEST_CASE("feasible and infeasible are told apart where the margin is a millionth", "[solvers][tree]") {
    // With u = 1 the state is 1 - 0.1 (c + 1).
    auto const presolve = GENERATE(false, true);
    auto const margin = GENERATE(1e-6, -1e-6);
    auto const outcome = answer(one_branch(-2.0, 1.1 + margin), presolve);

    CAPTURE(presolve, margin, outcome.iterations);
    if (margin > 0.0) {
        REQUIRE(outcome.status == TreeStatus::optimal);
        CHECK(outcome.u[0] == Approx(1.0 - 1e-5).margin(1e-8));
    } else {
        REQUIRE(outcome.status == TreeStatus::primal_infeasible);
        CHECK(outcome.price_high[1] > 0.0);
    }
}

TEST_CASE("the tree interior point finds the objective and the controls of the general one", "[solvers][tree]") {
    auto const presolve = GENERATE(false, true);
    int optimal = 0, infeasible = 0;
    for (unsigned seed = 0; seed < 240; ++seed) {
        auto const wanted = mix(seed);
        auto const program = testing::random_tree(wanted);
        solvers::InteriorPoint general;
        general.setup(testing::as_quadratic(program));
        auto const expected = general.solve();

        auto const outcome = answer(program, presolve);

        CAPTURE(seed, presolve, outcome.iterations);
        if (expected.status == solvers::Status::optimal) {
            ++optimal;
            REQUIRE(outcome.status == TreeStatus::optimal);
            CHECK(relative(outcome.objective, expected.objective) < 1e-7);
            CHECK(outcome.primal_residual <= 1e-9);
            // The general one finds the controls where it recognised which limits are met.
            if (wanted.linear || !expected.polished) continue;
            double difference = 0.0;
            for (std::size_t d = 0; d < outcome.u.size(); ++d)
                difference = std::max(difference, std::abs(outcome.u[d] - expected.x(static_cast<Eigen::Index>(d))));
            CHECK(difference < 1e-8);
        } else if (expected.status == solvers::Status::primal_infeasible) {
            ++infeasible;
            CHECK(outcome.status == TreeStatus::primal_infeasible);
        }
    }
    CHECK(optimal > 100);
    CHECK(infeasible > 20);
}

TEST_CASE("prices say what moving a limit changes", "[solvers][tree]") {
    auto const presolve = GENERATE(false, true);
    auto const step = GENERATE(1e-6, 1e-4);
    int checked = 0;
    for (unsigned seed = 0; seed < 40; ++seed) {
        auto wanted = mix(seed);
        wanted.linear = seed % 2 == 0;
        auto const program = testing::random_tree(wanted);
        auto const outcome = answer(program, presolve);
        if (outcome.status != TreeStatus::optimal) continue;
        // The largest price of all rows.
        std::size_t row = 0;
        for (std::size_t i = 0; i < program.high.size(); ++i)
            if (outcome.price_high[i] > outcome.price_high[row]) row = i;
        if (outcome.price_high[row] < 1e-3) continue;

        auto looser = program, tighter = program;
        looser.high[row] += step;
        tighter.high[row] -= step;
        auto const below = answer(looser, presolve), above = answer(tighter, presolve);

        if (below.status != TreeStatus::optimal || above.status != TreeStatus::optimal) continue;
        CAPTURE(seed, row);
        // The objective is convex in the limit, so the price lies between the two slopes.
        double const scatter = 1e-3 * outcome.price_high[row] + 1e-8 * std::abs(outcome.objective) / step;
        CHECK(outcome.price_high[row] >= (outcome.objective - below.objective) / step - scatter);
        CHECK(outcome.price_high[row] <= (above.objective - outcome.objective) / step + scatter);
        ++checked;
    }
    CHECK(checked > 10);
}

TEST_CASE("a logarithmic term keeps controls below one and meets its optimality condition", "[solvers][tree]") {
    // minimise -ln(1 - u) - ln(1 - w) with u + 2 w >= 0.9: 1/(1-u) = p, 1/(1-w) = 2 p.
    auto program = one_branch(-1.5, 1.06);
    program.gains = {1.0, 2.0};
    program.controls = {{.term = {.log_weight = 1.0}, .first_gain = 0, .vertex = 1},
                        {.term = {.log_weight = 1.0}, .first_gain = 1, .vertex = 1}};
    program.vertices[1].controls = 2;

    auto const outcome = answer(program, GENERATE(false, true));

    REQUIRE(outcome.status == TreeStatus::optimal);
    CHECK(outcome.u[0] + 2.0 * outcome.u[1] == Approx(0.9).margin(1e-8));
    CHECK(outcome.u[0] == Approx(0.0).margin(1e-6));
    CHECK(outcome.u[1] == Approx(0.45).margin(1e-6));
}

TEST_CASE("objectives of a millionth and of a million are met alike", "[solvers][tree]") {
    auto const scale = GENERATE(1e-6, 1.0, 1e6);
    for (unsigned seed = 0; seed < 20; ++seed) {
        auto program = testing::random_tree(mix(seed));
        auto const expected = answer(program, true);
        for (auto& control : program.controls) {
            control.term.cost *= scale;
            control.term.curvature *= scale;
        }
        for (auto& group : program.groups) {
            group.term.cost *= scale;
            group.term.curvature *= scale;
        }

        auto const outcome = answer(program, true);

        CAPTURE(seed, scale);
        REQUIRE(outcome.status == expected.status);
        if (expected.status == TreeStatus::optimal)
            CHECK(relative(outcome.objective / scale, expected.objective) < 1e-8);
    }
}

TEST_CASE("a warm start ends where a cold one does", "[solvers][tree]") {
    auto const presolve = GENERATE(false, true);
    int cold = 0, warm = 0;
    for (unsigned seed = 0; seed < 40; ++seed) {
        auto const before = testing::random_tree(mix(seed));
        auto const first = answer(before, presolve);
        if (first.status != TreeStatus::optimal) continue;
        auto after = before;
        for (auto& high : after.high) high -= 1e-4;
        auto const expected = answer(after, presolve);
        if (expected.status != TreeStatus::optimal) continue;

        solvers::NoLinks links;
        TreeSettings settings;
        settings.presolve = presolve;
        solvers::TreeStart const start{
            .u = first.u, .y = first.y, .price_low = first.price_low, .price_high = first.price_high};
        auto const outcome = solvers::solve(after, links, settings, &start);

        CAPTURE(seed);
        REQUIRE(outcome.status == TreeStatus::optimal);
        CHECK(relative(outcome.objective, expected.objective) < 1e-8);
        cold += expected.iterations;
        warm += outcome.iterations;
    }
    CHECK(warm < cold);
}

TEST_CASE("elastic limits are exceeded by no more than they must", "[solvers][tree]") {
    // All of u leaves the state at 1.1, two hundredths above the limit.
    solvers::NoLinks links;
    TreeSettings settings;
    settings.elastic = true;

    auto const outcome = solvers::solve(one_branch(-2.0, 1.08), links, settings);

    REQUIRE(outcome.status == TreeStatus::optimal);
    CHECK(outcome.u[0] == Approx(1.0).margin(1e-6));
    CHECK(outcome.violation == Approx(0.02).margin(1e-6));
}

TEST_CASE("elastic limits that can hold do hold, at the same objective", "[solvers][tree]") {
    auto const logarithmic = GENERATE(false, true);
    int checked = 0;
    for (unsigned seed = 0; seed < 150; ++seed) {
        auto program = testing::random_tree(mix(seed));
        for (auto& control : program.controls)
            if (logarithmic && control.term.lower >= 0.0 && control.term.upper >= 1.0)
                control.term = {.log_weight = 1.0, .lower = control.term.lower, .upper = control.term.upper};
        auto const expected = answer(program, true);
        solvers::NoLinks links;
        TreeSettings settings;
        settings.elastic = true;
        auto const outcome = solvers::solve(program, links, settings);

        CAPTURE(seed, logarithmic);
        REQUIRE(outcome.status == TreeStatus::optimal);
        if (expected.status == TreeStatus::primal_infeasible) {
            CHECK(outcome.violation > 0.0);
        } else {
            CHECK(outcome.violation < 1e-8);
            CHECK(relative(outcome.objective, expected.objective) < 1e-6);
            ++checked;
        }
    }
    CHECK(checked > 60);
}

TEST_CASE("no controls exceed elastic limits by less in all", "[solvers][tree]") {
    // The least sum is a linear program of its own: an excess per limit, at the cost of one.
    int checked = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        auto wanted = mix(seed);
        wanted.stress *= 1.5;
        wanted.rated = wanted.paired = false;
        wanted.groups = RandomTree::Groups::none;
        auto const program = testing::random_tree(wanted);
        auto quadratic = testing::as_quadratic(program);
        auto const n = quadratic.q.size(), rows = quadratic.h_low.size();
        auto with_excess = solvers::QuadraticProgram::of_size(n + 2 * rows, quadratic.b.size(), 2 * rows);
        with_excess.b = quadratic.b;
        std::vector<Eigen::Triplet<double>> A, G;
        for (int k = 0; k < quadratic.A.outerSize(); ++k)
            for (solvers::SparseMatrix::InnerIterator entry(quadratic.A, k); entry; ++entry)
                A.emplace_back(entry.row(), entry.col(), entry.value());
        for (int k = 0; k < quadratic.G.outerSize(); ++k)
            for (solvers::SparseMatrix::InnerIterator entry(quadratic.G, k); entry; ++entry) {
                G.emplace_back(entry.row(), entry.col(), entry.value());
                G.emplace_back(rows + entry.row(), entry.col(), entry.value());
            }
        for (Eigen::Index i = 0; i < rows; ++i) {
            G.emplace_back(i, n + i, 1.0);
            G.emplace_back(rows + i, n + rows + i, -1.0);
        }
        with_excess.A.setFromTriplets(A.begin(), A.end());
        with_excess.G.setFromTriplets(G.begin(), G.end());
        with_excess.h_low.head(rows) = quadratic.h_low;
        with_excess.h_high.tail(rows) = quadratic.h_high;
        with_excess.lb.head(n) = quadratic.lb;
        with_excess.ub.head(n) = quadratic.ub;
        with_excess.lb.tail(2 * rows).setZero();
        with_excess.q.tail(2 * rows).setOnes();
        solvers::InteriorPoint general;
        general.setup(with_excess);
        auto const least = general.solve();
        if (least.status != solvers::Status::optimal || least.objective < 1e-6) continue;

        solvers::NoLinks links;
        TreeSettings settings;
        settings.elastic = true;
        auto const outcome = solvers::solve(program, links, settings);

        CAPTURE(seed, least.objective);
        REQUIRE(outcome.status == TreeStatus::optimal);
        CHECK(outcome.violation >= least.objective - 1e-7);
        // Half the square of an excess counts as well, and controls a millionth of what they cost.
        double const squares = 0.5 * least.x.tail(2 * rows).squaredNorm();
        CHECK(outcome.violation <= least.objective + squares + 1e-6 * static_cast<double>(program.controls.size()));
        ++checked;
    }
    CHECK(checked > 10);
}

TEST_CASE("polishing leaves violations, derivatives and products of rounding", "[solvers][tree]") {
    auto const presolve = GENERATE(false, true);
    auto const linear = GENERATE(false, true);
    auto const rated = GENERATE(false, true);
    for (unsigned seed = 0; seed < 120; ++seed) {
        auto wanted = mix(seed);
        wanted.linear = linear;
        wanted.rated = rated;
        auto const outcome = answer(testing::random_tree(wanted), presolve);
        CAPTURE(seed, presolve, linear, rated);
        REQUIRE((outcome.status == TreeStatus::optimal || outcome.status == TreeStatus::primal_infeasible));
        if (outcome.status != TreeStatus::optimal) continue;
        CHECK(outcome.primal_residual <= 1e-10);
        CHECK(outcome.dual_residual <= 1e-10);
        CHECK(outcome.complementarity <= 1e-10);
    }
}

TEST_CASE("weights that differ by twelve orders of magnitude are all taken into account", "[solvers][tree]") {
    auto const presolve = GENERATE(false, true);
    int checked = 0;
    for (unsigned seed = 0; seed < 60; ++seed) {
        auto program = testing::random_tree(mix(seed));
        std::mt19937 random(seed);
        std::uniform_real_distribution<double> exponent(-6.0, 6.0);
        for (auto& control : program.controls) {
            double const weight = std::pow(10.0, exponent(random));
            control.term.cost *= weight;
            control.term.curvature *= weight;
        }
        solvers::InteriorPoint general;
        general.setup(testing::as_quadratic(program));
        auto const expected = general.solve();

        auto const outcome = answer(program, presolve);

        CAPTURE(seed, presolve, expected.objective);
        if (expected.status == solvers::Status::primal_infeasible)
            CHECK(outcome.status == TreeStatus::primal_infeasible);
        if (expected.status != solvers::Status::optimal || !expected.polished) continue;
        REQUIRE(outcome.status == TreeStatus::optimal);
        // To the tolerance, which counts from a hundredth of what the mean control costs in full.
        double mean = 0.0;
        for (auto const& control : program.controls)
            mean += (control.term.cost + control.term.curvature) / static_cast<double>(program.controls.size());
        CHECK(std::abs(outcome.objective - expected.objective) <=
              2e-9 * std::max(std::abs(expected.objective), 1e-2 * mean));
        ++checked;
    }
    CHECK(checked > 20);
}
