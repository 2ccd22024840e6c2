/// \file row_blocks.hpp
/// Rows of a table lie on any rank; a parallel file is written in contiguous blocks. This brings them there.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/hdf5.hpp"

namespace dec::core {

/// Bytes of one row of a column, in messages as in the file.
struct Cell {
    std::size_t value = 0;  ///< bytes of one value; for texts of the longest over all ranks, at least 1
    std::size_t width = 1;
    [[nodiscard]] std::size_t size() const { return value * width; }
};

/// The rows this rank writes.
struct RowBlock {
    std::int64_t begin = 0;
    std::int64_t rows = 0;
    std::vector<Cell> cells;                 ///< one per column
    std::vector<std::vector<char>> columns;  ///< row after row; texts padded with zeros
};

/// Cuts a table of `total` rows into one block per rank, in rank order, and brings every row to its block with one
/// all-to-all. `rows[i]` is the place of the i-th entry of this rank's columns. Collective.
/// \throws Error (a bug) on all ranks alike if columns differ in length or a row is not given exactly once.
[[nodiscard]] RowBlock to_row_block(Communicator const& comm, std::string_view table, std::int64_t total,
                                    std::span<std::int64_t const> rows, std::span<Column const> columns);

}  // namespace dec::core
