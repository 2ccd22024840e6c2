/// \file limits.hpp
/// Voltage limits of every node, and where a voltage stands against them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "dec/model/lin_dist3_flow.hpp"
#include "dec/model/tree_program.hpp"

namespace dec::coordination {

struct VoltageLimits {
    double v_min_pu = 0.95;
    double v_max_pu = 1.05;
    /// A node below v_min with nothing curtailed has no lower limit: curtailment cannot lift it.
    bool relax_v_min = true;
};

/// One bus and phase of this rank whose voltage is limited (every one but the ideal source and star points; behind a floating
/// delta every pair of phases, in the row of its first).
struct Node {
    std::int32_t vertex = -1;  ///< own vertex
    std::int32_t place = 0;    ///< 0-2 in the vertex's arrays
    std::int64_t row = 0;      ///< in the whole feeder's table of nodes
    double low = 0.0;          ///< squared limits, pu^2; -inf where there is none
    double high = std::numeric_limits<double>::infinity();
};

/// This rank's limited nodes. `uncurtailed` decides which lower limits are relaxed. Not collective.
[[nodiscard]] std::vector<Node> limited_nodes(partition::Piece const& piece, VoltageLimits const& limits,
                                              model::FlowState const& uncurtailed);

/// Squared voltage as the node's limit sees it (line to line behind a floating delta).
[[nodiscard]] double seen(partition::Piece const& piece, model::FlowState const& state, Node const& node);

/// The same as weights of the vertex's three squared voltages.
[[nodiscard]] model::Vector3 seen_weight(partition::Piece const& piece, Node const& node);

/// Collective. \throws core::Error, a bug of ours, naming a node whose voltage is no number.
void require_finite(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> nodes,
                    model::FlowState const& state);
/// A voltage of zero or less is what the linear model makes of loads that cannot be served at all.
/// Collective. \throws core::Error, infeasible, naming the lowest node if it stands at zero or less.
void require_no_collapse(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> nodes,
                         model::FlowState const& state);
/// The same limits by place of the piece's own vertices, as a program takes them.
[[nodiscard]] model::SquaredLimits squared_limits(partition::Piece const& piece, std::span<Node const> nodes);

/// "bus.phase" of a node of this rank.
[[nodiscard]] std::string node_name(partition::Piece const& piece, Node const& node);

/// Names of those of each rank's nodes that are chosen, in the feeder's order; on the root, elsewhere none. Collective.
/// \param chosen one entry per node of this rank, 0: not.
[[nodiscard]] std::vector<std::string> node_names(core::Communicator const& comm, partition::Piece const& piece,
                                                  std::span<Node const> nodes, std::vector<char> const& chosen);

}  // namespace dec::coordination
