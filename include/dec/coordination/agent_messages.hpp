/// \file agent_messages.hpp
/// What the agent behind each service transformer tells the one that feeds it while method `exact` runs, and what it is told.
/// Source: docs/agent_messages.md.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/partition/piece.hpp"
#include "dec/solvers/tree_cuts.hpp"

namespace dec::coordination {

/// Rows of numbers as they passed the boundaries: for each iteration one row per agent.
struct AgentMessages {
    struct Agent {
        std::int32_t boundary = -1;  ///< entry of partition::boundaries(piece)
        int rows = 0, flows = 0;     ///< of the PCC
    };
    struct Iteration {
        std::int64_t program = 0, iteration = 0;  ///< from 1; of a policy that solves several programs
        bool corrected = false;  ///< predictor and corrector; else one step only, which polishes the answer
    };
    std::vector<Agent> agents;                   ///< those that begin on this rank
    std::vector<Iteration> iterations;           ///< the same on all ranks
    std::size_t cut_size = 0;                    ///< the same on all ranks; solvers::width_of_value
    std::vector<double> value;                   ///< width_of_value(cut_size) each: read_message
    std::vector<double> step;                    ///< cut_size each: states, then prices of flows
    std::vector<double> slopes, corrected_step;  ///< cut_size each; NaN without corrector
    /// Numbers in all other rows, per agent: powers and duals drawn up, states and prices sent down, when an iterate is tested.
    std::int64_t other_up = 0, other_down = 0;
};

/// Solves programs of a piece with a cut at every service transformer and keeps what passes.
class Disclosure {
  public:
    explicit Disclosure(partition::Piece const& piece);
    /// As solvers::solve, of a program whose vertices are the piece's own. Collective.
    /// \pre no group has members behind a service transformer; no presolve, which would leave the agents nothing to say.
    [[nodiscard]] solvers::TreeOutcome solve(solvers::TreeProgram const& program, solvers::TreeLinks& links,
                                             solvers::TreeSettings const& settings, solvers::TreeStart const* start,
                                             solvers::TreeObserver const& watch);
    [[nodiscard]] AgentMessages take() { return std::move(messages_); }

  private:
    std::vector<std::int32_t> tops_;  // own vertices, agent by agent
    AgentMessages messages_;
    std::int64_t programs_ = 0;
};

}  // namespace dec::coordination
