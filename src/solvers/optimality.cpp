#include "optimality.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {
namespace {

using Inner = SparseMatrix::InnerIterator;

/// A sum of products of numbers with the magnitudes of its terms. Absent limits have multiplier zero and are left out.
struct Total {
    double value = 0.0;
    double terms = 0.0;

    void add(double factor, Vector const& a, Vector const& b) {
        for (Index i = 0; i < a.size(); ++i) {
            if (b[i] == 0.0) continue;
            value += factor * a[i] * b[i];
            terms += std::abs(a[i] * b[i]);
        }
    }
};

/// The gap is relative to the objective, but to no less than this share of what is added up for it in typical cases.
constexpr double least_objective = 1e-4;

void widen(Accuracy& accuracy, double error, double size) {
    if (!std::isfinite(error)) error = infinity;  // comparisons lose what is not a number
    accuracy.absolute = std::max(accuracy.absolute, error);
    accuracy.relative = std::max(accuracy.relative, error / size);
}

/// How far low <= value <= high is from being true, against the terms of value and of the limit in question.
void widen_by_violation(Accuracy& accuracy, double value, double terms, double low, double high, double unit) {
    if (low > -no_limit) widen(accuracy, std::max(low - value, 0.0), std::max(terms + std::abs(low), unit));
    if (high < no_limit) widen(accuracy, std::max(value - high, 0.0), std::max(terms + std::abs(high), unit));
}

/// A'equality + G'(row_high - row_low)
void add_rows(QuadraticProgram const& program, Multipliers const& multipliers, Sum& sum) {
    sum.add_transposed_product(program.A, multipliers.equality);
    sum.add_transposed_product(program.G, multipliers.row_high, multipliers.row_low);
}

/// -b'equality + h_low'row_low - h_high'row_high + lb'bound_low - ub'bound_high
Total value_of_limits(QuadraticProgram const& program, Multipliers const& multipliers) {
    Total total;
    total.add(-1.0, program.b, multipliers.equality);
    total.add(1.0, program.h_low, multipliers.row_low);
    total.add(-1.0, program.h_high, multipliers.row_high);
    total.add(1.0, program.lb, multipliers.bound_low);
    total.add(-1.0, program.ub, multipliers.bound_high);
    return total;
}

void clean(Vector& multiplier, Vector const& limit) {
    for (Index i = 0; i < multiplier.size(); ++i)
        multiplier[i] = std::abs(limit[i]) < no_limit ? std::max(multiplier[i], 0.0) : 0.0;
}

void clean(QuadraticProgram const& program, Multipliers& multipliers) {
    clean(multipliers.row_low, program.h_low);
    clean(multipliers.row_high, program.h_high);
    clean(multipliers.bound_low, program.lb);
    clean(multipliers.bound_high, program.ub);
}

void scale(Multipliers& multipliers, double factor) {
    for (auto* part : {&multipliers.equality, &multipliers.row_low, &multipliers.row_high, &multipliers.bound_low,
                       &multipliers.bound_high})
        *part *= factor;
}

/// A contradiction or a fall smaller than the rounding of its own terms is none.
constexpr double rounding = 1e-12;

bool within(double error, double tolerance) { return error <= tolerance; }  // false if it is not a number

/// Largest part of a direction's product with G, or of the direction itself, that leaves a limit.
double leaving(double direction, double low, double high) {
    if (low > -no_limit && direction < 0.0) return -direction;
    if (high < no_limit && direction > 0.0) return direction;
    return 0.0;
}

}  // namespace

bool same_limit(double low, double high) {
    constexpr double no_room = 1e-12;
    if (low <= -no_limit || high >= no_limit) return false;
    return std::abs(high - low) <= no_room * std::max(std::abs(low), std::abs(high));
}

void Sum::reset(Index size) {
    value.setZero(size);
    terms.setZero(size);
}

void Sum::add(Vector const& v) {
    value += v;
    terms += v.cwiseAbs();
}

void Sum::add(Vector const& plus, Vector const& minus) {
    value += plus - minus;
    terms += (plus - minus).cwiseAbs();
}

void Sum::add_product(SparseMatrix const& matrix, Vector const& v) {
    for (Index j = 0; j < matrix.outerSize(); ++j)
        for (Inner e(matrix, j); e; ++e) {
            value[e.row()] += e.value() * v[j];
            terms[e.row()] += std::abs(e.value() * v[j]);
        }
}

void Sum::add_transposed_product(SparseMatrix const& matrix, Vector const& v) {
    for (Index j = 0; j < matrix.outerSize(); ++j)
        for (Inner e(matrix, j); e; ++e) {
            value[j] += e.value() * v[e.row()];
            terms[j] += std::abs(e.value() * v[e.row()]);
        }
}

void Sum::add_transposed_product(SparseMatrix const& matrix, Vector const& plus, Vector const& minus) {
    for (Index j = 0; j < matrix.outerSize(); ++j)
        for (Inner e(matrix, j); e; ++e) {
            auto const term = e.value() * (plus[e.row()] - minus[e.row()]);
            value[j] += term;
            terms[j] += std::abs(term);
        }
}

void Judge::measure(QuadraticProgram const& program, Units const& units, Outcome& outcome) {
    auto& x = outcome.x;
    x = x.cwiseMax(program.lb).cwiseMin(program.ub);
    curved_.reset(x.size());
    curved_.add_product(program.P, x);
    balance(program, units, outcome);
    outcome.primal = violation(program, units, x);

    auto const quadratic = 0.5 * x.dot(curved_.value);
    auto const primal = quadratic + program.q.dot(x);
    auto const dual = value_of_limits(program, outcome.multipliers).value - quadratic;
    outcome.objective = primal + program.offset;
    outcome.dual_objective = dual + program.offset;
    outcome.gap.absolute = std::abs(primal - dual);
    auto const with_offset = std::max(std::abs(outcome.objective), std::abs(outcome.dual_objective));
    auto const without = std::max(std::abs(primal), std::abs(dual));
    auto const size = std::max(std::min(with_offset, without), least_objective * units.objective);
    outcome.gap.relative = outcome.gap.absolute / size;
    outcome.complementarity = {0.0, 0.0};
    widen(outcome.complementarity, complementarity(program, outcome), size);
}

