#include "dec/core/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <optional>

#include "dec/core/archive.hpp"
#include "dec/core/error.hpp"

namespace dec::core {

namespace {

/// MPI counts are int: what is longer goes in slices.
constexpr std::size_t slice_bytes = std::size_t{1} << 30;
constexpr int transfer_tag = 7001;

void send_bytes(Communicator const& comm, std::vector<char> const& bytes, int to, std::vector<MPI_Request>& requests) {
    for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
        auto const count = static_cast<int>(std::min(slice_bytes, bytes.size() - at));
        ++comm.traffic().messages;
        comm.traffic().bytes += count;
        MPI_Isend(bytes.data() + at, count, MPI_CHAR, to, transfer_tag, comm.handle(), &requests.emplace_back());
    }
}

void receive_bytes(MPI_Comm comm, std::vector<char>& bytes, int from, std::vector<MPI_Request>& requests) {
    for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
        auto const count = static_cast<int>(std::min(slice_bytes, bytes.size() - at));
        MPI_Irecv(bytes.data() + at, count, MPI_CHAR, from, transfer_tag, comm, &requests.emplace_back());
    }
}

void wait_for(std::vector<MPI_Request>& requests) {
    MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

}  // namespace

Traffic operator-(Traffic const& later, Traffic const& earlier) {
    return {.messages = later.messages - earlier.messages,
            .bytes = later.bytes - earlier.bytes,
            .exchanges = later.exchanges - earlier.exchanges,
            .collectives = later.collectives - earlier.collectives,
            .collective_bytes = later.collective_bytes - earlier.collective_bytes,
            .seconds = later.seconds - earlier.seconds};
}

Communicator::Communicator(MPI_Comm comm) : comm_{comm} {
    MPI_Comm_rank(comm, &rank_);
    MPI_Comm_size(comm, &size_);
}

void Communicator::count_collective(std::size_t bytes) const {
    ++traffic_->collectives;
    traffic_->collective_bytes += static_cast<std::int64_t>(bytes);
}

void Communicator::reduce(void* values, std::size_t count, MPI_Datatype type, MPI_Op op) const {
    TrafficClock const clock{*traffic_};
    int size = 0;
    MPI_Type_size(type, &size);
    count_collective(count * static_cast<std::size_t>(size));
    MPI_Allreduce(MPI_IN_PLACE, values, static_cast<int>(count), type, op, comm_);
}

double Communicator::sum(double value) const {
    // Added in rank order on every rank: the same number of ranks always gives the same bits.
    auto const parts = all_gather({&value, 1});
    return std::accumulate(parts.begin(), parts.end(), 0.0);
}
double Communicator::max(double value) const {
    reduce(&value, 1, MPI_DOUBLE, MPI_MAX);
    return value;
}
double Communicator::min(double value) const {
    reduce(&value, 1, MPI_DOUBLE, MPI_MIN);
    return value;
}
std::int64_t Communicator::sum(std::int64_t value) const {
    reduce(&value, 1, MPI_INT64_T, MPI_SUM);
    return value;
}
std::int64_t Communicator::max(std::int64_t value) const {
    reduce(&value, 1, MPI_INT64_T, MPI_MAX);
    return value;
}
void Communicator::sum(std::span<double> values) const { reduce(values.data(), values.size(), MPI_DOUBLE, MPI_SUM); }
void Communicator::max(std::span<double> values) const { reduce(values.data(), values.size(), MPI_DOUBLE, MPI_MAX); }

void Communicator::broadcast(std::vector<char>& bytes, int from) const {
    TrafficClock const clock{*traffic_};
    auto size = static_cast<std::int64_t>(bytes.size());
    count_collective(rank_ == from ? sizeof size : 0);
    MPI_Bcast(&size, 1, MPI_INT64_T, from, comm_);
    bytes.resize(static_cast<std::size_t>(size));
    for (std::size_t at = 0; at < bytes.size(); at += slice_bytes) {
        auto const count = std::min(slice_bytes, bytes.size() - at);
        count_collective(rank_ == from ? count : 0);
        MPI_Bcast(bytes.data() + at, static_cast<int>(count), MPI_CHAR, from, comm_);
    }
}

