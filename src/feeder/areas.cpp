#include "dec/feeder/areas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dec/core/uuid.hpp"

namespace dec::feeder {

bool is_secondary(Bus const& bus) { return bus.base_v * std::sqrt(3.0) <= highest_secondary_v; }

bool is_area_boundary(Feeder const& feeder, Switch const& row) {
    bool const operable = row.kind != Switch::Kind::fuse && row.kind != Switch::Kind::jumper;
    return operable && !is_secondary(feeder.buses[row.from]);
}

namespace {

/// Sets of buses that grow together (union-find).
class Parts {
  public:
    explicit Parts(std::size_t buses) : parent_(buses) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
    void join(Index<Bus> a, Index<Bus> b) { parent_[root(a.at())] = root(b.at()); }
    [[nodiscard]] std::size_t of(Index<Bus> bus) { return root(bus.at()); }

  private:
    std::size_t root(std::size_t bus) {
        while (parent_[bus] != bus) bus = parent_[bus] = parent_[parent_[bus]];
        return bus;
    }
    std::vector<std::size_t> parent_;
};

std::size_t windings_of(Feeder const& feeder, Transformer const& unit) {
    return feeder.transformer_codes[unit.code].windings;
}

/// The first bus of a unit on the primary and on the secondary; invalid where it has none.
struct Sides {
    Index<Bus> primary, secondary;
    [[nodiscard]] bool is_service() const { return primary.valid() && secondary.valid(); }
};

Sides sides_of(Feeder const& feeder, Transformer const& unit) {
    Sides sides;
    for (std::size_t w = 0; w < windings_of(feeder, unit); ++w) {
        auto const bus = unit.winding[w].bus;
        auto& side = is_secondary(feeder.buses[bus]) ? sides.secondary : sides.primary;
        if (!side.valid()) side = bus;
    }
    return sides;
}

Parts cut_into_parts(Feeder const& feeder) {
    Parts parts{feeder.buses.size()};
    for (auto const& line : feeder.lines.rows()) parts.join(line.from, line.to);
    for (auto const& c : feeder.series_compensators.rows()) parts.join(c.from, c.to);
    for (auto const& s : feeder.switches.rows())
        if (!is_area_boundary(feeder, s)) parts.join(s.from, s.to);
    for (auto const& unit : feeder.transformers.rows()) {
        auto const sides = sides_of(feeder, unit);
        // Windings on the same side of a service transformer stay together.
        for (std::size_t w = 0; w < windings_of(feeder, unit); ++w) {
            auto const bus = unit.winding[w].bus;
            parts.join(bus, is_secondary(feeder.buses[bus]) ? sides.secondary : sides.primary);
        }
    }
    return parts;
}

/// Calls `visit(element, bus)` for everything that lies in one part, `bus` being any of its buses.
template <class AnyFeeder, class Visitor>
void for_each_element_inside(AnyFeeder& feeder, Visitor&& visit) {
    for (auto& row : feeder.lines.rows()) visit(row, row.from);
    for (auto& row : feeder.series_compensators.rows()) visit(row, row.from);
    for (auto& row : feeder.switches.rows())
        if (!is_area_boundary(feeder, row)) visit(row, row.from);
    for (auto& row : feeder.transformers.rows()) {
        auto const sides = sides_of(feeder, row);
        visit(row, sides.secondary.valid() ? sides.secondary : sides.primary);
    }
    for (auto& row : feeder.loads.rows()) visit(row, row.bus);
    for (auto& row : feeder.capacitors.rows()) visit(row, row.bus);
    for (auto& row : feeder.pv_systems.rows()) visit(row, row.inverter.bus);
    for (auto& row : feeder.batteries.rows()) visit(row, row.inverter.bus);
    for (auto& row : feeder.machines.rows()) visit(row, row.bus);
}

/// Whether everything that can have an area has one already.
bool is_all_said(Feeder const& feeder) {
    bool said =
        std::ranges::any_of(feeder.areas.rows(), [](Area const& area) { return area.kind == Area::Kind::feeder; });
    for_each_table(feeder, [&]<class Row>(std::string_view, Table<Row> const& table) {
        if constexpr (requires(Row const& row) { row.area.valid(); })
            said = said && std::ranges::all_of(table.rows(), [](Row const& row) { return row.area.valid(); });
    });
    return said;
}

class Derivation {
  public:
    explicit Derivation(Feeder& feeder)
        : feeder_{feeder}, parts_{cut_into_parts(feeder)}, area_of_part_(feeder.buses.size()),
          wanted_(feeder.buses.size(), feeder.areas.empty()) {
        for (auto id : feeder.areas.ids()) names_.emplace(feeder.areas.name(id));
    }

