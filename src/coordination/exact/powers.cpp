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

/// What presses on powers at one optimum is met at all of them, and a circle that does leaves one place: it is given from now on. Without
/// this a sum that has been decided could grow again. \pre what the last program left of shares has been settled.
void ExactSearch::hold_priced_powers() {
    constexpr double negligible = 1e-9;  // compared with the highest price, with what a DER's power costs in full
    auto const& program = assembled_.program;
    auto const at = [&](std::int32_t control) {
        return static_cast<std::size_t>(assembled_.der[static_cast<std::size_t>(control)]);
    };
    auto const presses = [&](double price, std::size_t d) { return std::abs(price) > negligible * available_kw_[d]; };
    auto of_reactive = outcome_.control_price;
    for (std::size_t i = 0; i < program.pair_limits.size(); ++i) {
        auto const& limit = program.pair_limits[i];
        auto const d = at(limit.control);
        auto& what = decisions_.ders[d];
        double const price = outcome_.price_pair[i];
        of_reactive[static_cast<std::size_t>(limit.control) + 1] += limit.second * price;
        if (limit.side == solvers::TreeSide::half_plane && presses(price, d))
            powers_.ders[d].held_side = limit.second < 0.0 ? 1.0 : -1.0;
        if (limit.side != solvers::TreeSide::second_of_disc ||
            !presses(std::hypot(outcome_.price_pair[i - 1], price), d))
            continue;
        powers_.ders[d].given = answer_.reactive[d] / powers_.ders[d].rated;
        what.role = Decision::Role::fixed;
        what.fixed = answer_.alpha[d];
    }
    for (std::size_t k = 0; k < assembled_.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        bool const is_fixed = decisions_.ders[d].role == Decision::Role::fixed;
        if (assembled_.reactive[k] == 0) continue;
        if (presses(of_reactive[k], d) || (is_fixed && powers_.ders[d].held_side != 0.0))
            powers_.ders[d].given = answer_.reactive[d] / powers_.ders[d].rated;
    }
    double highest = 0.0;
    for (double const price : outcome_.price_flow) highest = std::max(highest, price);
    highest = comm_.max(highest);
    auto const forces = rating_forces(powers_, assembled_, outcome_);
    for (std::size_t b = 0; b < forces.size(); ++b) {
        auto& branch = powers_.branches[b];
        if (branch.held || forces[b].norm() * branch.limit <= negligible * highest) continue;
        auto const* const s = answer_.curtailed.power.data() + 6 * static_cast<std::size_t>(branch.vertex);
        branch.held = Eigen::Vector2d{branch.weight.dot(Eigen::Map<model::Vector3 const>{s}),
                                      branch.weight.dot(Eigen::Map<model::Vector3 const>{s + 3})} /
                      branch.limit;
    }
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
        can.held_side = 0.0;
        can.cost = flow_.settings().per_unit.power_si(can.rated) / 1000.0;
    }
    for (auto& branch : powers_.branches) branch.held.reset();
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
