/// \file tree_exchange.hpp
/// Sweeps over a tree that lies on several ranks: level by level of the tree of pieces, rows of numbers across the cuts
/// by neighbourhood collectives. How often ranks talk depends on the depth of the tree of pieces, not of the feeder.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dec/partition/piece.hpp"

namespace dec::partition {

/// Range of own vertices.
struct VertexRange {
    std::int32_t begin = 0, end = 0;
};

class TreeExchange {
  public:
    /// Collective. Keeps a reference to `piece`.
    TreeExchange(core::Communicator const& comm, Piece const& piece);
    TreeExchange(TreeExchange const&) = delete;
    TreeExchange& operator=(TreeExchange const&) = delete;
    ~TreeExchange();

    /// Leaves to root: `compute` is called for the deepest level first, children before parents when it walks its range
    /// backwards; after each level the rows of vertices whose parent is elsewhere arrive in the parents' halo rows.
    /// \param rows `width` numbers for every local vertex. Collective.
    void up(std::span<double> rows, std::size_t width, std::function<void(VertexRange)> const& compute);
    /// Root to leaves: before each level the parents' rows arrive in the halo rows. Collective.
    void down(std::span<double> rows, std::size_t width, std::function<void(VertexRange)> const& compute);

    /// One step of a sweep upwards over the cuts alone: `width` numbers for each of the piece's cuts_up at this level of the
    /// child arrive in the rows of the parents' cuts_down; other rows are not touched. Collective.
    void up_across(int level, std::span<double const> of_cuts_up, std::span<double> of_cuts_down, std::size_t width);
    /// The other way round. Collective.
    void down_across(int level, std::span<double const> of_cuts_down, std::span<double> of_cuts_up, std::size_t width);

  private:
    struct Wave;  // what is sent and received after one level
    /// Which rows of the two tables are sent and received: local vertices, or cuts.
    enum class Rows : std::uint8_t { vertices, cuts };
    void exchange(Wave const& wave, Rows which, std::span<double const> from, std::span<double> to, std::size_t width);
    MPI_Datatype row_type(std::size_t width);

    core::Communicator comm_;
    Piece const& piece_;
    MPI_Comm neighbours_ = MPI_COMM_NULL;
    std::vector<int> ranks_;
    std::vector<Wave> up_, down_;
    std::vector<double> send_, receive_;
    std::vector<std::pair<std::size_t, MPI_Datatype>> row_types_;  // one per width in use
};

}  // namespace dec::partition
