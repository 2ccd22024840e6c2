/// \file random_tree.hpp
/// Random programs on trees, the same programs for the general solver, and the same programs cut into pieces.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/solvers/quadratic_program.hpp"
#include "dec/solvers/tree_program.hpp"

namespace dec::testing {

struct RandomTree {
    std::uint32_t seed = 0;
    int vertices = 30;
    int roots = 1;
    bool reactive = false;  ///< two flows per row on parts of the tree
    bool sloped = false;    ///< some flows depend on states
    bool dense = false;     ///< some links mix rows and flows
    bool ratios = false;    ///< some links multiply states
    bool mixed = false;     ///< some limits are on combinations of rows
    bool rated = false;     ///< some flows are limited
    bool linear = false;    ///< no curvature
    enum class Groups { none, tied, capped } groups = Groups::none;
    double stress = 1.0;  ///< how far states go beyond their limits by themselves
    double control_share = 0.4;
};

[[nodiscard]] solvers::TreeProgram random_tree(RandomTree const& wanted);

/// The same program over x = (u, y, v, s).
[[nodiscard]] solvers::QuadraticProgram as_quadratic(solvers::TreeProgram const& program);

/// The pieces of a program on one rank when vertex j goes to rank owner[j], without groups' global numbers changed; for each
/// piece, what its vertices, controls and groups are in the whole.
struct TreePiece {
    solvers::TreeProgram program;
    std::vector<std::size_t> vertices, controls, groups;
    std::vector<std::int32_t> above_rank, below_rank;  ///< who is at the other end, per cut
};
[[nodiscard]] std::vector<TreePiece> cut(solvers::TreeProgram const& program, std::vector<int> const& owner, int ranks);

}  // namespace dec::testing
