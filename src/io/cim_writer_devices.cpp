/// \file cim_writer_devices.cpp
/// What hangs on one bus: loads, capacitors, inverters with photovoltaics or batteries, machines; and measurements.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cim_names.hpp"
#include "cim_writer.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::PerPhase;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;

namespace {

/// True if a device needs no phase objects: three phases, the same on each.
bool even(PhaseSet phases, std::initializer_list<PerPhase> values) {
    return phases == PhaseSet::abc() &&
           std::ranges::all_of(values, [](PerPhase const& v) { return v[0] == v[1] && v[1] == v[2]; });
}

double total(PerPhase const& values) { return decimal(values[0] + values[1] + values[2]); }

/// Phase objects with p and q; their class is named after the device's.
void write_phase_powers(Writer& writer, Equipment const& device, std::string_view device_class, PhaseSet phases,
                        PerPhase const& p_w, PerPhase const& q_var) {
    if (even(phases, {p_w, q_var})) return;
    auto const phase_class = fmt::format("{}Phase", device_class);
    for (Phase phase : phases.list())
        writer.phase(phase_class, device, phase)
            .link(fmt::format("{}.{}", phase_class, device_class), device.id)
            .literal(fmt::format("{}.phase", phase_class), "SinglePhaseKind", feeder::to_text(phase))
            .number(fmt::format("{}.p", phase_class), p_w[slot(phase)])
            .number(fmt::format("{}.q", phase_class), q_var[slot(phase)]);
}

// ---- loads

void write_load_models(Writer& writer) {
    auto const& models = writer.feeder.load_models;
    for (auto id : models.ids()) {
        auto const& row = models[id];
        writer.node("LoadResponseCharacteristic", models, id)
            .flag("LoadResponseCharacteristic.exponentModel", row.exponential)
            .number("LoadResponseCharacteristic.pConstantImpedance", decimal(100.0 * row.p_impedance))
            .number("LoadResponseCharacteristic.pConstantCurrent", decimal(100.0 * row.p_current))
            .number("LoadResponseCharacteristic.pConstantPower", decimal(100.0 * row.p_power))
            .number("LoadResponseCharacteristic.qConstantImpedance", decimal(100.0 * row.q_impedance))
            .number("LoadResponseCharacteristic.qConstantCurrent", decimal(100.0 * row.q_current))
            .number("LoadResponseCharacteristic.qConstantPower", decimal(100.0 * row.q_power))
            .number("LoadResponseCharacteristic.pVoltageExponent", row.p_exponent)
            .number("LoadResponseCharacteristic.qVoltageExponent", row.q_exponent)
            .number("LoadResponseCharacteristic.pFrequencyExponent", 0.0)
            .number("LoadResponseCharacteristic.qFrequencyExponent", 0.0);
    }
}

}  // namespace

void write_loads(Writer& writer) {
    write_load_models(writer);
    auto const& feeder = writer.feeder;
    for (auto id : feeder.loads.ids()) {
        auto const& row = feeder.loads[id];
        std::array const buses{row.bus};
        Equipment const equipment{writer.id(feeder.loads, id), feeder.loads.name(id), row.area, buses};
        {
            auto node = writer.node("EnergyConsumer", feeder.loads, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.bus);
            node.number("EnergyConsumer.p", total(row.p_w))
                .number("EnergyConsumer.q", total(row.q_var))
                .integer("EnergyConsumer.customerCount", row.customers)
                .flag("EnergyConsumer.grounded", row.grounded)
                .literal("EnergyConsumer.phaseConnection", "PhaseShuntConnectionKind",
                         to_cim(shunt_connections, row.connection));
            if (row.model.valid()) node.link("EnergyConsumer.LoadResponse", writer.id(feeder.load_models, row.model));
        }
        write_phase_powers(writer, equipment, "EnergyConsumer", row.phases, row.p_w, row.q_var);
        writer.terminals(equipment, feeder::Rating{});
    }
}

// ---- capacitors

