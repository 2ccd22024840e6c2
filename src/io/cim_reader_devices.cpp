/// \file cim_reader_devices.cpp
/// What hangs on one bus: loads, capacitors, inverters with photovoltaics or batteries, machines; and their controls.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "cim_context.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Connection;
using feeder::ElementKind;
using feeder::PerPhase;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;

namespace {

constexpr std::string_view ungrounded_star_note = "false: the star point is taken as grounded all the same";

/// Power of a device phase by phase.
struct PhasePowers {
    PhaseSet phases;
    PerPhase p_w{}, q_var{};
};

/// Where a device's phase objects are and how its classes call things.
struct PowerAttributes {
    Association phase_objects;
    std::string_view device;  ///< class of the device, prefix of p and q
    std::string_view phase;   ///< class of its phase objects, prefix of phase, p and q
};
constexpr PowerAttributes load_attributes{link::phases_of_load, "EnergyConsumer", "EnergyConsumerPhase"};
constexpr PowerAttributes inverter_attributes{link::phases_of_inverter, "PowerElectronicsConnection",
                                              "PowerElectronicsConnectionPhase"};

/// The total spread evenly where there are no phase objects, or where they carry no values.
void spread_evenly(PhasePowers& powers, double p_w, double q_var) {
    auto const count = static_cast<double>(powers.phases.size());
    for (Phase phase : powers.phases.list()) {
        powers.p_w[slot(phase)] = p_w / count;
        powers.q_var[slot(phase)] = q_var / count;
    }
}

void compare_with_total(Context& context, ObjectId id, std::string_view attribute, std::optional<double> total,
                        PerPhase const& values) {
    auto const sum = values[0] + values[1] + values[2];
    if (!total || std::abs(sum - *total) <= 1e-6 * std::max(std::abs(sum), std::abs(*total))) return;
    context.assume(id, attribute, "differs from the sum of the phases, which is taken");
}

PhasePowers read_powers(Context& context, ObjectId id, PowerAttributes const& names) {
    auto const device = [&](std::string_view suffix) { return fmt::format("{}.{}", names.device, suffix); };
    auto const phase_attribute = [&](std::string_view suffix) { return fmt::format("{}.{}", names.phase, suffix); };
    auto const total_p_w = context.number(id, device("p"));
    auto const total_q_var = context.number(id, device("q"));
    PhasePowers powers;
    bool has_values = true;
    for (ObjectId object : context.linked(id, names.phase_objects)) {
        auto const phase = context.phase(object, phase_attribute("phase"));
        if (!phase) continue;
        if (powers.phases.contains(*phase))
            context.finding(object,
                            fmt::format("is a second phase {} of {}", feeder::to_text(*phase), context.describe(id)),
                            "a device has each of its phases once");
        powers.phases.insert(*phase);
        auto const p_w = context.number(object, phase_attribute("p"));
        auto const q_var = context.number(object, phase_attribute("q"));
        has_values = has_values && p_w && q_var;
        powers.p_w[slot(*phase)] = p_w.value_or(0.0);
        powers.q_var[slot(*phase)] = q_var.value_or(0.0);
    }
    bool const has_phases = !powers.phases.empty();
    if (has_phases && has_values) {
        compare_with_total(context, id, device("p"), total_p_w, powers.p_w);
        compare_with_total(context, id, device("q"), total_q_var, powers.q_var);
        return powers;
    }
    if (has_phases) {
        context.assume(id, phase_attribute("p"), "p or q absent: equal shares of the total taken");
    } else {
        powers.phases = PhaseSet::abc();
        context.convention(id, fmt::format("{} without phases", names.device),
                           "three phases A, B, C with equal thirds");
    }
    spread_evenly(powers, context.required_number(id, device("p")), context.required_number(id, device("q")));
    return powers;
}

/// Y or D of a load or capacitor. A device between the two legs of a secondary has half on each leg, which is wye.
Connection shunt_connection(Context& context, ObjectId id, std::string_view attribute, PhaseSet phases) {
    auto const written = context.text(id, attribute);
    if (!written) {
        context.assume(id, qualified(context.objects.class_name(id), attribute), "absent: wye taken");
        return Connection::wye;
    }
    if (*written == "Y" || *written == "Yn" || *written == "G") return Connection::wye;
    if (*written == "D") return phases.has_legs() ? Connection::wye : Connection::delta;
    context.finding(id, fmt::format("{} = \"{}\" is not supported", attribute, *written), "connect it as Y or D");
    return Connection::wye;
}

}  // namespace

