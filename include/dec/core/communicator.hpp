/// \file communicator.hpp
/// The group of ranks a computation runs on, handed in by the caller. Nothing below `app` names the world communicator.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace dec::core {

/// What a rank has told others, and how long it was at it.
struct Traffic {
    std::int64_t messages = 0;          ///< to one other rank each; empty ones do not count
    std::int64_t bytes = 0;             ///< of their contents
    std::int64_t exchanges = 0;         ///< rounds of such messages, in which all ranks take part
    std::int64_t collectives = 0;       ///< sums, largest values and broadcasts over all ranks
    std::int64_t collective_bytes = 0;  ///< what this rank has put into them
    double seconds = 0.0;               ///< wall time within all of these, waiting for others included
};
[[nodiscard]] Traffic operator-(Traffic const& later, Traffic const& earlier);

/// Adds the time of its life to a rank's traffic.
class TrafficClock {
  public:
    explicit TrafficClock(Traffic& traffic) : traffic_{traffic}, began_{MPI_Wtime()} {}
    TrafficClock(TrafficClock const&) = delete;
    TrafficClock& operator=(TrafficClock const&) = delete;
    ~TrafficClock() { traffic_.seconds += MPI_Wtime() - began_; }

  private:
    Traffic& traffic_;
    double began_;
};

/// Does not own the MPI communicator. Copyable. All member functions but the accessors are collective.
class Communicator {
  public:
    explicit Communicator(MPI_Comm comm);

    [[nodiscard]] MPI_Comm handle() const { return comm_; }
    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] bool is_root() const { return rank_ == 0; }
    /// Of this rank by way of this communicator and its copies since it was made. Who calls MPI with `handle` adds to it.
    [[nodiscard]] Traffic& traffic() const { return *traffic_; }

    [[nodiscard]] double sum(double value) const;
    [[nodiscard]] double max(double value) const;
    [[nodiscard]] double min(double value) const;
    [[nodiscard]] std::int64_t sum(std::int64_t value) const;
    [[nodiscard]] std::int64_t max(std::int64_t value) const;
    /// Entry by entry over all ranks, which give equally many; the same bits on all of them.
    void sum(std::span<double> values) const;
    void max(std::span<double> values) const;
    /// One rank's bytes on every rank; `bytes` is read on that rank and overwritten elsewhere.
    void broadcast(std::vector<char>& bytes, int from = 0) const;
    /// One buffer per rank on the root; every rank gets its own. Buffers may exceed 2 GiB.
    [[nodiscard]] std::vector<char> scatter(std::span<std::vector<char> const> per_rank) const;
    /// One buffer for each rank from each rank, in rank order.
    [[nodiscard]] std::vector<std::vector<char>> all_to_all(std::span<std::vector<char> const> per_rank) const;
    /// Every rank's buffer, in rank order, on the root; empty elsewhere.
    [[nodiscard]] std::vector<std::vector<char>> gather(std::vector<char> const& bytes) const;
    /// Every rank's values, in rank order, on every rank.
    [[nodiscard]] std::vector<double> all_gather(std::span<double const> values) const;

  private:
    void reduce(void* values, std::size_t count, MPI_Datatype type, MPI_Op op) const;
    void count_collective(std::size_t bytes) const;

    MPI_Comm comm_;
    std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
    int rank_ = 0;
    int size_ = 1;
};

/// Runs `work` on every rank. If it throws `Error` anywhere, the first failing rank's error is thrown on all ranks,
/// so that nobody is left waiting in a collective. `work` itself must not be collective where it may throw.
/// Out of memory becomes exit code 5. Other exceptions are passed on as a bug (exit code 1) the same way. Collective.
void together(Communicator const& comm, std::function<void()> const& work);

}  // namespace dec::core
