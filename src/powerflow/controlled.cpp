#include "controlled.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "dec/feeder/windings.hpp"

namespace dec::powerflow {

using feeder::Connection;
using feeder::Phase;
using feeder::RegulatorControl;
using feeder::slot;
using Mode = RegulatorControl::Mode;
using Watched = RegulatorControl::Watched;

namespace {

/// Nearest whole number, of two the even one.
int to_even(double x) { return static_cast<int>(std::nearbyint(x)); }

Complex power(Reading const& reading) {
    Complex s;
    for (std::size_t k = 0; k < 3; ++k) s += reading.volts[k] * std::conj(reading.amperes[k]);
    return s;
}

/// 0 to 1 where reactive power is drawn, from there to 2 where it is delivered.
double power_factor(Complex s) {
    double const cosine = std::abs(s) > 0.0 ? std::abs(s.real()) / std::abs(s) : 1.0;
    return s.imag() < 0.0 ? 2.0 - cosine : cosine;
}

/// Of the phases that are there. \pre `watched` is not a phase of its own.
double of_phases(Watched watched, std::array<Complex, 3> const& values) {
    std::vector<double> sizes;
    for (auto const& value : values)
        if (value != Complex{}) sizes.push_back(std::abs(value));
    if (sizes.empty()) return 0.0;
    if (watched == Watched::highest) return *std::ranges::max_element(sizes);
    if (watched == Watched::lowest) return *std::ranges::min_element(sizes);
    double sum = 0.0;
    for (double size : sizes) sum += size;
    return sum / static_cast<double>(sizes.size());
}

}  // namespace

// ---- regulators

std::string_view Regulator::hindrance() const {
    auto const& c = settings();
    if (c.mode != Mode::voltage) return "tap changers are moved by voltage only";
    if (!(tap_.pt_ratio > 0.0)) return "its voltage transformer has no ratio";
    if (compensates() && !(tap_.ct_rating_a > 0.0)) return "its current transformer has no rating";
    if (compensates() && !measures_current_) return "it compensates for a current, and closes a loop";
    if (turns() && !measures_current_) return "it looks for the direction of power, and closes a loop";
    if (!(c.target > 0.0)) return "it has no target";
    if (turns() && !c.reverse_to_neutral && !(c.reverse_target > 0.0))
        return "it has no target for power that flows back";
    if (is_autotransformer(code()) && watched() == 0) return "it looks at the series winding of an autotransformer";
    return {};
}

bool Regulator::compensates() const {
    auto const& c = settings();
    return c.line_drop_compensation && is_at_winding() &&
           (c.line_drop_r_v != 0.0 || c.line_drop_x_v != 0.0 || c.line_drop_z_v != 0.0);
}

double Regulator::rated_volts() const {
    bool const star = unit().phases(watched()).size() == 3 && !is_delta();
    return code().winding[watched()].rated_v / (star ? std::sqrt(3.0) : 1.0);
}

Regulator::Seen Regulator::seen(Reading const& reading) const {
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
    auto const on = [&](Phase p) -> Seen {
        return {of(p) - (is_delta() ? of(feeder::delta_pair(p)[1]) : Complex{}), reading.amperes[slot(p)]};
    };
    auto const& c = settings();
    Phase chosen = c.has_monitored_phase && phases.contains(c.monitored_phase) ? c.monitored_phase : Phase::a;
    if (c.watched != Watched::one) {
        auto const size = [&](Phase p) { return std::abs(on(p).volts); };
        auto const list = feeder::PhaseSet::abc().list();
        chosen = c.watched == Watched::lowest ? *std::ranges::min_element(list, {}, size)
                                              : *std::ranges::max_element(list, {}, size);
    }
    return on(chosen);
}

double Regulator::delay_s(double regulated) const {
    if (!tap_.inverse_time) return tap_.initial_delay_s;
    return tap_.initial_delay_s / std::min(10.0, 2.0 * std::abs(settings().target - regulated) / settings().deadband);
}

void Regulator::look(Reading const& reading, double step) {
    auto const& c = settings();
    if (tap_.most_steps <= 0) return;
    if (turns()) {
        double const onwards_w = -power(reading).real();
        bool const other_way = is_back_ ? onwards_w > c.reverse_threshold_w : onwards_w < -c.reverse_threshold_w;
        turning.want(other_way ? 1 : 0, c.reverse_delay_s);
        if (is_back_ && c.reverse_to_neutral)
            return waiting.want(to_even(tap_.neutral_step - step), tap_.subsequent_delay_s);
    }
    auto const [volts, amperes] = seen(reading);
    Complex const at_terminal = volts / tap_.pt_ratio;
    Complex compensated = at_terminal;
    if (compensates()) {
        Complex const current = amperes / tap_.ct_rating_a;
        // Into the terminal: what a load draws comes with a minus, and the drop is taken off.
        if (c.line_drop_z_v == 0.0)
            compensated += (is_back_ ? Complex{c.reverse_line_drop_r_v, c.reverse_line_drop_x_v}
                                     : Complex{c.line_drop_r_v, c.line_drop_x_v}) *
                           current;
        else
            compensated =
                std::abs(at_terminal) - std::abs(current) * (is_back_ ? c.reverse_line_drop_z_v : c.line_drop_z_v);
    }
    // What stands at the other side, but for the unit's own impedance.
    double regulated = std::abs(compensated);
    if (looks_back()) {
        auto tap = tap_;
        tap.step = step;
        regulated /= tap.ratio();
    }
    double boost = target() - regulated;
    if (std::abs(at_terminal) > c.max_limit_v) boost = c.max_limit_v - std::abs(at_terminal);
    else if (std::abs(boost) <= 0.5 * (is_back_ ? c.reverse_deadband : c.deadband)) return waiting.want(0, 0.0);
    int wanted = to_even(boost * tap_.pt_ratio / (rated_volts() * tap_.increment_percent / 100.0));
    // Looking at another winding than its own, or through the unit, it moves the other way.
    if ((is_at_winding() && winding_ != tap_.winding) || looks_back()) wanted = -wanted;
    bool const at_end = (wanted > 0 && step >= tap_.high_step) || (wanted < 0 && step <= tap_.low_step);
    waiting.want(at_end ? 0 : wanted, delay_s(regulated));
}

double Regulator::moved(double step) {
    double const step_pu = tap_.increment_percent / 100.0;
    int const part = static_cast<int>(0.7 * (std::abs(waiting.change) * step_pu) / step_pu);
    int const steps = std::min(std::max(1, part), static_cast<int>(tap_.most_steps));
    double const to = step + (waiting.change > 0 ? steps : -steps);
    waiting.want(0, 0.0);
    return std::clamp(to, static_cast<double>(tap_.low_step), static_cast<double>(tap_.high_step));
}

void Regulator::turn() {
    is_back_ = !is_back_;
    turning.want(0, 0.0);
}

// ---- capacitors

std::string_view SwitchedCapacitor::hindrance() const {
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

void SwitchedCapacitor::look(Reading const& reading, feeder::PerPhase const& sections) {
    double const closed = *std::ranges::max_element(sections);
    bool const any = closed > 0.0, more = closed < capacitor_.maximum_sections;
    int wanted = overridden(reading, any);
    if (wanted == 0) {
        if (more && wants_on(reading, any)) wanted = 1;
        else if (any && wants_off(reading)) wanted = -1;
    }
    bool const has_own = wanted < 0 && std::isfinite(capacitor_.off_delay_s);
    waiting.want(wanted, has_own ? capacitor_.off_delay_s : capacitor_.delay_s);
}

feeder::PerPhase SwitchedCapacitor::moved(feeder::PerPhase sections) {
    for (Phase p : capacitor_.phases.list())
        sections[slot(p)] =
            std::clamp(sections[slot(p)] + waiting.change, 0.0, static_cast<double>(capacitor_.maximum_sections));
    waiting.want(0, 0.0);
    return sections;
}

double SwitchedCapacitor::upper() const {
    return capacitor_.control.target + 0.5 * std::abs(capacitor_.control.deadband);
}
double SwitchedCapacitor::lower() const {
    return capacitor_.control.target - 0.5 * std::abs(capacitor_.control.deadband);
}

double SwitchedCapacitor::voltage(Reading const& reading) const {
    auto const watched = capacitor_.control.watched;
    if (watched != Watched::one) return of_phases(watched, reading.volts);
    auto const p = phase();
    if (capacitor_.connection == Connection::delta)
        return std::abs(reading.volts[slot(p)] - reading.volts[slot(feeder::delta_pair(p)[1])]);
    return std::abs(reading.volts[slot(p)]);
}
double SwitchedCapacitor::current(Reading const& reading) const {
    auto const watched = capacitor_.control.watched;
    return watched != Watched::one ? of_phases(watched, reading.amperes) : std::abs(reading.amperes[slot(phase())]);
}
Phase SwitchedCapacitor::phase() const {
    auto const& c = capacitor_.control;
    return c.has_monitored_phase ? c.monitored_phase : *capacitor_.phases.list().begin();
}
bool SwitchedCapacitor::is_its_time() const {
    auto const& c = capacitor_.control;
    double const on = c.target - 0.5 * c.deadband, off = c.target + 0.5 * c.deadband;
    if (on <= off) return hour_ >= on && hour_ < off;
    return hour_ >= on || hour_ < off;
}
double SwitchedCapacitor::step_var() const {
    double b = 0.0;
    for (double of_phase : capacitor_.b_per_section_s) b += of_phase;
    double const to_neutral = capacitor_.phases.size() == 3 || capacitor_.connection == Connection::delta
                                  ? capacitor_.nominal_v / std::sqrt(3.0)
                                  : capacitor_.nominal_v;
    return b * to_neutral * to_neutral;
}

int SwitchedCapacitor::overridden(Reading const& reading, bool any) const {
    auto const& c = capacitor_.control;
    if (c.mode == Mode::voltage) return 0;
    double const v = voltage(reading);
    if (!any && v < c.min_limit_v) return 1;
    return any && v > c.max_limit_v ? -1 : 0;
}

bool SwitchedCapacitor::wants_on(Reading const& reading, bool any) const {
    switch (capacitor_.control.mode) {
        case Mode::voltage: return voltage(reading) < lower();
        case Mode::reactive_power: return power(reading).imag() > upper();
        case Mode::current_flow: return current(reading) > upper();
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

bool SwitchedCapacitor::wants_off(Reading const& reading) const {
    switch (capacitor_.control.mode) {
        case Mode::voltage: return voltage(reading) > upper();
        case Mode::reactive_power: return power(reading).imag() < lower();
        case Mode::current_flow: return current(reading) < lower();
        case Mode::power_factor: return power_factor(power(reading)) > upper();
        case Mode::time: return !is_its_time();
        default: return false;
    }
}

}  // namespace dec::powerflow
