#include "dec/fairness/decisions.hpp"

#include <algorithm>

namespace dec::fairness {

namespace {

/// Row of the whole feeder's agents whose members share a DER's fraction.
std::int64_t group_of(partition::Piece const& piece, std::size_t der, Scope scope) {
    if (scope == Scope::feeder) return 0;
    auto const agent =
        static_cast<std::size_t>(piece.agent_of_bus[piece.feeder.pv_systems.rows()[der].inverter.bus.at()]);
    auto const& a = piece.agents.rows()[agent];
    bool const inner = scope == Scope::area && a.kind == feeder::Area::Kind::secondary;
    return inner ? a.parent : piece.agent_row[agent];
}

Cost cost_of(Policy const& policy, std::span<Contract const> contracts, std::size_t der, double available) {
    if (policy.cost == nullptr) return {};
    return policy.cost(policy.weighted && !contracts.empty() ? contracts[der].weight_kw.value_or(available)
                                                             : available);
}

}  // namespace

double reach_of(double available_kw, Contract const& contract) {
    if (!(available_kw > 0.0) || contract.exempt) return 0.0;
    return std::max(0.0, available_kw - contract.floor_kw) / available_kw;
}

Decisions decide(Policy const& policy, Scope scope, partition::Piece const& piece, std::span<double const> available_kw,
                 std::span<Contract const> contracts) {
    Decisions decisions;
    decisions.groups = std::max<std::int64_t>(1, piece.totals.agents);
    if (policy.levels == Levels::largest_first) decisions.group_cost.linear = 1.0;
    for (std::size_t d = 0; d < available_kw.size(); ++d) {
        auto& decision = decisions.ders.emplace_back();
        double const available = available_kw[d];
        double const reach = reach_of(available, contracts.empty() ? Contract{} : contracts[d]);
        if (reach <= 0.0) continue;
        decision.cost = cost_of(policy, contracts, d, available);
        if (policy.shared_fraction) {
            // The fraction is one of what exceeds the guarantee.
            decision.role = Decision::Role::tied;
            decision.reach = reach;
            decision.cost.linear *= reach;
            decision.cost.quadratic *= reach * reach;
            decision.group = group_of(piece, d, scope);
        } else {
            decision.role = Decision::Role::free;
            decision.upper = reach;
        }
        if (policy.levels == Levels::largest_first) {
            decision.role = Decision::Role::capped;
            decision.group = 0;
        }
    }
    return decisions;
}

double objective(Policy const& policy, std::span<double const> available_kw, std::span<double const> alpha,
                 std::span<Contract const> contracts) {
    double sum = 0.0, largest = 0.0;
    for (std::size_t d = 0; d < alpha.size(); ++d) {
        if (!(available_kw[d] > 0.0)) continue;
        largest = std::max(largest, alpha[d]);
        sum += cost_of(policy, contracts, d, available_kw[d]).of(alpha[d]);
    }
    return policy.levels == Levels::largest_first ? largest : sum;
}

}  // namespace dec::fairness
