/// \file brute_force.hpp
/// The smallest scalar of a policy by looking at every straight piece of every node's voltage, on the dense twin.
#pragma once

#include "dec/coordination/limits.hpp"
#include "dec/fairness/decisions.hpp"
#include "reference/dense_twin.hpp"

namespace dec::test {

struct BruteForce {
    bool feasible = false;
    double scalar = 0.0;  ///< of the policy, kW or 1
    std::vector<double> alpha;
    double violation = 0.0;  ///< of the worst limit at `scalar`, pu^2; negative: nothing binds
    std::string binding;     ///< first node within 1e-9 of its limit, empty where nothing had to be curtailed
};

/// Largest violation of any limit, pu^2. \param uncurtailed what decides which lower limits are relaxed.
[[nodiscard]] double worst_violation(Eigen::VectorXd const& seen, Eigen::VectorXd const& uncurtailed,
                                     coordination::VoltageLimits const& limits);

[[nodiscard]] BruteForce brute_force(DenseTwin const& twin, fairness::Policy const& policy,
                                     coordination::VoltageLimits const& limits,
                                     std::span<fairness::Contract const> contracts = {});

/// A limit between the highest voltage with nothing and with everything curtailed, so that `share` 0 asks for full
/// curtailment and 1 for none.
[[nodiscard]] double limit_between(DenseTwin const& twin, double share);

}  // namespace dec::test
