/// \file power_flow.hpp
/// Unbalanced AC power flow of a feeder that lies on several ranks: Newton's method whose linear systems are eliminated on the
/// tree, leaves to root, in dense blocks of a bus's phases, linear in the number of buses; or, with loops, by a sparse direct
/// solver. docs/power_flow.md.
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
#include "dec/powerflow/inverter_curves.hpp"

namespace dec::powerflow {

using Complex = std::complex<double>;

/// Outside which voltages a device no longer follows its own model but turns into the impedance it is at the limit.
enum class LoadLimits : std::uint8_t {
    file,  ///< the file's limits; where it gives none 0.95 to 1.05 pu for loads, 0.90 to 1.10 pu for what injects
    wide   ///< 0.5 to 1.5 pu for all
};

/// Two ways to solve the same equations.
enum class Solver : std::uint8_t {
    tree,   ///< elimination on the tree; radial feeders only
    sparse  ///< PETSc: Newton's method with a line search on all of it, whose systems a parallel direct solver factors
};
/// "tree", "sparse".
[[nodiscard]] std::string_view to_text(Solver solver);
/// Which one goes to work.
enum class SolverChoice : std::uint8_t {
    automatic,  ///< the tree's; the sparse one where there are loops, and where the tree's finds no solution
    tree,
    sparse
};

struct Settings {
    feeder::PerUnit per_unit;
    /// Voltage of the ideal source in pu of its nominal voltage; unset: what the file says.
    std::optional<double> source_voltage_pu;
    LoadLimits load_limits = LoadLimits::file;
    InverterCurves curves;  ///< that photovoltaic inverters follow; without any they inject what the file says
    double pv_scale = 1.0;  ///< on the power of all photovoltaics
    SolverChoice solver = SolverChoice::automatic;
    double tolerance_pu = 1e-10;  ///< largest change of any voltage in the last iteration
    std::int64_t max_iterations = 100;
};

enum class Status : std::uint8_t {
    converged,
    diverged,
    iteration_limit  ///< every power flow converged, but the controls did not settle
};
/// "converged", "diverged", "iteration_limit".
[[nodiscard]] std::string_view to_text(Status status);
[[nodiscard]] core::ExitCode exit_code(Status status);

/// How a solution went. Equal on all ranks.
struct Outcome {
    Status status = Status::diverged;
    Solver solver = Solver::tree;  ///< whose answer it is
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
    std::vector<Complex> pv_va;        ///< injected by each of the piece's photovoltaic systems
    /// Through the impedances of the branch above, into every own vertex, pu; places as in PowerFlow::voltages.
    std::vector<std::array<Complex, 3>> into_vertex;
    Balance balance;
};

/// A load's part on one phase, or between two, near the present voltages: what it draws, pu, and what that changes by per pu^2 of the
/// squared voltage across it, in pu of what balanced voltages of 1 pu give.
struct LoadPart {
    Complex power, slope;
    double v_sq = 0.0;  ///< at present
};

/// Where tap changers and capacitors stand.
struct Positions {
    std::vector<double> tap_steps;                     ///< per row of the piece's tap changers
    std::vector<feeder::PerPhase> capacitor_sections;  ///< switched in, per row of the piece's capacitors
    bool operator==(Positions const&) const = default;
};
/// Of a feeder as it stands.
[[nodiscard]] Positions positions_of(feeder::Feeder const& feeder);
/// Makes a feeder stand so. \pre the positions are of its tables.
void apply(Positions const& positions, feeder::Feeder& feeder);

/// What stands at a terminal that a control looks at, places A, B, C or s1, s2, -; zero where there is no such phase.
struct Reading {
    std::array<Complex, 3> volts{};    ///< to ground
    std::array<Complex, 3> amperes{};  ///< into the element; zero for a bus alone
};

class PowerFlow {
  public:
    /// Builds the equations. Keeps references to `piece`. Collective.
    /// \throws core::Error (bad input) on all ranks alike, naming a transformer whose clock does not fit its connections.
    PowerFlow(core::Communicator const& comm, partition::Piece const& piece, Settings const& settings);
    PowerFlow(PowerFlow const&) = delete;
    PowerFlow& operator=(PowerFlow const&) = delete;
    ~PowerFlow();

