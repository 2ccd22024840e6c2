/// \file feeder.hpp
/// A distribution feeder as the utility wrote it, in SI, element by element, with names and mRIDs.
/// Nothing here is a variable, an offset or an answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/core/table.hpp"
#include "dec/feeder/elements.hpp"

namespace dec::feeder {

using core::Table;
using core::TextColumn;

/// Names that hold for the whole model.
struct Heading {
    std::string name, mrid;
    std::string substation, substation_mrid;
    std::string subregion, subregion_mrid;
    std::string region, region_mrid;
    std::string origin;  ///< file or endpoint it was read from, for messages
};

/// A whole feeder, or the part of one that a rank needs (see partition::Piece).
struct Feeder {
    Heading heading;
    Table<Bus> buses;
    Table<LineCode> line_codes;
    Table<Line> lines;
    Table<Switch> switches;
    Table<SeriesCompensator> series_compensators;
    Table<TransformerCode> transformer_codes;
    Table<Bank> banks;
    Table<Transformer> transformers;
    Table<TapChanger> tap_changers;
    Table<LoadModel> load_models;
    Table<Load> loads;
    Table<Capacitor> capacitors;
    Table<PvSystem> pv_systems;      ///< name and mRID of the photovoltaic unit
    TextColumn pv_connection_names;  ///< of the converter, one per row of pv_systems
    TextColumn pv_connection_mrids;
    Table<Battery> batteries;  ///< name and mRID of the battery unit
    TextColumn battery_connection_names;
    TextColumn battery_connection_mrids;
    Table<Machine> machines;
    Table<Source> sources;  ///< exactly one in a valid feeder
    Table<Area> areas;
    Table<Measurement> measurements;

    /// Sets every bus's phases to the union of what is attached to it.
    void derive_bus_phases();
};

/// Adds a photovoltaic system with both its identities.
Index<PvSystem> add_pv(Feeder& feeder, PvSystem const& pv, std::string_view unit_name, std::string_view unit_mrid,
                       std::string_view connection_name, std::string_view connection_mrid);
/// Adds a battery with both its identities.
Index<Battery> add_battery(Feeder& feeder, Battery const& battery, std::string_view unit_name,
                           std::string_view unit_mrid, std::string_view connection_name,
                           std::string_view connection_mrid);

/// Calls `visit(label, table)` for every table in a fixed order; `feeder` may be const.
template <class AnyFeeder, class Visitor>
void for_each_table(AnyFeeder& feeder, Visitor&& visit) {
    visit("bus", feeder.buses);
    visit("line code", feeder.line_codes);
    visit("line", feeder.lines);
    visit("switch", feeder.switches);
    visit("series compensator", feeder.series_compensators);
    visit("transformer code", feeder.transformer_codes);
    visit("transformer bank", feeder.banks);
    visit("transformer", feeder.transformers);
    visit("tap changer", feeder.tap_changers);
    visit("load model", feeder.load_models);
    visit("load", feeder.loads);
    visit("capacitor", feeder.capacitors);
    visit("pv", feeder.pv_systems);
    visit("battery", feeder.batteries);
    visit("machine", feeder.machines);
    visit("source", feeder.sources);
    visit("area", feeder.areas);
    visit("measurement", feeder.measurements);
}

/// "line l35 (6510F63A-…)": how messages name an element.
[[nodiscard]] std::string describe(std::string_view label, std::string_view name, std::string_view mrid);
template <class Row>
[[nodiscard]] std::string describe(std::string_view label, Table<Row> const& table, typename Table<Row>::Id id) {
    return describe(label, table.name(id), table.mrid(id));
}

/// Series impedance (ohm) and shunt admittance of a whole line in the places A, B, C or s1, s2; absent phases zero.
struct LineMatrices {
    Matrix3 r_ohm{}, x_ohm{}, b_s{}, g_s{};
};
[[nodiscard]] LineMatrices line_matrices(Feeder const& feeder, Index<Line> line);

/// Self and mutual terms of a balanced three-phase impedance from its sequence values: (z0 + 2 z1)/3, (z0 - z1)/3.
[[nodiscard]] Matrix3 from_sequence(double positive, double zero);

/// Opens and closes switches by name, all phases.
/// \throws core::InvalidInput naming every switch that is not there, with the nearest names.
void set_switches(Feeder& feeder, std::vector<std::string> const& open, std::vector<std::string> const& close);

/// Every tap changer at its neutral step.
void set_taps_neutral(Feeder& feeder);

/// Multiplies every load, every photovoltaic system's power.
void scale(Feeder& feeder, double load_scale, double pv_scale);

/// Totals for comparison with other tools.
struct Totals {
    double load_w = 0.0, load_var = 0.0, pv_w = 0.0, battery_w = 0.0, machine_w = 0.0, capacitor_var = 0.0;
    std::size_t nodes = 0;  ///< pairs of bus and phase
};
[[nodiscard]] Totals totals(Feeder const& feeder);

/// What two feeders do not have in common, a line each; empty when they are the same network. Order does not matter;
/// elements are matched by name. \param tolerance relative, on every number.
[[nodiscard]] std::vector<std::string> differences(Feeder const& a, Feeder const& b, double tolerance = 1e-12);

}  // namespace dec::feeder
