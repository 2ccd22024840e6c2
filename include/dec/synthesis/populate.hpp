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

inline constexpr double default_pv_penetration = 0.6;

struct PopulateOptions {
    std::uint64_t seed = 1;
    /// Share of customers that have PV: of houses and other loads on secondaries; without secondaries of loads.
    /// Unset: `default_pv_penetration`.
    std::optional<double> pv_penetration;
    double load_scale = 1.0;  ///< written into the loads; transformers and houses are sized before
};

/// What was added, for the message to the user.
struct Populated {
    std::int64_t service_transformers = 0, houses = 0, rooftop_pv = 0;
    std::int64_t utility_pv = 0;       ///< photovoltaics on the primary that the feeder had
    Index<feeder::PvSystem> first_pv;  ///< rows of Feeder::pv_systems from here on are new
};

/// Feeder from the CSV tables of a folder such as inputs/ieee123 (see its README.md for the columns), loads at nominal.
/// \throws core::InvalidInput naming file, line, column and value of everything that is wrong.
[[nodiscard]] feeder::Feeder read_tables(std::string const& folder);

/// What the folder's settings.csv says about seed, penetration and loading; defaults where it says nothing.
/// \throws core::InvalidInput as `read_tables`.
[[nodiscard]] PopulateOptions read_settings(std::string const& folder);

/// Adds secondaries where there are none, photovoltaics, areas and measurements. Rules: docs/populate.md.
/// A second call with the same options adds nothing (but scales the loads again).
/// \throws core::InvalidInput for options out of range, and what `feeder::validate` finds in the feeder.
Populated populate(feeder::Feeder& feeder, PopulateOptions const& options);

}  // namespace dec::synthesis
