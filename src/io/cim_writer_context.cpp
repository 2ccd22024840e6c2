/// \file cim_writer_context.cpp
/// Identities, terminals, positions, limits: what every part of the writer needs.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "cim_writer.hpp"
#include "dec/core/uuid.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Area;
using feeder::Bank;
using feeder::Bus;
using feeder::ElementKind;
using feeder::PhaseSet;
using feeder::TerminalRef;
using feeder::Transformer;
using feeder::TransformerCode;

double decimal(double value) {
    static constexpr double rounding = 8.0 * std::numeric_limits<double>::epsilon();
    auto const text = fmt::format("{:.12g}", value);
    double figure = value;
    std::from_chars(text.data(), text.data() + text.size(), figure);
    return std::abs(figure - value) <= rounding * std::abs(value) ? figure : value;
}

Writer::Writer(feeder::Feeder const& the_feeder) : feeder{the_feeder} {
    find_identities();
    find_voltage_levels();
    find_areas_of_buses();
    text_ = document_begin();
}

std::string Writer::take() {
    text_ += document_end();
    return std::move(text_);
}

// ---- identities

namespace {

/// The UUID in an mRID; nothing if there is none. Older models put an underscore before it.
std::string_view uuid_in(std::string_view mrid) {
    if (mrid.starts_with('_')) mrid.remove_prefix(1);
    return is_uuid(mrid) ? mrid : std::string_view{};
}

}  // namespace

NodeId Writer::part(NodeId const& owner, std::string_view what) { return NodeId{core::name_uuid(owner.text(), what)}; }

NodeId Writer::end_of(NodeId const& unit, std::size_t winding) {
    return part(unit, fmt::format("End {}", winding + 1));
}

NodeId Writer::terminal_of(NodeId const& owner, std::size_t number) {
    return part(owner, fmt::format("Terminal {}", number));
}

/// One identity per row. Rows without a UUID get one made from their mRID or name, numbered where these repeat.
std::vector<NodeId> Writer::identities(std::string_view label, core::TextColumn const& names,
                                       core::TextColumn const& mrids) const {
    std::vector<NodeId> ids;
    ids.reserve(names.size());
    std::unordered_map<std::string_view, std::size_t> seen;
    for (std::size_t row = 0; row < names.size(); ++row) {
        if (auto const uuid = uuid_in(mrids[row]); !uuid.empty()) {
            ids.emplace_back(uuid);
            continue;
        }
        auto const known_as = mrids[row].empty() ? names[row] : mrids[row];
        auto const before = seen[known_as]++;
        ids.push_back(part(feeder_id_, before == 0 ? fmt::format("{} {}", label, known_as)
                                                   : fmt::format("{} {} #{}", label, known_as, before + 1)));
    }
    return ids;
}

void Writer::find_identities() {
    auto const& heading = feeder.heading;
    auto const own = uuid_in(heading.mrid);
    feeder_id_ = own.empty() ? NodeId{core::name_uuid("feeder", heading.mrid.empty() ? heading.name : heading.mrid)}
                             : NodeId{own};
    feeder::for_each_table(feeder, [this](std::string_view label, auto const& table) {
        ids_.emplace(&table, identities(label, table.names(), table.mrids()));
    });
    pv_connections_ = identities("pv connection", feeder.pv_connection_names, feeder.pv_connection_mrids);
    battery_connections_ =
        identities("battery connection", feeder.battery_connection_names, feeder.battery_connection_mrids);

    first_unit_.assign(feeder.banks.size() + 1, 0);
    for (auto const& row : feeder.transformers.rows()) ++first_unit_[row.bank.at() + 1];
    for (std::size_t bank = 0; bank < feeder.banks.size(); ++bank) first_unit_[bank + 1] += first_unit_[bank];
    units_.resize(feeder.transformers.size());
    auto next = first_unit_;
    for (auto row : feeder.transformers.ids()) units_[next[feeder.transformers[row].bank.at()]++] = row;
}

bool Writer::is_tank(Index<Transformer> row) const {
    return feeder.transformer_codes[feeder.transformers[row].code].form == TransformerCode::Form::tank_tests;
}

NodeId const& Writer::unit(Index<Transformer> row) const {
    return is_tank(row) ? id(feeder.transformers, row) : id(feeder.banks, feeder.transformers[row].bank);
}

std::span<Index<Transformer> const> Writer::units(Index<Bank> bank) const {
    auto const first = first_unit_[bank.at()];
    return std::span{units_}.subspan(first, first_unit_[bank.at() + 1] - first);
}

