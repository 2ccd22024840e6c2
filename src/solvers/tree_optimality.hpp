/// \file tree_optimality.hpp
/// What is true of an answer, found from the program, the controls and the multipliers alone.
#pragma once

#include <algorithm>
#include <vector>

#include "tree_flow.hpp"
#include "tree_units.hpp"

namespace dec::solvers {

struct TreePoint {
    std::vector<double> u, y;                        ///< per control, group
    std::vector<double> price_low, price_high, cap;  ///< multipliers >= 0 of limits per row, of u <= y per control
    std::vector<double> price_flow, price_pair;      ///< of limits of flows, of pairs
    std::vector<double> state, flow, observed;       ///< v, s and the limited W v, by `find_states`
    std::vector<double> observed_pair;               ///< first u + second u', likewise
    std::vector<double> observed_flow;               ///< limited weights' s, likewise
    std::vector<double> control_price;               ///< gains times prices of flows, by `find_prices`
    /// Derivative of the Lagrangian without bounds, per control (not of tied ones) and group (on the rank of its top); y - u of
    /// controls with a cap; by `judge`.
    std::vector<double> derivative, group_derivative, cap_slack;
};

// Elastic limits may be exceeded by e >= 0 at the cost excess_cost (e + e^2 / 2), with a multiplier of e of its own. In units in
// which a control costs one in full: what moves a limit by a millionth is taken in full before the limit is exceeded.
constexpr double excess_cost = 1e6;

struct TreeJudgement {
    double objective = 0.0;
    /// A lower bound of the objective of any feasible point, elastic: of objective and penalty of any point, whatever the multipliers.
    double dual_objective = 0.0;
    double penalty = 0.0;          ///< elastic: what exceeding limits costs
    double violation = 0.0;        ///< largest violation of a limit or cap
    double total_violation = 0.0;  ///< sum of violations of limits
    /// Largest |u - (minimiser of the Lagrangian's quadratic in u, within bounds)| in units of the range of u and the mean
    /// marginal cost.
    double stationarity = 0.0;
    /// Largest of the smaller ones of multiplier and slack of a limit, in units of the mean marginal cost.
    double complementarity = 0.0;
    /// What is wrong with limits: `violation`, or elastic the largest difference between an excess and what the multiplier pays for.
    double limits = 0.0;
    /// Lower bound of the sum of multiplier times violation over all controls within their bounds. Positive: no controls
    /// satisfy the limits.
    double certificate = 0.0;
    double multipliers =
        0.0;  ///< sum of multiplier times limit's magnitude, against which the certificate is to be seen

    /// What is left of the optimality conditions.
    [[nodiscard]] double residual() const { return std::max({limits, stationarity, complementarity}); }
};

/// Collective. What follows from u, and from multipliers of limits.
void find_states(TreeProgram const& program, TreeFlow& flow, TreePoint& point);
void find_prices(TreeProgram const& program, TreeFlow& flow, TreePoint& point);

/// Collective. Finds states and prices of the point, too. \param elastic limits may be exceeded at a cost.
[[nodiscard]] TreeJudgement judge(TreeProgram const& program, TreeUnits const& units, TreeLinks& links,
                                  TreeGroups& groups, TreeFlow& flow, TreePoint& point, bool elastic = false);

}  // namespace dec::solvers
