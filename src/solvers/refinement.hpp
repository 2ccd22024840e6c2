/// \file refinement.hpp
/// Solving linear systems to rounding with an approximate inverse: steps with it, and where these are slow a few of GMRES,
/// which takes out the few directions in which the inverse is wrong.
/// Source: Saad and Schultz, SIAM J. Sci. Stat. Comput. 7(3), 1986.
#pragma once

#include "dec/solvers/quadratic_program.hpp"

namespace dec::solvers {

class LinearSystem {
  public:
    virtual ~LinearSystem() = default;
    virtual void multiply(Vector const& v, Vector& product) const = 0;
    /// Overwrites a right-hand side by about the solution.
    virtual void solve_roughly(Vector& v) = 0;
    /// What an equation is multiplied by before residuals are compared: one over the size of its coefficients.
    [[nodiscard]] virtual Vector const& weights() const = 0;
};

/// Work space for systems of one size.
class Refinement {
  public:
    void resize(Index size);

    /// \return largest weighted residual over the largest weighted entry of the right-hand side; infinity if it is not a number.
    double solve(LinearSystem& system, Vector const& right, Vector& solution);

  private:
    double step(LinearSystem& system, Vector const& right, Vector& solution);
    double accelerate(LinearSystem& system, Vector const& right, Vector& solution, double error);
    bool accept_if_better(LinearSystem const& system, Vector const& right, Vector& solution, double& error);
    void find_residual(LinearSystem const& system, Vector const& right, Vector const& solution);
    [[nodiscard]] double weighted(LinearSystem const& system, Vector const& v) const;

    double size_ = 0.0;  // of the right-hand side
    Vector residual_, trial_;
    Eigen::MatrixXd basis_, corrections_;  // of the Krylov space, and what the inverse makes of it
};

}  // namespace dec::solvers
