#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace dec::app {

namespace {

constexpr std::array<std::string_view, phases> doing{"reading", "partitioning", "building the model",
                                                     "solving", "checking",     "writing"};

/// Share of the time that each step takes of generated feeders of 42,500 buses, policy quadratic, on one rank.
constexpr std::array<double, phases> shares{0.03, 0.05, 0.12, 0.45, 0.03, 0.32};
constexpr std::array<double, phases> shares_with_correction{0.01, 0.02, 0.05, 0.75, 0.02, 0.15};

/// "45 s", "3 min", "2.5 h": to what one plans by.
std::string about(double seconds) {
    constexpr double minute = 60.0, hour = 3600.0;
    if (seconds < 2.0 * minute) return fmt::format("{:.0f} s", std::max(seconds, 1.0));
    return seconds < 2.0 * hour ? fmt::format("{:.0f} min", seconds / minute) : fmt::format("{:.1f} h", seconds / hour);
}

}  // namespace

Progress::Progress(std::string const& mode, Talk const& talk, core::Communicator const& comm, bool corrects)
    : log_{core::Verbosity::normal, comm.is_root()}, terminal_{isatty(STDERR_FILENO) != 0}, corrects_{corrects} {
    shows_ = comm.is_root() && (mode == "on" || (mode == "auto" && terminal_ && !talk.quiet));
}

void Progress::show(std::string const& text) {
    log_.status(text);
    shown_at_ = since_start_.elapsed();
}

std::string Progress::left(double done_of_step) const {
    auto const& share = corrects_ ? shares_with_correction : shares;
    auto const step = static_cast<std::size_t>(phase_);
    double done = done_of_step * share[step];
    for (std::size_t before = 0; before < step; ++before) done += share[before];
    constexpr double enough_to_tell = 0.05, worth_telling = 1.0;  // of all work; s
    double const elapsed = since_start_.elapsed();
    if (done < enough_to_tell) return {};
    double const remaining = elapsed * (1.0 - done) / done;
    return remaining < worth_telling ? std::string{} : fmt::format(", about {} left", about(remaining));
}

void Progress::begin(Phase phase) {
    phase_ = phase;
    if (shows_) show(fmt::format("{}{}", doing[static_cast<std::size_t>(phase)], left(0.0)));
}

void Progress::round(coordination::Round const& round, double tolerance) {
    if (!shows_) return;
    constexpr double least_residual = 1e-10;  // where methods without a tolerance end, about
    constexpr double of_method = 0.3;         // of the step, where rounds of AC correction come after it
    double const to = std::max(tolerance, least_residual);
    if (round.iteration == 0) first_residual_ = round.primal_residual;
    double done = 0.0;  // orders of magnitude of the residual that are behind
    if (first_residual_ > to && round.primal_residual > 0.0)
        done = std::clamp(std::log(first_residual_ / round.primal_residual) / std::log(first_residual_ / to), 0.0, 1.0);
    if (corrects_) done = round.ac_round > 0 ? of_method + (1.0 - of_method) * done : of_method * done;
    show(fmt::format("round {:4}  objective {:12.4f} kW  violation {:9.2e} pu^2{}", round.iteration, round.objective,
                     round.primal_residual, left(done)));
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
