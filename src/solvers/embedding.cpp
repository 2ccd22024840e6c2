#include "embedding.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {

void Embedding::resize() {
    auto const n = program_.variables();
    auto const m = program_.rows();
    for (auto* of_variables : {&dual_, &Px_}) of_variables->setZero(n);
    for (auto* of_ranges : {&low_, &high_, &value_, &s_z_low_, &s_z_high_, &held_low_, &held_high_, &move_, &balance_})
        of_ranges->setZero(n + m);
    newton_.resize();
    of_kkt_.resize(n + m);
    of_newton_.resize(n + m + 1);
    right_.setZero(n + m + 1);
    solution_.setZero(n + m + 1);
}

void Embedding::set_values(Vector const& x, Vector& value) const {
    value.setZero();
    add_product(program_.C, x, value);  // fills the rows, which come first
    value.tail(program_.variables()) = x.head(program_.variables());
}

/// Where a spring holds a limited range: at its place nearest to zero.
double Embedding::anchor(Index range) const {
    if (low(range) && program_.low[range] > 0.0) return program_.low[range];
    if (high(range) && program_.high[range] < 0.0) return program_.high[range];
    return 0.0;
}

/// Sets `balance_` to x and the forces of the rows. \return residual relative to the right-hand side.
double Embedding::hold_by_springs(double regularisation, double softness_of_equalities) {
    // Free variables are held, too, or they would be anywhere where the objective is flat or falls without limit.
    constexpr double weak = 1e-3;
    auto const m = program_.rows();
    auto const n = program_.variables();
    Vector of_variables(n), of_rows(m), right(n + m);
    for (Index i = 0; i < m; ++i) {
        of_rows[i] = is_equality(i) ? softness_of_equalities : 1.0;
        right[n + i] = is_equality(i) ? program_.high[i] : anchor(i);
    }
    for (Index j = 0; j < n; ++j) {
        of_variables[j] = low(m + j) || high(m + j) || program_.fixed(j) ? 1.0 : weak;
        right[j] = program_.fixed(j) ? 0.0 : anchor(m + j) - program_.q[j];
    }
    kkt_.factorise(program_.P, program_.C, of_variables, of_rows, regularisation);
    return of_kkt_.solve(kkt_, right, balance_);
}

void Embedding::spring_start(Point& point, double regularisation) {
    constexpr double contradictory = 1e-6;
    // Equalities that contradict each other have no solution to start from, but springs always find a balance.
    if (!(hold_by_springs(regularisation, 0.0) <= contradictory)) hold_by_springs(regularisation, 1.0);

    auto const n = program_.variables();
    auto const m = program_.rows();
    point.x = balance_.head(n);
    set_values(point.x, value_);
    for (Index r = 0; r < program_.ranges(); ++r) {
        bool const held = is_equality(r) || low(r) || high(r);
        auto const force = r < m ? balance_[n + r] : value_[r] - anchor(r);
        point.net[r] = held ? force : 0.0;
    }
}

void Embedding::make_interior(Point& point, double least_slack, double least_multiplier) {
    set_values(point.x, value_);
    double sum = 0.0;
    Index count = 0;
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const net = point.net[r];
        point.s_low[r] = low(r) ? std::max(value_[r] - program_.low[r], least_slack) : 0.0;
        point.s_high[r] = high(r) ? std::max(program_.high[r] - value_[r], least_slack) : 0.0;
        // A limit far away has a small multiplier, so that its product is not larger than all others.
        point.z_low[r] = low(r) ? std::max(-net, least_multiplier) / std::max(1.0, point.s_low[r]) : 0.0;
        point.z_high[r] = high(r) ? std::max(net, least_multiplier) / std::max(1.0, point.s_high[r]) : 0.0;
        if (!is_equality(r)) point.net[r] = point.z_high[r] - point.z_low[r];
        sum += point.s_low[r] * point.z_low[r] + point.s_high[r] * point.z_high[r];
        count += Index{low(r)} + Index{high(r)};
    }
    point.tau = 1.0;
    point.kappa = count > 0 ? sum / static_cast<double>(count) : 1.0;
}

