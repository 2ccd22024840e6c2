#include "dec/model/elimination.hpp"

#include <Eigen/LU>

namespace dec::model {

Elimination eliminate(BranchMap const& block, Matrix63 const& slope) {
    // v = R u - M (c + K v)  =>  v = G (R u - M c),  G = (I + M K)^-1
    Elimination e;
    Matrix3 const g = (Matrix3::Identity() + block.drop * slope).inverse();
    e.down = g * block.ratio;
    e.self = g * block.drop;
    e.up = block.lift * (Matrix66::Identity() - slope * e.self);
    e.slope = slope;
    e.slope_above = block.lift * slope * e.down;
    return e;
}

}  // namespace dec::model
