/// \file tree_groups.hpp
/// Scalars shared by controls on several ranks: what the ranks that hold parts of a group tell each other outside iterations.
#pragma once

#include <vector>

#include "dec/solvers/tree_program.hpp"

namespace dec::solvers {

/// Vectors have one entry per group of this rank. All functions are collective.
class TreeGroups {
  public:
    TreeGroups(TreeProgram const& program, TreeLinks& links);

    /// The largest entry of all ranks, on the rank of the group's top.
    void max_to_top(std::vector<double>& values);
    /// The sum over all ranks, on the rank of the group's top.
    void sum_to_top(std::vector<double>& values);
    /// The entry of the rank of the top, on all ranks.
    void from_top(std::vector<double>& values);

  private:
    TreeProgram const& program_;
    TreeLinks& links_;
    std::vector<std::ptrdiff_t> last_cut_;  // per group: of the cuts through which it goes up the one used last
    std::vector<double> above_rows_, below_rows_;
};

}  // namespace dec::solvers
