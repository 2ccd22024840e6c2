#include <algorithm>
#include <array>
#include <cmath>

#include "search.hpp"

namespace dec::coordination {

/// What limits powers, besides voltages.
void ExactSearch::limit_powers() {
    model::FlowState everything;
    if (settings_.ratings != Ratings::none) {
        flow_.solve(std::vector<double>(answer_.alpha.size(), 1.0), everything);
        auto rated = rated_branches(flow_, settings_.ratings, answer_.uncurtailed, everything);
        answer_.ratings = std::move(rated.limited);
        answer_.beyond_help = rated.beyond_help;
    }
    powers_ = power_limits(flow_, decisions_, settings_, answer_.ratings, answer_.uncurtailed, everything);
    decides_reactive_ = settings_.reactive;
    has_powers_ = settings_.reactive || settings_.ratings != Ratings::none;
    if (decides_reactive_) answer_.reactive.assign(answer_.alpha.size(), std::numeric_limits<double>::quiet_NaN());
}

void ExactSearch::set_reactive(std::vector<double> injected) {
    answer_.reactive = std::move(injected);
    flow_.set_reactive(answer_.reactive);
}

/// With all shares as they are the smallest sum of q^2 / s. The limits may leave no inside: they have a little room.
void ExactSearch::use_least_reactive_power() {
    // pu^2, of ratings their part; and as much again may be missed.
    constexpr std::array rooms{1e-9, 5e-9};
    if (!decides_reactive_) return;
    auto const reactive = answer_.reactive;
    auto const gap = answer_.duality_gap;
    auto const status = answer_.status;
    for (auto& can : powers_.ders) {
        can.given.reset();
        can.cost = flow_.settings().per_unit.power_si(can.rated) / 1000.0;
    }
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        decisions_.ders[d].role = Decision::Role::fixed;
        decisions_.ders[d].fixed = answer_.alpha[d];
    }
    auto const limits = squared_limits(piece_, answer_.nodes);
    auto const decided = answer_.curtailed;
    holds_limits_ = false;
    decides_least_ = true;
    auto const found = [&](double room) {
        powers_.room = room;
        limits_ = limits;
        for (auto const& node : answer_.nodes) {
            double const v = seen(piece_, decided, node);
            auto& low = limits_.low[place(node)];
            auto& high = limits_.high[place(node)];
            low = std::min(low, v) - room;
            high = std::max(high, v) + room;
        }
        answer_.status = Status::optimal;
        return solve(nullptr) && worst_violation() <= 3.0 * room;
    };
    bool is_least = false;
    for (double const room : rooms) is_least = is_least || (answer_.status != Status::interrupted && found(room));
    answer_.conflicts.clear();
    if (answer_.status != Status::interrupted) answer_.status = status;
    if (!is_least && answer_.status != Status::interrupted) {
        set_reactive(reactive);
        flow_.solve(answer_.alpha, answer_.curtailed);
        leave_open("the reactive powers keep the limits, but whether smaller ones do as well is not settled");
    }
    answer_.objective = objective_of(answer_.alpha);
    answer_.duality_gap = gap;
}

}  // namespace dec::coordination
