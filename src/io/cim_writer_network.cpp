/// \file cim_writer_network.cpp
/// Line codes, lines, switches, series compensators, the source.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "cim_names.hpp"
#include "cim_writer.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Bus;
using feeder::Line;
using feeder::LineCode;
using feeder::Matrix3;
using feeder::PhaseSet;

namespace {

// ---- line codes

/// Self and mutual term of a balanced matrix as sequence values: z0 = self + 2 mutual, z1 = self - mutual.
struct Sequence {
    double positive = 0.0, zero = 0.0;
};

Sequence to_sequence(Matrix3 const& m, std::size_t conductors) {
    double const mutual = conductors > 1 ? m[1][0] : 0.0;
    return {decimal(m[0][0] - mutual), decimal(m[0][0] + 2.0 * mutual)};
}

/// True if sequence values say all about these rows and columns.
bool balanced(Matrix3 const& m, std::size_t conductors) {
    auto const sequence = to_sequence(m, conductors);
    auto const again = feeder::from_sequence(sequence.positive, sequence.zero);
    double const tolerance = 1e-13 * std::abs(m[0][0]);
    for (std::size_t i = 0; i < conductors; ++i)
        for (std::size_t k = 0; k < conductors; ++k)
            if (!(std::abs(m[i][k] - again[i][k]) <= tolerance)) return false;
    return true;
}

/// How a code is written: as it came, unless its values have become something that this form cannot say.
LineCode::Form form_of(LineCode const& code) {
    std::size_t const n = code.conductors;
    bool const is_balanced =
        balanced(code.r_ohm, n) && balanced(code.x_ohm, n) && balanced(code.b_s, n) && balanced(code.g_s, n);
    return is_balanced ? code.form : LineCode::Form::matrix;
}

void write_sequence(Node& node, std::string_view prefix, LineCode const& code) {
    auto const write = [&](Matrix3 const& m, std::string_view positive, std::string_view zero) {
        auto const sequence = to_sequence(m, code.conductors);
        node.number(fmt::format("{}.{}", prefix, positive), sequence.positive)
            .number(fmt::format("{}.{}", prefix, zero), sequence.zero);
    };
    write(code.r_ohm, "r", "r0");
    write(code.x_ohm, "x", "x0");
    write(code.b_s, "bch", "b0ch");
    write(code.g_s, "gch", "g0ch");
}

/// The lower triangle of a matrix code, divided by `length_m` where it holds the totals of a line.
void write_matrix(Writer& writer, NodeId const& id, std::string_view name, std::string_view mrid, LineCode const& code,
                  double length_m) {
    writer.node("PerLengthPhaseImpedance", id, name, mrid)
        .integer("PerLengthPhaseImpedance.conductorCount", code.conductors);
    for (std::size_t row = 0; row < code.conductors; ++row)
        for (std::size_t column = 0; column <= row; ++column) {
            auto entry = writer.anonymous("PhaseImpedanceData",
                                          Writer::part(id, fmt::format("Entry {} {}", row + 1, column + 1)));
            entry.link("PhaseImpedanceData.PhaseImpedance", id)
                .integer("PhaseImpedanceData.row", static_cast<std::int64_t>(row) + 1)
                .integer("PhaseImpedanceData.column", static_cast<std::int64_t>(column) + 1)
                .number("PhaseImpedanceData.r", code.r_ohm[row][column] / length_m)
                .number("PhaseImpedanceData.x", code.x_ohm[row][column] / length_m)
                .number("PhaseImpedanceData.b", code.b_s[row][column] / length_m);
            if (code.g_s[row][column] != 0.0) entry.number("PhaseImpedanceData.g", code.g_s[row][column] / length_m);
        }
}

/// Identity of the code that a line with totals needs if they are no sequence values.
NodeId own_code(NodeId const& line) { return Writer::part(line, "PerLengthPhaseImpedance"); }

void write_impedance(Node& node, Writer const& writer, NodeId const& line_id, Index<LineCode> code) {
    if (!code.valid()) return;
    auto const& row = writer.feeder.line_codes[code];
    if (row.form != LineCode::Form::whole_line)
        node.link("ACLineSegment.PerLengthImpedance", writer.id(writer.feeder.line_codes, code));
    else if (form_of(row) == LineCode::Form::whole_line) write_sequence(node, "ACLineSegment", row);
    else node.link("ACLineSegment.PerLengthImpedance", own_code(line_id));
}

}  // namespace

