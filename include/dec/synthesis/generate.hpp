/// \file generate.hpp
/// Synthetic radial feeders of any size, up to whole regions: three-phase trunks, laterals of one and two phases,
/// split-phase secondaries with houses, loads, photovoltaics, capacitors, regulators, switches, areas, coordinates.
/// Rules and their sources: docs/generate.md.
#pragma once

#include <cstdint>

#include "dec/feeder/feeder.hpp"

namespace dec::synthesis {

inline constexpr std::int64_t least_generated_buses = 20;
inline constexpr std::int64_t most_generated_buses = 1'000'000'000;  ///< rows are counted with 32 bits
inline constexpr double default_generated_penetration = 0.3;

struct GenerateOptions {
    std::int64_t buses = 10'000;  ///< in all, the source's own among them
    std::uint64_t seed = 1;
    double pv_penetration = default_generated_penetration;  ///< share of houses with photovoltaics; 0: no PV at all
    double pv_scale = 1.0;                                  ///< multiplies every photovoltaic system
};

/// As many feeders as keep each near 6,000 buses.
[[nodiscard]] std::int64_t generated_feeders(GenerateOptions const& options);

/// All feeders of a region on one substation bus, in depth-first order, areas derived. Time and memory grow as the
/// number of buses. The same options give the same feeder. \throws core::InvalidInput for options out of range.
[[nodiscard]] feeder::Feeder generate(GenerateOptions const& options);

/// One feeder of that region alone, as it is there but for its numbers, behind a source so much weaker that the drop
/// in it is what all feeders together cause if they are alike. \param number 0 … generated_feeders - 1
[[nodiscard]] feeder::Feeder generate_one(GenerateOptions const& options, std::int64_t number);

}  // namespace dec::synthesis
