/// \file plan.hpp
/// What `--dry-run` says: what would be solved, how it is spread over the ranks, and what it would take.
#pragma once

#include "command.hpp"
#include "dec/partition/piece.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::app {

struct Plan {
    /// What is known of a run that has been read and split. `peak_memory_mb` and `seconds.total` are estimates that start
    /// from what reading and splitting took.
    results::Summary known;
    double other_ranks_mb = 0.0;  ///< largest of the ranks that do not read
};
/// Collective.
[[nodiscard]] Plan plan(core::Communicator const& comm, partition::Piece const& piece, results::Run const& run);

/// As lines for a person.
[[nodiscard]] std::string to_lines(Plan const& plan);
/// As the object of `--json`, in which everything that is not known before solving is null.
[[nodiscard]] core::Json to_json(Plan const& plan);

}  // namespace dec::app
