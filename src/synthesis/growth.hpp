/// \file growth.hpp
/// Grows one feeder of a network, bus after bus in depth-first order.
#pragma once

#include <array>
#include <cstdint>

#include "dec/synthesis/generate.hpp"

namespace dec::synthesis {

/// A feeder's place in its network.
struct Plot {
    std::int64_t number = 0;     ///< of all feeders that are generated: what is drawn belongs to it
    std::int64_t first_bus = 1;  ///< row of the feeder's first bus in its network; 0 is the source's
    std::int64_t buses = 0;
    std::int64_t neighbour = -1;  ///< bus of the network's feeder before, that an open switch leads to; -1: none
    double x = 0.0, y = 0.0;      ///< of the substation on the map
    double heading = 0.0;         ///< of the trunk as it leaves
};

/// Appends the rows of a feeder. \param before rows of its network, those that all its feeders share among them.
/// \return switch-delimited areas it has.
std::int64_t grow_feeder(GenerateOptions const& options, Plot const& plot, GrownBefore const& before,
                         feeder::Feeder& into);

/// mRID of a row. \param network drawn from the network's own. \param kind of table, or one beyond all.
[[nodiscard]] std::array<char, 36> generated_mrid(std::uint64_t network, std::uint64_t kind, std::uint64_t row);

}  // namespace dec::synthesis
