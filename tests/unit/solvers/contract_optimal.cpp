#include <Eigen/Dense>
#include <catch2/catch.hpp>

#include "contract.hpp"
#include "judge.hpp"
#include "random_programs.hpp"

using namespace dec;
using namespace dec::test;
using solvers::Status;

namespace {

/// Twice a gap over the least curvature bounds the squared distance to the only optimum.
constexpr double least_curvature = 0.1;
double distance_within(double objective) {
    return std::sqrt(2.0 * exact * (1.0 + std::abs(objective)) / least_curvature);
}

Recipe drawn_sizes(Dice& dice, Index largest) {
    auto const n = 1 + dice.below(largest);
    return {.variables = n, .equalities = dice.below(1 + n / 3), .inequalities = dice.below(1 + n)};
}

}  // namespace

TEST_CASE("random strictly convex programs are solved to the answer they were made around", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 150U));
    Dice dice{seed};
    auto const made = make_solved(drawn_sizes(dice, seed < 120 ? 40 : 300), 1000 + seed);

    auto const outcome = solve(entry, made.program);

    CAPTURE(entry.name, seed, made.program.variables(), outcome.iterations);
    REQUIRE(outcome.status == Status::optimal);
    CHECK(judge(made.program, outcome.x, outcome.multipliers).worst() < exact);
    CHECK((outcome.x - made.x).norm() < distance_within(made.objective));
    CHECK(outcome.objective == Approx(made.objective).epsilon(exact).margin(exact));
}

TEST_CASE("what an outcome says of its residuals is what an independent check finds", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 20U));
    auto const tolerance = GENERATE(1e-3, 1e-9);
    auto const made = make_solved({.variables = 30, .equalities = 8, .inequalities = 20}, seed);

    auto const outcome = solve(entry, made.program, {.tolerance = tolerance, .polish = false});

    CAPTURE(entry.name, seed, tolerance);
    REQUIRE(outcome.status == Status::optimal);
    auto const& program = made.program;
    auto const& z = outcome.multipliers;
    Eigen::MatrixXd const A = program.A;
    Eigen::MatrixXd const G = program.G;
    Vector const rows = G * outcome.x;
    double const violation = std::max({(A * outcome.x - program.b).lpNorm<Eigen::Infinity>(),
                                       (rows - program.h_high).maxCoeff(), (program.h_low - rows).maxCoeff()});
    Vector const gradient = program.P * outcome.x + program.q + A.transpose() * z.equality +
                            G.transpose() * (z.row_high - z.row_low) + z.bound_high - z.bound_low;
    // The same terms added up in another order differ by rounding of the largest; multipliers of equalities that nearly depend
    // on each other can be of any size.
    double const terms = 1.0 + (A.cwiseAbs().transpose() * z.equality.cwiseAbs()).lpNorm<Eigen::Infinity>() +
                         (G.cwiseAbs().transpose() * (z.row_high + z.row_low)).lpNorm<Eigen::Infinity>() +
                         (z.bound_high + z.bound_low).lpNorm<Eigen::Infinity>();
    CHECK(std::abs(outcome.primal.absolute - std::max(violation, 0.0)) < 1e-13);
    CHECK(std::abs(outcome.dual.absolute - gradient.lpNorm<Eigen::Infinity>()) < 1e-14 * terms);
    CHECK(std::abs(outcome.gap.absolute - std::abs(outcome.objective - outcome.dual_objective)) < 1e-13);
    CHECK(outcome.objective == Approx(program.objective(outcome.x)).epsilon(1e-13));
    CHECK((outcome.x.array() >= program.lb.array()).all());
    CHECK((outcome.x.array() <= program.ub.array()).all());
}

TEST_CASE("a separable program in a box has its closed form", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const n = GENERATE(1, 2, 17, 300);
    Dice dice{static_cast<std::uint64_t>(n)};
    auto program = QuadraticProgram::of_size(n, 0, 0);
    program.P.setIdentity();
    Vector expected(n);
    for (Index j = 0; j < n; ++j) {
        auto const curvature = program.P.coeffRef(j, j) = dice.uniform(0.5, 2.0);
        program.q[j] = dice.uniform(-3.0, 3.0);
        if (dice.chance(0.7)) program.lb[j] = dice.uniform(-1.0, 0.0);
        if (dice.chance(0.7)) program.ub[j] = dice.uniform(0.0, 1.0);
        expected[j] = std::clamp(-program.q[j] / curvature, program.lb[j], program.ub[j]);
    }

    auto const outcome = solve(entry, program);

    CAPTURE(entry.name, n);
    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x - expected).lpNorm<Eigen::Infinity>() < exact);
}