namespace {

NodeId control_of(NodeId const& capacitor) { return Writer::part(capacitor, "RegulatingControl"); }

bool has_phase_objects(feeder::Capacitor const& row) { return !even(row.phases, {row.b_per_section_s, row.sections}); }

/// As phase objects have it: between two phases for a delta.
double written_b_s(feeder::Capacitor const& row, Phase phase) {
    bool const between = row.connection == feeder::Connection::delta && has_phase_objects(row);
    return row.b_per_section_s[slot(phase)] / (between ? wye_of_delta : 1.0);
}

void write_capacitor(Writer& writer, Index<feeder::Capacitor> id, Equipment const& equipment) {
    auto const& row = writer.feeder.capacitors[id];
    auto const first = row.phases.empty() ? 0.0 : written_b_s(row, *row.phases.list().begin());
    auto node = writer.node("LinearShuntCompensator", writer.feeder.capacitors, id);
    writer.equipment(node, equipment);
    writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.bus);
    node.number("ShuntCompensator.nomU", row.nominal_v)
        .literal("ShuntCompensator.phaseConnection", "PhaseShuntConnectionKind",
                 to_cim(shunt_connections, row.connection))
        .flag("ShuntCompensator.grounded", row.grounded)
        .number("LinearShuntCompensator.bPerSection", first)
        .number("LinearShuntCompensator.gPerSection", 0.0)
        .number("LinearShuntCompensator.b0PerSection", row.grounded ? first : 0.0)
        .number("LinearShuntCompensator.g0PerSection", 0.0)
        .number("ShuntCompensator.sections", *std::ranges::max_element(row.sections))
        .integer("ShuntCompensator.maximumSections", row.maximum_sections)
        .integer("ShuntCompensator.normalSections", row.normal_sections)
        .number("ShuntCompensator.aVRDelay", row.delay_s);
    if (row.control.present) node.link("RegulatingCondEq.RegulatingControl", control_of(equipment.id));
}

void write_capacitor_phases(Writer& writer, feeder::Capacitor const& row, Equipment const& equipment) {
    if (!has_phase_objects(row)) return;
    for (Phase phase : row.phases.list())
        writer.phase("LinearShuntCompensatorPhase", equipment, phase)
            .link("ShuntCompensatorPhase.ShuntCompensator", equipment.id)
            .literal("ShuntCompensatorPhase.phase", "SinglePhaseKind", feeder::to_text(phase))
            .number("LinearShuntCompensatorPhase.bPerSection", written_b_s(row, phase))
            .number("LinearShuntCompensatorPhase.gPerSection", 0.0)
            .number("ShuntCompensatorPhase.sections", row.sections[slot(phase)])
            .integer("ShuntCompensatorPhase.maximumSections", row.maximum_sections)
            .integer("ShuntCompensatorPhase.normalSections", row.normal_sections);
}

}  // namespace

void write_capacitors(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.capacitors.ids()) {
        auto const& row = feeder.capacitors[id];
        std::array const buses{row.bus};
        Equipment const equipment{writer.id(feeder.capacitors, id), feeder.capacitors.name(id), row.area, buses};
        write_capacitor(writer, id, equipment);
        write_capacitor_phases(writer, row, equipment);
        if (row.control.present) {
            auto node =
                writer.node("RegulatingControl", control_of(equipment.id), fmt::format("{}_Ctrl", equipment.name));
            regulating_control(writer, node, row.control, {});
        }
        writer.terminals(equipment, row.rating);
    }
}

// ---- inverters

namespace {

void write_inverter(Writer& writer, Equipment const& equipment, std::string_view mrid, feeder::Inverter const& row) {
    {
        auto node = writer.node("PowerElectronicsConnection", equipment.id, equipment.name, mrid);
        writer.equipment(node, equipment);
        writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.bus);
        node.number("PowerElectronicsConnection.p", total(row.p_w))
            .number("PowerElectronicsConnection.q", total(row.q_var))
            .number("PowerElectronicsConnection.ratedS", row.rated_va)
            .number("PowerElectronicsConnection.ratedU", row.rated_v)
            .known_number("PowerElectronicsConnection.minQ", row.min_q_var)
            .known_number("PowerElectronicsConnection.maxQ", row.max_q_var)
            .known_number("PowerElectronicsConnection.maxIFault", row.max_fault_pu)
            .literal("PowerElectronicsConnection.controlMode", "ConverterControlModeKind",
                     to_cim(converter_modes, row.control_mode));
    }
    write_phase_powers(writer, equipment, "PowerElectronicsConnection", row.phases, row.p_w, row.q_var);
    writer.terminals(equipment, feeder::Rating{});
}

