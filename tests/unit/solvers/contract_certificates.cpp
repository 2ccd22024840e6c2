#include <Eigen/Dense>
#include <catch2/catch.hpp>

#include "contract.hpp"
#include "judge.hpp"
#include "random_programs.hpp"

using namespace dec;
using namespace dec::test;
using solvers::Outcome;
using solvers::Status;

namespace {

/// What solvers are asked for (Settings::certificate_tolerance), in the units of the tests.
constexpr double proven = 1e-8;

void check_infeasible(solvers::SolverEntry const& entry, QuadraticProgram const& program) {
    auto const outcome = solve(entry, program);
    CAPTURE(entry.name, solvers::name(outcome.status), outcome.iterations);
    REQUIRE(outcome.status == Status::primal_infeasible);
    CHECK(farkas_error(program, outcome.farkas) < proven);
    CHECK(outcome.certificate_residual <= proven);
    CHECK(outcome.x.size() == 0);
}

void check_unbounded(solvers::SolverEntry const& entry, QuadraticProgram const& program) {
    auto const outcome = solve(entry, program);
    CAPTURE(entry.name, solvers::name(outcome.status), outcome.iterations);
    REQUIRE(outcome.status == Status::dual_infeasible);
    CHECK(ray_error(program, outcome.ray) < proven);
    CHECK(outcome.certificate_residual <= proven);
    CHECK(outcome.x.size() == 0);
}

/// A feasible random program with room for `rows` more inequalities without coefficients or limits.
QuadraticProgram feasible_with_rows(Index n, Index rows, std::uint64_t seed) {
    auto program =
        make_solved({.variables = n, .equalities = n / 4, .inequalities = n / 2, .objective = Objective::semidefinite},
                    seed)
            .program;
    auto const m = program.inequalities();
    program.G.conservativeResize(m + rows, n);
    program.h_low.conservativeResize(m + rows);
    program.h_high.conservativeResize(m + rows);
    program.h_low.tail(rows).setConstant(-infinity);
    program.h_high.tail(rows).setConstant(infinity);
    return program;
}

}  // namespace

TEST_CASE("limits that exclude each other are infeasible", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto program = make_solved({.variables = 10, .equalities = 3, .inequalities = 5}, 1).program;
    auto const distance = GENERATE(10.0, 1e-3, 1e-6);

    SECTION("of a variable") {
        program.lb[4] = 1.0;
        program.ub[4] = 1.0 - distance;
        check_infeasible(entry, program);
    }
    SECTION("of an inequality") {
        program.h_low[2] = 1.0;
        program.h_high[2] = 1.0 - distance;
        check_infeasible(entry, program);
    }
}

TEST_CASE("rows that cannot hold whatever the variables are infeasible", "[solvers][contract]") {
    auto const& entry = each_solver();

    SECTION("an equality without coefficients") {
        auto program = QuadraticProgram::of_size(2, 1, 0);
        program.b[0] = 0.5;
        check_infeasible(entry, program);
    }
    SECTION("an inequality without coefficients") {
        auto program = QuadraticProgram::of_size(2, 0, 1);
        program.h_low[0] = 0.5;
        check_infeasible(entry, program);
    }
    SECTION("a row of fixed variables") {
        auto program = QuadraticProgram::of_size(3, 1, 0);
        program.A = sparse((Eigen::MatrixXd(1, 3) << 1.0, 2.0, 0.0).finished());
        program.b[0] = 4.0;
        program.lb << 1.0, 1.0, -infinity;
        program.ub << 1.0, 1.0, infinity;
        check_infeasible(entry, program);
    }
    SECTION("no variables at all") {
        auto program = QuadraticProgram::of_size(0, 1, 0);
        program.b[0] = -1.0;
        check_infeasible(entry, program);
    }
}

TEST_CASE("equalities that contradict each other are infeasible", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 20U));
    auto const size = GENERATE(4, 30, 150);
    auto const distance = GENERATE(1.0, 1e-4);
    auto program =
        make_solved({.variables = size, .equalities = size / 2, .inequalities = size / 3, .fixed = 0.0}, seed).program;
    // The last equality repeats the sum of all others, with another right-hand side.
    Eigen::MatrixXd A = program.A;
    auto const last = A.rows() - 1;
    A.row(last) = A.topRows(last).colwise().sum();
    program.A = sparse(A);
    program.b[last] = program.b.head(last).sum() + distance;

    CAPTURE(seed, size, distance);
    check_infeasible(entry, program);
}

