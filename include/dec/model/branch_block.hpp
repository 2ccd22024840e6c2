/// \file branch_block.hpp
/// What joins a bus to the bus above it, as three small matrices, whatever the branch is made of.
#pragma once

#include <array>
#include <complex>

#include "dec/feeder/windings.hpp"
#include "dec/model/phase_algebra.hpp"
#include "dec/partition/piece.hpp"

namespace dec::model {

/// v_j = R v_i - M s_j;  the power drawn from i is L s_j. Squared voltages in pu of each bus's own base, powers in pu.
struct BranchMap {
    Matrix3 ratio =
        Matrix3::Zero();  ///< R: tau^2 times 0/1, or two upstream phases per row (delta-wye, between phases)
    Matrix36 drop = Matrix36::Zero();  ///< M = [A B]
    Matrix66 lift = Matrix66::Zero();  ///< L
};

/// The map, and what it can be made anew from at other voltages.
struct BranchBlock : BranchMap {
    Complex3 impedance = Complex3::Zero();  ///< what `drop` was made of, pu on the downstream base
};

/// The block of one own vertex of a piece; all branches that feed it side by side are merged.
/// \pre the vertex has a parent.
[[nodiscard]] BranchBlock branch_block(partition::Piece const& piece, partition::LocalVertex const& vertex,
                                       feeder::PerUnit const& pu);

/// Of the phases what is right line to line: M = H^-1 pairs. \param pairs drops of AB, BC, CA.
[[nodiscard]] Matrix36 drop_line_to_line(Matrix36 const& pairs, feeder::PhaseSet phases);

/// Base voltage to neutral of a vertex: its bus's; for a star point and the ideal source that of the bus beside it.
[[nodiscard]] double base_voltage(partition::Piece const& piece, partition::LocalVertex const& vertex);

}  // namespace dec::model
