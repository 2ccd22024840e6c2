/// \file polish.hpp
/// An answer computed once more from the limits it meets, as the equality constrained program they make.
/// Source: Stellato et al., Math. Program. Comput. 12, 2020, section 4; here on the matrix pattern already analysed.
#pragma once

#include "kkt_system.hpp"
#include "point.hpp"

namespace dec::solvers {

class Polish {
  public:
    /// Both stay where they are.
    Polish(ScaledProgram const& program, KktSystem& kkt) : program_{program}, kkt_{kkt} {}

    void resize();

    /// Takes every limit whose multiplier exceeds its slack for met, all others for slack.
    /// \param tau what q and all limits are multiplied by: one for an answer, zero for a certificate (rows met become zero, the
    ///            gradient is that of q = 0; what balances it proves that there is no answer).
    /// \param x, net an answer or a certificate in; what meets those limits and balances the gradient as nearly as it can be, out.
    void improve(Point const& point, double tau, double regularisation, Vector& x, Vector& net);

  private:
    void choose(Point const& point);
    void restrict_matrices();
    [[nodiscard]] double pushing(Index range, double force) const;

    ScaledProgram const& program_;
    KktSystem& kkt_;
    std::vector<signed char> met_;  // per range: -1 its low limit, +1 its high one or an equality, 0 none
    SparseMatrix P_, C_;            // without columns of variables at a limit and rows that meet none
    Vector of_variables_, of_rows_, value_, gradient_;
    Vector right_, change_;
    Refinement refinement_;
};

}  // namespace dec::solvers
