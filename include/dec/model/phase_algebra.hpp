/// \file phase_algebra.hpp
/// The small dense pieces LinDist3Flow is made of. Per unit; places A, B, C (or legs s1, s2, -); absent phases are zero.
/// Source: Gan and Low, PSCC 2014; Arnold et al., IEEE PES GM 2016; derived with our signs in docs/equations.md.
#pragma once

#include <Eigen/Core>

#include "dec/feeder/elements.hpp"

namespace dec::model {

using Vector3 = Eigen::Vector3d;
using Vector6 = Eigen::Matrix<double, 6, 1>;  ///< power: P in places 0-2, Q in places 3-5
using Matrix3 = Eigen::Matrix3d;
using Matrix36 = Eigen::Matrix<double, 3, 6>;
using Matrix63 = Eigen::Matrix<double, 6, 3>;
using Matrix66 = Eigen::Matrix<double, 6, 6>;
using Complex3 = Eigen::Matrix3cd;

/// [A B] of v_j = R v_i - A P_j - B Q_j: A = 2 Re Z~, B = 2 Im Z~ with Z~_mn = z_mn exp(-j(theta_m - theta_n)).
/// \param z_pu series impedance on the downstream bus's voltage base, phases A, B, C 120 degrees apart.
[[nodiscard]] Matrix36 drop_of_phases(Complex3 const& z_pu);

/// The same for the squared line-to-line voltages AB, BC, CA, each on its own base, from the powers of the phases. Right to
/// first order where `line_to_line() * drop_of_phases` is not: unequal currents also turn the phases.
[[nodiscard]] Matrix36 drop_of_pairs(Complex3 const& z_pu);

/// Both at any voltages instead of balanced ones: Z~_mn = z_mn conj(V_m) / conj(V_n), V_m above and V_n below the impedance; then
/// they are what a change of the powers changes, its square (zI)^2 with it. Absent phases have voltage zero.
[[nodiscard]] Matrix36 drop_of_phases(Complex3 const& z_pu, Eigen::Vector3cd const& above,
                                      Eigen::Vector3cd const& below);
[[nodiscard]] Matrix36 drop_of_pairs(Complex3 const& z_pu, Eigen::Vector3cd const& above,
                                     Eigen::Vector3cd const& below);

/// The same for two legs of a split-phase secondary, oriented so that both are in phase: the mutual term of the second
/// leg changes its sign once, there is no rotation.
/// \param z_pu as stored, with the physical polarity of the legs.
[[nodiscard]] Matrix36 drop_of_legs(Complex3 const& z_pu);

/// Columns (P, Q) of a device between two phases to the power it draws from them, 6 x 2.
/// First phase leads the second: S_m = S exp(-j30)/sqrt 3, S_n = S exp(+j30)/sqrt 3; a reversed pair is named the other way
/// round first. Between the legs s1 and s2 each carries half.
[[nodiscard]] Eigen::Matrix<double, 6, 2> pair_power(feeder::Phase m, feeder::Phase n);

/// Row of a device's own squared voltage: 1/2 (v_m + v_n).
[[nodiscard]] Eigen::RowVector3d pair_voltage(feeder::Phase m, feeder::Phase n);

/// Squared line-to-line voltages AB, BC, CA (each on its own base) from squared phase voltages.
[[nodiscard]] Matrix3 line_to_line();

}  // namespace dec::model
