/// \file judge.hpp
/// The conditions of an optimum and of a certificate, written out a second time with dense matrices: shares no code with
/// the solvers.
#pragma once

#include "random_programs.hpp"

namespace dec::test {

/// How far an answer is from optimal. Each entry is the error over 1 + the magnitudes of what was added up.
struct Verdict {
    double primal = 0.0;           ///< worst violation of a constraint
    double dual = 0.0;             ///< worst entry of the gradient of the Lagrangian
    double sign = 0.0;             ///< worst negative multiplier, or multiplier of an absent limit
    double complementarity = 0.0;  ///< sum of multiplier times slack
    double gap = 0.0;              ///< between the objectives, found here
    [[nodiscard]] double worst() const;
};
Verdict judge(QuadraticProgram const& program, Vector const& x, Multipliers const& multipliers);

/// Largest error of the conditions in Outcome::farkas and Outcome::ray, again over 1 + magnitudes; infinite where the
/// signs are wrong or the sizes do not fit.
double farkas_error(QuadraticProgram const& program, Multipliers const& farkas);
double ray_error(QuadraticProgram const& program, Vector const& ray);

}  // namespace dec::test
