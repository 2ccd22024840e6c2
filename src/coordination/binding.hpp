/// \file binding.hpp
/// Which of all limits with a price has the largest part in what a DER gives up: exactly, in two sweeps over the tree.
/// docs/equations.md#what-binds-a-der.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/model/lin_dist3_flow.hpp"

namespace dec::coordination {

/// Price times the weights of what is limited, at an own vertex: of its squared voltages, and of the powers P and Q into it.
struct PricedLimit {
    std::int32_t vertex = -1;
    std::int64_t order = 0;  ///< its own over all ranks; of limits that are equal the first is named
    model::Vector3 of_voltage = model::Vector3::Zero();
    model::Vector6 of_power = model::Vector6::Zero();
};

/// Per row of pv_systems the order of the limit whose part, price times the fall of what is limited with the DER's curtailed share,
/// is largest; of those within 1e-9 of that the first; -1 where no part is positive, and where `wanted` is 0. The cost grows with the
/// vertices and, beyond that, only with the limits that compete for the same DERs. Collective.
[[nodiscard]] std::vector<std::int64_t> binding_limits(core::Communicator const& comm, model::LinDist3Flow& flow,
                                                       std::span<PricedLimit const> limits,
                                                       std::span<char const> wanted);

}  // namespace dec::coordination
