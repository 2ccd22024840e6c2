/// \file tree_program.hpp
/// Convex programs on a tree of small dense blocks, and how the pieces of one tree on several ranks reach each other.
/// Numbers only: what a row, a flow or a control stands for, this layer does not know.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace dec::solvers {

/// One place of the tree: `rows` states v (1 to 3) and `flows` flows s, either one per row or two (all first ones, then all
/// second ones). Its numbers lie in TreeProgram::numbers from `first_number` on, matrices by columns, in this order:
///
///     straight:  tau [rows]                                     R = diag(tau) E, L = E', E by `place`; flows of each kind
///                join those of the same kind, of which the parent has at least as many
///     else:      R [rows x parent_rows], L [parent_flows x flows]
///     then:      D [rows x flows], e [rows], c [flows]
///     sloped:    K [flows x rows]
///     mixed:     W [rows x rows]
///
/// A root (`parent` < 0 and not in TreeProgram::above) has only e, c and what its flags say; its state is e.
struct TreeVertex {
    std::int32_t parent = -1;    ///< vertex of this rank; -1 for a root and where the parent is on another rank
    std::int32_t first_row = 0;  ///< in TreeProgram::low, high
    std::int32_t first_control = 0, controls = 0;
    std::int64_t first_number = 0;
    std::uint8_t rows = 0, flows = 0;
    std::uint8_t parent_rows = 0, parent_flows = 0;
    std::array<std::uint8_t, 3> place{};  ///< straight: the parent's row each row hangs on
    bool straight = true;
    bool sloped = false;  ///< own flow depends on the state: K is there
    bool mixed = false;   ///< limits are on W v: W is there
    bool root = false;
};

/// phi(u) = cost u + 1/2 curvature u^2 - log_weight ln(1 - u) with lower <= u <= upper, both finite.
struct TreeTerm {
    double cost = 0.0;
    double curvature = 0.0;
    double log_weight = 0.0;  ///< > 0: u stays below 1
    double lower = 0.0, upper = 1.0;
};

/// A decision at one vertex; u raises the vertex's own flow by u times its gain (`flows` numbers in TreeProgram::gains).
struct TreeControl {
    enum class Role : std::uint8_t {
        free,    ///< a variable of its own
        tied,    ///< u = y of its group; `term` counts as well
        capped,  ///< a variable of its own with u <= y of its group
    };
    TreeTerm term;
    std::int64_t first_gain = 0;
    std::int32_t vertex = -1;
    std::int32_t group = -1;  ///< row of TreeProgram::groups, -1 for none
    Role role = Role::free;
};

/// How a limit of a pair or of a flow is meant: by itself, sum <= bound, or with the one beside it, of the same pair or vertex, as a
/// disc: (sum - bound)^2 of both <= 1.
enum class TreeSide : std::uint8_t { half_plane, first_of_disc, second_of_disc };

/// first u + second u' <= bound for two controls of one vertex that follow each other, both `free`; a control is in one such
/// pair only, which may have any number of limits.
struct TreePairLimit {
    std::int32_t control = -1;  ///< u; u' is the next
    double first = 0.0, second = 0.0, bound = 0.0;
    TreeSide side = TreeSide::half_plane;
};

/// weights' s <= bound at one vertex (`flows` numbers in TreeProgram::weights), or with the next one a disc around its flow.
struct TreeFlowLimit {
    std::int32_t vertex = -1;
    std::int64_t first_weight = 0;
    double bound = 0.0;
    TreeSide side = TreeSide::half_plane;
};

/// A scalar y shared by controls. Its members lie at or below `top` and the vertices between form a connected part of the
/// tree; no vertex lies in the connected parts of two groups.
struct TreeGroup {
    TreeTerm term;
    std::int64_t number = 0;  ///< the same on all ranks that hold a part of it
    std::int32_t top = -1;    ///< vertex of this rank; -1 if it is on another rank
};

/// An own vertex whose parent (`above`) or one of whose children (`below`) is on another rank.
struct TreeCut {
    std::int32_t vertex = -1;
    std::int32_t level = 0;  ///< of the child
    std::uint8_t parent_rows = 0, parent_flows = 0;
    std::int32_t group = -1;  ///< whose part of the tree crosses the cut
};

/// What one rank holds of
///
///     minimise    sum over controls phi(u) + sum over groups phi(y)
///     subject to  s_j = c_j + K_j v_j + sum of gain u at j + sum over children k of L_k s_k
///                 v_j = R_j v_parent - D_j s_j + e_j,      v_root = e_root
///                 low_j <= W_j v_j <= high_j,   limits of flows and pairs,   bounds, ties and caps of the controls
///
/// Vertices are numbered by (level, depth first): vertices of level l are [level_start[l], level_start[l + 1]), parents
/// before children; the parent of a vertex is of the same level unless a cut lies between them, and then one level up. Vertices
/// of the last level may have parents of this rank in any other: those that wait for no other rank.
/// Controls and limits of flows are in the order of their vertices, limits of pairs in that of controls.
struct TreeProgram {
    std::vector<TreeVertex> vertices;
    std::vector<double> numbers;
    std::vector<double> low, high;  ///< a limit for every row, -inf, +inf where there is none; equal: the row is given
    std::vector<TreeControl> controls;
    std::vector<double> gains;
    std::vector<TreeGroup> groups;
    std::vector<TreeFlowLimit> flow_limits;
    std::vector<double> weights;
    std::vector<TreePairLimit> pair_limits;
    std::vector<std::int32_t> level_start{0, 0};
    std::vector<TreeCut> above;  ///< in the order in which rows are sent up
    std::vector<TreeCut> below;  ///< in the order in which rows arrive from below

    [[nodiscard]] int levels() const { return static_cast<int>(level_start.size()) - 1; }
};

/// How pieces of a tree reach each other. All functions are collective over the ranks that share the tree, which make the
/// same calls in the same order.
class TreeLinks {
  public:
    virtual ~TreeLinks() = default;
    /// Rows of `width` numbers, one per entry of TreeProgram::above and below. Sends the rows of `above` at cuts of this
    /// level; they arrive in the rows of `below`. Other rows are not touched.
    virtual void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) = 0;
    /// The other way round: from `below` to `above`.
    virtual void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) = 0;
    /// Number of levels over all ranks; a rank may have none of its own vertices at a level.
    virtual int levels() const = 0;
    /// Entry by entry over all ranks; the same bits on all of them.
    virtual void sum(std::span<double> values) const = 0;
    virtual void max(std::span<double> values) const = 0;
};

/// A tree that lies on one rank.
class NoLinks final : public TreeLinks {
  public:
    void up(int, std::span<double const>, std::span<double>, std::size_t) override {}
    void down(int, std::span<double const>, std::span<double>, std::size_t) override {}
    [[nodiscard]] int levels() const override { return 1; }
    void sum(std::span<double>) const override {}
    void max(std::span<double>) const override {}
};

}  // namespace dec::solvers
