/// \file monitoring.hpp
/// Which regulating controls a feeder has, and where on its tree they look.
#pragma once

#include <vector>

#include "dec/partition/piece.hpp"

namespace dec::partition {

/// Monitors in the numbering of the controls, with the rows and places of the whole feeder (vertex -1: nothing is energised
/// there), and who hears of them.
struct Monitoring {
    std::vector<Monitor> monitors;
    std::vector<ControlSeat> of_tap_changer, of_capacitor;  ///< per row of the feeder's tables
};
[[nodiscard]] Monitoring find_monitors(feeder::Feeder const& feeder, feeder::Tree const& tree);

}  // namespace dec::partition
