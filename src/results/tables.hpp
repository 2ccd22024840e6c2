/// \file tables.hpp
/// What all results files have in common: identities of nodes and branches, how the work was spread and how long it took.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dec/core/hdf5.hpp"
#include "dec/partition/piece.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "dec/results/answer_file.hpp"
#include "dec/results/schema.hpp"

namespace dec::results {

/// One table of the schema, a column at a time, so that no more than one of them is held.
class Columns {
  public:
    /// Collective, as all members.
    Columns(core::TableSink& file, std::string group, std::int64_t total, std::span<std::int64_t const> rows)
        : file_{file}, group_{std::move(group)} {
        file_.begin(group_, total, rows);
    }
    void add(std::string_view name, core::ColumnData data, std::vector<std::size_t> extents = {}) {
        file_.add(column(group_ + "/" + std::string{name}, std::move(data), std::move(extents)));
    }

  private:
    core::TableSink& file_;
    std::string group_;
};

/// One own node: row of the table of nodes, own vertex (-1: not energised) and phase.
struct NodeRow {
    std::int64_t row = 0;
    std::int32_t vertex = -1;
    core::Index<feeder::Bus> bus;
    feeder::Phase phase = feeder::Phase::a;
};
/// This rank's nodes, bus by bus.
[[nodiscard]] std::vector<NodeRow> node_rows(partition::Piece const& piece);
[[nodiscard]] std::vector<std::int64_t> rows_of(std::vector<NodeRow> const& nodes);
/// The table of nodes with bus, phase, base_kv, x, y, distance_km of the same. Collective.
[[nodiscard]] Columns identified_nodes(core::TableSink& file, partition::Piece const& piece,
                                       std::vector<NodeRow> const& nodes);

/// Rows of this rank's branches, phase by phase.
[[nodiscard]] std::vector<std::int64_t> branch_rows(partition::Piece const& piece);
/// The table of branches with name, mrid, from, to, phase of the same. Collective.
[[nodiscard]] Columns identified_branches(core::TableSink& file, partition::Piece const& piece);
[[nodiscard]] std::string_view branch_name(partition::Piece const& piece, partition::BranchRows const& branch);
/// Normal rating of an element's downstream side, A; NaN where unknown.
[[nodiscard]] double normal_rating(partition::Piece const& piece, feeder::Feeding const& feeding);

/// Adds v_ac and angle_deg of this rank's nodes as a power flow left them. Collective, as what follows.
void add_ac_voltages(Columns& table, powerflow::PowerFlow const& flow);
/// Adds p_kw, q_kvar, current_a, loading and loss_kw of this rank's branches.
void add_ac_flows(Columns& table, partition::Piece const& piece, powerflow::Flows const& flows);
/// Share of the normal rating that an element carries on one phase; NaN where unknown.
[[nodiscard]] double loading(partition::Piece const& piece, partition::BranchRows const& branch,
                             powerflow::BranchFlow const& flow, feeder::Phase phase);

/// Sizes of the feeder, ranks and what the partition cost. Collective.
[[nodiscard]] Summary summary_of_piece(core::Communicator const& comm, partition::Piece const& piece, Run const& run);

/// Where tap changers and capacitors stand.
void write_positions(core::TableSink& file, partition::Piece const& piece, powerflow::Positions const& positions);
void write_node_ranks(core::Communicator const& comm, core::TableSink& file, partition::Piece const& piece);
void write_timing(core::Communicator const& comm, core::TableSink& file, Run const& run);

}  // namespace dec::results
