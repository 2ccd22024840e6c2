#include "random_programs.hpp"

#include <Eigen/Dense>
#include <cmath>

namespace dec::test {
namespace {

/// Limits of one value: absent, slack or met; a multiplier where one is met.
struct Limits {
    double low = -infinity;
    double high = infinity;
    double multiplier_low = 0.0;
    double multiplier_high = 0.0;
};

Limits limits_around(double value, Recipe const& recipe, Dice& dice) {
    if (dice.chance(recipe.fixed)) {
        auto const force = dice.uniform(-1.0, 1.0);
        return {value, value, std::max(-force, 0.0), std::max(force, 0.0)};
    }
    Limits limits;
    auto const sides = dice.below(4);
    if (sides == 1 || sides == 3) limits.low = value - dice.uniform(0.1, 2.0);
    if (sides == 2 || sides == 3) limits.high = value + dice.uniform(0.1, 2.0);
    if (sides == 0 || !dice.chance(recipe.active)) return limits;
    auto const force = dice.chance(recipe.weak) ? 0.0 : dice.uniform(0.1, 2.0);
    if (std::isfinite(limits.low) && (!std::isfinite(limits.high) || dice.chance(0.5))) {
        limits.low = value;
        limits.multiplier_low = force;
    } else {
        limits.high = value;
        limits.multiplier_high = force;
    }
    return limits;
}

SparseMatrix random_curvature(Index n, Objective objective, Dice& dice) {
    SparseMatrix P(n, n);
    if (objective == Objective::linear) return P;
    auto const rank = objective == Objective::semidefinite ? std::max<Index>(1, n / 3) : std::max<Index>(1, n / 2);
    auto const factor = random_matrix(rank, n, 2.0, dice);
    P = SparseMatrix{factor.transpose()} * factor;
    if (objective == Objective::strictly_convex) {
        SparseMatrix diagonal(n, n);
        diagonal.setIdentity();
        for (Index j = 0; j < n; ++j) diagonal.coeffRef(j, j) = dice.uniform(0.1, 2.0);
        P += diagonal;
    }
    return P;
}

/// Rows from `first` on become sums and differences of two rows before them.
void make_dependent(SparseMatrix& matrix, Index first, Dice& dice) {
    Eigen::MatrixXd dense = matrix;
    for (Index i = first; i < dense.rows(); ++i) {
        auto const other = dice.below(first);
        dense.row(i) = (dice.chance(0.5) ? 1.0 : -2.0) * dense.row(dice.below(first));
        if (dice.chance(0.5)) dense.row(i) += dense.row(other);
    }
    matrix = dense.sparseView();
}

}  // namespace

SparseMatrix sparse(Eigen::MatrixXd const& dense) { return dense.sparseView(); }

SparseMatrix random_matrix(Index rows, Index columns, double per_row, Dice& dice) {
    std::vector<Eigen::Triplet<double>> entries;
    for (Index i = 0; i < rows; ++i) {
        auto const more = static_cast<Index>(dice.uniform(0.0, 2.0 * per_row - 1.0));
        for (Index k = 0; k <= more; ++k)
            entries.emplace_back(static_cast<int>(i), static_cast<int>(dice.below(columns)), dice.uniform(-1.0, 1.0));
    }
    SparseMatrix matrix(rows, columns);
    matrix.setFromTriplets(entries.begin(), entries.end());
    return matrix;
}

Solved make_solved(Recipe const& recipe, std::uint64_t seed) {
    Dice dice{seed};
    auto const n = recipe.variables;
    auto const p = recipe.equalities;
    auto const m = recipe.inequalities;
    Solved made{.program = QuadraticProgram::of_size(n, p, m), .x = Vector(n)};
    auto& program = made.program;
    auto& z = made.multipliers;
    z = {Vector::Zero(p), Vector::Zero(m), Vector::Zero(m), Vector::Zero(n), Vector::Zero(n)};

    program.P = random_curvature(n, recipe.objective, dice);
    program.A = random_matrix(p, n, 3.0, dice);
    program.G = random_matrix(m, n, 3.0, dice);
    if (recipe.dependent && p > 1) make_dependent(program.A, (p + 1) / 2, dice);
    if (recipe.dependent && m > 1) make_dependent(program.G, (2 * m + 2) / 3, dice);
    for (auto& value : made.x) value = dice.uniform(-1.0, 1.0);

    for (auto& value : z.equality) value = dice.uniform(-1.0, 1.0);
    program.b = program.A * made.x;
    Vector const rows = program.G * made.x;
    for (Index i = 0; i < m; ++i) {
        auto const limits = limits_around(rows[i], recipe, dice);
        program.h_low[i] = limits.low;
        program.h_high[i] = limits.high;
        z.row_low[i] = limits.multiplier_low;
        z.row_high[i] = limits.multiplier_high;
    }
    for (Index j = 0; j < n; ++j) {
        auto const limits = limits_around(made.x[j], recipe, dice);
        program.lb[j] = limits.low;
        program.ub[j] = limits.high;
        z.bound_low[j] = limits.multiplier_low;
        z.bound_high[j] = limits.multiplier_high;
    }
    program.q = -(program.P * made.x) - program.A.transpose() * z.equality -
                program.G.transpose() * (z.row_high - z.row_low) - (z.bound_high - z.bound_low);
    program.offset = dice.uniform(-1.0, 1.0);
    made.objective = program.objective(made.x);
    return made;
}

Scaled in_other_units(QuadraticProgram const& program, double decades, std::uint64_t seed) {
    Dice dice{seed};
    auto const factors = [&](Index size) {
        Vector f(size);
        for (auto& value : f) value = std::pow(10.0, dice.uniform(-decades, decades));
        return f;
    };
    Scaled scaled{.program = program,
                  .equality_factor = factors(program.equalities()),
                  .inequality_factor = factors(program.inequalities()),
                  .variable_unit = factors(program.variables()),
                  .objective_factor = std::pow(10.0, dice.uniform(-decades, decades))};
    auto const& unit = scaled.variable_unit;
    auto const f = scaled.objective_factor;
    auto& to = scaled.program;
    to.P = f * unit.asDiagonal() * program.P * unit.asDiagonal();
    // The two triangles are rounded differently; the program is symmetric by definition.
    to.P = SparseMatrix{0.5 * (to.P + SparseMatrix{to.P.transpose()})};
    to.q = f * unit.cwiseProduct(program.q);
    to.offset = f * program.offset;
    to.A = scaled.equality_factor.asDiagonal() * program.A * unit.asDiagonal();
    to.b = scaled.equality_factor.cwiseProduct(program.b);
    to.G = scaled.inequality_factor.asDiagonal() * program.G * unit.asDiagonal();
    to.h_low = scaled.inequality_factor.cwiseProduct(program.h_low);
    to.h_high = scaled.inequality_factor.cwiseProduct(program.h_high);
    to.lb = program.lb.cwiseQuotient(unit);
    to.ub = program.ub.cwiseQuotient(unit);
    return scaled;
}

}  // namespace dec::test
