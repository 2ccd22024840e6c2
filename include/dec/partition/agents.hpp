/// \file agents.hpp
/// Who decides: an agent per service transformer, per switch-delimited area with equipment, and one for the feeder.
/// The areas are the feeder's own (CIM SubSchedulingArea), or those feeder::derive_areas finds.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/feeder/tree.hpp"

namespace dec::partition {

using core::Index;
using feeder::Bus;

struct Agent {
    feeder::Area::Kind kind = feeder::Area::Kind::feeder;
    std::int32_t parent = -1;       ///< row of the parent agent, -1 for the feeder
    std::int64_t nodes = 0;         ///< bus-phase pairs it owns
    std::int64_t ders = 0;
};

/// All agents of a feeder, parents before children, and the agent of every bus.
struct AgentTree {
    core::Table<Agent> agents;                ///< [0] is the feeder; name and mRID of the area
    std::vector<std::int32_t> agent_of_bus;
};

/// Every bus goes to the area of what feeds it, or else of what is attached to it; buses of areas without equipment, and
/// what belongs to no area, go to the feeder. \pre the feeder has areas.
[[nodiscard]] AgentTree find_agents(feeder::Feeder const& feeder);

}  // namespace dec::partition
