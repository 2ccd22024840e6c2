/// \file quadratic_program.hpp
/// Convex quadratic programs with sparse matrices: numbers only, nothing of where they come from.
#pragma once

#include <Eigen/SparseCore>
#include <limits>
#include <string>
#include <vector>

#include "dec/core/error.hpp"

namespace dec::solvers {

using Index = Eigen::Index;
using Vector = Eigen::VectorXd;
using SparseMatrix = Eigen::SparseMatrix<double>;  ///< by columns

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// A limit of this magnitude or more is no limit; writing it as infinity is clearer.
inline constexpr double no_limit = 1e20;

/// minimise 1/2 x'P x + q'x + offset   subject to   A x = b,  h_low <= G x <= h_high,  lb <= x <= ub
///
/// An inequality or a variable without limit on one side has -infinity or +infinity there. Limits on both sides may be
/// equal (an equality, a fixed variable), equalities may depend on each other, rows and columns may be empty. A lower
/// limit above its upper one is a program without feasible point, not a mistake.
struct QuadraticProgram {
    SparseMatrix
        P;     ///< n x n, symmetric with both triangles stored, positive semidefinite; all zero in a linear program
    Vector q;  ///< n
    double offset = 0.0;
    SparseMatrix A;  ///< equalities x n
    Vector b;
    SparseMatrix G;  ///< inequalities x n
    Vector h_low, h_high;
    Vector lb, ub;                   ///< n
    std::vector<std::string> names;  ///< of the variables, for messages; empty, or one each

    /// All coefficients zero, all limits absent: for a caller who fills in what is there.
    [[nodiscard]] static QuadraticProgram of_size(Index variables, Index equalities, Index inequalities);

    [[nodiscard]] Index variables() const { return q.size(); }
    [[nodiscard]] Index equalities() const { return b.size(); }
    [[nodiscard]] Index inequalities() const { return h_low.size(); }
    /// 1/2 x'P x + q'x + offset
    [[nodiscard]] double objective(Vector const& x) const;
};

/// What is wrong with a program, one finding each, naming rows by number and variables by number and name: sizes that
/// do not fit, numbers that are not finite (limits may be infinite, but not the lower one +infinity), a P that is not
/// symmetric or not positive semidefinite. Empty if a solver may be given it. The test of P factorises it and admits
/// eigenvalues down to -1e-9 of its largest coefficient; it is free where P is diagonal.
[[nodiscard]] std::vector<core::Finding> validate(QuadraticProgram const& program);

}  // namespace dec::solvers
