/// \file decisions.hpp
/// A policy on a piece of feeder: for every DER whether its share is decided, within which bounds, what it costs and with whom
/// it is shared. Power in kW.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dec/fairness/policy.hpp"
#include "dec/partition/piece.hpp"

namespace dec::fairness {

/// What a customer was promised.
struct Contract {
    std::optional<double> weight_kw;        ///< in policies with weights, instead of the available power
    double floor_kw = 0.0;                  ///< export that is never curtailed
    bool exempt = false;                    ///< nothing is curtailed
    std::optional<std::int64_t> connected;  ///< day of connection, days since 1970-01-01
};

/// Share of `available` that the contract leaves to be curtailed; 0 without power.
[[nodiscard]] double reach_of(double available_kw, Contract const& contract);

/// One DER's share alpha = fixed + reach u, u decided; `fixed` alone where nothing is.
struct Decision {
    enum class Role : std::uint8_t {
        fixed,   ///< nothing to decide
        free,    ///< u is its own
        tied,    ///< u is common to the group
        capped,  ///< u is its own and at most the group's scalar
    };
    Role role = Role::fixed;
    double fixed = 0.0;
    double reach = 1.0;
    Cost cost;  ///< of u
    double lower = 0.0, upper = 1.0;
    std::int64_t group = -1;  ///< the same number on all ranks
};

struct Decisions {
    std::vector<Decision> ders;  ///< one per row of the piece's pv_systems
    Cost group_cost;             ///< of every group's scalar, which lies in [0, 1]
    std::int64_t groups = 0;     ///< numbers are below this
};

/// \param available_kw one per row of pv_systems; without any a DER takes no part.
/// \param contracts one per row of pv_systems, or empty. \param scope of a shared fraction.
/// Policies with levels: their first level. \pre the policy has a cost or levels. Not collective.
[[nodiscard]] Decisions decide(Policy const& policy, Scope scope, partition::Piece const& piece,
                               std::span<double const> available_kw, std::span<Contract const> contracts);

/// The policy's objective, of this rank's DERs: the sum of their costs; with levels the largest share, which is to be maximised
/// over the ranks instead of added.
[[nodiscard]] double objective(Policy const& policy, std::span<double const> available_kw,
                               std::span<double const> alpha, std::span<Contract const> contracts);

}  // namespace dec::fairness
