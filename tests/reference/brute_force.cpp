#include "reference/brute_force.hpp"

#include <algorithm>
#include <cmath>

namespace dec::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Violation of one node's worse limit; -infinity where it has none.
double violation(double v, double uncurtailed, coordination::VoltageLimits const& limits) {
    if (std::isnan(v)) return -infinity;
    double const low = limits.v_min_pu * limits.v_min_pu, high = limits.v_max_pu * limits.v_max_pu;
    bool const relaxed = limits.relax_v_min && uncurtailed < low;
    return std::max(v - high, relaxed ? -infinity : low - v);
}

}  // namespace

double worst_violation(Eigen::VectorXd const& seen, Eigen::VectorXd const& uncurtailed,
                       coordination::VoltageLimits const& limits) {
    double worst = -infinity;
    for (Eigen::Index i = 0; i < seen.size(); ++i) worst = std::max(worst, violation(seen(i), uncurtailed(i), limits));
    return worst;
}

BruteForce brute_force(DenseTwin const& twin, fairness::Policy const& policy,
                       coordination::VoltageLimits const& limits) {
    auto const& available = twin.available_kw();
    std::vector<double> corners{0.0};
    for (double kw : available)
        if (kw > 0.0) {
            corners.push_back(policy.ramp(kw).start);
            corners.push_back(policy.ramp(kw).end);
        }
    std::ranges::sort(corners);
    auto const alpha_at = [&](double k) {
        std::vector<double> alpha;
        for (double kw : available) alpha.push_back(kw > 0.0 ? policy.ramp(kw).share(k) : 0.0);
        return alpha;
    };
    auto const uncurtailed = twin.seen(alpha_at(0.0));

    BruteForce result;
    auto const finish = [&](double k) {
        result.feasible = true;
        result.scalar = k;
        result.alpha = alpha_at(k);
        auto const seen = twin.seen(result.alpha);
        result.violation = worst_violation(seen, uncurtailed, limits);
        for (Eigen::Index i = 0; i < seen.size() && k > 0.0 && result.binding.empty(); ++i)
            if (violation(seen(i), uncurtailed(i), limits) > -1e-9)
                result.binding = twin.nodes()[static_cast<std::size_t>(i)].name;
        return result;
    };
    if (worst_violation(uncurtailed, uncurtailed, limits) <= 1e-12) return finish(0.0);
    for (std::size_t c = 1; c < corners.size(); ++c) {
        double const from = corners[c - 1], to = corners[c];
        if (to <= from) continue;
        auto const at_from = twin.seen(alpha_at(from)), at_to = twin.seen(alpha_at(to));
        // On this piece every node's two limits leave an interval of t in [0, 1].
        double first = 0.0, last = 1.0;
        for (Eigen::Index i = 0; i < at_from.size(); ++i) {
            if (std::isnan(at_from(i))) continue;
            auto const bound = [&](double f0, double f1) {  // f0 + t (f1 - f0) <= 0
                if (f0 <= 1e-13 && f1 <= 1e-13) return;
                if (f0 > 1e-13 && f1 > 1e-13) last = -infinity;
                else if (f0 > 1e-13) first = std::max(first, f0 / (f0 - f1));
                else last = std::min(last, f0 / (f0 - f1));
            };
            bool const relaxed = limits.relax_v_min && uncurtailed(i) < limits.v_min_pu * limits.v_min_pu;
            bound(at_from(i) - limits.v_max_pu * limits.v_max_pu, at_to(i) - limits.v_max_pu * limits.v_max_pu);
            if (!relaxed)
                bound(limits.v_min_pu * limits.v_min_pu - at_from(i), limits.v_min_pu * limits.v_min_pu - at_to(i));
        }
        if (first <= last + 1e-12) return finish(from + first * (to - from));
    }
    return result;
}

double limit_between(DenseTwin const& twin, double share) {
    auto const highest = [&](double alpha) {
        double v = 0.0;
        for (double each : twin.seen(std::vector<double>(twin.available_kw().size(), alpha))) v = std::fmax(v, each);
        return v;
    };
    return std::sqrt(highest(1.0) + share * (highest(0.0) - highest(1.0)));
}

}  // namespace dec::test
