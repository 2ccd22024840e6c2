/// Line constants against published matrices, against Carson's integral, and against laws of physics.
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "dec/feeder/line_constants.hpp"

using namespace dec::feeder;
using std::numbers::pi;

namespace {

constexpr double foot = 0.3048, inch = 0.0254, mile = 1609.344;

/// As tables of conductors give it: diameter in inches, GMR in feet, resistance in ohm per mile at 50 °C.
Wire wire(double diameter_in, double gmr_ft, double r_ohm_mile) {
    return {.radius_m = diameter_in * inch / 2.0, .gmr_m = gmr_ft * foot, .r_ac_ohm_m = r_ohm_mile / mile};
}
// Kersting, "Radial distribution test feeders" (IEEE PES): the conductors of the 13 and 123 node feeders
Wire const acsr_556 = wire(0.927, 0.0313, 0.1859), acsr_336 = wire(0.721, 0.0244, 0.306);
Wire const acsr_4_0 = wire(0.563, 0.00814, 0.592), acsr_1_0 = wire(0.398, 0.00446, 1.12);
Wire const aa_250 = wire(0.567, 0.0171, 0.41), aa_1_0 = wire(0.368, 0.0111, 0.97), cu_1_0 = wire(0.368, 0.01113, 0.607);

PlacedConductor at(Wire const& conductor, double x_ft, double y_ft) {
    return {conductor, {}, x_ft * foot, y_ft * foot};
}

/// Spacing 500 of the test feeders: three wires on a crossarm, the neutral below. Places of phases A, B, C.
LineGeometry on_crossarm(Wire const& phase, double a_ft, double b_ft, double c_ft) {
    return {{at(phase, a_ft, 28), at(phase, b_ft, 28), at(phase, c_ft, 28), at(acsr_4_0, 4, 24)}, 3};
}

LineGeometry three_cables() {
    Cable const concentric{.insulation_thickness_m = 0.22 * inch,
                           .insulation_outer_diameter_m = 1.06 * inch,
                           .shield = ConcentricNeutral{.strands = 13,
                                                       .strand_diameter_m = 0.0641 * inch,
                                                       .strand_gmr_m = 0.00208 * foot,
                                                       .strand_r_ohm_m = 14.8722 / mile,
                                                       .outer_diameter_m = 1.29 * inch}};
    LineGeometry geometry{{}, 3};
    for (double const x_ft : {0.0, 0.5, 1.0})
        geometry.conductors.push_back({aa_250, concentric, x_ft * foot, -4 * foot});
    return geometry;
}

LineGeometry taped_cable_and_neutral() {
    // Kersting takes the tape as a closed tube, which a lap of 50 % means in OpenDSS's formula
    Cable const taped{
        .insulation_thickness_m = 0.22 * inch,
        .insulation_outer_diameter_m = 0.82 * inch,
        .shield = TapeShield{.outer_diameter_m = 0.88 * inch, .thickness_m = 0.005 * inch, .lap_percent = 50}};
    return {{{aa_1_0, taped, 0.0, -4 * foot}, at(cu_1_0, 1.0 / 12.0, -4)}, 1};
}

/// He calculates with 0.01424 uF/mile.
constexpr double kersting_permittivity = 8.854e-12 * mile * 1e6 / 0.01424;

constexpr Earth modified_carson{EarthModel::modified_carson, 100.0};

struct Published {
    std::string configuration;
    LineGeometry geometry;
    Matrix3 r_ohm_mile, x_ohm_mile;
    PerPhase b_us_mile;  ///< first row; zero where the published formula is another one
};

using Complex = std::complex<double>;

/// Carson's integral for what the earth adds to an impedance: j w mu0/pi times the integral over t from 0 of
/// exp(-H t) cos(x t) / (t + sqrt(t² + j w mu0/rho)), by Simpson's rule.
Complex carson_integral(double heights_m, double apart_m, double resistivity_ohm_m, double frequency_hz) {
    double const omega_mu = 2.0 * pi * frequency_hz * 4e-7 * pi;
    int const steps = 400000;
    double const end = 40.0 / heights_m, h = end / steps;
    auto const f = [&](double t) {
        return std::exp(-heights_m * t) * std::cos(apart_m * t) /
               (t + std::sqrt(Complex{t * t, omega_mu / resistivity_ohm_m}));
    };
    Complex sum = f(0.0) + f(end);
    for (int i = 1; i < steps; ++i) sum += (i % 2 == 0 ? 2.0 : 4.0) * f(i * h);
    return Complex{0.0, omega_mu / pi} * sum * h / 3.0;
}

bool is_positive_definite(Matrix3 const& m) {
    double const two = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    double const three = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                         m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    return m[0][0] > 0.0 && two > 0.0 && three > 0.0;
}

}  // namespace

