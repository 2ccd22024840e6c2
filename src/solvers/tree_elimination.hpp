/// \file tree_elimination.hpp
/// One Newton step of a program on a tree: the quadratic
///
///     sum over watched rows (1/2 curvature dw^2 + slope dw) + sum over controls (1/2 h du^2 + slope du) + groups likewise
///
/// is made stationary over all du, dy, where dw = W dv follows from them. Leaf to root each subtree is turned into the block
/// F = [A B; B' -C] and the right-hand side f = (a; b) of its value as a function of x = (dv, price of flow) at its top, one
/// branch at a time; root to leaf x and the steps follow. Derivation: docs/tree_interior_point.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dec/solvers/tree_program.hpp"

namespace dec::solvers {

/// The coefficients of the quadratic.
struct TreeModel {
    std::vector<double> row_curvature, row_slope;  ///< per watched row, limit of a flow, limit of a pair, disc
    std::vector<double>
        row_cross;  ///< only if there are discs, per row: what couples the first of a disc with the second
    std::vector<double> control_inverse, control_slope;  ///< per control: 1/h (0: it does not move by itself), slope
    /// Per control, only if there are pairs: what else of the inverse of the 2 x 2 curvature couples it with the next.
    std::vector<double> control_cross;
    /// Per control, only if there are groups: du = -(slope + price) / h + share dy, and what the control adds to the
    /// curvature and slope of its group.
    std::vector<double> share, shared_curvature, shared_slope;
    std::vector<double> group_curvature, group_slope;  ///< per group, of its own term
};

/// The step.
struct TreeStep {
    std::vector<double> row, control, group;
    std::vector<double> price;     ///< per control: gains times change of the price of flow
    std::vector<double> of_group;  ///< per control, only if there are groups: dy of its group
};

class TreeElimination {
  public:
    /// Collective. Copies what it needs of the program; `links` stays where it is.
    /// \param units of the controls: gains are multiplied by them.
    TreeElimination(TreeProgram const& program, TreeLinks& links, std::span<double const> units);

    /// For each watched row its row of TreeProgram::low: those of vertices with a finite limit, in order.
    [[nodiscard]] std::vector<std::int32_t> const& watched() const { return watched_; }
    void resize(TreeModel& model, TreeStep& step) const;

    /// What a call passes over once, of its own numbers, the model and the step, bytes: what does not fit the caches comes from memory.
    struct Streams {
        std::size_t factor = 0, update_slopes = 0, solve = 0;
    };
    [[nodiscard]] Streams streams(TreeModel const& model) const;

    /// Collective; leaf to root. Uses all of the model.
    void factor(TreeModel const& model) { leaf_to_root<true>(model); }
    /// Collective; leaf to root, with curvatures as they were at `factor` and new slopes.
    void update_slopes(TreeModel const& model) { leaf_to_root<false>(model); }
    /// Collective; root to leaf.
    void solve(TreeModel const& model, TreeStep& step);

  private:
    enum Flag : std::uint32_t {
        has_parent = 1,  // of this rank
        is_cut = 2,      // parent on another rank
        has_children = 4,
        has_cuts = 8,  // children on other ranks
        unit = 16,     // R and L only select
        dense = 32,
        sloped = 64,
        mixed = 128,
        watched_rows = 256,
        column_in = 512,    // a group's column is alive at the vertex
        column_out = 1024,  // and above it
        top = 2048,
        grouped = 4096,  // some of its controls belong to a group
        rated = 8192,    // its flow is limited
        paired = 16384,  // some of its controls are pairs
        // Most are: rows, flows and their order are those of the parent, no columns, no cuts, nothing but limits of states and
        // controls of their own.
        plain = 32768,
        apart = 262144,   // its parent's sum and x are not before its own: apart_ says where
        passive = 65536,  // no control at it or below, nothing that responds to states
        lone = 131072,    // below it all is passive, at it one control at most
    };
    struct Place {
        std::uint8_t kind = 0, parent_kind = 0, place = 0;
        std::uint32_t flags = 0;
        std::int32_t controls = 0, flow_limits = 0;
        std::int32_t slot = 0;    // in slots_: the sum of what came from below
        std::int32_t x_slot = 0;  // in x_
    };
    // Where a sweep is in the streams of numbers.
    struct Cursor {
        double const* data;
        double* factor;
        double* right;
        double* column;
        double const* gains;
        double const* weights;
        double* rating;
        std::size_t row, flow_limit, control, top, above, below, apart;
    };