/// Called after `violation`, which leaves G x in `rows_`.
double Judge::complementarity(QuadraticProgram const& program, Outcome const& outcome) const {
    auto const& multipliers = outcome.multipliers;
    double sum = 0.0;
    auto const add = [&](Vector const& multiplier, Vector const& value, Vector const& limit) {
        for (Index i = 0; i < multiplier.size(); ++i)
            if (multiplier[i] != 0.0) sum += multiplier[i] * std::abs(value[i] - limit[i]);
    };
    add(multipliers.row_low, rows_.value, program.h_low);
    add(multipliers.row_high, rows_.value, program.h_high);
    add(multipliers.bound_low, outcome.x, program.lb);
    add(multipliers.bound_high, outcome.x, program.ub);
    return sum;
}

void Judge::balance(QuadraticProgram const& program, Units const& units, Outcome& outcome) {
    auto& multipliers = outcome.multipliers;
    gradient_.reset(program.variables());
    gradient_.add(program.q);
    gradient_.value += curved_.value;
    gradient_.terms += curved_.terms;
    add_rows(program, multipliers, gradient_);
    for (Index j = 0; j < program.variables(); ++j)
        if (same_limit(program.lb[j], program.ub[j])) {
            multipliers.bound_low[j] = std::max(gradient_.value[j], 0.0);
            multipliers.bound_high[j] = std::max(-gradient_.value[j], 0.0);
        }
    gradient_.add(multipliers.bound_high, multipliers.bound_low);
    outcome.dual = {0.0, 0.0};
    for (Index j = 0; j < program.variables(); ++j)
        widen(outcome.dual, std::abs(gradient_.value[j]),
              std::max(gradient_.terms[j], units.objective / units.variables[j]));
}

Accuracy Judge::violation(QuadraticProgram const& program, Units const& units, Vector const& x) {
    Accuracy accuracy{0.0, 0.0};
    auto const p = program.equalities();
    auto const m = program.inequalities();
    rows_.reset(p);
    rows_.add_product(program.A, x);
    for (Index i = 0; i < p; ++i)
        widen_by_violation(accuracy, rows_.value[i], rows_.terms[i], program.b[i], program.b[i], units.rows[i]);
    rows_.reset(m);
    rows_.add_product(program.G, x);
    for (Index i = 0; i < m; ++i)
        widen_by_violation(accuracy, rows_.value[i], rows_.terms[i], program.h_low[i], program.h_high[i],
                           units.rows[p + i]);
    for (Index j = 0; j < x.size(); ++j)
        widen_by_violation(accuracy, x[j], std::abs(x[j]), program.lb[j], program.ub[j], units.variables[j]);
    return accuracy;
}

bool certify_infeasible(QuadraticProgram const& program, Units const& units, Multipliers candidate, double tolerance,
                        Outcome& outcome) {
    clean(program, candidate);
    Sum sum;
    sum.reset(program.variables());
    sum.add(candidate.bound_high, candidate.bound_low);
    add_rows(program, candidate, sum);
    double left = 0.0;
    for (Index j = 0; j < sum.value.size(); ++j) {
        auto const rest = sum.value[j];
        if (rest > 0.0 && program.lb[j] > -no_limit) candidate.bound_low[j] += rest;
        else if (rest < 0.0 && program.ub[j] < no_limit) candidate.bound_high[j] -= rest;
        else left += std::abs(rest) * units.variables[j];
    }
    auto const limits = value_of_limits(program, candidate);
    if (!(limits.value > rounding * limits.terms)) return false;
    if (!within(left / limits.value, tolerance)) return false;

    scale(candidate, 1.0 / limits.value);
    outcome.status = Status::primal_infeasible;
    outcome.farkas = std::move(candidate);
    outcome.certificate_residual = left / limits.value;
    return true;
}

bool certify_unbounded(QuadraticProgram const& program, Units const& units, Vector candidate, double tolerance,
                       Outcome& outcome) {
    auto const p = program.equalities();
    double worst = 0.0;
    for (Index j = 0; j < candidate.size(); ++j) {
        auto const out = leaving(candidate[j], program.lb[j], program.ub[j]);
        worst = std::max(worst, out / units.variables[j]);
        if (out > 0.0) candidate[j] = 0.0;
    }
    Vector const curvature = program.P * candidate;
    worst = std::max(worst, curvature.cwiseProduct(units.variables).lpNorm<Eigen::Infinity>() / units.objective);
    Vector const equalities = program.A * candidate;
    for (Index i = 0; i < p; ++i) worst = std::max(worst, std::abs(equalities[i]) / units.rows[i]);
    Vector const inequalities = program.G * candidate;
    for (Index i = 0; i < inequalities.size(); ++i)
        worst = std::max(worst, leaving(inequalities[i], program.h_low[i], program.h_high[i]) / units.rows[p + i]);
    Total slope;
    slope.add(-1.0, program.q, candidate);
    if (!(slope.value > rounding * slope.terms)) return false;
    auto const fall = slope.value / units.objective;
    if (!within(worst / fall, tolerance)) return false;

    outcome.status = Status::dual_infeasible;
    outcome.ray = candidate / slope.value;
    outcome.certificate_residual = worst / fall;
    return true;
}

}  // namespace dec::solvers
