/// \file random_ac_feeder.hpp
/// Random feeders with what only an AC power flow knows.
#pragma once

#include "support/random_feeder.hpp"

namespace dec::test {

/// A random feeder whose lines have charging, whose transformers have cores and grounded neutrals, and whose regulators are
/// not ideal. Shunts at the ends of windings (0.5 ppm of the rating) are made large enough to be seen.
[[nodiscard]] feeder::Feeder random_ac_feeder(RandomFeeder const& wanted);

}  // namespace dec::test
