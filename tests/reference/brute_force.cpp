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

std::vector<fairness::Ramp> ramps_of(DenseTwin const& twin, fairness::Policy const& policy,
                                     std::span<fairness::Contract const> contracts) {
    auto const& feeder = twin.feeder();
    std::vector<fairness::Ramp> ramps;
    for (auto id : feeder.pv_systems.ids()) {
        auto const bus = feeder.pv_systems[id].inverter.bus;
        fairness::RampOf der{.available = twin.available_kw()[id.at()]};
        for (auto other : feeder.pv_systems.ids())
            if (feeder.pv_systems[other].inverter.bus == bus) der.bus_available += twin.available_kw()[other.at()];
        for (auto const& load : feeder.loads.rows())
            for (auto const phase : load.phases.list())
                if (load.bus == bus) der.bus_load += load.p_w[feeder::slot(phase)] / 1000.0;
        double floor = 0.0;
        if (!contracts.empty()) floor = contracts[id.at()].exempt ? infinity : contracts[id.at()].floor_kw;
        der.reach = std::max(0.0, 1.0 - floor / der.available);
        ramps.push_back(der.available > 0.0 && der.reach > 0.0 ? policy.ramp(der) : fairness::Ramp{0.0, 1.0, 0.0});
    }
    return ramps;
}

}  // namespace

double worst_violation(Eigen::VectorXd const& seen, Eigen::VectorXd const& uncurtailed,
                       coordination::VoltageLimits const& limits) {
    double worst = -infinity;
    for (Eigen::Index i = 0; i < seen.size(); ++i) worst = std::max(worst, violation(seen(i), uncurtailed(i), limits));
    return worst;
}

BruteForce brute_force(DenseTwin const& twin, fairness::Policy const& policy, coordination::VoltageLimits const& limits,
                       std::span<fairness::Contract const> contracts) {
    auto const ramps = ramps_of(twin, policy, contracts);
    std::vector<double> corners;
    for (auto const& ramp : ramps)
        if (ramp.most > 0.0) {
            corners.push_back(ramp.start);
            corners.push_back(ramp.end);
        }
    if (corners.empty()) corners.push_back(0.0);
    std::ranges::sort(corners);
    auto const alpha_at = [&](double k) {
        std::vector<double> alpha;
        for (auto const& ramp : ramps) alpha.push_back(ramp.share(k));
        return alpha;
    };
    auto const uncurtailed = twin.seen(alpha_at(corners.front()));

    BruteForce result;
    auto const finish = [&](double k) {
        result.feasible = true;
        result.scalar = k;
        result.alpha = alpha_at(k);
        auto const seen = twin.seen(result.alpha);
        result.violation = worst_violation(seen, uncurtailed, limits);
        for (Eigen::Index i = 0; i < seen.size() && k > corners.front() && result.binding.empty(); ++i)
            if (violation(seen(i), uncurtailed(i), limits) > -1e-9)
                result.binding = twin.nodes()[static_cast<std::size_t>(i)].name;
        return result;
    };
    if (worst_violation(uncurtailed, uncurtailed, limits) <= 1e-12) return finish(corners.front());
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