/// What a photovoltaic and a battery unit have in common; a unit belongs to no container but its converter.
void write_unit(Node& node, Writer const& writer, Equipment const& connection, double min_p_w, double max_p_w) {
    node.link("PowerElectronicsUnit.PowerElectronicsConnection", connection.id)
        .number("PowerElectronicsUnit.maxP", max_p_w)
        .number("PowerElectronicsUnit.minP", min_p_w);
    if (connection.area.valid())
        node.link("Equipment.SubSchedulingArea", writer.id(writer.feeder.areas, connection.area));
    writer.location(node, connection);
}

}  // namespace

void write_inverters(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.pv_systems.ids()) {
        auto const& row = feeder.pv_systems[id];
        std::array const buses{row.inverter.bus};
        Equipment const connection{writer.pv_connection(id), feeder.pv_connection_names[id.at()], row.area, buses};
        write_inverter(writer, connection, feeder.pv_connection_mrids[id.at()], row.inverter);
        auto node = writer.node("PhotovoltaicUnit", feeder.pv_systems, id);
        write_unit(node, writer, connection, row.min_p_w, row.max_p_w);
    }
    for (auto id : feeder.batteries.ids()) {
        auto const& row = feeder.batteries[id];
        std::array const buses{row.inverter.bus};
        Equipment const connection{writer.battery_connection(id), feeder.battery_connection_names[id.at()], row.area,
                                   buses};
        write_inverter(writer, connection, feeder.battery_connection_mrids[id.at()], row.inverter);
        auto node = writer.node("BatteryUnit", feeder.batteries, id);
        write_unit(node, writer, connection, row.min_p_w, row.max_p_w);
        node.number("BatteryUnit.ratedE", row.rated_wh)
            .number("BatteryUnit.storedE", row.stored_wh)
            .literal("BatteryUnit.batteryState", "BatteryStateKind", to_cim(battery_states, row.state));
    }
}

// ---- machines

void write_machines(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.machines.ids()) {
        auto const& row = feeder.machines[id];
        std::array const buses{row.bus};
        Equipment const equipment{writer.id(feeder.machines, id), feeder.machines.name(id), row.area, buses};
        {
            auto node = writer.node("SynchronousMachine", feeder.machines, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.bus);
            node.number("RotatingMachine.p", row.p_w)
                .number("RotatingMachine.q", row.q_var)
                .number("RotatingMachine.ratedS", row.rated_va)
                .number("RotatingMachine.ratedU", row.rated_v);
        }
        if (row.phases != PhaseSet::abc())
            for (Phase phase : row.phases.list())
                writer.phase("SynchronousMachinePhase", equipment, phase)
                    .link("SynchronousMachinePhase.SynchronousMachine", equipment.id)
                    .literal("SynchronousMachinePhase.phase", "SinglePhaseKind", feeder::to_text(phase));
        writer.terminals(equipment, feeder::Rating{});
    }
}

// ---- measurements

namespace {

/// PhaseCode: "A", "ABC", "s1", "s12"; "none" for a quantity that is of no phase.
std::string phase_code(PhaseSet phases) {
    if (phases.empty()) return "none";
    if (phases == PhaseSet::split()) return "s12";
    return feeder::to_text(phases);
}

}  // namespace

void write_measurements(Writer& writer) {
    auto const& measurements = writer.feeder.measurements;
    for (auto id : measurements.ids()) {
        auto const& row = measurements[id];
        auto node = writer.node(row.discrete ? "Discrete" : "Analog", measurements, id);
        node.text("Measurement.measurementType", to_cim(measurement_types, row.type))
            .literal("Measurement.phases", "PhaseCode", phase_code(row.phases));
        NodeId found;
        if (writer.resource(row.at, found)) node.link("Measurement.PowerSystemResource", found);
        if (writer.terminal(row.at, row.phases, found)) node.link("Measurement.Terminal", found);
    }
}

}  // namespace dec::io::cim
