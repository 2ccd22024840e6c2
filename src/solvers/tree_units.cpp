#include "tree_units.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dec::solvers {
namespace {

double upper_of(TreeTerm const& term) { return term.log_weight > 0.0 ? std::min(term.upper, 1.0) : term.upper; }

}  // namespace

double value(TreeTerm const& term, double u) {
    double sum = term.cost * u + 0.5 * term.curvature * u * u;
    if (term.log_weight > 0.0) sum -= term.log_weight * std::log(1.0 - u);
    return sum;
}

double slope(TreeTerm const& term, double u) {
    double sum = term.cost + term.curvature * u;
    if (term.log_weight > 0.0) sum += term.log_weight / (1.0 - u);
    return sum;
}

TreeUnits find_units(TreeProgram const& program, TreeLinks& links, TreeGroups& groups) {
    TreeUnits units;
    // Bounds of a group are those of all its tied members as well.
    std::vector<double> lower(program.groups.size(), -1e300), negative_upper(program.groups.size(), -1e300);
    for (std::size_t g = 0; g < program.groups.size(); ++g)
        if (program.groups[g].top >= 0) {
            lower[g] = program.groups[g].term.lower;
            negative_upper[g] = -upper_of(program.groups[g].term);
        }
    for (auto const& control : program.controls) {
        if (control.role != TreeControl::Role::tied) continue;
        auto const g = static_cast<std::size_t>(control.group);
        lower[g] = std::max(lower[g], control.term.lower);
        negative_upper[g] = std::max(negative_upper[g], -upper_of(control.term));
    }
    groups.max_to_top(lower);
    groups.max_to_top(negative_upper);
    groups.from_top(lower);
    groups.from_top(negative_upper);

    double disagree = 0.0;
    auto const set = [&](double low, double high, std::vector<double>& lows, std::vector<double>& ranges,
                         std::vector<bool>& fixed) {
        if (low > high) disagree = 1.0;
        lows.push_back(low);
        fixed.push_back(!(high > low));
        ranges.push_back(high > low ? high - low : 1.0);
    };
    for (std::size_t g = 0; g < program.groups.size(); ++g)
        set(lower[g], -negative_upper[g], units.group_lower, units.group_range, units.group_fixed);
    std::array<double, 2> marginal{0.0, 0.0};
    auto const add = [&](TreeTerm const& term, double low, double range) {
        double const full = std::abs(term.cost + term.curvature * low) * range + term.curvature * range * range +
                            term.log_weight * range;
        marginal[0] += full;
        marginal[1] += 1.0;
        return full;
    };
    units.group_worth.assign(program.groups.size(), 0.0);
    for (auto const& control : program.controls) {
        if (control.role == TreeControl::Role::tied) {
            auto const g = static_cast<std::size_t>(control.group);
            units.control_lower.push_back(units.group_lower[g]);
            units.control_range.push_back(units.group_range[g]);
            units.control_fixed.push_back(true);
        } else {
            set(control.term.lower, upper_of(control.term), units.control_lower, units.control_range,
                units.control_fixed);
        }
        double const full = add(control.term, units.control_lower.back(), units.control_range.back());
        units.control_worth.push_back(full);
        if (control.role == TreeControl::Role::tied) units.group_worth[static_cast<std::size_t>(control.group)] += full;
    }
    for (std::size_t g = 0; g < program.groups.size(); ++g)
        if (program.groups[g].top >= 0)
            units.group_worth[g] += add(program.groups[g].term, units.group_lower[g], units.group_range[g]);
    std::array<double, 1> powers{program.pair_limits.empty() && program.flow_limits.empty() ? 0.0 : 1.0};
    links.max(powers);
    units.has_idle = powers[0] != 0.0;
    links.sum(marginal);
    if (marginal[0] > 0.0) units.cost = marginal[1] / marginal[0];
    groups.sum_to_top(units.group_worth);
    groups.from_top(units.group_worth);
    // What costs nothing is measured by the mean; what costs next to nothing, beside powers that are limited, nearly so.
    double const least = units.has_idle ? 0.1 : 0.0;
    auto const settle = [&](double& worth) { worth = worth > 0.0 ? std::clamp(units.cost * worth, least, 1.0) : 1.0; };
    std::ranges::for_each(units.group_worth, settle);
    for (std::size_t d = 0; d < program.controls.size(); ++d) {
        auto const& control = program.controls[d];
        if (control.role == TreeControl::Role::tied)
            units.control_worth[d] = units.group_worth[static_cast<std::size_t>(control.group)];
        else settle(units.control_worth[d]);
    }
    std::array<double, 1> any{disagree};
    links.max(any);
    units.agree = any[0] == 0.0;
    return units;
}

}  // namespace dec::solvers
