#include "tree_barrier.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {
namespace {

// Where a cold start puts controls, and the product of slacks and multipliers: far less than what a control costs in full, as the many
// limits that will not be met would otherwise pull at it together.
constexpr double start_low = 0.1, start_high = 0.9, first_product = 0.05;
// Where a warm start takes them to from their bounds, likewise, and from limits, as a share of the width between them.
constexpr double warm_distance = 0.01, warm_product = 5e-4, warm_slack = 0.005;

// The excess e with s = slack + e, s z = e w = mu and z + w = excess_cost (1 + e).
double central_excess(double slack, double mu) {
    double const least = std::max(-slack, 0.0);
    double low = 0.0, high = 2.0 * mu / excess_cost;
    for (int halving = 0; halving < 50; ++halving) {
        double const middle = 0.5 * (low + high), e = least + middle;
        bool const is_more = mu / (slack + e) + mu / e > excess_cost * (1.0 + e);
        (is_more ? low : high) = middle;
    }
    return least + high;
}

}  // namespace

TreeBarrier::TreeBarrier(TreeProgram const& program, TreeUnits const& units, TreeElimination const& elimination,
                         bool elastic, double softness)
    : program_{program}, units_{units}, watched_{elimination.watched()}, elastic_{elastic}, softness_{.least =
                                                                                                          softness} {
    set_variables();
    set_limits();
    least_proximity_ = units_.has_idle ? 1e-6 : 1e-8;
}

void TreeBarrier::set_variables() {
    auto const resize = [](Variables& variables, std::size_t count) {
        for (auto* const field :
             {&variables.t, &variables.z_low, &variables.z_high, &variables.cost, &variables.curvature,
              &variables.reciprocal, &variables.prediction, &variables.dz_low, &variables.dz_high})
            field->assign(count, 0.0);
        variables.moves.assign(count, 0);
    };
    auto const set = [this](Variables& variables, std::size_t i, TreeTerm const& term, double lower, double range) {
        variables.cost[i] = units_.cost * (term.cost + term.curvature * lower) * range;
        variables.curvature[i] = units_.cost * term.curvature * range * range;
        constant_ += units_.cost * (term.cost + 0.5 * term.curvature * lower) * lower;
        if (term.log_weight > 0.0) {
            variables.log_weight.resize(variables.t.size(), 0.0);
            variables.log_weight[i] = units_.cost * term.log_weight;
        }
    };
    resize(controls_, program_.controls.size());
    for (std::size_t d = 0; d < program_.controls.size(); ++d) {
        auto const& control = program_.controls[d];
        set(controls_, d, control.term, units_.control_lower[d], units_.control_range[d]);
        controls_.moves[d] = units_.control_fixed[d] ? 0 : 1;
        if (control.role == TreeControl::Role::capped)
            caps_.push_back(
                {.control = d,
                 .ratio = units_.group_range[static_cast<std::size_t>(control.group)] / units_.control_range[d]});
    }
    price_.assign(program_.controls.size(), 0.0);
    resize(shared_, program_.groups.size());
    for (std::size_t g = 0; g < program_.groups.size(); ++g) {
        if (program_.groups[g].top < 0) continue;
        set(shared_, g, program_.groups[g].term, units_.group_lower[g], units_.group_range[g]);
        shared_.moves[g] = units_.group_fixed[g] ? 0 : 1;
    }
}

