#include "dec/solvers/quadratic_program.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "ldl.hpp"

namespace dec::solvers {
namespace {

using core::Finding;
using Findings = std::vector<Finding>;
using Inner = SparseMatrix::InnerIterator;

/// Eigenvalues of P may be this much below zero, relative to its largest coefficient.
constexpr double indefinite = 1e-9;
constexpr double unsymmetric = 1e-12;

std::string variable(QuadraticProgram const& program, Index j) {
    auto const i = static_cast<std::size_t>(j);
    return i < program.names.size() ? fmt::format("variable {} ({})", j, program.names[i])
                                    : fmt::format("variable {}", j);
}

void expect_size(Findings& findings, std::string_view what, Index is, Index should, std::string_view counted) {
    if (is == should) return;
    findings.push_back({.element = std::string{what},
                        .problem = fmt::format("has {} entries", is),
                        .remedy = fmt::format("one for each of the {} {}", should, counted)});
}

void expect_shape(Findings& findings, std::string_view what, SparseMatrix const& matrix, Index rows, Index columns) {
    if (matrix.rows() == rows && matrix.cols() == columns) return;
    findings.push_back({.element = std::string{what},
                        .problem = fmt::format("is {} x {}", matrix.rows(), matrix.cols()),
                        .remedy = fmt::format("{} x {}", rows, columns)});
}

Findings check_sizes(QuadraticProgram const& program) {
    Findings findings;
    auto const n = program.variables();
    auto const p = program.equalities();
    auto const m = program.inequalities();
    expect_shape(findings, "P", program.P, n, n);
    expect_shape(findings, "A", program.A, p, n);
    expect_shape(findings, "G", program.G, m, n);
    expect_size(findings, "h_high", program.h_high.size(), m, "inequalities (as many as h_low)");
    expect_size(findings, "lb", program.lb.size(), n, "variables");
    expect_size(findings, "ub", program.ub.size(), n, "variables");
    if (!program.names.empty())
        expect_size(findings, "names", static_cast<Index>(program.names.size()), n, "variables");
    return findings;
}

template <class Name>
void check_limits(Findings& findings, Vector const& low, Vector const& high, Name const& name) {
    for (Index i = 0; i < low.size(); ++i) {
        if (std::isnan(low[i]) || low[i] >= no_limit)
            findings.push_back({.element = name(i),
                                .problem = fmt::format("lower limit is {}", low[i]),
                                .remedy = "a number, or -infinity where there is none"});
        if (std::isnan(high[i]) || high[i] <= -no_limit)
            findings.push_back({.element = name(i),
                                .problem = fmt::format("upper limit is {}", high[i]),
                                .remedy = "a number, or infinity where there is none"});
    }
}

void check_coefficients(Findings& findings, std::string_view what, SparseMatrix const& matrix) {
    for (Index j = 0; j < matrix.outerSize(); ++j)
        for (Inner e(matrix, j); e; ++e)
            if (!std::isfinite(e.value()))
                findings.push_back({.element = std::string{what},
                                    .problem = fmt::format("[{}, {}] = {}", e.row(), e.col(), e.value()),
                                    .remedy = "a finite number"});
}

void check_numbers(Findings& findings, QuadraticProgram const& program) {
    check_coefficients(findings, "P", program.P);
    check_coefficients(findings, "A", program.A);
    check_coefficients(findings, "G", program.G);
    auto const finite = [&](double value, std::string element, std::string_view what) {
        if (!std::isfinite(value))
            findings.push_back({.element = std::move(element),
                                .problem = fmt::format("{} = {}", what, value),
                                .remedy = "a finite number"});
    };
    finite(program.offset, "objective", "offset");
    for (Index j = 0; j < program.variables(); ++j) finite(program.q[j], variable(program, j), "q");
    for (Index i = 0; i < program.equalities(); ++i) finite(program.b[i], fmt::format("equality {}", i), "b");
    check_limits(findings, program.h_low, program.h_high, [](Index i) { return fmt::format("inequality {}", i); });
    check_limits(findings, program.lb, program.ub, [&](Index j) { return variable(program, j); });
}

void check_symmetric(Findings& findings, SparseMatrix const& P, double largest) {
    SparseMatrix const difference = P - SparseMatrix{P.transpose()};
    for (Index j = 0; j < difference.outerSize(); ++j)
        for (Inner e(difference, j); e; ++e)
            if (e.row() < e.col() && std::abs(e.value()) > unsymmetric * largest)
                findings.push_back({.element = "P",
                                    .problem = fmt::format("[{0}, {1}] = {2} but [{1}, {0}] = {3}", e.row(), e.col(),
                                                           P.coeff(e.row(), e.col()), P.coeff(e.col(), e.row())),
                                    .remedy = "both triangles stored, and equal"});
}

/// Positive semidefinite, found by a factorisation of P with a little added to its diagonal.
bool is_convex(SparseMatrix const& P, double largest) {
    auto const n = static_cast<int>(P.rows());
    std::vector<QuasidefiniteLdl::Place> places;
    std::vector<double> values;
    for (int j = 0; j < n; ++j) {
        places.push_back({j, j});
        values.push_back(P.coeff(j, j) + indefinite * largest);
        for (Inner e(P, j); e; ++e)
            if (e.row() < e.col()) {
                places.push_back({static_cast<int>(e.row()), j});
                values.push_back(e.value());
            }
    }
    QuasidefiniteLdl factor;
    factor.analyse(places, std::vector<signed char>(static_cast<std::size_t>(n), 1));
    return factor.factorise(values, std::numeric_limits<double>::min()) == 0;
}

void check_curvature(Findings& findings, QuadraticProgram const& program) {
    double largest = 0.0;
    bool diagonal = true;
    bool negative = false;
    for (Index j = 0; j < program.P.outerSize(); ++j)
        for (Inner e(program.P, j); e; ++e) {
            largest = std::max(largest, std::abs(e.value()));
            if (e.row() != e.col()) diagonal = false;
            else if (e.value() < 0.0) {
                negative = true;
                findings.push_back({.element = variable(program, j),
                                    .problem = fmt::format("P[{0}, {0}] = {1} is negative", j, e.value()),
                                    .remedy = "a convex objective"});
            }
        }
    if (diagonal) return;
    auto const before = findings.size();
    check_symmetric(findings, program.P, largest);
    if (!negative && findings.size() == before && !is_convex(program.P, largest))
        findings.push_back({.element = "P", .problem = "is not positive semidefinite", .remedy = "a convex objective"});
}

}  // namespace

QuadraticProgram QuadraticProgram::of_size(Index variables, Index equalities, Index inequalities) {
    return {.P = SparseMatrix(variables, variables),
            .q = Vector::Zero(variables),
            .A = SparseMatrix(equalities, variables),
            .b = Vector::Zero(equalities),
            .G = SparseMatrix(inequalities, variables),
            .h_low = Vector::Constant(inequalities, -infinity),
            .h_high = Vector::Constant(inequalities, infinity),
            .lb = Vector::Constant(variables, -infinity),
            .ub = Vector::Constant(variables, infinity)};
}

double QuadraticProgram::objective(Vector const& x) const { return 0.5 * x.dot(P * x) + q.dot(x) + offset; }

std::vector<core::Finding> validate(QuadraticProgram const& program) {
    auto findings = check_sizes(program);
    if (!findings.empty()) return findings;
    check_numbers(findings, program);
    if (findings.empty()) check_curvature(findings, program);
    return findings;
}

}  // namespace dec::solvers
