#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "contract.hpp"
#include "judge.hpp"
#include "random_programs.hpp"

using namespace dec;
using namespace dec::test;
using solvers::Outcome;
using solvers::Start;
using solvers::Status;

namespace {

/// Other numbers in the same places: limits move, come and go, a few become equal.
void change(QuadraticProgram& program, Dice& dice, double amount) {
    for (auto& value : program.q) value += amount * dice.uniform(-1.0, 1.0);
    for (Index j = 0; j < program.variables(); ++j) {
        if (dice.chance(0.1)) program.lb[j] = -infinity;
        if (dice.chance(0.1)) program.ub[j] = infinity;
        if (dice.chance(0.05)) program.lb[j] = program.ub[j] = dice.uniform(-0.1, 0.1);
    }
    for (Index i = 0; i < program.inequalities(); ++i)
        if (dice.chance(0.1)) program.h_low[i] = -infinity;
    for (Index k = 0; k < program.G.nonZeros(); ++k) program.G.valuePtr()[k] *= 1.0 + amount * dice.uniform(-0.1, 0.1);
}

bool same_bits(Outcome const& a, Outcome const& b) {
    return a.status == b.status && a.iterations == b.iterations && a.x == b.x &&
           a.multipliers.equality == b.multipliers.equality && a.multipliers.row_low == b.multipliers.row_low &&
           a.multipliers.row_high == b.multipliers.row_high && a.multipliers.bound_low == b.multipliers.bound_low &&
           a.multipliers.bound_high == b.multipliers.bound_high && (a.x.size() == 0 || a.objective == b.objective);
}

}  // namespace

TEST_CASE("solving again with new numbers gives the bits of a fresh solver", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 10U));
    Dice dice{seed};
    auto program = make_solved({.variables = 25, .equalities = 6, .inequalities = 20}, seed).program;
    auto const reused = entry.make({});
    reused->setup(program);

    for (int round = 0; round < 8; ++round) {
        auto const again = reused->solve();
        auto const fresh = solve(entry, program);
        CAPTURE(entry.name, seed, round, solvers::name(again.status));
        REQUIRE(same_bits(again, fresh));
        CHECK((again.status == Status::optimal || again.status == Status::primal_infeasible ||
               again.status == Status::dual_infeasible));
        change(program, dice, 0.3);
        reused->update(program);
    }
}

TEST_CASE("a solver recovers from a program without answer", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const made = make_solved({.variables = 10, .equalities = 3, .inequalities = 6}, 4);
    auto crossed = made.program;
    crossed.lb[0] = 2.0;
    crossed.ub[0] = 1.0;
    auto const solver = entry.make({});

    solver->setup(crossed);
    auto const without = solver->solve();
    solver->update(made.program);
    auto const with = solver->solve();

    CHECK(without.status == Status::primal_infeasible);
    REQUIRE(with.status == Status::optimal);
    CHECK((with.x - made.x).lpNorm<Eigen::Infinity>() < 1e-7);
}

TEST_CASE("two solvers at once do not disturb each other", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const a = make_solved({.variables = 30}, 1).program;
    auto const b = make_solved({.variables = 12, .equalities = 5}, 2).program;
    auto const first = entry.make({});
    auto const second = entry.make({});

    first->setup(a);
    second->setup(b);
    auto const of_b = second->solve();
    auto const of_a = first->solve();

    CHECK(same_bits(of_a, solve(entry, a)));
    CHECK(same_bits(of_b, solve(entry, b)));
}

