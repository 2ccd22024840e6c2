/// \file elimination.hpp
/// A branch and everything below it as seen from above: what one pass from the leaves up knows of a vertex.
/// Source: docs/equations.md#elimination.
#pragma once

#include "dec/model/branch_block.hpp"

namespace dec::model {

/// With c what is drawn at and below a vertex at zero voltage, and K v what its voltages add to that:
/// v = down v_parent - self c, and up c + slope_above v_parent is drawn from the parent.
struct Elimination {
    Matrix3 down = Matrix3::Zero();
    Matrix36 self = Matrix36::Zero();
    Matrix66 up = Matrix66::Zero();
    Matrix63 slope = Matrix63::Zero();  ///< K of the vertex and all below
    Matrix63 slope_above = Matrix63::Zero();
};

/// \param slope K of the vertex and all below: its own plus the `slope_above` of its children.
[[nodiscard]] Elimination eliminate(BranchMap const& block, Matrix63 const& slope);

}  // namespace dec::model
