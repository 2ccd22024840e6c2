/// \file devices.hpp
/// What is attached to the buses: currents that depend on voltages, and constant admittances.
#pragma once

#include <Eigen/Core>
#include <array>
#include <span>
#include <vector>

#include "dec/powerflow/power_flow.hpp"

namespace dec::powerflow {

enum class DeviceKind : std::uint8_t { load, machine, battery, pv };

/// Voltages in pu of nominal: see `Device`.
struct DeviceLimits {
    double low, high, floor;
};
/// Limits of what the file gives none for, as OpenDSS has them.
[[nodiscard]] DeviceLimits limits_of(DeviceKind kind, LoadLimits which);

/// A device's part on one phase or between two. It draws conj(S(r)) / conj(V) with r = |V| / nominal and
/// conj(S(r)) = impedance r^2 + current r + power, or its exponential form. All in pu.
struct Device {
    std::int32_t vertex = 0;
    std::array<std::int8_t, 2> row{-1, -1};  ///< coordinates of the vertex (see basis); -1: none
    std::array<double, 2> sign{1.0, -1.0};   ///< the voltage across is the sum of sign times coordinate
    DeviceKind kind = DeviceKind::load;
    std::int32_t element = -1;  ///< row of the kind's table in the piece
    std::int8_t place = 0;      ///< slot of the phase in the element's table
    bool has_limit = true;      ///< the voltage across is one that limits are on: not to ground behind a floating delta
    bool steps = false;         ///< with exponents, it draws its nominal power at its limits (OpenDSS)
    bool stays_above = false;   ///< it is what it is above its upper limit at any voltage
    bool exponential = false;   ///< Re(power) r^p_exponent + j Im(power) r^q_exponent instead
    Complex impedance, current, power;  ///< conjugates of powers drawn at r = 1
    double p_exponent = 0.0, q_exponent = 0.0;
    double nominal = 1.0;          ///< |V| at which r = 1
    double unit = 1.0;             ///< |V| across it when voltages are balanced at 1 pu
    double low = 0.0, high = 0.0;  ///< r outside which it no longer follows its model: above it is an impedance,
    double floor = 0.0;            ///< and below down to here its current falls in a line to the nominal impedance's
    double own_high = 0.0;         ///< `high` where nobody asks it to keep its model beyond
    /// Voltage at which it leaves its model upwards, pu of balanced voltages.
    [[nodiscard]] double high_pu() const { return own_high * nominal / unit; }
};

/// Current and its derivative: dI = g dV + h conj(dV).
struct DeviceCurrent {
    Complex current, g, h;
};
[[nodiscard]] Complex current(Device const& device, Complex v);
[[nodiscard]] DeviceCurrent linearised(Device const& device, Complex v);
/// Adds a device's current to the row of its vertex.
inline void add_current(Device const& device, Complex i, double* row) {
    for (std::size_t a = 0; a < 2; ++a) {
        if (device.row[a] < 0) continue;
        row[2 * device.row[a]] += device.sign[a] * i.real();
        row[2 * device.row[a] + 1] += device.sign[a] * i.imag();
    }
}
/// The power it draws at |V| = v, and what that changes by per pu^2 of (v / unit)^2.
struct DevicePower {
    Complex power, slope;
};
[[nodiscard]] DevicePower drawn_power(Device const& device, double v);

/// All devices on own vertices, grouped by vertex in the vertices' order. Within a vertex in the feeder's order, so that sums
/// do not depend on the ranks.
[[nodiscard]] std::vector<Device> devices(partition::Piece const& piece, Settings const& settings);

/// An inverter that follows its curves: all its parts see the mean of their voltages, and share what it injects as they do in
/// the file. The parts are devices of constant power, which is set anew at every voltage.
struct Follower {
    std::int32_t vertex = 0;
    std::size_t first = 0, count = 0;  ///< its devices
    InverterRating rating;
    std::array<double, 3> share{};  ///< of each device
};
/// All that follow curves, in the order of their devices.
[[nodiscard]] std::vector<Follower> followers(partition::Piece const& piece, Settings const& settings,
                                              std::vector<Device> const& devices);

/// Admittances of the capacitors, for the own vertices that have some.
struct Capacitors {
    std::vector<std::int32_t> row;                      ///< per own vertex: of the other two, -1 for none
    std::vector<Eigen::Matrix3cd> places, coordinates;  ///< pu, for voltages to ground and for coordinates (see basis)
};
/// \param sections switched in, of each.
[[nodiscard]] Capacitors capacitors(partition::Piece const& piece, std::span<feeder::PerPhase const> sections,
                                    feeder::PerUnit const& pu);

}  // namespace dec::powerflow
