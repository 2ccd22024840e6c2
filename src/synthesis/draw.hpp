/// \file draw.hpp
/// Random numbers that belong to a name: what is drawn for one element does not depend on which others there are.
#pragma once

#include <cstdint>
#include <string_view>

namespace dec::synthesis {

/// Uniform in [0, 1), the same on every machine. Hash of the name (FNV-1a, 64 bits), mixed with the seed by SplitMix64
/// (Steele, Lea and Flood 2014).
[[nodiscard]] double uniform(std::uint64_t seed, std::string_view purpose, std::string_view name);

/// One of low, low + 1, …, high, each as likely.
[[nodiscard]] std::int64_t uniform_integer(std::uint64_t seed, std::string_view purpose, std::string_view name,
                                           std::int64_t low, std::int64_t high);

}  // namespace dec::synthesis
