#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>

#include "dec/synthesis/triplex.hpp"

using namespace dec;
using Complex = std::complex<double>;

namespace {

constexpr double metres_per_mile = 1609.344;

Complex ohm_per_mile(feeder::LineCode const& code, std::size_t i, std::size_t k) {
    return Complex{code.r_ohm[i][k], code.x_ohm[i][k]} * metres_per_mile;
}

/// In the units and with the rounded constants of the textbook: ohm per mile, feet, 60 Hz, 100 ohm metre.
Eigen::Matrix2cd by_admittances_in_miles() {
    double const gmr_ft = 0.0111;
    double const between_legs_ft = (0.368 + 2.0 * 0.080) / 12.0;
    double const to_neutral_ft = (0.368 + 0.080) / 12.0;
    auto const loop = [](double r, double distance_ft) {
        return Complex{r + 0.09530, 0.12134 * (std::log(1.0 / distance_ft) + 7.93402)};
    };
    Eigen::Matrix3cd z;
    z.setConstant(loop(0.0, to_neutral_ft));
    z(0, 1) = z(1, 0) = loop(0.0, between_legs_ft);
    z.diagonal().setConstant(loop(0.970, gmr_ft));
    // The neutral is at zero voltage along its length: what the legs see is the inverse of their block of admittances.
    return z.inverse().topLeftCorner<2, 2>().inverse();
}

}  // namespace

TEST_CASE("triplex impedance is that of three earth-return loops with the neutral held at zero", "[synthesis]") {
    auto const code = synthesis::triplex_line_code(synthesis::triplex_1_0_aluminium());

    auto const expected = by_admittances_in_miles();

    REQUIRE(code.conductors == 2);
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t k = 0; k < 2; ++k) {
            auto const e = expected(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k));
            CAPTURE(i, k, ohm_per_mile(code, i, k), e);
            CHECK(std::abs(ohm_per_mile(code, i, k) - e) < 3e-4 * std::abs(e));  // the constants have five digits
        }
}

TEST_CASE("triplex impedance is the published 1.52+0.61j and 0.55+0.44j ohm per mile", "[synthesis]") {
    // GridLAB-D Power Flow User Guide, triplex_line_configuration: cut to two decimals, for 0.368 in and 0.08 in.
    auto const code = synthesis::triplex_line_code(synthesis::triplex_1_0_aluminium());

    CHECK(std::abs(ohm_per_mile(code, 0, 0).real() - 1.52) < 0.01);
    CHECK(std::abs(ohm_per_mile(code, 0, 0).imag() - 0.61) < 0.01);
    CHECK(std::abs(ohm_per_mile(code, 0, 1).real() - 0.55) < 0.01);
    CHECK(std::abs(ohm_per_mile(code, 0, 1).imag() - 0.44) < 0.01);
}

TEST_CASE("a thicker insulation makes the loop between the legs longer", "[synthesis]") {
    auto thick = synthesis::triplex_1_0_aluminium();
    thick.insulation_thickness_m *= 2.0;

    auto const a = synthesis::triplex_line_code(synthesis::triplex_1_0_aluminium());
    auto const b = synthesis::triplex_line_code(thick);

    // 240 V loop: current goes out on one leg and back on the other
    auto const loop_ohm = [](feeder::LineCode const& code) { return 2.0 * (code.x_ohm[0][0] - code.x_ohm[0][1]); };
    CHECK(loop_ohm(b) > loop_ohm(a));
}
