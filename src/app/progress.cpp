#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace dec::app {

namespace {

constexpr std::array<std::string_view, phases> doing{"reading", "partitioning", "building the model",
                                                     "solving", "checking",     "writing"};

/// "45 s", "3 min", "2.5 h": to what one plans by.
std::string about(double seconds) {
    constexpr double minute = 60.0, hour = 3600.0;
    if (seconds < 2.0 * minute) return fmt::format("{:.0f} s", std::max(seconds, 1.0));
    return seconds < 2.0 * hour ? fmt::format("{:.0f} min", seconds / minute) : fmt::format("{:.1f} h", seconds / hour);
}

}  // namespace

Progress::Progress(std::string const& mode, Talk const& talk, core::Communicator const& comm)
    : log_{core::Verbosity::normal, comm.is_root()}, terminal_{isatty(STDERR_FILENO) != 0} {
    shows_ = comm.is_root() && (mode == "on" || (mode == "auto" && terminal_ && !talk.quiet));
}

void Progress::show(std::string const& text) {
    log_.status(text);
    shown_at_ = since_start_.elapsed();
}

void Progress::begin(Phase phase) {
    if (shows_) show(fmt::format("{} ...", doing[static_cast<std::size_t>(phase)]));
}

void Progress::round(coordination::Round const& round, double) {
    if (!shows_) return;
    show(fmt::format("round {:4}  objective {:12.4f} kW  violation {:9.2e} pu^2", round.iteration, round.objective,
                     round.primal_residual));
}

void Progress::feeders(std::int64_t done, std::int64_t failed, std::int64_t all, double share) {
    constexpr double often = 0.2, often_as_lines = 5.0;  // s
    double const now = since_start_.elapsed();
    if (!shows_ || (done < all && shown_at_ >= 0.0 && now - shown_at_ < (terminal_ ? often : often_as_lines))) return;
    auto const left = share > 0.0 ? fmt::format(", about {} left", about(now * (1.0 - share) / share)) : std::string{};
    show(fmt::format("{} of {} feeders{}{}", done, all, failed > 0 ? fmt::format(", {} failed", failed) : "", left));
}

void Progress::end() {
    if (shows_ && terminal_) log_.status({});
}

}  // namespace dec::app
