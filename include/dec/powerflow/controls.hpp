/// \file controls.hpp
/// Regulators and switched capacitors with their controls: power flows between which they act, until none has a reason to.
/// Rules and order are those of OpenDSS' static control mode (RegControl, CapControl); docs/power_flow.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dec/powerflow/power_flow.hpp"

namespace dec::powerflow {

struct ControlSettings {
    double hour = 0.0;              ///< time of day, for capacitors that are switched by the clock
    std::int64_t max_rounds = 300;  ///< power flows before the controls are said not to settle
};

/// How controls came to rest. Equal on all ranks.
struct ControlOutcome {
    Outcome flow;             ///< of the last power flow; its status is `iteration_limit` if controls would still act
    std::int64_t rounds = 0;  ///< in which something moved
    std::int64_t tap_steps = 0;         ///< made by all tap changers together
    std::int64_t switchings = 0;        ///< of capacitors, a step at a time
    std::vector<std::string> inactive;  ///< controls that are left alone, and why
};

/// Solves, lets the controls act at their delays, and solves again from there. Leaves taps and capacitors where they end.
/// Collective. \throws core::Error as PowerFlow::solve.
[[nodiscard]] ControlOutcome settle(core::Communicator const& comm, PowerFlow& flow, ControlSettings const& settings);

}  // namespace dec::powerflow