/// The unit of a bank that has this terminal. Where several are at the same bus: the preferred one, else one on these
/// phases.
Index<Transformer> Writer::unit_at(TerminalRef const& at, PhaseSet phases, Index<Transformer> preferred) const {
    Index<Transformer> found;
    Index<Bank> const bank{at.element};
    bool const preferred_is_here = preferred.valid() && feeder.transformers[preferred].bank == bank;
    for (auto row : units(bank)) {
        auto const winding = static_cast<std::size_t>(at.terminal) - 1;
        auto const& transformer = feeder.transformers[row];
        if (winding >= transformer.winding.size() || transformer.winding[winding].bus != at.bus) continue;
        if (row == preferred) return row;
        if (!preferred_is_here && transformer.phases(winding).contains(phases)) return row;
        if (!found.valid()) found = row;
    }
    return found;
}

bool Writer::terminal(TerminalRef const& at, PhaseSet phases, NodeId& found, Index<Transformer> preferred) const {
    auto unit_row = Index<Transformer>{};
    if (at.kind == ElementKind::bank) unit_row = unit_at(at, phases, preferred);
    if (at.kind == ElementKind::transformer) unit_row = Index<Transformer>{at.element};
    if (at.kind == ElementKind::tap_changer)
        unit_row = feeder.tap_changers[Index<feeder::TapChanger>{at.element}].transformer;
    NodeId owner;
    if (unit_row.valid()) owner = unit(unit_row);
    else if (at.kind == ElementKind::bank || !resource(at, owner)) return false;
    found = terminal_of(owner, at.terminal);
    return true;
}

bool Writer::resource(TerminalRef const& at, NodeId& found) const {
    auto const take = [&]<class Row>(core::Table<Row> const& table) {
        found = id(table, Index<Row>{at.element});
        return true;
    };
    switch (at.kind) {
        case ElementKind::line: return take(feeder.lines);
        case ElementKind::switch_: return take(feeder.switches);
        case ElementKind::series_compensator: return take(feeder.series_compensators);
        case ElementKind::bank: return take(feeder.banks);
        case ElementKind::tap_changer: return take(feeder.tap_changers);
        case ElementKind::load: return take(feeder.loads);
        case ElementKind::capacitor: return take(feeder.capacitors);
        case ElementKind::machine: return take(feeder.machines);
        case ElementKind::source: return take(feeder.sources);
        case ElementKind::transformer: found = unit(Index<Transformer>{at.element}); return true;
        case ElementKind::pv: found = pv_connection(Index<feeder::PvSystem>{at.element}); return true;
        case ElementKind::battery: found = battery_connection(Index<feeder::Battery>{at.element}); return true;
        case ElementKind::none: break;
    }
    return false;
}

// ---- nodes

Node Writer::phase(std::string_view class_name, Equipment const& owner, feeder::Phase phase) {
    auto const letter = feeder::to_text(phase);
    return node(class_name, part(owner.id, fmt::format("Phase {}", letter)), fmt::format("{}_{}", owner.name, letter));
}

void Writer::membership(Node& node, Index<Area> area) const {
    node.link("Equipment.EquipmentContainer", feeder_id_);
    if (area.valid()) node.link("Equipment.SubSchedulingArea", id(feeder.areas, area));
}

void Writer::location(Node& node, Equipment const& equipment) const {
    if (placed(equipment)) node.link("PowerSystemResource.Location", part(equipment.id, "Location"));
}

void Writer::equipment(Node& node, Equipment const& equipment) const {
    membership(node, equipment.area);
    location(node, equipment);
}

// ---- voltage levels

void Writer::find_voltage_levels() {
    std::unordered_map<double, std::int32_t> by_base;
    level_of_bus_.reserve(feeder.buses.size());
    for (auto const& bus : feeder.buses.rows()) {
        auto level = std::int32_t{-1};
        if (bus.base_v > 0.0) {
            auto const [place, is_new] = by_base.try_emplace(bus.base_v, static_cast<std::int32_t>(levels_.size()));
            level = place->second;
            if (is_new) {
                auto const nominal_v = decimal(bus.base_v * std::sqrt(3.0));
                levels_.push_back({nominal_v, part(feeder_id_, fmt::format("BaseVoltage {}", nominal_v)),
                                   part(feeder_id_, fmt::format("VoltageLimits {}", nominal_v))});
            }
        }
        level_of_bus_.push_back(level);
    }
}

void Writer::base_voltage(Node& node, std::string_view attribute, Index<Bus> bus) const {
    auto const level = level_of_bus_[bus.at()];
    if (level >= 0) node.link(attribute, levels_[static_cast<std::size_t>(level)].base);
}