void write_line_codes(Writer& writer) {
    auto const& codes = writer.feeder.line_codes;
    // class after class, as they are read: what is read from this file gives this file again
    for (auto const form : {LineCode::Form::matrix, LineCode::Form::sequence})
        for (auto code : codes.ids()) {
            auto const& row = codes[code];
            if (row.form == LineCode::Form::whole_line || form_of(row) != form) continue;  // the former with its line
            if (form == LineCode::Form::matrix) {
                write_matrix(writer, writer.id(codes, code), codes.name(code), codes.mrid(code), row, 1.0);
                continue;
            }
            auto node = writer.node("PerLengthSequenceImpedance", codes, code);
            write_sequence(node, "PerLengthSequenceImpedance", row);
        }
}

void write_lines(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.lines.ids()) {
        auto const& row = feeder.lines[id];
        std::array const buses{row.from, row.to};
        Equipment const equipment{writer.id(feeder.lines, id), feeder.lines.name(id), row.area, buses};
        {
            auto node = writer.node("ACLineSegment", feeder.lines, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.from);
            node.number("Conductor.length", row.length_m);
            write_impedance(node, writer, equipment.id, row.code);
        }
        for (std::size_t i = 0; i < row.conductors; ++i)
            writer.phase("ACLineSegmentPhase", equipment, row.phases[i])
                .link("ACLineSegmentPhase.ACLineSegment", equipment.id)
                .integer("ACLineSegmentPhase.sequenceNumber", static_cast<std::int64_t>(i) + 1)
                .literal("ACLineSegmentPhase.phase", "SinglePhaseKind", feeder::to_text(row.phases[i]));
        writer.terminals(equipment, row.rating);
        if (row.code.valid() && feeder.line_codes[row.code].form == LineCode::Form::whole_line &&
            form_of(feeder.line_codes[row.code]) == LineCode::Form::matrix)
            write_matrix(writer, own_code(equipment.id), feeder.line_codes.name(row.code), {},
                         feeder.line_codes[row.code], row.length_m);
    }
}

void write_switches(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.switches.ids()) {
        auto const& row = feeder.switches[id];
        std::array const buses{row.from, row.to};
        Equipment const equipment{writer.id(feeder.switches, id), feeder.switches.name(id), row.area, buses};
        bool const open = row.closed.empty();
        {
            auto node = writer.node(to_cim(switch_classes, row.kind), feeder.switches, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.from);
            node.flag("Switch.open", open)
                .flag("Switch.normalOpen", row.normally_open)
                .flag("Switch.retained", true)
                .known_number("Switch.ratedCurrent", row.rated_a)
                .known_number("ProtectedSwitch.breakingCapacity", row.breaking_capacity_a);
        }
        bool const as_one = row.phases == PhaseSet::abc() && (open || row.closed == row.phases);
        for (auto phase : as_one ? PhaseSet{}.list() : row.phases.list())
            writer.phase("SwitchPhase", equipment, phase)
                .link("SwitchPhase.Switch", equipment.id)
                .flag("SwitchPhase.closed", row.closed.contains(phase))
                .flag("SwitchPhase.normalOpen", row.normally_open)
                .literal("SwitchPhase.phaseSide1", "SinglePhaseKind", feeder::to_text(phase))
                .literal("SwitchPhase.phaseSide2", "SinglePhaseKind", feeder::to_text(phase));
        writer.terminals(equipment, row.rating);
    }
}

void write_series_compensators(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.series_compensators.ids()) {
        auto const& row = feeder.series_compensators[id];
        std::array const buses{row.from, row.to};
        Equipment const equipment{writer.id(feeder.series_compensators, id), feeder.series_compensators.name(id),
                                  row.area, buses};
        {
            auto node = writer.node("SeriesCompensator", feeder.series_compensators, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.from);
            node.number("SeriesCompensator.r", row.r_ohm)
                .number("SeriesCompensator.x", row.x_ohm)
                .number("SeriesCompensator.r0", row.r0_ohm)
                .number("SeriesCompensator.x0", row.x0_ohm);
        }
        writer.terminals(equipment, row.rating);
    }
}

void write_sources(Writer& writer) {
    auto const& feeder = writer.feeder;
    for (auto id : feeder.sources.ids()) {
        auto const& row = feeder.sources[id];
        std::array const buses{row.bus};
        Equipment const equipment{writer.id(feeder.sources, id), feeder.sources.name(id), row.area, buses};
        {
            auto node = writer.node("EnergySource", feeder.sources, id);
            writer.equipment(node, equipment);
            writer.base_voltage(node, "ConductingEquipment.BaseVoltage", row.bus);
            node.number("EnergySource.nominalVoltage", row.nominal_v)
                .number("EnergySource.voltageMagnitude", row.voltage_v)
                .number("EnergySource.voltageAngle", row.angle_rad)
                .number("EnergySource.r", row.r_ohm)
                .number("EnergySource.x", row.x_ohm)
                .number("EnergySource.r0", row.r0_ohm)
                .number("EnergySource.x0", row.x0_ohm);
        }
        writer.terminals(equipment, feeder::Rating{});
    }
}

}  // namespace dec::io::cim
