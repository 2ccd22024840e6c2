/// \file contenders.hpp
/// Short lists of limits that may have the largest part in somebody's curtailment: which of them cannot is left out. Parts are inner
/// products of a limit's vector with one of the DER's, and only positive ones count.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/model/phase_algebra.hpp"

namespace dec::coordination {

/// Parts that differ by less than this part of the larger are equal.
constexpr double equal_parts = 1e-9;

template <class Vector>
struct Contender {
    std::int64_t order = 0;
    Vector vector = Vector::Zero();
};
/// Of the voltages of a vertex, in pu^2, seen from DERs that are anywhere else.
using VoltageContenders = std::vector<Contender<model::Vector3>>;
/// Of the powers drawn at a vertex, seen from DERs at and below it.
using PowerContenders = std::vector<Contender<model::Vector6>>;

/// Directions that DERs' powers have: multiples of vectors in a box. None: `high` below `low`.
struct Cone {
    model::Vector6 low = model::Vector6::Constant(1.0), high = model::Vector6::Constant(-1.0);

    [[nodiscard]] bool empty() const { return low(0) > high(0); }
    /// One more DER.
    void include(model::Vector6 const& power);
    void include(Cone const& other);
    /// What it is on the other side of a linear map; wider than need be where the map mixes.
    [[nodiscard]] Cone through(model::Matrix66 const& map) const;
};

/// Leaves out those with no largest part whatever the DER: that are in the convex hull of the others and zero.
void keep_extreme(VoltageContenders& list);

/// Leaves out those that one other exceeds for every DER of the cone.
void keep_best(PowerContenders& list, Cone const& cone);

/// Whether a limit with this vector has a positive part in every DER of the cone.
[[nodiscard]] bool all_have_part(model::Vector6 const& vector, Cone const& cone);

}  // namespace dec::coordination
