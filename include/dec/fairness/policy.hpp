/// \file policy.hpp
/// Who bears how much. A policy says what a DER's curtailed share costs and what ties shares together; one with a shared
/// scalar also how every DER's curtailment follows that scalar.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dec::fairness {

/// A DER's curtailed share as a function of the policy's scalar k: 0 up to `start`, 1 from `end` on, straight between.
struct Ramp {
    double start = 0.0;
    double end = 1.0;
    [[nodiscard]] double share(double k) const {
        if (k <= start) return 0.0;
        if (k >= end) return 1.0;
        return (k - start) / (end - start);
    }
};

/// phi(alpha) = cost alpha + 1/2 curvature alpha^2 - log_weight ln(1 - alpha).
struct Term {
    double cost = 0.0;
    double curvature = 0.0;
    double log_weight = 0.0;
    [[nodiscard]] double value(double alpha) const;
};

/// Who has one fraction in common under a policy with a shared fraction.
enum class Scope : std::uint8_t { feeder, area, agent };
[[nodiscard]] std::string_view to_text(Scope scope);
[[nodiscard]] std::optional<Scope> scope_from_text(std::string_view text);

/// Policies that decide one thing after the other, each without making worse what was decided before.
enum class Levels : std::uint8_t {
    none,
    largest_first,  ///< the largest share as small as possible, then the next
    oldest_first,   ///< what the first connected give up as little as possible, then the next
};

struct Policy {
    std::string_view name;          ///< as on the command line and in results
    std::string_view description;   ///< one line for `--help`
    bool shared_fraction = false;   ///< one fraction for all members of a scope; only then is there a scope
    /// The ramp of a DER with this much available power; available > 0. Unit of the scalar: that of `available`, or 1.
    Ramp (*ramp)(double available) = nullptr;
    /// The objective of the policy at scalar k, where `available` is the sum over all DERs. Power in the caller's unit.
    double (*objective)(double k, double available_sum) = nullptr;
    /// What the curtailed share of one DER adds to the objective. \param available > 0. \param weight of its contract;
    /// `available` without one. Absent where only the scalar is known.
    Term (*term)(double available, double weight) = nullptr;
    /// Several answers may cost the same; the one of smallest sum of available alpha^2 counts.
    bool tie_break = false;
    Levels levels = Levels::none;
};

/// Every policy there is; a new one is a file and one line here.
[[nodiscard]] std::span<Policy const> policies();
[[nodiscard]] Policy const* find_policy(std::string_view name);

}  // namespace dec::fairness
