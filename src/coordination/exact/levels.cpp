#include <fmt/format.h>

#include <algorithm>

#include "search.hpp"

namespace dec::coordination {

/// With voltages that are given: cold, then from where the level before has ended; then with limits that have a little room, which
/// need not be met to the tolerance. \param keeps_sums what earlier programs decided is a sum, which the limits it has met keep.
/// \return false if there is no answer.
bool ExactSearch::solve_next(bool keeps_sums) {
    bool const was_short = is_short_;
    auto const found = [&](solvers::TreeStart const* from) {
        answer_.status = Status::optimal;
        stood_still_ = false;
        is_short_ = false;
        return solve(from);
    };
    auto const before = answer_.alpha;
    auto const reactive_before = answer_.reactive;
    bool has_answer = found(nullptr);
    auto const is_settled = [&] {
        return answer_.status == Status::interrupted || (has_answer && !stood_still_ && !is_short_);
    };
    if (!is_settled()) {
        answer_.reactive = reactive_before;
        auto const near = start_at(before);
        has_answer = found(&near);
    }
    if (!is_settled()) {
        loosen_held_limits(keeps_sums);
        has_answer = found(nullptr);
    }
    is_short_ = is_short_ || was_short;
    return has_answer;
}

/// Tries whether all limits hold if those that are left give up nothing. \return true if so; they then do.
bool ExactSearch::rest_gives_nothing() {
    constexpr double holds = 1e-9;  // pu^2
    if (has_powers_) return false;  // voltages are not all there is to hold
    auto const before = answer_.alpha;
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
        if (decisions_.ders[d].role != Decision::Role::fixed) answer_.alpha[d] = 0.0;
    flow_.solve(answer_.alpha, answer_.curtailed);
    if (worst_violation() <= holds) return true;
    answer_.alpha = before;
    flow_.solve(answer_.alpha, answer_.curtailed);
    return false;
}

/// The largest share as small as possible; whoever has to bear it keeps it; then the same for the others.
void ExactSearch::one_level_after_the_other() {
    constexpr double nothing = 1e-9;  // share below which all that are left are free
    std::int64_t levels = 0;
    std::optional<double> gap;  // the widest
    bool wide = false;          // than the tolerance
    auto const* const from = start();
    if (!has_powers_ && count_open() > 0.0 &&
        (solve(from, {.polish = false}) || answer_.status == Status::iteration_limit) &&
        answer_.status != Status::relaxed &&
        ((walks_.can_begin() && walks_.levels(low_, high_)) || answer_.status == Status::interrupted))
        return;
    if (answer_.status == Status::infeasible) return;
    answer_.status = Status::optimal;
    while (count_open() > 0.0) {
        if (levels > 0 && rest_gives_nothing()) break;
        auto const before = answer_.alpha;
        auto const reactive_before = answer_.reactive;
        if (levels == 0 ? !solve(from) : !solve_next(false)) {
            if (levels == 0 || answer_.status == Status::interrupted) return;
            // What was decided so far stands.
            answer_.alpha = before;
            set_reactive(reactive_before);
            answer_.duality_gap = gap;
            leave_open(fmt::format("the first {} levels are as low as possible, those below are not settled", levels));
            break;
        }
        wide = wide || stood_still_;
        if (answer_.duality_gap) gap = std::max(gap.value_or(0.0), *answer_.duality_gap);
        if (levels == 0) take_prices();
        double largest = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
            if (decisions_.ders[d].role != Decision::Role::fixed) largest = std::max(largest, answer_.alpha[d]);
        largest = comm_.max(largest);
        if (largest <= nothing || answer_.status == Status::relaxed) break;
        ++levels;
        auto const settled = settle(largest);
        if (levels > 1) name_binding(settled);
        if (comm_.max(settled.empty() ? 0.0 : static_cast<double>(std::ranges::max(settled))) == 0.0) {
            leave_open(fmt::format("the first {} levels are as low as possible, those below are not settled", levels));
            break;
        }
        hold_priced_limits();
    }
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
        if (decisions_.ders[d].role == Decision::Role::capped && answer_.alpha[d] <= nothing) answer_.alpha[d] = 0.0;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.levels = levels;
    if (answer_.status != Status::optimal) return;
    answer_.duality_gap = gap;
    if (wide)
        leave_open(fmt::format("levels after the first are within a relative gap of {:.1e}, not within the tolerance",
                               gap.value_or(0.0)));
}

}  // namespace dec::coordination
