/// \file index.hpp
/// Indices that cannot be mixed up: one type per table, and local and global rows apart.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace dec::core {

/// Row of a table this rank holds. -1 means "none".
template <class Row>
class Index {
  public:
    constexpr Index() = default;
    constexpr explicit Index(std::int32_t value) : value_{value} {}
    constexpr explicit Index(std::size_t value) : value_{static_cast<std::int32_t>(value)} {}

    [[nodiscard]] constexpr std::int32_t value() const { return value_; }
    [[nodiscard]] constexpr std::size_t at() const { return static_cast<std::size_t>(value_); }
    [[nodiscard]] constexpr bool valid() const { return value_ >= 0; }
    constexpr auto operator<=>(Index const&) const = default;

  private:
    std::int32_t value_ = -1;
};

/// Row of a table of the whole feeder, which no single rank needs to hold. -1 means "none".
template <class Row>
class GlobalIndex {
  public:
    constexpr GlobalIndex() = default;
    constexpr explicit GlobalIndex(std::int64_t value) : value_{value} {}

    [[nodiscard]] constexpr std::int64_t value() const { return value_; }
    [[nodiscard]] constexpr bool valid() const { return value_ >= 0; }
    constexpr auto operator<=>(GlobalIndex const&) const = default;

  private:
    std::int64_t value_ = -1;
};

}  // namespace dec::core
