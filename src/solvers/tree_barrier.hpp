/// \file tree_barrier.hpp
/// Where the interior point stands: controls, slacks and multipliers of a program on a tree, in flat arrays, and what each
/// phase of an iteration does to them. Everything of the tree itself is behind TreeElimination and TreeFlow.
///
/// Controls are moved to 0 <= t <= 1 and the objective is divided by its mean marginal cost, so that all numbers here are of
/// the order of one whatever units the program is written in.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dec/solvers/tree_interior_point.hpp"
#include "tree_elimination.hpp"
#include "tree_flow.hpp"
#include "tree_groups.hpp"
#include "tree_optimality.hpp"
#include "tree_units.hpp"

namespace dec::solvers {

/// Sums over this rank, to be added up over all.
struct TreeSums {
    double complementarity = 0.0;  ///< sum of s z
    double pairs = 0.0;            ///< number of s z
    double objective = 0.0;        ///< in units of the scaled objective
    double excess = 0.0;           ///< sum of z |s - slack|: what is missing to hold the limits, at their prices
};

/// How far a step may go.
struct TreeReach {
    double ratio = 0.0;  ///< largest -ds/s or -dz/z
    double cross = 0.0;  ///< sum of ds dz
};

/// Of prices of limits on this rank, for their geometric mean.
struct TreeMeanPrice {
    double logarithms = 0.0;
    double count = 0.0;
};

/// What keeps systems from becoming singular: in units of the order of one, a step of a multiplier moves its limit by that
/// much. Vanishes with the step.
struct TreeSoftness {
    double least, large = 1e3;
    /// Large multipliers have large steps, or they would creep.
    [[nodiscard]] double stiffness(double multiplier) const {
        return std::clamp(std::abs(multiplier), 1.0, large) / least;
    }
};

class TreeBarrier {
  public:
    /// All but `flow` stay where they are.
    TreeBarrier(TreeProgram const& program, TreeUnits const& units, TreeElimination const& elimination,
                TreeSettings const& settings);

    /// Collective. Somewhere inside.
    void start_cold(TreeFlow& flow, TreeGroups& groups);
    /// Collective. Near the answer of a similar program.
    void start_warm(TreeFlow& flow, TreeGroups& groups, TreeStart const& start);
    /// Collective. At the answer of a program with slightly other costs, to be polished; `end_start` once that has been judged.
    void start_exact(TreeFlow& flow, TreeGroups& groups, TreeStart const& start);
    void end_start(TreePoint const& point);

    /// Takes the step found last, if `length` is not 0, and writes curvatures and the slopes of a step to s z = 0.
    TreeSums predict(double length, TreeStep const& step, TreeModel& model);
    /// Takes states and prices, in which rounding of all steps has added up, from a judged point, and writes the model again.
    void observe(TreePoint const& point, TreeModel& model);
    /// Regularises more, where systems have turned out to be nearly singular.
    void stiffen();
    /// How far that step goes; remembers it for its second-order terms.
    TreeReach reach_of_prediction(TreeStep& step);
    /// Slopes of the step to s z = target, with this share of the second-order terms.
    void correct(double target, double second_share, TreeModel& model);
    TreeReach reach_of_correction(TreeStep& step);

    /// Largest |s - slack| of a limit on this rank, when `predict` was called.
    [[nodiscard]] double primal_residual() const { return primal_residual_; }
    /// Largest derivative of the Lagrangian by a control of this rank, likewise.
    [[nodiscard]] double dual_residual() const { return dual_residual_; }

