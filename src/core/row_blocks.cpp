#include "row_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace dec::core {

namespace {

/// Which rows belong to whom; the first ranks have one more where the number does not divide.
class Cut {
  public:
    Cut(std::int64_t total, int ranks) : quotient_{total / ranks}, remainder_{total % ranks} {}

    [[nodiscard]] std::int64_t begin(int rank) const {
        return rank * quotient_ + std::min<std::int64_t>(rank, remainder_);
    }
    [[nodiscard]] std::int64_t size(int rank) const { return quotient_ + (rank < remainder_ ? 1 : 0); }
    [[nodiscard]] std::size_t owner(std::int64_t row) const {
        auto const in_longer_blocks = remainder_ * (quotient_ + 1);
        auto const rank =
            row < in_longer_blocks ? row / (quotient_ + 1) : remainder_ + (row - in_longer_blocks) / quotient_;
        return static_cast<std::size_t>(rank);
    }

  private:
    std::int64_t quotient_, remainder_;
};

/// Calls `visit(values)` with what the column holds; what is not known has no values.
template <class Visit>
auto with_values(ColumnData const& data, Visit&& visit) {
    using Result = decltype(visit(std::get<std::vector<double>>(data)));
    return std::visit(
        [&]<class Values>(Values const& values) -> Result {
            if constexpr (std::same_as<Values, Unknown>) throw std::logic_error{"what is not known has no values"};
            else return visit(values);
        },
        data);
}

/// One value to `target`, which holds zeros.
void put(double value, std::size_t, char* target) { std::memcpy(target, &value, sizeof value); }
void put(std::int64_t value, std::size_t, char* target) { std::memcpy(target, &value, sizeof value); }
void put(std::string_view text, std::size_t size, char* target) { text.copy(target, size); }

/// The values of `entries` in one step, one after the other, to what `target(i)` says for the i-th of them.
template <class Values, class Target>
void put_entries(Values const& values, std::size_t first, std::span<std::int32_t const> entries, std::size_t value,
                 std::size_t width, Target const& target) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        char* at = target(i);
        auto const from = (first + static_cast<std::size_t>(entries[i])) * width;
        for (std::size_t k = 0; k < width; ++k, at += value) put(values[from + k], value, at);
    }
}

}  // namespace

RowBlocks::RowBlocks(Communicator const& comm, std::string_view table, std::int64_t total,
                     std::span<std::int64_t const> rows)
    : comm_{comm}, table_{table}, total_{total}, begin_{Cut{total, comm.size()}.begin(comm.rank())},
      rows_{Cut{total, comm.size()}.size(comm.rank())}, entries_{rows.size()} {
    Cut const cut{total, comm.size()};
    auto const ranks = static_cast<std::size_t>(comm.size());
    sent_.resize(ranks);
    received_.resize(ranks);
    std::vector<std::vector<char>> messages(ranks);
    together(comm, [&] {
        std::vector<std::size_t> counts(ranks, 0);
        for (auto const row : rows) {
            if (row < 0 || row >= total) throw std::logic_error{fmt::format("{}: row {} of {}", table_, row, total)};
            ++counts[cut.owner(row)];
        }
        std::vector<std::vector<std::int32_t>> places(ranks);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            sent_[rank].reserve(counts[rank]);
            places[rank].reserve(counts[rank]);
        }
        for (std::size_t i = 0; i < rows.size(); ++i) {
            auto const owner = cut.owner(rows[i]);
            sent_[owner].push_back(static_cast<std::int32_t>(i));
            places[owner].push_back(static_cast<std::int32_t>(rows[i] - cut.begin(static_cast<int>(owner))));
        }
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            auto const* bytes = reinterpret_cast<char const*>(places[rank].data());
            messages[rank].assign(bytes, bytes + places[rank].size() * sizeof(std::int32_t));
        }
    });
    auto const arrived = comm.all_to_all(messages);
    together(comm, [&] {
        std::vector<bool> seen(static_cast<std::size_t>(rows_), false);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            received_[rank].resize(arrived[rank].size() / sizeof(std::int32_t));
            if (!arrived[rank].empty()) std::memcpy(received_[rank].data(), arrived[rank].data(), arrived[rank].size());
            for (auto const place : received_[rank]) {
                if (seen[static_cast<std::size_t>(place)])
                    throw std::logic_error{fmt::format("{}: row {} is given twice", table_, begin_ + place)};
                seen[static_cast<std::size_t>(place)] = true;
            }
        }
        auto const hole = std::find(seen.begin(), seen.end(), false);
        if (hole != seen.end())
            throw std::logic_error{fmt::format("{}: row {} is not given", table_, begin_ + (hole - seen.begin()))};
    });
}

std::size_t RowBlocks::value_size(ColumnData const& data) const {
    static_assert(sizeof(double) == sizeof(std::int64_t));
    auto const longest = with_values(data, []<class Values>(Values const& values) -> std::size_t {
        if constexpr (requires { values[0].size(); }) {
            std::size_t size = 1;
            for (std::size_t i = 0; i < values.size(); ++i) size = std::max(size, values[i].size());
            return size;
        } else return 0;
    });
    if (longest == 0) return sizeof(double);
    return static_cast<std::size_t>(comm_.max(static_cast<std::int64_t>(longest)));
}

std::vector<char> RowBlocks::arrange(std::string_view column, ColumnData const& data, std::size_t value,
                                     std::size_t width, std::size_t steps) const {
    auto const cell = value * width;
    auto const own = static_cast<std::size_t>(comm_.rank());
    auto const height = static_cast<std::size_t>(rows_);
    std::vector<char> block;
    std::vector<std::vector<char>> messages(sent_.size());
    together(comm_, [&] {
        auto const count = with_values(data, [](auto const& values) { return values.size(); });
        if (count != steps * entries_ * width)
            throw std::logic_error{
                fmt::format("{}/{}: {} values for {} rows of {}", table_, column, count, steps * entries_, width)};
        block.resize(steps * height * cell);
        with_values(data, [&](auto const& values) {
            for (std::size_t rank = 0; rank < sent_.size(); ++rank) {
                auto& message = messages[rank];
                if (rank != own) message.resize(steps * sent_[rank].size() * cell);
                for (std::size_t step = 0; step < steps; ++step) {
                    auto const to_block = [&](std::size_t i) {
                        return block.data() + (step * height + static_cast<std::size_t>(received_[own][i])) * cell;
                    };
                    auto const to_message = [&](std::size_t i) {
                        return message.data() + (step * sent_[rank].size() + i) * cell;
                    };
                    auto const first = step * entries_;
                    if (rank == own) put_entries(values, first, sent_[rank], value, width, to_block);
                    else put_entries(values, first, sent_[rank], value, width, to_message);
                }
            }
        });
    });
    auto const arrived = comm_.all_to_all(messages);
    for (std::size_t rank = 0; rank < arrived.size(); ++rank) {
        auto const* source = arrived[rank].data();
        if (rank == own) continue;
        for (std::size_t step = 0; step < steps; ++step)
            for (auto const place : received_[rank]) {
                std::copy_n(source, cell, block.data() + (step * height + static_cast<std::size_t>(place)) * cell);
                source += cell;
            }
    }
    return block;
}

}  // namespace dec::core
