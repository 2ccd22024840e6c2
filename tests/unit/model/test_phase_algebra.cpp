/// Drop matrices and the maps of devices between phases, held against phasors.
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>
#include <random>

#include "dec/model/phase_algebra.hpp"

using namespace dec;
using feeder::Phase;
using model::Complex3;
using model::Matrix36;
using model::Vector3;
using model::Vector6;
using Complex = std::complex<double>;

namespace {

constexpr double turn = 2.0 * std::numbers::pi / 3.0;

/// Balanced phasors A, B, C of 1 pu.
Eigen::Vector3cd balanced() { return {Complex{1.0}, std::polar(1.0, -turn), std::polar(1.0, turn)}; }

Complex3 random_impedance(unsigned seed) {
    std::mt19937 generator{seed};
    std::uniform_real_distribution<double> number{-0.02, 0.02};
    Complex3 z;
    for (int m = 0; m < 3; ++m)
        for (int n = 0; n <= m; ++n) z(m, n) = z(n, m) = Complex{number(generator), number(generator)};
    return z;
}

Vector6 random_power(unsigned seed) {
    std::mt19937 generator{seed + 1000};
    std::uniform_real_distribution<double> number{-1.0, 1.0};
    return Vector6::NullaryExpr([&](Eigen::Index) { return number(generator); });
}

/// |V_i|^2 where V_j is balanced and the power s leaves at j: V_i = V_j + Z conj(S / V_j).
Vector3 upstream_v_sq(Complex3 const& z, Eigen::Vector3cd const& v_j, Vector6 const& s) {
    Eigen::Vector3cd current;
    for (int n = 0; n < 3; ++n) current(n) = std::conj(Complex{s(n), s(n + 3)} / v_j(n));
    return (v_j + z * current).cwiseAbs2();
}

/// Derivative of the upstream squared voltages with respect to P and Q at no load, by central differences (exact for a
/// quadratic but for rounding).
Matrix36 drop_by_differences(Complex3 const& z, Eigen::Vector3cd const& v_j) {
    constexpr double step = 1e-3;
    Matrix36 drop;
    for (int n = 0; n < 6; ++n) {
        Vector6 const up = step * Vector6::Unit(n);
        drop.col(n) = (upstream_v_sq(z, v_j, up) - upstream_v_sq(z, v_j, -up)) / (2.0 * step);
    }
    return drop;
}

double largest(Eigen::MatrixXd const& m) { return m.cwiseAbs().maxCoeff(); }

}  // namespace

TEST_CASE("the drop matrices are the derivatives of the phasor equations at balanced voltages", "[model]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const z = random_impedance(seed);

    CAPTURE(seed);
    CHECK(largest(model::drop_of_phases(z) - drop_by_differences(z, balanced())) < 1e-12);
}

TEST_CASE("the drop matrices of pairs are the derivatives of squared line-to-line voltages", "[model]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const z = random_impedance(seed);
    auto const v_j = balanced();
    auto const pairs = [&](Vector6 const& s) {
        Eigen::Vector3cd current;
        for (int n = 0; n < 3; ++n) current(n) = std::conj(Complex{s(n), s(n + 3)} / v_j(n));
        Eigen::Vector3cd const v_i = v_j + z * current;
        return Vector3{std::norm(v_i(0) - v_i(1)) / 3.0, std::norm(v_i(1) - v_i(2)) / 3.0,
                       std::norm(v_i(2) - v_i(0)) / 3.0};
    };
    constexpr double step = 1e-3;
    Matrix36 expected;
    for (int n = 0; n < 6; ++n)
        expected.col(n) = (pairs(step * Vector6::Unit(n)) - pairs(-step * Vector6::Unit(n))) / (2.0 * step);

    CAPTURE(seed);
    CHECK(largest(model::drop_of_pairs(z) - expected) < 1e-12);
}

TEST_CASE("the drop matrices of two legs are the derivatives with both legs oriented alike", "[model]") {
    auto const seed = GENERATE(range(0U, 20U));
    Complex3 z = random_impedance(seed);
    z.row(2).setZero();
    z.col(2).setZero();
    // The phasors as they are: s2 opposite to s1. The power that leaves a leg does not depend on its orientation.
    Eigen::Vector3cd const legs{Complex{1.0}, Complex{-1.0}, Complex{1.0}};

    CAPTURE(seed);
    CHECK(largest(model::drop_of_legs(z) - drop_by_differences(z, legs)) < 1e-12);
}

