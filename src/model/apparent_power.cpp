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
