/// \file nodal_twin.hpp
/// The naive twin of the AC power flow: the same feeder as one dense nodal circuit in SI, transformers by their primitive
/// matrices, their phases found from balanced phasors. For small feeders.
/// Not known to it: ideal windings, and split-phase secondaries of two windings.
#pragma once

#include <complex>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::test {

struct NodalAnswer {
    std::vector<std::complex<double>> volts;  ///< to ground, by row of the table of nodes; NaN where not energised
    std::complex<double> source_va;           ///< that the ideal source delivers
};

/// Where a device follows its model, pu. Above it is the impedance it is at the limit. Below its current falls in a line, to
/// that of its nominal impedance at `floor`; where floor is low it is the impedance it is at the limit.
struct VoltageRange {
    double low, high, floor;
};
[[nodiscard]] NodalAnswer nodal_twin(feeder::Feeder const& feeder, VoltageRange loads, VoltageRange injecting);

}  // namespace dec::test
