#include "dec/powerflow/controls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "dec/core/archive.hpp"

namespace dec::powerflow {

namespace {

using feeder::Capacitor;
using feeder::Connection;
using feeder::Phase;
using feeder::RegulatorControl;
using feeder::slot;
using feeder::TapChanger;
using Mode = RegulatorControl::Mode;

constexpr double never = std::numeric_limits<double>::infinity();

/// What a control wants and when it will have it: as long as its reason lasts, it waits from when the reason arose.
struct Waiting {
    double due_s = never;
    int change = 0;  ///< steps up or down

    void want(int wanted, double delay_s) {
        change = wanted;
        if (wanted == 0) due_s = never;
        else if (due_s == never) due_s = delay_s;
    }
};

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

/// Nearest whole number, of two the even one.
int to_even(double x) { return static_cast<int>(std::nearbyint(x)); }

/// One tap changer with a voltage control.
class Regulator {
  public:
    Regulator(feeder::Feeder const& feeder, TapChanger const& tap, bool measures_current,
              partition::ControlSeat const& seat, std::size_t piece_row)
        : row{piece_row}, control{seat.control}, feeder_{feeder}, tap_{tap},
          measures_current_{measures_current}, winding_{seat.winding} {}

    /// Why it cannot act; empty if it can.
    [[nodiscard]] std::string_view hindrance() const {
        auto const& c = tap_.control;
        if (c.mode != Mode::voltage) return "tap changers are moved by voltage only";
        if (!(tap_.pt_ratio > 0.0)) return "its voltage transformer has no ratio";
        if (compensates() && !(tap_.ct_rating_a > 0.0)) return "its current transformer has no rating";
        if (compensates() && !measures_current_) return "it compensates for a current, and closes a loop";
        if (!(c.target > 0.0)) return "it has no target";
        return {};
    }

    /// \param step where the tap is.
    void look(Reading const& reading, double step) {
        auto const& c = tap_.control;
        auto const [volts, amperes] = seen(reading);
        Complex const at_terminal = volts / tap_.pt_ratio;
        Complex regulated = at_terminal;
        // Into the terminal: what a load draws comes with a minus, and the drop is taken off.
        if (compensates()) regulated += Complex{c.line_drop_r_v, c.line_drop_x_v} * (amperes / tap_.ct_rating_a);
        double boost = c.target - std::abs(regulated);
        bool const too_high = std::abs(at_terminal) > c.max_limit_v;
        if (too_high) boost = c.max_limit_v - std::abs(at_terminal);
        else if (std::abs(boost) <= 0.5 * c.deadband) return waiting.want(0, 0.0);
        double const steps_of_winding = boost * tap_.pt_ratio / (rated_volts() * tap_.increment_percent / 100.0);
        int wanted = to_even(steps_of_winding);
        // Looking at another winding than its own, it moves the other way.
        if (winding_ >= 0 && winding_ != tap_.winding) wanted = -wanted;
        bool const at_end = (wanted > 0 && step >= tap_.high_step) || (wanted < 0 && step <= tap_.low_step);
        waiting.want(at_end ? 0 : wanted, tap_.initial_delay_s);
    }

    /// Seven tenths of the way, but at least a step; the next look says whether more is needed.
    [[nodiscard]] double moved(double step) {
        double const step_pu = tap_.increment_percent / 100.0;
        int const steps = std::max(1, static_cast<int>(0.7 * (std::abs(waiting.change) * step_pu) / step_pu));
        double const to = step + (waiting.change > 0 ? steps : -steps);
        waiting.want(0, 0.0);
        return std::clamp(to, static_cast<double>(tap_.low_step), static_cast<double>(tap_.high_step));
    }

    std::size_t row;       // of the piece's tap changers
    std::int64_t control;  // number in the feeder
    Waiting waiting;

