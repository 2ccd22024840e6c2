#include "scalar_proof.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dec::coordination {

/// Of a DER's part while its share is between these: g alpha - |h| q_max(p), convex in p.
double ScalarProof::least_between(std::size_t der, double low, double high) const {
    double const g = of_share_[der];
    if (can_.empty() || !can_[der].decided()) return std::min(g * low, g * high);
    auto const& can = can_[der];
    double const h = std::abs(of_reactive_[der]) * can.rated, available = flow_.ders()[der].available / can.rated;
    double const from = (1.0 - high) * available, to = (1.0 - low) * available;
    double const slope = g / available;
    // On the arc the derivative is zero where (p, q) has the direction of (slope, h); before it the part is straight.
    double const length = std::hypot(slope, h);
    std::array const corners{from, to, std::clamp(can.power_factor, from, to),
                             std::clamp(length > 0.0 ? slope / length : 0.0, from, to)};
    double least = std::numeric_limits<double>::infinity();
    for (double const p : corners) least = std::min(least, g * (1.0 - p / available) - h * can.largest_reactive(p, p));
    return least;
}

bool ScalarProof::excludes(double from, double to) const {
    double sum = at_rest_;
    for (std::size_t d = 0; d < ramps_.ders.size(); ++d)
        sum += least_between(d, ramps_.ders[d].share(from), ramps_.ders[d].share(to));
    return comm_.sum(sum) > least_;
}

double ScalarProof::next(double from) const {
    constexpr int most_steps = 60, halvings = 20;
    constexpr double nothing = 1e-12;  // of all scalars
    double at = from;
    for (int step = 0; step < most_steps; ++step) {
        if (excludes(at, ramps_.last)) return ramps_.last;
        double excluded = at, open = ramps_.last;
        for (int k = 0; k < halvings; ++k) {
            // The first halvings find the order of magnitude.
            double const middle = at + (excluded > at ? 0.5 * (excluded + open - 2.0 * at) : 0.1 * (open - at));
            (excludes(at, middle) ? excluded : open) = middle;
            if (excluded > at && open - excluded < 1e-2 * (excluded - at)) break;
        }
        if (excluded - at <= nothing * (ramps_.last - ramps_.first)) break;
        at = excluded;
    }
    return at;
}

}  // namespace dec::coordination