void TreeBarrier::set_limits() {
    auto const is_fixed = [this](std::size_t w) {
        auto const row = static_cast<std::size_t>(watched_[w]);
        return is_given(program_.low[row], program_.high[row]);
    };
    for (std::size_t w = 0; w < watched_.size(); ++w) {
        if (!is_fixed(w)) continue;
        fixed_.row.push_back(static_cast<std::int32_t>(w));
        fixed_.bound.push_back(program_.low[static_cast<std::size_t>(watched_[w])]);
    }
    fixed_.z.assign(fixed_.row.size(), 0.0);
    auto const set = [&](Limits& limits, std::vector<double> const& bounds) {
        for (std::size_t w = 0; w < watched_.size(); ++w) {
            double const bound = bounds[static_cast<std::size_t>(watched_[w])];
            if (!std::isfinite(bound) || is_fixed(w)) continue;
            limits.row.push_back(static_cast<std::int32_t>(w));
            limits.bound.push_back(bound);
        }
    };
    first_pair_ = watched_.size() + program_.flow_limits.size();
    set(low_, program_.low);
    set(high_, program_.high);
    first_disc_ = first_pair_ + program_.pair_limits.size();
    // Limits of flows come after those of states.
    auto const add = [this](auto const& limit, std::size_t row) {
        if (limit.side == TreeSide::first_of_disc)
            discs_.push_back({.first = row, .row = first_disc_ + discs_.size(), .centre = {limit.bound, 0.0}});
        else if (limit.side == TreeSide::second_of_disc) discs_.back().centre[1] = limit.bound;
        if (limit.side == TreeSide::first_of_disc) return;
        bool const disc = limit.side == TreeSide::second_of_disc;
        if (disc) discs_.back().limit = high_.row.size();
        high_.row.push_back(static_cast<std::int32_t>(disc ? discs_.back().row : row));
        high_.bound.push_back(disc ? 0.5 : limit.bound);
    };
    for (std::size_t i = 0; i < program_.flow_limits.size(); ++i) add(program_.flow_limits[i], watched_.size() + i);
    for (std::size_t i = 0; i < program_.pair_limits.size(); ++i) {
        auto const& limit = program_.pair_limits[i];
        auto const d = static_cast<std::size_t>(limit.control);
        add(limit, first_pair_ + i);
        bool const half_plane = limit.side == TreeSide::half_plane;
        pairs_.push_back({.control = d,
                          .first = limit.first * units_.control_range[d],
                          .second = limit.second * units_.control_range[d + 1],
                          .limit = high_.row.size() - 1,
                          .disc = half_plane ? -1 : static_cast<std::int32_t>(discs_.size()) - 1,
                          .coordinate = static_cast<std::uint8_t>(limit.side == TreeSide::second_of_disc ? 1 : 0)});
    }
    for (auto* const limits : {&low_, &high_}) {
        limits->s.assign(limits->row.size(), 1.0);
        limits->z = limits->reciprocal = limits->second = limits->ds = limits->dz = limits->s;
        if (elastic_)
            limits->e = limits->w = limits->elasticity = limits->second_e = limits->de = limits->dw = limits->s;
    }
    if (!pairs_.empty()) pair_price_.assign(controls_.t.size(), 0.0);
    value_.assign(first_disc_ + discs_.size(), 0.0);
    is_separable_ = caps_.empty() && pairs_.empty();
}

void TreeBarrier::start_cold(TreeFlow& flow, TreeGroups& groups) {
    double const mu = elastic_ ? 0.1 * excess_cost : first_product;
    auto const place = [mu](Variables& variables) {
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            if (variables.moves[i] == 0) continue;
            // Where the term by itself is least, but inside.
            double const cost = variables.cost[i], curvature = variables.curvature[i];
            double const least = curvature > 0.0 ? -cost / curvature : cost < 0.0 ? 1.0 : 0.0;
            variables.t[i] = std::clamp(least, start_low, start_high);
            variables.z_low[i] = mu / variables.t[i];
            variables.z_high[i] = mu / (1.0 - variables.t[i]);
        }
    };
    place(controls_);
    place(shared_);
    set_slacks(flow, groups, 0.025, mu);
    set_prices(flow);
}

void TreeBarrier::start_warm(TreeFlow& flow, TreeGroups& groups, TreeStart const& start) {
    constexpr double mu = warm_product;
    auto const place = [](Variables& variables, std::vector<double> const& at, std::vector<double> const& lower,
                          std::vector<double> const& range) {
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            if (variables.moves[i] == 0) continue;
            variables.t[i] = std::clamp((at[i] - lower[i]) / range[i], warm_distance, 1.0 - warm_distance);
            variables.z_low[i] = mu / variables.t[i];
            variables.z_high[i] = mu / (1.0 - variables.t[i]);
        }
    };
    place(controls_, start.u, units_.control_lower, units_.control_range);
    place(shared_, start.y, units_.group_lower, units_.group_range);
    set_slacks(flow, groups, warm_slack, mu);
    take_prices(start);
    set_prices(flow);
}

