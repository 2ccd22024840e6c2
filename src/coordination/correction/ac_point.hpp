/// \file ac_point.hpp
/// AC power flow at given setpoints, in the terms of the linear model.
#pragma once

#include <string>
#include <vector>

#include "dec/coordination/correction.hpp"

namespace dec::coordination {

class AcPoint {
  public:
    /// Keeps references to all.
    AcPoint(core::Communicator const& comm, partition::Piece const& piece, powerflow::PowerFlow& flow)
        : comm_{comm}, piece_{piece}, flow_{flow} {}

    /// \param reactive as LinDist3Flow::set_reactive has it.
    /// \return false where power flow has no answer; `why` then says where. Collective.
    bool solve(std::span<double const> alpha, std::span<double const> reactive = {});
    /// The same, beginning at no load as somebody else would.
    bool solve_afresh(std::span<double const> alpha, std::span<double const> reactive = {});
    /// Devices keep their model above a voltage limit, where no answer is; or they do what they do. The next solution has it so.
    void keep_models_above(std::optional<double> v_pu) { flow_.keep_models_above(v_pu); }
    /// For every node how much below its upper limit it has to stay, pu, lest what keeps its model there draws another power by a step.
    [[nodiscard]] std::vector<double> room_before_steps(std::span<Node const> limits) const;
    [[nodiscard]] std::string const& why() const { return why_; }

    /// Squared voltages of local vertices as the linear model has them: behind a floating delta those whose line-to-line voltages
    /// are the AC ones.
    [[nodiscard]] model::FlowState const& state() const { return state_; }
    /// What the linear model needs to take its sensitivities here: one for every own vertex. Collective.
    [[nodiscard]] std::vector<model::OperatingPoint> operating_points();
    /// The same of loads, one for every row of the piece's.
    [[nodiscard]] std::vector<model::LoadPoint> load_points() const;

    /// Derivative of sum (high - low) v with respect to every DER's share, as MarginalPrices::gradient has it of the model. Collective.
    [[nodiscard]] std::vector<double> gradient(std::span<Node const> nodes, std::vector<double> const& low,
                                               std::vector<double> const& high);

    /// How far the worst node is outside its limits, pu. Collective.
    [[nodiscard]] double violation_pu(std::span<Node const> limits) const;
    /// For the record: highest, lowest, worst. Collective.
    void describe(std::span<Node const> limits, AcRecord& record) const;

  private:
    bool solve_from(bool present);
    core::Communicator const& comm_;
    partition::Piece const& piece_;
    powerflow::PowerFlow& flow_;
    model::FlowState state_;
    std::string why_;
};

/// How far the worst node of a state is outside its limits, pu; at least 0. Collective.
[[nodiscard]] double worst_violation_pu(core::Communicator const& comm, partition::Piece const& piece,
                                        std::span<Node const> limits, model::FlowState const& state);

/// "a, b, c and 4 more" of the nodes for which `chosen`, in the feeder's order; on the root, empty where there are none. Collective.
[[nodiscard]] std::string named(core::Communicator const& comm, partition::Piece const& piece,
                                std::span<Node const> nodes, std::vector<char> const& chosen);

}  // namespace dec::coordination