  private:
    [[nodiscard]] bool compensates() const {
        auto const& c = tap_.control;
        return c.line_drop_compensation && winding_ >= 0 && (c.line_drop_r_v != 0.0 || c.line_drop_x_v != 0.0);
    }
    [[nodiscard]] feeder::Transformer const& unit() const { return feeder_.transformers[tap_.transformer]; }
    [[nodiscard]] std::size_t watched() const {
        return static_cast<std::size_t>(winding_ >= 0 ? winding_ : tap_.winding);
    }
    [[nodiscard]] bool is_delta() const {
        return feeder_.transformer_codes[unit().code].winding[watched()].connection == Connection::delta;
    }
    /// Across a coil.
    [[nodiscard]] double rated_volts() const {
        bool const star = unit().phases(watched()).size() == 3 && !is_delta();
        return feeder_.transformer_codes[unit().code].winding[watched()].rated_v / (star ? std::sqrt(3.0) : 1.0);
    }
    struct Seen {
        Complex volts, amperes;
    };
    /// Across the coil that is looked at, and into its first end.
    [[nodiscard]] Seen seen(Reading const& reading) const {
        auto const& conductors = unit().winding[watched()].conductors;
        auto const phases = unit().phases(watched());
        auto const of = [&](std::optional<Phase> p) { return p ? reading.volts[slot(*p)] : Complex{}; };
        if (phases.size() != 3) {
            auto const first = feeder::phase_of(conductors[0]);
            // Of a winding that begins at the neutral the current into its other end leaves by the first.
            Complex const into =
                first ? reading.amperes[slot(*first)] : -reading.amperes[slot(*feeder::phase_of(conductors[1]))];
            return {of(first) - of(feeder::phase_of(conductors[1])), into};
        }
        Phase const p = tap_.control.has_monitored_phase && phases.contains(tap_.control.monitored_phase)
                            ? tap_.control.monitored_phase
                            : *phases.list().begin();
        Complex const other = is_delta() ? of(feeder::delta_pair(p)[1]) : Complex{};
        return {of(p) - other, reading.amperes[slot(p)]};
    }

    feeder::Feeder const& feeder_;
    TapChanger const& tap_;
    bool measures_current_;
    std::int8_t winding_;
};

/// One switched capacitor.
class SwitchedCapacitor {
  public:
    SwitchedCapacitor(Capacitor const& capacitor, bool measures_current, std::int64_t number, std::size_t piece_row,
                      double hour)
        : row{piece_row}, control{number}, capacitor_{capacitor}, measures_current_{measures_current}, hour_{hour} {}

    [[nodiscard]] std::string_view hindrance() const {
        switch (capacitor_.control.mode) {
            case Mode::voltage:
            case Mode::time: return {};
            case Mode::reactive_power:
            case Mode::current_flow:
            case Mode::power_factor:
                return measures_current_ ? std::string_view{} : "it needs a current, and looks at a bus alone";
            default: return "capacitors are switched by voltage, current, reactive power, power factor or time";
        }
    }

    void look(Reading const& reading, feeder::PerPhase const& sections) {
        double const closed = *std::ranges::max_element(sections);
        bool const any = closed > 0.0, more = closed < capacitor_.maximum_sections;
        int wanted = 0;
        if (more && wants_on(reading, any)) wanted = 1;
        else if (any && wants_off(reading)) wanted = -1;
        waiting.want(wanted, capacitor_.delay_s);
    }

    [[nodiscard]] feeder::PerPhase moved(feeder::PerPhase sections) {
        for (Phase p : capacitor_.phases.list())
            sections[slot(p)] =
                std::clamp(sections[slot(p)] + waiting.change, 0.0, static_cast<double>(capacitor_.maximum_sections));
        waiting.want(0, 0.0);
        return sections;
    }

    std::size_t row;
    std::int64_t control;
    Waiting waiting;

  private:
    /// Target plus or minus half of the band, whose sign the file may use to tell on from off.
    [[nodiscard]] double upper() const {
        return capacitor_.control.target + 0.5 * std::abs(capacitor_.control.deadband);
    }
    [[nodiscard]] double lower() const {
        return capacitor_.control.target - 0.5 * std::abs(capacitor_.control.deadband);
    }

