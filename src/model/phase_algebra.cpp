#include "dec/model/phase_algebra.hpp"

#include <cmath>
#include <complex>
#include <numbers>

namespace dec::model {

namespace {

using Complex = std::complex<double>;

constexpr double third = 2.0 * std::numbers::pi / 3.0;
constexpr std::array<double, 3> theta{0.0, -third, third};

/// Zero for absent phases.
Eigen::Vector3cd inverse_conjugate(Eigen::Vector3cd const& v) {
    return v.unaryExpr([](Complex x) { return x == Complex{} ? Complex{} : 1.0 / std::conj(x); });
}

Matrix36 twice_real_and_imaginary(Complex3 const& rotated) {
    Matrix36 drop;
    drop.leftCols<3>() = 2.0 * rotated.real();
    drop.rightCols<3>() = 2.0 * rotated.imag();
    return drop;
}

/// True if a balanced voltage on m leads that on n by 120 degrees.
bool leads(feeder::Phase m, feeder::Phase n) { return feeder::delta_pair(m)[1] == n; }

}  // namespace

Matrix36 drop_of_phases(Complex3 const& z_pu) {
    Complex3 ratio;
    for (std::size_t m = 0; m < 3; ++m)
        for (std::size_t n = 0; n < 3; ++n)
            ratio(static_cast<Eigen::Index>(m), static_cast<Eigen::Index>(n)) = std::polar(1.0, theta[n] - theta[m]);
    return twice_real_and_imaginary(z_pu.cwiseProduct(ratio));
}

Matrix36 drop_of_phases(Complex3 const& z_pu, Eigen::Vector3cd const& above, Eigen::Vector3cd const& below) {
    return twice_real_and_imaginary(above.conjugate().asDiagonal() * z_pu * inverse_conjugate(below).asDiagonal());
}

Matrix36 drop_of_pairs(Complex3 const& z_pu) {
    Eigen::Vector3cd balanced;
    for (std::size_t m = 0; m < 3; ++m) balanced(static_cast<Eigen::Index>(m)) = std::polar(1.0, theta[m]);
    return drop_of_pairs(z_pu, balanced, balanced);
}

Matrix36 drop_of_pairs(Complex3 const& z_pu, Eigen::Vector3cd const& above, Eigen::Vector3cd const& below) {
    // d|V_mn|^2 = 2 Re conj(V_mn) d(V_m - V_n), and a phase's current is conj(S/V).
    Complex3 const from_power = z_pu * inverse_conjugate(below).asDiagonal();
    Complex3 turned;
    for (Eigen::Index m = 0; m < 3; ++m) {
        Eigen::Index const n = (m + 1) % 3;
        turned.row(m) = std::conj(above(m) - above(n)) / 3.0 * (from_power.row(m) - from_power.row(n));
    }
    return twice_real_and_imaginary(turned);
}

Matrix36 drop_of_legs(Complex3 const& z_pu) {
    Complex3 oriented = z_pu;
    oriented(0, 1) = -z_pu(0, 1);
    oriented(1, 0) = -z_pu(1, 0);
    return twice_real_and_imaginary(oriented);
}

Eigen::Matrix<double, 6, 2> pair_power(feeder::Phase m, feeder::Phase n) {
    Eigen::Matrix<double, 6, 2> map = Eigen::Matrix<double, 6, 2>::Zero();
    if (feeder::is_leg(m)) {
        map(0, 0) = map(1, 0) = map(3, 1) = map(4, 1) = 0.5;
        return map;
    }
    if (!leads(m, n)) std::swap(m, n);
    double const half = 0.5;
    double const turned = 0.5 / std::numbers::sqrt3;
    auto const i = static_cast<Eigen::Index>(feeder::slot(m));
    auto const k = static_cast<Eigen::Index>(feeder::slot(n));
    // S exp(-+j30)/sqrt 3 = (P/2 +- Q/(2 sqrt 3)) + j(Q/2 -+ P/(2 sqrt 3))
    map(i, 0) = half;
    map(i, 1) = turned;
    map(i + 3, 0) = -turned;
    map(i + 3, 1) = half;
    map(k, 0) = half;
    map(k, 1) = -turned;
    map(k + 3, 0) = turned;
    map(k + 3, 1) = half;
    return map;
}

Eigen::RowVector3d pair_voltage(feeder::Phase m, feeder::Phase n) {
    Eigen::RowVector3d row = Eigen::RowVector3d::Zero();
    row(static_cast<Eigen::Index>(feeder::slot(m))) = 0.5;
    row(static_cast<Eigen::Index>(feeder::slot(n))) = 0.5;
    return row;
}

Matrix3 line_to_line() {
    Matrix3 h;
    h << 0.5, 0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 0.5;
    return h;
}

}  // namespace dec::model
