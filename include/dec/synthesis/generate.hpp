/// \file generate.hpp
/// Synthetic radial feeders of any size, up to whole regions: three-phase trunks, laterals of one and two phases,
/// split-phase secondaries with houses, loads, photovoltaics, capacitors, regulators, switches, areas, coordinates.
/// Rules and their sources: docs/generate.md.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/feeder/row_counts.hpp"

namespace dec::synthesis {

inline constexpr std::int64_t least_generated_buses = 20;            ///< of a feeder
inline constexpr std::int64_t most_generated_buses = 1'000'000'000;  ///< rows are counted with 32 bits
inline constexpr double default_generated_penetration = 0.3;

struct GenerateOptions {
    std::int64_t buses = 10'000;   ///< in all, sources' own among them
    std::int64_t feeders = 0;      ///< 0: as many as keep each near 6,000 buses
    std::int64_t substations = 0;  ///< 0: all feeders are one network on one bus; else each is a network of its own
    std::uint64_t seed = 1;
    double pv_penetration = default_generated_penetration;  ///< share of houses with photovoltaics; 0: no PV at all
    double pv_scale = 1.0;                                  ///< multiplies every photovoltaic system
};

/// What of a network lies before one of its feeders.
struct GrownBefore {
    feeder::RowCounts rows{};
    std::int64_t switch_areas = 0;
    void add(GrownBefore const& more);
};

/// Makes feeders one by one, in any order and on any rank: everything drawn for a feeder belongs to its number and the seed.
class Generator {
  public:
    /// \throws core::InvalidInput one finding for every option out of range.
    explicit Generator(GenerateOptions const& options);

    [[nodiscard]] GenerateOptions const& options() const { return options_; }
    [[nodiscard]] std::int64_t feeders() const { return static_cast<std::int64_t>(shares_.size()); }
    /// Every feeder is a network of its own, with its own source and names.
    [[nodiscard]] bool is_region() const { return options_.substations > 0; }

    /// Of a feeder in a region; of the network they all belong to; of the region.
    [[nodiscard]] feeder::Heading heading(std::int64_t number) const;
    [[nodiscard]] feeder::Heading heading() const;

    /// Appends one feeder, and what is common to a network with its first feeder, depth-first. References and names count
    /// from the network's first row, `before` being the rows of the network's earlier feeders (nothing in a region).
    /// \return rows and areas of this feeder. They and all names but those of areas are right whatever `before` says.
    GrownBefore grow(std::int64_t number, GrownBefore const& before, feeder::Feeder& into) const;
    /// A feeder alone, as it is in its network but for names and numbers, behind a source so much weaker that the drop in it
    /// is what all feeders together cause if they are alike.
    [[nodiscard]] feeder::Feeder alone(std::int64_t number) const;

  private:
    /// Which buses of its network are a feeder's: those from `first` on, the source's among them where it is 0.
    struct Share {
        std::int64_t number = 0, first = 0, count = 0;
    };
    GenerateOptions options_;
    std::vector<Share> shares_;
};

/// All feeders of a network, depth-first, areas derived. Time and memory grow as the number of buses. The same options give
/// the same feeder. \throws core::InvalidInput for options out of range, and for a region, which is no single feeder.
[[nodiscard]] feeder::Feeder generate(GenerateOptions const& options);

}  // namespace dec::synthesis