// Where the start has larger ones.
void TreeBarrier::take_prices(TreeStart const& start) {
    auto const price_of_row = [&](std::size_t w) {
        if (w < first_pair_) return start.price_flow.empty() ? 0.0 : start.price_flow[w - watched_.size()];
        return start.price_pair.empty() ? 0.0 : start.price_pair[w - first_pair_];
    };
    auto const take = [&](Limits& limits, std::vector<double> const& prices) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            double price = 0.0;
            if (w < watched_.size()) {
                price = prices[static_cast<std::size_t>(watched_[w])];
            } else if (w < first_disc_) {
                price = price_of_row(w);
            } else {
                auto const first = discs_[w - first_disc_].first;
                price = std::hypot(price_of_row(first), price_of_row(first + 1));
            }
            limits.z[i] = std::max(limits.z[i], units_.cost * price);
        }
    };
    take(low_, start.price_low);
    take(high_, start.price_high);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const row = static_cast<std::size_t>(watched_[static_cast<std::size_t>(fixed_.row[i])]);
        fixed_.z[i] = units_.cost * (start.price_high[row] - start.price_low[row]);
    }
}

void TreeBarrier::start_exact(TreeFlow& flow, TreeGroups& groups, TreeStart const& start) {
    auto const place = [](Variables& variables, std::vector<double> const& at, std::vector<double> const& lower,
                          std::vector<double> const& range) {
        for (std::size_t i = 0; i < variables.t.size(); ++i)
            if (variables.moves[i] != 0) variables.t[i] = std::clamp((at[i] - lower[i]) / range[i], 0.0, 1.0);
    };
    place(controls_, start.u, units_.control_lower, units_.control_range);
    place(shared_, start.y, units_.group_lower, units_.group_range);
    set_slacks(flow, groups, 0.0, 0.0);
    take_prices(start);
    set_prices(flow);
}

// Multipliers of caps are no part of a start: they are what else holds their controls in place.
void TreeBarrier::end_start(TreePoint const& point) {
    constexpr double at_cap = 1e-9;
    for (auto& cap : caps_) {
        double const pull = -units_.cost * units_.control_range[cap.control] * point.derivative[cap.control];
        cap.z = cap.value < at_cap ? std::max(pull, 0.0) : 0.0;
    }
}

// Ties follow their group.
void TreeBarrier::follow_groups(TreeGroups& groups) {
    of_groups_ = shared_.t;
    groups.from_top(of_groups_);
    for (std::size_t d = 0; d < controls_.t.size(); ++d)
        if (program_.controls[d].role == TreeControl::Role::tied)
            controls_.t[d] = of_groups_[static_cast<std::size_t>(program_.controls[d].group)];
}

// y - u, in units of the control.
double TreeBarrier::gap_of(Cap const& cap) const {
    auto const g = static_cast<std::size_t>(program_.controls[cap.control].group);
    double const y = units_.group_lower[g] + units_.group_range[g] * of_groups_[g];
    return (y - units_.control_lower[cap.control]) / units_.control_range[cap.control] - controls_.t[cap.control];
}

// Values that follow from t, and slacks of at least this share of the width between limits.
void TreeBarrier::set_slacks(TreeFlow& flow, TreeGroups& groups, double least_share, double mu) {
    follow_groups(groups);
    for (auto& cap : caps_) {
        cap.value = gap_of(cap);
        cap.s = std::max(cap.value, 4.0 * least_share);
        cap.z = mu > 0.0 ? mu / cap.s : 0.0;
    }

    TreePoint point;
    read(point.u, point.y);
    find_states(program_, flow, point);
    take_values(point);
    auto const set = [&](Limits& limits, double sign) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            double width = std::max(std::abs(limits.bound[i]), 1e-3);
            if (w < watched_.size()) {
                auto const row = static_cast<std::size_t>(watched_[w]);
                width = program_.high[row] - program_.low[row];
                if (!std::isfinite(width) || width <= 0.0) width = 0.2 * std::max(1.0, std::abs(limits.bound[i]));
            }
            double const slack = sign * (limits.bound[i] - value_[w]);
            limits.s[i] = std::max(slack, least_share * width);
            if (elastic_) {
                limits.e[i] = central_excess(slack, mu);
                limits.s[i] = slack + limits.e[i];
                limits.w[i] = mu / limits.e[i];
            }
            limits.z[i] = mu > 0.0 ? mu / limits.s[i] : 0.0;
        }
    };
    set(low_, -1.0);
    set(high_, 1.0);
}

