/// \file coordinator.hpp
/// Follows a running simulation: measurements in, setpoints out, for as long as it runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dec/coordination/answer.hpp"
#include "dec/core/communicator.hpp"
#include "dec/core/json.hpp"
#include "dec/core/log.hpp"
#include "dec/platform/telemetry.hpp"
#include "dec/results/messages.hpp"

namespace dec::platform {

struct Settings {
    fairness::Policy const* policy = nullptr;
    coordination::Method const* method = nullptr;
    coordination::Settings coordination;  ///< of every step; the start and the limits of nodes are the coordinator's
    bool correct = true;                  ///< until AC voltages hold
    std::optional<double> source_voltage_pu;
    std::optional<std::string> contracts;  ///< path, read at every step
    results::MessageId message_id = results::MessageId::unit;
    double max_age_s = 300.0;  ///< older measurements count as none
};

/// Keeps the picture of the feeder and the last answer. What a step changes are loads, suns, taps and capacitors, and with switches also the
/// tree, the agents and who holds what. Like all that is collective it must be used by all ranks alike.
class Coordinator {
  public:
    /// What to do about a line.
    enum class Next : std::uint8_t { wait, answer, stop };

    /// \param feeder on the root.
    Coordinator(core::Communicator const& comm, std::optional<feeder::Feeder> feeder, Settings settings,
                core::Log const& log);

    /// Takes in one line of the simulation. Whatever is wrong with it is a warning. On the root; not collective.
    [[nodiscard]] Next take(std::string_view line);

    /// Setpoints for the newest measurements. Collective.
    /// \return on the root an object with `answers` (the timestamp) and `status`; with the difference message (`command`, `input`) where
    ///   there are setpoints. What is wrong with the feeder as measured, or not solvable, is a warning: earlier setpoints hold.
    /// \throws core::Error of other kinds, on all ranks alike.
    [[nodiscard]] core::Json answer();

    /// Time of the newest measurements. On the root.
    [[nodiscard]] std::int64_t time() const { return time_; }

  private:
    [[nodiscard]] feeder::Feeder feeder_now();
    void look_at_sun(feeder::Feeder& now, std::vector<double> const& export_w);
    [[nodiscard]] coordination::Answer solve(partition::Piece const& piece, std::vector<results::Order>& orders);
    void remember(partition::Piece const& piece, coordination::Answer const& answer);
    [[nodiscard]] coordination::Settings::Start start_for(partition::Piece const& piece) const;
    [[nodiscard]] core::Json message(std::vector<results::Order> orders);
    void say(std::string const& kind, bool now, std::string const& text);

    core::Communicator comm_;
    Settings settings_;
    core::Log log_;

    // the root's
    std::optional<feeder::Feeder> base_;
    std::optional<Telemetry> telemetry_;
    std::vector<double> told_w_;  ///< what each photovoltaic system was told last; NaN: nothing yet
    std::string simulation_id_;
    std::int64_t time_ = 0;
    bool has_time_ = false;
    std::map<std::string, bool> said_;  ///< warnings that hold now are not repeated at every step

    // everybody's: the last answer, by rows of the whole feeder
    bool has_answer_ = false;
    std::map<std::int64_t, double> alpha_, reactive_kvar_, price_low_, price_high_;
};

}  // namespace dec::platform
