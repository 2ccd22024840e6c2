#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dec/fairness/contracts.hpp"
#include "search.hpp"

namespace dec::coordination {

/// Fixes what was connected on these days where it stands.
void ExactSearch::fix_dates(double first, double last) {
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        auto& what = decisions_.ders[d];
        auto const& contract = settings_.contracts[d];
        if (what.role == Decision::Role::fixed || !contract.connected) continue;
        auto const day = static_cast<double>(*contract.connected);
        if (day < first || day > last) continue;
        what.role = Decision::Role::fixed;
        what.fixed = answer_.alpha[d];
    }
}

/// The same from vertex to vertex. \return false if that was given up or interrupted.
bool ExactSearch::walk_through_dates(std::vector<double> const& dates) {
    constexpr double steepness = 1e3;
    auto const before = answer_;
    // Anything that keeps the limits is a beginning; the dearer the older is a good one.
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        if (decisions_.ders[d].role == Decision::Role::fixed) continue;
        auto const date = static_cast<double>(*settings_.contracts[d].connected);
        auto const rank = std::ranges::lower_bound(dates, date) - dates.begin();
        double const age = 1.0 - static_cast<double>(rank) / static_cast<double>(dates.size());
        decisions_.ders[d].cost = {.quadratic = available_kw_[d] * std::pow(steepness, age)};
    }
    if (count_open() > 0.0 && !solve(nullptr, {.polish = false}) && answer_.status != Status::iteration_limit)
        return false;
    if (walks_.can_begin() && walks_.dates(dates)) return true;
    if (answer_.status != Status::interrupted) answer_ = before;
    return false;
}

/// As little as possible from the oldest; then, with that as it is, from the next. As most of them give nothing, several dates
/// are tried together and fewer if they have to give something.
void ExactSearch::one_date_after_the_other() {
    constexpr double nothing = 1e-7;  // kW
    fairness::require_dates(comm_, piece_, available_kw_, settings_.contracts);
    std::vector<double> own;
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d)
        if (decisions_.ders[d].role != Decision::Role::fixed)
            own.push_back(static_cast<double>(*settings_.contracts[d].connected));
    auto dates = comm_.all_gather(own);
    std::ranges::sort(dates);
    dates.erase(std::ranges::unique(dates).begin(), dates.end());
    auto const set_costs = [&](double first, double last) {
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
            auto& what = decisions_.ders[d];
            what.cost = {};
            if (what.role == Decision::Role::fixed) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day < first || day > last) continue;
            what.cost.linear = available_kw_[d];
        }
    };
    auto const given_up = [&](double first, double last) {
        double sum = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d) {
            if (!settings_.contracts[d].connected) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day >= first && day <= last) sum += available_kw_[d] * answer_.alpha[d];
        }
        return comm_.sum(sum);
    };
    auto const open_of = [&](double first, double last) {
        double open = 0.0;
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
            if (decisions_.ders[d].role == Decision::Role::fixed) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day >= first && day <= last) open += 1.0;
        }
        return comm_.sum(open);
    };
    if (!has_powers_ &&
        (walk_through_dates(dates) || answer_.status == Status::interrupted || answer_.status == Status::infeasible))
        return;
    std::int64_t levels = 0;
    std::size_t at = 0, count = dates.size();
    while (at < dates.size() && count_open() > 0.0) {
        double const first = dates[at], last = dates[at + count - 1];
        set_costs(first, last);
        bool const open = open_of(first, last) > 0.0;
        auto const alpha_before = answer_.alpha;
        auto const reactive_before = answer_.reactive;
        if (open && !(levels == 0 ? solve(nullptr) : solve_next(true))) {
            if (levels == 0 || answer_.status == Status::interrupted) return;
            // What was decided so far stands.
            answer_.alpha = alpha_before;
            set_reactive(reactive_before);
            leave_open(fmt::format(
                "the first {} dates give up as little as possible, what later ones do is not settled", levels));
            break;
        }
        if (!open || given_up(first, last) <= nothing) {
            fix_dates(first, last);
            at += count;
            count = dates.size() - at;
            continue;
        }
        if (count > 1) {
            count /= 2;
            continue;
        }
        ++levels;
        if (levels == 1) take_prices();
        auto const settled = settle(1.0);
        if (levels > 1) name_binding(settled);
        hold_priced_limits();
        if (has_powers_) hold_priced_powers();
        ++at;
        count = at < dates.size() ? 1 : 0;
    }
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost = {.quadratic = available_kw_[d]};
    auto const before = answer_.alpha;
    auto const reactive_before = answer_.reactive;
    stood_still_ = false;
    if (answer_.status == Status::optimal && count_open() > 0.0 && (!solve(nullptr) || stood_still_)) {
        if (answer_.status == Status::interrupted) return;
        answer_.alpha = before;
        set_reactive(reactive_before);
        leave_open("on no date less can be given up, but which of the answers has the smallest squares is not settled");
    }
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.levels = levels;
}

}  // namespace dec::coordination
