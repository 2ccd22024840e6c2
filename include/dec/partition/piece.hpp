/// \file piece.hpp
/// What one rank holds of a feeder: its own buses and what hangs on them, and the neighbours across the cuts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/partition/partition.hpp"

namespace dec::partition {

using core::GlobalIndex;
using feeder::Feeding;

/// A place of the tree as this rank sees it. Elements and buses are rows of `Piece::feeder`.
struct LocalVertex {
    feeder::Vertex::Kind kind = feeder::Vertex::Kind::bus;
    GlobalIndex<feeder::Vertex> global;  ///< position in the feeder's depth-first order
    std::int32_t parent = -1;            ///< local vertex, possibly a halo parent; -1 for the ideal source
    Index<Bus> bus;
    Index<feeder::Transformer> transformer;  ///< of a star point
    feeder::PhaseSet phases;
    bool floating_delta = false;
    std::int32_t first_feeding = 0, feedings = 0;
    std::int32_t first_child = 0, children = 0;  ///< range of Piece::children
    double distance_m = 0.0;
    std::int32_t agent = -1;  ///< row of Piece::agents
};

/// Where an agent meets the one that feeds it, seen by the rank that owns the agent's uppermost place.
struct Boundary {
    std::int32_t vertex = -1;  ///< own vertex: the agent's uppermost place
    std::int32_t pcc = -1;     ///< local vertex above it, of the upstream agent: the point of common coupling
    std::int32_t upstream = -1, downstream = -1;  ///< rows of Piece::agents
    std::int64_t row = 0;  ///< of the whole feeder's boundaries, which are in the order of their downstream agents
};

/// One cut branch, from this rank's side.
struct Cut {
    std::int32_t neighbour = 0;  ///< rank on the other side
    std::int32_t level = 0;      ///< of the child's piece
    std::int32_t inner = 0;  ///< local vertex of ours whose row is sent: the child (upwards) or the parent (downwards)
    std::int32_t halo = 0;   ///< local vertex of theirs whose row is received
};

/// A branch that closes a loop, on the ranks of both its ends.
struct Tie {
    std::int64_t row = 0;             ///< of the whole feeder's ties
    std::int32_t from = -1, to = -1;  ///< local vertices, one of them perhaps another rank's
    std::int32_t first_feeding = 0, feedings = 0;
};

/// A place that a regulating control looks at: an element's terminal, or a bus alone.
struct Monitor {
    std::int64_t control = 0;   ///< number of the control in the whole feeder
    std::int32_t vertex = -1;   ///< own vertex: the bus, or the lower end of the branch that holds the element
    Feeding::Kind kind{};       ///< of the element
    std::int32_t element = -1;  ///< row of its table; -1: voltages of the bus alone
    std::uint8_t winding = 0;   ///< of a star member
    bool lower = true;          ///< the terminal at the branch's lower end
};

/// How a device with a regulating control hears of its place: see Monitor. The numbers count the tap changers' controls that
/// are enabled, then the capacitors', in the order of their tables.
struct ControlSeat {
    std::int64_t control = -1;  ///< number in the whole feeder; -1: nothing moves the device
    std::int8_t winding = -1;   ///< of a tap changer: whose terminal is looked at; -1: a bus elsewhere
};

/// Rows of the whole feeder's tables, one entry per row of `Piece::feeder`'s.
struct GlobalRows {
    std::vector<std::int64_t> buses, pv_systems, capacitors;
    std::vector<std::int64_t> tap_changers;  ///< -1: another rank has it too, and accounts for it
    std::vector<std::int64_t> first_node;    ///< per bus: row of its first phase in a table of all nodes
};

/// One row group of the table of branches: an element between its two sides, a row for each phase.
struct BranchRows {
    Feeding feeding;
    std::int32_t vertex = -1;  ///< downstream local vertex; -1 where the element carries nothing (open, dark)
    std::int32_t tie = -1;     ///< row of Piece::ties, where the element is one of a tie's; `vertex` is its lower end
    std::int64_t first_row = 0;
    feeder::PhaseSet phases;  ///< downstream
    Index<Bus> from, to;
};

/// Sizes of the whole feeder.
struct Totals {
    std::int64_t buses = 0, nodes = 0, branches = 0, branch_rows = 0, loads = 0, ders = 0, storages = 0, machines = 0;
    std::int64_t agents = 0, areas = 0, boundaries = 0, vertices = 0;
    std::int64_t tap_changers = 0, capacitors = 0, controls = 0, ties = 0;
};

/// Local vertices are numbered: own ones by (level, depth-first order), then halo parents, then halo children, then ends of
/// ties. The level of a vertex is the number of cuts between it and the root; where there are cuts at all, what has none below
/// it is in the last level instead, which no cut is of: ranks work at that one side by side.
struct Piece {
    feeder::Feeder feeder;  ///< own elements, own and neighbouring buses, the codes they use
    GlobalRows global;
    std::vector<Index<Bus>> own_buses;        ///< energised or not
    std::vector<std::int32_t> vertex_of_bus;  ///< -1: not energised, or not in the piece's tree
    std::vector<LocalVertex> vertices;
    std::size_t own = 0;  ///< vertices[0, own) are this rank's
    std::size_t halo_parents = 0;
    std::vector<std::int32_t> children;  ///< in depth-first order of the whole feeder, whoever owns them
    std::vector<Feeding> feedings;
    std::vector<std::int32_t> level_start;  ///< own vertices of level l: [level_start[l], level_start[l+1])
    std::vector<Cut> cuts_up;               ///< to the parents' ranks, in depth-first order of the child
    std::vector<Cut> cuts_down;             ///< to the children's ranks, in the same order
    std::vector<BranchRows> branches;
    std::vector<Tie> ties;
    std::vector<Monitor> monitors;
    std::vector<ControlSeat> tap_controls, capacitor_controls;  ///< per row of the piece's tap changers, capacitors
    std::vector<std::int32_t> agent_of_bus;                     ///< row of `agents`, per bus of the piece
    core::Table<Agent> agents;       ///< those with a bus or a vertex here; parent: row of the whole feeder's agents
    core::TextColumn agent_parents;  ///< names, empty for the feeder
    std::vector<std::int64_t> agent_row;   ///< of the whole feeder's agents
    std::vector<std::int32_t> agent_rank;  ///< who keeps the agent's totals
    Totals totals;
    Partition summary;  ///< edge_cut and imbalance, equal on all ranks; rank_of_bus empty

    [[nodiscard]] int levels() const { return static_cast<int>(level_start.size()) - 1; }
};

/// What the root knows before it hands out the pieces.
struct Whole {
    feeder::Feeder feeder;
    feeder::Tree tree;
    AgentTree agents;
    Partition partition;
};

/// The boundaries whose downstream agent begins on this rank, by row. Not collective.
[[nodiscard]] std::vector<Boundary> boundaries(Piece const& piece);

/// Gives every rank its piece. Only the root's `whole` is read; the root may drop it afterwards. Collective.
[[nodiscard]] Piece distribute(core::Communicator const& comm, std::optional<Whole> const& whole);

}  // namespace dec::partition
