#include <algorithm>
#include <array>
#include <cmath>

#include "../conflicts.hpp"
#include "../later_costs.hpp"
#include "../record.hpp"
#include "search.hpp"

namespace dec::coordination {

void ExactSearch::take_shares(std::span<double const> u) {
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d) answer_.alpha[d] = decisions_.ders[d].fixed;
    for (std::size_t k = 0; k < u.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        if (assembled_.reactive[k] != 0) answer_.reactive[d] = powers_.ders[d].rated * u[k];
        else answer_.alpha[d] += decisions_.ders[d].reach * u[k];
    }
    if (!has_scalar()) return;
    // Ranks without a DER on its way know nothing of it; none does once all shares are decided.
    double along = -1.0;
    for (std::size_t k = 0; k < u.size(); ++k)
        if (assembled_.reactive[k] == 0) along = std::max(along, u[k]);
    along = comm_.max(along);
    if (along >= 0.0) scalar_ = on_way_.from + (on_way_.to - on_way_.from) * along;
}

void ExactSearch::take_multipliers(solvers::TreeOutcome const& outcome) {
    low_.clear();
    high_.clear();
    for (auto const& node : answer_.nodes) {
        auto const row = static_cast<std::size_t>(assembled_.row_of_place[place(node)]);
        low_.push_back(outcome.price_low[row]);
        high_.push_back(outcome.price_high[row]);
    }
}

/// The open shares as they are in `alpha`, without prices. \pre the program has been assembled.
solvers::TreeStart ExactSearch::start_at(std::vector<double> const& alpha) const {
    solvers::TreeStart start;
    start.y.assign(assembled_.program.groups.size(), 0.0);
    for (std::size_t k = 0; k < assembled_.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        if (assembled_.reactive[k] != 0) {
            double const q = answer_.reactive[d] / powers_.ders[d].rated;
            start.u.push_back(std::isfinite(q) ? q : 0.0);
            continue;
        }
        start.u.push_back((alpha[d] - decisions_.ders[d].fixed) / decisions_.ders[d].reach);
        auto const group = assembled_.program.controls[k].group;
        if (group >= 0)
            start.y[static_cast<std::size_t>(group)] =
                std::max(start.y[static_cast<std::size_t>(group)], start.u.back());
    }
    start.price_low.assign(assembled_.program.low.size(), 0.0);
    start.price_high = start.price_low;
    return start;
}

/// Where the last program has ended.
solvers::TreeStart ExactSearch::end() const {
    return {.u = outcome_.u,
            .y = outcome_.y,
            .price_low = outcome_.price_low,
            .price_high = outcome_.price_high,
            .price_flow = outcome_.price_flow,
            .price_pair = outcome_.price_pair};
}

/// Prices of given rows, and of limits with hardly an inside, are so large that rounding of voltages keeps the gap from closing altogether.
bool ExactSearch::stands_still() const {
    constexpr double feasible = 1e-9, near = 1e-5, nothing = 1e-9;  // of all that could be given up
    double const all = policy_.cost == nullptr ? 1.0 : total_kw_;
    return outcome_.primal_residual <= feasible &&
           outcome_.gap <= std::max(near * std::abs(outcome_.objective), nothing * all);
}

/// Where nearly everything about reactive powers costs nothing, the gap closes slowly below this.
bool ExactSearch::is_near(solvers::TreeOutcome const& outcome) const {
    constexpr double feasible = 1e-8, near = 1e-4, nothing = 1e-9;  // of all that could be given up
    double const all = policy_.cost == nullptr ? 1.0 : total_kw_;
    return outcome.status == solvers::TreeStatus::iteration_limit && outcome.primal_residual <= feasible &&
           outcome.gap <= std::max(near * std::abs(outcome.objective), nothing * all);
}

/// Of one program: what does not end before does not end at all.
std::int64_t ExactSearch::most_iterations() const {
    return decides_least_ ? 40 : holds_limits_ ? 60 : has_powers_ ? 100 : 200;
}

solvers::TreeOutcome ExactSearch::solve_tree(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                             solvers::TreeObserver const& watch) {
    auto const run = [&](double softness) {
        auto now = tree;
        now.softness = softness;
        return disclosure_ ? disclosure_->solve(assembled_.program, links_, now, start, watch)
                           : solvers::solve(assembled_.program, links_, now, start, watch);
    };
    if (!has_powers_) return run(tree.softness);
    // Programs with idle controls differ in what they bear: less makes systems nearly singular, with more multipliers creep.
    static constexpr std::array softness{1e-9, 1e-8, 1e-10};
    auto const is_short = [](solvers::TreeOutcome const& outcome) {
        return outcome.status == solvers::TreeStatus::iteration_limit ||
               outcome.status == solvers::TreeStatus::numerical_failure;
    };
    auto best = run(softness[0]);
    for (std::size_t k = 1; k < softness.size() && is_short(best); ++k) {
        auto outcome = run(softness[k]);
        if (!is_short(outcome) || (is_near(outcome) && !(is_near(best) && best.gap <= outcome.gap)))
            best = std::move(outcome);
    }
    return best;
}

