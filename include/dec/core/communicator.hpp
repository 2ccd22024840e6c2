/// \file communicator.hpp
/// The group of ranks a computation runs on, handed in by the caller. Nothing below `app` names the world communicator.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace dec::core {

/// Does not own the MPI communicator. Copyable. All member functions but the accessors are collective.
class Communicator {
  public:
    explicit Communicator(MPI_Comm comm);

    [[nodiscard]] MPI_Comm handle() const { return comm_; }
    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] bool is_root() const { return rank_ == 0; }

    [[nodiscard]] double sum(double value) const;
    [[nodiscard]] double max(double value) const;
    [[nodiscard]] double min(double value) const;
    [[nodiscard]] std::int64_t sum(std::int64_t value) const;
    [[nodiscard]] std::int64_t max(std::int64_t value) const;
    /// The root's bytes on every rank; `bytes` is read on the root and overwritten elsewhere.
    void broadcast(std::vector<char>& bytes) const;
    /// One buffer per rank on the root; every rank gets its own. Buffers may exceed 2 GiB.
    [[nodiscard]] std::vector<char> scatter(std::span<std::vector<char> const> per_rank) const;
    /// One buffer for each rank from each rank, in rank order.
    [[nodiscard]] std::vector<std::vector<char>> all_to_all(std::span<std::vector<char> const> per_rank) const;
    /// Every rank's buffer, in rank order, on the root; empty elsewhere.
    [[nodiscard]] std::vector<std::vector<char>> gather(std::vector<char> const& bytes) const;
    /// Every rank's values, in rank order, on every rank.
    [[nodiscard]] std::vector<double> all_gather(std::span<double const> values) const;

  private:
    MPI_Comm comm_;
    int rank_ = 0;
    int size_ = 1;
};

/// Runs `work` on every rank. If it throws `Error` anywhere, the first failing rank's error is thrown on all ranks,
/// so that nobody is left waiting in a collective. `work` itself must not be collective where it may throw.
/// Out of memory becomes exit code 5. Other exceptions are passed on as a bug (exit code 1) the same way. Collective.
void together(Communicator const& comm, std::function<void()> const& work);

}  // namespace dec::core
