#include "dec/partition/tree_exchange.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace dec::partition {

struct TreeExchange::Wave {
    std::vector<std::int32_t> send_rows, receive_rows;  ///< local vertices, grouped by neighbour
    std::vector<std::int32_t> send_cuts, receive_cuts;  ///< the cuts they belong to: rows of cuts_up or cuts_down
    std::vector<int> send_counts, receive_counts;       ///< rows per neighbour; one zero more, never empty
    std::vector<int> send_starts, receive_starts;
    std::int64_t messages = 0;  ///< sent
};

TreeExchange::TreeExchange(core::Communicator const& comm, Piece const& piece) : comm_{comm}, piece_{piece} {
    std::map<int, int> index;
    for (auto const* cuts : {&piece.cuts_up, &piece.cuts_down})
        for (auto const& cut : *cuts) index.emplace(cut.neighbour, 0);
    for (auto& [rank, position] : index) {
        position = static_cast<int>(ranks_.size());
        ranks_.push_back(rank);
    }
    auto const degree = static_cast<int>(ranks_.size());
    // An empty list must not be a null pointer.
    auto const* ranks = ranks_.empty() ? &degree : ranks_.data();
    MPI_Dist_graph_create_adjacent(comm.handle(), degree, ranks, MPI_UNWEIGHTED, degree, ranks, MPI_UNWEIGHTED,
                                   MPI_INFO_NULL, 0, &neighbours_);

    auto const levels = static_cast<std::size_t>(piece.levels());
    struct Crossing {
        Cut cut;
        std::int32_t row = 0;
    };
    std::vector<std::vector<std::vector<Crossing>>> of_child(levels), of_parent(levels);  // [level][neighbour]
    for (std::size_t l = 0; l < levels; ++l) {
        of_child[l].resize(ranks_.size());
        of_parent[l].resize(ranks_.size());
    }
    auto const sort_in = [&](std::vector<Cut> const& cuts, auto& by_level) {
        for (std::size_t k = 0; k < cuts.size(); ++k)
            by_level[static_cast<std::size_t>(cuts[k].level)][static_cast<std::size_t>(index[cuts[k].neighbour])]
                .push_back({cuts[k], static_cast<std::int32_t>(k)});
    };
    sort_in(piece.cuts_up, of_child);
    sort_in(piece.cuts_down, of_parent);

    auto const wave = [&](auto const& senders, auto const& receivers) {
        Wave w;
        for (std::size_t k = 0; k < ranks_.size(); ++k) {
            w.send_counts.push_back(static_cast<int>(senders[k].size()));
            w.receive_counts.push_back(static_cast<int>(receivers[k].size()));
            for (auto const& [cut, row] : senders[k]) {
                w.send_rows.push_back(cut.inner);
                w.send_cuts.push_back(row);
            }
            for (auto const& [cut, row] : receivers[k]) {
                w.receive_rows.push_back(cut.halo);
                w.receive_cuts.push_back(row);
            }
        }
        w.messages = std::ranges::count_if(w.send_counts, [](int rows) { return rows > 0; });
        w.send_counts.push_back(0);
        w.receive_counts.push_back(0);
        w.send_starts.resize(w.send_counts.size());
        w.receive_starts.resize(w.receive_counts.size());
        std::exclusive_scan(w.send_counts.begin(), w.send_counts.end(), w.send_starts.begin(), 0);
        std::exclusive_scan(w.receive_counts.begin(), w.receive_counts.end(), w.receive_starts.begin(), 0);
        return w;
    };
    for (std::size_t l = 0; l < levels; ++l) {
        up_.push_back(wave(of_child[l], of_parent[l]));
        down_.push_back(wave(of_parent[l], of_child[l]));
    }
}

TreeExchange::~TreeExchange() {
    for (auto& [width, type] : row_types_) MPI_Type_free(&type);
    if (neighbours_ != MPI_COMM_NULL) MPI_Comm_free(&neighbours_);
}

MPI_Datatype TreeExchange::row_type(std::size_t width) {
    for (auto const& [known, type] : row_types_)
        if (known == width) return type;
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_Type_contiguous(static_cast<int>(width), MPI_DOUBLE, &type);
    MPI_Type_commit(&type);
    row_types_.emplace_back(width, type);
    return type;
}

void TreeExchange::exchange(Wave const& wave, Rows which, std::span<double const> from, std::span<double> to,
                            std::size_t width) {
    auto const& sent = which == Rows::cuts ? wave.send_cuts : wave.send_rows;
    auto const& received = which == Rows::cuts ? wave.receive_cuts : wave.receive_rows;
    // Grows once per width, and is never empty: MPI does not accept null pointers.
    send_.resize(std::max(send_.size(), (sent.size() + 1) * width));
    receive_.resize(std::max(receive_.size(), (received.size() + 1) * width));
    auto const row = [width](auto& values, std::size_t i) {
        return values.begin() + static_cast<std::ptrdiff_t>(i * width);
    };
    for (std::size_t i = 0; i < sent.size(); ++i)
        std::copy_n(row(from, static_cast<std::size_t>(sent[i])), width, row(send_, i));
    auto const type = row_type(width);
    auto& traffic = comm_.traffic();
    core::TrafficClock const clock{traffic};
    ++traffic.exchanges;
    traffic.messages += wave.messages;
    traffic.bytes += static_cast<std::int64_t>(sent.size() * width * sizeof(double));
    MPI_Neighbor_alltoallv(send_.data(), wave.send_counts.data(), wave.send_starts.data(), type, receive_.data(),
                           wave.receive_counts.data(), wave.receive_starts.data(), type, neighbours_);
    for (std::size_t i = 0; i < received.size(); ++i)
        std::copy_n(row(receive_, i), width, row(to, static_cast<std::size_t>(received[i])));
}

void TreeExchange::up(std::span<double> rows, std::size_t width, std::function<void(VertexRange)> const& compute) {
    for (int level = piece_.levels() - 1; level >= 0; --level) {
        auto const l = static_cast<std::size_t>(level);
        compute({piece_.level_start[l], piece_.level_start[l + 1]});
        if (level > 0 && level + 1 < piece_.levels()) exchange(up_[l], Rows::vertices, rows, rows, width);
    }
}

void TreeExchange::down(std::span<double> rows, std::size_t width, std::function<void(VertexRange)> const& compute) {
    for (int level = 0; level < piece_.levels(); ++level) {
        auto const l = static_cast<std::size_t>(level);
        if (level > 0 && level + 1 < piece_.levels()) exchange(down_[l], Rows::vertices, rows, rows, width);
        compute({piece_.level_start[l], piece_.level_start[l + 1]});
    }
}

void TreeExchange::up_across(int level, std::span<double const> of_cuts_up, std::span<double> of_cuts_down,
                             std::size_t width) {
    if (level + 1 == piece_.levels()) return;
    exchange(up_[static_cast<std::size_t>(level)], Rows::cuts, of_cuts_up, of_cuts_down, width);
}

void TreeExchange::down_across(int level, std::span<double const> of_cuts_down, std::span<double> of_cuts_up,
                               std::size_t width) {
    if (level + 1 == piece_.levels()) return;
    exchange(down_[static_cast<std::size_t>(level)], Rows::cuts, of_cuts_down, of_cuts_up, width);
}

}  // namespace dec::partition