TEST_CASE("a start changes the way and not the answer", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const seed = GENERATE(range(0U, 20U));
    auto const amount = GENERATE(0.0, 0.01, 1.0);
    Dice dice{50 + seed};
    auto program = make_solved({.variables = 25, .equalities = 6, .inequalities = 20}, seed).program;
    auto const solver = entry.make({});
    solver->setup(program);
    auto const before = solver->solve();
    REQUIRE(before.status == Status::optimal);
    // Feasible stays feasible: only the objective moves.
    for (auto& value : program.q) value += amount * dice.uniform(-1.0, 1.0);
    solver->update(program);

    auto const cold = solver->solve();
    auto const warm = solver->solve(Start{before.x, before.multipliers});

    CAPTURE(entry.name, seed, amount);
    REQUIRE(cold.status == Status::optimal);
    REQUIRE(warm.status == Status::optimal);
    CHECK(judge(program, warm.x, warm.multipliers).worst() < exact);
    CHECK((warm.x - cold.x).lpNorm<Eigen::Infinity>() < 1e-6);
}

TEST_CASE("a start from nowhere near still arrives", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const far = GENERATE(1.0, 1e3, 1e6);
    auto const made = make_solved({.variables = 15, .equalities = 4, .inequalities = 10}, 6);
    auto const& program = made.program;
    Dice dice{9};
    auto const anything = [&](Index size) {
        Vector v(size);
        for (auto& value : v) value = far * dice.uniform(0.0, 1.0);
        return v;
    };
    auto const solver = entry.make({});
    solver->setup(program);

    auto const outcome =
        solver->solve(Start{anything(15), {anything(4), anything(10), anything(10), anything(15), anything(15)}});

    CAPTURE(entry.name, far);
    REQUIRE(outcome.status == Status::optimal);
    CHECK((outcome.x - made.x).lpNorm<Eigen::Infinity>() < 1e-7);
}

TEST_CASE("a start does not hide that there is no answer", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto program = QuadraticProgram::of_size(2, 1, 0);
    program.P = sparse(Eigen::Matrix2d::Identity());
    program.A = sparse(Eigen::MatrixXd::Ones(1, 2));
    program.b[0] = 1.0;
    program.lb.setZero();
    program.ub.setOnes();
    auto const solver = entry.make({});
    solver->setup(program);
    auto const before = solver->solve();
    program.b[0] = 2.5;
    solver->update(program);

    auto const outcome = solver->solve(Start{before.x, before.multipliers});

    REQUIRE(outcome.status == Status::primal_infeasible);
    CHECK(farkas_error(program, outcome.farkas) < 1e-8);
}

TEST_CASE("stopped early, the best point so far is handed back with what it lacks", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const limit = GENERATE(0, 1, 3);
    auto const program = make_solved({.variables = 30, .equalities = 8, .inequalities = 25}, 3).program;

    auto const outcome = solve(entry, program, {.max_iterations = limit, .polish = false});

    CAPTURE(entry.name, limit);
    REQUIRE(outcome.status == Status::iteration_limit);
    CHECK(outcome.iterations <= limit);
    REQUIRE(outcome.x.size() == 30);
    CHECK((outcome.x.array() >= program.lb.array()).all());
    CHECK((outcome.x.array() <= program.ub.array()).all());
    CHECK(std::max({outcome.primal.relative, outcome.dual.relative, outcome.gap.relative}) > exact);
}

TEST_CASE("calls out of order or with another structure are refused", "[solvers][contract]") {
    auto const& entry = each_solver();
    auto const program = make_solved({.variables = 8, .equalities = 2, .inequalities = 4}, 5).program;
    auto const solver = entry.make({});

    CHECK_THROWS_AS(solver->solve(), std::logic_error);
    CHECK_THROWS_AS(solver->update(program), std::logic_error);
    solver->setup(program);
    auto other = program;
    other.G = sparse(Eigen::MatrixXd::Ones(4, 8));
    CHECK_THROWS_AS(solver->update(other), std::logic_error);
    CHECK_THROWS_AS(solver->update(make_solved({.variables = 9}, 5).program), std::logic_error);
    CHECK_THROWS_AS(solver->solve(Start{Vector::Zero(3), {}}), std::logic_error);
    // What was refused leaves the program of before in place.
    CHECK(solver->solve().status == Status::optimal);
}