TEST_CASE("a program with equalities alone is one linear system", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 10U));
    auto made = make_solved({.variables = 25, .equalities = 9, .inequalities = 0}, seed);
    auto& program = made.program;
    program.lb.setConstant(-infinity);
    program.ub.setConstant(infinity);
    // Independent rows, so that the multipliers are unique, too.
    Eigen::MatrixXd independent = program.A;
    independent.leftCols(9) += 3.0 * Eigen::MatrixXd::Identity(9, 9);
    program.A = sparse(independent);
    program.b = program.A * made.x;
    Eigen::MatrixXd system = Eigen::MatrixXd::Zero(34, 34);
    system.topLeftCorner(25, 25) = program.P;
    system.bottomLeftCorner(9, 25) = program.A;
    system.topRightCorner(25, 9) = Eigen::MatrixXd{program.A}.transpose();
    Vector right(34);
    right << -program.q, program.b;
    Vector const expected = system.fullPivLu().solve(right);

    auto const outcome = solve(entry, program);

    CAPTURE(entry.name, seed);
    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x - expected.head(25)).lpNorm<Eigen::Infinity>() < exact * (1.0 + expected.norm()));
    CHECK((outcome.multipliers.equality - expected.tail(9)).lpNorm<Eigen::Infinity>() <
          exact * (1.0 + expected.norm()));
}

TEST_CASE("multipliers are the derivatives of the optimum with the signs stated", "[solvers][contract]") {
    auto const& entry = each_solver();
    // One variable pushed against one limit of each kind in turn; 1/2 x^2 + q x.
    auto const kind = GENERATE(0, 1, 2, 3, 4);
    auto const push = kind == 1 || kind == 3 ? 2.0 : -2.0;  // towards lower limits, else upper ones
    auto program = QuadraticProgram::of_size(1, kind == 0 ? 1 : 0, kind == 1 || kind == 2 ? 1 : 0);
    program.P = sparse(Eigen::MatrixXd::Identity(1, 1));
    program.q[0] = push;
    if (kind == 0) program.A = sparse(Eigen::MatrixXd::Identity(1, 1));
    if (kind == 1 || kind == 2) program.G = sparse(Eigen::MatrixXd::Identity(1, 1));
    auto& limit = kind == 0   ? program.b[0]
                  : kind == 1 ? program.h_low[0]
                  : kind == 2 ? program.h_high[0]
                  : kind == 3 ? program.lb[0]
                              : program.ub[0];
    limit = 0.25;
    auto const here = solve(entry, program);
    limit += 1e-4;
    auto const there = solve(entry, program);

    auto const& z = here.multipliers;
    auto const rise = kind == 0   ? -z.equality[0]
                      : kind == 1 ? z.row_low[0]
                      : kind == 2 ? -z.row_high[0]
                      : kind == 3 ? z.bound_low[0]
                                  : -z.bound_high[0];
    CAPTURE(entry.name, kind);
    REQUIRE(here.status == Status::optimal);
    REQUIRE(there.status == Status::optimal);
    CHECK(rise == Approx(0.25 + push).epsilon(1e-8));
    // The second derivative is one.
    CHECK((there.objective - here.objective) / 1e-4 == Approx(rise).margin(0.5e-4 + 1e-5));
}

