#include "tree_optimality.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dec::solvers {
namespace {

// The w within bounds that minimises term(w) + price w.
double minimiser(TreeTerm const& term, double price, double low, double high) {
    double const slope = term.cost + price;
    if (term.log_weight > 0.0) {
        // With x = 1 - w: curvature x^2 - (slope + curvature) x - log_weight = 0.
        double const linear = slope + term.curvature;
        double const root = std::sqrt(linear * linear + 4.0 * term.curvature * term.log_weight);
        double x = 0.0;
        if (linear < 0.0) x = 2.0 * term.log_weight / (root - linear);
        else if (term.curvature > 0.0) x = (linear + root) / (2.0 * term.curvature);
        else return low;
        return std::clamp(1.0 - x, low, high);
    }
    if (term.curvature > 0.0) return std::clamp(-slope / term.curvature, low, high);
    return slope > 0.0 ? low : high;
}

}  // namespace

void find_states(TreeProgram const& program, TreeFlow& flow, TreePoint& point) {
    flow.states(point.u, point.state, point.flow);
    flow.observe(point.state, point.observed);
    point.observed_flow.clear();
    for (auto const& limit : program.flow_limits) {
        auto const j = static_cast<std::size_t>(limit.vertex);
        double sum = 0.0;
        for (std::size_t k = 0; k < program.vertices[j].flows; ++k)
            sum +=
                program.weights[static_cast<std::size_t>(limit.first_weight) + k] * point.flow[flow.first_flow(j) + k];
        point.observed_flow.push_back(sum);
    }
    point.observed_pair.clear();
    for (auto const& limit : program.pair_limits) {
        auto const d = static_cast<std::size_t>(limit.control);
        point.observed_pair.push_back(limit.first * point.u[d] + limit.second * point.u[d + 1]);
    }
}

void find_prices(TreeProgram const& program, TreeFlow& flow, TreePoint& point) {
    std::vector<double> net(point.price_low.size()), of_state, price;
    for (std::size_t i = 0; i < net.size(); ++i) net[i] = point.price_high[i] - point.price_low[i];
    flow.spread(net, of_state);
    std::vector<double> of_flow(flow.flows(), 0.0);
    for (std::size_t i = 0; i < program.flow_limits.size(); ++i) {
        auto const& limit = program.flow_limits[i];
        auto const j = static_cast<std::size_t>(limit.vertex);
        for (std::size_t k = 0; k < program.vertices[j].flows; ++k)
            of_flow[flow.first_flow(j) + k] +=
                program.weights[static_cast<std::size_t>(limit.first_weight) + k] * point.price_flow[i];
    }
    flow.prices(of_state, of_flow, price);
    point.control_price.assign(program.controls.size(), 0.0);
    for (std::size_t d = 0; d < program.controls.size(); ++d) {
        double const* const gain = program.gains.data() + program.controls[d].first_gain;
        auto const j = static_cast<std::size_t>(program.controls[d].vertex);
        for (std::size_t k = 0; k < program.vertices[j].flows; ++k)
            point.control_price[d] += gain[k] * price[flow.first_flow(j) + k];
    }
}

