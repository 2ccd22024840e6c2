/// \file kkt_system.hpp
/// The linear systems of the interior point, [P + diag(d), C'; C, -diag(e)], regularised so that they can be factorised.
#pragma once

#include <vector>

#include "ldl.hpp"
#include "refinement.hpp"

namespace dec::solvers {

/// Variables are regularised by this share of what rows are: directions with next to no curvature are found sooner.
constexpr double share_of_variables = 0.03;

/// Vectors hold an entry for each variable, then one for each row of C.
class KktSystem final : public LinearSystem {
  public:
    /// Takes the pattern of P (both triangles) and C.
    void analyse(SparseMatrix const& P, SparseMatrix const& C);

    /// \param P, C of the pattern analysed; they must stay until the last use of what is factorised.
    /// \param d, e not negative. \param regularisation added to both, in the factors only; no pivot is smaller.
    void factorise(SparseMatrix const& P, SparseMatrix const& C, Vector const& d, Vector const& e,
                   double regularisation);

    void multiply(Vector const& v, Vector& product) const override;
    void solve_roughly(Vector& v) override { factor_.solve(v); }
    [[nodiscard]] Vector const& weights() const override { return weights_; }

  private:
    SparseMatrix const* P_ = nullptr;
    SparseMatrix const* C_ = nullptr;
    Vector d_, e_, weights_;
    // Where the values of P lie: those above its diagonal, and those on it by variable (-1 where none is stored).
    std::vector<Index> upper_, diagonal_;
    QuasidefiniteLdl factor_;
    std::vector<double> values_;
};

/// y += C x, and y += C'x, of a matrix by columns; x and y may be longer.
void add_product(SparseMatrix const& C, Vector const& x, Vector& y);
void add_transposed_product(SparseMatrix const& C, Vector const& x, Vector& y);

/// Of [P C'; C 0] times (x, y): adds to both parts of the product, which lie one after the other as x and y do.
void add_symmetric_product(SparseMatrix const& P, SparseMatrix const& C, Vector const& v, Vector& product);

}  // namespace dec::solvers
