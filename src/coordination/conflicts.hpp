/// \file conflicts.hpp
/// Limits that cannot be met together, told by their nodes.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// Fills `answer.conflicts` on the root with the nodes whose limits have a part in the certificate, the heaviest first.
/// \param low, high per entry of answer.nodes: multipliers of the certificate. Collective.
void report_conflict(core::Communicator const& comm, model::LinDist3Flow& flow, Answer& answer, std::vector<double> const& low,
                     std::vector<double> const& high);

}  // namespace dec::coordination