// ---- areas

/// A bus lies in the area of what is attached to it. Where areas meet, the smaller one has it; a switch between areas
/// says nothing about its buses, and a service transformer's upstream side belongs to the area above.
void Writer::find_areas_of_buses() {
    area_of_bus_.assign(feeder.buses.size(), {});
    auto const claim = [this](Index<Bus> bus, Index<Area> area) {
        if (!bus.valid() || !area.valid()) return;
        auto& known = area_of_bus_[bus.at()];
        if (!known.valid() || feeder.areas[area].kind > feeder.areas[known].kind) known = area;
    };
    auto const claim_branches = [&](auto const& table) {
        for (auto const& row : table.rows()) {
            claim(row.from, row.area);
            claim(row.to, row.area);
        }
    };
    claim_branches(feeder.lines);
    claim_branches(feeder.series_compensators);
    for (auto const& row : feeder.switches.rows()) {
        if (!row.area.valid() || feeder.areas[row.area].kind == Area::Kind::feeder) continue;
        claim(row.from, row.area);
        claim(row.to, row.area);
    }
    for (auto const& row : feeder.transformers.rows()) {
        auto const area = row.area.valid() ? row.area : feeder.banks[row.bank].area;
        bool const serves = area.valid() && feeder.areas[area].kind == Area::Kind::secondary;
        for (std::size_t w = 0; w < row.winding.size(); ++w)
            claim(row.winding[w].bus, serves && w == 0 ? feeder.areas[area].parent : area);
    }
    for (auto const& row : feeder.loads.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.capacitors.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.pv_systems.rows()) claim(row.inverter.bus, row.area);
    for (auto const& row : feeder.batteries.rows()) claim(row.inverter.bus, row.area);
    for (auto const& row : feeder.machines.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.sources.rows()) claim(row.bus, row.area);
}

/// Equipment between areas: its terminals say which area each of them bounds.
bool Writer::bounds_areas(Equipment const& equipment) const {
    auto const area_of = [this](Index<Bus> bus) { return area_of_bus_[bus.at()]; };
    return std::ranges::any_of(equipment.buses,
                               [&](Index<Bus> bus) { return area_of(bus) != area_of(equipment.buses.front()); });
}

// ---- terminals, positions

bool Writer::placed(Index<Bus> bus) const {
    return std::isfinite(feeder.buses[bus].x) && std::isfinite(feeder.buses[bus].y);
}

bool Writer::placed(Equipment const& equipment) const {
    return std::ranges::any_of(equipment.buses, [this](Index<Bus> bus) { return placed(bus); });
}

void Writer::terminals(Equipment const& equipment, feeder::Rating const& rating) {
    terminals(equipment, equipment.id, std::span{&rating, 1});
}

void Writer::terminals(Equipment const& equipment, NodeId const& owner, std::span<feeder::Rating const> ratings) {
    bool const at_border = bounds_areas(equipment);
    for (std::size_t i = 0; i < equipment.buses.size(); ++i) {
        auto const bus = equipment.buses[i];
        auto terminal =
            node("Terminal", terminal_of(equipment.id, i + 1), fmt::format("{}_T{}", equipment.name, i + 1));
        terminal.link("Terminal.ConductingEquipment", owner)
            .link("Terminal.ConnectivityNode", id(feeder.buses, bus))
            .integer("ACDCTerminal.sequenceNumber", static_cast<std::int64_t>(i) + 1);
        if (i < ratings.size()) current_limits(terminal, ratings[i]);
        auto const area = area_of_bus_[bus.at()];
        if (at_border && area.valid()) terminal.link("Terminal.BoundedSchedulingArea", id(feeder.areas, area));
    }
    if (placed(equipment)) positions(equipment);
}

void Writer::positions(Equipment const& equipment) {
    auto const place = part(equipment.id, "Location");
    node("Location", place, fmt::format("{}_Loc", equipment.name))
        .link("Location.CoordinateSystem", part(feeder_id_, "CoordinateSystem"));
    for (std::size_t i = 0; i < equipment.buses.size(); ++i) {
        if (!placed(equipment.buses[i])) continue;
        auto const& bus = feeder.buses[equipment.buses[i]];
        anonymous("PositionPoint", part(place, fmt::format("Point {}", i + 1)))
            .link("PositionPoint.Location", place)
            .integer("PositionPoint.sequenceNumber", static_cast<std::int64_t>(i) + 1)
            .number("PositionPoint.xPosition", bus.x)
            .number("PositionPoint.yPosition", bus.y);
    }
}

