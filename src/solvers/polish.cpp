#include "polish.hpp"

#include <algorithm>

namespace dec::solvers {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

void Polish::resize() {
    P_ = program_.P;
    C_ = program_.C;
    met_.assign(at(program_.ranges()), 0);
    of_variables_.setZero(program_.variables());
    of_rows_.setZero(program_.rows());
    value_.setZero(program_.rows());
    gradient_.setZero(program_.variables());
    right_.setZero(program_.variables() + program_.rows());
    change_ = right_;
    refinement_.resize(right_.size());
}

void Polish::choose(Point const& point) {
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const kind = program_.kind(r);
        auto& met = met_[at(r)];
        met = 0;
        if (kind == RangeKind::equality) met = 1;
        if (has_low(kind) && point.z_low[r] > point.s_low[r]) met = -1;
        if (has_high(kind) && point.z_high[r] > point.s_high[r]) met = 1;
    }
}

void Polish::restrict_matrices() {
    auto const m = program_.rows();
    for (Index j = 0; j < program_.variables(); ++j) {
        bool const held = met_[at(m + j)] != 0;
        for (auto k = P_.outerIndexPtr()[j]; k < P_.outerIndexPtr()[j + 1]; ++k)
            P_.valuePtr()[k] = held || met_[at(m + P_.innerIndexPtr()[k])] != 0 ? 0.0 : program_.P.valuePtr()[k];
        for (auto k = C_.outerIndexPtr()[j]; k < C_.outerIndexPtr()[j + 1]; ++k)
            C_.valuePtr()[k] = held || met_[at(C_.innerIndexPtr()[k])] == 0 ? 0.0 : program_.C.valuePtr()[k];
        of_variables_[j] = held ? 1.0 : 0.0;
    }
    for (Index i = 0; i < m; ++i) of_rows_[i] = met_[at(i)] == 0 ? 1.0 : 0.0;
}

void Polish::improve(Point const& point, double tau, double regularisation, Vector& x, Vector& net) {
    auto const m = program_.rows();
    auto const n = program_.variables();
    constexpr double poor = 1e-4;
    constexpr double most = 1e-4;
    choose(point);
    restrict_matrices();
    auto const limit = [&](Index r) { return tau * (met_[at(r)] > 0 ? program_.high[r] : program_.low[r]); };
    for (Index j = 0; j < n; ++j)
        if (met_[at(m + j)] != 0 && !program_.fixed(j)) x[j] = limit(m + j);
    for (Index r = 0; r < program_.ranges(); ++r)
        if (met_[at(r)] == 0) net[r] = 0.0;

    // The second round takes out what rounding left of the first.
    for (int round = 0; round < 2; ++round) {
        value_.setZero();
        add_product(program_.C, x, value_);
        for (Index i = 0; i < m; ++i) right_[n + i] = met_[at(i)] != 0 ? limit(i) - value_[i] : 0.0;
        gradient_ = tau * program_.q;
        add_product(program_.P, x, gradient_);
        add_transposed_product(program_.C, net, gradient_);
        for (Index j = 0; j < n; ++j) right_[j] = met_[at(m + j)] != 0 ? 0.0 : -gradient_[j];
        // What cannot be solved for to a few digits, since the limits met depend on each other, needs more regularisation.
        double error = infinity;
        for (; error > poor && regularisation <= most; regularisation *= 10.0) {
            kkt_.factorise(P_, C_, of_variables_, of_rows_, regularisation);
            error = refinement_.solve(kkt_, right_, change_);
        }
        if (error > poor) return;
        x += change_.head(n);
        net.head(m) += change_.tail(m);
    }

    // Rounding may turn the sign of a force that is nearly zero.
    for (Index i = 0; i < m; ++i) net[i] = pushing(i, net[i]);
    // What is left of the gradient is what the bounds met have to carry.
    gradient_ = tau * program_.q;
    add_product(program_.P, x, gradient_);
    add_transposed_product(program_.C, net, gradient_);
    for (Index j = 0; j < n; ++j)
        if (met_[at(m + j)] != 0 && !program_.fixed(j)) net[m + j] = pushing(m + j, -gradient_[j]);
}

/// The force if a limit can exert it, else zero.
double Polish::pushing(Index range, double force) const {
    auto const kind = program_.kind(range);
    if (kind == RangeKind::low) return std::min(force, 0.0);
    if (kind == RangeKind::high) return std::max(force, 0.0);
    return force;
}

}  // namespace dec::solvers
