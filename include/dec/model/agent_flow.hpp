/// \file agent_flow.hpp
/// LinDist3Flow of single agents, each cut from its neighbours: what an agent can say of its own nodes when it is told the
/// voltage at its PCC and what the agents below it draw.
#pragma once

#include <span>
#include <vector>

#include "dec/model/lin_dist3_flow.hpp"

namespace dec::model {

/// What an agent owns, in rows of the rank's piece.
struct AgentPart {
    std::int32_t agent = -1;             ///< row of the piece's agents
    std::vector<std::int32_t> vertices;  ///< own vertices, parents before children; the first is its uppermost place
    std::vector<std::int32_t> ders;      ///< those with available power, in the order of pv_systems
};

class AgentFlow {
  public:
    /// Keeps a reference to `flow`. Not collective. \pre no agent lies on two ranks (partition::Grain::agent).
    explicit AgentFlow(LinDist3Flow const& flow);

    /// The agents of this rank, by their uppermost places; so what an agent feeds comes after it.
    [[nodiscard]] std::vector<AgentPart> const& parts() const { return parts_; }

    /// Squared voltages of one agent's own vertices.
    /// \param alpha curtailed shares, one per row of pv_systems; those of other agents are not read.
    /// \param pcc squared voltages above the uppermost place, pu; not read by the agent of the ideal source.
    /// \param handed 6 per local vertex: power drawn from the vertex above by an agent that begins there; read at this agent's
    ///   children. \param v_sq 3 per local vertex; only this agent's are written.
    /// \return the power the agent draws at its PCC (zero for the agent of the ideal source).
    Vector6 solve(AgentPart const& part, std::span<double const> alpha, Vector3 const& pcc,
                  std::span<double const> handed, std::span<double> v_sq);
    /// How the voltages answer to a change of curtailment, with everything else at rest.
    void solve_change(AgentPart const& part, std::span<double const> alpha, std::span<double> v_sq);

  private:
    Vector6 sweep(AgentPart const& part, Vector3 const& above, std::span<double> v_sq);

    LinDist3Flow const& flow_;
    std::vector<AgentPart> parts_;
    std::vector<Elimination> eliminated_;  // of own vertices
    std::vector<double> draw_;             // 6 per own vertex
};

}  // namespace dec::model
