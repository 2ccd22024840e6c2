/// \file kkt_system.hpp
/// The linear systems of the interior point, [P + diag(d), C'; C, -diag(e)]: regularised to be factorised, refined to be exact.
#pragma once

#include <vector>

#include "ldl.hpp"

namespace dec::solvers {

/// Vectors hold an entry for each variable, then one for each row of C.
class KktSystem {
  public:
    /// Takes the pattern of P (both triangles) and C.
    void analyse(SparseMatrix const& P, SparseMatrix const& C);

    /// \param P, C of the pattern analysed; they must stay until the last `solve`.
    /// \param d, e not negative. \param regularisation added to both.
    void factorise(SparseMatrix const& P, SparseMatrix const& C, Vector const& d, Vector const& e,
                   double regularisation);

    /// Solves the system without regularisation, or comes as near to it as refinement does: by steps with the factors, and
    /// where these are slow by a few of GMRES, which takes out the few directions in which regularisation is felt.
    /// Source: Saad and Schultz, SIAM J. Sci. Stat. Comput. 7(3), 1986.
    /// \return largest residual over the largest entry of the right-hand side; infinity if it is not a number.
    double solve(Vector const& right, Vector& solution);

  private:
    void multiply(Vector const& v, Vector& product) const;
    double refine(Vector const& right, Vector& solution);
    double accelerate(Vector const& right, Vector& solution, double error);
    bool accept_if_better(Vector const& right, Vector& solution, double& error);

    SparseMatrix const* P_ = nullptr;
    SparseMatrix const* C_ = nullptr;
    Vector d_, e_;
    // Where the values of P lie: those above its diagonal, and those on it by variable (-1 where none is stored).
    std::vector<Index> upper_, diagonal_;
    QuasidefiniteLdl factor_;
    std::vector<double> values_;
    Vector residual_, trial_;
    Eigen::MatrixXd basis_, corrections_;  // of the Krylov space, and what the factors make of it
};

/// y += C x, and y += C'x, of a matrix by columns; x and y may be longer.
void add_product(SparseMatrix const& C, Vector const& x, Vector& y);
void add_transposed_product(SparseMatrix const& C, Vector const& x, Vector& y);

}  // namespace dec::solvers
