/// \file ratings.hpp
/// What branches may carry, as limits: per phase of lines, switches and series compensators (rated current at nominal voltage),
/// per unit of transformers (all phases of a three-phase unit, both legs of a centre tap, together).
/// Source: docs/equations.md#reactive-power-and-ratings.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dec/model/apparent_power.hpp"
#include "dec/model/lin_dist3_flow.hpp"

namespace dec::coordination {

/// How much of a vertex's power on one phase an element carries: a jumper beside an open-delta bank all of it, parallel
/// units equal parts.
[[nodiscard]] double carried_share(partition::Piece const& piece, partition::LocalVertex const& vertex,
                                   partition::Feeding const& feeding, feeder::Phase phase);

enum class Ratings : std::uint8_t { none, normal, emergency };

/// One limit of what flows into an own vertex.
struct RatedBranch {
    std::string name;      ///< "line l35.A", "transformer t3"
    std::int64_t row = 0;  ///< first row in the table of branches
    std::int32_t vertex = -1;
    model::Vector3 weight = model::Vector3::Zero();  ///< of the vertex's powers by phase
    double rating = 0.0;                             ///< pu
    double limit = 0.0;                              ///< pu; more than the rating where loads alone exceed that
};

/// Those of this rank whose rating is known, in the order of piece.branches. Curtailment cannot help a branch that is overloaded in
/// the same direction with nothing and with everything curtailed: it has no limit. One that loads alone overload, and feeds back too
/// much with nothing curtailed, may carry what its loads draw. Not collective.
struct RatedBranches {
    std::vector<RatedBranch> limited;
    double beyond_help = 0.0;  ///< how many have no limit, or a wider one
};
/// \param nothing, everything states with no and with all power curtailed.
[[nodiscard]] RatedBranches rated_branches(model::LinDist3Flow const& flow, Ratings which,
                                           model::FlowState const& nothing, model::FlowState const& everything);

/// |weight' (P, Q)| of a state, pu.
[[nodiscard]] double apparent_power(RatedBranch const& branch, model::FlowState const& state);

/// Names of those of all ranks that a state loads to their limit, in the feeder's order; on the root, elsewhere none. Collective.
[[nodiscard]] std::vector<std::string> loaded_branches(core::Communicator const& comm,
                                                       std::span<RatedBranch const> ratings,
                                                       model::FlowState const& state);

/// Carrying elements of this rank without any rating, and, asked for emergency ratings, those that only have a normal one.
struct MissingRatings {
    double none = 0.0, normal_only = 0.0;
    std::string first_without, first_normal;  ///< names
};
[[nodiscard]] MissingRatings missing_ratings(partition::Piece const& piece, Ratings which);

/// How many DERs of this rank with power have no rated apparent power, or one below what they have available.
struct AssumedRatings {
    double count = 0.0;
    std::string first;
};
[[nodiscard]] AssumedRatings assumed_ratings(model::LinDist3Flow const& flow);

}  // namespace dec::coordination
