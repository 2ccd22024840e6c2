/// \file tree_presolve.hpp
/// Makes a program on a tree smaller without changing its answer. Limits that no controls can violate, or that others imply,
/// are dropped; subtrees left without limits become controls and constants of where they hang, subtrees without controls
/// limits of it; chains become one branch; controls that always move together one control. Cuts between ranks stay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dec/solvers/tree_interior_point.hpp"
#include "tree_flow.hpp"
#include "tree_units.hpp"

namespace dec::solvers {

class TreePresolve {
  public:
    /// Collective. All stay where they are.
    TreePresolve(TreeProgram const& program, TreeUnits const& units, TreeLinks& links, TreeFlow& flow);

    /// Limits (per row, low and high) that must not be dropped because others imply them.
    std::vector<std::uint8_t> keep_low, keep_high;

    /// Collective.
    [[nodiscard]] TreeProgram reduce();
    /// What the objective of the reduced program lacks; this rank's part.
    [[nodiscard]] double offset() const { return offset_; }

    /// Of the program, from those of the reduced one.
    void expand(TreeStart const& reduced, TreeStart& full) const;
    /// Controls and groups alone; allocates nothing where `full_u` and `full_y` have room.
    void expand(std::span<double const> u, std::span<double const> y, std::vector<double>& full_u,
                std::vector<double>& full_y) const;
    /// Of the reduced program, from those of the program.
    [[nodiscard]] TreeStart restrict(TreeStart const& full) const;

  private:
    using Flows = std::array<double, 6>;
    using Slope = std::array<double, 18>;  // K of a vertex, by columns
    // Where a limit of the reduced program comes from: one unit of that row's limit is `share` units of this one.
    struct Source {
        std::int32_t row = -1;
        double share = 1.0;
    };
    struct Branch {
        std::int32_t parent = -1;
        bool straight = true;
        std::uint8_t parent_rows = 0, parent_flows = 0;
        std::array<std::uint8_t, 3> place{};
        std::array<double, 3> tau{};
        std::array<double, 9> R{};  // by columns, as in the program
        std::array<double, 36> L{};
        std::array<double, 18> D{};
        std::array<double, 3> e{};
    };

    void find_ranges();
    void drop_limits();
    void find_groups();
    void collapse();
    [[nodiscard]] bool may_leave(std::size_t j) const;
    void move_to_parent(std::size_t j);
    void move_limits_to_parent(std::size_t j);
    void imply_parent(std::size_t j);
    void drop_implied(std::size_t j);
    void dissolve_group(std::size_t j);
    void join_chains();
    void merge_controls(std::size_t j, std::vector<std::size_t>& kept);
    void merge_singles(std::vector<std::size_t>& kept);
    [[nodiscard]] TreeProgram write();
    [[nodiscard]] bool has_limits(std::size_t j) const;
    void drop_flow_limits();
    [[nodiscard]] Branch branch_of(std::size_t j) const;

    TreeProgram const& program_;
    TreeUnits const& units_;
    TreeLinks& links_;
    TreeFlow& flow_;

    std::vector<double> state_, state_radius_;  // per row
    std::vector<double> flow_value_, flow_radius_;
    std::vector<double> low_, high_;  // what is left of the limits
    std::vector<Source> low_source_, high_source_;
    std::vector<double> implied_low_, implied_high_;  // by limits further down
    std::vector<double> constant_;                    // c of each vertex, per flow
    std::vector<std::int32_t> slope_of_;              // per vertex, into slopes_
    std::vector<Slope> slopes_;
    std::vector<std::int32_t> first_, next_;  // controls at a vertex, -1 at the end
    std::vector<Flows> gains_;
    std::vector<TreeTerm> terms_;
    std::vector<std::int32_t> group_of_;  // per control, as groups dissolve
    std::vector<TreeControl::Role> role_;
    std::vector<std::uint8_t> pair_;      // per control: 1, 2 for first and second of a pair
    std::vector<std::int32_t> alive_;     // per vertex: group whose column is alive
    std::vector<std::int32_t> top_;       // per vertex: group whose top it is
    std::vector<std::uint8_t> anchored_;  // per vertex: cut, or a root
    std::vector<std::uint8_t> gone_;
    std::vector<std::int32_t> children_;   // left, per vertex
    std::vector<std::int32_t> branch_of_;  // per vertex, into branches_ where chains were joined
    std::vector<Branch> branches_;

    // From the program to the reduced one.
    std::vector<std::int32_t> control_to_;      // -1: fixed
    std::vector<std::int32_t> representative_;  // per control: the one it moves with, or itself
    std::vector<std::int32_t> group_to_;        // -1: dissolved
    std::vector<std::int32_t> dissolved_;       // per group: a control that has its value, or -1
    std::vector<Source> reduced_low_, reduced_high_;
    std::vector<std::size_t> reduced_pair_;   // limits of pairs in their new order
    std::vector<std::size_t> reduced_flow_;   // limits of flows that are left
    std::vector<std::uint8_t> flow_limited_;  // per vertex
    double offset_ = 0.0;
};

}  // namespace dec::solvers
