/// \file dss_controls.cpp
/// Taps of transformers, and the controls of regulators and capacitors.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "dss_context.hpp"
#include "dss_windings.hpp"

namespace dec::io::dss {

using feeder::RegulatorControl;

namespace {

struct Regulator {
    std::string transformer;
    int winding = 1, tap_winding = 0;
    std::optional<int> tap;
    std::string bus;
    int phase = 1;
    int most_steps = 16;
    bool inverse_time = false;
    double ct_a = 300.0, pt = 60.0, remote_pt = 60.0, delay_s = 15.0, tap_delay_s = 2.0;
    RegulatorControl control;
};

/// A phase by its number, or all of them.
int watched_phase(Said const& said, RegulatorControl::Watched& watched) {
    using Watched = RegulatorControl::Watched;
    auto const text = said.text();
    watched = starts_with(text, "av")   ? Watched::mean
              : starts_with(text, "ma") ? Watched::highest
              : starts_with(text, "mi") ? Watched::lowest
                                        : Watched::one;
    return watched == Watched::one ? said.integer() : 1;
}

Regulator draw_regulator(Context& context, Object const& object) {
    Regulator drawn;
    auto& control = drawn.control;
    control.present = true;
    control.enabled = object.enabled;
    control.target = 120.0;
    control.deadband = 3.0;
    control.reverse_threshold_w = 100e3;
    control.reverse_delay_s = 60.0;
    double reverse_target = 120.0, reverse_band = 3.0;
    context.replay(object, [&](Said const& said) {
        if (said.is("transformer")) drawn.transformer = lower_case(said.text());
        else if (said.is("winding")) drawn.winding = said.integer(), drawn.tap_winding = 0;
        else if (said.is("tapwinding")) drawn.tap_winding = said.integer();
        else if (said.is("vreg")) control.target = said.number();
        else if (said.is("band")) control.deadband = said.number();
        else if (said.is("ptratio")) drawn.pt = drawn.remote_pt = said.number();
        else if (said.is("remoteptratio")) drawn.remote_pt = said.number();
        else if (said.is("ctprim")) drawn.ct_a = said.number();
        else if (said.is("r")) control.line_drop_r_v = said.number();
        else if (said.is("x")) control.line_drop_x_v = said.number();
        else if (said.is("bus")) drawn.bus = parse_bus(said.text(), 1, 1).name;
        else if (said.is("delay")) drawn.delay_s = said.number();
        else if (said.is("tapdelay")) drawn.tap_delay_s = said.number();
        else if (said.is("reversible")) control.reversible = said.flag();
        else if (said.is("revvreg")) reverse_target = said.number();
        else if (said.is("revband")) reverse_band = said.number();
        else if (said.is("revr")) control.reverse_line_drop_r_v = said.number();
        else if (said.is("revx")) control.reverse_line_drop_x_v = said.number();
        else if (said.is("ldc_z")) control.line_drop_z_v = said.number();
        else if (said.is("rev_z")) control.reverse_line_drop_z_v = said.number();
        else if (said.is("revneutral")) control.reverse_to_neutral = said.flag();
        else if (said.is("revthreshold")) control.reverse_threshold_w = said.number() * 1e3;
        else if (said.is("revdelay")) control.reverse_delay_s = said.number();
        else if (said.is("cogen")) control.cogeneration = said.flag();
        else if (said.is("maxtapchange")) drawn.most_steps = std::max(said.integer(), 0);
        else if (said.is("inversetime")) drawn.inverse_time = said.flag();
        else if (said.is("vlimit")) control.max_limit_v = said.number() > 0.0 ? said.number() : feeder::unknown;
        else if (said.is("ptphase")) drawn.phase = watched_phase(said, control.watched);
        else if (said.is("tapnum")) drawn.tap = said.integer();
    });
    control.line_drop_compensation =
        control.line_drop_r_v != 0.0 || control.line_drop_x_v != 0.0 || control.line_drop_z_v > 0.0;
    if (control.reversible || control.cogeneration) {
        control.reverse_target = reverse_target;
        control.reverse_deadband = reverse_band;
    }
    return drawn;
}

feeder::TapChanger make_changer(Index<feeder::Transformer> transformer, std::size_t winding, DrawnWinding const& said) {
    feeder::TapChanger row;
    row.transformer = transformer;
    row.winding = static_cast<std::uint8_t>(winding);
    int const taps = std::max(said.taps, 1);
    double const increment = (said.max_tap - said.min_tap) / taps;
    row.increment_percent = 100.0 * increment;
    row.high_step = taps / 2;
    row.low_step = -row.high_step;
    row.step = increment > 0.0 ? (said.tap - 1.0) / increment : 0.0;
    if (std::abs(row.step - std::round(row.step)) < 1e-9) row.step = std::round(row.step);
    row.neutral_v = said.kv * 1e3;
    return row;
}

class RegulatorReader {
  public:
    explicit RegulatorReader(Context& context) : context_{context} {}

