#include "dec/partition/agents.hpp"

namespace dec::partition {

namespace {

using feeder::Area;
using feeder::Feeder;

/// The narrowest area that touches each bus. What hangs on a service transformer's primary side is the area above it, so a
/// transformer speaks for its other windings only.
std::vector<Index<Area>> area_of_bus(Feeder const& feeder) {
    std::vector<Index<Area>> area(feeder.buses.size());
    auto const claim = [&](Index<Bus> bus, Index<Area> claimant) {
        if (!bus.valid() || !claimant.valid()) return;
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

}  // namespace

AgentTree find_agents(Feeder const& feeder) {
    AgentTree result;
    auto const bus_area = area_of_bus(feeder);
    std::vector<bool> used(feeder.areas.size(), false);
    for (auto area : bus_area)
        if (area.valid()) used[area.at()] = true;

    // The feeder first, then areas, then secondaries, each in the feeder's order.
    std::vector<std::int32_t> agent_of_area(feeder.areas.size(), 0);
    result.agents.add({}, feeder.heading.name, feeder.heading.mrid);
    auto const nearest_agent = [&](Index<Area> area) {
        while (area.valid() && !(used[area.at()] && feeder.areas[area].kind != Area::Kind::feeder))
            area = feeder.areas[area].parent;
        return area.valid() ? agent_of_area[area.at()] : 0;
    };
    for (auto kind : {Area::Kind::switch_delimited, Area::Kind::secondary})
        for (auto id : feeder.areas.ids()) {
            if (feeder.areas[id].kind != kind || !used[id.at()]) continue;
            Agent const agent{.kind = kind, .parent = nearest_agent(feeder.areas[id].parent)};
            agent_of_area[id.at()] = result.agents.add(agent, feeder.areas.name(id), feeder.areas.mrid(id)).value();
        }

    result.agent_of_bus.resize(feeder.buses.size());
    for (auto id : feeder.buses.ids()) {
        auto const agent = bus_area[id.at()].valid() ? agent_of_area[bus_area[id.at()].at()] : 0;
        result.agent_of_bus[id.at()] = agent;
        result.agents[Index<Agent>{agent}].nodes += static_cast<std::int64_t>(feeder.buses[id].phases.size());
    }
    for (auto const& pv : feeder.pv_systems.rows())
        ++result.agents[Index<Agent>{result.agent_of_bus[pv.inverter.bus.at()]}].ders;
    return result;
}

}  // namespace dec::partition
