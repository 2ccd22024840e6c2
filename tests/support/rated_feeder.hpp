/// \file rated_feeder.hpp
/// Feeders in which ratings matter.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::test {

/// Every third line or so may carry less than what flows into its bus with nothing curtailed, on every phase alike; transformers
/// may carry anything. The same for the same arguments.
[[nodiscard]] feeder::Feeder with_ratings(feeder::Feeder feeder, unsigned seed);

}  // namespace dec::test
