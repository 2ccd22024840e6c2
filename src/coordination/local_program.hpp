/// \file local_program.hpp
/// What one agent decides by itself: its DERs' shares, for the voltages its nodes would have with nothing curtailed.
#pragma once

#include <vector>

#include "dec/coordination/limits.hpp"
#include "dec/fairness/policy.hpp"
#include "dec/model/agent_flow.hpp"
#include "dec/solvers/interior_point.hpp"

namespace dec::coordination {

class LocalProgram {
  public:
    /// Finds the sensitivities of the agent's nodes to its DERs and sets up the program, once. Keeps nothing of its arguments.
    /// \param nodes of the whole rank. \pre the agent has DERs, and the policy a cost.
    LocalProgram(model::AgentFlow& agents, model::LinDist3Flow const& flow, model::AgentPart const& part,
                 std::span<Node const> nodes, fairness::Policy const& policy);

    /// Nodes the agent can do something about, in rows of the rank's.
    [[nodiscard]] std::vector<std::size_t> const& nodes() const { return nodes_; }

    /// Writes the shares that cost least under the limits or, where there are none, among those that violate them least.
    /// \param room of each of `nodes`: squared voltage to the upper and from the lower limit with nothing curtailed.
    /// \param alpha one per row of the piece's pv_systems; only the agent's are written.
    struct Room {
        double above = 0.0, below = 0.0;
    };
    void decide(std::span<Room const> room, std::span<double> alpha);

  private:
    void set_room(std::span<Room const> room, double violation);
    solvers::Outcome minimise_cost();
    double least_violation();

    std::vector<std::int32_t> ders_;
    std::vector<std::size_t> nodes_;
    bool shared_fraction_ = false;
    solvers::QuadraticProgram cost_;  ///< variables: a share per DER or for all, then the violation; rows: see set_room
    solvers::InteriorPoint solver_;
    solvers::Index shares_ = 0;
};

}  // namespace dec::coordination
