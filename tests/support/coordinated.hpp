/// \file coordinated.hpp
/// From a feeder on one rank to an answer on all, as the command does it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dec/coordination/answer.hpp"
#include "dec/feeder/tree.hpp"

namespace dec::test {

/// A rank's piece of a feeder, which is read on the root only. Collective.
[[nodiscard]] partition::Piece spread(core::Communicator const& comm, feeder::Feeder const& feeder,
                                      partition::Grain grain = partition::Grain::secondary,
                                      feeder::Loops loops = feeder::Loops::refused);

/// A feeder handed out to the ranks of a communicator. `feeder` is read on the root only.
struct Distributed {
    partition::Piece piece;
    std::unique_ptr<model::LinDist3Flow> flow;
};
[[nodiscard]] std::unique_ptr<Distributed> distributed(core::Communicator const& comm, feeder::Feeder const& feeder,
                                                       model::LinearSettings const& settings = {},
                                                       partition::Grain grain = partition::Grain::secondary);

/// Squared voltages of all nodes in the feeder's order on every rank, NaN where a node has none. Collective.
[[nodiscard]] std::vector<double> all_voltages(core::Communicator const& comm, partition::Piece const& piece,
                                               model::FlowState const& state);
/// One value per DER of the whole feeder on every rank. Collective.
[[nodiscard]] std::vector<double> all_ders(core::Communicator const& comm, partition::Piece const& piece,
                                           std::vector<double> const& own);

}  // namespace dec::test