TreeJudgement judge(TreeProgram const& program, TreeUnits const& units, TreeLinks& links, TreeGroups& groups,
                    TreeFlow& flow, TreePoint& point, bool elastic) {
    find_states(program, flow, point);
    find_prices(program, flow, point);

    TreeJudgement judgement;
    double of_limits = 0.0;  // sum of multiplier times violation at the point
    auto const add_limit = [&](double multiplier, double bound, double violation) {
        if (!std::isfinite(bound)) return;
        of_limits += multiplier * violation;
        judgement.multipliers += multiplier * std::max(std::abs(bound), 1e-3);
        judgement.violation = std::max(judgement.violation, violation);
        judgement.complementarity = std::max(judgement.complementarity, std::min(units.cost * multiplier, -violation));
        judgement.total_violation += std::max(violation, 0.0);
        if (!elastic) {
            judgement.limits = std::max(judgement.limits, violation);
            return;
        }
        double const cost = excess_cost / units.cost, excess = std::max(violation, 0.0);
        double const above = std::max(multiplier - cost, 0.0);
        judgement.penalty += cost * (excess + 0.5 * excess * excess);
        judgement.limits = std::max(judgement.limits, std::abs(above / cost - excess));
        of_limits -= 0.5 * above * above / cost;  // the least of cost (e + e^2 / 2) - multiplier e
    };
    for (std::size_t i = 0; i < point.observed.size(); ++i) {
        add_limit(point.price_low[i], program.low[i], program.low[i] - point.observed[i]);
        add_limit(point.price_high[i], program.high[i], point.observed[i] - program.high[i]);
    }
    // |x| <= 1 with a force F on x: at most F x - |F| of the sum. Elastic, |x|^2 / 2 <= 1/2 + e: F may be that of any multiplier z of
    // this, F x - |F|^2 / (2 z) - z / 2, of which the largest counts.
    auto const add_disc = [&](double x, double y, double force_x, double force_y) {
        double const distance = std::hypot(x, y), force = std::hypot(force_x, force_y);
        double const along = force_x * x + force_y * y, beyond = 0.5 * (distance * distance - 1.0);
        judgement.multipliers += force;
        judgement.violation = std::max(judgement.violation, distance - 1.0);
        judgement.total_violation += std::max(beyond, 0.0);
        judgement.complementarity = std::max(judgement.complementarity, std::min(units.cost * force, 1.0 - distance));
        judgement.stationarity = std::max(judgement.stationarity, units.cost * std::abs(force_x * y - force_y * x));
        if (!elastic) {
            judgement.limits = std::max(judgement.limits, distance - 1.0);
            of_limits += along - force;
            return;
        }
        double const cost = excess_cost / units.cost, excess = std::max(beyond, 0.0);
        double z = std::max(force, 1e-300);
        for (int k = 0; k < 50 && force > cost; ++k) {  // force^2 / z^2 = 1 + 2 (z - cost) / cost, by Newton's method
            double const value = 1.0 + 2.0 * (z - cost) / cost - force * force / (z * z);
            z -= value / (2.0 / cost + 2.0 * force * force / (z * z * z));
            z = std::clamp(z, cost, force);
        }
        double const above = std::max(z - cost, 0.0);
        of_limits += along - 0.5 * force * force / z - 0.5 * z - 0.5 * above * above / cost;
        judgement.penalty += cost * (excess + 0.5 * excess * excess);
        judgement.limits = std::max(judgement.limits, std::abs(above / cost - excess));
    };
    for (std::size_t i = 0; i < program.flow_limits.size(); ++i) {
        auto const& limit = program.flow_limits[i];
        double const beyond = point.observed_flow[i] - limit.bound;
        if (limit.side == TreeSide::half_plane) add_limit(point.price_flow[i], limit.bound, beyond);
        if (limit.side != TreeSide::second_of_disc) continue;
        add_disc(point.observed_flow[i - 1] - program.flow_limits[i - 1].bound, beyond, point.price_flow[i - 1],
                 point.price_flow[i]);
    }

    std::vector<double> of_pairs(program.controls.size(), 0.0);
    for (std::size_t i = 0; i < program.pair_limits.size(); ++i) {
        auto const& limit = program.pair_limits[i];
        double const beyond = point.observed_pair[i] - limit.bound;
        if (limit.side == TreeSide::half_plane) add_limit(point.price_pair[i], limit.bound, beyond);
        if (limit.side == TreeSide::second_of_disc)
            add_disc(point.observed_pair[i - 1] - program.pair_limits[i - 1].bound, beyond, point.price_pair[i - 1],
                     point.price_pair[i]);
        of_pairs[static_cast<std::size_t>(limit.control)] += limit.first * point.price_pair[i];
        of_pairs[static_cast<std::size_t>(limit.control) + 1] += limit.second * point.price_pair[i];
    }

    double of_bounds = 0.0, of_terms = 0.0;  // least sums of price du, and of term + price du
    // Returns the derivative.
    auto const add = [&](TreeTerm const& term, double at, double coefficient, double low, double range, bool fixed) {
        double const high = fixed ? low : low + range;
        of_bounds += std::min(coefficient * (low - at), coefficient * (high - at));
        double const best = minimiser(term, coefficient, low, high);
        of_terms += value(term, best) + coefficient * (best - at);
        double const slope_here = slope(term, at) + coefficient;
        double const in_range = (at - low) / range;
        judgement.stationarity = std::max(
            judgement.stationarity,
            std::abs(std::clamp(in_range - units.cost * slope_here * range, 0.0, fixed ? 0.0 : 1.0) - in_range));
        return slope_here;
    };
    auto const count = program.groups.size();
    std::vector<double> shared(point.y);
    groups.from_top(shared);
    point.derivative.assign(program.controls.size(), 0.0);
    point.group_derivative.assign(count, 0.0);
    point.cap_slack.assign(program.controls.size(), 0.0);
    std::vector<double> shared_price(count, 0.0), cost(count, 0.0), curvature(count, 0.0), log_weight(count, 0.0);
    for (std::size_t d = 0; d < program.controls.size(); ++d) {
        auto const& control = program.controls[d];
        double coefficient = point.control_price[d] + of_pairs[d];
        auto const g = static_cast<std::size_t>(std::max(control.group, 0));
        judgement.objective += value(control.term, point.u[d]);
        if (control.role == TreeControl::Role::tied) {
            shared_price[g] += coefficient;
            cost[g] += control.term.cost;
            curvature[g] += control.term.curvature;
            log_weight[g] += control.term.log_weight;
            continue;
        }
        if (control.role == TreeControl::Role::capped) {
            double const slack = shared[g] - point.u[d];
            point.cap_slack[d] = slack;
            of_limits -= point.cap[d] * slack;
            judgement.violation = std::max(judgement.violation, -slack / units.control_range[d]);
            judgement.limits = std::max(judgement.limits, -slack / units.control_range[d]);
            judgement.complementarity =
                std::max(judgement.complementarity,
                         std::min(units.cost * units.control_range[d] * point.cap[d], slack / units.control_range[d]));
            coefficient += point.cap[d];
            shared_price[g] -= point.cap[d];
        }
        point.derivative[d] = add(control.term, point.u[d], coefficient, units.control_lower[d], units.control_range[d],
                                  units.control_fixed[d]);
    }
    for (auto* const sums : {&shared_price, &cost, &curvature, &log_weight}) groups.sum_to_top(*sums);
    for (std::size_t g = 0; g < count; ++g) {
        if (program.groups[g].top < 0) continue;
        auto term = program.groups[g].term;
        judgement.objective += value(term, point.y[g]);
        term.cost += cost[g];
        term.curvature += curvature[g];
        term.log_weight += log_weight[g];
        point.group_derivative[g] =
            add(term, point.y[g], shared_price[g], units.group_lower[g], units.group_range[g], units.group_fixed[g]);
    }

    std::array sums{judgement.objective,   of_limits + of_terms,      of_limits + of_bounds,
                    judgement.multipliers, judgement.total_violation, judgement.penalty};
    links.sum(sums);
    std::array largest{judgement.violation, judgement.stationarity, judgement.complementarity, judgement.limits};
    links.max(largest);
    judgement.objective = sums[0];
    judgement.dual_objective = sums[1];
    judgement.certificate = sums[2];
    judgement.multipliers = sums[3];
    judgement.total_violation = sums[4];
    judgement.penalty = sums[5];
    judgement.violation = largest[0];
    judgement.stationarity = largest[1];
    judgement.complementarity = largest[2];
    judgement.limits = largest[3];
    return judgement;
}

}  // namespace dec::solvers
