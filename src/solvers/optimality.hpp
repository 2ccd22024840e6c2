/// \file optimality.hpp
/// What an answer or a certificate is worth, found from the program as it was given and nothing else.
#pragma once

#include "dec/solvers/outcome.hpp"

namespace dec::solvers {

/// What "about one" means for each quantity of a program; measures are relative to at least this.
struct Units {
    Vector variables;  ///< per variable
    Vector rows;       ///< per row of A over G
    double objective = 1.0;
};

/// Whether there is no room between two limits in double precision, so that they are one.
[[nodiscard]] bool same_limit(double low, double high);

/// A sum of products with the magnitudes of its terms, entry by entry.
struct Sum {
    Vector value, terms;

    void reset(Index size);
    void add(Vector const& v);
    void add(Vector const& plus, Vector const& minus);  ///< plus - minus
    void add_product(SparseMatrix const& matrix, Vector const& v);
    void add_transposed_product(SparseMatrix const& matrix, Vector const& v);
    void add_transposed_product(SparseMatrix const& matrix, Vector const& plus, Vector const& minus);
};

/// Measures answers of one program after another; allocates only for the largest it has seen.
class Judge {
  public:
    /// Puts x inside its bounds, gives fixed variables the multipliers that balance their gradient, and sets the objectives,
    /// residuals and gap of an outcome.
    void measure(QuadraticProgram const& program, Units const& units, Outcome& outcome);

  private:
    void balance(QuadraticProgram const& program, Units const& units, Outcome& outcome);
    [[nodiscard]] double complementarity(QuadraticProgram const& program, Outcome const& outcome) const;
    [[nodiscard]] Accuracy violation(QuadraticProgram const& program, Units const& units, Vector const& x);

    Sum gradient_, curved_, rows_;
};

/// Completes multipliers to a certificate of infeasibility: cleans what belongs to absent limits, lets bounds take up what
/// is left of the sum of rows, and normalises. \return whether it proves anything to this tolerance; `outcome` has it then.
[[nodiscard]] bool certify_infeasible(QuadraticProgram const& program, Units const& units, Multipliers candidate,
                                      double tolerance, Outcome& outcome);

/// The same for a direction in which the objective falls without limit.
[[nodiscard]] bool certify_unbounded(QuadraticProgram const& program, Units const& units, Vector candidate,
                                     double tolerance, Outcome& outcome);

}  // namespace dec::solvers
