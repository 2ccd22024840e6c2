/// \file record.hpp
/// The convergence history of any method, a round at a time.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// How far every node is outside its limits (negative: inside), pu^2.
[[nodiscard]] std::vector<double> violations(partition::Piece const& piece, std::span<Node const> nodes,
                                             model::FlowState const& state);

/// How far the worst node of any rank is outside its limits with what is curtailed, pu^2; negative: inside. Collective.
[[nodiscard]] double worst_violation(core::Communicator const& comm, partition::Piece const& piece,
                                     Answer const& answer);

/// Of a policy, over all ranks. Collective.
[[nodiscard]] double total_objective(core::Communicator const& comm, fairness::Policy const& policy,
                                     Settings const& settings, std::span<double const> available_kw,
                                     std::span<double const> alpha);

/// What a round has brought, beside the setpoints in the answer.
struct Progress {
    model::FlowState const& state;
    double violation = 0.0;         ///< of the worst node, pu^2, the same on all ranks; negative: inside
    double max_alpha_change = 0.0;  ///< the same on all ranks
    double dual_residual = std::numeric_limits<double>::quiet_NaN();
    std::int64_t ac_round = 0;
    bool known = true;  ///< the state; if not all of it is NaN
};

/// Appends a round to the answer and shows it to the observer. Collective. \return true if somebody asked for a stop.
bool record(core::Communicator const& comm, model::LinDist3Flow const& flow, Progress const& progress,
            Observer const& observer, Answer& answer);

}  // namespace dec::coordination
