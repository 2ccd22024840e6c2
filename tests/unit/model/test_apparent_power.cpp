#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "dec/model/apparent_power.hpp"

using namespace dec::model;

namespace {

constexpr double pi = std::numbers::pi;

bool is_inside(CirclePolygon const& polygon, double x, double y) {
    return std::ranges::all_of(polygon.sides(), [&](auto const& s) { return s.p * x + s.q * y <= s.bound + 1e-12; });
}

}  // namespace

TEST_CASE("a polygon lies in its circle and has its corners on it", "[model]") {
    CirclePolygon const polygon{{{-pi, pi}}, pi / 8.0};
    CHECK(polygon.sides().size() == 16);
    for (int k = 0; k < 1000; ++k) {
        double const angle = -pi + 2.0 * pi * k / 1000.0;
        CHECK_FALSE(is_inside(polygon, 1.0001 * std::cos(angle), 1.0001 * std::sin(angle)));
        CHECK(is_inside(polygon, 0.98 * std::cos(angle), 0.98 * std::sin(angle)));
    }
    CHECK(is_inside(polygon, std::cos(pi / 4.0), std::sin(pi / 4.0)));
}

TEST_CASE("an inverter's circle has the arcs that its power and its power factor leave", "[model]") {
    Capability const any{.rated = 1.0};
    CHECK(any.largest_reactive(0.0, 0.9) == Approx(1.0));
    CHECK(any.largest_reactive(0.6, 0.9) == Approx(0.8));
    Capability const floor{.rated = 1.0, .power_factor = 0.8};
    CHECK(floor.largest_reactive(0.0, 1.0) == Approx(0.6));
    CHECK(floor.largest_reactive(0.0, 0.4) == Approx(0.3));
    CHECK(floor.largest_reactive(0.9, 1.0) == Approx(std::sqrt(1.0 - 0.81)));

    CHECK(capability_circle(0.0, 0.5, 0.9).sides().empty());  // the power factor says it all
    auto const circle = capability_circle(0.0, 0.8, 0.0);
    CHECK(is_inside(circle, 0.8, 0.6));
    CHECK(is_inside(circle, 0.8, -0.6));
    CHECK(is_inside(circle, 0.0, 1.0));
    CHECK_FALSE(is_inside(circle, 0.7, 0.75));
}
