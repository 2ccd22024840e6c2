/// \file interior_point.hpp
/// Primal-dual interior point for sparse convex quadratic programs.
#pragma once

#include <memory>

#include "dec/solvers/solver.hpp"

namespace dec::solvers {

/// Mehrotra's predictor-corrector on the homogeneous embedding of the optimality conditions, so that one iteration
/// arrives at an answer or at a certificate that there is none. Limits are eliminated into a quasidefinite system of
/// one row per variable and constraint, which has a factorisation L D L' in any order (approximate minimum degree
/// here, found once in `setup`). Memory and time are those of that factorisation; nothing else is allocated while
/// iterating but where an answer is polished or a certificate tried. Typically 8-25 iterations.
///
/// Sources: Mehrotra, SIAM J. Optim. 2(4), 1992; Vanderbei, SIAM J. Optim. 5(1), 1995 (quasidefinite systems);
/// Andersen and Ye, Math. Program. 84, 1999, and Goulart and Chen, arXiv:2405.12762, 2024 (the embedding with a
/// quadratic objective); Ruiz, RAL-TR-2001-034 (equilibration). Derived with our signs in docs/interior_point.md.
class InteriorPoint final : public Solver {
  public:
    /// \throws core::InvalidInput with the findings of Settings::validate.
    explicit InteriorPoint(Settings const& settings = {});
    ~InteriorPoint() override;
    InteriorPoint(InteriorPoint const&) = delete;
    InteriorPoint& operator=(InteriorPoint const&) = delete;
    InteriorPoint(InteriorPoint&&) noexcept;
    InteriorPoint& operator=(InteriorPoint&&) noexcept;

    void setup(QuadraticProgram const& program) override;
    void update(QuadraticProgram const& program) override;
    Outcome solve() override;
    Outcome solve(Start const& start) override;

  private:
    class Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace dec::solvers
