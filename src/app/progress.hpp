/// \file progress.hpp
/// What a person at the terminal sees of long work: where it is, how near the end, how long it may still take.
#pragma once

#include <cstdint>
#include <string>

#include "clock.hpp"
#include "command.hpp"
#include "dec/coordination/answer.hpp"

namespace dec::app {

/// Steps of solving one feeder, in their order.
enum class Phase : std::uint8_t { read, partition, build, solve, check, write };
inline constexpr std::size_t phases = 6;

/// Shown by the first rank; a terminal has one line of it, elsewhere each change is a line. Not collective.
class Progress {
  public:
    Progress() = default;  ///< shows nothing
    /// \param mode of `--progress`: "auto" shows it on a terminal.
    /// \param corrects whether AC power flow takes part in the answer, where most of the time goes then.
    Progress(std::string const& mode, Talk const& talk, core::Communicator const& comm, bool corrects);

    void begin(Phase phase);
    /// \param tolerance at which the method stops; 0 where it has none.
    void round(coordination::Round const& round, double tolerance);
    /// Of a fleet: how many are done, and the share of the work that they were.
    void feeders(std::int64_t done, std::int64_t failed, std::int64_t all, double share);
    /// Takes the last line away. Messages do that by themselves.
    void end();

  private:
    void show(std::string const& text);
    /// ", about 3 s left", by what is done of the present step; nothing while too little is known.
    [[nodiscard]] std::string left(double done_of_step) const;

    core::Log log_;
    bool shows_ = false, terminal_ = false;
    Clock since_start_;
    double shown_at_ = -1.0;
    Phase phase_ = Phase::read;
    double first_residual_ = 0.0;
    bool corrects_ = false;
};

}  // namespace dec::app
