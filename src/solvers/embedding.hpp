/// \file embedding.hpp
/// The homogeneous embedding of the optimality conditions of a scaled program, and Newton's directions for it. With t = tau:
///
///     P x + q t + C'y + z_high - z_low (of the bounds)              = 0     "dual"
///     C x - b t  (equalities)                                       = 0     "high"
///      v + s_high - high t                                          = 0     "high",   v = (C x, x)
///     -v + s_low  + low  t                                          = 0     "low"
///     kappa + q'x + b'y + high'z_high - low'z_low + x'P x / t       = 0     "gap"
///     s z = 0,  t kappa = 0,  all of these >= 0
///
/// At t > 0 (x, y, z) / t is an answer; at kappa > 0 y and z prove that there is no feasible point, or x that the objective
/// falls without limit. Derivation: docs/interior_point.md.
#pragma once

#include "newton_system.hpp"

namespace dec::solvers {

class Embedding {
  public:
    /// Both stay where they are; `kkt` has analysed the program's pattern.
    Embedding(ScaledProgram const& program, KktSystem& kkt) : program_{program}, kkt_{kkt}, newton_{program, kkt} {}

    /// Allocates for the program's sizes.
    void resize();

    /// The point that would be the answer if limits were springs: where to start, up to `make_interior`.
    void spring_start(Point& point, double regularisation);
    /// Moves slacks and multipliers to at least these values and sets tau and kappa.
    void make_interior(Point& point, double least_slack, double least_multiplier);

    /// Finds the residuals of the conditions and the mean complementarity.
    void evaluate(Point const& point);

    /// Mean complementarity at the point evaluated.
    [[nodiscard]] double mu() const { return mu_; }

    /// Factorises for directions from this point, which `evaluate` has seen.
    void factorise(Point const& point, double regularisation) { newton_.factorise(point, Px_, regularisation); }
    /// Directions are proximal steps until the next factorisation.
    void keep_regularisation() { newton_.keep_regularisation(); }
    /// Newton's direction for all conditions as they stand.
    /// \return residual of the linear system, relative to its right-hand side.
    double predict(Point const& point, Point& direction);
    /// Reduces residuals by 1 - sigma and aims at the complementarity sigma mu, with this share of the second-order terms of the
    /// predictor.
    void correct(Point const& point, double sigma, double second_order, Point const& predictor, Point& direction);

    /// Largest step that keeps everything non-negative.
    [[nodiscard]] double longest_step(Point const& point, Point const& direction) const;
    /// Takes a step and brings the larger of tau and kappa to one.
    void advance(Point& point, Point const& direction, double step) const;

  private:
    [[nodiscard]] bool is_equality(Index range) const {
        return range < program_.rows() && program_.kind(range) == RangeKind::equality;
    }
    [[nodiscard]] bool low(Index range) const { return has_low(program_.kind(range)); }
    [[nodiscard]] bool high(Index range) const { return has_high(program_.kind(range)); }
    void set_values(Vector const& x, Vector& value) const;
    [[nodiscard]] double anchor(Index range) const;
    double hold_by_springs(double regularisation, double softness_of_equalities);
    double solve(Point const& point, double share, double tau_kappa, Point& direction);
    void set_right_side(Point const& point, double share, double tau_kappa);
    void expand(Point const& point, double share, Point& direction);
    void expand_range(Point const& point, Index range, double share, Point& direction) const;

    ScaledProgram const& program_;
    KktSystem& kkt_;
    NewtonSystem newton_;
    Refinement of_kkt_, of_newton_;
    // Of the point evaluated: residuals, (C x, x), P x.
    Vector dual_, low_, high_, value_, Px_;
    double gap_ = 0.0;
    double mu_ = 0.0;
    // What is to be taken away from s z; multipliers at a range that does not move.
    Vector s_z_low_, s_z_high_, held_low_, held_high_;
    Vector right_, solution_, balance_, move_;
};

}  // namespace dec::solvers