    void lay_out(TreeProgram const& program);
    void lay_out_cuts(TreeProgram const& program);
    void mark_columns(TreeProgram const& program);
    void mark_shapes(TreeProgram const& program);
    // What a visitor may take for granted about a plain vertex.
    template <bool Plain>
    static std::uint32_t known_flags(std::uint32_t flags) {
        return Plain ? (flags & (has_children | watched_rows | mixed)) | has_parent | unit : flags;
    }
    void copy_numbers(TreeProgram const& program, std::span<double const> units);
    template <bool Factor>
    void leaf_to_root(TreeModel const& model);
    template <bool Factor, bool Plain, int N, int M>
    void eliminate(Place const& place, TreeModel const& model, Cursor& at);
    template <bool Factor, int N, int M>
    void pass_rating(Place const& place, TreeModel const& model, Cursor& at, double* a, double* b, double* A, double* B,
                     double* C);
    template <bool Factor, bool Plain, int N, int M>
    void eliminate_lone(Place const& place, TreeModel const& model, Cursor& at);
    template <bool Plain, int N, int M>
    void recover_lone(Place const& place, TreeStep& step, Cursor& at);
    template <bool Factor, int N>
    static void add_rows(double const* W, TreeModel const& model, std::size_t row, double* a, double* A);
    template <bool Plain, int N, int M>
    static auto link_of(Place const& place, double const* numbers);
    double* sum_above(double* slot, std::uint32_t flags, int size, Cursor& at);
    double const* above_of(double const* x, std::uint32_t flags, int size, Cursor& at) const;
    template <bool Plain, int N, int M>
    void recover(Place const& place, TreeModel const& model, TreeStep& step, Cursor& at);
    template <bool Factor>
    void add_message(double const* row, std::uint8_t kind, double* slot) const;
    template <bool Factor>
    void write_message(double const* slot, std::uint8_t kind, double* row) const;
    [[nodiscard]] std::size_t message_width(bool factor) const;

    TreeLinks& links_;
    std::vector<std::int32_t> level_start_;
    std::vector<Place> places_;
    std::vector<double> data_;  // link, D, K, W of each vertex
    std::vector<double> gains_;
    std::vector<double> weights_;  // of limits of flows
    std::vector<std::int32_t> watched_;
    std::vector<double> factor_;  // X, H, A, B of each branch
    std::vector<double> right_;   // v and the dual of v at x = 0 above the branch
    std::vector<double> column_;
    std::vector<double> rating_;  // what vertices with a limited flow keep
    std::vector<double> slots_, x_, cut_slot_;
    struct Above {
        std::int32_t slot = 0, x = 0;
    };
    std::vector<Above> apart_;        // of the parents, in order
    std::vector<std::int32_t> tops_;  // groups in the order of their top vertices
    std::vector<TreeCut> above_, below_;
    std::vector<std::size_t> above_order_, below_order_;  // in the order of their vertices
    std::vector<double> above_rows_, below_rows_;
    std::size_t cut_size_ = 0;  // largest rows + flows above a cut, on any rank
    bool column_cut_ = false;   // a column crosses a cut, on any rank
    std::size_t groups_ = 0;    // of this rank
    std::size_t pair_limits_ = 0, discs_ = 0;
};

}  // namespace dec::solvers
