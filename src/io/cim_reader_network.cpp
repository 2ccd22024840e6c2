/// \file cim_reader_network.cpp
/// Heading, buses with base voltages, lines and their codes, switches, series compensators, the source.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "cim_context.hpp"
#include "cim_reader_wires.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Bus;
using feeder::ElementKind;
using feeder::Line;
using feeder::LineCode;
using feeder::Phase;
using feeder::PhaseSet;

// ---- heading and buses

void read_heading(Context& context) {
    auto const feeders = context.objects.of_class("Feeder");
    if (feeders.empty())
        context.finding("has no cim:Feeder", "a CIM100 distribution feeder is needed: export one with a Feeder object");
    for (std::size_t i = 1; i < feeders.size(); ++i)
        context.finding(feeders[i], fmt::format("is a second feeder beside {}", context.describe(feeders[0])),
                        "give each feeder a file of its own");
    if (feeders.empty()) return;

    auto& heading = context.feeder.heading;
    auto const take = [&](ObjectId id, std::string& name, std::string& mrid) {
        name = context.name(id);
        mrid = context.mrid(id);
    };
    take(feeders[0], heading.name, heading.mrid);
    auto const substation = context.linked_one(feeders[0], link::substation_of_feeder);
    if (!substation.valid()) return;
    take(substation, heading.substation, heading.substation_mrid);
    auto const subregion = context.linked_one(substation, link::region_of_substation);
    if (!subregion.valid()) return;
    take(subregion, heading.subregion, heading.subregion_mrid);
    auto const region = context.linked_one(subregion, link::region_of_subregion);
    if (region.valid()) take(region, heading.region, heading.region_mrid);
}

void read_buses(Context& context) {
    for (ObjectId node : context.objects.of_class("ConnectivityNode")) {
        context.bus_of[node.at()] = context.add(context.feeder.buses, Bus{}, node);
        (void)context.linked_one(node, link::container_of_node);  // one feeder per file: any container will do
    }
    for (ObjectId terminal : context.objects.of_class("Terminal")) {
        auto const node = context.linked_one(terminal, link::node_of_terminal);
        if (node.valid()) {
            context.bus_of[terminal.at()] = context.bus_of[node.at()];
            continue;
        }
        auto const equipment = context.linked_one(terminal, link::equipment_of_terminal);
        context.finding(terminal,
                        equipment.valid() ? fmt::format("of {} is at no ConnectivityNode", context.describe(equipment))
                                          : std::string{"is at no ConnectivityNode and belongs to no equipment"},
                        "add Terminal.ConnectivityNode");
    }
}

namespace {

/// Base voltages of buses as the equipment states them, and who was first.
class BaseVoltages {
  public:
    explicit BaseVoltages(Context& context) : context_{context}, stated_by_(context.feeder.buses.size()) {}

    void state(Index<Bus> bus, ObjectId owner, ObjectId base_voltage) {
        if (!bus.valid()) return;
        auto const nominal_v = nominal(base_voltage);
        if (std::isnan(nominal_v)) return;
        auto const base_v = nominal_v / std::sqrt(3.0);
        auto& known = context_.feeder.buses[bus].base_v;
        auto& first = stated_by_[bus.at()];
        if (!first.valid()) {
            first = owner;
            known = base_v;
        } else if (std::abs(known - base_v) > 1e-6 * base_v) {
            context_.finding(
                owner,
                fmt::format("puts bus {} at {} V, {} puts it at {} V (line to line)", context_.feeder.buses.name(bus),
                            nominal_v, context_.describe(first), known * std::sqrt(3.0)),
                "correct one of the BaseVoltage references");
        }
    }

  private:
    double nominal(ObjectId base_voltage) {
        auto const found = nominal_.find(base_voltage);
        if (found != nominal_.end()) return found->second;
        auto value = context_.required_number(base_voltage, "BaseVoltage.nominalVoltage");
        if (value <= 0.0) {
            context_.finding(base_voltage, fmt::format("nominalVoltage = {} V is not positive", value),
                             "give the nominal line-to-line voltage");
            value = feeder::unknown;
        }
        return nominal_[base_voltage] = value;
    }

    Context& context_;
    std::vector<ObjectId> stated_by_;
    std::map<ObjectId, double> nominal_;
};

}  // namespace

