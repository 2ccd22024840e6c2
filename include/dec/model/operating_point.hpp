/// \file operating_point.hpp
/// Branches whose sensitivities are those at an AC operating point: what a change of the powers does to the drop there, and to the
/// losses. Source: docs/equations.md#marginal-losses.
#pragma once

#include "dec/model/branch_block.hpp"

namespace dec::model {

/// Voltages of a vertex to ground and the currents that arrive there through the impedance of the branch above, pu; places A, B,
/// C or s1, s2, -; zero where there is none. Legs have the polarity of the file.
struct OperatingPoint {
    Eigen::Vector3cd voltage = Eigen::Vector3cd::Zero(), current = Eigen::Vector3cd::Zero();
};

/// The block with the drop and the marginal losses at `point`; ratios and what is drawn where stay as they are. Constants are left
/// out: what the block gives at the point itself is not what AC has there.
/// \return `block` itself where a phase has no voltage.
[[nodiscard]] BranchBlock at_operating_point(BranchBlock const& block, partition::LocalVertex const& vertex,
                                             OperatingPoint const& point);

}  // namespace dec::model
