/// \file telemetry.hpp
/// What a simulation has measured so far, and the feeder as it stands by that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dec/feeder/feeder.hpp"
#include "dec/platform/simulation_output.hpp"

namespace dec::platform {

/// How many of something, and one of them; for one line of a log.
struct Tally {
    std::int64_t count = 0;
    std::string example;
    void add(std::string_view name) {
        if (count++ == 0) example = name;
    }
};

/// How current the picture is.
struct Freshness {
    Tally held;             ///< not in the newest message: the last known value is taken
    double oldest_s = 0.0;  ///< of those
    Tally expired;          ///< older than allowed: as if never measured
    Tally silent;           ///< measurements of the feeder that never came
    Tally implausible;      ///< a position that the device does not have
};

/// Remembers the last value of every measurement of a feeder. Not parallel: it is the root's.
class Telemetry {
  public:
    explicit Telemetry(feeder::Feeder const& feeder);

    /// Remembers what is newer than what is known. \return how many values are of measurements that the feeder does not have.
    Tally take(SimulationOutput const& output);

    /// Makes `now`, a copy of the feeder that was given first, stand as measured at a time: loads (as they are at nominal voltage, by their
    /// model and measured voltage), reactive power of inverters, batteries, machines, switches, taps, capacitors. What is not measured, or
    /// longer ago than `max_age_s`, stays as it is.
    /// \return what each photovoltaic system exports, W; NaN where that is not known.
    std::vector<double> apply(feeder::Feeder& now, std::int64_t time, double max_age_s, Freshness& freshness) const;

  private:
    struct Known {
        double magnitude = feeder::unknown, angle_deg = feeder::unknown, value = feeder::unknown;
        std::int64_t at = 0;
        bool ever = false;
    };
    class Reading;

    std::vector<feeder::Measurement> measurements_;
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::size_t> row_of_;  // by mRID without the underscore of older models
    std::vector<Known> known_;
};

}  // namespace dec::platform
