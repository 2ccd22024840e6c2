/// \file reference_optimum.hpp
/// The optimum of a policy under all limits of the feeder at once, to compare a method with that may end above it.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

struct ReferenceOptimum {
    std::optional<double> objective;  ///< none: infeasible, or not found
    std::vector<core::Finding>
        conflicts;  ///< not empty: there is no feasible point; the limits that prove it. On all ranks.
};

/// Row generation: the program over all shares, the same on every rank, knows only the limits that some answer has violated;
/// the distributed power flow says which. A program of that size is not for large feeders: with more than
/// `most_shares` shares nothing is computed.
/// \param near where to begin, and whose nodes have the limits. Collective. \pre the policy has a cost.
[[nodiscard]] ReferenceOptimum reference_optimum(core::Communicator const& comm, model::LinDist3Flow& flow,
                                                 fairness::Policy const& policy, fairness::Scope scope,
                                                 Answer const& near);

inline constexpr std::size_t most_shares = 1000;

}  // namespace dec::coordination
