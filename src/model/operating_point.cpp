#include "dec/model/operating_point.hpp"

#include <cmath>
#include <complex>
#include <numbers>

namespace dec::model {

namespace {

using Complex = std::complex<double>;
using Phasors = Eigen::Vector3cd;

/// The voltages that the powers of the linear model belong to. Behind a floating delta nothing fixes the neutral: there it is the
/// middle of the triangle, of which two phases and balance give the third corner.
Phasors phase_voltages(partition::LocalVertex const& vertex, Phasors const& v) {
    if (!vertex.floating_delta) return v;
    if (vertex.phases.size() == 3) return v.array() - v.sum() / 3.0;
    Phasors of_middle = v;
    for (feeder::Phase p : vertex.phases.list()) {
        auto const [m, n] = feeder::delta_pair(p);
        if (!vertex.phases.contains(n)) continue;
        auto const i = static_cast<Eigen::Index>(feeder::slot(m)), k = static_cast<Eigen::Index>(feeder::slot(n));
        Complex const pair = (v(i) - v(k)) / std::numbers::sqrt3, turn = std::polar(1.0, std::numbers::pi / 6.0);
        of_middle(i) = pair / turn;
        of_middle(k) = -pair * turn;
    }
    return of_middle;
}

/// d(zI)_m conj(I_m) of a change of the powers, I = conj(S / V) with V at rest.
Matrix66 marginal_losses(Complex3 const& z, Phasors const& v, Phasors const& current) {
    Matrix66 change = Matrix66::Zero();
    Phasors const drop = z * current;
    for (Eigen::Index m = 0; m < 3; ++m) {
        if (v(m) == Complex{}) continue;
        // b dS: real part b' P - b'' Q, imaginary part b'' P + b' Q
        auto const add = [&](Eigen::Index n, Complex b, double conjugate) {
            change(m, n) += b.real();
            change(m, n + 3) -= conjugate * b.imag();
            change(m + 3, n) += b.imag();
            change(m + 3, n + 3) += conjugate * b.real();
        };
        add(m, drop(m) / v(m), 1.0);
        for (Eigen::Index n = 0; n < 3; ++n)
            if (v(n) != Complex{}) add(n, z(m, n) * std::conj(current(m)) / std::conj(v(n)), -1.0);
    }
    return change;
}

}  // namespace

BranchBlock at_operating_point(BranchBlock const& block, partition::LocalVertex const& vertex,
                               OperatingPoint const& point) {
    for (feeder::Phase p : vertex.phases.list())
        if (!(std::abs(point.voltage(static_cast<Eigen::Index>(feeder::slot(p)))) > 0.0)) return block;
    if (block.impedance.isZero(0.0)) return block;
    auto const& z = block.impedance;
    Phasors const below = phase_voltages(vertex, point.voltage);
    Phasors const above = below + z * point.current;
    BranchBlock here = block;
    here.drop = vertex.floating_delta ? drop_line_to_line(drop_of_pairs(z, above, below), vertex.phases)
                                      : drop_of_phases(z, above, below);
    here.lift = block.lift * (Matrix66::Identity() + marginal_losses(z, below, point.current));
    return here;
}

}  // namespace dec::model
