#include <algorithm>
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

/// With all shares as they are, the smallest sum of q^2 / s. The limits leave no inside, so that exceeding them has a price here; where
/// that does not keep them, so small a part of the sum beside the policy's cost that the shares stay as they are.
void ExactSearch::use_least_reactive_power() {
    constexpr double holds = 1e-8;  // pu^2, of ratings their part
    constexpr double same = 1e-6;   // of a share
    constexpr double no_dearer = 1e-8;
    if (!decides_reactive_) return;
    auto const reactive = answer_.reactive;
    auto const alpha = answer_.alpha;
    auto const gap = answer_.duality_gap;
    auto const status = answer_.status;
    double const most = answer_.objective + no_dearer * std::max(std::abs(answer_.objective), 1e-3);
    auto const weigh = [&](double part) {
        for (auto& can : powers_.ders)
            if (can.decided()) can.cost = part * flow_.settings().per_unit.power_si(can.rated) / 1000.0;
    };
    auto const solved = [&] {
        answer_.status = Status::optimal;
        assembled_ = model::assemble(comm_, flow_, limits_, decisions_, powers_);
        auto const from = start_at(alpha);
        return solve(&from);
    };
    weigh(1.0);
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        decisions_.ders[d].role = Decision::Role::fixed;
        decisions_.ders[d].fixed = answer_.alpha[d];
    }
    limits_ = squared_limits(piece_, answer_.nodes);
    for (auto const& node : answer_.nodes) {
        double const v = seen(piece_, answer_.curtailed, node);
        limits_.low[place(node)] = std::min(limits_.low[place(node)], v);
        limits_.high[place(node)] = std::max(limits_.high[place(node)], v);
    }
    holds_limits_ = false;
    gives_way_ = true;
    bool found = solved() && outcome_.primal_residual <= holds;
    gives_way_ = false;
    limits_ = squared_limits(piece_, answer_.nodes);
    for (double const part : {1e-3, 1e-4, 1e-5, 1e-6, 1e-7}) {
        if (found || answer_.status == Status::interrupted || policy_.levels != fairness::Levels::none) break;
        decisions_ = fairness::decide(policy_, settings_.scope, piece_, available_kw_, settings_.contracts);
        for (std::size_t d = 0; policy_.tie_break && d < decisions_.ders.size(); ++d)
            decisions_.ders[d].cost.quadratic =
                10.0 * part * available_kw_[d] * decisions_.ders[d].reach * decisions_.ders[d].reach;
        weigh(part);
        found = solved();
        double change = 0.0;
        for (std::size_t d = 0; d < alpha.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - alpha[d]));
        found = found && comm_.max(change) <= same && answer_.objective <= most;
    }
    if (answer_.status != Status::interrupted) answer_.status = status;
    if (!found && answer_.status != Status::interrupted) {
        answer_.alpha = alpha;
        set_reactive(reactive);
        flow_.solve(answer_.alpha, answer_.curtailed);
        answer_.objective = objective_of(answer_.alpha);
        leave_open("the reactive powers keep the limits, but whether smaller ones do as well is not settled");
    }
    answer_.duality_gap = gap;
}

}  // namespace dec::coordination
