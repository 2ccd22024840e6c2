/// \file apparent_power.hpp
/// Limits of apparent power p^2 + q^2 <= s^2: what inverters can do, what branches may carry. Programs take them as discs; those that
/// know only lines as the sides of polygons inside, so that every answer is allowed.
/// Source: docs/equations.md#reactive-power-and-ratings.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "dec/model/phase_algebra.hpp"

namespace dec::model {

/// Corners on arcs of the unit circle and the chords between them.
class CirclePolygon {
  public:
    /// p x + q y <= bound, the chord between two corners; (p, q) has length 1.
    struct Side {
        double p = 0.0, q = 0.0, bound = 1.0;
    };
    struct Arc {
        double from = 0.0, to = 0.0;  ///< rad, from < to
    };

    /// No sides at all.
    CirclePolygon() = default;
    /// Chords of at most `widest` rad over every arc.
    CirclePolygon(std::vector<Arc> const& arcs, double widest);

    /// In the order of the arcs and of the angle.
    [[nodiscard]] std::vector<Side> sides() const;
    /// Adds a corner at this angle; nothing outside of the arcs.
    void add_corner(double angle);

  private:
    std::vector<std::vector<double>> corners_;  // per arc, ascending
};

/// A DER whose reactive power is decided. Powers injected are positive, in parts of `rated`.
struct Capability {
    double rated = 0.0;  ///< apparent power, pu; 0: the reactive power is the file's
    double power_factor = 0.0;
    CirclePolygon circle;         ///< of (p, q)
    double cost = 0.0;            ///< of q^2
    std::optional<double> given;  ///< q, where it is no longer decided
    double held_side = 0.0;  ///< 1 or -1: curtailed or not, the power factor is the floor, with q below or above zero
    [[nodiscard]] bool decided() const { return rated > 0.0; }
    /// Largest |q| beside an active power between `low` and `high`.
    [[nodiscard]] double largest_reactive(double low, double high) const;
};

/// The circle of a DER that exports between `low` and `high`, parts of `rated`: only the arcs that matter.
[[nodiscard]] CirclePolygon capability_circle(double low, double high, double power_factor);

/// What a branch may carry: |weight' (P, Q)| <= limit, flows of its downstream vertex by phase.
struct BranchRating {
    std::int32_t vertex = -1;  ///< own vertex
    Vector3 weight = Vector3::Zero();
    double limit = std::numeric_limits<double>::infinity();  ///< pu, > 0
    CirclePolygon circle;                                    ///< of weight' (P, Q) / limit
    std::optional<Eigen::Vector2d> held;                     ///< weight' (P, Q) / limit, where it is no longer decided
};

/// Of a piece; nothing in it where these limits are not asked for.
struct PowerLimits {
    std::vector<Capability> ders;  ///< one per row of the piece's pv_systems, or none
    std::vector<BranchRating> branches;
    double room = 0.0;  ///< radii are this part longer
    [[nodiscard]] bool empty() const { return ders.empty() && branches.empty(); }
    [[nodiscard]] bool decides(std::size_t der) const { return !ders.empty() && ders[der].decided(); }
};

}  // namespace dec::model