// ---- limits

void Writer::current_limits(Node& terminal, feeder::Rating const& rating) {
    if (std::isnan(rating.normal_a) && std::isnan(rating.emergency_a)) return;
    auto const bits = [](double value) { return std::isnan(value) ? 0 : std::bit_cast<std::uint64_t>(value); };
    auto const [place, is_new] =
        current_limits_.try_emplace({bits(rating.normal_a), bits(rating.emergency_a)}, CurrentLimits{rating, {}});
    if (is_new)
        place->second.id = part(feeder_id_, fmt::format("CurrentLimits {} {}", rating.normal_a, rating.emergency_a));
    terminal.link("ACDCTerminal.OperationalLimitSet", place->second.id);
}

namespace {

constexpr double permanent_s = 5e9;  // about 158 years: how exporters write "always"
constexpr double range_b_s = 86400.0;
constexpr double emergency_s = 7200.0;

struct LimitType {
    std::string_view name;
    std::string_view direction;
    double duration_s;
};
constexpr LimitType normal_amps{"NormAmps", "absoluteValue", permanent_s};
constexpr LimitType emergency_amps{"EmergencyAmps", "absoluteValue", emergency_s};

/// ANSI C84.1 service voltages: 120 V +- 5 % at all times (A), 110 to 127 V for a limited time (B).
struct VoltageRange {
    LimitType type;
    double per_unit;
};
constexpr std::array voltage_ranges{
    VoltageRange{{"RangeAHi", "high", permanent_s}, 1.05},
    VoltageRange{{"RangeALo", "low", permanent_s}, 0.95},
    VoltageRange{{"RangeBHi", "high", range_b_s}, 127.0 / 120.0},
    VoltageRange{{"RangeBLo", "low", range_b_s}, 110.0 / 120.0},
};

NodeId limit_type(NodeId const& feeder_id, LimitType const& type) {
    return Writer::part(feeder_id, fmt::format("OperationalLimitType {}", type.name));
}

}  // namespace

void Writer::limit_types() {
    auto const write = [this](LimitType const& type) {
        node("OperationalLimitType", limit_type(feeder_id_, type),
             fmt::format("{}_{}Type", feeder.heading.name, type.name))
            .number("OperationalLimitType.acceptableDuration", type.duration_s)
            .literal("OperationalLimitType.direction", "OperationalLimitDirectionKind", type.direction);
    };
    write(normal_amps);
    write(emergency_amps);
    for (auto const& range : voltage_ranges) write(range.type);
}

void Writer::limit(std::string_view class_name, NodeId const& set, std::string_view set_name, std::string_view suffix,
                   NodeId const& type, double value) {
    node(class_name, part(set, suffix), fmt::format("{}_{}", set_name, suffix))
        .link("OperationalLimit.OperationalLimitSet", set)
        .link("OperationalLimit.OperationalLimitType", type)
        .number(fmt::format("{}.value", class_name), value);
}

void Writer::voltage_limits() {
    for (auto const& level : levels_) {
        node("BaseVoltage", level.base, fmt::format("BaseV_{:.4f}", level.nominal_v / 1000.0))
            .number("BaseVoltage.nominalVoltage", level.nominal_v);
        auto const name = fmt::format("OpLimV_{:.4f}", level.nominal_v / 1000.0);
        (void)node("OperationalLimitSet", level.limits, name);
        for (auto const& [type, per_unit] : voltage_ranges)
            limit("VoltageLimit", level.limits, name, type.name, limit_type(feeder_id_, type),
                  per_unit * level.nominal_v);
    }
}

void Writer::limits() {
    limit_types();
    voltage_limits();
    for (auto const& [bits, limits] : current_limits_) {
        auto const& [rating, set] = limits;
        auto const name = fmt::format("OpLimI_{:.1f}_{:.1f}", rating.normal_a, rating.emergency_a);
        (void)node("OperationalLimitSet", set, name);
        if (!std::isnan(rating.normal_a))
            limit("CurrentLimit", set, name, "Norm", limit_type(feeder_id_, normal_amps), rating.normal_a);
        if (!std::isnan(rating.emergency_a))
            limit("CurrentLimit", set, name, "Emerg", limit_type(feeder_id_, emergency_amps), rating.emergency_a);
    }
}

// ---- heading, areas, buses

