/// \file point.hpp
/// An iterate of the interior point, or a direction.
#pragma once

#include "scaled_program.hpp"

namespace dec::solvers {

/// Vectors are per range but for x; entries of absent limits are zero.
struct Point {
    Vector x;
    Vector net;  ///< multipliers y of equalities, z_high - z_low of all other ranges
    Vector s_low, s_high, z_low, z_high;
    double tau = 1.0;
    double kappa = 1.0;

    void resize(ScaledProgram const& program) {
        x.setZero(program.variables());
        for (auto* part : {&net, &s_low, &s_high, &z_low, &z_high}) part->setZero(program.ranges());
    }
};

}  // namespace dec::solvers
