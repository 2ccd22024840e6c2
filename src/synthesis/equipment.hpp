/// \file equipment.hpp
/// What generated feeders are built of: conductors, service transformers, regulators, and their ratings.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::synthesis {

inline constexpr double primary_line_v = 12470.0;
inline constexpr double rated_primary_v = 7200.0;
inline constexpr std::array service_kva{10.0, 15.0, 25.0, 37.5, 50.0};
inline constexpr double regulator_va = 1e6;
inline constexpr double source_pu = 1.03;  ///< of the ideal source
inline constexpr double short_circuit_va_per_feeder = 100e6, source_x_over_r = 15.0;

struct OverheadLine {
    std::string_view name;
    double ampacity_a = 0.0;
    double largest_va = 0.0;  ///< three-phase: planned for at most so much at the hour of the file
    feeder::LineCode code;
};

/// For one, two and three phases; among equals the smallest conductor first. From wires and spacings of the IEEE test feeders
/// by the modified Carson equations; charging is left out. See docs/generate.md#lines.
[[nodiscard]] std::vector<OverheadLine> const& overhead_lines();

/// Rows of the types that all feeders of a network share. They are the same in every network.
struct Types {
    std::vector<core::Index<feeder::LineCode>> overhead;  ///< as overhead_lines()
    core::Index<feeder::LineCode> drop;
    std::array<core::Index<feeder::TransformerCode>, service_kva.size()> service;
    core::Index<feeder::TransformerCode> regulator;
};
[[nodiscard]] Types const& types();
/// Adds the rows that `types` refers to. \pre `feeder` has none yet.
void add_types(feeder::Feeder& feeder);

}  // namespace dec::synthesis
