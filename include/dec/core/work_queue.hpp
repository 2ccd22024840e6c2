/// \file work_queue.hpp
/// Items that ranks work on one by one, each as soon as it is free, and reports of them that go to the root.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "dec/core/communicator.hpp"

namespace dec::core {

/// Which rank gets which item depends on how fast they are; whoever uses it makes sure that only time does. Nobody waits
/// for the root to look: items are counted in memory that all ranks reach, and reports wait where they were made.
class WorkQueue {
  public:
    /// Items 0, 1, … `items` - 1. Collective.
    /// \param most_waiting bytes of reports of one rank that the root has not taken; more of them make the rank wait.
    WorkQueue(Communicator const& comm, std::int64_t items, std::size_t most_waiting);
    WorkQueue(WorkQueue const&) = delete;
    WorkQueue& operator=(WorkQueue const&) = delete;
    /// Collective, unless an exception is on its way.
    ~WorkQueue();

    /// The next item that nobody has; none when there are no more. Not collective.
    [[nodiscard]] std::optional<std::int64_t> next();
    /// Nobody gets another item. Not collective.
    void close();
    /// Sends a report to the root. Of the other ranks; not collective.
    void report(std::vector<char> bytes);
    /// Reports that are there, one after the other. Of the root; not collective.
    void take(std::function<void(std::vector<char> const&)> const& use);
    /// Ends once the root has all reports of all ranks. Collective; only the root's `use` is called.
    void finish(std::function<void(std::vector<char> const&)> const& use);

  private:
    struct Parcel {
        std::int64_t size = 0;
        std::vector<char> bytes;
        std::vector<MPI_Request> requests;
    };
    void forget_delivered();
    /// The report that `status` announces; nothing if it says that its sender has no more.
    [[nodiscard]] std::optional<std::vector<char>> receive(MPI_Status const& status);
    void send(std::int64_t size, std::vector<char> bytes);

    Communicator comm_;
    std::int64_t items_;
    std::size_t most_waiting_, waiting_ = 0;
    std::int64_t* taken_ = nullptr;  // on the root: items given away so far
    MPI_Win window_ = MPI_WIN_NULL;
    std::deque<Parcel> parcels_;
    int finished_ = 0;  // on the root: ranks that have no more reports
};

}  // namespace dec::core
