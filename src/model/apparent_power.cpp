#include "dec/model/apparent_power.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dec::model {

namespace {

constexpr double same_angle = 1e-7;  // rad; nearer corners would differ by rounding only

void insert(std::vector<double>& corners, double angle) {
    auto const next = std::ranges::lower_bound(corners, angle);
    if (next == corners.end() || next == corners.begin()) return;
    if (*next - angle < same_angle || angle - *(next - 1) < same_angle) return;
    corners.insert(next, angle);
}

}  // namespace

CirclePolygon::CirclePolygon(std::vector<Arc> const& arcs, double widest) {
    for (auto const& arc : arcs) {
        auto const count = static_cast<int>(std::ceil((arc.to - arc.from) / widest));
        auto& corners = corners_.emplace_back();
        for (int k = 0; k < count; ++k) corners.push_back(arc.from + (arc.to - arc.from) * k / count);
        corners.push_back(arc.to);
    }
}

std::vector<CirclePolygon::Side> CirclePolygon::sides() const {
    std::vector<Side> sides;
    for (auto const& corners : corners_)
        for (std::size_t k = 0; k + 1 < corners.size(); ++k) {
            double const middle = 0.5 * (corners[k] + corners[k + 1]);
            sides.push_back({std::cos(middle), std::sin(middle), std::cos(0.5 * (corners[k + 1] - corners[k]))});
        }
    return sides;
}

void CirclePolygon::add_corner(double angle) {
    for (auto& corners : corners_) insert(corners, angle);
}

void CirclePolygon::refine(double x, double y, double force_x, double force_y) {
    constexpr double near = 1e-2;  // of a chord's distance from its arc
    if (force_x == 0.0 && force_y == 0.0) return;
    double const at = std::atan2(y, x), normal = std::atan2(force_y, force_x);
    for (auto& corners : corners_) {
        auto const before = corners;
        bool met = false;
        for (std::size_t k = 0; k + 1 < before.size(); ++k) {
            double const middle = 0.5 * (before[k] + before[k + 1]), half = 0.5 * (before[k + 1] - before[k]);
            double const height = 1.0 - std::cos(half);
            if (std::cos(middle) * x + std::sin(middle) * y < std::cos(half) - near * height) continue;
            met = true;
            // The answer on the chord is off the one on its arc by the order of half^2.
            for (double const shift : {-half * half, half * half}) insert(corners, at + shift);
        }
        if (!met) continue;
        // Were the force always the same, the answer would be where it is normal to the circle; if it is not, between.
        for (double const part : {0.25, 0.5, 0.75, 1.0}) insert(corners, at + part * (normal - at));
    }
}

double Capability::largest_reactive(double low, double high) const {
    auto const beside = [&](double p) {
        double const of_circle = std::sqrt(std::max(0.0, 1.0 - p * p));
        if (power_factor <= 0.0) return of_circle;
        return std::min(of_circle, p * std::sqrt(1.0 - power_factor * power_factor) / power_factor);
    };
    return beside(std::clamp(power_factor, low, high));
}

CirclePolygon capability_circle(double low, double high, double power_factor) {
    constexpr double widest = std::numbers::pi / 12.0;
    double const from = std::acos(std::clamp(high, 0.0, 1.0));
    double const to = std::acos(std::clamp(std::max(low, power_factor), 0.0, 1.0));
    if (!(to > from)) return {};
    return {{{from, to}, {-to, -from}}, widest};
}

}  // namespace dec::model
