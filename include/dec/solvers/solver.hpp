/// \file solver.hpp
/// What every solver of quadratic programs can do; the contract tests run on each of them.
#pragma once

#include <vector>

#include "dec/core/error.hpp"
#include "dec/solvers/outcome.hpp"
#include "dec/solvers/quadratic_program.hpp"

namespace dec::solvers {

struct Settings {
    /// Relative primal and dual residuals and relative gap of an answer called optimal.
    double tolerance = 1e-9;
    /// Residual of a certificate, see Outcome::certificate_residual.
    double certificate_tolerance = 1e-8;
    int max_iterations = 200;
    /// Added to the diagonal of the linear systems so that they can always be factorised, in equilibrated units: steps
    /// are proximal, or refinement takes its effect out again. Larger is more robust and slower where constraints depend on each
    /// other.
    double regularisation = 1e-9;
    /// Compute the answer once more from the limits it meets; kept only where that makes it more exact.
    bool polish = true;

    /// One finding for each value out of its range, naming the field.
    [[nodiscard]] std::vector<core::Finding> validate() const;
};

/// Where to start: usually x and multipliers of the outcome of a program that differs little.
struct Start {
    Vector x;
    Multipliers multipliers;
};

/// One program after another of the same structure. Answers depend on the program and the start only, not on what was
/// solved before; the same input gives the same bits. Objects are independent of each other. Not collective.
class Solver {
  public:
    virtual ~Solver() = default;

    /// Takes a copy of the program and analyses its structure. \throws core::InvalidInput with the findings of
    /// `validate`.
    virtual void setup(QuadraticProgram const& program) = 0;

    /// Takes new numbers, keeping the analysis: all may change, limits may come and go, but sizes and the places of
    /// stored coefficients of P, A and G are those of `setup`. \throws std::logic_error if they are not;
    /// core::InvalidInput as above.
    virtual void update(QuadraticProgram const& program) = 0;

    /// \throws std::logic_error without a program.
    virtual Outcome solve() = 0;

    /// The same from a given start, which pays where the program has changed by a per cent or less.
    /// \throws std::logic_error also if the start's sizes are not the program's.
    virtual Outcome solve(Start const& start) = 0;
};

}  // namespace dec::solvers
