/// \file embedding.hpp
/// The homogeneous embedding of the optimality conditions of a scaled program, and Newton's directions for it. With t = tau:
///
///     P x + q t + C'y + z_high - z_low (of the bounds)     = 0      "dual"
///     C x - b t  (equalities)                              = 0      "high"
///      v + s_high - high t                                 = 0      "high",   v = (C x, x)
///     -v + s_low  + low  t                                 = 0      "low"
///     kappa + q'x + b'y + high'z_high - low'z_low + x'P x/t = 0     "gap"
///     s z = 0,  t kappa = 0,  all of these >= 0
///
/// At t > 0 (x, y, z) / t is an answer; at kappa > 0 y, z prove that there is no feasible point, or x that there is no
/// finite optimum. Derivation: docs/interior_point.md.
#pragma once

#include "kkt_system.hpp"
#include "scaled_program.hpp"

namespace dec::solvers {

/// An iterate, or a direction. Vectors are per range but for x; entries of absent limits are zero.
struct Point {
    Vector x;
    Vector net;  ///< y of the equalities, z_high - z_low of all other ranges
    Vector s_low, s_high, z_low, z_high;
    double tau = 1.0;
    double kappa = 1.0;

    void resize(ScaledProgram const& program);
};

class Embedding {
  public:
    /// Both stay where they are; `kkt` has analysed the program's pattern.
    Embedding(ScaledProgram const& program, KktSystem& kkt) : program_{program}, kkt_{kkt} {}

    /// Allocates for the program's sizes.
    void resize();

    /// The point that would be the answer if limits were springs: where to start, up to `make_interior`.
    void spring_start(Point& point, double regularisation);
    /// Moves slacks and multipliers to at least these values and sets tau and kappa.
    void make_interior(Point& point, double least_slack, double least_multiplier);

    /// Finds the residuals of the conditions and the mean complementarity.
    void evaluate(Point const& point);
    [[nodiscard]] double complementarity() const { return mu_; }

    /// Factorises for directions from this point, which `evaluate` has seen.
    /// \return residual of the linear system that all directions share.
    double factorise(Point const& point, double regularisation);
    /// Newton's direction for all conditions as they stand.
    void predict(Point const& point, Point& direction);
    /// Reduces residuals by 1 - sigma and aims at the complementarity sigma mu, with the second-order terms of the predictor,
    /// which `direction` holds when called.
    void correct(Point const& point, double sigma, Point& direction);

    /// Largest step that keeps everything non-negative.
    [[nodiscard]] double longest_step(Point const& point, Point const& direction) const;
    /// Takes a step and brings the larger of tau and kappa to one.
    void advance(Point& point, Point const& direction, double step) const;

  private:
    /// Right-hand sides of a linear system, in the terms of the conditions above.
    struct Right {
        Vector dual, low, high;    ///< what is moved to the right, without its sign for `low` and `high`
        Vector s_z_low, s_z_high;  ///< complementarity to be taken away
    };
    struct Piece {
        Vector solution;  ///< of the linear system: the variables, then multipliers of the rows
        Vector value, net, z_low, z_high;
    };

    [[nodiscard]] bool is_equality(Index range) const {
        return range < program_.rows() && program_.kind(range) == RangeKind::equality;
    }
    [[nodiscard]] bool low(Index range) const { return has_low(program_.kind(range)); }
    [[nodiscard]] bool high(Index range) const { return has_high(program_.kind(range)); }
    void set_values(Vector const& x, Vector& value) const;
    double solve(Point const& point, Right const& right, Piece& piece);
    void find_multipliers(Point const& point, Right const& right, Piece& piece);
    [[nodiscard]] double gap_slope(Piece const& piece) const;
    void find_direction(Point const& point, double share, double tau_kappa, Point& direction);
    void combine(Point const& point, Point& direction) const;

    ScaledProgram const& program_;
    KktSystem& kkt_;
    // Of the point evaluated.
    Vector dual_, low_, high_, value_, Px_;
    double gap_ = 0.0;
    double mu_ = 0.0;
    // z / s of each limit, their sum, and the diagonals made of it.
    Vector stiffness_low_, stiffness_high_, stiffness_, of_variables_, of_rows_;
    Vector cost_slope_;       // q + 2 P x / tau
    double curvature_ = 0.0;  // x'P x / tau^2
    Right constant_right_, right_;
    Piece constant_, varying_;
    Vector of_system_;
    Vector balance_;
};

}  // namespace dec::solvers
