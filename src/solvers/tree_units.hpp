/// \file tree_units.hpp
/// Units in which the controls and the objective of a program on a tree are of the order of one.
#pragma once

#include <vector>

#include "tree_groups.hpp"

namespace dec::solvers {

/// A variable is u = lower + range t with 0 <= t <= 1; range 1 where the bounds leave no choice.
struct TreeUnits {
    std::vector<double> control_lower, control_range;  ///< a tied control has those of its group
    std::vector<double> group_lower, group_range;
    std::vector<bool> control_fixed, group_fixed;
    double cost = 1.0;  ///< the objective is multiplied by it, so that the mean marginal cost is one
    /// Marginal cost in full, at most and mostly of the order of one: what small steps of a variable are measured by, where costs differ
    /// by orders of magnitude. That of a group is that of its tied controls as well, and theirs.
    std::vector<double> control_worth, group_worth;
    bool agree = true;  ///< false: some lower bound is above its upper one
};

/// Collective. \param groups are those of the program. \param idle_controls as in TreeSettings
[[nodiscard]] TreeUnits find_units(TreeProgram const& program, TreeLinks& links, TreeGroups& groups,
                                   bool idle_controls = false);

/// Limits of a row that leave it no room, but for the rounding of what they were derived from: its value is given.
[[nodiscard]] inline bool is_given(double low, double high) { return high - low <= 1e-12 && high - low >= -1e-9; }

/// phi(u) = cost u + ...
[[nodiscard]] double value(TreeTerm const& term, double u);
/// phi'(u)
[[nodiscard]] double slope(TreeTerm const& term, double u);

}  // namespace dec::solvers
