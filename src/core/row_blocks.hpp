/// \file row_blocks.hpp
/// Rows of a table lie on any rank; a parallel file is written in contiguous blocks. This brings them there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/hdf5.hpp"

namespace dec::core {

/// Cuts a table into one block of consecutive rows per rank, in rank order.
class RowBlocks {
  public:
    /// \param rows places of this rank's entries in the table of `total` rows. Collective.
    /// \throws Error (a bug) on all ranks alike if a row is not given exactly once.
    RowBlocks(Communicator const& comm, std::string_view table, std::int64_t total, std::span<std::int64_t const> rows);

    [[nodiscard]] std::string const& table() const { return table_; }
    [[nodiscard]] std::int64_t total() const { return total_; }
    /// The rows that this rank writes: [begin, begin + rows).
    [[nodiscard]] std::int64_t begin() const { return begin_; }
    [[nodiscard]] std::int64_t rows() const { return rows_; }

    /// Bytes of one value of a column: of texts the longest over all ranks, at least 1. Collective.
    [[nodiscard]] std::size_t value_size(ColumnData const& data) const;
    /// This rank's block: in each of `steps` row after row, texts padded with zeros. One all-to-all. Collective.
    /// \param data for each step, and in it for each entry, `width` values of `value` bytes. Not `Unknown`.
    /// \throws Error (a bug) on all ranks alike if they are more or fewer.
    [[nodiscard]] std::vector<char> arrange(std::string_view column, ColumnData const& data, std::size_t value,
                                            std::size_t width, std::size_t steps = 1) const;

  private:
    Communicator comm_;
    std::string table_;
    std::int64_t total_, begin_, rows_;
    std::size_t entries_;
    std::vector<std::vector<std::int32_t>> sent_;      // entries, for each rank
    std::vector<std::vector<std::int32_t>> received_;  // their places in the block, from each rank
};

}  // namespace dec::core
