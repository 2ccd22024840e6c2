/// \file tree_optimality.hpp
/// What is true of an answer, found from the program, the controls and the multipliers alone.
#pragma once

#include <vector>

#include "tree_flow.hpp"
#include "tree_units.hpp"

namespace dec::solvers {

struct TreePoint {
    std::vector<double> u, y;                        ///< per control, group
    std::vector<double> price_low, price_high, cap;  ///< multipliers >= 0 of limits per row, of u <= y per control
    std::vector<double> price_flow;                  ///< of limits of flows
    std::vector<double> state, flow, observed;       ///< v, s and the limited W v, by `find_states`
    std::vector<double> observed_flow;               ///< limited weights' s, likewise
    std::vector<double> control_price;               ///< gains times prices of flows, by `find_prices`
};

struct TreeJudgement {
    double objective = 0.0;
    double dual_objective = 0.0;   ///< a lower bound of the objective of any feasible point, whatever the multipliers
    double violation = 0.0;        ///< largest violation of a limit or cap
    double total_violation = 0.0;  ///< sum of violations of limits
    /// Largest |u - (minimiser of the Lagrangian's quadratic in u, within bounds)| in units of the range of u and the mean
    /// marginal cost.
    double stationarity = 0.0;
    /// Lower bound of the sum of multiplier times violation over all controls within their bounds. Positive: no controls
    /// satisfy the limits.
    double certificate = 0.0;
    double multipliers =
        0.0;  ///< sum of multiplier times limit's magnitude, against which the certificate is to be seen
};

/// Collective. What follows from u, and from multipliers of limits.
void find_states(TreeProgram const& program, TreeFlow& flow, TreePoint& point);
void find_prices(TreeProgram const& program, TreeFlow& flow, TreePoint& point);

/// Collective. Finds states and prices of the point, too.
[[nodiscard]] TreeJudgement judge(TreeProgram const& program, TreeUnits const& units, TreeLinks& links,
                                  TreeGroups& groups, TreeFlow& flow, TreePoint& point);

}  // namespace dec::solvers