    [[nodiscard]] double voltage(Reading const& reading) const {
        auto const p = phase();
        if (capacitor_.connection == Connection::delta)
            return std::abs(reading.volts[slot(p)] - reading.volts[slot(feeder::delta_pair(p)[1])]);
        return std::abs(reading.volts[slot(p)]);
    }
    [[nodiscard]] Phase phase() const {
        auto const& c = capacitor_.control;
        return c.has_monitored_phase ? c.monitored_phase : *capacitor_.phases.list().begin();
    }
    [[nodiscard]] static Complex power(Reading const& reading) {
        Complex s;
        for (std::size_t k = 0; k < 3; ++k) s += reading.volts[k] * std::conj(reading.amperes[k]);
        return s;
    }
    /// 0 to 1 where reactive power is drawn, from there to 2 where it is delivered.
    [[nodiscard]] static double power_factor(Complex s) {
        double const cosine = std::abs(s) > 0.0 ? std::abs(s.real()) / std::abs(s) : 1.0;
        return s.imag() < 0.0 ? 2.0 - cosine : cosine;
    }
    /// Between the hour it goes on and the hour it goes off, which may be of the next day.
    [[nodiscard]] bool is_its_time() const {
        auto const& c = capacitor_.control;
        double const on = c.target - 0.5 * c.deadband, off = c.target + 0.5 * c.deadband;
        if (on <= off) return hour_ >= on && hour_ < off;
        return hour_ >= on || hour_ < off;
    }
    /// Reactive power of one of its steps at nominal voltage.
    [[nodiscard]] double step_var() const {
        double b = 0.0;
        for (double of_phase : capacitor_.b_per_section_s) b += of_phase;
        double const to_neutral = capacitor_.phases.size() == 3 || capacitor_.connection == Connection::delta
                                      ? capacitor_.nominal_v / std::sqrt(3.0)
                                      : capacitor_.nominal_v;
        return b * to_neutral * to_neutral;
    }

    [[nodiscard]] bool wants_on(Reading const& reading, bool any) const {
        switch (capacitor_.control.mode) {
            case Mode::voltage: return voltage(reading) < lower();
            case Mode::reactive_power: return power(reading).imag() > upper();
            case Mode::current_flow: return std::abs(reading.amperes[slot(phase())]) > upper();
            case Mode::power_factor: {
                auto const s = power(reading);
                // Not so that half a step would be too much already.
                double const bank = any ? 1.0 : static_cast<double>(capacitor_.maximum_sections);
                return power_factor(s) < lower() && s.imag() > 0.5 * bank * step_var();
            }
            case Mode::time: return is_its_time();
            default: return false;
        }
    }
    [[nodiscard]] bool wants_off(Reading const& reading) const {
        switch (capacitor_.control.mode) {
            case Mode::voltage: return voltage(reading) > upper();
            case Mode::reactive_power: return power(reading).imag() < lower();
            case Mode::current_flow: return std::abs(reading.amperes[slot(phase())]) < lower();
            case Mode::power_factor: return power_factor(power(reading)) > upper();
            case Mode::time: return !is_its_time();
            default: return false;
        }
    }

    Capacitor const& capacitor_;
    bool measures_current_;
    double hour_;
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
        double first = never;
        for (auto& r : regulators_) {
            r.look(readings.of(r.control), positions.tap_steps[r.row]);
            first = std::min(first, r.waiting.due_s);
        }
        for (auto& c : capacitors_) {
            c.look(readings.of(c.control), positions.capacitor_sections[c.row]);
            first = std::min(first, c.waiting.due_s);
        }
        first = comm_.min(first);
        if (first == never) return false;
        auto const& global = flow_.piece().global;
        double steps = 0.0;
        std::int64_t switchings = 0;
        for (auto& r : regulators_) {
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
