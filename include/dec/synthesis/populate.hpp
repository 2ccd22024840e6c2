/// \file populate.hpp
/// Secondaries, houses and photovoltaics for feeders that have none; and the IEEE 123 feeder from tables.
/// Everything drawn comes from a generator seeded by name, so that the same seed gives the same feeder on any machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dec/feeder/feeder.hpp"

namespace dec::synthesis {

using core::Index;

struct PopulateOptions {
    std::uint64_t seed = 1;
    /// Share of houses (customers on secondaries; without secondaries: of loads) that get PV. Unset: 0.6.
    std::optional<double> pv_penetration;
    double load_scale = 1.0;  ///< written into the loads
};

/// What was added, for the message to the user.
struct Populated {
    std::int64_t service_transformers = 0, houses = 0, rooftop_pv = 0, utility_pv = 0;
    Index<feeder::PvSystem> first_pv;  ///< rows of Feeder::pv_systems from here on are new
};

/// Feeder from the CSV tables of a folder such as inputs/ieee123 (see its README.md for the columns).
/// \throws core::InvalidInput naming file, line and column.
[[nodiscard]] feeder::Feeder read_tables(std::string const& folder);

/// Adds secondaries where there are none, photovoltaics, areas and measurements. Rules: docs/populate.md.
/// \throws core::InvalidInput for options out of range.
Populated populate(feeder::Feeder& feeder, PopulateOptions const& options);

}  // namespace dec::synthesis
