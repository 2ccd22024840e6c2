#include "newton_system.hpp"

namespace dec::solvers {

void NewtonSystem::resize() {
    auto const n = program_.variables();
    auto const m = program_.rows();
    for (auto* of_ranges : {&stiffness_low_, &stiffness_high_, &stiffness_, &limit_}) of_ranges->setZero(n + m);
    of_variables_.setZero(n);
    of_rows_.setZero(m);
    cost_slope_.setZero(n);
    border_.setZero(n + m);
    balance_.setZero(n + m);
    weights_.setOnes(n + m + 1);
}

void NewtonSystem::find_stiffness(Point const& point) {
    auto const m = program_.rows();
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const kind = program_.kind(r);
        auto& low = stiffness_low_[r];
        auto& high = stiffness_high_[r];
        low = has_low(kind) ? point.z_low[r] / point.s_low[r] : 0.0;
        high = has_high(kind) ? point.z_high[r] / point.s_high[r] : 0.0;
        stiffness_[r] = low + high;
        limit_[r] = 0.0;
        if (kind == RangeKind::equality && r < m) limit_[r] = program_.high[r];
        if (stiffness_[r] > 0.0) limit_[r] = (low * program_.low[r] + high * program_.high[r]) / stiffness_[r];
        if (kind == RangeKind::both) {
            auto const width = program_.high[r] - program_.low[r];
            of_gap_ += low * (high / stiffness_[r]) * width * width;
        }
    }
    for (Index i = 0; i < m; ++i) {
        bool const equality = program_.kind(i) == RangeKind::equality;
        of_rows_[i] = equality ? 0.0 : stiffness_[i] > 0.0 ? 1.0 / stiffness_[i] : 1.0;
    }
    for (Index j = 0; j < program_.variables(); ++j) of_variables_[j] = program_.fixed(j) ? 1.0 : stiffness_[m + j];
}

void NewtonSystem::factorise(Point const& point, Vector const& Px, double regularisation) {
    auto const n = program_.variables();
    auto const m = program_.rows();
    of_gap_ = point.kappa / point.tau + point.x.dot(Px) / (point.tau * point.tau);
    find_stiffness(point);
    cost_slope_ = program_.q + (2.0 / point.tau) * Px;
    kept_ = 0.0;
    regularisation_ = regularisation;
    kkt_.factorise(program_.P, program_.C, of_variables_, of_rows_, regularisation);
    weights_.head(n + m) = kkt_.weights();
    weights_[n + m] = 1.0 / (1.0 + of_gap_);

    border_.head(n) = stiffness_.tail(n).cwiseProduct(limit_.tail(n)) - program_.q;
    border_.tail(m) = limit_.head(m);
    kkt_.solve_roughly(border_);
    balance_.setZero();
    add_symmetric_product(program_.P, program_.C, border_, balance_);
    slope_ = gap_row(border_, 1.0, balance_);
    // It is positive but for rounding; any positive value keeps the rough solution one that refinement can improve.
    if (!(slope_ > 0.0)) slope_ = of_gap_;
}

/// Left-hand side of the third equation. \param balance P x + C'y.
double NewtonSystem::gap_row(Vector const& v, double t, Vector const& balance) const {
    auto const n = program_.variables();
    auto const m = program_.rows();
    double sum = of_gap_ * t;
    for (Index i = 0; i < m; ++i) sum -= limit_[i] * v[n + i];
    for (Index j = 0; j < n; ++j) {
        auto const r = m + j;
        sum -= cost_slope_[j] * v[j];
        if (stiff(r)) sum += limit_[r] * (program_.q[j] * t + balance[j]);
        else sum -= limit_[r] * stiffness_[r] * (v[j] - limit_[r] * t);
    }
    return sum;
}

void NewtonSystem::multiply(Vector const& v, Vector& product) const {
    auto const n = program_.variables();
    auto const m = program_.rows();
    auto const t = v[n + m];
    product.setZero();
    add_symmetric_product(program_.P, program_.C, v, product);
    product[n + m] = gap_row(v, t, product);
    for (Index j = 0; j < n; ++j)
        product[j] +=
            program_.q[j] * t + of_variables_[j] * (v[j] - limit_[m + j] * t) + share_of_variables * kept_ * v[j];
    for (Index i = 0; i < m; ++i) product[n + i] -= (of_rows_[i] + kept_) * v[n + i] + limit_[i] * t;
}

void NewtonSystem::solve_roughly(Vector& v) {
    auto const n = program_.variables();
    auto const m = program_.rows();
    kkt_.solve_roughly(v);  // leaves the last entry as it is
    balance_.setZero();
    add_symmetric_product(program_.P, program_.C, v, balance_);
    v[n + m] = (v[n + m] - gap_row(v, 0.0, balance_)) / slope_;
    v.head(n + m) += v[n + m] * border_;
}

}  // namespace dec::solvers
