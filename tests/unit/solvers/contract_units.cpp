#include <Eigen/Dense>
#include <catch2/catch.hpp>

#include "contract.hpp"
#include "judge.hpp"
#include "random_programs.hpp"

using namespace dec;
using namespace dec::test;
using solvers::Status;

TEST_CASE("units of rows, variables and objective, a million up or down, do not change the answer",
          "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 60U));
    auto const decades = GENERATE(2.0, 6.0);
    Dice dice{seed};
    auto const n = 1 + dice.below(60);
    auto const made = make_solved({.variables = n, .equalities = n / 4, .inequalities = n / 2}, 9000 + seed);
    auto const scaled = in_other_units(made.program, decades, seed);

    auto const outcome = solve(entry, scaled.program);

    CAPTURE(entry.name, seed, decades, n, solvers::name(outcome.status), outcome.primal.relative, outcome.dual.relative,
            outcome.gap.relative);
    REQUIRE(outcome.status == Status::optimal);
    // Back in the units in which everything is of the order of one.
    auto const f = scaled.objective_factor;
    Vector const x = scaled.variable_unit.cwiseProduct(outcome.x);
    auto z = outcome.multipliers;
    z.equality = z.equality.cwiseProduct(scaled.equality_factor) / f;
    z.row_low = z.row_low.cwiseProduct(scaled.inequality_factor) / f;
    z.row_high = z.row_high.cwiseProduct(scaled.inequality_factor) / f;
    z.bound_low = z.bound_low.cwiseQuotient(scaled.variable_unit) / f;
    z.bound_high = z.bound_high.cwiseQuotient(scaled.variable_unit) / f;
    CHECK(judge(made.program, x, z).worst() < exact);
    CHECK((x - made.x).lpNorm<Eigen::Infinity>() < 1e-6);
}

TEST_CASE("a program whose numbers are all tiny or all huge is solved as exactly as any other", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const size = GENERATE(1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9);
    auto const seed = GENERATE(range(0U, 5U));
    auto const made = make_solved({.variables = 20, .equalities = 6, .inequalities = 15}, seed);

    SECTION("of the objective") {
        auto program = made.program;
        program.P *= size;
        program.q *= size;
        program.offset *= size;
        auto const outcome = solve(entry, program);
        CAPTURE(entry.name, size, seed);
        REQUIRE(outcome.status == Status::optimal);
        CHECK((outcome.x - made.x).lpNorm<Eigen::Infinity>() < 1e-7);
        CHECK(outcome.objective == Approx(size * made.objective).epsilon(exact).margin(exact * size));
    }
    SECTION("of the answer") {
        auto program = made.program;
        program.q *= size;
        program.b *= size;
        program.h_low *= size;
        program.h_high *= size;
        program.lb *= size;
        program.ub *= size;
        program.offset = 0.0;
        auto const outcome = solve(entry, program);
        CAPTURE(entry.name, size, seed);
        REQUIRE(outcome.status == Status::optimal);
        CHECK((outcome.x - size * made.x).lpNorm<Eigen::Infinity>() < 1e-7 * size);
    }
}

TEST_CASE("an optimum of zero is found to be zero", "[solvers][contract]") {
    auto const& entry = each_solver();
    // Nothing needs to be curtailed: the limit is slack at no cost.
    auto program = QuadraticProgram::of_size(3, 0, 1);
    auto const price = GENERATE(1.0, 1e-6, 1e6);
    program.P = sparse(price * Eigen::Matrix3d::Identity());
    program.q.setConstant(price);
    program.lb.setZero();
    program.ub.setOnes();
    program.G = sparse((Eigen::MatrixXd(1, 3) << 0.1, 0.2, 0.3).finished());
    program.h_low[0] = -0.05;

    auto const outcome = solve(entry, program);

    CAPTURE(entry.name, price);
    REQUIRE(outcome.status == Status::optimal);
    CHECK(outcome.x.lpNorm<Eigen::Infinity>() < 1e-10);
    CHECK(std::abs(outcome.objective) < 1e-10 * price);
}

TEST_CASE("bounds far away are as good as none", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const far = GENERATE(1e4, 1e8, 1e12, 1e19, 1e20, 1e30);
    auto const made = make_solved({.variables = 15, .equalities = 4, .inequalities = 10}, 77);
    auto program = made.program;
    program.lb = program.lb.cwiseMax(-far);
    program.ub = program.ub.cwiseMin(far);
    program.h_low = program.h_low.cwiseMax(-far);
    program.h_high = program.h_high.cwiseMin(far);

    auto const outcome = solve(entry, program);

    CAPTURE(entry.name, far, solvers::name(outcome.status), outcome.gap.relative, outcome.dual.relative);
    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x - made.x).lpNorm<Eigen::Infinity>() < 1e-6);
}
