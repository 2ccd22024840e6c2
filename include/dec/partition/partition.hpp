/// \file partition.hpp
/// Which rank owns which bus: METIS on the feeder graph, in which every secondary is one vertex.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/partition/agents.hpp"

namespace dec::partition {

struct Partition {
    std::vector<std::int32_t> rank_of_bus;
    std::int64_t edge_cut = 0;      ///< branches between ranks
    double imbalance = 1.0;         ///< nodes of the largest part over the mean
};

/// Splits the feeder into connected parts of about equal numbers of nodes with few branches between them. Secondaries are
/// never split. More parts than vertices leave the last parts empty. Deterministic.
/// Source: Karypis and Kumar, SIAM J. Sci. Comput. 20(1), 1998 (METIS, k-way, contiguous parts).
[[nodiscard]] Partition split(feeder::Feeder const& feeder, feeder::Tree const& tree, AgentTree const& agents, int parts);

}  // namespace dec::partition
