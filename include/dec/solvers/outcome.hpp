/// \file outcome.hpp
/// What a solver says of a quadratic program: an answer with its residuals, or a proof that there is none.
#pragma once

#include <string_view>

#include "dec/solvers/quadratic_program.hpp"

namespace dec::solvers {

enum class Status {
    optimal,            ///< residuals and gap are within the tolerance
    primal_infeasible,  ///< no feasible point; `Outcome::farkas` proves it
    dual_infeasible,    ///< the objective falls without limit along `Outcome::ray` from any feasible point
    iteration_limit,    ///< the best point found is returned, with what it lacks
    numerical_failure,  ///< no further progress in double precision; likewise
};

/// "optimal", "primal_infeasible", …
[[nodiscard]] std::string_view name(Status status);

/// Lagrange multipliers, all but those of the equalities >= 0, zero where there is no limit. At an optimum
///
///     P x + q + A' equality + G' (row_high - row_low) + bound_high - bound_low = 0
///
/// and a multiplier differs from zero only where its limit is met. So `row_high(i)` is what one unit more of
/// h_high(i) would lower the objective by, `row_low(i)` what one unit more of h_low(i) would raise it by, and
/// `equality(i)` what one unit more of b(i) would lower it by.
struct Multipliers {
    Vector equality;
    Vector row_low, row_high;
    Vector bound_low, bound_high;
};

/// One measure of how exact an answer is, on the program as it was given.
struct Accuracy {
    double absolute = infinity;
    /// Against the size of what was added up, and at least one unit of the equilibrated program (in which
    /// coefficients and answer are of the order of one): the same whatever units rows, variables and objective are
    /// written in.
    double relative = infinity;
};

/// Callers must look at the status before they use anything else.
struct [[nodiscard]] Outcome {
    Status status = Status::numerical_failure;

    /// Within lb and ub exactly. Empty if there is a certificate instead.
    Vector x;
    Multipliers multipliers;
    double objective = std::numeric_limits<double>::quiet_NaN();
    /// -1/2 x'P x - b'equality + h_low'row_low - h_high'row_high + lb'bound_low - ub'bound_high + offset
    double dual_objective = std::numeric_limits<double>::quiet_NaN();
    Accuracy primal;  ///< largest violation of a constraint; relative to the magnitudes of its row's terms
    Accuracy dual;    ///< largest entry of the sum above that should be zero; relative to the magnitudes of its terms
    Accuracy gap;     ///< |objective - dual_objective|; relative to the larger of the two, with or without offset
    Accuracy complementarity;  ///< sum of each multiplier of a limit times the distance from it; relative as the gap
    int iterations = 0;
    /// The limits met were recognised and the answer computed from them: those limits hold to rounding.
    bool polished = false;

    /// With `primal_infeasible`: multipliers for which A'equality + G'(row_high - row_low) + bound_high - bound_low
    /// is zero (but for `certificate_residual`) while b'equality + h_high'row_high - h_low'row_low + ub'bound_high -
    /// lb'bound_low is -1. Multiplying the constraints by them gives 0 <= -1; those with large multipliers are in
    /// conflict.
    Multipliers farkas;
    /// With `dual_infeasible`: a direction with q'ray = -1, P ray = 0, A ray = 0, that leaves no limit of G or the
    /// bounds (each but for `certificate_residual`).
    Vector ray;
    /// What is left of the zeros above, in units of the equilibrated program; at most the tolerance of certificates.
    /// Its inverse is the distance up to which the proof is valid in spite of rounding.
    double certificate_residual = infinity;
};

}  // namespace dec::solvers