    /// Decides which limits are met. From then on only those below. \return their prices, to be added up over all ranks.
    [[nodiscard]] TreeMeanPrice begin_polish();
    void set_penalties(double mean_price);
    /// Collective. Puts onto their bounds the controls that want to be there, from a judged point. \return whether any of this rank
    /// was not there yet.
    [[nodiscard]] bool settle(TreePoint const& point, TreeGroups& groups);
    /// Writes the model of the program in which limits that are met are equalities; `point` has the states of the controls.
    void polish_model(TreePoint const& point, TreeModel& model);
    /// Collective. Takes the step.
    void polish_step(TreeStep& step, TreeGroups& groups);
    /// Collective. Back to where the iteration was before; its states and prices have to be observed again.
    void end_polish(TreeGroups& groups);

    /// Controls and groups of the program.
    void read(std::vector<double>& u, std::vector<double>& y) const;
    /// Multipliers, in units of the program's objective.
    void read_prices(TreePoint& point) const;

  private:
    struct Variables {
        std::vector<double> t, z_low, z_high;
        std::vector<double> cost, curvature, log_weight;  // log_weight: empty if all are zero
        std::vector<double> reciprocal;                   // 1 / (t (1 - t))
        std::vector<double> prediction;                   // step of t
        std::vector<double> dz_low, dz_high;              // of the corrector
        std::vector<std::uint8_t> met;                    // in polishing: a bound is met
        std::vector<double> before;                       // likewise: t where the iteration was
        std::vector<std::uint8_t> moves;  // 0 where bounds leave no choice, and where it is somebody else's variable
        [[nodiscard]] bool is_logarithmic(std::size_t i) const { return !log_weight.empty() && log_weight[i] > 0.0; }
    };
    // In polishing, a limit. Only elastic ones are exceeded: their multiplier is the cost of one more unit.
    enum Met : std::uint8_t { not_met, met, exceeded };
    // Limits on one side of watched rows.
    struct Limits {
        std::vector<std::int32_t> row;
        std::vector<double> bound, s, z;
        std::vector<double> reciprocal;  // of what a multiplier's step is divided by
        std::vector<double> second;      // ds dz of the predictor
        std::vector<double> ds, dz;      // of the corrector
        // Only if elastic: excess and its multiplier, how far that gives way, and likewise.
        std::vector<double> e, w, elasticity, second_e, de, dw;
        // In polishing: what a violation costs, what was left of it, z where the iteration was.
        std::vector<double> penalty, left, before;
        std::vector<std::uint8_t> met;
    };
    // Watched rows whose limits are equal; multipliers of either sign.
    struct Fixed {
        std::vector<std::int32_t> row;
        std::vector<double> bound, z;
        std::vector<double> penalty, left, before;  // in polishing
    };
    // u <= y, in units of the control.
    struct Cap {
        std::size_t control = 0;
        double ratio = 1.0;  // range of y by that of u
        double value = 0.0;  // y - u
        double s = 1.0, z = 1.0;
        double second = 0.0, ds = 0.0, dz = 0.0;
        double penalty = 0.0, left = 0.0, before = 0.0;  // in polishing
        bool met = false;
    };

    // A limit of a pair, in units of its controls; half a disc, or with a place in high_.
    struct PairRow {
        std::size_t control = 0;
        double first = 0.0, second = 0.0;
        std::size_t limit = 0;
        std::int32_t disc = -1;
        std::uint8_t coordinate = 0;
    };
    // src/solvers/tree_discs.cpp.
    struct Disc {
        std::size_t first = 0;  // row of x in value_, before that of y
        std::size_t row = 0;    // that of (x^2 + y^2) / 2
        std::size_t limit = 0;  // in high_
        std::array<double, 2> centre{}, force{}, bend{}, before{};
        std::array<double, 3> prediction{};  // steps of x, y and its own row
    };

