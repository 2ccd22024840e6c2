/// \file policy.hpp
/// Who bears how much. A policy with one shared scalar says how every DER's curtailment follows that scalar.
#pragma once

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

struct Policy {
    std::string_view name;          ///< as on the command line and in results
    std::string_view description;   ///< one line for `--help`
    bool shared_fraction = false;   ///< one fraction for all members of a scope; only then is there a scope
    /// The ramp of a DER with this much available power; available > 0. Unit of the scalar: that of `available`, or 1.
    Ramp (*ramp)(double available) = nullptr;
    /// The objective of the policy at scalar k, where `available` is the sum over all DERs. Power in the caller's unit.
    double (*objective)(double k, double available_sum) = nullptr;
};

/// Every policy there is; a new one is a file and one line here.
[[nodiscard]] std::span<Policy const> policies();
[[nodiscard]] Policy const* find_policy(std::string_view name);

}  // namespace dec::fairness
