/// \file tree_program.hpp
/// The linear power flow of a piece of feeder, its voltage limits and a policy's decisions become this rank's part of a
/// program on a tree. docs/equations.md#a-program-on-a-tree.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/fairness/decisions.hpp"
#include "dec/model/lin_dist3_flow.hpp"
#include "dec/solvers/tree_program.hpp"

namespace dec::model {

/// Limits of squared voltages as they are seen (line to line behind a floating delta), pu^2: three places per own vertex,
/// -inf and +inf where there is none.
struct SquaredLimits {
    std::vector<double> low, high;
};

struct AssembledProgram {
    solvers::TreeProgram program;   ///< one vertex for each own vertex of the piece, in its order
    std::vector<std::int32_t> der;  ///< per control: row of the piece's pv_systems
    std::vector<std::int32_t>
        row_of_place;  ///< per own vertex three: row of the program, -1 where the phase is not there
};

/// Active powers only, where no reactive power below depends on a voltage or a decision: the reactive powers are numbers
/// there. Costs in the unit of the decisions, voltages squared in pu, powers in pu. Collective.
/// \throws core::InvalidInput on all ranks alike where the parts of the feeder that share a fraction cross each other.
[[nodiscard]] AssembledProgram assemble(core::Communicator const& comm, LinDist3Flow& flow, SquaredLimits const& limits,
                                        fairness::Decisions const& decisions);

}  // namespace dec::model
