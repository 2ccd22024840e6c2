/// \file corrected.hpp
/// A feeder's answer corrected until AC voltages hold, as the command does it.
#pragma once

#include "dec/coordination/correction.hpp"
#include "support/coordinated.hpp"

namespace dec::test {

struct Corrected {
    std::unique_ptr<Distributed> spread;
    std::unique_ptr<powerflow::PowerFlow> ac;
    coordination::Answer linear, answer;
};

/// `feeder` is read on the root only. Collective.
[[nodiscard]] Corrected corrected(core::Communicator const& comm, feeder::Feeder const& feeder,
                                  coordination::Method const& method, fairness::Policy const& policy,
                                  coordination::Settings settings, coordination::CorrectionSettings const& own = {},
                                  powerflow::Settings const& power_flow = {});

/// Magnitudes at the nodes with limits of an answer, by row of the whole feeder's table, from an AC power flow of a feeder whose
/// photovoltaics have the setpoints in their file. \param alpha one per DER of the feeder. One rank.
[[nodiscard]] std::map<std::int64_t, double> fresh_voltages(feeder::Feeder feeder, std::vector<double> const& alpha);

/// A limit between the highest AC voltage with nothing and with everything curtailed, so that `share` 0 asks for full curtailment
/// and 1 for none.
[[nodiscard]] double ac_limit_between(feeder::Feeder const& feeder, double share);

}  // namespace dec::test
