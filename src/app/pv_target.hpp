/// \file pv_target.hpp
/// How much photovoltaics brings the highest voltage to a target.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::app {

/// Factor on the PV systems from `first` on at which the highest voltage of the linear model, nothing curtailed, is the
/// target. Every voltage is affine in the factor, so the highest is the upper envelope of straight lines and the factor
/// is where the envelope meets the target. One rank's business.
/// \throws core::InvalidInput if there is no such PV, it raises no voltage, or the target is exceeded without it.
[[nodiscard]] double pv_factor_for(feeder::Feeder const& feeder, core::Index<feeder::PvSystem> first, double target_pu);

/// Multiplies the PV systems from `first` on, converters included.
void scale_pv_from(feeder::Feeder& feeder, core::Index<feeder::PvSystem> first, double factor);

}  // namespace dec::app