std::vector<char> Communicator::scatter(std::span<std::vector<char> const> per_rank) const {
    TrafficClock const clock{*traffic_};
    std::vector<std::int64_t> sizes;
    for (auto const& buffer : per_rank) sizes.push_back(static_cast<std::int64_t>(buffer.size()));
    std::int64_t own_size = 0;
    count_collective(sizes.size() * sizeof own_size);
    MPI_Scatter(sizes.data(), 1, MPI_INT64_T, &own_size, 1, MPI_INT64_T, 0, comm_);
    if (is_root()) {
        std::vector<MPI_Request> requests;
        for (int to = 1; to < size_; ++to) send_bytes(*this, per_rank[static_cast<std::size_t>(to)], to, requests);
        wait_for(requests);
        return per_rank[0];
    }
    std::vector<char> own(static_cast<std::size_t>(own_size));
    std::vector<MPI_Request> requests;
    receive_bytes(comm_, own, 0, requests);
    wait_for(requests);
    return own;
}

std::vector<std::vector<char>> Communicator::all_to_all(std::span<std::vector<char> const> per_rank) const {
    TrafficClock const clock{*traffic_};
    std::vector<std::int64_t> sent;
    for (auto const& buffer : per_rank) sent.push_back(static_cast<std::int64_t>(buffer.size()));
    std::vector<std::int64_t> received(sent.size());
    count_collective(sent.size() * sizeof(std::int64_t));
    MPI_Alltoall(sent.data(), 1, MPI_INT64_T, received.data(), 1, MPI_INT64_T, comm_);

    std::vector<std::vector<char>> result(per_rank.size());
    std::vector<MPI_Request> requests;
    for (std::size_t from = 0; from < result.size(); ++from) {
        if (static_cast<int>(from) == rank_) {
            result[from] = per_rank[from];
            continue;
        }
        result[from].resize(static_cast<std::size_t>(received[from]));
        receive_bytes(comm_, result[from], static_cast<int>(from), requests);
    }
    for (std::size_t to = 0; to < per_rank.size(); ++to)
        if (static_cast<int>(to) != rank_) send_bytes(*this, per_rank[to], static_cast<int>(to), requests);
    wait_for(requests);
    return result;
}

std::vector<std::vector<char>> Communicator::gather(std::vector<char> const& bytes) const {
    std::vector<std::vector<char>> per_rank(static_cast<std::size_t>(size_));
    per_rank[0] = bytes;
    auto received = all_to_all(per_rank);
    return is_root() ? std::move(received) : std::vector<std::vector<char>>{};
}

std::vector<double> Communicator::all_gather(std::span<double const> values) const {
    TrafficClock const clock{*traffic_};
    auto const own = static_cast<int>(values.size());
    count_collective(sizeof own);
    count_collective(values.size_bytes());
    std::vector<int> counts(static_cast<std::size_t>(size_));
    MPI_Allgather(&own, 1, MPI_INT, counts.data(), 1, MPI_INT, comm_);
    std::vector<int> starts(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
    std::vector<double> all(static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), 0)));
    MPI_Allgatherv(values.data(), own, MPI_DOUBLE, all.data(), counts.data(), starts.data(), MPI_DOUBLE, comm_);
    return all;
}

namespace {

std::vector<char> pack(ExitCode code, std::vector<Finding> const& findings) {
    Packer packer;
    packer(code);
    packer(static_cast<std::int64_t>(findings.size()));
    for (auto const& f : findings) {
        for (auto const* text : {&f.file, &f.element, &f.problem, &f.remedy}) packer(*text);
        packer(f.problems);
    }
    return packer.take();
}

[[noreturn]] void rethrow(std::vector<char> const& bytes) {
    Unpacker unpack{bytes};
    ExitCode code{};
    std::int64_t count = 0;
    unpack(code);
    unpack(count);
    std::vector<Finding> findings(static_cast<std::size_t>(count));
    for (auto& f : findings) {
        for (auto* text : {&f.file, &f.element, &f.problem, &f.remedy}) unpack(*text);
        unpack(f.problems);
    }
    throw Error{code, std::move(findings)};
}

}  // namespace

void together(Communicator const& comm, std::function<void()> const& work) {
    std::optional<std::vector<char>> failure;
    try {
        work();
    } catch (Error const& error) {
        failure = pack(error.code(), error.findings());
    } catch (std::bad_alloc const&) {
        failure =
            pack(ExitCode::system,
                 {Finding{{}, fmt::format("rank {}", comm.rank()), "out of memory", "use a machine with more of it"}});
    } catch (std::exception const& error) {
        failure = pack(ExitCode::bug, {Finding{{}, "internal error", error.what(), "please report it with the input"}});
    }
    auto const first = -comm.max(std::int64_t{failure ? -comm.rank() : -comm.size()});
    if (first == comm.size()) return;

    // From the first failing rank to everybody.
    auto bytes = failure ? std::move(*failure) : std::vector<char>{};
    comm.broadcast(bytes, static_cast<int>(first));
    rethrow(bytes);
}

}  // namespace dec::core
