/// \file branch.hpp
/// Everything between a place of the tree and the place above it as one set of coil equations, whatever it is made of.
#pragma once

#include <Eigen/Core>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "dec/feeder/windings.hpp"
#include "dec/partition/piece.hpp"

namespace dec::powerflow {

/// One element among those that stand side by side.
struct BranchPart {
    feeder::Feeding feeding;
    Eigen::Index first = 0, count = 0;  ///< its coils
    std::vector<Eigen::Index> row;  ///< downstream place whose row in the table of branches a coil's losses belong to
    Eigen::MatrixXcd shunt_up, shunt_down;  ///< its share of the branch's
};

/// With V_i of the place above, V_j of the place below and c the currents of the coils, all in pu:
///
///     down V_j = up V_i - impedance c,   into j: down^T c - shunt_down V_j,   out of i: up^T c + shunt_up V_i
struct Branch {
    Eigen::MatrixXcd up, down, impedance;
    Eigen::MatrixXcd shunt_up, shunt_down;
    std::vector<BranchPart> parts;
};

/// Columns: what the coordinates in which a vertex is solved add to its voltages to ground. The voltages themselves, but where
/// nothing ties them to ground their differences to the last one and that one: the currents that belong to these are those of
/// the phases and their sum, which devices between phases leave alone to the last digit. Everything rests on that sum there.
[[nodiscard]] Eigen::MatrixXcd basis(partition::LocalVertex const& vertex);
[[nodiscard]] constexpr bool has_differences(partition::LocalVertex const& vertex) {
    return vertex.floating_delta && vertex.phases.size() > 1;
}
/// The same branch in the coordinates of both ends. The parts stay as they are.
[[nodiscard]] Branch in_coordinates(Branch branch, partition::LocalVertex const& parent,
                                    partition::LocalVertex const& vertex);

/// The same branch as a series impedance behind a ratio, V_j = up V_i - impedance I_j, with the currents into j themselves in
/// place of those of the coils and `down` the identity; nothing where the coils below do not reach ground or a phase each.
[[nodiscard]] std::optional<Branch> in_series(Branch const& branch);

/// Currents of the coils that bring `arriving` to the place below. Coils are as many as conductors, or their impedances say how
/// they share; the equations of both together are consistent.
[[nodiscard]] Eigen::VectorXcd coil_currents(Branch const& branch, Eigen::VectorXcd const& arriving,
                                             Eigen::VectorXcd const& up, Eigen::VectorXcd const& down);

/// Of every transformer.
using TapRatios = std::vector<feeder::Taps>;

/// What the feedings make between two local vertices; their `upstream` is the end at `upper`.
/// \throws core::InvalidInput naming a transformer whose clock does not fit its connections.
[[nodiscard]] Branch make_branch(partition::Piece const& piece, partition::LocalVertex const& upper,
                                 partition::LocalVertex const& lower, std::span<feeder::Feeding const> feedings,
                                 TapRatios const& taps, feeder::PerUnit const& pu);
/// The branch above one own vertex. \pre the vertex has a parent.
[[nodiscard]] Branch make_branch(partition::Piece const& piece, partition::LocalVertex const& vertex,
                                 TapRatios const& taps, feeder::PerUnit const& pu);
/// A branch that closes a loop.
[[nodiscard]] Branch make_branch(partition::Piece const& piece, partition::Tie const& tie, TapRatios const& taps,
                                 feeder::PerUnit const& pu);

/// V to neutral that is one per unit at a vertex: of its bus; at the ideal source of the bus beside it. A star point is a
/// voltage per volt rated, its base is 1.
[[nodiscard]] double base_voltage(partition::Piece const& piece, partition::LocalVertex const& vertex);

}  // namespace dec::powerflow
