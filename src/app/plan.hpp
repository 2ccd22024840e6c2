/// \file plan.hpp
/// What `--dry-run` says: what would be solved, how it is spread over the ranks, and what it would take.
#pragma once

#include <optional>

#include "solve_feeder.hpp"

namespace dec::app {

struct Plan {
    /// What is known of a run that has been read, split and modelled. `peak_memory_mb` and `seconds.total` are estimates
    /// that start from what that took.
    results::Summary known;
    double other_ranks_mb = 0.0;      ///< largest of the ranks that do not read
    double seconds_per_vertex = 0.0;  ///< of the small feeder, from its model to its results
};
/// Builds the linear model of the feeder, so that its highest voltage is known, and solves a small feeder that goes as high on
/// every rank at once: the machine as it is now says how long the rest takes. Memory is what it takes per vertex. Collective.
/// \param known_pace seconds per vertex of an earlier plan; then no small feeder is solved.
/// \throws core::Error on all ranks alike, as solving would.
[[nodiscard]] Plan plan(Context& context, Opened opened, SolveOptions const& options, Question const& question,
                        Clock& clock, std::optional<double> known_pace = {});

/// As lines for a person.
[[nodiscard]] std::string to_lines(Plan const& plan);
/// As the object of `--json`, in which everything that is not known before solving is null.
[[nodiscard]] core::Json to_json(Plan const& plan);

}  // namespace dec::app
