/// \file least_cost.hpp
/// How far an answer that keeps the AC limits may be above the least one.
#pragma once

#include <span>
#include <vector>

#include "dec/coordination/answer.hpp"
#include "dec/coordination/piece_links.hpp"

namespace dec::coordination {

/// What setpoints mean to first order.
struct Priced {
    std::span<double const> alpha;  ///< one per row of pv_systems
    std::span<double const>
        gradient;  ///< what a share changes of the priced voltages, kW per share: prices times AC sensitivities
    double slack_kw = 0.0;  ///< prices times what the voltages keep from their limits, of all ranks
};

/// The dual bound: no shares whose voltages, linearised at these ones, keep all limits cost less, kW. Any prices >= 0 give one; those of
/// an optimum give its own cost. Of policies that make a sum of costs small. Collective.
[[nodiscard]] double least_cost(core::Communicator const& comm, PieceLinks const& links,
                                fairness::Decisions const& decisions, Priced const& here);

}  // namespace dec::coordination
