#include "dec/core/work_queue.hpp"

#include <algorithm>
#include <exception>

namespace dec::core {

namespace {

constexpr std::size_t slice_bytes = std::size_t{1} << 30;  // MPI counts are int
constexpr int size_tag = 7101, bytes_tag = 7102;
constexpr std::int64_t no_more = -1;

}  // namespace

WorkQueue::WorkQueue(Communicator const& comm, std::int64_t items, std::size_t most_waiting)
    : comm_{comm}, items_{items}, most_waiting_{most_waiting} {
    MPI_Win_allocate(comm_.is_root() ? static_cast<MPI_Aint>(sizeof *taken_) : 0, sizeof *taken_, MPI_INFO_NULL,
                     comm_.handle(), static_cast<void*>(&taken_), &window_);
    MPI_Win_lock_all(0, window_);
    if (comm_.is_root()) {
        *taken_ = 0;
        MPI_Win_sync(window_);
    }
    MPI_Barrier(comm_.handle());
}

WorkQueue::~WorkQueue() {
    // The others may be anywhere; only an abort ends them then.
    if (std::uncaught_exceptions() > 0) return;
    MPI_Win_unlock_all(window_);
    MPI_Win_free(&window_);
}

std::optional<std::int64_t> WorkQueue::next() {
    std::int64_t const one = 1;
    std::int64_t item = 0;
    MPI_Fetch_and_op(&one, &item, MPI_INT64_T, 0, 0, MPI_SUM, window_);
    MPI_Win_flush(0, window_);
    return item < items_ ? std::optional{item} : std::nullopt;
}

void WorkQueue::close() {
    std::int64_t before = 0;
    MPI_Fetch_and_op(&items_, &before, MPI_INT64_T, 0, 0, MPI_REPLACE, window_);
    MPI_Win_flush(0, window_);
}

void WorkQueue::send(std::int64_t size, std::vector<char> bytes) {
    auto& parcel = parcels_.emplace_back();  // stays where it is until it is delivered
    parcel.size = size;
    parcel.bytes = std::move(bytes);
    MPI_Isend(&parcel.size, 1, MPI_INT64_T, 0, size_tag, comm_.handle(), &parcel.requests.emplace_back());
    for (std::size_t at = 0; at < parcel.bytes.size(); at += slice_bytes)
        MPI_Isend(parcel.bytes.data() + at, static_cast<int>(std::min(slice_bytes, parcel.bytes.size() - at)), MPI_CHAR,
                  0, bytes_tag, comm_.handle(), &parcel.requests.emplace_back());
    waiting_ += parcel.bytes.size();
}

void WorkQueue::forget_delivered() {
    while (!parcels_.empty()) {
        auto& first = parcels_.front();
        auto const count = static_cast<int>(first.requests.size());
        // One report may always wait, however long it is.
        bool const full = waiting_ > most_waiting_ && parcels_.size() > 1;
        int delivered = 1;
        if (full) MPI_Waitall(count, first.requests.data(), MPI_STATUSES_IGNORE);
        else MPI_Testall(count, first.requests.data(), &delivered, MPI_STATUSES_IGNORE);
        if (delivered == 0) return;
        waiting_ -= first.bytes.size();
        parcels_.pop_front();
    }
}

void WorkQueue::report(std::vector<char> bytes) {
    auto const size = static_cast<std::int64_t>(bytes.size());
    send(size, std::move(bytes));
    forget_delivered();
}

std::optional<std::vector<char>> WorkQueue::receive(MPI_Status const& status) {
    std::int64_t size = 0;
    MPI_Recv(&size, 1, MPI_INT64_T, status.MPI_SOURCE, size_tag, comm_.handle(), MPI_STATUS_IGNORE);
    if (size == no_more) {
        ++finished_;
        return std::nullopt;
    }
    std::vector<char> bytes(static_cast<std::size_t>(size));
    for (std::size_t at = 0; at < bytes.size(); at += slice_bytes)
        MPI_Recv(bytes.data() + at, static_cast<int>(std::min(slice_bytes, bytes.size() - at)), MPI_CHAR,
                 status.MPI_SOURCE, bytes_tag, comm_.handle(), MPI_STATUS_IGNORE);
    return bytes;
}

void WorkQueue::take(std::function<void(std::vector<char> const&)> const& use) {
    for (;;) {
        int there = 0;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, size_tag, comm_.handle(), &there, &status);
        if (there == 0) return;
        if (auto const bytes = receive(status)) use(*bytes);
    }
}

void WorkQueue::finish(std::function<void(std::vector<char> const&)> const& use) {
    if (!comm_.is_root()) {
        send(no_more, {});
        for (auto& parcel : parcels_)
            MPI_Waitall(static_cast<int>(parcel.requests.size()), parcel.requests.data(), MPI_STATUSES_IGNORE);
        parcels_.clear();
        return;
    }
    while (finished_ < comm_.size() - 1) {
        MPI_Status status;
        MPI_Probe(MPI_ANY_SOURCE, size_tag, comm_.handle(), &status);
        if (auto const bytes = receive(status)) use(*bytes);
    }
}

}  // namespace dec::core
