/// \file ac_optimum.hpp
/// The least that has to be curtailed so that AC voltages hold, by successive linearisation: sensitivities are differences of whole AC
/// power flows, and a general solver decides. Shares nothing with the correction but the power flow.
#pragma once

#include <vector>

#include "dec/coordination/answer.hpp"

namespace dec::test {

struct AcOptimum {
    std::vector<double> alpha;
    double objective = 0.0;
    double violation_pu = 0.0;
};

/// \param policy with a cost per share; its tie-break is left out. \param start setpoints near which it looks.
/// \param near_pu nodes this near to a limit are kept inside it. One rank.
[[nodiscard]] AcOptimum ac_optimum(feeder::Feeder const& feeder, fairness::Policy const& policy,
                                   coordination::VoltageLimits const& limits, std::vector<double> const& start,
                                   std::optional<double> source_voltage_pu = {}, double near_pu = 0.01);

}  // namespace dec::test