    /// Takes this share of the active power of each row of the piece's pv_systems off what the file says. \param reactive power that
    /// each injects, pu, on its phases as its active power is; NaN, or none at all: what the file says. Not collective.
    void curtail(std::span<double const> share, std::span<double const> reactive = {});

    /// From now on devices keep their model above their upper limit, unless that is below `v_pu`; unset: none does. For whoever
    /// looks for voltages up to `v_pu` and passes by higher ones on the way. Those that step there, or up to 1e-4 pu lower, are what they
    /// are now, on whichever side of the step: they have two states, and go on in theirs. Not collective.
    void keep_models_above(std::optional<double> v_pu);
    /// For every own vertex the lowest voltage, pu of balanced ones, above which a device that keeps its model beyond would draw another
    /// power by a step; infinity where there is none.
    [[nodiscard]] std::vector<double> steps_above() const;
    /// One for every row of the piece's loads and place A, B, C or s1, s2, - at the present voltages; zero where it has no such part.
    [[nodiscard]] std::vector<std::array<LoadPart, 3>> load_parts() const;

    /// Where an iteration begins: at the voltages of no load, or at the present ones (of no load before the first solution).
    enum class Start : std::uint8_t { no_load, present };
    /// From there to a solution; nothing is allocated per iteration of the tree's solver. Collective.
    /// \throws core::Error (bad input) on all ranks alike, naming a bus whose voltages nothing determines, or where the tree's
    ///   solver is asked for a feeder with loops.
    [[nodiscard]] Outcome solve(Start start = Start::no_load);
    /// What the branches carry at the present voltages. Collective.
    [[nodiscard]] Flows flows();

    /// How a sum of weight times |v|^2 at the present voltages answers to the powers of the piece's pv_systems, losses, angles and whatever
    /// else follows the voltages included: one adjoint solution with the slopes there. Radial feeders only.
    /// \param weight three for every local vertex, of those squared voltages that `seen_voltage` gives for phases A, B, C or s1, s2, -;
    ///   those of own vertices count.
    /// \param share answer to the share that is curtailed, one per row. \param reactive to reactive power injected, pu, or none of it.
    /// \pre the last solution converged. Collective.
    void gradient(std::span<double const> weight, std::span<double> share, std::span<double> reactive = {});

    /// To ground, pu of `base_v`, three for every local vertex (own, then halo parents): place k belongs to the k-th phase of
    /// LocalVertex::phases.
    [[nodiscard]] std::span<Complex const> voltages() const;
    [[nodiscard]] Complex voltage(std::size_t vertex, feeder::Phase phase) const;
    /// What the piece's monitors see at the present voltages, one each. Collective.
    [[nodiscard]] std::vector<Reading> readings();

    /// Those of the feeder at first.
    [[nodiscard]] Positions const& positions() const;
    /// Moves taps and capacitors; voltages stay as they are until the next solution. Collective.
    void move_to(Positions const& positions);

    [[nodiscard]] partition::Piece const& piece() const;
    [[nodiscard]] Settings const& settings() const;

  private:
    struct Equations;
    class SparseNewton;
    [[nodiscard]] Outcome solve_on_tree(Start start);
    std::unique_ptr<Equations> equations_;
    std::unique_ptr<SparseNewton> sparse_;  // once it is needed
};

/// What the voltage of a node is in results: to ground, or behind a floating delta line to line in pu of the line-to-line
/// base. Rows of the phases A, B, C stand for AB, BC, CA there. NaN where there is no such voltage.
[[nodiscard]] Complex seen_voltage(PowerFlow const& flow, std::size_t vertex, feeder::Phase phase);

}  // namespace dec::powerflow
