#include <algorithm>
#include <cmath>

#include "search.hpp"

namespace dec::coordination {

/// Of all answers that cost the least the one of smallest sum of available alpha^2: with both in one program, or else a second
/// program in what the prices of the first leave open.
void ExactSearch::with_tie_break() {
    auto const* const from = start();
    bool const has_one_scalar = policy_.shared_fraction && settings_.scope == fairness::Scope::feeder;
    if (!has_powers_ && !has_one_scalar && with_small_squares(from)) return;
    if (answer_.status == Status::infeasible || answer_.status == Status::interrupted) return;
    answer_.status = Status::optimal;
    if (!solve(from)) return;
    take_prices();
    if (answer_.status == Status::relaxed || has_one_scalar) return;
    auto const first = answer_.alpha;
    auto const first_reactive = answer_.reactive;
    double const least = cost_of(answer_.alpha);
    auto const gap = answer_.duality_gap;
    if (!break_tie(least)) {
        if (answer_.status == Status::interrupted) return;
        answer_.alpha = first;
        set_reactive(first_reactive);
        leave_open(
            "no answer costs less, but which of those that cost the same has the smallest squares is not settled");
    }
    answer_.duality_gap = gap;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
}

/// So small a part of the squares beside the cost that this stays the least leads to the same answer (Mangasarian and Meyer, SIAM J.
/// Control Optim. 17, 1979). That it is so small is proved by prices: below it they are affine in the part, and those at no part,
/// which two parts tell, have to be prices of the least cost.
/// \return false if none was found to be, or on failure.
bool ExactSearch::with_small_squares(solvers::TreeStart const* start) {
    constexpr double same = 1e-9;  // what may be left of the conditions for the least cost, in units of the mean DER's
    auto const decisions = decisions_;
    auto const solve_beside = [&](double part, solvers::TreeStart const* from, bool resume) {
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost.quadratic = part * squares(d);
        answer_.status = Status::optimal;
        return solve(from, {.resume = resume}) && answer_.status == Status::optimal;
    };
    solvers::TreeStart from;
    bool is_least = false, has_answer = count_open() > 0.0;
    for (double part = 1e-2; part > 1e-7 && has_answer && !is_least; part *= 0.1) {
        has_answer = solve_beside(part, start, start == &from);
        auto const of_part = end();
        has_answer = has_answer && solve_beside(0.5 * part, &of_part, true);
        from = end();
        start = &from;
        decisions_ = decisions;
        if (!has_answer) break;
        auto at_none = of_part;
        for (auto const price : {&solvers::TreeStart::price_low, &solvers::TreeStart::price_high})
            for (std::size_t i = 0; i < (from.*price).size(); ++i)
                (at_none.*price)[i] = std::max(2.0 * (from.*price)[i] - (of_part.*price)[i], 0.0);
        assembled_ = model::assemble(comm_, flow_, limits_, decisions_, powers_);
        outcome_ = solvers::evaluate(assembled_.program, links_, at_none);
        is_least = std::max({outcome_.primal_residual, outcome_.dual_residual, outcome_.complementarity}) <= same &&
                   outcome_.gap <= settings_.tolerance * std::max(std::abs(outcome_.objective), 1e-3);
    }
    decisions_ = decisions;
    if (!is_least) return false;
    take_multipliers(outcome_);
    take_shares(outcome_.u);
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.duality_gap = outcome_.gap / std::max(std::abs(outcome_.objective), 1e-6);
    take_prices();
    return true;
}

double ExactSearch::squares(std::size_t d) const {
    return available_kw_[d] * decisions_.ders[d].reach * decisions_.ders[d].reach;
}

/// \return false if the answer is not the one of smallest squares among those that cost `least`, or the run was interrupted.
bool ExactSearch::break_tie(double least) {
    constexpr double same = 1e-8;
    auto const found = [&] {
        answer_.status = Status::optimal;
        stood_still_ = false;
        return solve(nullptr) && !stood_still_ &&
               cost_of(answer_.alpha) <= least + same * std::max(std::abs(least), 1e-3);
    };
    auto const decisions = decisions_;
    auto const limits = limits_;
    settle(1.0);
    hold_priced_limits();
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost = {.quadratic = squares(d)};
    if (count_open() == 0.0 || found()) return true;
    // What prices leave open may have no inside. So small a part of the squares beside the cost that this stays the least leads
    // to the same answer; how small shows in the cost.
    for (double const part : {1e-2, 1e-4, 1e-6}) {
        if (answer_.status == Status::interrupted) return false;
        decisions_ = decisions;
        limits_ = limits;
        holds_limits_ = false;
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost.quadratic = part * squares(d);
        if (found()) return true;
    }
    return false;
}

}  // namespace dec::coordination