void Embedding::evaluate(Point const& point) {
    set_values(point.x, value_);
    Px_.setZero();
    add_product(program_.P, point.x, Px_);
    dual_ = Px_ + point.tau * program_.q + point.net.tail(program_.variables());
    add_transposed_product(program_.C, point.net, dual_);

    gap_ = point.kappa + program_.q.dot(point.x) + point.x.dot(Px_) / point.tau;
    double sum = point.tau * point.kappa;
    Index count = 1;
    for (Index r = 0; r < program_.ranges(); ++r) {
        if (is_equality(r)) {
            high_[r] = value_[r] - program_.high[r] * point.tau;
            gap_ += program_.high[r] * point.net[r];
        }
        if (high(r)) {
            high_[r] = value_[r] + point.s_high[r] - program_.high[r] * point.tau;
            gap_ += program_.high[r] * point.z_high[r];
            sum += point.s_high[r] * point.z_high[r];
            ++count;
        }
        if (low(r)) {
            low_[r] = -value_[r] + point.s_low[r] + program_.low[r] * point.tau;
            gap_ -= program_.low[r] * point.z_low[r];
            sum += point.s_low[r] * point.z_low[r];
            ++count;
        }
    }
    mu_ = sum / static_cast<double>(count);
}

double Embedding::predict(Point const& point, Point& direction) {
    s_z_low_ = point.s_low.cwiseProduct(point.z_low);
    s_z_high_ = point.s_high.cwiseProduct(point.z_high);
    return solve(point, 1.0, point.tau * point.kappa, direction);
}

void Embedding::correct(Point const& point, double sigma, double second_order, Point const& predictor,
                        Point& direction) {
    auto const target = sigma * mu_;
    for (Index r = 0; r < program_.ranges(); ++r) {
        if (low(r))
            s_z_low_[r] =
                point.s_low[r] * point.z_low[r] + second_order * predictor.s_low[r] * predictor.z_low[r] - target;
        if (high(r))
            s_z_high_[r] =
                point.s_high[r] * point.z_high[r] + second_order * predictor.s_high[r] * predictor.z_high[r] - target;
    }
    solve(point, 1.0 - sigma, point.tau * point.kappa + second_order * predictor.tau * predictor.kappa - target,
          direction);
}

/// \param share of the residuals to be taken away. \param tau_kappa to be taken away from this product.
double Embedding::solve(Point const& point, double share, double tau_kappa, Point& direction) {
    set_right_side(point, share, tau_kappa);
    auto const error = of_newton_.solve(newton_, right_, solution_);
    direction.tau = solution_[program_.variables() + program_.rows()];
    direction.kappa = -(tau_kappa + point.kappa * direction.tau) / point.tau;
    expand(point, share, direction);
    return error;
}

void Embedding::set_right_side(Point const& point, double share, double tau_kappa) {
    auto const n = program_.variables();
    auto const m = program_.rows();
    auto const& limit = newton_.limit();
    auto& gap = right_[n + m];
    gap = share * gap_ - tau_kappa / point.tau;
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const stiff_low = newton_.stiffness_low()[r];
        auto const stiff_high = newton_.stiffness_high()[r];
        held_low_[r] = low(r) ? share * stiff_low * low_[r] - s_z_low_[r] / point.s_low[r] : 0.0;
        held_high_[r] = high(r) ? share * stiff_high * high_[r] - s_z_high_[r] / point.s_high[r] : 0.0;
        auto const held = held_high_[r] - held_low_[r];
        if (program_.kind(r) == RangeKind::both)
            gap += (program_.high[r] - program_.low[r]) * ((stiff_low / newton_.stiffness()[r]) * held_high_[r] +
                                                           (stiff_high / newton_.stiffness()[r]) * held_low_[r]);
        if (r < m) {
            right_[n + r] = is_equality(r)      ? -share * high_[r]
                            : low(r) || high(r) ? -held / newton_.stiffness()[r]
                                                : 0.0;
        } else {
            auto const j = r - m;
            right_[j] = -share * dual_[j] - held;
            gap += limit[r] * (newton_.stiff(r) ? -share * dual_[j] : held);
        }
    }
}

