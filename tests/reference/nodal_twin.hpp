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

/// \param low, high pu outside which a load is an impedance; \param injecting_low, injecting_high the same of what injects.
[[nodiscard]] NodalAnswer nodal_twin(feeder::Feeder const& feeder, double low, double high, double injecting_low,
                                     double injecting_high);

}  // namespace dec::test