TEST_CASE("the matrices of the IEEE 13 and 123 node feeders follow from their wires", "[feeder][line constants]") {
    auto const published = GENERATE(
        Published{"13: 601",
                  on_crossarm(acsr_556, 2.5, 0, 7),
                  {{{0.3465, 0.1560, 0.1580}, {0.1560, 0.3375, 0.1535}, {0.1580, 0.1535, 0.3414}}},
                  {{{1.0179, 0.5017, 0.4236}, {0.5017, 1.0478, 0.3849}, {0.4236, 0.3849, 1.0348}}},
                  {6.2998, -1.9958, -1.2595}},
        Published{"13: 602",
                  on_crossarm(acsr_4_0, 2.5, 7, 0),
                  {{{0.7526, 0.1580, 0.1560}, {0.1580, 0.7475, 0.1535}, {0.1560, 0.1535, 0.7436}}},
                  {{{1.1814, 0.4236, 0.5017}, {0.4236, 1.1983, 0.3849}, {0.5017, 0.3849, 1.2112}}},
                  {5.6990, -1.0817, -1.6905}},
        Published{"123: 1",
                  on_crossarm(acsr_336, 0, 2.5, 7),
                  {{{0.4576, 0.1560, 0.1535}, {0.1560, 0.4666, 0.1580}, {0.1535, 0.1580, 0.4615}}},
                  {{{1.0780, 0.5017, 0.3849}, {0.5017, 1.0482, 0.4236}, {0.3849, 0.4236, 1.0651}}},
                  {5.6765, -1.8319, -0.6982}},
        Published{"123: 9", {{at(acsr_1_0, 0.5, 29), at(acsr_1_0, 0, 24)}, 1}, {{{1.3292}}}, {{{1.3475}}}, {4.5193}},
        Published{"13: 606",
                  three_cables(),
                  {{{0.7982, 0.3192, 0.2849}, {0.3192, 0.7891, 0.3192}, {0.2849, 0.3192, 0.7982}}},
                  {{{0.4463, 0.0328, -0.0143}, {0.0328, 0.4041, 0.0328}, {-0.0143, 0.0328, 0.4463}}},
                  {}},
        Published{"13: 607", taped_cable_and_neutral(), {{{1.3425}}}, {{{0.5124}}}, {}});
    CAPTURE(published.configuration);
    REQUIRE(geometry_problem(published.geometry).empty());

    auto const code = line_constants(published.geometry, modified_carson);

    REQUIRE(code.conductors == published.geometry.phases);
    for (std::size_t i = 0; i < code.conductors; ++i)
        for (std::size_t k = 0; k < code.conductors; ++k) {
            CAPTURE(i, k);
            CHECK(code.r_ohm[i][k] * mile == Approx(published.r_ohm_mile[i][k]).margin(3e-4));
            CHECK(code.x_ohm[i][k] * mile == Approx(published.x_ohm_mile[i][k]).margin(3e-4));
            if (published.b_us_mile[0] != 0.0 && i == 0)
                CHECK(code.b_s[i][k] * mile * 1e6 / kersting_permittivity ==
                      Approx(published.b_us_mile[k]).margin(3e-4));
        }
}

TEST_CASE("impedance and charging matrices are symmetric and positive definite", "[feeder][line constants]") {
    auto const model = GENERATE(EarthModel::modified_carson, EarthModel::carson, EarthModel::deri);
    auto const geometry = GENERATE(on_crossarm(acsr_556, 2.5, 0, 7), three_cables());

    auto const code = line_constants(geometry, {model, 100.0});

    CHECK(is_positive_definite(code.r_ohm));
    CHECK(is_positive_definite(code.x_ohm));
    CHECK(is_positive_definite(code.b_s));
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t k = 0; k < 3; ++k) {
            CHECK(code.r_ohm[i][k] == code.r_ohm[k][i]);
            CHECK(code.x_ohm[i][k] == code.x_ohm[k][i]);
            CHECK(code.b_s[i][k] == code.b_s[k][i]);
        }
}

