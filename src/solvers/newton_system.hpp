/// \file newton_system.hpp
/// The linear system of Newton's direction for the homogeneous embedding, after slacks and multipliers of limits have been
/// eliminated. With theta = z / s of a range's limits added up and d their mean weighted by it (b of an equality):
///
///     P x + C'y + q t + theta (x - d t)                    = r_x     theta, d of the bounds
///     C x - y / theta - d t                                = r_y     theta, d of the rows; 1 / theta = 0 of an equality
///     h t - (q + 2 P x0)'x - d'y - d'(bounds' multipliers) = r_t
///
/// The last is solved for t with the answer to the others for t = 1, so that one factorisation serves all directions.
#pragma once

#include "kkt_system.hpp"
#include "point.hpp"

namespace dec::solvers {

/// Vectors hold x, y and t one after the other.
class NewtonSystem final : public LinearSystem {
  public:
    /// Both stay where they are; `kkt` has analysed the program's pattern.
    NewtonSystem(ScaledProgram const& program, KktSystem& kkt) : program_{program}, kkt_{kkt} {}
    void resize();

    /// \param Px P times the point's x.
    void factorise(Point const& point, Vector const& Px, double regularisation);

    /// Makes the regularisation part of the system until the next factorisation: its solution is a proximal step then.
    void keep_regularisation() { kept_ = regularisation_; }

    void multiply(Vector const& v, Vector& product) const override;
    void solve_roughly(Vector& v) override;
    [[nodiscard]] Vector const& weights() const override { return weights_; }

    /// z / s of the limits of each range, zero where absent.
    [[nodiscard]] Vector const& stiffness_low() const { return stiffness_low_; }
    [[nodiscard]] Vector const& stiffness_high() const { return stiffness_high_; }
    [[nodiscard]] Vector const& stiffness() const { return stiffness_; }
    /// d: the mean of a range's limits.
    [[nodiscard]] Vector const& limit() const { return limit_; }
    /// Whether a range's multipliers come from the equations it is in rather than from how far it moves: from the move they are
    /// exact relative to their size while they are small against slacks, else they would magnify its rounding.
    [[nodiscard]] bool stiff(Index range) const { return stiffness_[range] > 1.0; }

  private:
    void find_stiffness(Point const& point);
    [[nodiscard]] double gap_row(Vector const& v, double t, Vector const& balance) const;

    ScaledProgram const& program_;
    KktSystem& kkt_;
    Vector stiffness_low_, stiffness_high_, stiffness_, limit_;
    Vector of_variables_, of_rows_;  // the diagonals that limits add to P and 0
    Vector cost_slope_;              // q + 2 P x0, x0 = x / tau
    double of_gap_ = 0.0;            // h
    Vector border_;                  // the answer to the first two equations for t = 1, r = 0
    double regularisation_ = 0.0, kept_ = 0.0;
    double slope_ = 1.0;  // left-hand side of the third for it
    Vector weights_;
    Vector balance_;
};

}  // namespace dec::solvers
