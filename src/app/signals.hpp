/// \file signals.hpp
/// SIGINT and SIGTERM ask for a clean stop; a second one ends the process at once. SIGUSR1 asks for the same as SIGTERM:
/// mpirun forwards it to the ranks and waits for them, where after SIGINT and SIGTERM it ends them itself.
#pragma once

#include "dec/core/communicator.hpp"
#include "dec/core/error.hpp"

namespace dec::app {

void listen_for_signals();
/// The signal that arrived on this rank, 0 if none did. Not collective.
[[nodiscard]] int signal_received();
/// Ends the run on all ranks if a signal has arrived on any. Collective. \throws core::Error with exit code 130 or 143.
void stop_if_asked(core::Communicator const& comm, char const* doing);
/// Exit code that tells which signal it was. Collective.
[[nodiscard]] core::ExitCode interrupted_code(core::Communicator const& comm);

}  // namespace dec::app
