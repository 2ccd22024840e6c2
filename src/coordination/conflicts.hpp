/// \file conflicts.hpp
/// Limits that cannot be met together, told by their nodes and branches.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// Nodes outside their limit when everything is curtailed, the worst first, on the root. Where some of them are outside it
/// with nothing curtailed too, only those: the others are brought there by the curtailment, and stand in nobody's way.
/// \param by_curtailment name nodes that only curtailment brings outside their limit if there are no others. Collective.
void report_hopeless(core::Communicator const& comm, model::LinDist3Flow& flow, VoltageLimits const& limits,
                     Answer& answer, bool by_curtailment);

/// Nodes and rated branches whose limits have a part in the certificate, the heaviest first. One alone may be brought inside its
/// limit: they cannot all be. Without a certificate as `report_hopeless`.
/// \param low, high per entry of answer.nodes: multipliers of the certificate. \param ratings per entry of answer.ratings, or none: those
/// of active and of reactive power, of one pu. Collective.
void report_conflict(core::Communicator const& comm, model::LinDist3Flow& flow, Settings const& settings,
                     Answer& answer, std::vector<double> const& low, std::vector<double> const& high,
                     std::span<Eigen::Vector2d const> ratings);

}  // namespace dec::coordination