// ---- loads

namespace {

using Models = std::map<ObjectId, Index<feeder::LoadModel>>;

void check_shares(Context& context, ObjectId id, std::string_view what, double sum) {
    if (std::abs(sum - 1.0) > 1e-3)
        context.finding(id, fmt::format("{} shares sum to {} %", what, 100.0 * sum),
                        "constant impedance, current and power must sum to 100 %");
}

feeder::LoadModel read_load_model(Context& context, ObjectId id) {
    feeder::LoadModel model;
    auto const number = [&](std::string_view suffix) {
        return context.number_or(id, fmt::format("LoadResponseCharacteristic.{}", suffix), 0.0);
    };
    model.exponential = context.flag_or(id, "LoadResponseCharacteristic.exponentModel", false);
    if (model.exponential) {
        model.p_exponent = number("pVoltageExponent");
        model.q_exponent = number("qVoltageExponent");
        return model;
    }
    model.p_impedance = number("pConstantImpedance") / 100.0;
    model.p_current = number("pConstantCurrent") / 100.0;
    model.p_power = number("pConstantPower") / 100.0;
    model.q_impedance = number("qConstantImpedance") / 100.0;
    model.q_current = number("qConstantCurrent") / 100.0;
    model.q_power = number("qConstantPower") / 100.0;
    check_shares(context, id, "active power", model.p_impedance + model.p_current + model.p_power);
    check_shares(context, id, "reactive power", model.q_impedance + model.q_current + model.q_power);
    return model;
}

}  // namespace

void read_loads(Context& context) {
    Models models;
    for (ObjectId id : context.objects.of_class("LoadResponseCharacteristic"))
        models[id] = context.add(context.feeder.load_models, read_load_model(context, id), id);
    for (ObjectId id : context.objects.of_class("EnergyConsumer")) {
        feeder::Load row;
        row.bus = context.bus_at(context.terminals(id, 1), 0);
        auto const powers = read_powers(context, id, load_attributes);
        row.phases = powers.phases;
        row.p_w = powers.p_w;
        row.q_var = powers.q_var;
        row.connection = shunt_connection(context, id, "EnergyConsumer.phaseConnection", row.phases);
        row.grounded = context.flag_or(id, "EnergyConsumer.grounded", row.connection == Connection::wye);
        if (row.connection == Connection::wye && !row.grounded)
            context.assume(id, "EnergyConsumer.grounded", ungrounded_star_note);
        row.customers = context.integer(id, "EnergyConsumer.customerCount").value_or(1);
        if (auto const response = context.linked_one(id, link::response_of_load); response.valid())
            row.model = models.contains(response) ? models[response] : Index<feeder::LoadModel>{};
        else context.assume(id, "EnergyConsumer.LoadResponse", "absent: constant power taken");
        row.area = context.area(id);
        (void)context.add(context.feeder.loads, row, id, ElementKind::load);
    }
}

// ---- capacitors and controls