void read_base_voltages(Context& context) {
    BaseVoltages voltages{context};
    std::vector<ObjectId> attached(context.feeder.buses.size());
    for (ObjectId terminal : context.objects.of_class("Terminal")) {
        auto const bus = context.bus_of[terminal.at()];
        auto const equipment = context.linked_one(terminal, link::equipment_of_terminal);
        if (!bus.valid() || !equipment.valid()) continue;
        attached[bus.at()] = equipment;
        auto const base_voltage = context.linked_one(equipment, link::voltage_of_equipment);
        // a transformer's ends have voltages of their own
        if (base_voltage.valid() && context.objects.class_name(equipment) != "PowerTransformer")
            voltages.state(bus, equipment, base_voltage);
    }
    for (auto const class_name : {"PowerTransformerEnd", "TransformerTankEnd"})
        for (ObjectId end : context.objects.of_class(class_name)) {
            auto const terminal = context.linked_one(end, link::terminal_of_end);
            auto const base_voltage = context.linked_one(end, link::voltage_of_end);
            if (terminal.valid() && base_voltage.valid())
                voltages.state(context.bus_of[terminal.at()], end, base_voltage);
        }
    for (ObjectId node : context.objects.of_class("ConnectivityNode")) {
        auto const bus = context.bus_of[node.at()];
        if (!attached[bus.at()].valid() || context.feeder.buses[bus].base_v != 0.0) continue;
        context.finding(node,
                        fmt::format("has no base voltage: nothing attached to it names a BaseVoltage, for example {}",
                                    context.describe(attached[bus.at()])),
                        "add ConductingEquipment.BaseVoltage, or TransformerEnd.BaseVoltage to a transformer end");
    }
}

// ---- lines

namespace {

std::size_t pair_place(std::int32_t row, std::int32_t column) {
    return static_cast<std::size_t>(row - 1) * 3 + static_cast<std::size_t>(column - 1);
}

/// Entries of a matrix code; the half that is not stored is mirrored.
void read_matrix_entries(Context& context, ObjectId code_id, LineCode& code) {
    auto const n = static_cast<std::int32_t>(code.conductors);
    std::array<bool, 9> given{};
    for (ObjectId entry : context.linked(code_id, link::entries_of_code)) {
        auto const row = context.integer(entry, "PhaseImpedanceData.row").value_or(0);
        auto const column = context.integer(entry, "PhaseImpedanceData.column").value_or(0);
        if (row < 1 || row > n || column < 1 || column > n) {
            context.finding(entry,
                            fmt::format("row {}, column {} is outside the {} x {} matrix of {}", row, column, n, n,
                                        context.describe(code_id)),
                            "rows and columns run from 1 to conductorCount");
            continue;
        }
        auto const i = static_cast<std::size_t>(row - 1);
        auto const k = static_cast<std::size_t>(column - 1);
        code.r_ohm[i][k] = context.required_number(entry, "PhaseImpedanceData.r");
        code.x_ohm[i][k] = context.required_number(entry, "PhaseImpedanceData.x");
        code.b_s[i][k] = context.number(entry, "PhaseImpedanceData.b").value_or(0.0);
        code.g_s[i][k] = context.number(entry, "PhaseImpedanceData.g").value_or(0.0);
        given[pair_place(row, column)] = true;
    }
    for (std::int32_t row = 1; row <= n; ++row)
        for (std::int32_t column = 1; column <= n; ++column) {
            if (given[pair_place(row, column)]) continue;
            if (!given[pair_place(column, row)]) {
                context.finding(code_id, fmt::format("has no PhaseImpedanceData for row {}, column {}", row, column),
                                "add it, with 0 where there is no coupling");
                continue;
            }
            auto const i = static_cast<std::size_t>(row - 1);
            auto const k = static_cast<std::size_t>(column - 1);
            for (auto* matrix : {&code.r_ohm, &code.x_ohm, &code.b_s, &code.g_s}) (*matrix)[i][k] = (*matrix)[k][i];
        }
}

/// Phase matrices from sequence values; `prefix` is the class that has the attributes.
LineCode sequence_code(Context& context, ObjectId id, std::string_view prefix, LineCode::Form form) {
    auto const attribute = [&](std::string_view suffix) { return fmt::format("{}.{}", prefix, suffix); };
    auto const r1 = context.required_number(id, attribute("r"));
    auto const x1 = context.required_number(id, attribute("x"));
    auto const b1 = context.number_or(id, attribute("bch"), 0.0);
    auto const g1 = context.number(id, attribute("gch")).value_or(0.0);
    LineCode code;
    code.form = form;
    code.r_ohm = feeder::from_sequence(r1, context.number_or(id, attribute("r0"), r1));
    code.x_ohm = feeder::from_sequence(x1, context.number_or(id, attribute("x0"), x1));
    code.b_s = feeder::from_sequence(b1, context.number_or(id, attribute("b0ch"), b1));
    code.g_s = feeder::from_sequence(g1, context.number(id, attribute("g0ch")).value_or(g1));
    return code;
}

using Codes = std::map<ObjectId, Index<LineCode>>;

Codes read_line_codes(Context& context) {
    Codes codes;
    for (ObjectId id : context.objects.of_class("PerLengthPhaseImpedance")) {
        LineCode code;
        auto const conductors = context.integer(id, "PerLengthPhaseImpedance.conductorCount");
        if (!conductors || *conductors < 1 || *conductors > 3) {
            context.finding(id,
                            conductors ? fmt::format("conductorCount = {} is not 1, 2 or 3", *conductors)
                                       : std::string{"conductorCount is missing"},
                            "eliminate the neutral (Kron) and give the matrix of the phases");
            continue;
        }
        code.conductors = static_cast<std::uint8_t>(*conductors);
        read_matrix_entries(context, id, code);
        codes[id] = context.add(context.feeder.line_codes, code, id);
    }
    for (ObjectId id : context.objects.of_class("PerLengthSequenceImpedance"))
        codes[id] = context.add(context.feeder.line_codes,
                                sequence_code(context, id, "PerLengthSequenceImpedance", LineCode::Form::sequence), id);
    return codes;
}

/// Phases in the order of the code's rows; the neutral is left out, codes come without it.
void read_line_phases(Context& context, ObjectId id, Line& line) {
    auto const phases = context.linked_in_order(id, link::phases_of_line, "ACLineSegmentPhase.sequenceNumber");
    if (phases.empty()) {
        line.phases = {Phase::a, Phase::b, Phase::c};
        line.conductors = 3;
        context.convention(id, "ACLineSegment without phases", "three phases A, B, C");
        return;
    }
    for (ObjectId object : phases) {
        auto const phase = context.phase(object, "ACLineSegmentPhase.phase");
        if (!phase) continue;
        if (line.conductors == line.phases.size() || line.phase_set().contains(*phase)) {
            context.finding(id, fmt::format("has phase {} twice or more than three phases", feeder::to_text(*phase)),
                            "a line has each of its phases once");
            return;
        }
        line.phases[line.conductors++] = *phase;
    }
}

Index<LineCode> line_code(Context& context, ObjectId id, Codes const& codes, WireCodes& wires) {
    if (auto const impedance = context.linked_one(id, link::impedance_of_line); impedance.valid()) {
        auto const found = codes.find(impedance);
        return found == codes.end() ? Index<LineCode>{} : found->second;
    }
    if (context.text(id, "ACLineSegment.r") || context.text(id, "ACLineSegment.x"))
        return context.feeder.line_codes.add(sequence_code(context, id, "ACLineSegment", LineCode::Form::whole_line),
                                             context.name(id), {});
    return wires.code_of(id);
}

/// A sequence code fits any number of phases, a matrix only its own.
void check_conductors(Context& context, ObjectId id, Line const& line) {
    if (!line.code.valid()) return;
    auto const& code = context.feeder.line_codes[line.code];
    if (code.form != LineCode::Form::matrix || code.conductors == line.conductors) return;
    context.finding(id,
                    fmt::format("has {} phases, its line code {} has {} conductors", line.conductors,
                                context.feeder.line_codes.name(line.code), code.conductors),
                    "use a code with as many conductors as the line has phases, the neutral eliminated");
}

}  // namespace

