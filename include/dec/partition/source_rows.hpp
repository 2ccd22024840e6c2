/// \file source_rows.hpp
/// Where the elements of a piece stand in the feeder it is of, for ranks that read the rest of their piece themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dec/partition/piece.hpp"

namespace dec::partition {

/// Rows of the whole feeder's tables, one for each row of the piece's; those of buses and photovoltaic systems are in `Piece::global`.
struct SourceRows {
    std::vector<std::int64_t> lines, transformers, banks, loads;
};

/// As `distribute`, and says which rows the piece is made of. Collective.
[[nodiscard]] Piece distribute(core::Communicator const& comm, std::optional<Whole> const& whole, SourceRows& rows);

}  // namespace dec::partition
