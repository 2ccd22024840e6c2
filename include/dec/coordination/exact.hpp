/// \file exact.hpp
/// The central optimum, found by all ranks together: a second-order exchange of value functions over the cuts of the tree.
/// Source: docs/equations.md#the-exact-optimum.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// Policies with a cost as one program on the tree; those with levels as one after the other; a common fraction of the whole
/// feeder and other scalars as `bisection` does, or with reactive power and ratings piece by piece of their ramps. The answer has the prices of all limits and names the
/// node that binds each DER. Infeasible: the nodes and limits of a certificate. Elastic limits are for policies with a cost or a largest share,
/// not for dates. Collective.
[[nodiscard]] Answer exact(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                           Settings const& settings, Observer const& observer);

/// The program on the tree where `exact` would take the closed form; what that is tested against. Collective.
[[nodiscard]] Answer exact_on_tree(core::Communicator const& comm, model::LinDist3Flow& flow,
                                   fairness::Policy const& policy, Settings const& settings, Observer const& observer);

}  // namespace dec::coordination
