#include "tree_groups.hpp"

#include <algorithm>
#include <utility>

namespace dec::solvers {

TreeGroups::TreeGroups(TreeProgram const& program, TreeLinks& links)
    : program_{program}, links_{links}, last_cut_(program.groups.size(), -1), above_rows_(program.above.size(), 0.0),
      below_rows_(program.below.size(), 0.0) {
    for (std::size_t i = 0; i < program.above.size(); ++i) {
        auto const group = program.above[i].group;
        if (group < 0) continue;
        auto& last = last_cut_[static_cast<std::size_t>(group)];
        if (last < 0 || program.above[i].level < program.above[static_cast<std::size_t>(last)].level)
            last = static_cast<std::ptrdiff_t>(i);
    }
}

void TreeGroups::max_to_top(std::vector<double>& values) {
    for (int level = links_.levels(); level-- > 1;) {
        for (std::size_t i = 0; i < program_.above.size(); ++i) {
            auto const group = program_.above[i].group;
            above_rows_[i] = group < 0 ? 0.0 : values[static_cast<std::size_t>(group)];
        }
        links_.up(level, above_rows_, below_rows_, 1);
        for (std::size_t i = 0; i < program_.below.size(); ++i) {
            auto const& cut = program_.below[i];
            if (cut.level != level || cut.group < 0) continue;
            auto& value = values[static_cast<std::size_t>(cut.group)];
            value = std::max(value, below_rows_[i]);
        }
    }
}

void TreeGroups::sum_to_top(std::vector<double>& values) {
    for (int level = links_.levels(); level-- > 1;) {
        std::ranges::fill(above_rows_, 0.0);
        for (std::size_t g = 0; g < last_cut_.size(); ++g) {
            if (last_cut_[g] < 0 || program_.above[static_cast<std::size_t>(last_cut_[g])].level != level) continue;
            // What has left must not be counted again when it comes back to the rank of the top.
            above_rows_[static_cast<std::size_t>(last_cut_[g])] = std::exchange(values[g], 0.0);
        }
        links_.up(level, above_rows_, below_rows_, 1);
        for (std::size_t i = 0; i < program_.below.size(); ++i) {
            auto const& cut = program_.below[i];
            if (cut.level == level && cut.group >= 0) values[static_cast<std::size_t>(cut.group)] += below_rows_[i];
        }
    }
}

void TreeGroups::from_top(std::vector<double>& values) {
    for (int level = 1; level < links_.levels(); ++level) {
        for (std::size_t i = 0; i < program_.below.size(); ++i) {
            auto const group = program_.below[i].group;
            below_rows_[i] = group < 0 ? 0.0 : values[static_cast<std::size_t>(group)];
        }
        links_.down(level, below_rows_, above_rows_, 1);
        for (std::size_t i = 0; i < program_.above.size(); ++i) {
            auto const& cut = program_.above[i];
            if (cut.level == level && cut.group >= 0) values[static_cast<std::size_t>(cut.group)] = above_rows_[i];
        }
    }
}

}  // namespace dec::solvers
