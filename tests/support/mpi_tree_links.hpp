/// \file mpi_tree_links.hpp
/// Pieces of a tree on the ranks of a communicator, in the plainest way: one message per cut and level.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <array>
#include <vector>

#include "support/random_tree.hpp"

namespace dec::testing {

class MpiTreeLinks final : public solvers::TreeLinks {
  public:
    /// Collective. \param piece is this rank's and stays where it is.
    MpiTreeLinks(MPI_Comm comm, TreePiece const& piece) : comm_{comm}, piece_{piece}, levels_{piece.program.levels()} {
        MPI_Allreduce(MPI_IN_PLACE, &levels_, 1, MPI_INT, MPI_MAX, comm_);
    }

    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override {
        pass(level, piece_.program.above, piece_.above_rank, above, piece_.program.below, piece_.below_rank, below,
             width);
    }
    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override {
        pass(level, piece_.program.below, piece_.below_rank, below, piece_.program.above, piece_.above_rank, above,
             width);
    }
    [[nodiscard]] int levels() const override { return levels_; }
    void sum(std::span<double> values) const override {
        MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE, MPI_SUM, comm_);
    }
    void max(std::span<double> values) const override {
        MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE, MPI_MAX, comm_);
    }

  private:
    void pass(int level, std::vector<solvers::TreeCut> const& from, std::vector<std::int32_t> const& from_rank,
              std::span<double const> sent, std::vector<solvers::TreeCut> const& to,
              std::vector<std::int32_t> const& to_rank, std::span<double> received, std::size_t width) {
        std::vector<MPI_Request> requests;
        auto const count = static_cast<int>(width);
        for (std::size_t i = 0; i < to.size(); ++i)
            if (to[i].level == level)
                MPI_Irecv(received.data() + i * width, count, MPI_DOUBLE, to_rank[i], level, comm_,
                          &requests.emplace_back());
        for (std::size_t i = 0; i < from.size(); ++i)
            if (from[i].level == level)
                MPI_Isend(sent.data() + i * width, count, MPI_DOUBLE, from_rank[i], level, comm_,
                          &requests.emplace_back());
        MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
    }

    MPI_Comm comm_;
    TreePiece const& piece_;
    int levels_;
};

}  // namespace dec::testing
