#include "signals.hpp"

#include <csignal>

namespace dec::app {

namespace {

volatile std::sig_atomic_t received = 0;

extern "C" void remember(int signal) {
    received = signal == SIGUSR1 ? SIGTERM : signal;
    std::signal(signal, SIG_DFL);
}

}  // namespace

void listen_for_signals() {
    std::signal(SIGINT, remember);
    std::signal(SIGTERM, remember);
    std::signal(SIGUSR1, remember);
}

int signal_received() { return received; }

core::ExitCode interrupted_code(core::Communicator const& comm) {
    auto const signal = comm.max(static_cast<std::int64_t>(signal_received()));
    return signal == SIGTERM ? core::ExitCode::terminated : core::ExitCode::interrupted;
}

void stop_if_asked(core::Communicator const& comm, char const* doing) {
    if (comm.max(static_cast<std::int64_t>(signal_received())) == 0) return;
    throw core::Error{interrupted_code(comm),
                      {{{}, {}, std::string{"stopped by a signal while "} + doing, "nothing was written"}}};
}

}  // namespace dec::app
