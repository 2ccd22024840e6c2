#include "dec/powerflow/controls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "controlled.hpp"
#include "dec/core/archive.hpp"

namespace dec::powerflow {

namespace {

/// Voltages and currents of all controls' places, on every rank.
class Readings {
  public:
    Readings(core::Communicator const& comm, PowerFlow& flow) {
        auto const& piece = flow.piece();
        all_.assign(size * static_cast<std::size_t>(piece.totals.controls), 0.0);
        auto const seen = flow.readings();
        for (std::size_t m = 0; m < seen.size(); ++m) {
            auto* const at = all_.data() + size * static_cast<std::size_t>(piece.monitors[m].control);
            for (std::size_t k = 0; k < 3; ++k) {
                at[2 * k] = seen[m].volts[k].real();
                at[2 * k + 1] = seen[m].volts[k].imag();
                at[6 + 2 * k] = seen[m].amperes[k].real();
                at[6 + 2 * k + 1] = seen[m].amperes[k].imag();
            }
        }
        comm.sum(all_);
    }
    [[nodiscard]] Reading of(std::int64_t control) const {
        auto const* const at = all_.data() + size * static_cast<std::size_t>(control);
        Reading reading;
        for (std::size_t k = 0; k < 3; ++k) {
            reading.volts[k] = {at[2 * k], at[2 * k + 1]};
            reading.amperes[k] = {at[6 + 2 * k], at[6 + 2 * k + 1]};
        }
        return reading;
    }

  private:
    static constexpr std::size_t size = 12;
    std::vector<double> all_;
};

/// Every rank's lines, in the order of their numbers, each once.
std::vector<std::string> all_lines(core::Communicator const& comm,
                                   std::set<std::pair<std::int64_t, std::string>> const& own) {
    core::Packer pack;
    pack(static_cast<std::int64_t>(own.size()));
    for (auto const& [number, line] : own) {
        pack(number);
        pack(line);
    }
    auto const gathered = comm.gather(pack.take());
    core::Packer chosen;
    if (comm.is_root()) {
        std::set<std::pair<std::int64_t, std::string>> all;
        for (auto const& bytes : gathered) {
            core::Unpacker unpack{bytes};
            std::int64_t count = 0;
            for (unpack(count); count > 0; --count) {
                std::pair<std::int64_t, std::string> line;
                unpack(line.first);
                unpack(line.second);
                all.insert(line);
            }
        }
        chosen(static_cast<std::int64_t>(all.size()));
        for (auto const& line : all) chosen(line.second);
    }
    auto bytes = chosen.take();
    comm.broadcast(bytes);
    core::Unpacker unpack{bytes};
    std::int64_t count = 0;
    unpack(count);
    std::vector<std::string> lines(static_cast<std::size_t>(count));
    for (auto& line : lines) unpack(line);
    return lines;
}

/// The controls of this rank's devices.
class Controls {
  public:
    Controls(core::Communicator const& comm, PowerFlow& flow, ControlSettings const& settings)
        : comm_{comm}, flow_{flow} {
        auto const& piece = flow.piece();
        auto const& f = piece.feeder;
        std::vector<double> any(static_cast<std::size_t>(piece.totals.controls), 0.0), any_reached = any;
        for (auto const& monitor : piece.monitors) {
            any_reached[static_cast<std::size_t>(monitor.control)] = 1.0;
            any[static_cast<std::size_t>(monitor.control)] = monitor.element >= 0 ? 1.0 : 0.0;
        }
        comm.max(any);
        comm.max(any_reached);
        std::set<std::pair<std::int64_t, std::string>> inactive;
        auto const is_active = [&](auto const& device, std::string const& name) {
            std::string_view const hindrance = any_reached[static_cast<std::size_t>(device.control)] > 0.0
                                                   ? device.hindrance()
                                                   : "where it looks nothing is energised";
            if (!hindrance.empty()) inactive.insert({device.control, fmt::format("{}: {}", name, hindrance)});
            return hindrance.empty();
        };
        for (auto id : f.tap_changers.ids()) {
            auto const& seat = piece.tap_controls[id.at()];
            if (seat.control < 0) continue;
            Regulator const regulator{f, f.tap_changers[id], any[static_cast<std::size_t>(seat.control)] > 0.0, seat,
                                      id.at()};
            if (is_active(regulator, describe("tap changer", f.tap_changers, id))) regulators_.push_back(regulator);
        }
        for (auto id : f.capacitors.ids()) {
            auto const& seat = piece.capacitor_controls[id.at()];
            if (seat.control < 0) continue;
            SwitchedCapacitor const capacitor{f.capacitors[id], any[static_cast<std::size_t>(seat.control)] > 0.0,
                                              seat.control, id.at(), settings.hour};
            if (is_active(capacitor, describe("capacitor", f.capacitors, id))) capacitors_.push_back(capacitor);
        }
        inactive_ = all_lines(comm, inactive);
    }

    /// Looks, and moves those whose time comes first. \return whether anything moved. Collective.
    bool act(ControlOutcome& outcome) {
        Readings const readings{comm_, flow_};
        auto positions = flow_.positions();
        double first = Waiting::never;
        for (auto& r : regulators_) {
            r.look(readings.of(r.control), positions.tap_steps[r.row]);
            first = std::min({first, r.waiting.due_s, r.turning.due_s});
        }
        for (auto& c : capacitors_) {
            c.look(readings.of(c.control), positions.capacitor_sections[c.row]);
            first = std::min(first, c.waiting.due_s);
        }
        first = comm_.min(first);
        if (first == Waiting::never) return false;
        auto const& global = flow_.piece().global;
        double steps = 0.0;
        std::int64_t switchings = 0;
        for (auto& r : regulators_) {
            if (r.turning.due_s == first) r.turn();
            if (r.waiting.due_s != first) continue;
            auto& step = positions.tap_steps[r.row];
            double const before = step;
            step = r.moved(step);
            if (global.tap_changers[r.row] >= 0) steps += std::abs(step - before);
        }
        for (auto& c : capacitors_) {
            if (c.waiting.due_s != first) continue;
            positions.capacitor_sections[c.row] = c.moved(positions.capacitor_sections[c.row]);
            ++switchings;
        }
        outcome.tap_steps += static_cast<std::int64_t>(std::llround(comm_.sum(steps)));
        outcome.switchings += comm_.sum(switchings);
        flow_.move_to(positions);
        return true;
    }

    [[nodiscard]] std::vector<std::string> const& inactive() const { return inactive_; }

  private:
    core::Communicator comm_;
    PowerFlow& flow_;
    std::vector<Regulator> regulators_;
    std::vector<SwitchedCapacitor> capacitors_;
    std::vector<std::string> inactive_;
};

}  // namespace

ControlOutcome settle(core::Communicator const& comm, PowerFlow& flow, ControlSettings const& settings) {
    Controls controls{comm, flow, settings};
    ControlOutcome outcome{.flow = flow.solve()};
    outcome.inactive = controls.inactive();
    while (outcome.flow.status == Status::converged && controls.act(outcome)) {
        if (++outcome.rounds == settings.max_rounds) {
            outcome.flow.status = Status::iteration_limit;
            break;
        }
        auto next = flow.solve(PowerFlow::Start::present);
        // Where the present voltages lead nowhere, those of no load may.
        if (next.status != Status::converged) next = flow.solve();
        outcome.flow = next;
    }
    return outcome;
}

}  // namespace dec::powerflow
