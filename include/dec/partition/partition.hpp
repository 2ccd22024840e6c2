/// \file partition.hpp
/// Which rank owns which bus: METIS on the feeder graph, in which what must stay whole is one vertex.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/partition/agents.hpp"

namespace dec::partition {

struct Partition {
    std::vector<std::int32_t> rank_of_bus;     ///< what is not energised is with rank 0
    std::vector<std::int32_t> rank_of_vertex;  ///< per place of the tree; the ideal source is with the source bus
    std::int64_t edge_cut = 0;                 ///< branches between ranks
    double imbalance = 1.0;                    ///< nodes of the largest part over the mean
};

/// What is never split: docs/adr/004-two-grains-of-partition.md says why there are two.
enum class Grain : std::uint8_t {
    secondary,  ///< the customers behind a service transformer; areas are split, so that few huge ones balance
    agent,      ///< any agent, for methods in which an agent decides by itself
};

/// Splits the feeder into parts of about equal numbers of nodes with few branches between them; a part may be in several
/// pieces. More parts than grains leave the last parts empty. Deterministic.
/// Recursive bisection: on trees METIS' k-way method with contiguous parts was out of balance by up to 76 % on 8 parts of
/// the demonstration feeder, recursive bisection by 7 %, for 12 instead of 7 cut branches.
/// Source: Karypis and Kumar, SIAM J. Sci. Comput. 20(1), 1998 (METIS).
[[nodiscard]] Partition split(feeder::Feeder const& feeder, feeder::Tree const& tree, AgentTree const& agents,
                              Grain grain, int parts);

}  // namespace dec::partition
