/// \file equations.hpp
/// What a power flow holds on one rank.
#pragma once

#include <vector>

#include "branch.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "devices.hpp"
#include "elimination.hpp"

namespace dec::powerflow {

/// Of one own vertex: its branch and the currents of the coils.
struct Carried {
    Branch branch;
    Eigen::VectorXcd coils;
};

struct PowerFlow::Equations {
    Equations(core::Communicator const& communicator, partition::Piece const& held, Settings const& wanted);

    /// The ideal source's voltages.
    void start_source();
    /// What a device's current is taken for near the present voltages.
    enum class Slope : std::uint8_t {
        none,     ///< nothing: the voltages at no load
        tangent,  ///< Newton's
        secant    ///< the admittance it is now: slow, but nobody draws more than a passive circuit gives
    };
    /// Slope of what the capacitors and the devices of an own vertex draw; of the latter with the linear parts found last.
    [[nodiscard]] Block capacitor_slope(std::size_t vertex) const;
    [[nodiscard]] Block device_slope(std::size_t vertex) const;
    /// The linear part of every device's current at the present voltages.
    void find_slopes(Slope kind);
    /// The same, and their elimination. Collective.
    void linearise(Slope kind);
    /// Sets the powers of the inverters that follow curves to what they inject at the present voltages.
    void follow_curves();
    /// What the devices draw at the present voltages, less their linear part.
    void gather(std::span<double> into);
    /// What devices, capacitors and ties of every own vertex draw at the present voltages, in its coordinates.
    void gather_all(std::span<double> into);
    /// What the devices' linear parts are at the present voltages, added to rows of own vertices.
    void add_linear_part(std::span<double> into) const;
    /// From the last solution on, step by step, each cut until it is one for the better. Collective.
    /// \return whether it converged.
    [[nodiscard]] bool search_along_steps(Outcome& outcome);
    /// Newton's method in which every inverter has a place of its own on its curve, from no load on. Collective.
    /// \return whether it converged.
    [[nodiscard]] bool solve_on_curves(Outcome& outcome);
    /// The same from the present places, with the present curves. Collective.
    [[nodiscard]] bool settle_on_curves(Outcome& outcome, double tolerance_pu);
    /// Mean of an inverter's voltages, pu of nominal.
    [[nodiscard]] double mean_voltage(Follower const& follower) const;
    [[nodiscard]] bool has_places() const { return !place_on_curve.empty(); }
    /// What an inverter injects: at its place, or at its voltage where it has none.
    [[nodiscard]] Injection followed(std::size_t follower) const;
    /// Takes every inverter's place this part of the way to where its line meets the present voltages. Collective.
    /// \return how far from its place any of them was, pu.
    double move_along_curves(double part);
    /// Solves with `own_current`. Collective. \return the largest change of a voltage on any rank; infinite for what is no number.
    double step();
    /// What arrives at every own vertex at the present voltages, in its coordinates, charging included. Collective.
    [[nodiscard]] std::vector<double> brought();
    /// \pre the vertex has a parent.
    [[nodiscard]] Carried carried(std::size_t vertex, std::span<double const> brought) const;
    /// Where devices draw most that the last solution does not bring. Collective.
    void find_mismatch(Outcome& outcome);
    /// The largest of `kva` (of this rank, at a place of an own vertex) on any rank, and its node. Collective.
    void name_mismatch(Outcome& outcome, double kva, std::size_t vertex, std::size_t place) const;

    void move_to(Positions const& wanted);
    void set_branch(std::size_t vertex);

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
    InverterCurves curves;  ///< that are followed now: the settings', but on the way to them
    partition::TreeExchange exchange;
    Elimination elimination;
    Positions positions;
    TapRatios taps;
    std::vector<std::size_t> tapped;  ///< own vertices whose branch holds a tap changer
    std::vector<Device> attached;
    std::vector<std::size_t> first;  ///< devices of own vertex j: [first[j], first[j + 1])
    std::vector<double> stretch;     ///< factor on each device's voltage to that at which it is linearised
    std::vector<Complex> g, h;       ///< linear part of each device's current
    /// An inverter's part of the slope of its vertex: its current changes by `current` per pu of the mean of its voltages,
    /// and that by `voltage` times the coordinates' real and imaginary parts.
    struct CurveSlope {
        Eigen::Matrix<double, 6, 1> current, voltage;
    };
    std::vector<Follower> following;
    std::vector<std::size_t> first_following;  ///< of own vertex j: [first_following[j], first_following[j + 1])
    std::vector<CurveSlope> curve_slopes;
    std::vector<double> place_on_curve;  ///< of every inverter, pu; empty: all are at their voltages
    std::vector<Complex> power;          ///< of each device as the file has it
    bool solved = false;                 ///< there are voltages and slopes to go on from
    Capacitors shunts;
    std::vector<Eigen::VectorXcd> tie_currents;  ///< of the coils of each of the piece's ties
    std::vector<double> voltage;                 ///< width per local vertex: coordinates (see basis)
    std::vector<double> before;                  ///< the same, an iteration ago
    std::vector<Complex> to_ground;              ///< 3 per local vertex
    std::vector<double> own_current,
        drawn;  ///< width per own vertex: what its devices draw at zero voltage; with all below
    std::int64_t factorisations = 0;
    double factor_seconds = 0.0;
};

}  // namespace dec::powerflow