TEST_CASE("inequalities that contradict each other are infeasible", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 20U));
    auto const size = GENERATE(3, 40, 120);
    auto const distance = GENERATE(1.0, 1e-4);
    Dice dice{700 + seed};
    // A weighted sum of k rows is zero while that of their upper limits is -distance.
    auto const k = 2 + dice.below(6);
    auto program = feasible_with_rows(size, k, seed);
    auto const first = program.inequalities() - k;
    Eigen::MatrixXd G = program.G;
    Vector weights(k);
    for (Index i = 0; i < k; ++i) {
        weights[i] = dice.uniform(0.2, 1.0);
        if (i + 1 < k)
            for (Index c = 0; c < 3; ++c) G(first + i, dice.below(size)) = dice.uniform(-1.0, 1.0);
        program.h_high[first + i] = dice.uniform(-1.0, 1.0);
    }
    G.row(first + k - 1) = -(weights.head(k - 1).transpose() * G.middleRows(first, k - 1)) / weights[k - 1];
    program.h_high[first + k - 1] =
        (-distance - weights.head(k - 1).dot(program.h_high.segment(first, k - 1))) / weights[k - 1];
    program.G = sparse(G);

    CAPTURE(seed, size, distance);
    check_infeasible(entry, program);
}

TEST_CASE("equalities, inequalities and bounds that contradict each other together are infeasible",
          "[solvers][contract]") {
    auto const& entry = each_solver();

    SECTION("a sum that bounds cannot reach") {
        auto const n = GENERATE(1, 5, 200);
        auto program = QuadraticProgram::of_size(n, 1, 0);
        program.P = sparse(Eigen::MatrixXd::Identity(n, n));
        program.A = sparse(Eigen::MatrixXd::Ones(1, n));
        program.b[0] = n + 0.5;
        program.lb.setZero();
        program.ub.setOnes();
        check_infeasible(entry, program);
    }
    SECTION("a voltage too high whatever is curtailed") {
        // v = 1.12 - 0.02 (a1 + a2), shares between 0 and 1, v <= 1.05.
        auto program = QuadraticProgram::of_size(3, 1, 0);
        program.q << 1.0, 1.0, 0.0;
        program.A = sparse((Eigen::MatrixXd(1, 3) << 0.02, 0.02, 1.0).finished());
        program.b[0] = 1.12;
        program.lb << 0.0, 0.0, 0.95;
        program.ub << 1.0, 1.0, 1.05;
        check_infeasible(entry, program);
    }
    SECTION("a chain of rows from one bound to another") {
        // x_{k+1} >= x_k + 0.1 from x_0 >= 0 on, and x_n <= 0.1 (n - 1): short by one step.
        auto const n = GENERATE(2, 10, 100);
        auto program = QuadraticProgram::of_size(n + 1, 0, n);
        Eigen::MatrixXd G = Eigen::MatrixXd::Zero(n, n + 1);
        for (Index k = 0; k < n; ++k) {
            G(k, k) = -1.0;
            G(k, k + 1) = 1.0;
        }
        program.G = sparse(G);
        program.h_low.setConstant(0.1);
        program.lb[0] = 0.0;
        program.ub[n] = 0.1 * (n - 1);
        check_infeasible(entry, program);
    }
}

TEST_CASE("infeasible programs in other units are still proven so", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 20U));
    auto const n = 20;
    auto program = feasible_with_rows(n, 2, seed);
    auto const m = program.inequalities();
    Dice dice{seed};
    Eigen::MatrixXd G = program.G;
    for (Index c = 0; c < 4; ++c) G(m - 1, dice.below(n)) = dice.uniform(-1.0, 1.0);
    G.row(m - 2) = G.row(m - 1);
    program.G = sparse(G);
    program.h_high[m - 2] = -0.1;
    program.h_low[m - 1] = 0.1;
    auto const scaled = in_other_units(program, 4.0, seed);

    auto const outcome = solve(entry, scaled.program);

    CAPTURE(entry.name, seed, solvers::name(outcome.status));
    REQUIRE(outcome.status == Status::primal_infeasible);
    auto in_our_units = outcome.farkas;
    in_our_units.equality = in_our_units.equality.cwiseProduct(scaled.equality_factor);
    in_our_units.row_low = in_our_units.row_low.cwiseProduct(scaled.inequality_factor);
    in_our_units.row_high = in_our_units.row_high.cwiseProduct(scaled.inequality_factor);
    in_our_units.bound_low = in_our_units.bound_low.cwiseQuotient(scaled.variable_unit);
    in_our_units.bound_high = in_our_units.bound_high.cwiseQuotient(scaled.variable_unit);
    CHECK(farkas_error(program, in_our_units) < proven);
}