    void run() {
        own_ = find_own();
        share_within_banks();
        keep_what_is_said();
        for (auto const& source : feeder_.sources.rows()) area_of_part_[parts_.of(source.bus)] = own_;
        add_switch_areas();
        add_secondary_areas();
        fill();
    }

  private:
    Index<Area> find_own() {
        for (auto id : feeder_.areas.ids())
            if (feeder_.areas[id].kind == Area::Kind::feeder) return id;
        return add(Area::Kind::feeder, {}, feeder_.heading.mrid);
    }

    Index<Area> add(Area::Kind kind, Index<Area> parent, std::string const& name) {
        names_.insert(name);
        return feeder_.areas.add({kind, parent}, name, core::name_uuid(feeder_.heading.mrid, "area " + name));
    }

    /// The first of "<prefix>.0", "<prefix>.1", … that no area has.
    Index<Area> add_numbered(Area::Kind kind, Index<Area> parent, std::string const& prefix, std::size_t& next) {
        auto name = fmt::format("{}.{}", prefix, next++);
        while (names_.contains(name)) name = fmt::format("{}.{}", prefix, next++);
        return add(kind, parent, name);
    }

    /// A file may name the area of a bank or of its units.
    void share_within_banks() {
        for (auto& unit : feeder_.transformers.rows()) {
            if (!unit.bank.valid()) continue;
            auto& bank = feeder_.banks[unit.bank];
            if (!bank.area.valid()) bank.area = unit.area;
            if (!unit.area.valid()) unit.area = bank.area;
        }
    }

    void keep_what_is_said() {
        for_each_element_inside(std::as_const(feeder_), [this](auto const& row, Index<Bus> bus) {
            auto const part = parts_.of(bus);
            if (!row.area.valid()) wanted_[part] = true;
            else if (!area_of_part_[part].valid()) area_of_part_[part] = row.area;
        });
        // A secondary that needs an area needs one to be its parent.
        for (auto const& unit : feeder_.transformers.rows()) {
            auto const sides = sides_of(feeder_, unit);
            if (sides.is_service() && wanted_[parts_.of(sides.secondary)]) wanted_[parts_.of(sides.primary)] = true;
        }
    }

    void add_switch_areas() {
        std::size_t next = 0;
        auto const add_at = [&](Index<Bus> bus) {
            auto const part = parts_.of(bus);
            if (area_of_part_[part].valid() || !wanted_[part]) return;
            area_of_part_[part] = add_numbered(Area::Kind::switch_delimited, own_, feeder_.heading.mrid, next);
        };
        for (auto const& s : feeder_.switches.rows()) {
            if (!is_area_boundary(feeder_, s)) continue;
            add_at(s.from);
            add_at(s.to);
        }
    }

    void add_secondary_areas() {
        std::vector<std::size_t> next(feeder_.areas.size(), 0);
        for (auto const& unit : feeder_.transformers.rows()) {
            auto const sides = sides_of(feeder_, unit);
            if (!sides.is_service()) continue;
            auto const part = parts_.of(sides.secondary);
            if (area_of_part_[part].valid() || !wanted_[part]) continue;
            auto parent = area_of_part_[parts_.of(sides.primary)];
            if (!parent.valid()) parent = own_;
            auto prefix = std::string{feeder_.areas.name(parent)};
            if (parent == own_) prefix += ".secondary";
            area_of_part_[part] = add_numbered(Area::Kind::secondary, parent, prefix, next[parent.at()]);
        }
    }

    void fill() {
        for_each_element_inside(feeder_, [this](auto& row, Index<Bus> bus) {
            if (row.area.valid()) return;
            auto const area = area_of_part_[parts_.of(bus)];
            row.area = area.valid() ? area : own_;
        });
        share_within_banks();
        for (auto& s : feeder_.switches.rows())
            if (!s.area.valid()) s.area = own_;
        for (auto& source : feeder_.sources.rows())
            if (!source.area.valid()) source.area = own_;
    }

    Feeder& feeder_;
    Parts parts_;
    std::vector<Index<Area>> area_of_part_;  // by the part's first bus
    std::vector<bool> wanted_;               // parts in which some element has no area yet
    Index<Area> own_;
    std::unordered_set<std::string> names_;
};

}  // namespace

void derive_areas(Feeder& feeder) {
    if (!is_all_said(feeder)) Derivation{feeder}.run();
}

}  // namespace dec::feeder