void read_lines(Context& context) {
    auto const codes = read_line_codes(context);
    WireCodes wires{context};
    for (ObjectId id : context.objects.of_class("ACLineSegment")) {
        Line line;
        auto const terminals = context.terminals(id, 2);
        line.from = context.bus_at(terminals, 0);
        line.to = context.bus_at(terminals, 1);
        read_line_phases(context, id, line);
        line.code = line_code(context, id, codes, wires);
        line.length_m = line.code.valid() && context.feeder.line_codes[line.code].form == LineCode::Form::whole_line
                            ? context.number(id, "Conductor.length").value_or(1.0)
                            : context.required_number(id, "Conductor.length");
        check_conductors(context, id, line);
        line.rating = context.rating(terminals);
        line.area = context.area(id);
        (void)context.add(context.feeder.lines, line, id, ElementKind::line);
    }
}

// ---- switches

namespace {

bool is_open(Context& context, ObjectId id, std::optional<bool> normally_open) {
    if (auto const open = context.flag(id, "Switch.open")) return *open;
    context.assume(id, "Switch.open",
                   normally_open ? "absent: Switch.normalOpen taken" : "absent, and normalOpen too: taken as closed");
    return normally_open.value_or(false);
}

void read_switch_phases(Context& context, ObjectId id, bool open, feeder::Switch& row) {
    auto const phases = context.linked(id, link::phases_of_switch);
    if (phases.empty()) {
        context.convention(id, "Switch without phases", "three phases A, B, C");
        row.phases = PhaseSet::abc();
        if (!open) row.closed = row.phases;
        return;
    }
    for (ObjectId object : phases) {
        auto const phase = context.phase(object, "SwitchPhase.phaseSide1");
        if (!phase) continue;
        auto const other_side = context.text(object, "SwitchPhase.phaseSide2");
        if (other_side && *other_side != feeder::to_text(*phase))
            context.finding(object, fmt::format("connects phase {} to phase {}", feeder::to_text(*phase), *other_side),
                            "a switch does not change phases: make both sides the same");
        row.phases.insert(*phase);
        auto const closed = context.flag(object, "SwitchPhase.closed").value_or(!open);
        if (closed && open)
            context.assume(id, "SwitchPhase.closed", "says closed where Switch.open says open: taken as open");
        if (closed && !open) row.closed.insert(*phase);
    }
}

/// A grounding switch at one bus only does nothing while it is open.
bool grounds_nothing(Context& context, ObjectId id, feeder::Switch::Kind kind) {
    if (kind != feeder::Switch::Kind::ground_disconnector) return false;
    if (context.linked(id, link::terminals_of_equipment).size() != 1) return false;
    if (is_open(context, id, context.flag(id, "Switch.normalOpen"))) {
        context.ignore(id, "open, and to ground");
    } else {
        context.finding(id, "is closed: it grounds its bus", "open it");
    }
    return true;
}

}  // namespace