TEST_CASE("Carson's series is Carson's integral, and Deri's images are near it", "[feeder][line constants]") {
    auto const resistivity = GENERATE(10.0, 100.0, 1000.0);
    LineGeometry const geometry{{at(acsr_336, 0, 28), at(acsr_336, 7, 33)}, 2};
    double const heights = 61 * foot, apart = 7 * foot, between = std::hypot(7, 5) * foot;
    auto const self = carson_integral(56 * foot, 0.0, resistivity, 60.0);
    auto const mutual = carson_integral(heights, apart, resistivity, 60.0);
    double const per_log = 60.0 * 4e-7 * pi;
    auto const self_x = self.imag() + per_log * std::log(56 * foot / acsr_336.gmr_m);
    auto const mutual_x = mutual.imag() + per_log * std::log(std::hypot(heights, apart) / between);
    CAPTURE(resistivity);

    auto const series = line_constants(geometry, {EarthModel::carson, resistivity});
    CHECK(series.r_ohm[0][0] == Approx(acsr_336.r_ac_ohm_m + self.real()).epsilon(1e-5));
    CHECK(series.x_ohm[0][0] == Approx(self_x).epsilon(1e-5));
    CHECK(series.r_ohm[0][1] == Approx(mutual.real()).epsilon(1e-5));
    CHECK(series.x_ohm[0][1] == Approx(mutual_x).epsilon(1e-5));

    // at power frequency Deri's complex depth is Carson's within 8 % of a unit of the logarithm
    auto const images = line_constants(geometry, {EarthModel::deri, resistivity});
    CHECK(images.r_ohm[0][1] == Approx(mutual.real()).epsilon(0.03));
    CHECK(images.x_ohm[0][1] == Approx(mutual_x).epsilon(0.02));
    auto const first_terms = line_constants(geometry, {EarthModel::modified_carson, resistivity});
    CHECK(first_terms.r_ohm[0][1] == Approx(mutual.real()).epsilon(0.1));
    CHECK(first_terms.x_ohm[0][1] == Approx(mutual_x).epsilon(0.02));
}

TEST_CASE("over a perfectly conducting earth waves travel at the speed of light", "[feeder][line constants]") {
    // the earth's images then give inductance and capacitance from one and the same matrix: L C = mu0 epsilon0
    LineGeometry geometry{{at(acsr_336, 0, 28), at(acsr_336, 2.5, 28), at(acsr_1_0, 7, 33)}, 3};
    for (auto& placed : geometry.conductors) placed.wire.capacitance_radius_m = placed.wire.gmr_m;
    auto const code = line_constants(geometry, {EarthModel::deri, 1e-18});

    double const omega = 2.0 * pi * 60.0, speed_of_light = 299792458.0;
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t k = 0; k < 3; ++k) {
            double product = 0.0;
            for (std::size_t j = 0; j < 3; ++j) product += code.x_ohm[i][j] * code.b_s[j][k] / (omega * omega);
            CHECK(product * speed_of_light * speed_of_light == Approx(i == k ? 1.0 : 0.0).margin(1e-4));
        }
}

TEST_CASE("a neutral carries the current that keeps it at no voltage", "[feeder][line constants]") {
    auto const conductors = std::vector{at(acsr_336, 0, 28), at(acsr_336, 7, 28), at(acsr_4_0, 4, 24)};
    auto const with = line_constants({conductors, 3}, modified_carson);
    auto const without = line_constants({conductors, 2}, modified_carson);

    auto const z = [&](std::size_t i, std::size_t k) { return Complex{with.r_ohm[i][k], with.x_ohm[i][k]}; };
    std::array const phase_a{Complex{1.0, 0.0}, Complex{-0.3, 0.4}};
    auto const neutral_a = -(z(2, 0) * phase_a[0] + z(2, 1) * phase_a[1]) / z(2, 2);
    for (std::size_t i = 0; i < 2; ++i) {
        auto const drop = z(i, 0) * phase_a[0] + z(i, 1) * phase_a[1] + z(i, 2) * neutral_a;
        auto const reduced = Complex{without.r_ohm[i][0], without.x_ohm[i][0]} * phase_a[0] +
                             Complex{without.r_ohm[i][1], without.x_ohm[i][1]} * phase_a[1];
        CHECK(std::abs(drop - reduced) < 1e-12 * std::abs(drop));
        CHECK(without.b_s[i][0] == Approx(with.b_s[i][0]).epsilon(1e-12));  // a grounded wire stays in its place
        CHECK(without.b_s[i][1] == Approx(with.b_s[i][1]).epsilon(1e-12));
    }
}

TEST_CASE("the skin effect grows with the fourth power of the radius over its depth", "[feeder][line constants]") {
    // R/R0 = 1 + x⁴/192 - …, x² = w mu0/(pi R0); with an ideal earth nothing else resists
    auto const frequency = GENERATE(50.0, 60.0);
    double const r0 = 0.306 / mile;
    double const x4 = std::pow(frequency * 2.0 * 4e-7 * pi / r0, 2);
    Wire const solid{.radius_m = 0.01, .r_dc_ohm_m = r0};

    auto const code = line_constants({{at(solid, 0, 28)}, 1}, {EarthModel::deri, 1e-18}, frequency);

    CHECK(code.r_ohm[0][0] / r0 - 1.0 == Approx(x4 / 192.0).epsilon(0.01));
    CHECK(x4 / 192.0 > 1e-3);
}

