/// \file policy.hpp
/// Who bears how much. A policy with one shared scalar says how every DER's curtailment follows that scalar; one with a cost
/// per share says what a sum over DERs or scopes is to be made small.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dec::fairness {

/// A DER's curtailed share as a function of the policy's scalar k: 0 up to `start`, `most` from `end` on, straight between.
struct Ramp {
    double start = 0.0;
    double end = 1.0;
    double most = 1.0;
    [[nodiscard]] double share(double k) const {
        if (k <= start) return 0.0;
        if (k >= end) return most;
        return most * (k - start) / (end - start);
    }
};

/// What a DER's ramp follows from. Power in the caller's unit.
struct RampOf {
    double available = 0.0;                      ///< > 0
    double reach = 1.0;                          ///< share of it that contracts leave to be curtailed, > 0
    double bus_available = 0.0, bus_load = 0.0;  ///< of all DERs and of all loads at its bus, these at nominal voltage
};

/// Who shares one fraction under a policy that has one.
enum class Scope : std::uint8_t { agent, area, feeder };
/// "agent", "area", "feeder".
[[nodiscard]] std::string_view to_text(Scope scope);
[[nodiscard]] std::optional<Scope> scope_from_text(std::string_view text);

/// What a curtailed share x costs: linear x + quadratic x^2 - logarithmic ln(1 - x). Power in the caller's unit.
struct Cost {
    double linear = 0.0, quadratic = 0.0, logarithmic = 0.0;
    [[nodiscard]] double of(double share) const;
};

/// Policies that decide one thing after the other, each without making worse what was decided before.
enum class Levels : std::uint8_t {
    none,
    largest_first,  ///< the largest share as small as possible, then the next
    oldest_first,   ///< what was connected first is curtailed as little as possible, then the next
};

struct Policy {
    std::string_view name;         ///< as on the command line and in results
    std::string_view description;  ///< one line for `--help`
    bool shared_fraction = false;  ///< one fraction for all members of a scope; only then is there a scope
    /// The cost of a share of this much available power, a DER's or, with a shared fraction, a scope's; the policy makes the
    /// sum over all of them as small as possible. None: not a sum.
    std::function<Cost(double available)> cost;
    bool weighted = false;  ///< a contract may name a weight that stands for the available power in `cost`
    /// Several answers may cost the same; the one of smallest sum of available x^2 counts.
    bool tie_break = false;
    Levels levels = Levels::none;  ///< `cost` is then what is reported, if there is one
    /// Set where one scalar decides everything, from the smallest `start` of all ramps on. Unit of the scalar: that of power, or 1.
    Ramp (*ramp)(RampOf const& der) = nullptr;
    /// With `ramp`: what the policy reports at scalar k, where `available` is the sum over all DERs. Power in the caller's unit.
    double (*objective)(double k, double available_sum) = nullptr;
};

/// Every policy there is; a new one is a file and one line here.
[[nodiscard]] std::span<Policy const> policies();
[[nodiscard]] Policy const* find_policy(std::string_view name);

/// What lies between the policies, for a curve: blend 0 is `min-curtailment` (without its tie-break), 1/2 `quadratic`, 1 as near as
/// possible to everybody giving up `common_share`, which is `proportional` over the feeder where that is its fraction. Every DER
/// costs available (blend x^2 + 2 common_share (1 - 2 blend) x): for blend > 0 the answer is the point nearest to the common
/// share common_share (2 - 1 / blend), squares weighted by available power, and of all answers that curtail as much in sum the
/// one of smallest sum of available x^2. Source: docs/tradeoff.md. \pre 0 <= blend <= 1, common_share > 0.
[[nodiscard]] Policy blend(double blend, double common_share);

}  // namespace dec::fairness
