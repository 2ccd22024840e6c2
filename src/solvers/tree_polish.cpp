/// The last digits: limits that are met as equalities, by the method of multipliers with the same elimination. Which ones are met
/// is decided anew before every step, so that a wrong guess is put right.
#include <algorithm>
#include <cmath>

#include "tree_barrier.hpp"

namespace dec::solvers {
namespace {

// What one unit of a limit's violation costs, per unit of its price: more would make rounding of states felt in prices, less
// would take more steps. Prices count as this share of the mean one at least.
constexpr double penalty_of_price = 1e3, least_share = 1e-3;
// Where a step leaves more than this share of a violation its penalty is raised tenfold.
constexpr double least_progress = 0.1, largest_penalty = 1e13;
// A step of a control costs this much of its own, for those that nothing else holds in place; less from step to step, for those
// that have far to go.
constexpr double first_proximity = 1e-5, fading = 0.3;
// Violations below this are rounding.
constexpr double rounding = 5e-12;
// Violations below this are not looked at where a limit is met: times a penalty, rounding of the state would move its multiplier.
constexpr double negligible = 1e-13;
// A step that leaves the domain of a logarithm goes this share of the way to its end.
constexpr double into_domain = 0.9;

void adapt(double residual, double& before, double& penalty) {
    double const left = std::abs(residual);
    if (left > rounding && left > least_progress * before)
        penalty = std::max(penalty, std::min(10.0 * penalty, largest_penalty));
    before = left;
}

double seen(double residual) { return std::abs(residual) <= negligible ? 0.0 : residual; }

}  // namespace

TreeMeanPrice TreeBarrier::begin_polish() {
    for (auto* const limits : {&low_, &high_}) limits->before = limits->z;
    fixed_.before = fixed_.z;
    for (auto& cap : caps_) cap.before = cap.z;
    for (auto& disc : discs_) disc.before = disc.force;
    for (auto* const variables : {&controls_, &shared_}) variables->before = variables->t;
    polish_proximity_ = first_proximity / fading;
    TreeMeanPrice mean;
    auto const add = [&](double z) {
        if (z <= 0.0) return;
        mean.logarithms += std::log(z);
        mean.count += 1.0;
    };
    auto const decide = [&](Limits& limits) {
        limits.met.assign(limits.s.size(), 0);
        for (std::size_t i = 0; i < limits.s.size(); ++i) {
            limits.met[i] = limits.s[i] < limits.z[i] ? met : not_met;
            if (elastic_ && excess_cost * limits.e[i] > limits.w[i]) limits.met[i] = exceeded;
            if (limits.met[i] == not_met) limits.z[i] = 0.0;
            add(limits.z[i]);
        }
    };
    decide(low_);
    decide(high_);
    for (double const z : fixed_.z) add(std::abs(z));
    for (auto& cap : caps_) {
        cap.met = cap.s < cap.z;
        if (!cap.met) cap.z = 0.0;
        add(cap.z);
    }
    press_discs();
    controls_.met.assign(controls_.t.size(), 0);
    shared_.met.assign(shared_.t.size(), 0);
    return mean;
}

void TreeBarrier::end_polish(TreeGroups& groups) {
    for (auto* const variables : {&controls_, &shared_}) variables->t = variables->before;
    follow_groups(groups);
    for (auto* const limits : {&low_, &high_}) limits->z = limits->before;
    fixed_.z = fixed_.before;
    for (auto& disc : discs_) disc.force = disc.before;
    for (auto& cap : caps_) {
        cap.z = cap.before;
        cap.value = gap_of(cap);
    }
}

void TreeBarrier::set_penalties(double mean_price) {
    auto const penalty = [&](double z) { return penalty_of_price * std::max(std::abs(z), least_share * mean_price); };
    auto const set = [&](auto& limits) {
        limits.left.assign(limits.z.size(), INFINITY);
        limits.penalty.clear();
        for (double const z : limits.z) limits.penalty.push_back(penalty(z));
    };
    set(low_);
    set(high_);
    set(fixed_);
    for (auto& cap : caps_) {
        cap.penalty = penalty(cap.z);
        cap.left = INFINITY;
    }
}

// A variable is at the bound to which the derivative takes it.
bool TreeBarrier::settle_variables(Variables& variables, std::vector<double> const& derivative,
                                   std::vector<double> const& range, std::vector<double> const& worth) const {
    bool has_moved = false;
    for (std::size_t i = 0; i < variables.t.size(); ++i) {
        if (variables.moves[i] == 0) continue;
        double const towards = variables.t[i] - units_.cost * range[i] * derivative[i] / worth[i];
        bool const at_low = towards <= 0.0, at_high = towards >= 1.0 && !variables.is_logarithmic(i);
        variables.met[i] = at_low || at_high ? 1 : 0;
        if (!at_low && !at_high) continue;
        double const bound = at_low ? 0.0 : 1.0;
        has_moved |= variables.t[i] != bound;
        variables.t[i] = bound;
    }
    return has_moved;
}

bool TreeBarrier::settle(TreePoint const& point, TreeGroups& groups) {
    bool has_moved = settle_variables(controls_, point.derivative, units_.control_range, units_.control_worth);
    has_moved |= settle_variables(shared_, point.group_derivative, units_.group_range, units_.group_worth);
    follow_groups(groups);
    set_values(point);
    return has_moved;
}

template <int Sign>
void TreeBarrier::polish_limits(Limits& limits, TreeModel& model) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        double const residual = value_[w] - limits.bound[i];
        if (limits.met[i] == exceeded) {
            model.row_curvature[w] += excess_cost;
            model.row_slope[w] += Sign * (excess_cost * (1.0 + Sign * residual) - limits.z[i]);
            continue;
        }
        if (limits.met[i] == not_met && Sign * residual <= rounding) continue;
        if (limits.met[i] == met) adapt(residual, limits.left[i], limits.penalty[i]);
        limits.met[i] = met;
        model.row_curvature[w] += limits.penalty[i];
        model.row_slope[w] += limits.penalty[i] * seen(residual);
    }
}

