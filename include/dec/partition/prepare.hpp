/// \file prepare.hpp
/// From a feeder as it was read to what the root hands out.
#pragma once

#include "dec/partition/piece.hpp"

namespace dec::partition {

/// Validates, hangs the feeder from its source, adds the areas that are missing, finds the agents and splits them over `parts` ranks.
/// Not collective. \throws core::InvalidInput with everything that is wrong.
[[nodiscard]] Whole prepare(feeder::Feeder feeder, Grain grain, int parts, feeder::Loops loops, feeder::Notes& notes);

/// The same of a feeder that already hangs: names and powers may be left out. Not collective.
[[nodiscard]] Whole prepare(feeder::Feeder feeder, feeder::Tree tree, Grain grain, int parts);

}  // namespace dec::partition