void TreeBarrier::set_prices(TreeFlow& flow) {
    press_discs();
    TreePoint point;
    read_prices(point);
    find_prices(program_, flow, point);
    for (std::size_t d = 0; d < price_.size(); ++d)
        price_[d] = units_.cost * units_.control_range[d] * point.control_price[d];
}

void TreeBarrier::stiffen() {
    proximity_ = std::min(10.0 * proximity_, 1e-3);
    softness_.least = std::min(10.0 * softness_.least, 1e-6);
    softness_.large = 1.0;
}

void TreeBarrier::take_values(TreePoint const& point) {
    for (std::size_t w = 0; w < watched_.size(); ++w) value_[w] = point.observed[static_cast<std::size_t>(watched_[w])];
    std::ranges::copy(point.observed_flow, value_.begin() + static_cast<std::ptrdiff_t>(watched_.size()));
    std::ranges::copy(point.observed_pair, value_.begin() + static_cast<std::ptrdiff_t>(first_pair_));
    measure_discs();
}

void TreeBarrier::set_values(TreePoint const& point) {
    take_values(point);
    for (std::size_t d = 0; d < price_.size(); ++d)
        price_[d] = units_.cost * units_.control_range[d] * point.control_price[d];
}

void TreeBarrier::read(std::vector<double>& u, std::vector<double>& y) const {
    u.resize(controls_.t.size());
    for (std::size_t d = 0; d < u.size(); ++d)
        u[d] = units_.control_lower[d] + units_.control_range[d] * controls_.t[d];
    y.resize(shared_.t.size());
    for (std::size_t g = 0; g < y.size(); ++g) y[g] = units_.group_lower[g] + units_.group_range[g] * shared_.t[g];
}

void TreeBarrier::read_prices(TreePoint& point) const {
    auto const price = [this](double multiplier) { return std::max(multiplier, 0.0) / units_.cost; };
    point.price_low.assign(program_.low.size(), 0.0);
    point.price_high.assign(program_.low.size(), 0.0);
    point.price_flow.assign(program_.flow_limits.size(), 0.0);
    point.price_pair.assign(pairs_.size(), 0.0);
    auto const read_limits = [&](Limits const& limits, std::vector<double>& prices) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            if (w >= first_disc_) continue;
            auto& to = w < watched_.size() ? prices[static_cast<std::size_t>(watched_[w])]
                       : w < first_pair_   ? point.price_flow[w - watched_.size()]
                                           : point.price_pair[w - first_pair_];
            to = price(limits.z[i]);
        }
    };
    read_limits(low_, point.price_low);
    read_limits(high_, point.price_high);
    for (auto const& disc : discs_)
        for (std::size_t k = 0; k < 2; ++k) {
            auto const w = disc.first + k;
            (w < first_pair_ ? point.price_flow[w - watched_.size()] : point.price_pair[w - first_pair_]) =
                disc.force[k] / units_.cost;
        }
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const row = static_cast<std::size_t>(watched_[static_cast<std::size_t>(fixed_.row[i])]);
        (fixed_.z[i] > 0.0 ? point.price_high : point.price_low)[row] = price(std::abs(fixed_.z[i]));
    }
    point.cap.assign(controls_.t.size(), 0.0);
    for (auto const& limit : caps_) point.cap[limit.control] = price(limit.z) / units_.control_range[limit.control];
}

}  // namespace dec::solvers