namespace {

constexpr std::string_view capacitor_losses_note = "losses of a capacitor are left out";

/// Phase objects of a delta give the susceptance between two phases, the bank as a whole its positive sequence.
void take_as_wye(Context& context, ObjectId id, feeder::Capacitor& row) {
    if (row.phases.has_legs())
        return context.finding(id, "is connected D on a secondary",
                               "connect it as Y, with what each leg has to neutral");
    for (double& b : row.b_per_section_s) b *= wye_of_delta;
}

void read_capacitor_phases(Context& context, ObjectId id, feeder::Capacitor& row) {
    auto const phases = context.linked(id, link::phases_of_capacitor);
    for (ObjectId object : phases) {
        auto const phase = context.phase(object, "ShuntCompensatorPhase.phase");
        if (!phase) continue;
        row.phases.insert(*phase);
        row.b_per_section_s[slot(*phase)] = context.required_number(object, "LinearShuntCompensatorPhase.bPerSection");
        auto const sections = context.number(object, "ShuntCompensatorPhase.sections");
        context.expect(object, "LinearShuntCompensatorPhase.gPerSection", 0.0, capacitor_losses_note);
        row.sections[slot(*phase)] = sections ? *sections : context.required_number(id, "ShuntCompensator.sections");
    }
    if (!phases.empty()) {
        if (row.connection == Connection::delta) take_as_wye(context, id, row);
        return;
    }
    context.convention(id, "LinearShuntCompensator without phases", "three phases A, B, C");
    row.phases = PhaseSet::abc();
    row.b_per_section_s.fill(context.required_number(id, "LinearShuntCompensator.bPerSection"));
    row.sections.fill(context.required_number(id, "ShuntCompensator.sections"));
}

}  // namespace

void read_capacitors(Context& context) {
    for (ObjectId id : context.objects.of_class("LinearShuntCompensator")) {
        feeder::Capacitor row;
        auto const terminals = context.terminals(id, 1);
        row.bus = context.bus_at(terminals, 0);
        row.connection = shunt_connection(context, id, "ShuntCompensator.phaseConnection", {});
        read_capacitor_phases(context, id, row);
        row.nominal_v = context.required_number(id, "ShuntCompensator.nomU");
        row.maximum_sections = context.integer(id, "ShuntCompensator.maximumSections").value_or(1);
        row.normal_sections = context.integer(id, "ShuntCompensator.normalSections").value_or(1);
        context.expect(id, "LinearShuntCompensator.gPerSection", 0.0, capacitor_losses_note);
        row.delay_s = context.number(id, "ShuntCompensator.aVRDelay").value_or(0.0);
        row.grounded = context.flag_or(id, "ShuntCompensator.grounded", row.connection == Connection::wye);
        if (row.connection == Connection::wye && !row.grounded)
            context.assume(id, "LinearShuntCompensator.grounded", ungrounded_star_note);
        row.rating = context.rating(terminals);
        row.area = context.area(id);
        (void)context.add(context.feeder.capacitors, row, id, ElementKind::capacitor);
    }
}

void read_capacitor_controls(Context& context) {
    for (ObjectId id : context.objects.of_class("LinearShuntCompensator"))
        if (auto const control = context.linked_one(id, link::control_of_capacitor); control.valid())
            context.feeder.capacitors.rows()[static_cast<std::size_t>(context.element_of[id.at()].row)].control =
                read_control(context, control);
}

namespace {

void read_monitored_phase(Context& context, ObjectId id, feeder::RegulatorControl& control) {
    auto const written = context.text(id, "RegulatingControl.monitoredPhase");
    if (!written) return;
    auto const phases = Context::phase_code(*written);
    if (!phases) {
        context.finding(id, fmt::format("monitoredPhase = \"{}\" is no phase", *written), "name A, B, C, s1 or s2");
    } else if (phases->size() == 1) {
        control.has_monitored_phase = true;
        control.monitored_phase = *phases->list().begin();
    }
}

}  // namespace

