/// \file row_counts.hpp
/// How many rows every table of a feeder has, for those who have only a part of it.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "dec/feeder/feeder.hpp"

namespace dec::feeder {

/// Rows of every table, in the order of for_each_table.
inline constexpr std::size_t table_count = 18;
using RowCounts = std::array<std::int64_t, table_count>;
[[nodiscard]] RowCounts row_counts(Feeder const& feeder);

/// Where the table of a kind of row stands in RowCounts.
template <class Row>
[[nodiscard]] std::size_t place_of_table() {
    static std::size_t const place = [] {
        Feeder const none;
        std::size_t next = 0, found = table_count;
        for_each_table(none, [&](std::string_view, auto const& table) {
            if constexpr (std::same_as<std::remove_cvref_t<decltype(table)>, Table<Row>>) found = next;
            ++next;
        });
        return found;
    }();
    return place;
}

}  // namespace dec::feeder
