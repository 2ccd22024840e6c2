/// \file equations.hpp
/// What a power flow holds on one rank.
#pragma once

#include <vector>

#include "branch.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "devices.hpp"
#include "elimination.hpp"

namespace dec::powerflow {

struct PowerFlow::Equations {
    Equations(core::Communicator const& communicator, partition::Piece const& held, Settings const& wanted);

    /// The ideal source's voltages; all others zero.
    void start();
    /// What a device's current is taken for near the present voltages.
    enum class Slope : std::uint8_t {
        none,     ///< nothing: the voltages at no load
        tangent,  ///< Newton's
        secant    ///< the admittance it is now: slow, but nobody draws more than a passive circuit gives
    };
    /// Slope of what hangs on an own vertex itself: its devices with `g` and `h`, its capacitors.
    [[nodiscard]] Block slope(std::size_t vertex) const;
    /// Slopes of all currents at the present voltages and their elimination. Collective.
    void linearise(Slope kind);
    /// What the devices draw at the present voltages, less their linear part.
    void gather(std::span<double> into) const;
    /// Solves with `own_current`. Collective. \return the largest change of a voltage on any rank; infinite for what is no number.
    double step();
    /// Where devices draw most that the last solution does not bring. Collective.
    void find_mismatch(Outcome& outcome) const;

    /// To ground, and the coordinates, of a local vertex.
    [[nodiscard]] Complex const* volts(std::size_t vertex) const { return to_ground.data() + 3 * vertex; }
    [[nodiscard]] Complex const* coordinates(std::size_t vertex) const {
        return reinterpret_cast<Complex const*>(voltage.data()) + 3 * vertex;
    }
    /// Voltage across a device.
    [[nodiscard]] Complex across(Device const& device) const {
        auto const* const w = coordinates(static_cast<std::size_t>(device.vertex));
        return (device.row[0] < 0 ? Complex{} : device.sign[0] * w[device.row[0]]) +
               (device.row[1] < 0 ? Complex{} : device.sign[1] * w[device.row[1]]);
    }
    /// Fills `to_ground` from the coordinates.
    void find_voltages_to_ground();
    [[nodiscard]] std::string node_name(std::size_t vertex, std::size_t place) const;
    [[noreturn]] void throw_undetermined(std::int32_t vertex) const;

    core::Communicator comm;
    partition::Piece const& piece;
    Settings settings;
    partition::TreeExchange exchange;
    Elimination elimination;
    TapRatios taps;
    std::vector<Device> attached;
    std::vector<std::size_t> first;  ///< devices of own vertex j: [first[j], first[j + 1])
    std::vector<Complex> g, h;       ///< linear part of each device's current
    std::vector<Complex> power;      ///< of each device as the file has it
    bool solved = false;             ///< there are voltages and slopes to go on from
    Capacitors shunts;
    std::vector<double> voltage;     ///< width per local vertex: coordinates (see basis)
    std::vector<double> before;      ///< the same, an iteration ago
    std::vector<Complex> to_ground;  ///< 3 per local vertex
    std::vector<double> own_current,
        drawn;  ///< width per own vertex: what its devices draw at zero voltage; with all below
    std::int64_t factorisations = 0;
    double factor_seconds = 0.0;
};

}  // namespace dec::powerflow
