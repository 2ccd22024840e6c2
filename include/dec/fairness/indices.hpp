/// \file indices.hpp
/// How equally a burden is shared, in one number.
#pragma once

#include <vector>

namespace dec::fairness {

/// Jain's index (sum x)^2 / (n sum x^2) of what every DER keeps; 1 where all x are zero or there is none.
/// Source: Jain, Chiu, Hawe, DEC TR-301, 1984.
[[nodiscard]] double jain(std::vector<double> const& kept);
/// Gini coefficient sum |x_i - x_j| / (2 n^2 mean x); 0 where all x are zero or there is none. Sorts a copy, O(n log n).
[[nodiscard]] double gini(std::vector<double> const& kept);

}  // namespace dec::fairness
