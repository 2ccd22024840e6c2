/// \file tree_interior_point.hpp
/// Primal-dual interior point for programs on a tree, in time and memory linear in the vertices.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "dec/solvers/tree_program.hpp"

namespace dec::solvers {

struct TreeSettings {
    double tolerance = 1e-9;  ///< relative gap; primal residual relative to the limits
    int max_iterations = 100;
    bool presolve = true;
    bool elastic = false;  ///< limits may be exceeded at a price: least violation instead of `primal_infeasible`
    /// Limits may be missed by this much where that takes a price out of all proportion: the answer is then that of limits moved by
    /// what they are missed by, and its gap is of no meaning. Not with `elastic`.
    double give = 0.0;
    bool polish = true;  ///< to residuals of 1e-10, whatever the tolerance, where that can be had
    /// The start is the answer to a program with slightly other costs: polished at once, and iterated on only if that does not do.
    /// Not with `elastic`.
    bool resume = false;
    /// In units of the order of one, what a multiplier's step moves its limit by: less makes multipliers move faster, and systems more nearly
    /// singular.
    double softness = 1e-8;
    bool control_prices = false;  ///< fill TreeOutcome::control_price; the same on all ranks
};

enum class TreeStatus { optimal, primal_infeasible, iteration_limit, numerical_failure, stopped };

/// One iteration, for histories and progress.
struct TreeRound {
    int iteration = 0;
    double objective = 0.0;
    double primal_residual = 0.0;
    double dual_residual = 0.0;
    double gap = 0.0;
    std::span<double const> u, y;  ///< per control and group of this rank, in the order of the program
};
/// Called on every rank alike; true asks for a stop (agreed on by all ranks).
using TreeObserver = std::function<bool(TreeRound const&)>;

/// This rank's part. Vectors are in the order of the program given, presolve or not.
struct [[nodiscard]] TreeOutcome {
    TreeStatus status = TreeStatus::numerical_failure;
    std::vector<double> u;      ///< per control
    std::vector<double> y;      ///< per group
    std::vector<double> state;  ///< v, per row
    std::vector<double> flow;   ///< s, per flow in the order of vertices
    /// Multipliers >= 0 of the limits, per row of low, high: what one unit of the limit is worth. With `primal_infeasible`
    /// a certificate: rows with large ones are in conflict.
    std::vector<double> price_low, price_high;
    std::vector<double> price_flow, price_pair;  ///< likewise, per limit of a flow, of a pair
    std::vector<double> control_price;           ///< if asked for, per control: gains times prices of flows
    double objective = 0.0, dual_objective = 0.0;
    /// Of the program that was solved, after presolve: largest violation of a limit, derivative of the Lagrangian that no bound
    /// explains, and smaller one of multiplier and slack of a limit; the last two in units in which controls are in [0, 1] and
    /// cost one in full in the mean.
    double primal_residual = 0.0, dual_residual = 0.0, complementarity = 0.0;
    double gap = 0.0;
    int iterations = 0;
    double violation = 0.0;  ///< elastic: sum of what limits are exceeded by
    double penalty = 0.0;    ///< elastic: what that costs, beside the objective; `gap` and `dual_objective` are of both
};

/// What an earlier solve of a program of the same structure ended with.
struct TreeStart {
    std::vector<double> u, y;
    std::vector<double> price_low, price_high;
    std::vector<double> price_flow, price_pair;
};

/// Collective over `links`. \param start may be null.
[[nodiscard]] TreeOutcome solve(TreeProgram const& program, TreeLinks& links, TreeSettings const& settings,
                                TreeStart const* start = nullptr, TreeObserver const& observer = {});

/// Collective over `links`. What a point is worth: `u`, `y` and the prices of `point`, states and flows, objectives, gap and residuals of
/// the outcome; its status is `optimal` whatever they are.
[[nodiscard]] TreeOutcome evaluate(TreeProgram const& program, TreeLinks& links, TreeStart const& point,
                                   bool control_prices = false);

}  // namespace dec::solvers