feeder::RegulatorControl read_control(Context& context, ObjectId id) {
    feeder::RegulatorControl control;
    if (!id.valid()) return control;
    auto const number = [&](std::string_view attribute, double fallback) {
        return context.number(id, attribute).value_or(fallback);
    };
    control.present = true;
    control.enabled = context.flag_or(id, "RegulatingControl.enabled", true);
    control.discrete = context.flag(id, "RegulatingControl.discrete").value_or(true);
    control.mode =
        context.enumeration_or(id, "RegulatingControl.mode", control_modes, feeder::RegulatorControl::Mode::voltage);
    read_monitored_phase(context, id, control);
    if (auto const terminal = context.linked_one(id, link::terminal_of_control); terminal.valid())
        control.monitored = context.terminal_ref(terminal);
    control.target = context.required_number(id, "RegulatingControl.targetValue");
    control.deadband = context.number_or(id, "RegulatingControl.targetDeadband", 0.0);
    control.line_drop_compensation = context.flag(id, "TapChangerControl.lineDropCompensation").value_or(false);
    control.line_drop_r_v = number("TapChangerControl.lineDropR", 0.0);
    control.line_drop_x_v = number("TapChangerControl.lineDropX", 0.0);
    control.reverse_line_drop_r_v = number("TapChangerControl.reverseLineDropR", 0.0);
    control.reverse_line_drop_x_v = number("TapChangerControl.reverseLineDropX", 0.0);
    control.min_limit_v = number("TapChangerControl.minLimitVoltage", feeder::unknown);
    control.max_limit_v = number("TapChangerControl.maxLimitVoltage", feeder::unknown);
    control.reversible = context.flag(id, "TapChangerControl.reversible").value_or(false);
    control.reverse_to_neutral = context.flag(id, "TapChangerControl.reverseToNeutral").value_or(false);
    control.reverse_threshold_w = number("TapChangerControl.reversingPowerThreshold", 0.0);
    control.reverse_delay_s = number("TapChangerControl.reversingDelay", 0.0);
    control.reverse_target = number("RegulatingControl.reverseTargetValue", feeder::unknown);
    control.reverse_deadband = number("RegulatingControl.reverseTargetDeadband", feeder::unknown);
    return control;
}

// ---- inverters

namespace {

feeder::Inverter read_inverter(Context& context, ObjectId id) {
    feeder::Inverter row;
    auto const number = [&](std::string_view suffix) {
        return context.number(id, fmt::format("PowerElectronicsConnection.{}", suffix)).value_or(feeder::unknown);
    };
    row.bus = context.bus_at(context.terminals(id, 1), 0);
    auto const powers = read_powers(context, id, inverter_attributes);
    row.phases = powers.phases;
    row.p_w = powers.p_w;
    row.q_var = powers.q_var;
    row.rated_va = context.required_number(id, "PowerElectronicsConnection.ratedS");
    row.rated_v = context.required_number(id, "PowerElectronicsConnection.ratedU");
    row.min_q_var = number("minQ");
    row.max_q_var = number("maxQ");
    row.max_fault_pu = number("maxIFault");
    row.control_mode = context.enumeration_or(id, "PowerElectronicsConnection.controlMode", converter_modes,
                                              feeder::Inverter::ControlMode::constant_power_factor);
    return row;
}

Index<feeder::Area> area_of_inverter(Context& context, ObjectId connection, ObjectId unit) {
    auto const area = context.area(connection);
    auto const of_unit = context.area(unit);
    return area.valid() ? area : of_unit;
}

/// Registers the converter and its unit under the row, so that measurements at either find it.
void register_unit(Context& context, ObjectId connection, ObjectId unit, ElementKind kind, std::int32_t row) {
    context.element_of[connection.at()] = {kind, row};
    context.element_of[unit.at()] = {kind, row};
    (void)context.linked_one(connection, link::container_of_equipment);
}

void read_photovoltaic(Context& context, ObjectId connection, ObjectId unit) {
    feeder::PvSystem row;
    row.inverter = read_inverter(context, connection);
    row.max_p_w = context.number_or(unit, "PowerElectronicsUnit.maxP", row.inverter.rated_va);
    row.min_p_w = context.number_or(unit, "PowerElectronicsUnit.minP", 0.0);
    row.area = area_of_inverter(context, connection, unit);
    auto const place = feeder::add_pv(context.feeder, row, context.name(unit), context.mrid(unit),
                                      context.name(connection), context.mrid(connection));
    register_unit(context, connection, unit, ElementKind::pv, place.value());
}

void read_battery(Context& context, ObjectId connection, ObjectId unit) {
    feeder::Battery row;
    row.inverter = read_inverter(context, connection);
    row.max_p_w = context.number_or(unit, "PowerElectronicsUnit.maxP", row.inverter.rated_va);
    row.min_p_w = context.number_or(unit, "PowerElectronicsUnit.minP", -row.inverter.rated_va);
    row.rated_wh = context.required_number(unit, "BatteryUnit.ratedE");
    row.stored_wh = context.required_number(unit, "BatteryUnit.storedE");
    row.state =
        context.enumeration_or(unit, "BatteryUnit.batteryState", battery_states, feeder::Battery::State::waiting);
    row.area = area_of_inverter(context, connection, unit);
    auto const place = feeder::add_battery(context.feeder, row, context.name(unit), context.mrid(unit),
                                           context.name(connection), context.mrid(connection));
    register_unit(context, connection, unit, ElementKind::battery, place.value());
}

/// A converter of which nothing says what is behind it injects what it injects now.
void read_fixed_injection(Context& context, ObjectId connection, std::string_view what, std::string_view note) {
    auto const inverter = read_inverter(context, connection);
    feeder::Machine row;
    row.bus = inverter.bus;
    row.phases = inverter.phases;
    for (std::size_t i = 0; i < inverter.p_w.size(); ++i) {
        row.p_w += inverter.p_w[i];
        row.q_var += inverter.q_var[i];
    }
    row.rated_va = inverter.rated_va;
    row.rated_v = inverter.rated_v;
    row.area = context.area(connection);
    context.assume(connection, what, note);
    (void)context.add(context.feeder.machines, row, connection, ElementKind::machine);
}

}  // namespace

