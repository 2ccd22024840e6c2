/// \file simulation_output.hpp
/// What a running simulation says, a line at a time: the output messages of the GridAPPS-D platform as they are, and commands.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dec::platform {

/// One entry of `measurements`. What it does not say, or not as a finite number, is NaN.
struct MeasuredValue {
    std::string mrid;                                             ///< of the measurement
    double magnitude = std::numeric_limits<double>::quiet_NaN();  ///< V, A or VA
    double angle_deg = std::numeric_limits<double>::quiet_NaN();
    double value = std::numeric_limits<double>::quiet_NaN();  ///< position or state of charge
};

struct SimulationOutput {
    std::string command;                    ///< of a control line: "stop"; empty for measurements
    std::string simulation_id;              ///< empty: not said
    std::optional<std::int64_t> timestamp;  ///< simulated Unix seconds
    std::vector<MeasuredValue> values;
    std::int64_t unreadable = 0;  ///< entries with something else than numbers
};

/// Not collective. \throws core::InvalidInput a line that is no JSON object.
[[nodiscard]] SimulationOutput parse_output(std::string_view line);

}  // namespace dec::platform
