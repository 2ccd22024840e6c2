/// \file fleet_file.hpp
/// The answers of many feeders: one table of them, their figures together, all as JSON. Root only; nothing is collective.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/json.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::results {

/// How one feeder of a fleet ended.
struct FleetEntry {
    std::string name, source;  ///< source: file, and in it group
    core::ExitCode code = core::ExitCode::solved;
    core::Json summary;                   ///< as of `dec solve --json`; null without an answer
    std::vector<core::Finding> findings;  ///< why there is none
    std::vector<std::string> warnings;
    int first_rank = 0, ranks = 1;
    double seconds = 0.0;

    [[nodiscard]] bool has_answer() const { return !summary.is_null(); }
    /// That of its summary; "infeasible" or "failed" without an answer, "interrupted" if it was stopped before.
    [[nodiscard]] std::string status() const;
};

struct FleetSummary {
    std::string fleet;
    std::vector<FleetEntry> feeders;  ///< in the fleet's order
    int ranks = 1;
    double peak_memory_mb = 0.0;  ///< largest rank
    double seconds = 0.0;         ///< from the list to the last result

    /// The largest of the feeders'.
    [[nodiscard]] core::ExitCode code() const;
    [[nodiscard]] std::int64_t answers() const;
};

/// Group of a feeder's answer in the file of its fleet.
[[nodiscard]] std::string fleet_group(std::string const& name);

/// The figures of all answers together under the names they have for one feeder, and `results`: the object of every feeder.
[[nodiscard]] core::Json to_json(FleetSummary const& fleet);
/// For a person: the figures together, and the feeders that differ.
[[nodiscard]] std::string to_table(FleetSummary const& fleet);
/// Writes the table /fleet, /timing and the attributes of the file (docs/fleets.md). Of a file with one rank.
void write_fleet(core::TableSink& file, FleetSummary const& fleet, Run const& run);

}  // namespace dec::results
