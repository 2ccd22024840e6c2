#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <limits>

#include "contract.hpp"
#include "random_programs.hpp"

using namespace dec;
using namespace dec::test;

namespace {

QuadraticProgram sound() {
    auto program = make_solved({.variables = 4, .equalities = 2, .inequalities = 3}, 1).program;
    program.names = {"alpha:one", "alpha:two", "v:a", "v:b"};
    return program;
}

void check_refused(QuadraticProgram const& program, std::string const& element, std::string const& problem) {
    auto const findings = validate(program);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].element == element);
    CHECK_THAT(findings[0].problem, Catch::Contains(problem));
    CHECK_FALSE(findings[0].remedy.empty());
    for (auto const& entry : solvers::solvers()) CHECK_THROWS_AS(solve(entry, program), core::InvalidInput);
}

}  // namespace

TEST_CASE("a program as it comes from the random sets has nothing wrong with it", "[solvers]") {
    CHECK(validate(sound()).empty());
    CHECK(validate(QuadraticProgram::of_size(0, 0, 0)).empty());
    CHECK(validate(QuadraticProgram::of_size(3, 2, 1)).empty());
}

TEST_CASE("what is wrong with a program is said with its place", "[solvers]") {
    auto program = sound();
    auto const nan = std::numeric_limits<double>::quiet_NaN();

    SECTION("sizes") {
        program.h_high.conservativeResize(2);
        check_refused(program, "h_high", "2 entries");
    }
    SECTION("shapes") {
        program.A = SparseMatrix(2, 5);
        check_refused(program, "A", "2 x 5");
    }
    SECTION("names") {
        program.names.pop_back();
        check_refused(program, "names", "3 entries");
    }
    SECTION("not a number in the objective") {
        program.q[2] = nan;
        check_refused(program, "variable 2 (v:a)", "q = nan");
    }
    SECTION("an infinite right-hand side") {
        program.b[1] = infinity;
        check_refused(program, "equality 1", "b = inf");
    }
    SECTION("an infinite coefficient") {
        program.G.coeffRef(1, 2) = infinity;
        check_refused(program, "G", "[1, 2] = inf");
    }
    SECTION("a lower limit of plus infinity") {
        program.lb[3] = infinity;
        program.ub[3] = infinity;
        check_refused(program, "variable 3 (v:b)", "lower limit is inf");
    }
    SECTION("an upper limit that is not a number") {
        program.h_high[0] = nan;
        check_refused(program, "inequality 0", "upper limit is nan");
    }
    SECTION("one triangle only") {
        program.P = sparse((Eigen::MatrixXd(4, 4) << 2, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1).finished());
        check_refused(program, "P", "[0, 1] = 1 but [1, 0] = 0");
    }
    SECTION("a negative curvature") {
        program.P = sparse(Eigen::Vector4d{1.0, -0.5, 0.0, 1.0}.asDiagonal());
        check_refused(program, "variable 1 (alpha:two)", "-0.5 is negative");
    }
    SECTION("a saddle") {
        program.P = sparse((Eigen::MatrixXd(4, 4) << 1, 2, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1).finished());
        check_refused(program, "P", "not positive semidefinite");
    }
}

TEST_CASE("several mistakes are found at once", "[solvers]") {
    auto program = sound();
    program.q[0] = infinity;
    program.b[0] = -infinity;
    program.ub[1] = -infinity;
    CHECK(validate(program).size() == 3);
}

TEST_CASE("a semidefinite curvature of low rank is convex, however large", "[solvers]") {
    auto const size = GENERATE(1e-6, 1.0, 1e6);
    Eigen::MatrixXd const factor = Eigen::MatrixXd::Ones(1, 4) * size;
    auto program = sound();
    program.P = sparse(factor.transpose() * factor);
    CHECK(validate(program).empty());
}

TEST_CASE("the objective of a point is what the formula says", "[solvers]") {
    auto program = QuadraticProgram::of_size(2, 0, 0);
    program.P = sparse((Eigen::MatrixXd(2, 2) << 2.0, 1.0, 1.0, 4.0).finished());
    program.q << 1.0, -1.0;
    program.offset = 0.5;
    CHECK(program.objective(Eigen::Vector2d{1.0, 2.0}) == Approx(0.5 * (2.0 + 4.0 + 16.0) + 1.0 - 2.0 + 0.5));
}

TEST_CASE("settings out of range are refused by name", "[solvers][contract]") {
    for (auto const& entry : solvers::solvers()) {
        solvers::Settings settings;
        settings.tolerance = -1.0;
        settings.regularisation = std::numeric_limits<double>::quiet_NaN();
        auto const findings = settings.validate();
        REQUIRE(findings.size() == 2);
        CHECK_THAT(findings[0].element, Catch::Contains("tolerance"));
        CHECK_THAT(findings[1].element, Catch::Contains("regularisation"));
        CHECK_THROWS_AS(entry.make(settings), core::InvalidInput);
    }
}

TEST_CASE("solvers are found by their name and nothing else is", "[solvers]") {
    for (auto const& entry : solvers::solvers()) CHECK(solvers::find_solver(entry.name) == &entry);
    CHECK(solvers::find_solver("") == nullptr);
    CHECK(solvers::find_solver("simplex") == nullptr);
}
