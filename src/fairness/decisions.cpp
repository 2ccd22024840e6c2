#include "dec/fairness/decisions.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dec::fairness {

namespace {

constexpr std::array<std::string_view, 3> scope_names{"feeder", "area", "agent"};

/// Row of the whole feeder's agents whose members share a DER's fraction.
std::int64_t group_of(partition::Piece const& piece, std::size_t der, Scope scope) {
    if (scope == Scope::feeder) return 0;
    auto const agent = static_cast<std::size_t>(piece.agent_of_bus[piece.feeder.pv_systems.rows()[der].inverter.bus.at()]);
    auto const& a = piece.agents.rows()[agent];
    bool const inner = scope == Scope::area && a.kind == feeder::Area::Kind::secondary;
    return inner ? a.parent : piece.agent_row[agent];
}

double weight_of(std::span<Contract const> contracts, std::size_t der, double available) {
    return contracts.empty() ? available : contracts[der].weight.value_or(available);
}

}  // namespace

double Term::value(double alpha) const {
    double const log = log_weight > 0.0 ? log_weight * std::log1p(-alpha) : 0.0;
    return (cost + 0.5 * curvature * alpha) * alpha - log;
}

std::string_view to_text(Scope scope) { return scope_names[static_cast<std::size_t>(scope)]; }

std::optional<Scope> scope_from_text(std::string_view text) {
    auto const found = std::ranges::find(scope_names, text);
    if (found == scope_names.end()) return std::nullopt;
    return static_cast<Scope>(found - scope_names.begin());
}

Decisions decide(Policy const& policy, Scope scope, partition::Piece const& piece, std::span<double const> available_kw,
                 std::span<Contract const> contracts) {
    Decisions decisions;
    decisions.groups = std::max<std::int64_t>(1, piece.totals.agents);
    if (policy.levels == Levels::largest_first) decisions.group_term.cost = 1.0;
    for (std::size_t d = 0; d < available_kw.size(); ++d) {
        auto& decision = decisions.ders.emplace_back();
        double const available = available_kw[d];
        double reach = available > 0.0 ? 1.0 : 0.0;
        if (!contracts.empty() && reach > 0.0)
            reach = contracts[d].exempt ? 0.0 : std::max(0.0, available - contracts[d].floor_kw) / available;
        if (reach <= 0.0) continue;
        decision.term = policy.term(available, weight_of(contracts, d, available));
        if (policy.shared_fraction) {
            // The fraction is one of what exceeds the guarantee.
            decision.role = Decision::Role::tied;
            decision.reach = reach;
            decision.term.cost *= reach;
            decision.term.curvature *= reach * reach;
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
        sum += policy.term(available_kw[d], weight_of(contracts, d, available_kw[d])).value(alpha[d]);
    }
    return policy.levels == Levels::largest_first ? largest : sum;
}

}  // namespace dec::fairness
