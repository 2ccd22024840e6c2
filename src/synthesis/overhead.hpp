/// \file overhead.hpp
/// Overhead lines of generated feeders, from published line configurations.
#pragma once

#include <string_view>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::synthesis {

struct OverheadLine {
    std::string_view name;
    double ampacity_a = 0.0;
    double largest_va = 0.0;  ///< three-phase: planned for at most so much at the hour of the file
    feeder::LineCode code;
};

/// For one, two and three phases; among equals the smallest conductor first. Phase impedance matrices of the IEEE test
/// feeders 13 and 123, neutral eliminated; charging is left out. See docs/generate.md#lines.
[[nodiscard]] std::vector<OverheadLine> const& overhead_lines();

}  // namespace dec::synthesis
