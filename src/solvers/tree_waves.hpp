/// \file tree_waves.hpp
/// Walks over the vertices of a tree that lies on several ranks, with rows of numbers passed where a branch is cut.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dec/solvers/tree_program.hpp"

namespace dec::solvers {

class TreeWaves {
  public:
    /// Not collective. Both stay where they are.
    TreeWaves(TreeProgram const& program, TreeLinks& links)
        : program_{program}, links_{links}, cut_above_(program.above.empty() ? 0 : program.vertices.size(), -1),
          below_of_level_(static_cast<std::size_t>(links.levels()) + 1) {
        for (std::size_t i = 0; i < program.above.size(); ++i)
            cut_above_[static_cast<std::size_t>(program.above[i].vertex)] = static_cast<std::int32_t>(i);
        for (std::size_t i = 0; i < program.below.size(); ++i)
            below_of_level_[static_cast<std::size_t>(program.below[i].level)].push_back(i);
    }

    /// Collective. Calls visit(vertex, row) leaf to root, with the row of `width` numbers (all zero) that goes to the parent's
    /// rank or nullptr, and receive(vertex, row) for what comes from a child on another rank, before its parent is visited.
    template <class Receive, class Visit>
    void leaf_to_root(std::size_t width, Receive&& receive, Visit&& visit) {
        above_rows_.assign(program_.above.size() * width, 0.0);
        below_rows_.assign(program_.below.size() * width, 0.0);
        for (int level = links_.levels(); level-- > 0;) {
            for (auto const i : below_of_level_[static_cast<std::size_t>(level) + 1])
                receive(vertex_below(i), below_rows_.data() + i * width);
            if (level < program_.levels())
                for (auto j = start(level + 1); j-- > start(level);) visit(j, row_above(j, width));
            if (level > 0) links_.up(level, above_rows_, below_rows_, width);
        }
    }

    /// Collective. Calls visit(vertex, row) root to leaf, with the row that came from the parent's rank or nullptr, and
    /// send(vertex, row) to write what goes to a child on another rank, after its parent was visited.
    template <class Visit, class Send>
    void root_to_leaf(std::size_t width, Visit&& visit, Send&& send) {
        above_rows_.assign(program_.above.size() * width, 0.0);
        below_rows_.assign(program_.below.size() * width, 0.0);
        for (int level = 0; level < links_.levels(); ++level) {
            if (level > 0) links_.down(level, below_rows_, above_rows_, width);
            if (level < program_.levels())
                for (auto j = start(level); j < start(level + 1); ++j) visit(j, row_above(j, width));
            for (auto const i : below_of_level_[static_cast<std::size_t>(level) + 1])
                send(vertex_below(i), below_rows_.data() + i * width);
        }
    }

  private:
    [[nodiscard]] std::size_t start(int level) const {
        return static_cast<std::size_t>(program_.level_start[static_cast<std::size_t>(level)]);
    }
    [[nodiscard]] std::size_t vertex_below(std::size_t cut) const {
        return static_cast<std::size_t>(program_.below[cut].vertex);
    }
    [[nodiscard]] double* row_above(std::size_t vertex, std::size_t width) {
        if (cut_above_.empty() || cut_above_[vertex] < 0) return nullptr;
        return above_rows_.data() + static_cast<std::size_t>(cut_above_[vertex]) * width;
    }

    TreeProgram const& program_;
    TreeLinks& links_;
    std::vector<std::int32_t> cut_above_;  // per vertex, -1 for none; empty if there is none at all
    std::vector<std::vector<std::size_t>> below_of_level_;
    std::vector<double> above_rows_, below_rows_;
};

}  // namespace dec::solvers