void read_switches(Context& context) {
    for (auto const& [kind, class_name] : switch_classes)
        for (ObjectId id : context.objects.of_class(class_name)) {
            if (grounds_nothing(context, id, kind)) continue;
            feeder::Switch row;
            row.kind = kind;
            auto const terminals = context.terminals(id, 2);
            row.from = context.bus_at(terminals, 0);
            row.to = context.bus_at(terminals, 1);
            auto const normally_open = context.flag(id, "Switch.normalOpen");
            auto const open = is_open(context, id, normally_open);
            row.normally_open = normally_open.value_or(open);
            read_switch_phases(context, id, open, row);
            row.rated_a = context.number(id, "Switch.ratedCurrent").value_or(feeder::unknown);
            row.breaking_capacity_a = context.number(id, "ProtectedSwitch.breakingCapacity").value_or(feeder::unknown);
            row.rating = context.rating(terminals);
            row.area = context.area(id);
            (void)context.add(context.feeder.switches, row, id, ElementKind::switch_);
        }
}

// ---- series compensators and the source

void read_series_compensators(Context& context) {
    for (ObjectId id : context.objects.of_class("SeriesCompensator")) {
        feeder::SeriesCompensator row;
        auto const terminals = context.terminals(id, 2);
        row.from = context.bus_at(terminals, 0);
        row.to = context.bus_at(terminals, 1);
        row.r_ohm = context.required_number(id, "SeriesCompensator.r");
        row.x_ohm = context.required_number(id, "SeriesCompensator.x");
        row.r0_ohm = context.number_or(id, "SeriesCompensator.r0", row.r_ohm);
        row.x0_ohm = context.number_or(id, "SeriesCompensator.x0", row.x_ohm);
        row.rating = context.rating(terminals);
        row.area = context.area(id);
        (void)context.add(context.feeder.series_compensators, row, id, ElementKind::series_compensator);
    }
}

void read_sources(Context& context) {
    auto const sources = context.objects.of_class("EnergySource");
    for (ObjectId id : sources) {
        if (id != sources.front()) {
            context.finding(id, fmt::format("is a second source beside {}", context.describe(sources.front())),
                            "a feeder is fed from one point: keep one EnergySource");
            continue;
        }
        feeder::Source row;
        row.bus = context.bus_at(context.terminals(id, 1), 0);
        row.nominal_v = context.required_number(id, "EnergySource.nominalVoltage");
        row.voltage_v = context.number_or(id, "EnergySource.voltageMagnitude", row.nominal_v);
        row.angle_rad = context.number_or(id, "EnergySource.voltageAngle", 0.0);
        row.r_ohm = context.number_or(id, "EnergySource.r", 0.0);
        row.x_ohm = context.number_or(id, "EnergySource.x", 0.0);
        row.r0_ohm = context.number_or(id, "EnergySource.r0", row.r_ohm);
        row.x0_ohm = context.number_or(id, "EnergySource.x0", row.x_ohm);
        row.area = context.area(id);
        (void)context.add(context.feeder.sources, row, id, ElementKind::source);
    }
}

}  // namespace dec::io::cim
