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
    std::int32_t parent = -1;  ///< row of the agent that feeds it, -1 for the feeder
    std::int64_t nodes = 0;    ///< bus-phase pairs it owns
    std::int64_t ders = 0;
};

/// All agents of a feeder, parents before children, and what each owns.
struct AgentTree {
    core::Table<Agent> agents;   ///< [0] is the feeder; name and mRID of the area
    std::int32_t energised = 1;  ///< agents [0, energised) have places in the tree; each but the first has one PCC
    std::vector<std::int32_t> agent_of_bus;
    std::vector<std::int32_t> agent_of_vertex;  ///< per place of the tree
};

/// Every agent is connected in the tree and meets the agent that feeds it, its parent, at one bus, its point of common
/// coupling (PCC). A bus belongs to the narrowest area of what is attached to it; a service transformer counts for the
/// windings it feeds, and a star point for what all its windings below have in common. What belongs to no area but the
/// feeder's, and buses without equipment, go to the agent that feeds them. An area that is not connected becomes an agent per
/// connected part: the first in depth-first order keeps its name, the others are called "<name>-part2" and so on. Areas
/// without equipment are no agents. What is not energised goes to the first agent of its area; areas of which nothing is
/// energised come last, below the agent of the area around them.
/// \pre the feeder has areas, and `tree` is the feeder's.
[[nodiscard]] AgentTree find_agents(feeder::Feeder const& feeder, feeder::Tree const& tree);

}  // namespace dec::partition