template <int Sign>
void TreeBarrier::polish_limits_step(Limits& limits, TreeStep const& step) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        if (limits.met[i] == not_met) continue;
        auto const w = static_cast<std::size_t>(limits.row[i]);
        double const residual = value_[w] - limits.bound[i];
        if (limits.met[i] == exceeded) limits.z[i] = excess_cost * (1.0 + Sign * (residual + step.row[w]));
        else limits.z[i] += limits.penalty[i] * Sign * (seen(residual) + step.row[w]);
        if (elastic_) {
            limits.met[i] = limits.z[i] > excess_cost ? exceeded : met;
            if (limits.met[i] == met) limits.z[i] = std::min(limits.z[i], excess_cost);
        }
        if (limits.z[i] > 0.0) continue;
        limits.z[i] = 0.0;
        limits.met[i] = not_met;
    }
}

void TreeBarrier::polish_model(TreePoint const& point, TreeModel& model) {
    take_values(point);
    std::ranges::fill(model.row_curvature, 0.0);
    std::ranges::fill(model.row_slope, 0.0);
    polish_limits<-1>(low_, model);
    polish_limits<1>(high_, model);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        double const residual = value_[w] - fixed_.bound[i];
        adapt(residual, fixed_.left[i], fixed_.penalty[i]);
        model.row_curvature[w] += fixed_.penalty[i];
        model.row_slope[w] += fixed_.penalty[i] * seen(residual);
    }
    polish_proximity_ = std::max(fading * polish_proximity_, least_proximity_);
    auto const term = [this](Variables const& variables, std::size_t i, double lower, double range, double worth,
                             double& curvature, double& slope) {
        double const t = variables.t[i];
        curvature = variables.curvature[i] + polish_proximity_ * worth;
        slope = variables.cost[i] + variables.curvature[i] * t;
        if (!variables.is_logarithmic(i)) return;
        double const relative = range / (1.0 - lower - range * t);
        slope += variables.log_weight[i] * relative;
        curvature += variables.log_weight[i] * relative * relative;
    };
    for (std::size_t d = 0; d < controls_.t.size(); ++d) {
        double curvature = 0.0, slope = 0.0;
        term(controls_, d, units_.control_lower[d], units_.control_range[d], units_.control_worth[d], curvature, slope);
        model.control_inverse[d] = controls_.moves[d] != 0 && controls_.met[d] == 0 ? 1.0 / curvature : 0.0;
        model.control_slope[d] = slope + price_[d];
        if (program_.controls[d].role != TreeControl::Role::tied) continue;
        model.share[d] = 1.0;
        model.shared_curvature[d] = curvature;
        model.shared_slope[d] = slope + price_[d];
    }
    couple_discs(true, model);
    couple_pairs(model);
    for (auto& cap : caps_) {
        cap.value = gap_of(cap);
        if (!cap.met && cap.value < -rounding) cap.met = true;
        else if (cap.met) adapt(cap.value, cap.left, cap.penalty);
        double const stiffness = cap.met ? cap.penalty : 0.0;
        double const push = -stiffness * seen(cap.value);  // of the multiplier, upwards
        couple_cap(cap, stiffness, push, model);
    }
    for (std::size_t g = 0; g < shared_.t.size(); ++g) {
        double curvature = 0.0, slope = 0.0;
        term(shared_, g, units_.group_lower[g], units_.group_range[g], units_.group_worth[g], curvature, slope);
        model.group_curvature[g] = units_.group_fixed[g] || shared_.met[g] != 0 ? INFINITY : curvature;
        model.group_slope[g] = slope;
    }
}

void TreeBarrier::polish_step(TreeStep& step, TreeGroups& groups) {
    follow_pairs(step);
    polish_discs_step(step);
    polish_limits_step<-1>(low_, step);
    polish_limits_step<1>(high_, step);
    press_discs_after(step);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        fixed_.z[i] += fixed_.penalty[i] * (seen(value_[w] - fixed_.bound[i]) + step.row[w]);
    }
    for (auto& cap : caps_) {
        if (!cap.met) continue;
        double const move = cap.ratio * step.of_group[cap.control] - step.control[cap.control];
        cap.z -= cap.penalty * (seen(cap.value) + move);
        cap.met = cap.z > 0.0;
        cap.z = std::max(cap.z, 0.0);
    }
    auto const take = [](Variables& variables, std::vector<double> const& dt, std::vector<double> const& lower,
                         std::vector<double> const& range) {
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            double const end = variables.is_logarithmic(i) ? (1.0 - lower[i]) / range[i] : INFINITY;
            double const t = std::min(variables.t[i] + dt[i], variables.t[i] + into_domain * (end - variables.t[i]));
            variables.t[i] = std::clamp(t, 0.0, 1.0);
        }
    };
    take(controls_, step.control, units_.control_lower, units_.control_range);
    take(shared_, step.group, units_.group_lower, units_.group_range);
    follow_groups(groups);
}

}  // namespace dec::solvers
