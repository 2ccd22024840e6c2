#include "row_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
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

std::size_t value_count(ColumnData const& data) {
    return std::visit([](auto const& values) { return values.size(); }, data);
}

void require_consistent(std::string_view table, std::int64_t total, std::span<std::int64_t const> rows,
                        std::span<Column const> columns) {
    for (auto const& column : columns)
        if (value_count(column.data) != rows.size() * column.width)
            throw std::logic_error{fmt::format("{}/{}: {} values for {} rows of {}", table, column.name,
                                               value_count(column.data), rows.size(), column.width)};
    for (auto const& column : columns)
        if (!column.extents.empty() && std::accumulate(column.extents.begin(), column.extents.end(), std::size_t{1},
                                                       std::multiplies{}) != column.width)
            throw std::logic_error{fmt::format("{}/{}: the shape of a row is not its width", table, column.name)};
    for (auto const row : rows)
        if (row < 0 || row >= total) throw std::logic_error{fmt::format("{}: row {} of {}", table, row, total)};
}

/// Collective.
Cell measure(Communicator const& comm, Column const& column) {
    static_assert(sizeof(double) == sizeof(std::int64_t));
    std::size_t longest = 0;
    auto const measure_texts = [&](auto const& texts) {
        longest = 1;
        for (std::size_t i = 0; i < texts.size(); ++i) longest = std::max(longest, texts[i].size());
    };
    if (auto const* texts = std::get_if<std::vector<std::string>>(&column.data)) measure_texts(*texts);
    if (auto const* texts = std::get_if<TextColumn>(&column.data)) measure_texts(*texts);
    if (longest == 0) return {sizeof(double), column.width};
    return {static_cast<std::size_t>(comm.max(static_cast<std::int64_t>(longest))), column.width};
}

/// Writes one row of a column to `target`, which has been filled with zeros.
void put_cell(Column const& column, Cell const& cell, std::size_t row, char* target) {
    auto const first = row * column.width;
    auto const put_texts = [&](auto const& texts) {
        for (std::size_t i = 0; i < column.width; ++i, target += cell.value) texts[first + i].copy(target, cell.value);
    };
    if (auto const* strings = std::get_if<std::vector<std::string>>(&column.data)) put_texts(*strings);
    else if (auto const* texts = std::get_if<TextColumn>(&column.data)) put_texts(*texts);
    else if (auto const* reals = std::get_if<std::vector<double>>(&column.data))
        std::copy_n(reinterpret_cast<char const*>(reals->data() + first), cell.size(), target);
    else {
        auto const& integers = std::get<std::vector<std::int64_t>>(column.data);
        std::copy_n(reinterpret_cast<char const*>(integers.data() + first), cell.size(), target);
    }
}

std::size_t record_size(std::span<Cell const> cells) {
    std::size_t size = sizeof(std::int64_t);
    for (auto const& cell : cells) size += cell.size();
    return size;
}

/// One message per other rank: a record for each row, its number followed by its cells.
std::vector<std::vector<char>> pack(Cut const& cut, Communicator const& comm, std::span<std::int64_t const> rows,
                                    std::span<Column const> columns, std::span<Cell const> cells) {
    auto const record = record_size(cells);
    auto const own = static_cast<std::size_t>(comm.rank());
    std::vector<std::size_t> sizes(static_cast<std::size_t>(comm.size()), 0);
    for (auto const row : rows) sizes[cut.owner(row)] += record;
    sizes[own] = 0;
    std::vector<std::vector<char>> messages;
    for (auto const size : sizes) messages.emplace_back(size, '\0');

    std::vector<std::size_t> filled(sizes.size(), 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto const owner = cut.owner(rows[i]);
        if (owner == own) continue;
        char* target = messages[owner].data() + std::exchange(filled[owner], filled[owner] + record);
        std::memcpy(target, &rows[i], sizeof rows[i]);
        target += sizeof rows[i];
        for (std::size_t c = 0; c < columns.size(); ++c) {
            put_cell(columns[c], cells[c], i, target);
            target += cells[c].size();
        }
    }
    return messages;
}

/// Which rows of a block have come.
class Arrivals {
  public:
    Arrivals(std::string_view table, RowBlock const& block)
        : table_{table}, begin_{block.begin}, seen_(static_cast<std::size_t>(block.rows), false) {}
    /// Its place in the block. \throws std::logic_error the second time.
    std::size_t arrive(std::int64_t row) {
        auto const place = static_cast<std::size_t>(row - begin_);
        if (seen_[place]) throw std::logic_error{fmt::format("{}: row {} is given twice", table_, row)};
        seen_[place] = true;
        return place;
    }
    void require_all() const {
        auto const hole = std::find(seen_.begin(), seen_.end(), false);
        if (hole != seen_.end())
            throw std::logic_error{fmt::format("{}: row {} is not given", table_, begin_ + (hole - seen_.begin()))};
    }

  private:
    std::string_view table_;
    std::int64_t begin_;
    std::vector<bool> seen_;
};

/// Puts the rows that are here already in their places.
void keep_own(std::span<std::int64_t const> rows, std::span<Column const> columns, RowBlock& block,
              Arrivals& arrivals) {
    std::vector<std::pair<std::size_t, std::size_t>> moves;  // from, to
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i] >= block.begin && rows[i] < block.begin + block.rows)
            moves.emplace_back(i, arrivals.arrive(rows[i]));
    for (std::size_t c = 0; c < columns.size(); ++c)
        for (auto const& [from, to] : moves)
            put_cell(columns[c], block.cells[c], from, block.columns[c].data() + to * block.cells[c].size());
}

/// Puts the received records in their places.
void unpack(std::vector<std::vector<char>> messages, RowBlock& block, Arrivals& arrivals) {
    auto const record = record_size(block.cells);
    for (auto& message : messages) {
        for (std::size_t at = 0; at < message.size(); at += record) {
            char const* source = message.data() + at;
            std::int64_t row = 0;
            std::memcpy(&row, source, sizeof row);
            source += sizeof row;
            auto const place = arrivals.arrive(row);
            for (std::size_t c = 0; c < block.cells.size(); ++c) {
                auto const size = block.cells[c].size();
                std::copy_n(source, size, block.columns[c].data() + place * size);
                source += size;
            }
        }
        message = {};  // as much memory as the block itself, no longer needed
    }
}

}  // namespace

RowBlock to_row_block(Communicator const& comm, std::string_view table, std::int64_t total,
                      std::span<std::int64_t const> rows, std::span<Column const> columns) {
    together(comm, [&] { require_consistent(table, total, rows, columns); });
    Cut const cut{total, comm.size()};
    RowBlock block{cut.begin(comm.rank()), cut.size(comm.rank()), {}, {}};
    for (auto const& column : columns) block.cells.push_back(measure(comm, column));
    auto received = comm.all_to_all(pack(cut, comm, rows, columns, block.cells));
    together(comm, [&] {
        for (auto const& cell : block.cells)
            block.columns.emplace_back(static_cast<std::size_t>(block.rows) * cell.size());
        Arrivals arrivals{table, block};
        keep_own(rows, columns, block, arrivals);
        unpack(std::move(received), block, arrivals);
        arrivals.require_all();
    });
    return block;
}

}  // namespace dec::core
