/// \file bisection.hpp
/// Policies with one shared scalar, exactly, on the distributed linear power flow.
/// Source: docs/equations.md#one-scalar.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// The smallest scalar at which every limit holds. A common fraction has a closed form: voltages are affine in it, two
/// power flows and one reduction. Other scalars are walked from the uncurtailed end: the worst node's own piecewise linear
/// curve (one transposed power flow) is followed, one scalar reduction per step, to the first point where that node is
/// inside its limit; no feasible point is skipped. Collective.
[[nodiscard]] Answer bisection(core::Communicator const& comm, model::LinDist3Flow& flow,
                               fairness::Policy const& policy, Settings const& settings, Observer const& observer);

/// The walk alone, for any policy with ramps; what the closed form is tested against. Collective.
[[nodiscard]] Answer walk(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                          Settings const& settings, Observer const& observer);

}  // namespace dec::coordination