TEST_CASE("what is unknown of a wire follows from what is known", "[feeder][line constants]") {
    auto const model = GENERATE(EarthModel::modified_carson, EarthModel::deri);
    auto const of = [&](Wire const& w) { return line_constants({{at(w, 0, 28)}, 1}, {model, 100.0}); };
    auto const whole = of({.radius_m = 0.01, .gmr_m = 0.007788, .r_dc_ohm_m = 1e-4, .r_ac_ohm_m = 1.02e-4});

    for (auto const& known :
         {Wire{.radius_m = 0.01, .r_dc_ohm_m = 1e-4}, Wire{.gmr_m = 0.007788, .r_ac_ohm_m = 1.02e-4}}) {
        auto const code = of(known);
        CHECK(code.r_ohm[0][0] == Approx(whole.r_ohm[0][0]).epsilon(1e-12));
        CHECK(code.x_ohm[0][0] == Approx(whole.x_ohm[0][0]).epsilon(1e-12));
        CHECK(code.b_s[0][0] == Approx(whole.b_s[0][0]).epsilon(1e-12));
    }
}

TEST_CASE("a bundle is what its wires are side by side", "[feeder][line constants]") {
    // two wires of a phase, 0.4 m apart and far from the ground, share its current equally
    Wire const one{.radius_m = 0.01, .gmr_m = 0.008, .r_ac_ohm_m = 1e-4};
    auto const apart = line_constants({{{one, {}, -0.2, 20.0}, {one, {}, 0.2, 20.0}}, 2}, modified_carson);
    auto const together = line_constants({{{bundle(one, 2, 0.4), {}, 0.0, 20.0}}, 1}, modified_carson);

    CHECK(together.r_ohm[0][0] == Approx((apart.r_ohm[0][0] + apart.r_ohm[0][1]) / 2.0).epsilon(1e-12));
    CHECK(together.x_ohm[0][0] == Approx((apart.x_ohm[0][0] + apart.x_ohm[0][1]) / 2.0).epsilon(1e-12));
    CHECK(together.b_s[0][0] == Approx(2.0 * (apart.b_s[0][0] + apart.b_s[0][1])).epsilon(1e-4));
}

TEST_CASE("a geometry that cannot be is refused with the conductor", "[feeder][line constants]") {
    auto geometry = on_crossarm(acsr_336, 0, 2.5, 7);
    SECTION("no phases") {
        geometry.phases = 0;
        CHECK(geometry_problem(geometry) == "has 0 phases in 4 conductors, 1 to 3 are possible");
    }
    SECTION("more phases than conductors") {
        geometry.conductors.resize(2);
        CHECK(geometry_problem(geometry) == "has 3 phases in 2 conductors, 1 to 3 are possible");
    }
    SECTION("no resistance") {
        geometry.conductors[1].wire.r_ac_ohm_m = unknown;
        CHECK(geometry_problem(geometry) == "conductor 2 has no positive resistance");
    }
    SECTION("no size") {
        geometry.conductors[3].wire.gmr_m = geometry.conductors[3].wire.radius_m = unknown;
        CHECK(geometry_problem(geometry) == "conductor 4 has neither a positive radius nor a GMR");
    }
    SECTION("on the ground") {
        geometry.conductors[2].y_m = 0.0;
        CHECK(geometry_problem(geometry) == "conductor 3 is a bare wire 0 m above the ground");
    }
    SECTION("in the same place") {
        geometry.conductors[2] = geometry.conductors[0];
        CHECK(geometry_problem(geometry) == "conductors 1 and 3 are in the same place");
    }
    SECTION("partly cable") {
        geometry.conductors[1] = three_cables().conductors[1];
        CHECK(geometry_problem(geometry) == "is partly cable and partly bare wire");
    }
    SECTION("two kinds of shield") {
        geometry = three_cables();
        geometry.conductors[2].cable = taped_cable_and_neutral().conductors[0].cable;
        CHECK(geometry_problem(geometry) == "mixes concentric neutrals and tape shields");
    }
    SECTION("a cable as neutral") {
        geometry = three_cables();
        geometry.phases = 2;
        CHECK(geometry_problem(geometry) == "conductor 3 is a neutral and a cable, neutrals are bare wires");
    }
    SECTION("strands that are not there") {
        geometry = three_cables();
        std::get<ConcentricNeutral>(geometry.conductors[0].cable->shield).strands = 1;
        CHECK(geometry_problem(geometry) == "conductor 1 has 1 neutral strands, at least 2 are possible");
    }
    SECTION("a tape over itself") {
        geometry = taped_cable_and_neutral();
        std::get<TapeShield>(geometry.conductors[0].cable->shield).lap_percent = 100.0;
        CHECK(geometry_problem(geometry) == "conductor 1 has a tape that overlaps by 100 %");
    }
    SECTION("no insulation") {
        geometry = three_cables();
        geometry.conductors[1].cable->insulation_thickness_m = 0.0;
        CHECK(geometry_problem(geometry) == "conductor 2 has no insulation of known thickness and diameter");
    }
}
