/// \file ldl.hpp
/// Factorisation L D L' of sparse quasidefinite matrices in an order of little fill-in, found once for a pattern.
/// Source: Vanderbei, SIAM J. Optim. 5(1), 1995; up-looking algorithm of Davis, Direct Methods for Sparse Linear Systems, ch. 4.
#pragma once

#include <span>
#include <vector>

#include "dec/solvers/quadratic_program.hpp"

namespace dec::solvers {

class QuasidefiniteLdl {
  public:
    /// Place of one stored coefficient; of a symmetric pair only one is stored.
    struct Place {
        int row = 0;
        int column = 0;
    };

    /// \param places every diagonal place and every other place once.
    /// \param signs of the pivots, +1 or -1, one for each row.
    void analyse(std::span<Place const> places, std::vector<signed char> signs);

    /// \param values in the order of the places.
    /// \param least a pivot without its sign, or smaller than this in magnitude, is replaced by one of this magnitude.
    /// \return how many pivots were replaced.
    int factorise(std::span<double const> values, double least);

    /// Overwrites the right-hand side by the solution.
    void solve(Vector& x);

    [[nodiscard]] std::size_t fill() const { return rows_.size(); }  ///< coefficients of L below its diagonal

  private:
    void order(std::span<Place const> places);
    void permute(std::span<Place const> places);
    void find_structure();
    void append_column_pattern(std::size_t k, std::vector<int> const& parent, std::vector<int>& seen);

    std::vector<signed char> signs_;
    std::vector<int> position_;  // of a row in the factor
    // The upper triangle in factor order, by columns, diagonal apart.
    std::vector<int> upper_start_, upper_row_;
    std::vector<double> upper_value_, diagonal_;
    std::vector<int> destination_;  // of a value: index into upper_value_, or -1 - index into diagonal_
    // L by columns; the columns that meet each of its rows, in ascending order.
    std::vector<int> start_, rows_;
    std::vector<int> pattern_start_, pattern_;
    std::vector<double> l_, inverse_pivot_;
    // Work space.
    std::vector<int> filled_;
    std::vector<double> work_;
};

}  // namespace dec::solvers