solvers::TreeOutcome ExactSearch::solve_program(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                solvers::TreeObserver const& watch) {
    if (!has_powers_ || decides_least_ || tree.elastic) return solve_tree(tree, start, watch);
    // What costs something only at another date or level is as idle as reactive power.
    std::vector<double> later(assembled_.der.size(), 0.0);
    bool idle = false;
    for (std::size_t k = 0; k < later.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        auto const& what = decisions_.ders[d];
        if (assembled_.reactive[k] != 0) later[k] = flow_.settings().per_unit.power_si(powers_.ders[d].rated) / 1000.0;
        else if (what.role != Decision::Role::tied && what.cost.linear == 0.0 && what.cost.quadratic == 0.0 &&
                 what.cost.logarithmic == 0.0)
            later[k] = available_kw_[d] * what.reach * what.reach;
        idle = idle || later[k] > 0.0;
    }
    if (comm_.max(idle ? 1.0 : 0.0) == 0.0) return solve_tree(tree, start, watch);
    auto const solve_one = [&](bool resume, solvers::TreeStart const* from) {
        auto now = tree;
        now.resume = resume;
        now.polish = true;
        return solve_tree(now, from, watch);
    };
    return solve_with_idle_controls(assembled_.program, later, links_, settings_.tolerance, solve_one, start);
}

/// One program, with the decisions and limits as they stand. \return false if there is no answer; the status then says why.
bool ExactSearch::solve(solvers::TreeStart const* start, Manner manner) {
    if (answer_.iterations >= settings_.max_iterations) {
        answer_.status = Status::iteration_limit;
        return false;
    }
    assembled_ = model::assemble(comm_, flow_, limits_, decisions_, powers_);
    solvers::TreeSettings tree{
        .tolerance = settings_.tolerance,
        .max_iterations = static_cast<int>(std::min(settings_.max_iterations - answer_.iterations, most_iterations())),
        .presolve = settings_.presolve && !holds_limits_ && !disclosure_,
        .give = decides_least_ ? powers_.room : 0.0,
        .polish = manner.polish,
        .resume = manner.resume,
        .control_prices = has_powers_};
    auto const before = answer_.alpha;
    solvers::TreeObserver const watch = [&](solvers::TreeRound const& round) {
        if (round.iteration == 0) return false;  // where it starts from is no round
        auto const last = answer_.alpha;
        take_shares(round.u);
        double change = 0.0;
        for (std::size_t d = 0; d < last.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - last[d]));
        answer_.objective = objective_of(answer_.alpha);
        return record(comm_, flow_,
                      {.state = unknown_,
                       .violation = round.primal_residual,
                       .max_alpha_change = comm_.max(change),
                       .dual_residual = round.dual_residual,
                       .known = false},
                      observer_, answer_);
    };
    outcome_ = solve_program(tree, start, watch);
    // Programs after the first have an answer, the one before; what stands in its way is rounding.
    bool const may_relax = settings_.elastic && !settled_ && policy_.levels != fairness::Levels::oldest_first;
    if (outcome_.status == solvers::TreeStatus::primal_infeasible && may_relax) {
        tree.elastic = true;
        outcome_ = solve_program(tree, nullptr, watch);
        answer_.status = Status::relaxed;
    }
    switch (outcome_.status) {
        case solvers::TreeStatus::optimal: break;
        case solvers::TreeStatus::iteration_limit:
            if ((holds_limits_ || loosened_) && stands_still()) {
                outcome_.status = solvers::TreeStatus::optimal;
                stood_still_ = true;
            } else if (has_powers_ && is_near(outcome_)) {
                outcome_.status = solvers::TreeStatus::optimal;
                is_short_ = true;
            } else answer_.status = Status::iteration_limit;
            break;
        case solvers::TreeStatus::numerical_failure: answer_.status = Status::diverged; break;
        case solvers::TreeStatus::stopped: answer_.status = Status::interrupted; break;
        case solvers::TreeStatus::primal_infeasible:
            answer_.status = Status::infeasible;
            answer_.alpha = before;
            break;
    }
    take_multipliers(outcome_);
    if (outcome_.status == solvers::TreeStatus::primal_infeasible) {
        report_conflict(comm_, flow_, settings_, answer_, low_, high_, rating_forces(powers_, assembled_, outcome_));
        return false;
    }
    take_shares(outcome_.u);
    flow_.set_reactive(answer_.reactive);
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    // What exceeding limits costs is not in the objective, but in the gap.
    answer_.duality_gap = outcome_.gap / std::max(std::abs(outcome_.objective + outcome_.penalty), 1e-6);
    return outcome_.status == solvers::TreeStatus::optimal;
}

}  // namespace dec::coordination
