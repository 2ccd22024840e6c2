/// \file tradeoff_file.hpp
/// Total curtailment against fairness as JSON, as a table for a person, as CSV and as HDF5 (docs/tradeoff.md).
#pragma once

#include <string>

#include "dec/coordination/tradeoff.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::results {

inline constexpr std::string_view tradeoff_format_name = "dec-tradeoff";
inline constexpr std::int64_t tradeoff_format_version = 1;

/// Sizes, rank count, `policies` and `curve`, seconds. `sizes`: what summary_of says of the feeder and the run.
[[nodiscard]] core::Json to_json(coordination::Tradeoff const& tradeoff, Summary const& sizes);
[[nodiscard]] std::string to_table(coordination::Tradeoff const& tradeoff, Summary const& sizes);
/// One row per answer, the curve after the policies.
[[nodiscard]] std::string to_csv(coordination::Tradeoff const& tradeoff);

/// Feeder, ranks and seconds, without an answer. Collective.
[[nodiscard]] Summary summary_of(core::Communicator const& comm, model::LinDist3Flow const& flow, Run const& run);

/// Collective. \throws core::SystemFailure on all ranks alike; then no file is left.
void write_tradeoff(core::Communicator const& comm, std::string const& path, model::LinDist3Flow& flow,
                    coordination::Tradeoff const& tradeoff, Summary const& sizes, Run const& run);

}  // namespace dec::results
