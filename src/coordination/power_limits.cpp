#include "dec/coordination/power_limits.hpp"

#include <cmath>
#include <numbers>

namespace dec::coordination {

namespace {

bool knows_power(model::Der const& der) { return der.rated >= der.available; }

}  // namespace

model::PowerLimits power_limits(model::LinDist3Flow const& flow, fairness::Decisions const& decisions,
                                Settings const& settings, std::span<RatedBranch const> ratings,
                                model::FlowState const& nothing, model::FlowState const& everything) {
    constexpr double widest = std::numbers::pi / 8.0;
    model::PowerLimits powers;
    if (settings.reactive) powers.ders.resize(flow.ders().size());
    for (std::size_t d = 0; d < powers.ders.size(); ++d) {
        auto const& der = flow.ders()[d];
        if (der.vertex < 0 || !(der.available > 0.0)) continue;
        auto const& what = decisions.ders[d];
        auto& can = powers.ders[d];
        can.rated = knows_power(der) ? der.rated : der.available;
        can.power_factor = settings.power_factor;
        double const available = der.available / can.rated;
        double const least =
            what.role == fairness::Decision::Role::fixed ? 1.0 - what.fixed : 1.0 - what.reach * what.upper;
        can.circle = model::capability_circle(least * available, available, can.power_factor);
    }
    for (auto const& branch : ratings) {
        model::BranchRating rating{.vertex = branch.vertex, .weight = branch.weight, .limit = branch.limit};
        rating.circle = {{{-std::numbers::pi, std::numbers::pi}}, widest};
        // Where it is loaded at the ends of curtailment is allowed if it is on the circle.
        for (auto const* state : {&nothing, &everything}) {
            auto const* const s = state->power.data() + 6 * static_cast<std::size_t>(branch.vertex);
            rating.circle.add_corner(std::atan2(branch.weight.dot(Eigen::Map<model::Vector3 const>{s + 3}),
                                                branch.weight.dot(Eigen::Map<model::Vector3 const>{s})));
        }
        powers.branches.push_back(std::move(rating));
    }
    return powers;
}

AssumedRatings assumed_ratings(model::LinDist3Flow const& flow) {
    AssumedRatings assumed;
    for (auto id : flow.piece().feeder.pv_systems.ids()) {
        auto const& der = flow.ders()[id.at()];
        if (der.vertex < 0 || !(der.available > 0.0) || knows_power(der)) continue;
        if (assumed.count++ == 0.0) assumed.first = flow.piece().feeder.pv_systems.name(id);
    }
    return assumed;
}

std::vector<Eigen::Vector2d> rating_forces(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                                           solvers::TreeOutcome const& outcome) {
    std::vector<Eigen::Vector2d> forces(powers.branches.size(), Eigen::Vector2d::Zero());
    auto const& limits = assembled.program.flow_limits;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (assembled.rated[i] < 0) continue;
        auto const b = static_cast<std::size_t>(assembled.rated[i]);
        double const force = outcome.price_flow[i] / powers.branches[b].limit;
        // Of half-planes first come those of active power, each with its opposite.
        int before = 0;
        if (limits[i].side == solvers::TreeSide::half_plane)
            while (i > static_cast<std::size_t>(before) &&
                   assembled.rated[i - static_cast<std::size_t>(before) - 1] == assembled.rated[i])
                ++before;
        bool const opposite = before % 2 == 1;
        bool const of_reactive = before > 1 || limits[i].side == solvers::TreeSide::second_of_disc;
        forces[b][of_reactive ? 1 : 0] += opposite ? -force : force;
    }
    return forces;
}

std::vector<double> rating_prices(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                                  solvers::TreeOutcome const& outcome) {
    std::vector<double> prices(powers.branches.size(), 0.0);
    auto const& limits = assembled.program.flow_limits;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (assembled.rated[i] < 0) continue;
        auto const b = static_cast<std::size_t>(assembled.rated[i]);
        double const limit = powers.branches[b].limit, price = outcome.price_flow[i];
        // |x| <= 1 with the force F on x, x in parts of the limit; or p <= sqrt(1 - q^2) where q is a number.
        if (limits[i].side == solvers::TreeSide::half_plane && limits[i].bound > 0.0)
            prices[b] += price / limits[i].bound / limit;
        if (limits[i].side == solvers::TreeSide::second_of_disc)
            prices[b] += std::hypot(price, outcome.price_flow[i - 1]) / limit;
    }
    return prices;
}

}  // namespace dec::coordination
