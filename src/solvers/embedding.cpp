#include "embedding.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {

void Point::resize(ScaledProgram const& program) {
    x.setZero(program.variables());
    for (auto* part : {&net, &s_low, &s_high, &z_low, &z_high}) part->setZero(program.ranges());
}

void Embedding::resize() {
    auto const n = program_.variables();
    auto const m = program_.rows();
    auto const ranges = program_.ranges();
    for (auto* of_variables :
         {&dual_, &Px_, &of_variables_, &cost_slope_, &balance_, &constant_right_.dual, &right_.dual})
        of_variables->setZero(n);
    of_rows_.setZero(m);
    for (auto* of_ranges : {&low_, &high_, &value_, &stiffness_low_, &stiffness_high_, &stiffness_})
        of_ranges->setZero(ranges);
    for (auto* right : {&constant_right_, &right_})
        for (auto* part : {&right->low, &right->high, &right->s_z_low, &right->s_z_high}) part->setZero(ranges);
    for (auto* piece : {&constant_, &varying_}) {
        piece->solution.setZero(n + m);
        for (auto* part : {&piece->value, &piece->net, &piece->z_low, &piece->z_high}) part->setZero(ranges);
    }
    of_system_.setZero(n + m);
}

void Embedding::set_values(Vector const& x, Vector& value) const {
    value.setZero();
    add_product(program_.C, x, value);  // fills the rows, which come first
    value.tail(program_.variables()) = x.head(program_.variables());
}

void Embedding::spring_start(Point& point, double regularisation) {
    auto const m = program_.rows();
    // Each limited range is held by a spring at its place nearest to zero.
    auto const anchor = [&](Index r) {
        if (low(r) && program_.low[r] > 0.0) return program_.low[r];
        if (high(r) && program_.high[r] < 0.0) return program_.high[r];
        return 0.0;
    };
    for (Index i = 0; i < m; ++i) {
        of_rows_[i] = is_equality(i) ? 0.0 : 1.0;
        of_system_[program_.variables() + i] = is_equality(i) ? program_.high[i] : anchor(i);
    }
    for (Index j = 0; j < program_.variables(); ++j) {
        auto const r = m + j;
        of_variables_[j] = low(r) || high(r) || program_.fixed(j) ? 1.0 : 0.0;
        of_system_[j] = -program_.q[j] + (program_.fixed(j) ? 0.0 : anchor(r));
    }
    kkt_.factorise(program_.P, program_.C, of_variables_, of_rows_, regularisation);
    kkt_.solve(of_system_, varying_.solution);

    point.x = varying_.solution.head(program_.variables());
    set_values(point.x, varying_.value);
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const force = r < m ? varying_.solution[program_.variables() + r] : varying_.value[r] - anchor(r);
        bool const held = is_equality(r) || low(r) || high(r);
        point.net[r] = held ? force : 0.0;
    }
    point.tau = 1.0;
}