TEST_CASE("objectives that fall without limit are shown the way down", "[solvers][contract]") {
    auto const& entry = each_solver();

    SECTION("a variable with a price and no bound on that side") {
        auto program = QuadraticProgram::of_size(3, 0, 0);
        program.q << 1.0, 0.0, -1.0;
        program.lb.setZero();
        check_unbounded(entry, program);
    }
    SECTION("curvature everywhere but along one direction") {
        auto program = QuadraticProgram::of_size(2, 0, 0);
        program.P = sparse((Eigen::MatrixXd(2, 2) << 1.0, -1.0, -1.0, 1.0).finished());
        program.q << -1.0, -1.0;
        check_unbounded(entry, program);
    }
    SECTION("a large random program with one ray") {
        auto const seed = GENERATE(range(0U, 30U));
        auto const n = GENERATE(5, 40, 150);
        Dice dice{900 + seed};
        auto program = make_solved({.variables = n, .equalities = n / 4, .inequalities = n / 2}, seed).program;
        // One more variable moves with the ray d: P, A and G are made blind to it, and its price is negative.
        Vector d(n + 1);
        for (auto& value : d) value = dice.uniform(-1.0, 1.0);
        d[n] = 1.0;
        auto const blind = [&](SparseMatrix const& matrix) {
            Eigen::MatrixXd wide(matrix.rows(), n + 1);
            wide << Eigen::MatrixXd{matrix}, -(matrix * d.head(n));
            return wide;
        };
        Eigen::MatrixXd const half = blind(program.P);
        Eigen::MatrixXd P(n + 1, n + 1);
        P << half, -(d.head(n).transpose() * half);
        auto wide = QuadraticProgram::of_size(n + 1, program.equalities(), program.inequalities());
        wide.P = sparse(0.5 * (P + P.transpose()));
        wide.A = sparse(blind(program.A));
        wide.b = program.b;
        wide.G = sparse(blind(program.G));
        wide.h_low = program.h_low;
        wide.h_high = program.h_high;
        for (Index j = 0; j < n; ++j) wide.q[j] = dice.uniform(-1.0, 1.0);
        wide.q[n] = -wide.q.head(n).dot(d.head(n)) - 1.0;
        CAPTURE(seed, n);
        check_unbounded(entry, wide);
    }
}

TEST_CASE("a program infeasible in both ways is never called optimal, and what is claimed is proven",
          "[solvers][contract]") {
    auto const& entry = each_solver();
    auto program = QuadraticProgram::of_size(3, 2, 0);
    program.q << -1.0, 0.0, 0.0;
    program.lb.setZero();
    program.A = sparse((Eigen::MatrixXd(2, 3) << 0.0, 1.0, 1.0, 0.0, 1.0, 1.0).finished());
    program.b << 1.0, 2.0;

    auto const outcome = solve(entry, program);

    REQUIRE((outcome.status == Status::primal_infeasible || outcome.status == Status::dual_infeasible));
    if (outcome.status == Status::primal_infeasible) CHECK(farkas_error(program, outcome.farkas) < proven);
    else CHECK(ray_error(program, outcome.ray) < proven);
}

TEST_CASE("programs that are feasible by a hair are solved, not refused", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const room = GENERATE(1e-2, 1e-4, 1e-6, 0.0);
    auto program = QuadraticProgram::of_size(4, 1, 0);
    program.P = sparse(Eigen::Matrix4d::Identity());
    program.A = sparse(Eigen::MatrixXd::Ones(1, 4));
    program.b[0] = 4.0 - room;
    program.lb.setZero();
    program.ub.setOnes();

    auto const outcome = solve(entry, program);

    CAPTURE(entry.name, room, solvers::name(outcome.status));
    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x.array() - (1.0 - room / 4.0)).abs().maxCoeff() < 1e-8);
}