/// From the solution of the linear system to the direction in all variables.
void Embedding::expand(Point const& point, double share, Point& direction) {
    auto const n = program_.variables();
    auto const m = program_.rows();
    direction.x = solution_.head(n);
    set_values(solution_, move_);
    direction.net.head(m) = solution_.segment(n, m);
    balance_.setZero();
    add_symmetric_product(program_.P, program_.C, solution_, balance_);
    direction.net.tail(n) = -share * dual_ - direction.tau * program_.q - balance_.head(n);
    for (Index r = 0; r < program_.ranges(); ++r)
        if (!is_equality(r)) expand_range(point, r, share, direction);
}

void Embedding::expand_range(Point const& point, Index r, double share, Point& direction) const {
    auto const stiff_low = newton_.stiffness_low()[r];
    auto const stiff_high = newton_.stiffness_high()[r];
    // How far each limit recedes from the range, but for what the residual adds.
    auto const from_low = move_[r] - program_.low[r] * direction.tau;
    auto const from_high = program_.high[r] * direction.tau - move_[r];
    auto& z_low = direction.z_low[r];
    auto& z_high = direction.z_high[r];
    z_low = low(r) ? held_low_[r] - stiff_low * from_low : 0.0;
    z_high = high(r) ? held_high_[r] - stiff_high * from_high : 0.0;
    if (!newton_.stiff(r)) direction.net[r] = z_high - z_low;
    else if (stiff_high >= stiff_low) z_high = direction.net[r] + z_low;
    else z_low = z_high - direction.net[r];

    if (low(r))
        direction.s_low[r] =
            stiff_low > 1.0 ? -(s_z_low_[r] + point.s_low[r] * z_low) / point.z_low[r] : from_low - share * low_[r];
    if (high(r))
        direction.s_high[r] = stiff_high > 1.0 ? -(s_z_high_[r] + point.s_high[r] * z_high) / point.z_high[r]
                                               : from_high - share * high_[r];
}

double Embedding::longest_step(Point const& point, Point const& direction) const {
    double step = infinity;
    auto const limit = [&](double value, double change) {
        if (change < 0.0) step = std::min(step, -value / change);
    };
    limit(point.tau, direction.tau);
    limit(point.kappa, direction.kappa);
    for (Index r = 0; r < program_.ranges(); ++r) {
        if (low(r)) {
            limit(point.s_low[r], direction.s_low[r]);
            limit(point.z_low[r], direction.z_low[r]);
        }
        if (high(r)) {
            limit(point.s_high[r], direction.s_high[r]);
            limit(point.z_high[r], direction.z_high[r]);
        }
    }
    return step;
}

void Embedding::advance(Point& point, Point const& direction, double step) const {
    point.tau += step * direction.tau;
    point.kappa += step * direction.kappa;
    auto const to_one = 1.0 / std::max(point.tau, point.kappa);
    auto const move = [&](Vector& value, Vector const& change) { value = to_one * (value + step * change); };
    move(point.x, direction.x);
    move(point.net, direction.net);
    move(point.s_low, direction.s_low);
    move(point.s_high, direction.s_high);
    move(point.z_low, direction.z_low);
    move(point.z_high, direction.z_high);
    // What was moved on its own would drift from what it stands for.
    for (Index r = 0; r < program_.ranges(); ++r)
        if (!is_equality(r)) point.net[r] = point.z_high[r] - point.z_low[r];
    point.tau *= to_one;
    point.kappa *= to_one;
}

}  // namespace dec::solvers
