#include "dec/coordination/tradeoff.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dec/coordination/exact.hpp"
#include "dec/fairness/indices.hpp"

namespace dec::coordination {

namespace {

using fairness::Scope;

class Comparison {
  public:
    Comparison(core::Communicator const& comm, model::LinDist3Flow& flow, TradeoffSettings const& asked,
               std::function<void(Alternative const&)> const& done, std::function<bool()> const& stop)
        : comm_{comm}, flow_{flow}, asked_{asked}, done_{done}, watch_{
                                                                    [&stop](Round const&) { return stop && stop(); }} {
        auto const& exact = *find_method("exact");
        settings_ = {.limits = asked.limits,
                     .max_iterations = exact.default_iterations,
                     .tolerance = *exact.default_tolerance,
                     .contracts = asked.contracts};
        for (auto const& der : flow.ders())
            available_kw_.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
        double takes_part = 0.0;
        for (std::size_t d = 0; d < available_kw_.size(); ++d) {
            auto const contract = asked.contracts.empty() ? fairness::Contract{} : asked.contracts[d];
            takes_part += fairness::reach_of(available_kw_[d], contract) > 0.0 ? available_kw_[d] : 0.0;
        }
        takes_part_kw_ = comm.sum(takes_part);
        result_.available_kw = comm.sum(std::accumulate(available_kw_.begin(), available_kw_.end(), 0.0));
    }

    Tradeoff run() {
        // Whatever the others are, this one has an answer if any has.
        auto const least = solve(*fairness::find_policy("min-curtailment"), Scope::feeder);
        if (least.status == Status::infeasible) throw core::Error{core::ExitCode::infeasible, least.conflicts};
        least_ = alternative("min-curtailment", least);
        result_.v_max_uncurtailed_pu = highest(least, least.uncurtailed);
        for (auto const* policy : asked_.policies) {
            if (result_.interrupted) break;
            if (!policy->shared_fraction) {
                add(result_.policies, policy->name == least_.policy ? least_ : answer_of(*policy, Scope::feeder));
                continue;
            }
            for (auto const scope : {Scope::feeder, Scope::area, Scope::agent})
                if (!result_.interrupted) add(result_.policies, answer_of(*policy, scope));
        }
        if (!result_.interrupted) draw_curve(least);
        return std::move(result_);
    }

  private:
    [[nodiscard]] double highest(Answer const& answer, model::FlowState const& state) const {
        double v_sq = 0.0;
        for (auto const& node : answer.nodes) v_sq = std::max(v_sq, seen(flow_.piece(), state, node));
        return std::sqrt(comm_.max(v_sq));
    }

    Answer solve(fairness::Policy const& policy, Scope scope) {
        settings_.scope = scope;
        auto answer = exact(comm_, flow_, policy, settings_, watch_);
        result_.interrupted = result_.interrupted || answer.status == Status::interrupted;
        return answer;
    }

    [[nodiscard]] Alternative alternative(std::string policy, Answer const& answer) const {
        Alternative result{.policy = std::move(policy), .status = answer.status, .iterations = answer.iterations};
        if (!result.is_answer()) return result;
        result.alpha = answer.alpha;
        result.burden = burden(comm_, available_kw_, answer.alpha);
        result.v_max_pu = highest(answer, answer.curtailed);
        return result;
    }

    Alternative answer_of(fairness::Policy const& policy, Scope scope) {
        auto result = alternative(std::string{policy.name}, solve(policy, scope));
        if (policy.shared_fraction) result.scope = scope;
        return result;
    }

    void add(std::vector<Alternative>& to, Alternative what) const {
        if (done_) done_(what);
        to.push_back(std::move(what));
    }

    Alternative known(fairness::Policy const& policy) {
        for (auto const& found : result_.policies)
            if (found.policy == policy.name && found.scope.value_or(Scope::feeder) == Scope::feeder) return found;
        return answer_of(policy, Scope::feeder);
    }

    /// Where the next point starts from.
    void remember(Answer const& answer) {
        auto& start = settings_.start.emplace();
        start.alpha = answer.alpha;
        for (std::size_t i = 0; i < answer.price_high.size(); ++i) {
            auto const row = answer.nodes[i].row;
            if (answer.price_low[i] > 0.0) start.price_low[row] = answer.price_low[i];
            if (answer.price_high[i] > 0.0) start.price_high[row] = answer.price_high[i];
        }
    }

    void draw_curve(Answer const& least) {
        constexpr double nothing = 1e-9;  // of what is available
        if (!(least_.burden.curtailed_kw > nothing * takes_part_kw_)) return;
        auto const fair = known(*fairness::find_policy("proportional"));
        auto const& reference = fair.is_answer() ? fair : known(*fairness::find_policy("quadratic"));
        if (result_.interrupted) return;
        result_.common_share = reference.burden.curtailed_kw / takes_part_kw_;
        remember(least);
        for (int k = 0; k < asked_.points && !result_.interrupted; ++k) {
            double const blend = static_cast<double>(k) / (asked_.points - 1);
            Alternative point;
            if (k == 0) point = least_;
            else {
                auto const answer = solve(fairness::blend(blend, result_.common_share), Scope::feeder);
                point = alternative("blend", answer);
                if (point.is_answer()) remember(answer);
            }
            point.policy = "blend";
            point.blend = blend;
            if (!result_.interrupted) add(result_.curve, std::move(point));
        }
    }

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    TradeoffSettings const& asked_;
    std::function<void(Alternative const&)> const& done_;
    Observer watch_;
    Settings settings_;
    std::vector<double> available_kw_;
    double takes_part_kw_ = 0.0;  // of all DERs that may be curtailed
    Alternative least_;
    Tradeoff result_;
};

}  // namespace

Burden burden(core::Communicator const& comm, std::span<double const> available_kw, std::span<double const> alpha) {
    Burden result;
    std::vector<double> own;
    double available = 0.0, curtailed = 0.0;
    for (std::size_t d = 0; d < alpha.size(); ++d) {
        if (!(available_kw[d] > 0.0)) continue;
        own.push_back(1.0 - alpha[d]);
        available += available_kw[d];
        curtailed += available_kw[d] * alpha[d];
    }
    // Sorted, so that sums do not depend on who owned what.
    auto kept = comm.all_gather(own);
    std::ranges::sort(kept);
    result.available_kw = comm.sum(available);
    result.curtailed_kw = comm.sum(curtailed);
    result.jain = fairness::jain(kept);
    result.gini = fairness::gini(kept);
    if (kept.empty()) return result;
    result.alpha_min = 1.0 - kept.back();
    result.alpha_max = 1.0 - kept.front();
    result.alpha_mean = 1.0 - std::accumulate(kept.begin(), kept.end(), 0.0) / static_cast<double>(kept.size());
    double const mean = result.curtailed_kw / result.available_kw;
    double squares = 0.0;
    for (std::size_t d = 0; d < alpha.size(); ++d)
        if (available_kw[d] > 0.0) squares += available_kw[d] * (alpha[d] - mean) * (alpha[d] - mean);
    result.spread = std::sqrt(comm.sum(squares) / result.available_kw);
    return result;
}

Tradeoff trade_off(core::Communicator const& comm, model::LinDist3Flow& flow, TradeoffSettings const& settings,
                   std::function<void(Alternative const&)> const& done, std::function<bool()> const& stop) {
    return Comparison{comm, flow, settings, done, stop}.run();
}

}  // namespace dec::coordination
