/// \file exchange.hpp
/// Agents that decide by themselves and exchange what happens at their boundaries.
/// Source: Poudel et al., IEEE Trans. Sustainable Energy 14(3), 2023; docs/equations.md#exchange.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// How the voltages that agents are given follow from those the power flow found.
enum class Mixing : std::uint8_t {
    anderson,        ///< the combination of the last rounds that a linear answer of the agents would leave unchanged
    moving_average,  ///< the mean of the last rounds, as in the original
};

struct ExchangeSettings {
    Mixing mixing = Mixing::anderson;
    std::size_t memory = 5;  ///< rounds
    /// Begin as the original does, as if the source's voltage were everywhere; else with what nothing curtailed gives.
    bool flat_start = false;
    /// Agents whose own DERs cannot keep their nodes below the limit ask those below them for the rest.
    bool requests = true;
    /// How far the worst voltage may be outside its limit at the end, pu.
    double limit_tolerance_pu = 1e-6;
};

/// Each round every agent, from the leaves up, minimises its own cost under the limits of its own nodes, for the PCC voltage it
/// is given and the powers the agents below it hand up, and hands up its own; an agent without feasible point does the
/// least violation possible. The power flow with all orders gives the new voltages. The run stops when shares and the
/// difference between given and found voltages change by less than `Settings::tolerance` and every limit holds in the power flow with
/// exactly these orders: agents that stand still while a limit is violated have not converged.
/// A fixed point of selfish agents, not an optimum: `Answer::objective_optimal` says how far it is from one. Collective.
/// \pre no agent lies on two ranks (partition::Grain::agent).
[[nodiscard]] Answer exchange(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                              Settings const& settings, Observer const& observer);

/// The same with settings of its own. Collective.
[[nodiscard]] Answer exchange_with(core::Communicator const& comm, model::LinDist3Flow& flow,
                                   fairness::Policy const& policy, Settings const& settings,
                                   ExchangeSettings const& own, Observer const& observer);

}  // namespace dec::coordination
