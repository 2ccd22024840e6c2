/// \file cim_writer.hpp
/// What the parts of the CIM writer share: the text so far, identities, terminals with their limits and positions.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dec/feeder/feeder.hpp"
#include "rdf_text.hpp"

namespace dec::io::cim {

/// A piece of equipment with terminals, as the common part of all of them is written.
struct Equipment {
    NodeId id;
    std::string_view name;
    core::Index<feeder::Area> area;
    std::span<core::Index<feeder::Bus> const> buses;  ///< of its terminals, in their order
};

/// The number of at most 12 digits that `value` is but for a few roundings, else `value`. What is derived from figures
/// of a file (a sum, a ratio) so becomes again what a person would write, and reads back to the very same bits.
[[nodiscard]] double decimal(double value);

/// Refuses what CIM100 has no words for. \pre the feeder passes feeder::validate.
/// \throws core::InvalidInput with a finding for each.
void require_expressible(feeder::Feeder const& feeder);

class Writer {
  public:
    explicit Writer(feeder::Feeder const& feeder);

    feeder::Feeder const& feeder;

    /// Identity of a row: its mRID if that is a UUID, else made from its mRID or name.
    template <class Row>
    [[nodiscard]] NodeId const& id(core::Table<Row> const& table, core::Index<Row> row) const {
        return ids_.at(&table)[row.at()];
    }
    [[nodiscard]] NodeId const& pv_connection(core::Index<feeder::PvSystem> row) const {
        return pv_connections_[row.at()];
    }
    [[nodiscard]] NodeId const& battery_connection(core::Index<feeder::Battery> row) const {
        return battery_connections_[row.at()];
    }
    /// A transformer given by its ends is its bank: the same object of CIM.
    [[nodiscard]] NodeId const& unit(core::Index<feeder::Transformer> row) const;
    [[nodiscard]] bool is_tank(core::Index<feeder::Transformer> row) const;
    [[nodiscard]] std::span<core::Index<feeder::Transformer> const> units(core::Index<feeder::Bank> bank) const;
    /// Identity of something that has none of its own. \param what unique within the owner.
    [[nodiscard]] static NodeId part(NodeId const& owner, std::string_view what);
    [[nodiscard]] static NodeId end_of(NodeId const& unit, std::size_t winding);
    [[nodiscard]] static NodeId terminal_of(NodeId const& owner, std::size_t number);
    /// Terminal that a control or measurement is at. \param phases tell the units of a bank apart; \param preferred is
    /// the unit meant if it is one of them. \return false if it is at none.
    [[nodiscard]] bool terminal(feeder::TerminalRef const& at, feeder::PhaseSet phases, NodeId& found,
                                core::Index<feeder::Transformer> preferred = {}) const;
    /// Equipment that a measurement belongs to. \return false if there is none.
    [[nodiscard]] bool resource(feeder::TerminalRef const& at, NodeId& found) const;

    /// A node with mRID (that of `id` unless given) and name.
    [[nodiscard]] Node node(std::string_view class_name, NodeId const& id, std::string_view name,
                            std::string_view mrid = {}) {
        return {text_, class_name, id, mrid.empty() ? id.text() : mrid, name};
    }
    template <class Row>
    [[nodiscard]] Node node(std::string_view class_name, core::Table<Row> const& table, core::Index<Row> row) {
        return node(class_name, id(table, row), table.name(row), table.mrid(row));
    }
    /// A node without name, as PositionPoint and PhaseImpedanceData are.
    [[nodiscard]] Node anonymous(std::string_view class_name, NodeId const& id) { return {text_, class_name, id}; }

    /// Container, area and place of a node.
    void equipment(Node& node, Equipment const& equipment) const;
    void membership(Node& node, core::Index<feeder::Area> area) const;
    void location(Node& node, Equipment const& equipment) const;
    /// BaseVoltage of a bus.
    void base_voltage(Node& node, std::string_view attribute, core::Index<feeder::Bus> bus) const;
    /// The terminals of equipment that is already written, with its current limits on the first, and its positions.
    void terminals(Equipment const& equipment, feeder::Rating const& rating);
    /// The same with terminals that belong to one equipment and are named and placed as another (tanks of a bank).
    void terminals(Equipment const& equipment, NodeId const& owner, std::span<feeder::Rating const> ratings);
    /// Phase objects beneath equipment, named `<equipment>_<phase>`.
    [[nodiscard]] Node phase(std::string_view class_name, Equipment const& owner, feeder::Phase phase);

    void heading();
    void areas();
    void buses();
    void limits();  ///< after everything that has ratings

    [[nodiscard]] std::string take();

  private:
    struct VoltageLevel {
        double nominal_v = 0.0;  ///< line to line
        NodeId base, limits;
    };
    struct CurrentLimits {
        feeder::Rating rating;
        NodeId id;
    };

    void find_identities();
    std::vector<NodeId> identities(std::string_view label, core::TextColumn const& names,
                                   core::TextColumn const& mrids) const;
    void find_voltage_levels();
    void find_areas_of_buses();
    [[nodiscard]] core::Index<feeder::Transformer> unit_at(feeder::TerminalRef const& at, feeder::PhaseSet phases,
                                                           core::Index<feeder::Transformer> preferred) const;
    [[nodiscard]] NodeId distribution_area() const;
    [[nodiscard]] bool placed(core::Index<feeder::Bus> bus) const;
    [[nodiscard]] bool placed(Equipment const& equipment) const;
    [[nodiscard]] bool bounds_areas(Equipment const& equipment) const;
    void current_limits(Node& terminal, feeder::Rating const& rating);
    void positions(Equipment const& equipment);
    void limit_types();
    void limit(std::string_view class_name, NodeId const& set, std::string_view set_name, std::string_view suffix,
               NodeId const& type, double value);
    void voltage_limits();

    std::string text_;
    NodeId feeder_id_;
    std::unordered_map<void const*, std::vector<NodeId>> ids_;  // by table
    std::vector<NodeId> pv_connections_, battery_connections_;
    std::vector<core::Index<feeder::Transformer>> units_;  // bank after bank
    std::vector<std::size_t> first_unit_;
    std::vector<VoltageLevel> levels_;
    std::vector<std::int32_t> level_of_bus_;  // -1: unknown
    std::vector<core::Index<feeder::Area>> area_of_bus_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, CurrentLimits> current_limits_;  // by the bits of both ratings
};

// The parts of the file.
void write_line_codes(Writer& writer);
void write_lines(Writer& writer);
void write_switches(Writer& writer);
void write_series_compensators(Writer& writer);
void write_sources(Writer& writer);
void write_transformers(Writer& writer);
void write_tap_changers(Writer& writer);
void write_loads(Writer& writer);
void write_capacitors(Writer& writer);
void write_inverters(Writer& writer);
void write_machines(Writer& writer);
void write_measurements(Writer& writer);

/// What controls of tap changers and capacitors have in common. \param owner the tap changer's transformer.
void regulating_control(Writer const& writer, Node& node, feeder::RegulatorControl const& control,
                        core::Index<feeder::Transformer> owner);

}  // namespace dec::io::cim
