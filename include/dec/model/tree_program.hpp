/// \file tree_program.hpp
/// The linear power flow of a piece of feeder, its voltage limits and a policy's decisions become this rank's part of a
/// program on a tree. docs/equations.md#a-program-on-a-tree.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/fairness/decisions.hpp"
#include "dec/model/apparent_power.hpp"
#include "dec/model/lin_dist3_flow.hpp"
#include "dec/solvers/tree_program.hpp"

namespace dec::model {

/// Limits of squared voltages as they are seen (line to line behind a floating delta), pu^2: three places per own vertex,
/// -inf and +inf where there is none.
struct SquaredLimits {
    std::vector<double> low, high;
};

struct AssembledProgram {
    /// One vertex for each own vertex of the piece, in its order; after it a leaf for each of its DERs whose reactive power is
    /// decided, with one row and two flows: active power curtailed and reactive power drawn, in parts of what the DER is rated.
    solvers::TreeProgram program;
    std::vector<std::int32_t> vertex;  ///< per own vertex of the piece: of the program
    std::vector<std::int32_t> der;     ///< per control: row of the piece's pv_systems
    std::vector<char>
        reactive;  ///< per control: 1 where it is not the curtailed share but the reactive power, injected
    /// Per limit of a flow: row of PowerLimits::branches, -1 if it is a DER's.
    std::vector<std::int32_t> rated;
    std::vector<std::int32_t>
        row_of_place;  ///< per own vertex three: row of the program, -1 where the phase is not there
};

enum class Circles { discs, polygons, none };

/// Active powers only, where no reactive power below depends on a voltage or a decision: the reactive powers are numbers
/// there. Costs in the unit of the decisions, voltages squared in pu, powers in pu. Collective.
/// \param circles as discs; as polygons inside them, for programs that know only lines; or left out.
/// \throws core::InvalidInput on all ranks alike where the parts of the feeder that share a fraction cross each other.
[[nodiscard]] AssembledProgram assemble(core::Communicator const& comm, LinDist3Flow& flow, SquaredLimits const& limits,
                                        fairness::Decisions const& decisions, PowerLimits const& powers = {},
                                        Circles circles = Circles::discs);

}  // namespace dec::model
