#include "later_costs.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dec::coordination {

namespace {

using solvers::TreeOutcome;
using solvers::TreeStart;
using solvers::TreeStatus;

// Parts of the later costs, where all of them together cost as much as all others in full.
constexpr double first_part = 1e-3, least_part = 1e-10, smaller = 1e-2;
// Costs are left out from this relative gap on.
constexpr double near = 1e-2;

/// What all controls cost in full, and later; and how many there are.
struct Worth {
    double own = 0.0, later = 0.0, variables = 0.0;
};
Worth worth_of(solvers::TreeProgram const& program, std::vector<double> const& later, solvers::TreeLinks const& links) {
    std::array<double, 3> sums{};
    auto const add = [&](solvers::TreeTerm const& term, double curvature) {
        double const range = term.upper - term.lower;
        sums[0] += std::abs(term.cost + term.curvature * term.lower) * range + term.curvature * range * range +
                   term.log_weight * range;
        sums[1] += curvature * range * range;
        sums[2] += 1.0;
    };
    for (std::size_t k = 0; k < program.controls.size(); ++k) add(program.controls[k].term, later[k]);
    for (auto const& group : program.groups)
        if (group.top >= 0) add(group.term, 0.0);
    links.sum(sums);
    return {sums[0], sums[1], sums[2]};
}

}  // namespace

TreeOutcome solve_with_idle_controls(solvers::TreeProgram& program, std::vector<double> const& later,
                                     solvers::TreeLinks& links, double tolerance, SolveProgram const& solve,
                                     TreeStart const* start) {
    constexpr double feasible = 1e-9, nothing = 1e-2;
    auto const worth = worth_of(program, later, links);
    double const own = worth.own > 0.0 ? worth.own : 1.0;
    double const unit = worth.later > 0.0 ? own / worth.later : 0.0;
    auto const allowed = [&](double objective, double share) {
        return share * std::max(std::abs(objective), nothing * own / worth.variables);
    };
    TreeOutcome best;
    TreeStart from;
    bool first = true;  // on all ranks alike
    auto const is_nearer = [&](TreeOutcome const& outcome) {
        return outcome.status == TreeStatus::iteration_limit && outcome.primal_residual <= feasible &&
               outcome.gap < best.gap;
    };
    // One program, with this part of the later costs; where that has no answer the one before stays the best.
    auto const descend = [&](double part) {
        auto const given = program.controls;
        for (std::size_t k = 0; k < later.size(); ++k) program.controls[k].term.curvature += part * unit * later[k];
        auto outcome = solve(!first, first ? start : &from);
        // Where a start misleads none does not.
        bool const has_start = !first || start != nullptr;
        if (has_start && outcome.status == TreeStatus::iteration_limit && part > 0.0) outcome = solve(false, nullptr);
        program.controls = given;
        auto const status = outcome.status;
        if (status == TreeStatus::optimal) {
            from = {.u = std::move(outcome.u),
                    .y = std::move(outcome.y),
                    .price_low = std::move(outcome.price_low),
                    .price_high = std::move(outcome.price_high),
                    .price_flow = std::move(outcome.price_flow),
                    .price_pair = std::move(outcome.price_pair)};
            best = solvers::evaluate(program, links, from, true);
            bool const within = best.primal_residual <= feasible && best.gap <= allowed(best.objective, tolerance);
            best.status = within ? TreeStatus::optimal : TreeStatus::iteration_limit;
            first = false;
        } else if (first || status == TreeStatus::stopped || (part == 0.0 && is_nearer(outcome))) {
            best = std::move(outcome);
        }
        return status;
    };
    for (double part = first_part; part > least_part; part *= smaller) {
        if (descend(part) != TreeStatus::optimal || best.status == TreeStatus::optimal) break;
        if (best.gap > allowed(best.objective, near)) continue;
        if (descend(0.0) == TreeStatus::stopped || best.status == TreeStatus::optimal) break;
    }
    return best;
}

}  // namespace dec::coordination
