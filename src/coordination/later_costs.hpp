/// \file later_costs.hpp
/// Programs in which many controls cost nothing. docs/equations.md#idle-reactive-powers.
#pragma once

#include <functional>
#include <vector>

#include "dec/solvers/tree_interior_point.hpp"

namespace dec::coordination {

/// Solves the program as it stands: resumed from `start`, which is the answer at slightly other costs, or not, from `start` if there is one.
using SolveProgram = std::function<solvers::TreeOutcome(bool resume, solvers::TreeStart const* start)>;

/// The optimum of `program`, approached with a small part of later costs, then less and less of it, then none: with costs of their own idle
/// controls have one place to be. Collective over `links`.
/// \param program is changed between calls of `solve`; at the end it is what it was.
/// \param later per control the curvature of its later cost, >= 0.
/// \return judged by the program's own cost alone: `iteration_limit` where its gap is not within `tolerance`, relative to the objective or
/// to a hundredth of what a control costs in the mean; else what the first call of `solve` found.
[[nodiscard]] solvers::TreeOutcome solve_with_idle_controls(solvers::TreeProgram& program,
                                                            std::vector<double> const& later, solvers::TreeLinks& links,
                                                            double tolerance, SolveProgram const& solve,
                                                            solvers::TreeStart const* start);

}  // namespace dec::coordination