void Embedding::make_interior(Point& point, double least_slack, double least_multiplier) {
    set_values(point.x, value_);
    double sum = 0.0;
    Index count = 0;
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const net = point.net[r];
        point.s_low[r] = low(r) ? std::max(value_[r] - program_.low[r], least_slack) : 0.0;
        point.s_high[r] = high(r) ? std::max(program_.high[r] - value_[r], least_slack) : 0.0;
        point.z_low[r] = low(r) ? std::max(-net, least_multiplier) : 0.0;
        point.z_high[r] = high(r) ? std::max(net, least_multiplier) : 0.0;
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

double Embedding::factorise(Point const& point, double regularisation) {
    auto const m = program_.rows();
    for (Index r = 0; r < program_.ranges(); ++r) {
        stiffness_low_[r] = low(r) ? point.z_low[r] / point.s_low[r] : 0.0;
        stiffness_high_[r] = high(r) ? point.z_high[r] / point.s_high[r] : 0.0;
        stiffness_[r] = stiffness_low_[r] + stiffness_high_[r];
    }
    for (Index i = 0; i < m; ++i) of_rows_[i] = is_equality(i) ? 0.0 : stiffness_[i] > 0.0 ? 1.0 / stiffness_[i] : 1.0;
    for (Index j = 0; j < program_.variables(); ++j) of_variables_[j] = program_.fixed(j) ? 1.0 : stiffness_[m + j];
    kkt_.factorise(program_.P, program_.C, of_variables_, of_rows_, regularisation);

    cost_slope_ = program_.q + (2.0 / point.tau) * Px_;
    curvature_ = point.x.dot(Px_) / (point.tau * point.tau);
    constant_right_.dual = -program_.q;
    constant_right_.low = program_.low;
    constant_right_.high = -program_.high;
    return solve(point, constant_right_, constant_);
}

double Embedding::solve(Point const& point, Right const& right, Piece& piece) {
    auto const m = program_.rows();
    // What a limit's multiplier would be if the range did not move.
    auto const held = [&](Index r) {
        double net = 0.0;
        if (high(r)) net += stiffness_high_[r] * right.high[r] - right.s_z_high[r] / point.s_high[r];
        if (low(r)) net -= stiffness_low_[r] * right.low[r] - right.s_z_low[r] / point.s_low[r];
        return net;
    };
    for (Index i = 0; i < m; ++i)
        of_system_[program_.variables() + i] = is_equality(i)        ? -right.high[i]
                                               : stiffness_[i] > 0.0 ? -held(i) / stiffness_[i]
                                                                     : 0.0;
    for (Index j = 0; j < program_.variables(); ++j)
        of_system_[j] = program_.fixed(j) ? 0.0 : right.dual[j] - held(m + j);
    auto const error = kkt_.solve(of_system_, piece.solution);
    find_multipliers(point, right, piece);
    return error;
}

/// Multipliers of soft limits (z < s) come from how far the range moves, which is exact relative to their size; those of
/// stiff ones from the rows they are in, because the same formula would magnify the rounding of the move.
void Embedding::find_multipliers(Point const& point, Right const& right, Piece& piece) {
    auto const m = program_.rows();
    auto const n = program_.variables();
    piece.net.head(m) = piece.solution.tail(m);
    set_values(piece.solution, piece.value);
    balance_.setZero();
    add_product(program_.P, piece.solution, balance_);
    add_transposed_product(program_.C, piece.net, balance_);
    piece.net.tail(n) = right.dual - balance_;

    for (Index r = 0; r < program_.ranges(); ++r) {
        if (is_equality(r)) continue;
        auto& z_low = piece.z_low[r];
        auto& z_high = piece.z_high[r];
        z_low = low(r) ? stiffness_low_[r] * (right.low[r] - piece.value[r]) - right.s_z_low[r] / point.s_low[r] : 0.0;
        z_high =
            high(r) ? stiffness_high_[r] * (right.high[r] + piece.value[r]) - right.s_z_high[r] / point.s_high[r] : 0.0;
        if (stiffness_high_[r] > std::max(1.0, stiffness_low_[r])) z_high = piece.net[r] + z_low;
        else if (stiffness_low_[r] > 1.0) z_low = z_high - piece.net[r];
        else piece.net[r] = z_high - z_low;
    }
}

/// What a piece of a direction adds to the condition of the gap.
double Embedding::gap_slope(Piece const& piece) const {
    double sum = cost_slope_.dot(piece.solution.head(program_.variables()));
    for (Index r = 0; r < program_.ranges(); ++r)
        sum += is_equality(r) ? program_.high[r] * piece.net[r]
                              : program_.high[r] * piece.z_high[r] - program_.low[r] * piece.z_low[r];
    return sum;
}

void Embedding::predict(Point const& point, Point& direction) {
    right_.s_z_low = point.s_low.cwiseProduct(point.z_low);
    right_.s_z_high = point.s_high.cwiseProduct(point.z_high);
    find_direction(point, 1.0, point.tau * point.kappa, direction);
}

void Embedding::correct(Point const& point, double sigma, Point& direction) {
    auto const target = sigma * mu_;
    for (Index r = 0; r < program_.ranges(); ++r) {
        if (low(r)) right_.s_z_low[r] += direction.s_low[r] * direction.z_low[r] - target;
        if (high(r)) right_.s_z_high[r] += direction.s_high[r] * direction.z_high[r] - target;
    }
    find_direction(point, 1.0 - sigma, point.tau * point.kappa + direction.tau * direction.kappa - target, direction);
}

void Embedding::find_direction(Point const& point, double share, double tau_kappa, Point& direction) {
    right_.dual = -share * dual_;
    right_.low = share * low_;
    right_.high = share * high_;
    solve(point, right_, varying_);
    auto const slope = point.kappa / point.tau + curvature_ - gap_slope(constant_);
    direction.tau = (share * gap_ - tau_kappa / point.tau + gap_slope(varying_)) / slope;
    direction.kappa = -(tau_kappa + point.kappa * direction.tau) / point.tau;
    combine(point, direction);
}

void Embedding::combine(Point const& point, Point& direction) const {
    auto const by = direction.tau;
    direction.x = varying_.solution.head(program_.variables()) + by * constant_.solution.head(program_.variables());
    direction.net = varying_.net + by * constant_.net;
    direction.z_low = varying_.z_low + by * constant_.z_low;
    direction.z_high = varying_.z_high + by * constant_.z_high;
    for (Index r = 0; r < program_.ranges(); ++r) {
        auto const value = varying_.value[r] + by * constant_.value[r];
        // The counterpart of `find_multipliers`: slacks of stiff limits from their complementarity.
        if (low(r))
            direction.s_low[r] = stiffness_low_[r] > 1.0
                                     ? -(right_.s_z_low[r] + point.s_low[r] * direction.z_low[r]) / point.z_low[r]
                                     : value - right_.low[r] - by * program_.low[r];
        if (high(r))
            direction.s_high[r] = stiffness_high_[r] > 1.0
                                      ? -(right_.s_z_high[r] + point.s_high[r] * direction.z_high[r]) / point.z_high[r]
                                      : by * program_.high[r] - value - right_.high[r];
    }
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
