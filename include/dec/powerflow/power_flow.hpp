/// \file power_flow.hpp
/// Unbalanced AC power flow of a radial feeder that lies on several ranks: Newton's method whose linear systems are eliminated
/// on the tree, leaves to root, in dense blocks of a bus's phases. Linear in the number of buses; docs/power_flow.md.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/error.hpp"
#include "dec/feeder/per_unit.hpp"
#include "dec/partition/tree_exchange.hpp"

namespace dec::powerflow {

using Complex = std::complex<double>;

/// Outside which voltages a device no longer follows its own model but turns into the impedance it is at the limit.
enum class LoadLimits : std::uint8_t {
    file,  ///< the file's limits; where it gives none 0.95 to 1.05 pu for loads, 0.90 to 1.10 pu for what injects
    wide   ///< 0.5 to 1.5 pu for all
};

struct Settings {
    feeder::PerUnit per_unit;
    /// Voltage of the ideal source in pu of its nominal voltage; unset: what the file says.
    std::optional<double> source_voltage_pu;
    LoadLimits load_limits = LoadLimits::file;
    double tolerance_pu = 1e-10;  ///< largest change of any voltage in the last iteration
    std::int64_t max_iterations = 100;
};

enum class Status : std::uint8_t { converged, diverged };
/// "converged", "diverged".
[[nodiscard]] std::string_view to_text(Status status);
[[nodiscard]] core::ExitCode exit_code(Status status);

/// How a solution went. Equal on all ranks.
struct Outcome {
    Status status = Status::diverged;
    std::int64_t iterations = 0;
    std::int64_t factorisations = 0;  ///< of the whole tree; one is for the voltages at no load
    double change_pu = 0.0;           ///< largest change of a voltage in the last iteration
    double mismatch_kva = 0.0;        ///< largest power that the devices of a node draw and its branches do not bring
    std::string mismatch_node;        ///< where that is, "bus.phase"; empty if there is none
    std::vector<double> changes;      ///< change_pu of every iteration
    double seconds = 0.0,
           factor_seconds = 0.0;  ///< wall time on this rank: all of it, and of linearising and eliminating
};

/// What an element carries on the phases it feeds, places A, B, C or s1, s2, -. NaN where it carries nothing.
struct BranchFlow {
    std::array<Complex, 3> into_va{};   ///< power into the downstream bus, positive away from the substation
    std::array<double, 3> current_a{};  ///< into the downstream bus
    std::array<double, 3> loss_w{};  ///< sums over the phases are losses; one phase alone may gain from its neighbours
};

/// The whole feeder in W and var. Equal on all ranks.
struct Balance {
    Complex source;                   ///< delivered at the source bus, behind the source's own impedance
    Complex loads;                    ///< consumed
    Complex pv, batteries, machines;  ///< injected
    double losses_w = 0.0;            ///< of lines, transformers and series compensators
};

struct Flows {
    std::vector<BranchFlow> branches;  ///< one per row of the piece's branches
    /// Through the impedances of the branch above, into every own vertex, pu; places as in PowerFlow::voltages.
    std::vector<std::array<Complex, 3>> into_vertex;
    Balance balance;
};

class PowerFlow {
  public:
    /// Builds the equations. Keeps references to `piece`. Collective.
    /// \throws core::Error (bad input) on all ranks alike, naming a transformer whose clock does not fit its connections.
    PowerFlow(core::Communicator const& comm, partition::Piece const& piece, Settings const& settings);
    PowerFlow(PowerFlow const&) = delete;
    PowerFlow& operator=(PowerFlow const&) = delete;
    ~PowerFlow();

    /// Takes this share of the active power of each row of the piece's pv_systems off what the file says. Not collective.
    void curtail(std::span<double const> share);

    enum class Start : std::uint8_t {
        no_load,  ///< the voltages at no load
        present   ///< where the last solution ended, with its factorisation; at no load before the first
    };
    /// To a solution; nothing is allocated per iteration. Collective.
    /// \throws core::Error (bad input) on all ranks alike, naming a bus whose voltages nothing determines.
    [[nodiscard]] Outcome solve(Start from = Start::no_load);
    /// What the branches carry at the present voltages. Collective.
    [[nodiscard]] Flows flows();

    /// To ground, pu of `base_v`, three for every local vertex (own, then halo parents): place k belongs to the k-th phase of
    /// LocalVertex::phases.
    [[nodiscard]] std::span<Complex const> voltages() const;
    [[nodiscard]] Complex voltage(std::size_t vertex, feeder::Phase phase) const;
    [[nodiscard]] partition::Piece const& piece() const;
    [[nodiscard]] Settings const& settings() const;
    [[nodiscard]] std::int64_t bytes_sent() const;

  private:
    struct Equations;
    std::unique_ptr<Equations> equations_;
};

/// What the voltage of a node is in results: to ground, or behind a floating delta line to line in pu of the line-to-line
/// base. Rows of the phases A, B, C stand for AB, BC, CA there. NaN where there is no such voltage.
[[nodiscard]] Complex seen_voltage(PowerFlow const& flow, std::size_t vertex, feeder::Phase phase);

}  // namespace dec::powerflow
