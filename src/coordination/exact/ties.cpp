#include <algorithm>
#include <cmath>

#include "search.hpp"

namespace dec::coordination {

/// Of all answers that cost the least the one of smallest sum of available alpha^2: a second program in what the prices of the
/// first leave open.
void ExactSearch::with_tie_break() {
    auto const* const from = start();
    if (!has_powers_ && !policy_.shared_fraction && (solve(from, false) || answer_.status == Status::iteration_limit) &&
        answer_.status != Status::relaxed && walks_.can_begin() && walks_.cheapest())
        return;
    if (answer_.status == Status::infeasible || answer_.status == Status::interrupted) return;
    answer_.status = Status::optimal;
    if (!solve(from)) return;
    take_prices();
    bool const has_one_scalar = policy_.shared_fraction && settings_.scope == fairness::Scope::feeder;
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

/// \return false if the answer is not the one of smallest squares among those that cost `least`, or the run was interrupted.
bool ExactSearch::break_tie(double least) {
    constexpr double same = 1e-8;
    auto const found = [&] {
        answer_.status = Status::optimal;
        stood_still_ = false;
        return solve(nullptr) && !stood_still_ &&
               cost_of(answer_.alpha) <= least + same * std::max(std::abs(least), 1e-3);
    };
    auto const squares = [&](std::size_t d) {
        return available_kw_[d] * decisions_.ders[d].reach * decisions_.ders[d].reach;
    };
    auto const decisions = decisions_;
    auto const limits = limits_;
    settle(1.0);
    hold_priced_limits();
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost = {.quadratic = squares(d)};
    if (count_open() == 0.0 || found()) return true;
    // What prices leave open may have no inside. So small a part of the squares beside the cost that this stays the least leads
    // to the same answer (Mangasarian and Meyer, SIAM J. Control Optim. 17, 1979); how small shows in the cost.
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