    void read(Object const& object) {
        context_.begin(object);
        auto drawn = draw_regulator(context_, object);
        auto const full_name =
            drawn.transformer.find('.') == std::string::npos ? "transformer." + drawn.transformer : drawn.transformer;
        auto const found = context_.elements.find(full_name);
        auto const said = context_.transformers.find(full_name);
        if (said == context_.transformers.end())
            return context_.finding(object,
                                    fmt::format("controls transformer {}, which is not there", drawn.transformer),
                                    "correct its name, or remove the control");
        if (found == context_.elements.end()) return;  // disabled, or refused above
        auto const windings = static_cast<int>(said->second->windings);
        int const place = drawn.tap_winding > 0 ? drawn.tap_winding : drawn.winding;
        if (place < 1 || place > windings || drawn.winding < 1 || drawn.winding > windings)
            return context_.finding(object, fmt::format("is at winding {}", place),
                                    "name a winding of its transformer");
        if (said->second->phases == 2)
            return context_.finding(object,
                                    fmt::format("regulates transformer {}, which has two phases", drawn.transformer),
                                    "make it two of one phase, each with a control");
        auto const winding = static_cast<std::size_t>(place) - 1;
        auto const id = Index<feeder::Transformer>{found->second.row};
        if (!done_.emplace(id.value(), place).second)
            return context_.finding(object, "is a second control of the same winding", "remove or disable one of them");
        auto row = make_changer(id, winding, said->second->winding[winding]);
        if (drawn.tap) row.step = *drawn.tap;
        row.control_enabled = object.enabled;
        row.initial_delay_s = drawn.delay_s;
        row.subsequent_delay_s = drawn.tap_delay_s;
        row.inverse_time = drawn.inverse_time;
        row.most_steps = drawn.most_steps;
        row.pt_ratio = drawn.bus.empty() ? drawn.pt : drawn.remote_pt;
        row.ct_rating_a = drawn.ct_a;
        constexpr double ct_secondary_a = 0.2;
        row.ct_ratio = drawn.ct_a / ct_secondary_a;
        row.control = drawn.control;
        monitor(object, drawn, id, found->second, row);
        auto const name = unique(object.name);
        context_.elements[describe(object)] = {
            feeder::ElementKind::tap_changer,
            context_.feeder.tap_changers.add(row, name, context_.mrid(object)).value(), found->second.buses};
    }

    /// Windings that stand off their nominal tap without a control.
    void read_fixed_taps() {
        for (auto kind : {Class::transformer, Class::auto_transformer})
            for (auto const& object : context_.circuit.objects(kind)) {
                auto const found = context_.elements.find(describe(object));
                auto const said = context_.transformers.find(describe(object));
                if (found == context_.elements.end() || said == context_.transformers.end()) continue;
                for (std::size_t i = 0; i < said->second->windings; ++i) {
                    auto const& winding = said->second->winding[i];
                    if (winding.tap == 1.0 || done_.contains({found->second.row, static_cast<int>(i) + 1})) continue;
                    // One of two phases is two units, one after the other.
                    for (std::int32_t unit = 0; unit < (said->second->phases == 2 ? 2 : 1); ++unit) {
                        auto row = make_changer(Index<feeder::Transformer>{found->second.row + unit}, i, winding);
                        row.ltc = false;
                        auto const name = unique(fmt::format("{}_{}", object.name, i + 1));
                        static_cast<void>(context_.feeder.tap_changers.add(row, name, context_.mrid("tap." + name)));
                    }
                }
            }
    }

