/// \file local_program.hpp
/// What one agent decides by itself: its DERs' shares, for the voltages its nodes would have with nothing curtailed.
#pragma once

#include <optional>
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

    /// What is left to a node's limits with nothing curtailed, squared voltage, pu^2.
    struct Room {
        double above = 0.0, below = 0.0;
        double asked = 0.0;  ///< above, if the node is to be as low as neighbours ask; at most `above`
    };
    /// Writes the shares that cost least among those that violate the limits least (not at all, where there are such) and, of
    /// these, come nearest to what neighbours ask. Nearest: least sum of squares.
    /// \param room of each of `nodes`. \param alpha one per row of the piece's pv_systems; only the agent's are written.
    /// \param binding of each DER whose share is not zero the node that curtails it most, in rows of the rank's, else -1.
    void decide(std::span<Room const> room, std::span<double> alpha, std::span<std::int32_t> binding);

  private:
    void hand_out(solvers::Outcome const& outcome, std::span<double> alpha, std::span<std::int32_t> binding) const;
    /// Of each node and row of `soft_`: how much its soft limit is loosened at least under the hard ones. Empty: unknown.
    solvers::Vector least_excess();
    void set_up_soft();

    std::vector<std::int32_t> ders_;
    std::vector<std::size_t> nodes_;
    bool shared_fraction_ = false;
    solvers::Index shares_ = 0;  ///< one per DER, or one for all
    /// Upper limit of node i in row 2i, effect x <= room above; lower limit in row 2i + 1, effect x >= -room below.
    solvers::QuadraticProgram cost_;
    solvers::InteriorPoint solver_;
    /// The same rows twice: hard, then soft, loosened by the node's excess, a variable behind the shares. Made when it is
    /// first needed.
    struct Soft {
        solvers::QuadraticProgram program;
        solvers::InteriorPoint solver;
    };
    std::optional<Soft> soft_;
};

}  // namespace dec::coordination
