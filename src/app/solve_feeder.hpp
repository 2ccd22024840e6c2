/// \file solve_feeder.hpp
/// From a feeder in a file to its setpoints, on the ranks of one communicator.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clock.hpp"
#include "command.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "dec/results/answer_file.hpp"
#include "progress.hpp"
#include "solve_options.hpp"

namespace dec::app {

/// A feeder on its ranks, ready to be solved.
struct Opened {
    std::unique_ptr<partition::Piece> piece;
    results::Run run;
};
/// Reads the feeder of the options, validates it and hands it out. Collective. \throws core::Error on all ranks alike.
[[nodiscard]] Opened open_feeder(Context& context, SolveOptions const& options, Question const& question,
                                 Progress& progress, Clock& clock);

/// An answer with all that it was made from.
struct Solved {
    std::unique_ptr<partition::Piece> piece;
    std::unique_ptr<model::LinDist3Flow> flow;  ///< of the piece
    std::unique_ptr<powerflow::PowerFlow> ac;   ///< at the setpoints; null without one
    coordination::Answer answer;
    std::vector<results::Setpoint> points;  ///< of this rank
    results::Run run;
    results::Summary summary;
};
/// Settings, model, answer, second opinion and figures. Collective. \throws core::Error on all ranks alike: infeasible,
/// stopped by a signal before there was an answer, or a bug.
[[nodiscard]] Solved solve_feeder(Context& context, Opened opened, SolveOptions const& options,
                                  Question const& question, Progress& progress, Clock& clock);

/// Writes what `--messages` asks for into `folder`. \return a line about it; empty if nothing is asked for. Collective.
[[nodiscard]] std::string write_messages(Context& context, Solved const& solved, SolveOptions const& options,
                                         std::string const& folder);

/// Collective.
[[nodiscard]] core::ExitCode code_of(core::Communicator const& comm, coordination::Answer const& answer);

}  // namespace dec::app