  private:
    void monitor(Object const& object, Regulator const& drawn, Index<feeder::Transformer> id,
                 Context::Element const& element, feeder::TapChanger& row) {
        auto const place = static_cast<std::size_t>(drawn.winding) - 1;
        auto& control = row.control;
        control.monitored = {feeder::ElementKind::transformer, id.value(), static_cast<std::uint8_t>(drawn.winding),
                             element.buses[place]};
        if (!drawn.bus.empty()) control.monitored.bus = context_.bus(drawn.bus);
        auto const& conductors = context_.feeder.transformers[id].winding[place].conductors;
        auto const first = static_cast<std::size_t>(std::clamp(drawn.phase, 1, 3)) - 1;
        auto phase = feeder::phase_of(conductors[first]);
        if (!phase) phase = feeder::phase_of(conductors[0]);
        if (!phase) return context_.finding(object, "monitors no phase", "give ptphase");
        control.has_monitored_phase = true;
        control.monitored_phase = *phase;
    }

    std::string unique(std::string name) {
        while (!names_.insert(name).second) name += "_";
        return name;
    }

    Context& context_;
    std::set<std::pair<std::int32_t, int>> done_;
    std::set<std::string> names_;
};

// ---- capacitors

/// Power factors up to 1 lag; those that lead are said with a minus, and go on from 1 to 2.
double leading_above_one(Said const& said, double value) {
    if (std::abs(value) > 1.0) said.finding(fmt::format("{} is no power factor", value), "give -1 to 1");
    return value < 0.0 ? 2.0 + value : value;
}

void read_capacitor_control(Context& context, Object const& object) {
    using Mode = RegulatorControl::Mode;
    std::string capacitor, element;
    auto mode = Mode::current_flow;
    double pt = 60.0, ct = 60.0, on = 300.0, off = 200.0, delay_s = 15.0, off_delay_s = 15.0, high = 126.0, low = 115.0;
    double pf_on = 0.95, pf_off = 1.05, least_share = 50.0;
    int terminal = 1, pt_phase = 1, ct_phase = 1;
    auto of_pt = RegulatorControl::Watched::one, of_ct = of_pt;
    std::string override_bus;
    bool override_voltage = false;
    context.replay(object, [&](Said const& said) {
        if (said.is("capacitor")) capacitor = lower_case(said.text());
        else if (said.is("element")) element = lower_case(said.text());
        else if (said.is("terminal")) terminal = said.integer();
        else if (said.is("ptratio")) pt = said.number();
        else if (said.is("ctratio")) ct = said.number();
        else if (said.is("onsetting")) {
            on = said.number();
            if (mode == Mode::power_factor) pf_on = leading_above_one(said, on);
        } else if (said.is("offsetting")) {
            off = said.number();
            if (mode == Mode::power_factor) pf_off = leading_above_one(said, off);
        } else if (said.is("delay")) delay_s = said.number();
        else if (said.is("delayoff")) off_delay_s = said.number();
        else if (said.is("pctminkvar")) least_share = said.number();
        else if (said.is("vbus")) override_bus = said.text();
        else if (said.is("voltoverride")) override_voltage = said.flag();
        else if (said.is("vmax")) high = said.number();
        else if (said.is("vmin")) low = said.number();
        else if (said.is("ptphase")) pt_phase = watched_phase(said, of_pt);
        else if (said.is("ctphase")) ct_phase = watched_phase(said, of_ct);
        else if (said.is("type")) {
            auto const text = said.text();
            mode = starts_with(text, "c")   ? Mode::current_flow
                   : starts_with(text, "v") ? Mode::voltage
                   : starts_with(text, "k") ? Mode::reactive_power
                   : starts_with(text, "t") ? Mode::time
                                            : Mode::power_factor;
            if (mode == Mode::power_factor && !starts_with(text, "p"))
                said.finding(fmt::format("\"{}\" is no kind of control that is known here", text),
                             "current, voltage, kvar, time and PF are");
            pf_on = 0.95, pf_off = 1.05;
        }
    });
    if (mode == Mode::power_factor) on = pf_on, off = pf_off;
    if (capacitor.find('.') == std::string::npos) capacitor = "capacitor." + capacitor;
    auto const found = context.elements.find(capacitor);
    if (found == context.elements.end() || found->second.kind != feeder::ElementKind::capacitor)
        return context.finding(object, fmt::format("controls {}, which is not there", capacitor),
                               "correct its name, or remove the control");
    auto& row = context.feeder.capacitors[Index<feeder::Capacitor>{found->second.row}];
    double const scale = mode == Mode::voltage          ? pt
                         : mode == Mode::current_flow   ? ct
                         : mode == Mode::reactive_power ? 1e3
                                                        : 1.0;
    auto& control = row.control;
    control.present = true;
    control.enabled = object.enabled;
    control.mode = mode;
    control.target = scale * 0.5 * (on + off);
    control.deadband = scale * (off - on);
    if (override_voltage) {
        control.min_limit_v = low * pt;
        control.max_limit_v = high * pt;
    }
    if (override_voltage && mode != Mode::voltage && !override_bus.empty())
        context.assume("capcontrol.vbus", object, "the voltage that overrides is that of the element");
    if (mode == Mode::power_factor && least_share != 50.0)
        context.assume("capcontrol.pctminkvar", object, "50: half of the bank must be drawn");
    row.delay_s = delay_s;
    row.off_delay_s = off_delay_s;
    bool const by_current = mode == Mode::current_flow;
    control.watched = by_current ? of_ct : of_pt;
    int const phase = by_current ? ct_phase : pt_phase;
    if (by_current && override_voltage && (of_ct != of_pt || ct_phase != pt_phase))
        context.assume("capcontrol.ptphase", object, "the voltage that overrides is that of ctphase");
    auto const monitored = context.elements.find(element);
    if (!element.empty() && monitored == context.elements.end()) {
        auto const dot = std::min(element.find('.'), element.size() - 1);
        auto const kind = class_of(element.substr(0, dot));
        if (kind && context.circuit.find(*kind, element.substr(dot + 1)) != nullptr)
            return context.assume("capcontrol.element", object, "is disabled: nothing is monitored");
        return context.finding(object, fmt::format("monitors {}, which is not there", element),
                               "correct its name, or remove the control");
    }
    auto const& at = element.empty() ? found->second : monitored->second;
    auto const place = static_cast<std::size_t>(std::clamp(terminal, 1, 3)) - 1;
    control.monitored = {at.kind, at.row, static_cast<std::uint8_t>(place + 1), at.buses[place]};
    if (!control.monitored.bus.valid()) control.monitored.bus = at.buses[0];
    // The first conductor of a capacitor on one phase is that phase, whatever its number.
    control.has_monitored_phase = true;
    auto const phases = row.phases.list();
    auto const wanted = std::min<std::size_t>(static_cast<std::size_t>(std::max(phase, 1)), row.phases.size());
    control.monitored_phase = *(phases.begin() + (wanted - 1));
}

}  // namespace

void read_controls(Context& context) {
    RegulatorReader regulators{context};
    for (auto const& object : context.circuit.objects(Class::reg_control))
        if (object.enabled) regulators.read(object);
    regulators.read_fixed_taps();
    for (auto const& object : context.circuit.objects(Class::cap_control))
        if (object.enabled) read_capacitor_control(context, object);
}

}  // namespace dec::io::dss
