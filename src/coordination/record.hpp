/// \file record.hpp
/// The convergence history of any method, a round at a time.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// How far every node is outside its limits (negative: inside), pu^2.
[[nodiscard]] std::vector<double> violations(partition::Piece const& piece, std::span<Node const> nodes,
                                             model::FlowState const& state);

/// What a round has brought, beside the setpoints in the answer.
struct Progress {
    model::FlowState const& state;
    double violation = 0.0;         ///< of the worst node, pu^2, the same on all ranks; negative: inside
    double max_alpha_change = 0.0;  ///< the same on all ranks
    double dual_residual = std::numeric_limits<double>::quiet_NaN();
    std::int64_t ac_round = 0;
};

/// Appends a round to the answer and shows it to the observer. Collective. \return true if somebody asked for a stop.
bool record(core::Communicator const& comm, model::LinDist3Flow const& flow, Progress const& progress,
            Observer const& observer, Answer& answer);

}  // namespace dec::coordination
