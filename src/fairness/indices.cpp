#include "dec/fairness/indices.hpp"

#include <algorithm>
#include <numeric>

namespace dec::fairness {

double jain(std::vector<double> const& kept) {
    double const largest = kept.empty() ? 0.0 : *std::max_element(kept.begin(), kept.end());
    if (largest <= 0.0) return 1.0;
    double sum = 0.0, squares = 0.0;
    for (double const x : kept) {
        double const scaled = x / largest;  // squares of small numbers would vanish
        sum += scaled;
        squares += scaled * scaled;
    }
    return std::min(1.0, sum * sum / (static_cast<double>(kept.size()) * squares));
}

double gini(std::vector<double> const& kept) {
    double const total = std::accumulate(kept.begin(), kept.end(), 0.0);
    if (total <= 0.0) return 0.0;
    auto sorted = kept;
    std::sort(sorted.begin(), sorted.end());
    // sum |x_i - x_j| over all pairs = 2 sum over mirror pairs (n + 1 - 2 i)(x_(n+1-i) - x_(i)): every term is positive.
    auto const n = sorted.size();
    double spread = 0.0;
    for (std::size_t i = 0; i < n / 2; ++i)
        spread += static_cast<double>(n - 1 - 2 * i) * (sorted[n - 1 - i] - sorted[i]);
    return spread / (static_cast<double>(n) * total);
}

}  // namespace dec::fairness
