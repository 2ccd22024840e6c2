/// \file vertex_walks.hpp
/// How method exact comes from an answer of its first program to the one answer of a policy that compares several objectives: exactly,
/// by FeederSimplex. docs/equations.md#levels.
#pragma once

#include "dec/coordination/answer.hpp"
#include "feeder_simplex.hpp"

namespace dec::coordination {

/// Each walk begins at the shares in `answer` and writes there what it finds: shares, prices, who is bound by which node, levels, a round
/// of the history for each level. False if it was given up, with the answer as it was, or interrupted, which the status then says. All
/// are collective.
class VertexWalks {
  public:
    /// Keeps references.
    VertexWalks(core::Communicator const& comm, model::LinDist3Flow& flow, PieceLinks const& links,
                MarginalPrices& prices, fairness::Policy const& policy, Settings const& settings,
                Observer const& observer, fairness::Decisions const& decisions, Answer& answer);

    /// Where the limits hold, but for what first steps put right.
    [[nodiscard]] bool can_begin() const;
    /// The largest share as small as possible, then the next, and so on. \param low, high per node: prices near those of the first level.
    [[nodiscard]] bool levels(std::vector<double> const& low, std::vector<double> const& high);
    /// As little as possible from the first of these dates, then from the next, and so on; then the smallest squares.
    [[nodiscard]] bool dates(std::vector<double> const& dates);

  private:
    [[nodiscard]] FeederSimplex begin(bool capped);
    [[nodiscard]] bool look(std::vector<double> const& alpha);
    [[nodiscard]] bool arrive(std::vector<double> const& alpha, double gap);
    void take_prices();
    [[nodiscard]] bool is_open(std::size_t der) const {
        return decisions_.ders[der].role != fairness::Decision::Role::fixed;
    }

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    PieceLinks const& links_;
    MarginalPrices& prices_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    fairness::Decisions const& decisions_;
    Answer& answer_;
    std::vector<double> available_kw_;
    std::vector<double> low_, high_;  // per node: price of its limits, objective per pu^2
};

}  // namespace dec::coordination
