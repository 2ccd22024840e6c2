/// \file random_programs.hpp
/// Quadratic programs made around an answer, so that it is known without solving.
#pragma once

#include <cstdint>
#include <random>

#include "dec/solvers/outcome.hpp"

namespace dec::test {

using solvers::Index;
using solvers::infinity;
using solvers::Multipliers;
using solvers::QuadraticProgram;
using solvers::SparseMatrix;
using solvers::Vector;

/// Draws that are the same on every machine.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_{seed} {}
    double uniform(double low, double high) {
        return low + (high - low) * (static_cast<double>(engine_() >> 11U) * 0x1.0p-53);
    }
    Index below(Index count) { return static_cast<Index>(engine_() % static_cast<std::uint64_t>(count)); }
    bool chance(double probability) { return uniform(0.0, 1.0) < probability; }

  private:
    std::mt19937_64 engine_;
};

enum class Objective { strictly_convex, semidefinite, linear };

struct Recipe {
    Index variables = 10;
    Index equalities = 3;
    Index inequalities = 8;
    Objective objective = Objective::strictly_convex;
    double active = 0.3;     ///< share of the limits that are met
    double weak = 0.0;       ///< share of those that are met without need: multiplier zero
    double fixed = 0.05;     ///< share of variables with equal bounds, of inequalities with equal limits
    bool dependent = false;  ///< half of the equalities, and some inequalities, are combinations of others
};

struct Solved {
    QuadraticProgram program;
    Vector x;
    Multipliers multipliers;
    double objective = 0.0;
};

/// Coefficients, answer and multipliers are of the order of one.
Solved make_solved(Recipe const& recipe, std::uint64_t seed);

/// The same program in other units: rows, variables and objective times powers of ten up to this in magnitude.
struct Scaled {
    QuadraticProgram program;
    Vector equality_factor, inequality_factor, variable_unit;  ///< x of the original = unit * x of this
    double objective_factor = 1.0;
};
Scaled in_other_units(QuadraticProgram const& program, double decades, std::uint64_t seed);

/// A matrix with about this many coefficients in [-1, 1] per row, at least one.
SparseMatrix random_matrix(Index rows, Index columns, double per_row, Dice& dice);

/// A sparse matrix from a dense one, for programs written out.
SparseMatrix sparse(Eigen::MatrixXd const& dense);

}  // namespace dec::test
