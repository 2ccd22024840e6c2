/// \file generated_pv.hpp
/// How much photovoltaics brings the highest voltage of generated feeders to a target.
#pragma once

#include "dec/core/communicator.hpp"
#include "dec/synthesis/generate.hpp"

namespace dec::app {

/// The consecutive feeders that are a rank's: [first, last).
struct FeederRange {
    std::int64_t first = 0, last = 0;
};
[[nodiscard]] FeederRange own_feeders(core::Communicator const& comm, synthesis::Generator const& generator);

/// Factor on all photovoltaics at which the highest voltage of the AC power flow, taps as they are and nothing curtailed, is
/// the target. Found from the linear model of every feeder alone, corrected by AC power flows of those that come near the
/// target. Feeders of one network share the bus they hang on: its voltage is the mean of those that each alone would cause.
/// Collective. \throws core::InvalidInput on all ranks alike if there is no PV, it raises no voltage, the target is exceeded
/// without it, or no power flow exists with so much of it.
[[nodiscard]] double pv_scale_for(core::Communicator const& comm, synthesis::Generator const& generator,
                                  double target_pu);

}  // namespace dec::app
