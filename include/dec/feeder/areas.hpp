/// \file areas.hpp
/// Who coordinates what: the feeder, the parts between its switches, the customers behind each service transformer.
/// Follows the areas that GridAPPS-D writes into its CIM files (FeederArea, SwitchArea, SecondaryArea).
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::feeder {

/// Highest nominal voltage, V line to line, that counts as secondary.
inline constexpr double highest_secondary_v = 1000.0;

/// True where customers are: nominal voltage at most `highest_secondary_v`.
[[nodiscard]] bool is_secondary(Bus const& bus);

/// True for a switch that bounds areas, open or closed: on the primary, and of a kind that can be operated under load
/// or by remote control. Fuses and jumpers do not bound.
[[nodiscard]] bool is_area_boundary(Feeder const& feeder, Switch const& row);

/// Adds the areas that are missing and gives every element without an area the one it lies in. What the file said
/// stays as it is, so that a second call changes nothing.
///
/// What hangs together when boundary switches and service transformers are taken out is one part. The part of the
/// source, the source and the boundary switches belong to the feeder's own area; every other part of the primary is a
/// switch-delimited area, numbered in the order of the switches; every part of the secondary, with the service
/// transformers that feed it, is a secondary area of the part it is fed from, numbered in the order of the transformers.
/// Names: the feeder's mRID, then ".<i>" and ".<i>.<j>" (".secondary.<j>" for those fed from the source's own part).
/// \pre every element has its buses (validate reports it).
void derive_areas(Feeder& feeder);

}  // namespace dec::feeder
