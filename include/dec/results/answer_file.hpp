/// \file answer_file.hpp
/// An answer becomes tables: results file, setpoints, summary. Rows go where the feeder's order puts them.
#pragma once

#include <string>
#include <vector>

#include "dec/coordination/answer.hpp"
#include "dec/coordination/check.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "dec/results/setpoints.hpp"
#include "dec/results/summary.hpp"

namespace dec::results {

/// What was asked and how the run went, beside the answer itself.
struct Run {
    std::string version, command_line, created, machine;  ///< `created`: ISO 8601
    std::string method, policy;
    std::optional<std::string> scope;
    Summary::Seconds seconds;
    core::Traffic traffic;                  ///< of this rank while `seconds.solve` went by
    std::vector<double> iteration_seconds;  ///< one per round
    std::vector<double> iteration_bytes;    ///< likewise, that this rank has sent
};

/// The figures of an answer. Collective; equal on all ranks.
[[nodiscard]] Summary summarise(core::Communicator const& comm, model::LinDist3Flow const& flow,
                                coordination::Answer const& answer, coordination::Check const& check,
                                coordination::VoltageLimits const& limits, Run const& run);

/// This rank's setpoints.
[[nodiscard]] std::vector<Setpoint> setpoints(model::LinDist3Flow const& flow, coordination::Answer const& answer);

/// Gives all that a results file holds (docs/results.md) to a file, or to memory. Collective.
/// \throws core::SystemFailure on all ranks alike.
/// \param ac the power flow at the setpoints of an answer that has `Answer::ac`; else not read.
void write_answer(core::Communicator const& comm, core::TableSink& file, model::LinDist3Flow& flow,
                  coordination::Answer const& answer, powerflow::PowerFlow* ac, Summary const& summary, Run const& run);

}  // namespace dec::results
