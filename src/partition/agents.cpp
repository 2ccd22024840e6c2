#include "dec/partition/agents.hpp"

#include <fmt/format.h>

#include "dec/core/uuid.hpp"

namespace dec::partition {

namespace {

using feeder::Area;
using feeder::Feeder;

/// The narrowest area that touches each bus, none if it is the feeder's own. What hangs on a service transformer's primary
/// side is the area above it, so a transformer speaks for its other windings only.
std::vector<Index<Area>> area_of_bus(Feeder const& feeder) {
    std::vector<Index<Area>> area(feeder.buses.size());
    auto const claim = [&](Index<Bus> bus, Index<Area> claimant) {
        if (!bus.valid() || !claimant.valid() || feeder.areas[claimant].kind == Area::Kind::feeder) return;
        auto& current = area[bus.at()];
        if (!current.valid() || feeder.areas[current].kind < feeder.areas[claimant].kind) current = claimant;
    };
    for (auto const& row : feeder.lines.rows()) {
        claim(row.from, row.area);
        claim(row.to, row.area);
    }
    for (auto const& row : feeder.transformers.rows())
        for (std::size_t w = 1; w < row.winding.size(); ++w) claim(row.winding[w].bus, row.area);
    for (auto const& row : feeder.loads.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.capacitors.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.machines.rows()) claim(row.bus, row.area);
    for (auto const& row : feeder.pv_systems.rows()) claim(row.inverter.bus, row.area);
    for (auto const& row : feeder.batteries.rows()) claim(row.inverter.bus, row.area);
    return area;
}

/// The area of every place of the tree: of its bus; of a star point, what everything right below it agrees on.
std::vector<Index<Area>> area_of_vertex(feeder::Tree const& tree, std::vector<Index<Area>> const& area_of_bus) {
    std::vector<Index<Area>> area(tree.vertices.size());
    std::vector<bool> seen(tree.vertices.size(), false);
    for (std::size_t i = tree.vertices.size() - 1; i > 0; --i) {
        auto const& vertex = tree.vertices[i];
        if (vertex.bus.valid()) area[i] = area_of_bus[vertex.bus.at()];
        auto const above = static_cast<std::size_t>(vertex.parent);
        if (tree.vertices[above].kind != feeder::Vertex::Kind::star_point) continue;
        if (!seen[above]) area[above] = area[i];
        else if (area[above] != area[i]) area[above] = {};
        seen[above] = true;
    }
    return area;
}

class AgentFinder {
  public:
    AgentFinder(Feeder const& feeder, feeder::Tree const& tree)
        : feeder_{feeder}, tree_{tree}, area_of_bus_{area_of_bus(feeder)}, first_agent_(feeder.areas.size(), -1),
          parts_(feeder.areas.size(), 0) {}

    AgentTree find() {
        result_.agents.add({}, feeder_.heading.name, feeder_.heading.mrid);
        area_of_agent_.emplace_back();
        follow_the_tree();
        result_.energised = static_cast<std::int32_t>(result_.agents.size());
        add_dark_areas();
        assign_buses();
        return std::move(result_);
    }

  private:
    /// A new part of an area begins wherever the tree steps into it.
    void follow_the_tree() {
        auto const areas = area_of_vertex(tree_, area_of_bus_);
        result_.agent_of_vertex.assign(tree_.vertices.size(), 0);
        for (std::size_t i = 1; i < tree_.vertices.size(); ++i) {
            auto const above = result_.agent_of_vertex[static_cast<std::size_t>(tree_.vertices[i].parent)];
            bool const enters = areas[i].valid() && areas[i] != area_of_agent_[static_cast<std::size_t>(above)];
            result_.agent_of_vertex[i] = enters ? add_part(areas[i], above) : above;
        }
    }

    std::int32_t add_part(Index<Area> area, std::int32_t parent) {
        auto const part = ++parts_[area.at()];
        Agent const agent{.kind = feeder_.areas[area].kind, .parent = parent};
        auto const name = std::string{feeder_.areas.name(area)};
        auto const mrid = std::string{feeder_.areas.mrid(area)};
        auto const row = part == 1 ? result_.agents.add(agent, name, mrid).value()
                                   : result_.agents
                                         .add(agent, fmt::format("{}-part{}", name, part),
                                              core::name_uuid(mrid, fmt::format("part {}", part)))
                                         .value();
        if (part == 1) first_agent_[area.at()] = row;
        area_of_agent_.push_back(area);
        return row;
    }

    void add_dark_areas() {
        std::vector<bool> used(feeder_.areas.size(), false);
        for (auto area : area_of_bus_)
            if (area.valid()) used[area.at()] = true;
        auto const nearest_agent = [&](Index<Area> area) {
            while (area.valid() && first_agent_[area.at()] < 0) area = feeder_.areas[area].parent;
            return area.valid() ? first_agent_[area.at()] : 0;
        };
        for (auto kind : {Area::Kind::switch_delimited, Area::Kind::secondary})
            for (auto id : feeder_.areas.ids())
                if (feeder_.areas[id].kind == kind && used[id.at()] && first_agent_[id.at()] < 0)
                    add_part(id, nearest_agent(feeder_.areas[id].parent));
    }

    void assign_buses() {
        for (auto id : feeder_.buses.ids()) {
            auto const vertex = tree_.vertex_of_bus[id.at()];
            auto const area = area_of_bus_[id.at()];
            auto const agent = vertex >= 0    ? result_.agent_of_vertex[static_cast<std::size_t>(vertex)]
                               : area.valid() ? first_agent_[area.at()]
                                              : 0;
            result_.agent_of_bus.push_back(agent);
            result_.agents[Index<Agent>{agent}].nodes += static_cast<std::int64_t>(feeder_.buses[id].phases.size());
        }
        for (auto const& pv : feeder_.pv_systems.rows())
            ++result_.agents[Index<Agent>{result_.agent_of_bus[pv.inverter.bus.at()]}].ders;
    }

    Feeder const& feeder_;
    feeder::Tree const& tree_;
    std::vector<Index<Area>> area_of_bus_;
    std::vector<std::int32_t> first_agent_;   // of each area, -1: none yet
    std::vector<std::int32_t> parts_;         // of each area, so far
    std::vector<Index<Area>> area_of_agent_;  // none for the feeder
    AgentTree result_;
};

}  // namespace

AgentTree find_agents(Feeder const& feeder, feeder::Tree const& tree) { return AgentFinder{feeder, tree}.find(); }

}  // namespace dec::partition
