/// \file tree_cuts.hpp
/// A tree cut at more places than ranks need, and what passes such a cut: the same program, solved by the same messages, with each
/// part knowing of the others only those.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "dec/solvers/tree_interior_point.hpp"

namespace dec::solvers {

/// A program with cuts below it that stay on this rank. Levels count twice: what was level l is now 2l, what lies below one of the new
/// cuts 2l + 1.
struct CutProgram {
    TreeProgram program;
    std::vector<std::int32_t> vertex, row, control, flow_limit,
        pair_limit;  ///< those of the program given, in the new order
    /// New cuts: entries of program.above and program.below that belong together. They come after those between ranks.
    std::vector<std::pair<std::size_t, std::size_t>> own;
};
/// Cuts above each of `tops`, vertices with a parent on this rank of which none lies below another.
/// \pre no group of the program has members below them. Not collective.
[[nodiscard]] CutProgram cut_above(TreeProgram const& program, std::span<std::int32_t const> tops);
/// An outcome of the program that was cut becomes one of the program given; its flows are left out.
[[nodiscard]] TreeOutcome in_given_order(CutProgram const& cut, TreeOutcome outcome);
[[nodiscard]] TreeStart in_cut_order(CutProgram const& cut, TreeStart const& start);

/// Links of a program with own cuts, over those that connect the ranks.
class CutLinks : public TreeLinks {
  public:
    /// Keeps references to both.
    CutLinks(TreeLinks& ranks, CutProgram const& cut) : ranks_{ranks}, cut_{cut} {}
    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override;
    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override;
    [[nodiscard]] int levels() const override { return 2 * ranks_.levels(); }
    void sum(std::span<double> values) const override { ranks_.sum(values); }
    void max(std::span<double> values) const override { ranks_.max(values); }

  private:
    TreeLinks& ranks_;
    CutProgram const& cut_;
};

/// What a subtree tells the vertex above it in one iteration, in that vertex's `rows` states and `flows` flows: its value as a
/// function of x = (step of the states, step of the price of flow) is 1/2 x'F x + f'x with F = [A B; B' -C], f = (a; b), so it draws B'dv - C dprice + b.
struct TreeMessage {
    int rows = 0, flows = 0;
    std::span<double const> a, b;  ///< rows, flows
    std::vector<double> A, B, C;   ///< by rows: rows x rows, rows x flows, flows x flows; empty with a new f only
};
/// Width of the rows of numbers that carry them over cuts of `cut_size` rows and flows (the largest of all cuts), where no group crosses one: F and f,
/// f alone. No other rows of a program are that wide; steps, going down, are as wide as f.
[[nodiscard]] constexpr std::size_t width_of_value(std::size_t cut_size) {
    return cut_size + cut_size * (cut_size + 1) / 2;
}
[[nodiscard]] TreeMessage read_message(std::span<double const> row, int rows, int flows, bool with_value);

}  // namespace dec::solvers
