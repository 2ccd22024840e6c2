/// \file sparse_form.hpp
/// A program on a tree written out with sparse matrices, for solvers that know nothing of trees.
#pragma once

#include <vector>

#include "dec/solvers/quadratic_program.hpp"
#include "dec/solvers/tree_program.hpp"

namespace dec::solvers {

/// Variables: controls, groups, states (one for each row), flows in the order of vertices. Equalities: the balance of every
/// vertex, its drop, then the ties. Inequalities: rows with a limit, limits of flows, of pairs, then the caps. The objective also has
/// -weight ln(1 - x) for every entry of `logs`.
struct SparseForm {
    struct Log {
        Index variable = 0;
        double weight = 0.0;
    };
    QuadraticProgram program;
    std::vector<Log> logs;
    Index first_group = 0, first_state = 0, first_flow = 0;
    std::vector<std::int32_t> limited_rows;  ///< row of the tree program of each of the first inequalities
};

/// \pre all of the tree is on this rank.
[[nodiscard]] SparseForm sparse_form(TreeProgram const& program);

}  // namespace dec::solvers
