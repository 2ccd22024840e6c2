/// \file power_limits.hpp
/// Circles of apparent power around the answers of programs, and what they are worth.
#pragma once

#include <span>

#include "dec/coordination/answer.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/tree_interior_point.hpp"

namespace dec::coordination {

/// Circles of all DERs with power, if reactive power is to be decided, and of rated branches. A DER whose rated apparent power is
/// unknown or below what it has available is taken to be rated that. Reactive power costs nothing yet.
[[nodiscard]] model::PowerLimits power_limits(model::LinDist3Flow const& flow, fairness::Decisions const& decisions,
                                              Settings const& settings, std::span<RatedBranch const> ratings,
                                              model::FlowState const& nothing, model::FlowState const& everything);

/// Per rated branch: what one pu more of the active and of the reactive power that is limited would cost, of a program's objective.
[[nodiscard]] std::vector<Eigen::Vector2d> rating_forces(model::PowerLimits const& powers,
                                                         model::AssembledProgram const& assembled,
                                                         solvers::TreeOutcome const& outcome);
/// Per rated branch: what one pu less of its limit would cost, of a program's objective.
[[nodiscard]] std::vector<double> rating_prices(model::PowerLimits const& powers,
                                                model::AssembledProgram const& assembled,
                                                solvers::TreeOutcome const& outcome);

}  // namespace dec::coordination
