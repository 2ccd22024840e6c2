/// \file correction.hpp
/// AC power flow after the linear answer of any method, and correction until the AC voltages hold.
/// Source: docs/equations.md#from-linear-to-ac.
#pragma once

#include "dec/coordination/answer.hpp"
#include "dec/powerflow/power_flow.hpp"

namespace dec::coordination {

struct CorrectionSettings {
    std::int64_t max_rounds = 15;
    /// Before the first two rounds sensitivities are taken at the AC point, with marginal losses; later no more, lest vertices jump.
    bool rebuild = true;
};

/// How far outside its limit an AC voltage may be, pu.
inline constexpr double ac_tolerance_pu = 1e-5;

/// Limits of this rank's nodes for an answer that is to be corrected: a node has a lower one only if neither its AC voltage nor its
/// linear one is below that with nothing curtailed. Collective.
[[nodiscard]] std::vector<Node> limits_to_start_with(core::Communicator const& comm, model::LinDist3Flow& flow,
                                                     powerflow::PowerFlow& ac, VoltageLimits const& limits);

/// AC power flow at the setpoints of `answer`, for `Answer::ac`. A solved answer whose AC voltages are outside their limits by
/// more than it says itself, or that has none, becomes `not_ac_feasible`. `ac` is left at the setpoints. Collective.
void check_ac(core::Communicator const& comm, model::LinDist3Flow const& flow, powerflow::PowerFlow& ac,
              Settings const& settings, Answer& answer);

/// Rounds of AC power flow and `method` again, with limits moved by the difference between AC and linear voltages, until the AC
/// voltages are inside them and the curtailment stands still. Turns `linear`, a solved or infeasible answer of `method`, into that, with
/// limits, voltages in force and prices those of AC. An infeasible one stays that unless AC voltages have an answer. Otherwise as `check_ac`: `converged` where it holds the limits but may not be the
/// optimum, `not_ac_feasible` where no setpoints were found that hold them; nodes that no curtailment can help are named in
/// `Answer::ac_notes`, the other limits kept. `flow` and `ac` are left at the balanced model and at the setpoints. Collective.
[[nodiscard]] Answer correct_to_ac(core::Communicator const& comm, model::LinDist3Flow& flow, powerflow::PowerFlow& ac,
                                   Method const& method, fairness::Policy const& policy, Settings const& settings,
                                   Observer const& observer, Answer linear, CorrectionSettings const& own = {});

}  // namespace dec::coordination
