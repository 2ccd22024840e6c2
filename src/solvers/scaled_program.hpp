/// \file scaled_program.hpp
/// The program as the interior point works on it: one kind of constraint, coefficients of the order of one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dec/solvers/outcome.hpp"
#include "dec/solvers/quadratic_program.hpp"
#include "optimality.hpp"

namespace dec::solvers {

/// Which limits a range has. `equality` means both, and equal.
enum class RangeKind : std::uint8_t { absent, equality, low, high, both };

[[nodiscard]] inline bool has_low(RangeKind kind) { return kind == RangeKind::low || kind == RangeKind::both; }
[[nodiscard]] inline bool has_high(RangeKind kind) { return kind == RangeKind::high || kind == RangeKind::both; }

/// minimise 1/2 x'P x + q'x   subject to   low <= (C x, x) <= high
///
/// The rows of C are those of A over those of G; the ranges are its rows, then the variables. Fixed variables are put in:
/// their columns of C and P, and their q, are zero, and so are the rows of C without limits; the pattern stays. With D, E, c
/// the scales of columns, rows and cost (powers of two, so that scaling does not round) and index 0 for what was given:
///
///     P = c D P0 D,  q = c D q0,  C = E C0 D,  x0 = D x,  multipliers of rows E/c, of bounds 1/(c D) times ours
class ScaledProgram {
  public:
    /// Sizes and pattern; numbers come with `refresh`.
    void shape(QuadraticProgram const& program);

    /// Takes the numbers of a program of the same shape. Returns multipliers (perhaps without those of bounds) that show a
    /// contradiction where one needs no search: limits that exclude each other, rows without coefficients that cannot hold.
    [[nodiscard]] std::optional<Multipliers> refresh(QuadraticProgram const& program);

    /// Chooses the units anew so that a variable that is `typical` now is about one.
    void rescale(double typical);

    [[nodiscard]] Index variables() const { return q.size(); }
    [[nodiscard]] Index rows() const { return C.rows(); }
    [[nodiscard]] Index ranges() const { return low.size(); }
    [[nodiscard]] RangeKind kind(Index range) const { return kinds_[static_cast<std::size_t>(range)]; }
    [[nodiscard]] bool fixed(Index variable) const { return kind(rows() + variable) == RangeKind::equality; }

    /// Writes share times an answer in the units of the program given, and share times its multipliers; those of fixed
    /// variables are left at zero. \param net multipliers of high limits minus those of low ones, per range.
    void give(Vector const& x, Vector const& net, double share, Vector& x0, Multipliers& multipliers) const;
    /// The inverse, for a start.
    void take(Vector const& x0, Multipliers const& multipliers, Vector& x, Vector& net) const;
    /// The size of one in the units of the program given.
    [[nodiscard]] Units units() const;

    SparseMatrix P, C;
    Vector q;
    Vector low, high;                ///< per range; zero where absent
    Vector column_scale, row_scale;  ///< D, E
    double cost_scale = 1.0;         ///< c
    double constant = 0.0;           ///< objective of the fixed variables, scaled

  private:
    class GeometricScales;
    [[nodiscard]] std::optional<Multipliers> classify(QuadraticProgram const& program);
    void put_in_fixed(QuadraticProgram const& program);
    [[nodiscard]] std::optional<Multipliers> drop_empty_rows();
    void equilibrate();
    void apply_scales();
    void set_kind(Index range, RangeKind kind) { kinds_[static_cast<std::size_t>(range)] = kind; }

    Index equalities_ = 0;
    std::vector<RangeKind> kinds_;
    // What was given, with A over G, fixed columns and rows without limits cleared. Of each row: the magnitude of what was
    // moved to its right-hand side, its largest coefficient as given, and its scale if nothing is left of it.
    SparseMatrix P0_, C0_;
    Vector q0_, low0_, high0_, fixed_value_, row_terms0_, row_unit0_, empty_row_scale_;
    double constant0_ = 0.0;
    // What equilibration found, and the coefficients it found it for.
    Vector equilibrated_columns_, equilibrated_rows_, seen_P_, seen_C_;
};

}  // namespace dec::solvers
