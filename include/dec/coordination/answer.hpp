/// \file answer.hpp
/// What a coordination method returns: setpoints, how it got there, and what stands in the way if there are none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dec/coordination/agent_messages.hpp"
#include "dec/coordination/limits.hpp"
#include "dec/coordination/ratings.hpp"
#include "dec/core/error.hpp"
#include "dec/fairness/decisions.hpp"
#include "dec/fairness/policy.hpp"

namespace dec::coordination {

enum class Status { optimal, converged, relaxed, infeasible, iteration_limit, not_ac_feasible, diverged, interrupted };
[[nodiscard]] std::string_view to_text(Status status);
[[nodiscard]] core::ExitCode exit_code(Status status);

/// One line of the convergence history. Residuals in pu of squared voltage, NaN where a method has none.
struct Round {
    std::int64_t iteration = 0;
    double objective = 0.0;        ///< kW
    double primal_residual = 0.0;  ///< largest violation of a limit
    double dual_residual = 0.0;
    double max_alpha_change = 0.0;
    double total_injection_kw = 0.0;  ///< of all DERs
    std::int64_t ac_round = 0;        ///< of the correction; 0 for the method's own, whose voltages are linear
};

/// What AC power flow says of the setpoints, and what the correction made of those of the linear answer.
struct AcRecord {
    bool corrected = false;                 ///< limits, statuses and violations are those of AC voltages
    std::int64_t rounds = 0;                ///< answers after the linear one
    model::FlowState state;                 ///< squared voltages with the setpoints, of this rank's local vertices
    double v_max_pu = 0.0, v_min_pu = 0.0;  ///< over all limited nodes
    double violation_pu = 0.0;              ///< how far the worst is outside the limits in force
    double v_max_linear_pu = 0.0;           ///< with the setpoints of the linear answer
    std::int64_t nodes_below_vmin = 0;      ///< with nothing curtailed
    std::vector<double> alpha_linear;       ///< shares of the linear answer, one per row of pv_systems
};

struct Answer {
    Status status = Status::optimal;
    std::vector<double> alpha;                ///< curtailed share, one per row of the piece's pv_systems
    double objective = 0.0;                   ///< of the policy, kW
    std::optional<double> objective_optimal;  ///< the least there is under the limits, where a method may end above it
    std::int64_t iterations = 0;
    std::vector<Round> rounds;  ///< the same on all ranks
    /// kW curtailed by this rank's part of each agent: for each round one value per row of the piece's agents.
    std::vector<double> agent_curtailed_kw;
    /// Squared voltages at the PCCs, pu^2: for each round one for each phase that the PCC of each of partition::boundaries(piece) has.
    std::vector<double> boundary_v_sq;
    std::vector<std::int32_t> boundary_places;  ///< of the same: 3 times local vertex plus place
    std::int64_t binding_row = -1;              ///< node that binds every curtailed DER; -1 where nothing binds
    std::string binding_node;                   ///< its name, "bus.phase"
    double at_limit = 1e-9;                     ///< a squared voltage this near its limit is at it, pu^2
    model::FlowState uncurtailed, curtailed;    ///< of this rank's vertices
    std::vector<Node> nodes;
    /// Per entry of `nodes`, of methods that have them: what one pu less of the upper, or more of the lower limit would cost.
    std::vector<double> price_low, price_high;
    /// Reactive power injected, pu, per row of pv_systems; NaN, or none at all, where it is the file's.
    std::vector<double> reactive;
    std::vector<RatedBranch> ratings;  ///< where ratings are limits: those of this rank
    double beyond_help = 0.0;          ///< branches of this rank whose overload no curtailment takes away
    std::vector<double> price_rating;  ///< per entry of `ratings`, once there are prices: what one kVA less would cost
    /// Per row of pv_systems, where every DER may have its own: the node or rated branch whose limit binds it, empty where none does.
    std::vector<std::string> binding;
    std::optional<std::int64_t> levels;  ///< of a policy that has them
    std::optional<double> duality_gap;   ///< relative
    std::string open;                    ///< `converged`: what about the answer is not settled; the same on all ranks
    /// False where no setpoints were found that keep the limits by AC power flow: those that are here do not.
    bool has_setpoints = true;
    std::optional<AcRecord> ac;             ///< where AC power flow has an answer to the setpoints
    std::vector<std::string> ac_notes;      ///< what a person should know of it; on the root
    std::optional<AgentMessages> messages;  ///< if asked for
    std::vector<core::Finding> conflicts;   ///< infeasible: the nodes and limits in conflict; on the root
};

/// Called after every round on every rank; returning true asks for a stop, which all ranks then agree on.
using Observer = std::function<bool(Round const&)>;

struct Settings {
    VoltageLimits limits;
    /// Limits to keep instead of those that follow from `limits`: one entry for each of this rank's limited nodes.
    std::optional<std::vector<Node>> nodes;
    std::int64_t max_iterations = 1000;
    double tolerance = 0.0;                           ///< of methods that have one
    fairness::Scope scope = fairness::Scope::feeder;  ///< of policies that have one
    bool presolve = true;
    bool reactive = false;                      ///< inverters may use reactive power, within their apparent power
    double power_factor = 0.0;                  ///< of inverters that do, at least; 0: any
    Ratings ratings = Ratings::none;            ///< limits of what branches carry
    bool elastic = false;                       ///< least violation of the limits where they cannot be met
    bool disclose = false;                      ///< keep what agents tell each other, of policies without groups
    std::vector<fairness::Contract> contracts;  ///< one per row of the piece's pv_systems, or none
    /// What a curtailed share costs beside what the policy says, kW per share, one per row of pv_systems, or none: what the model does not
    /// know of its effect. Not in the objective. Of policies that make a sum of costs small.
    std::vector<double> beside;
    /// An answer to a similar question: shares per row of pv_systems, prices by row of the feeder's table of nodes.
    struct Start {
        std::vector<double> alpha;
        std::vector<double> reactive_kvar;  ///< injected
        std::map<std::int64_t, double> price_low, price_high;
    };
    std::optional<Start> start;
};

/// A method as the catalogue knows it.
struct Method {
    std::string_view name;
    std::string_view description;
    fairness::Scope default_scope = fairness::Scope::feeder;
    std::int64_t default_iterations = 1000;
    std::optional<double> default_tolerance;               ///< none: exact
    partition::Grain grain = partition::Grain::secondary;  ///< what it needs on one rank
    bool general =
        false;  ///< takes contracts, reactive power, ratings, elastic limits, an earlier answer to start from
    /// `scope` is read only where the policy has one.
    bool (*can_do)(fairness::Policy const& policy, fairness::Scope scope) = nullptr;
    /// Collective.
    Answer (*run)(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                  Settings const& settings, Observer const& observer) = nullptr;
};

/// The limits a method has to keep. `uncurtailed` decides which lower ones there are. Not collective.
[[nodiscard]] std::vector<Node> nodes_of(Settings const& settings, partition::Piece const& piece,
                                         model::FlowState const& uncurtailed);

/// Every method there is; a new one is a file and one line in catalogue.cpp.
[[nodiscard]] std::span<Method const> methods();
[[nodiscard]] Method const* find_method(std::string_view name);

}  // namespace dec::coordination
