/// \file tradeoff.hpp
/// Total curtailment against fairness: every policy, and a curve between the least curtailment and the same share from everybody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// How a burden is spread, over the DERs that have something to give.
struct Burden {
    double available_kw = 0.0, curtailed_kw = 0.0;
    double alpha_min = 0.0, alpha_mean = 0.0, alpha_max = 0.0;
    double jain = 1.0, gini = 0.0;  ///< of what is kept
    /// Root of the mean squared distance of shares from their mean, both weighted by available power.
    double spread = 0.0;
};
/// \param available_kw, alpha one per row of the piece's pv_systems. Collective; equal on all ranks.
[[nodiscard]] Burden burden(core::Communicator const& comm, std::span<double const> available_kw,
                            std::span<double const> alpha);

/// One answer among several to the same question.
struct Alternative {
    std::string policy;                    ///< "blend" on the curve
    std::optional<fairness::Scope> scope;  ///< of a policy that has one
    std::optional<double> blend;           ///< on the curve
    Status status = Status::optimal;
    std::int64_t iterations = 0;
    std::vector<double> alpha;  ///< one per row of the piece's pv_systems
    Burden burden;              ///< not meaningful without an answer
    double v_max_pu = 0.0;
    [[nodiscard]] bool is_answer() const { return status == Status::optimal || status == Status::converged; }
};

struct Tradeoff {
    double available_kw = 0.0;  ///< of all DERs
    double v_max_uncurtailed_pu = 0.0;
    std::vector<Alternative> policies;  ///< in the order asked for; `proportional` once for each scope
    double common_share = 0.0;          ///< of fairness::blend
    std::vector<Alternative> curve;     ///< by rising blend from 0 to 1; empty where nothing has to be curtailed
    bool interrupted = false;           ///< there would be more
};

struct TradeoffSettings {
    VoltageLimits limits;
    std::vector<fairness::Contract> contracts;  ///< one per row of the piece's pv_systems, or none
    std::vector<fairness::Policy const*> policies;
    int points = 21;  ///< of the curve, at equal steps of the blend, at least 2
};

/// Each policy by `exact`; the curve point after point, each from where the one before has ended. Where no common fraction is
/// feasible, the common share is what `quadratic` curtails of all that is available. `done` is called after every answer, on
/// every rank; `stop` is asked in every round, and all ranks then stop together. Collective.
/// \throws core::Error, infeasible, with the limits in conflict on all ranks alike if no answer holds them.
[[nodiscard]] Tradeoff trade_off(core::Communicator const& comm, model::LinDist3Flow& flow,
                                 TradeoffSettings const& settings, std::function<void(Alternative const&)> const& done,
                                 std::function<bool()> const& stop);

}  // namespace dec::coordination
