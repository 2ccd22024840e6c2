/// The last digits: limits that are met as equalities, by the method of multipliers with the same elimination.
#include <algorithm>
#include <cmath>

#include "tree_barrier.hpp"

namespace dec::solvers {
namespace {

// What one unit of a limit's violation costs, in units of the order of one: more would make rounding of states felt in
// prices, less would take more steps.
constexpr double penalty = 1e6;
// A step of a control costs this much of its own, for those that nothing else holds in place.
constexpr double proximity = 1e-8;

}  // namespace

void TreeBarrier::begin_polish() {
    auto const decide = [](Limits& limits) {
        limits.met.assign(limits.s.size(), 0);
        for (std::size_t i = 0; i < limits.s.size(); ++i) {
            limits.met[i] = limits.s[i] < limits.z[i] ? 1 : 0;
            if (limits.met[i] == 0) limits.z[i] = 0.0;
        }
    };
    decide(low_);
    decide(high_);
    for (auto& cap : caps_) {
        cap.met = cap.s < cap.z;
        if (!cap.met) cap.z = 0.0;
    }
    auto const settle = [](Variables& variables) {
        variables.met.assign(variables.t.size(), 0);
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            if (variables.moves[i] == 0) continue;
            bool const at_low = variables.t[i] < variables.z_low[i];
            bool const at_high = 1.0 - variables.t[i] < variables.z_high[i];
            if (!at_low && !at_high) continue;
            variables.met[i] = 1;
            variables.t[i] = at_low ? 0.0 : 1.0;
        }
    };
    settle(controls_);
    settle(shared_);
}

template <int Sign>
void TreeBarrier::polish_limits(Limits const& limits, TreeModel& model) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        if (limits.met[i] == 0) continue;
        auto const w = static_cast<std::size_t>(limits.row[i]);
        model.row_curvature[w] += penalty;
        model.row_slope[w] += penalty * (value_[w] - limits.bound[i]);
    }
}

template <int Sign>
void TreeBarrier::polish_limits_step(Limits& limits, TreeStep const& step) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        if (limits.met[i] == 0) continue;
        auto const w = static_cast<std::size_t>(limits.row[i]);
        limits.z[i] += Sign * penalty * (value_[w] + step.row[w] - limits.bound[i]);
    }
}

void TreeBarrier::polish_model(TreePoint const& point, TreeModel& model) {
    set_values(point);
    std::ranges::fill(model.row_curvature, 0.0);
    std::ranges::fill(model.row_slope, 0.0);
    polish_limits<-1>(low_, model);
    polish_limits<1>(high_, model);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        model.row_curvature[w] += penalty;
        model.row_slope[w] += penalty * (value_[w] - fixed_.bound[i]);
    }
    auto const term = [](Variables const& variables, std::size_t i, double lower, double range, double& curvature,
                         double& slope) {
        double const t = variables.t[i];
        curvature = variables.curvature[i] + proximity;
        slope = variables.cost[i] + variables.curvature[i] * t;
        if (variables.log_weight.empty() || variables.log_weight[i] == 0.0) return;
        double const relative = range / (1.0 - lower - range * t);
        slope += variables.log_weight[i] * relative;
        curvature += variables.log_weight[i] * relative * relative;
    };
    for (std::size_t d = 0; d < controls_.t.size(); ++d) {
        double curvature = 0.0, slope = 0.0;
        term(controls_, d, units_.control_lower[d], units_.control_range[d], curvature, slope);
        model.control_inverse[d] = controls_.moves[d] != 0 && controls_.met[d] == 0 ? 1.0 / curvature : 0.0;
        model.control_slope[d] = slope + price_[d];
        if (program_.controls[d].role != TreeControl::Role::tied) continue;
        model.share[d] = 1.0;
        model.shared_curvature[d] = curvature;
        model.shared_slope[d] = slope + price_[d];
    }
    couple_pairs(model);
    for (auto const& cap : caps_) {
        double const stiffness = cap.met ? penalty : 0.0;
        double const push = -stiffness * cap.value;  // of the multiplier, upwards
        couple_cap(cap, stiffness, push, model);
    }
    for (std::size_t g = 0; g < shared_.t.size(); ++g) {
        double curvature = 0.0, slope = 0.0;
        term(shared_, g, units_.group_lower[g], units_.group_range[g], curvature, slope);
        model.group_curvature[g] = units_.group_fixed[g] || shared_.met[g] != 0 ? INFINITY : curvature;
        model.group_slope[g] = slope;
    }
}

void TreeBarrier::polish_step(TreeStep& step) {
    follow_pairs(step);
    polish_limits_step<-1>(low_, step);
    polish_limits_step<1>(high_, step);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        fixed_.z[i] += penalty * (value_[w] + step.row[w] - fixed_.bound[i]);
    }
    for (auto& cap : caps_) {
        double const move = cap.ratio * step.of_group[cap.control] - step.control[cap.control];
        if (cap.met) cap.z -= penalty * (cap.value + move);
        cap.value += move;
    }
    auto const take = [](Variables& variables, std::vector<double> const& dt) {
        for (std::size_t i = 0; i < variables.t.size(); ++i)
            variables.t[i] = std::clamp(variables.t[i] + dt[i], 0.0, 1.0);
    };
    take(controls_, step.control);
    take(shared_, step.group);
}

}  // namespace dec::solvers
