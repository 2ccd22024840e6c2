/// \file random_feeder.hpp
/// Seeded radial feeders that have something of everything the linear model knows: laterals of every phase mix, switches
/// (open ones with something behind them), regulators, transformers of every connection, three-winding units, floating deltas,
/// service transformers with houses on triplex, loads and capacitors of every kind, photovoltaics of one to three phases.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::test {

struct RandomFeeder {
    unsigned seed = 0;
    int branches = 14;              ///< of the primary; secondaries come on top
    double pv_scale = 1.0;          ///< of photovoltaics that raise voltages by some per cent
    bool voltage_dependent = true;  ///< ZIP loads and capacitors
};

/// The same feeder for the same arguments.
[[nodiscard]] feeder::Feeder random_feeder(RandomFeeder const& wanted);

}  // namespace dec::test
