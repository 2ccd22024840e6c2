#include "dec/partition/prepare.hpp"

#include "dec/feeder/areas.hpp"

namespace dec::partition {

Whole prepare(feeder::Feeder feeder, feeder::Tree tree, Grain grain, int parts) {
    Whole whole{.feeder = std::move(feeder), .tree = std::move(tree)};
    feeder::derive_areas(whole.feeder);
    whole.agents = find_agents(whole.feeder, whole.tree);
    whole.partition = split(whole.feeder, whole.tree, whole.agents, grain, parts);
    return whole;
}

Whole prepare(feeder::Feeder feeder, Grain grain, int parts, feeder::Loops loops, feeder::Notes& notes) {
    auto tree = feeder::validate(feeder, notes, loops);
    return prepare(std::move(feeder), std::move(tree), grain, parts);
}

}  // namespace dec::partition