void Writer::heading() {
    auto const& names = feeder.heading;
    auto const identity = [this](std::string_view what, std::string_view mrid) {
        auto const uuid = uuid_in(mrid);
        return uuid.empty() ? part(feeder_id_, fmt::format("{} {}", what, mrid)) : NodeId{uuid};
    };
    // a platform finds a feeder through these; what the model leaves open is named after the feeder
    auto const named = [&](std::string const& name, std::string_view what) {
        return name.empty() ? fmt::format("{}_{}", names.name, what) : name;
    };
    auto const region = identity("GeographicalRegion", names.region_mrid);
    auto const subregion = identity("SubGeographicalRegion", names.subregion_mrid);
    auto const substation = identity("Substation", names.substation_mrid);
    auto const feeder_area = std::ranges::find(feeder.areas.rows(), Area::Kind::feeder, &Area::kind);
    auto const feeder_area_row = static_cast<std::size_t>(feeder_area - feeder.areas.rows().begin());

    anonymous("IEC61970CIMVersion", part(feeder_id_, "IEC61970CIMVersion"))
        .text("IEC61970CIMVersion.version", "IEC61970CIM100")
        .text("IEC61970CIMVersion.date", "2019-04-01");
    node("CoordinateSystem", part(feeder_id_, "CoordinateSystem"), fmt::format("{}_CrsUrn", names.name))
        .text("CoordinateSystem.crsUrn", "OpenDSSLocalBusCoordinates");
    (void)node("GeographicalRegion", region, named(names.region, "Region"), names.region_mrid);
    node("SubGeographicalRegion", subregion, named(names.subregion, "SubRegion"), names.subregion_mrid)
        .link("SubGeographicalRegion.Region", region);
    {
        auto node_of_substation =
            node("Substation", substation, named(names.substation, "Substation"), names.substation_mrid);
        node_of_substation.link("Substation.Region", subregion);
        if (!feeder.areas.empty()) node_of_substation.link("Substation.SchedulingArea", distribution_area());
    }
    auto own = node("Feeder", feeder_id_, names.name, names.mrid);
    own.link("Feeder.NormalEnergizingSubstation", substation);
    if (feeder.areas.empty()) return;
    own.link("Feeder.DistributionArea", distribution_area());
    if (feeder_area != feeder.areas.rows().end())
        own.link("Feeder.FeederArea", id(feeder.areas, Index<Area>{feeder_area_row}));
}

NodeId Writer::distribution_area() const { return part(feeder_id_, "DistributionArea"); }

void Writer::areas() {
    if (feeder.areas.empty()) return;
    auto const& names = feeder.heading;
    (void)node("DistributionArea", distribution_area(),
               names.subregion_mrid.empty() ? fmt::format("{}_DistributionArea", names.name) : names.subregion_mrid);
    for (auto row : feeder.areas.ids()) {
        auto const& area = feeder.areas[row];
        if (area.kind == Area::Kind::feeder) {
            node("FeederArea", feeder.areas, row)
                .link("FeederArea.DistributionArea", distribution_area())
                .link("FeederArea.Feeder", feeder_id_);
            continue;
        }
        bool const is_secondary = area.kind == Area::Kind::secondary;
        auto own = node(is_secondary ? "SecondaryArea" : "SwitchArea", feeder.areas, row);
        if (area.parent.valid())
            own.link(is_secondary ? "SecondaryArea.SwitchArea" : "SwitchArea.FeederArea",
                     id(feeder.areas, area.parent));
    }
}

void Writer::buses() {
    auto const island = part(feeder_id_, "TopologicalIsland");
    auto const reference = feeder.sources.empty() ? Index<Bus>{} : feeder.sources.rows().front().bus;
    auto const topological = [this](Index<Bus> bus) { return part(id(feeder.buses, bus), "TopologicalNode"); };
    {
        auto own = node("TopologicalIsland", island, fmt::format("{}_Island", feeder.heading.name));
        if (reference.valid()) own.link("TopologicalIsland.AngleRefTopologicalNode", topological(reference));
    }
    for (auto row : feeder.buses.ids()) {
        auto const topological_node = topological(row);
        {
            auto own = node("TopologicalNode", topological_node, feeder.buses.name(row));
            own.link("TopologicalNode.TopologicalIsland", island);
            if (row == reference) own.link("TopologicalNode.AngleRefTopologicalIsland", island);
        }
        auto own = node("ConnectivityNode", feeder.buses, row);
        own.link("ConnectivityNode.ConnectivityNodeContainer", feeder_id_)
            .link("ConnectivityNode.TopologicalNode", topological_node);
        if (auto const level = level_of_bus_[row.at()]; level >= 0)
            own.link("ConnectivityNode.OperationalLimitSet", levels_[static_cast<std::size_t>(level)].limits);
    }
}

}  // namespace dec::io::cim