TEST_CASE("two houses at the end of a line share the curtailment as Lagrange says", "[solvers][contract]") {
    auto const& entry = each_solver();
    // Squared voltages v1, v2 at the houses, shares a1, a2 given up of what the sun gives; resistances of the two pieces.
    double const available[] = {0.8, 0.5};
    double const load[] = {0.1, 0.05};
    double const r1 = 0.04;
    double const r2 = 0.03;
    double const v0 = 1.0;
    double const limit = 1.05 * 1.05;
    auto program = QuadraticProgram::of_size(4, 2, 0);  // a1, a2, v1, v2
    Vector const weights = Vector::Map(available, 2);
    Vector diagonal = Vector::Zero(4);
    diagonal.head(2) = 2.0 * weights;
    program.P = sparse(diagonal.asDiagonal());
    Eigen::MatrixXd drop(2, 4);
    drop << 2.0 * r1 * available[0], 2.0 * r1 * available[1], 1.0, 0.0,  //
        0.0, 2.0 * r2 * available[1], -1.0, 1.0;
    program.A = sparse(drop);
    auto const export1 = available[0] - load[0] + available[1] - load[1];
    auto const export2 = available[1] - load[1];
    program.b << v0 + 2.0 * r1 * export1, 2.0 * r2 * export2;
    program.lb << 0.0, 0.0, 0.95 * 0.95, 0.95 * 0.95;
    program.ub << 1.0, 1.0, limit, limit;
    // The second house sees the highest voltage: sensitivity g'a must make up for what is above the limit.
    Vector sensitivity(2);
    sensitivity << 2.0 * r1 * available[0], 2.0 * (r1 + r2) * available[1];
    auto const excess = v0 + 2.0 * r1 * export1 + 2.0 * r2 * export2 - limit;
    Vector const ratio = sensitivity.cwiseQuotient(weights);
    Vector const expected = excess / sensitivity.dot(ratio) * ratio;
    REQUIRE(excess > 0.0);
    REQUIRE(expected.maxCoeff() < 1.0);

    auto const outcome = solve(entry, program);

    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x.head(2) - expected).lpNorm<Eigen::Infinity>() < exact);
    CHECK(outcome.x[3] == Approx(limit).epsilon(exact));
    CHECK(outcome.multipliers.bound_high[3] > 0.0);
    CHECK(outcome.multipliers.bound_high[2] == Approx(0.0).margin(exact));
}

TEST_CASE("nothing to decide, or nothing to keep to, is a program, too", "[solvers][contract]") {
    auto const& entry = each_solver();

    SECTION("no variables and no constraints: the offset is the optimum") {
        auto program = QuadraticProgram::of_size(0, 0, 0);
        program.offset = 3.5;
        auto const outcome = solve(entry, program);
        REQUIRE(outcome.status == Status::optimal);
        CHECK(outcome.objective == 3.5);
    }
    SECTION("no variables but constraints that hold by themselves") {
        auto program = QuadraticProgram::of_size(0, 1, 1);
        program.h_low[0] = -1.0;
        auto const outcome = solve(entry, program);
        REQUIRE(outcome.status == Status::optimal);
        CHECK(outcome.multipliers.equality.size() == 1);
        CHECK(outcome.multipliers.row_low.size() == 1);
    }
    SECTION("no constraints: the bottom of the parabola") {
        auto program = QuadraticProgram::of_size(2, 0, 0);
        program.P = sparse((Eigen::MatrixXd(2, 2) << 2.0, 1.0, 1.0, 3.0).finished());
        program.q << -1.0, 1.0;
        auto const outcome = solve(entry, program);
        REQUIRE(outcome.status == Status::optimal);
        CHECK((program.P * outcome.x + program.q).norm() < exact);
    }
    SECTION("no objective: any feasible point, of value offset") {
        auto made = make_solved({.variables = 20, .equalities = 5, .inequalities = 15}, 1);
        made.program.P.setZero();
        made.program.q.setZero();
        auto const outcome = solve(entry, made.program);
        REQUIRE(outcome.status == Status::optimal);
        CHECK(outcome.objective == Approx(made.program.offset).epsilon(exact));
        CHECK(judge(made.program, outcome.x, outcome.multipliers).worst() < exact);
    }
    SECTION("all variables fixed") {
        auto made = make_solved({.variables = 12, .equalities = 3, .inequalities = 6, .fixed = 1.0}, 2);
        auto const outcome = solve(entry, made.program);
        REQUIRE(outcome.status == Status::optimal);
        CHECK(outcome.x == made.x);
        CHECK(judge(made.program, outcome.x, outcome.multipliers).worst() < exact);
    }
}
