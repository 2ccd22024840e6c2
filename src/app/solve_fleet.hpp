/// \file solve_fleet.hpp
/// `dec solve` of many feeders in one run.
#pragma once

#include "progress.hpp"
#include "solve_options.hpp"

namespace dec::app {

/// Solves every feeder of the fleet that the options name. Small feeders are solved by one rank each, as ranks get free; large
/// ones by all ranks together, one after the other. A feeder without an answer is reported and the rest is finished.
/// Collective. \return the largest exit code of the feeders'. \throws core::Error on all ranks alike where no feeder has an answer,
/// or the results cannot be written.
[[nodiscard]] core::ExitCode solve_fleet(Context& context, SolveOptions const& options, Question const& question,
                                         Progress& progress);

}  // namespace dec::app