    static void couple_cap(Cap const& cap, double stiffness, double push, TreeModel& model);
    void couple_pairs(TreeModel& model) const;
    void follow_pairs(TreeStep& step) const;
    [[nodiscard]] double pair_multiplier(std::size_t i) const {
        auto const& pair = pairs_[i];
        return pair.disc < 0 ? high_.z[pair.limit] : discs_[static_cast<std::size_t>(pair.disc)].force[pair.coordinate];
    }
    [[nodiscard]] std::array<double, 2> place_of(Disc const& disc) const;
    void measure_discs();
    void press_discs();
    void follow_discs(TreeStep& step) const;
    void remember_discs(TreeStep const& step);
    void advance_discs(double length, TreeStep const& step, TreeModel const& model);
    void bend_discs(TreeModel const& model);
    void couple_discs(bool polishing, TreeModel& model) const;
    void polish_discs_step(TreeStep& step) const;
    void press_discs_after(TreeStep const& step);
    void set_variables();
    void set_limits();
    void take_prices(TreeStart const& start);
    void set_slacks(TreeFlow& flow, TreeGroups& groups, double least_share, double mu);
    void take_values(TreePoint const& point);
    void set_values(TreePoint const& point);
    void set_prices(TreeFlow& flow);
    class Rigid;
    class Elastic;
    template <class Visitor>
    void on_both_sides(Visitor&& visit);
    template <class Kind, int Sign>
    void model_limits(Limits& limits, TreeModel& model, TreeSums& sums);
    template <class Kind, int Sign>
    void correct_limits(Limits const& limits, TreeModel& model) const;
    template <class Kind, int Sign, bool Corrected>
    void reach_limits(Limits& limits, TreeStep const& step, TreeReach& reach) const;
    // Of a variable without its bounds.
    struct Term {
        double curvature, slope;
    };
    [[nodiscard]] Term own_term(Variables const& variables, std::size_t i, double lower, double range,
                                double worth) const;
    static void add_objective(Variables const& variables, std::size_t i, double lower, double range, TreeSums& sums);
    template <bool Corrected>
    void add_bounds(Variables& variables, std::size_t i, Term& term, TreeSums& sums) const;
    template <bool Corrected>
    void reach_variables(Variables& variables, std::vector<double> const& dt, TreeReach& reach) const;
    template <bool Corrected>
    void model_controls(TreeModel& model, TreeSums& sums);
    template <bool Corrected>
    void write_model(TreeModel& model, TreeSums& sums);
    template <bool Corrected>
    TreeReach reach_of(TreeStep& step);
    void advance(double length, TreeStep const& step);
    bool settle_variables(Variables& variables, std::vector<double> const& derivative, std::vector<double> const& range,
                          std::vector<double> const& worth) const;
    void follow_groups(TreeGroups& groups);
    [[nodiscard]] double gap_of(Cap const& cap) const;
    template <int Sign>
    void polish_limits(Limits& limits, TreeModel& model) const;
    template <int Sign>
    void polish_limits_step(Limits& limits, TreeStep const& step) const;

    TreeProgram const& program_;
    TreeUnits const& units_;
    std::vector<std::int32_t> const& watched_;
    bool elastic_;
    Variables controls_, shared_;
    Limits low_, high_;
    Fixed fixed_;
    std::vector<Cap> caps_;
    std::vector<PairRow> pairs_;
    std::vector<Disc> discs_;
    std::vector<double> pair_price_;  // per control, only if there are pairs: what their limits add to its derivative
    std::size_t first_pair_ = 0;      // where their rows begin, after watched rows and limits of flows
    std::size_t first_disc_ = 0;      // after those
    std::vector<double> price_;       // per control: gains times prices of flows
    std::vector<double> value_;       // per watched row
    std::vector<double> of_groups_;   // per group: t of its scalar, on all ranks
    double target_ = 0.0, second_share_ = 1.0;
    // A step of a control costs this much of its worth; likewise.
    double proximity_ = 1e-5;
    TreeSoftness softness_;
    double least_proximity_;  // in polishing
    double polish_proximity_ = 0.0;
    double primal_residual_ = 0.0, dual_residual_ = 0.0;
    bool is_separable_ = true;  // no caps and no pairs
    double constant_ = 0.0;     // of the scaled objective
};

}  // namespace dec::solvers
