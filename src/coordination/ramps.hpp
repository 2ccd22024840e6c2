/// \file ramps.hpp
/// How the shares of all DERs follow the scalar of a policy that has one.
#pragma once

#include <vector>

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

struct Ramps {
    std::vector<fairness::Ramp> ders;  ///< one per row of pv_systems; a DER that gives up nothing has no end
    double first = 0.0, last = 0.0;    ///< scalars at which nothing and everything is curtailed, the same on all ranks
    double curtailable_kw = 0.0;       ///< that contracts leave, of all ranks
};

/// \pre the policy has ramps. Collective.
[[nodiscard]] Ramps ramps_of(core::Communicator const& comm, model::LinDist3Flow const& flow,
                             fairness::Policy const& policy, std::span<fairness::Contract const> contracts);

}  // namespace dec::coordination