TEST_CASE("the drop matrices written out have the signs of s_ab = s_bc = s_ca = +1", "[model]") {
    auto const z = random_impedance(GENERATE(range(0U, 20U)));
    double const root3 = std::sqrt(3.0);
    Matrix36 expected;
    for (int m = 0; m < 3; ++m)
        for (int n = 0; n < 3; ++n) {
            double const r = z(m, n).real();
            double const x = z(m, n).imag();
            double const s = n == (m + 1) % 3 ? 1.0 : -1.0;
            expected(m, n) = m == n ? 2.0 * r : -r + s * root3 * x;
            expected(m, n + 3) = m == n ? 2.0 * x : -x - s * root3 * r;
        }

    CHECK(largest(model::drop_of_phases(z) - expected) < 1e-14);
}

TEST_CASE("relabelling the phases A->B->C->A relabels the drop", "[model][property]") {
    auto const seed = GENERATE(range(0U, 100U));
    auto const z = random_impedance(seed);
    auto const s = random_power(seed);
    Eigen::Matrix3d rotate;
    rotate << 0, 0, 1, 1, 0, 0, 0, 1, 0;
    Vector6 rotated;
    rotated << rotate * s.head<3>(), rotate * s.tail<3>();

    Vector3 const direct = rotate * (model::drop_of_phases(z) * s);
    Vector3 const relabelled = model::drop_of_phases(Complex3{rotate * z * rotate.transpose()}) * rotated;

    CAPTURE(seed);
    CHECK(largest(direct - relabelled) < 1e-15);
}

TEST_CASE("a device between two phases draws what its current says, however the pair is named", "[model]") {
    auto const first = GENERATE(0, 1, 2);
    auto const second = (first + GENERATE(1, 2)) % 3;
    Complex const power{0.7, -0.3};
    auto const v = balanced();
    Complex const current = std::conj(power / (v(first) - v(second)));

    auto const map = model::pair_power(static_cast<Phase>(first), static_cast<Phase>(second));
    Vector6 const drawn = map * Eigen::Vector2d{power.real(), power.imag()};

    Vector6 expected = Vector6::Zero();
    for (auto const& [phase, amount] :
         {std::pair{first, v(first) * std::conj(current)}, std::pair{second, -v(second) * std::conj(current)}}) {
        expected(phase) = amount.real();
        expected(phase + 3) = amount.imag();
    }
    CHECK(largest(drawn - expected) < 1e-15);
    CHECK(std::abs(drawn.head<3>().sum() - power.real()) < 1e-15);
    CHECK(std::abs(drawn.tail<3>().sum() - power.imag()) < 1e-15);
}

TEST_CASE("power between phases is turned by 30 degrees: back on the leading phase, forward on the other", "[model]") {
    Complex const power{0.7, -0.3};
    for (auto const& [m, n] :
         {std::pair{Phase::a, Phase::b}, std::pair{Phase::b, Phase::c}, std::pair{Phase::c, Phase::a}}) {
        Vector6 const drawn = model::pair_power(m, n) * Eigen::Vector2d{power.real(), power.imag()};
        auto const on = [&](Phase p) { return Complex{drawn(static_cast<int>(p)), drawn(static_cast<int>(p) + 3)}; };

        CHECK(std::abs(on(m) - power * std::polar(1.0, -std::numbers::pi / 6.0) / std::sqrt(3.0)) < 1e-15);
        CHECK(std::abs(on(n) - power * std::polar(1.0, std::numbers::pi / 6.0) / std::sqrt(3.0)) < 1e-15);
    }
}

TEST_CASE("a device across both legs of a secondary draws half of its power from each", "[model]") {
    Vector6 const drawn = model::pair_power(Phase::s1, Phase::s2) * Eigen::Vector2d{0.7, -0.3};

    Vector6 expected;
    expected << 0.35, 0.35, 0.0, -0.15, -0.15, 0.0;
    CHECK(largest(drawn - expected) < 1e-16);
}

TEST_CASE("the squared voltage of a pair is the mean of its phases' to first order", "[model]") {
    // |V_m - V_n|^2 / 3 with magnitudes off by t: the error is of second order.
    auto const error = [](double t) {
        double worst = 0.0;
        for (int m = 0; m < 3; ++m) {
            int const n = (m + 1) % 3;
            auto const base = balanced();
            Complex const difference = (1.0 + t) * base(m) - (1.0 - 0.5 * t) * base(n);
            Vector3 v_sq = Vector3::Ones();
            v_sq(m) = (1.0 + t) * (1.0 + t);
            v_sq(n) = (1.0 - 0.5 * t) * (1.0 - 0.5 * t);
            double const linear = model::pair_voltage(static_cast<Phase>(m), static_cast<Phase>(n)) * v_sq;
            worst = std::max({worst, std::abs(linear - std::norm(difference) / 3.0),
                              std::abs((model::line_to_line() * v_sq)(m)-linear)});
        }
        return worst;
    };

    CHECK(error(0.02) < 0.001);
    CHECK(error(0.01) < 0.26 * error(0.02));
}