void read_inverters(Context& context) {
    for (ObjectId id : context.objects.of_class("PowerElectronicsConnection")) {
        auto const units = context.linked(id, link::units_of_inverter);
        if (units.empty()) {
            read_fixed_injection(context, id, "PowerElectronicsConnection.PowerElectronicsUnit",
                                 "absent: a fixed injection, equal on its phases");
        } else if (units.size() > 1) {
            // its p is one number: how much of it is each unit's would be a guess
            context.finding(id,
                            fmt::format("has {} units, {} and {}", units.size(), context.describe(units[0]),
                                        context.describe(units[1])),
                            "give every PhotovoltaicUnit and BatteryUnit a PowerElectronicsConnection of its own");
        } else if (context.objects.class_name(units.front()) == "PhotovoltaicUnit") {
            read_photovoltaic(context, id, units.front());
        } else if (context.objects.class_name(units.front()) == "BatteryUnit") {
            read_battery(context, id, units.front());
        } else {
            read_fixed_injection(context, id, context.objects.class_name(units.front()),
                                 "neither photovoltaic nor battery: a fixed injection, equal on its phases");
        }
    }
    for (auto const class_name : {"PhotovoltaicUnit", "BatteryUnit"})
        for (ObjectId unit : context.objects.of_class(class_name))
            if (context.linked(unit, link::inverter_of_unit).empty())
                context.finding(unit, "has no PowerElectronicsConnection", "connect it to one");
}

// ---- machines

void read_machines(Context& context) {
    for (ObjectId id : context.objects.of_class("SynchronousMachine")) {
        feeder::Machine row;
        row.bus = context.bus_at(context.terminals(id, 1), 0);
        auto const phases = context.linked(id, link::phases_of_machine);
        if (!phases.empty()) row.phases = {};
        for (ObjectId object : phases)
            if (auto const phase = context.phase(object, "SynchronousMachinePhase.phase")) row.phases.insert(*phase);
        if (phases.empty()) context.convention(id, "SynchronousMachine without phases", "three phases A, B, C");
        row.p_w = context.required_number(id, "RotatingMachine.p");
        row.q_var = context.required_number(id, "RotatingMachine.q");
        row.rated_va = context.number(id, "RotatingMachine.ratedS").value_or(0.0);
        row.rated_v = context.number(id, "RotatingMachine.ratedU").value_or(0.0);
        row.area = context.area(id);
        (void)context.add(context.feeder.machines, row, id, ElementKind::machine);
    }
}

}  // namespace dec::io::cim
