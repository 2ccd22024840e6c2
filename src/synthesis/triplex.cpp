#include "dec/synthesis/triplex.hpp"

#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace dec::synthesis {

namespace {

using Complex = std::complex<double>;

constexpr double frequency_hz = 60.0;
constexpr double earth_resistivity_ohm_m = 100.0;
constexpr double metres_per_mile = 1609.344;
constexpr double metres_per_foot = 0.3048;
constexpr double metres_per_inch = 0.0254;

/// Impedance, ohm/m, between two conductor-earth loops at a distance; with the geometric mean radius: of a loop itself.
Complex earth_return(double distance_m) {
    using std::numbers::pi;
    double const resistance = pi * pi * frequency_hz * 1e-7;
    double const depth_m = 658.37 * std::sqrt(earth_resistivity_ohm_m / frequency_hz);
    return {resistance, 2.0 * pi * frequency_hz * 2e-7 * std::log(depth_m / distance_m)};
}

}  // namespace

TriplexCable triplex_1_0_aluminium() {
    return {.r_ohm_per_m = 0.970 / metres_per_mile,
            .geometric_mean_radius_m = 0.0111 * metres_per_foot,
            .diameter_m = 0.368 * metres_per_inch,
            .insulation_thickness_m = 0.080 * metres_per_inch,
            .ampacity_a = 205.0};
}

feeder::LineCode triplex_line_code(TriplexCable const& cable) {
    Complex const self = cable.r_ohm_per_m + earth_return(cable.geometric_mean_radius_m);
    Complex const between_legs = earth_return(cable.diameter_m + 2.0 * cable.insulation_thickness_m);
    Complex const to_neutral = earth_return(cable.diameter_m + cable.insulation_thickness_m);
    Complex const through_neutral = to_neutral * to_neutral / self;

    feeder::LineCode code;
    code.conductors = 2;
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 2; ++k) {
            Complex const z = (i == k ? self : between_legs) - through_neutral;
            code.r_ohm[i][k] = z.real();
            code.x_ohm[i][k] = z.imag();
        }
    return code;
}

}  // namespace dec::synthesis
