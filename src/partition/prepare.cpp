#include "dec/partition/prepare.hpp"

#include "dec/feeder/areas.hpp"

namespace dec::partition {

Whole prepare(feeder::Feeder feeder, Grain grain, int parts, feeder::Loops loops, feeder::Notes& notes) {
    Whole whole;
    whole.feeder = std::move(feeder);
    whole.tree = feeder::validate(whole.feeder, notes, loops);
    feeder::derive_areas(whole.feeder);
    whole.agents = find_agents(whole.feeder, whole.tree);
    whole.partition = split(whole.feeder, whole.tree, whole.agents, grain, parts);
    return whole;
}

}  // namespace dec::partition
