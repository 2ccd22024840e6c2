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

/// A bijection of 64 bits whose outputs look random: the step of SplitMix64.
[[nodiscard]] std::uint64_t mix(std::uint64_t bits);

/// A sequence of random numbers of one owner, for things that are drawn one after the other and have no names yet:
/// SplitMix64. The same on every machine.
class Stream {
  public:
    Stream(std::uint64_t seed, std::string_view purpose, std::string_view name);
    [[nodiscard]] std::uint64_t bits();
    /// In [0, 1).
    [[nodiscard]] double uniform();
    [[nodiscard]] double uniform(double low, double high) { return low + (high - low) * uniform(); }
    /// One of low, low + 1, …, high, each as likely.
    [[nodiscard]] std::int64_t integer(std::int64_t low, std::int64_t high);
    /// Mean 0, standard deviation 1 (Box and Muller 1958).
    [[nodiscard]] double normal();
    /// exp(log(median) + sigma · normal), kept within [low, high].
    [[nodiscard]] double lognormal(double median, double sigma, double low, double high);
    [[nodiscard]] bool chance(double probability) { return uniform() < probability; }

  private:
    std::uint64_t state_;
};

}  // namespace dec::synthesis
