/// \file schema.hpp
/// What a results file holds: one entry per dataset. docs/results.md is the same table for readers, and a test keeps
/// the two equal. Any change of meaning raises `format_version` and gets a line in the changelog.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "dec/core/hdf5.hpp"

namespace dec::results {

inline constexpr std::string_view format_name = "dec-results";
inline constexpr std::int64_t format_version = 1;

enum class Kind : std::uint8_t { real, integer, text };
/// "float64", "int64", "text".
[[nodiscard]] std::string_view to_text(Kind kind);

/// Whether every results file has a dataset, or only those with coordinating agents, or with ratings as limits.
enum class Presence : std::uint8_t { always, with_agents, with_ratings };

struct Field {
    std::string_view path;  ///< "/nodes/v"
    Kind kind = Kind::real;
    std::string_view axes;     ///< "node", "iteration × agent"
    std::string_view unit;     ///< "1" for pure numbers, "" for texts
    std::string_view meaning;  ///< reals: NaN where not computed
    Presence presence = Presence::always;
};

/// All datasets, table by table in the order of docs/design.md.
[[nodiscard]] std::span<Field const> schema();

/// A dataset of the schema, with its name and unit, ready for core::Hdf5Writer::table.
/// \param extents of the axes behind the first.
/// \throws std::logic_error if the schema has no such path, or `data` is of another kind.
[[nodiscard]] core::Column column(std::string_view path, core::ColumnData data, std::vector<std::size_t> extents = {});
/// The same of a dataset with time as its first axis. \param extents of the axes behind the second.
[[nodiscard]] core::Series series(std::string_view path, std::size_t steps, std::vector<std::size_t> extents,
                                  std::function<std::vector<double>(std::size_t, std::size_t)> values);

}  // namespace dec::results
