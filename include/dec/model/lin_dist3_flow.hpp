/// \file lin_dist3_flow.hpp
/// Linear three-phase branch flow (LinDist3Flow) of a radial feeder that lies on several ranks: flows up, voltages down.
/// Voltage-dependent loads and capacitors are eliminated exactly, so that one pass up and one down is the solution.
/// Source: Gan and Low, PSCC 2014; docs/equations.md.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/model/branch_store.hpp"
#include "dec/model/elimination.hpp"
#include "dec/model/injections.hpp"
#include "dec/model/operating_point.hpp"
#include "dec/partition/tree_exchange.hpp"

namespace dec::model {

struct LinearSettings {
    feeder::PerUnit per_unit;
    /// Voltage of the ideal source in pu of its nominal voltage; unset: what the file says.
    std::optional<double> source_voltage_pu;
};

/// State of every local vertex: three squared voltages, six powers drawn through its branch (P in 0-2, Q in 3-5).
struct FlowState {
    std::vector<double> v_sq;   ///< 3 per local vertex (own, then halo)
    std::vector<double> power;  ///< 6 per local vertex; entering the vertex from above
};

class LinDist3Flow {
  public:
    /// Builds and eliminates. Keeps references to `piece`. Collective.
    LinDist3Flow(core::Communicator const& comm, partition::Piece const& piece, LinearSettings const& settings);

    /// Takes the sensitivities of every branch and load at an AC operating point instead of balanced nominal voltages without losses.
    /// \param points one for every own vertex. \param loads one per row of the piece's loads. Collective.
    void linearise_at(std::span<OperatingPoint const> points, std::span<LoadPoint const> loads);
    /// As it was built. Collective.
    void linearise_balanced();

    /// Squared voltages and flows for given curtailed shares, one per row of the piece's pv_systems. Two sweeps. Collective.
    void solve(std::span<double const> alpha, FlowState& state);
    /// From now on DERs inject these reactive powers, pu, one per row of pv_systems; NaN, or none at all: what the file says.
    void set_reactive(std::vector<double> injected) { reactive_ = std::move(injected); }
    /// How the squared voltages answer to a change of curtailment and of reactive powers injected (none: no change): as `solve`,
    /// with sources and loads at rest. Collective.
    void solve_change(std::span<double const> alpha, FlowState& state, std::span<double const> reactive = {});
    /// Gradient of sum_i weight_i v_i with respect to every DER's curtailed share: the two sweeps transposed.
    /// \param weight 3 per local vertex. \param gradient one per row of pv_systems.
    /// \param of_power likewise 6 weights of the powers into every local vertex, or none.
    /// \param reactive gradient with respect to reactive powers injected, or none. Collective.
    void gradient(std::span<double const> weight, std::span<double> gradient, std::span<double const> of_power = {},
                  std::span<double> reactive = {});

    [[nodiscard]] std::vector<Der> const& ders() const { return ders_; }
    [[nodiscard]] Injections const& injections() const { return injections_; }
    /// Of own vertices; meaningless for the ideal source.
    [[nodiscard]] BranchStore const& blocks() const { return blocks_; }
    /// What one pass up knows of an own vertex; the branch alone where nothing below it answers to voltages.
    [[nodiscard]] Elimination elimination(std::int32_t vertex) const;
    [[nodiscard]] Vector3 const& source_v_sq() const { return source_v_sq_; }
    [[nodiscard]] partition::Piece const& piece() const { return piece_; }
    [[nodiscard]] LinearSettings const& settings() const { return settings_; }
    [[nodiscard]] partition::TreeExchange& exchange() { return exchange_; }

  private:
    /// \param points null: balanced voltages without losses.
    void build_blocks(OperatingPoint const* points);
    void eliminate();
    /// What answers to voltages at a vertex and below; null where nothing does.
    [[nodiscard]] Elimination const* sloped(std::int32_t vertex) const {
        auto const row = elimination_row_[static_cast<std::size_t>(vertex)];
        return row < 0 ? nullptr : &eliminated_[static_cast<std::size_t>(row)];
    }
    void sweep(Vector3 const& source, FlowState& state);
    void gather_draw(std::span<double const> alpha);

    partition::Piece const& piece_;
    LinearSettings settings_;
    partition::TreeExchange exchange_;
    BranchStore blocks_;
    Injections injections_;
    std::vector<Der> ders_;
    // Where nothing below answers to voltages, what is seen from above is the branch alone.
    std::vector<std::int32_t> elimination_row_;  // per own vertex, -1: none
    std::vector<Elimination> eliminated_;
    Vector3 source_v_sq_ = Vector3::Zero();
    std::vector<double> reactive_;  // injected, per DER; NaN or none: the file's
    // Room for sweeps, 6 per local vertex each.
    std::vector<double> draw_;  // own draw, then with everything below it; of a gradient: price of power
    std::vector<double>
        message_;  // what the branch above delivers at zero upstream voltage; of a gradient: prices of voltages
};

/// Squared voltage as a limit sees it: of each phase, or line to line behind a floating delta. `v_sq` and the result: 3 places.
[[nodiscard]] Vector3 seen_voltage(partition::LocalVertex const& vertex, Vector3 const& v_sq);

}  // namespace dec::model
