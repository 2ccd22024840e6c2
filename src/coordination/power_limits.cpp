#include "dec/coordination/power_limits.hpp"

#include <cmath>
#include <numbers>

namespace dec::coordination {

namespace {

using Vector2 = Eigen::Vector2d;

/// The force of each circle's chords, and the sum of their forces times bounds.
struct Chords {
    std::vector<Vector2> force;
    std::vector<double> support;
};
Chords chords_of(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                 solvers::TreeOutcome const& outcome) {
    auto const circles = powers.ders.size() + powers.branches.size();
    Chords chords{std::vector<Vector2>(circles, Vector2::Zero()), std::vector<double>(circles, 0.0)};
    auto const add = [&](std::vector<model::AssembledProgram::Side> const& sides, std::vector<double> const& prices) {
        for (std::size_t i = 0; i < sides.size(); ++i) {
            auto const& [circle, side, chord] = sides[i];
            if (!chord) continue;
            auto const c = static_cast<std::size_t>(circle);
            chords.force[c] += prices[i] * Vector2{side.p, side.q};
            chords.support[c] += prices[i] * side.bound;
        }
    };
    add(assembled.sides, outcome.price_flow);
    add(assembled.pair_sides, outcome.price_pair);
    return chords;
}

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

ChordForces chord_forces(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                         solvers::TreeOutcome const& outcome) {
    auto const chords = chords_of(powers, assembled, outcome);
    ChordForces sum;
    for (std::size_t c = 0; c < chords.force.size(); ++c) {
        double const force = chords.force[c].norm();
        sum.gap += std::max(0.0, force - chords.support[c]);
        sum.force += force;
    }
    return sum;
}

void refine(model::PowerLimits& powers, model::LinDist3Flow const& flow, model::AssembledProgram const& assembled,
            solvers::TreeOutcome const& outcome) {
    auto const forces = chords_of(powers, assembled, outcome).force;
    std::vector<Vector2> at(forces.size(), Vector2::Zero());
    for (std::size_t k = 0; k < assembled.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled.der[k]);
        if (!powers.decides(d)) continue;
        if (assembled.reactive[k] != 0) at[d].y() = outcome.u[k];
        else
            at[d].x() = flow.ders()[d].available / powers.ders[d].rated -
                        assembled.program.gains[static_cast<std::size_t>(assembled.program.controls[k].first_gain)] *
                            outcome.u[k];
    }
    std::size_t flow_at = 0, limit = 0;
    auto const& program = assembled.program;
    for (std::size_t j = 0; j < program.vertices.size(); ++j) {
        auto const& vertex = program.vertices[j];
        for (; limit < program.flow_limits.size() && program.flow_limits[limit].vertex == static_cast<std::int32_t>(j);
             ++limit) {
            auto const circle = assembled.sides[limit].circle;
            if (!assembled.sides[limit].chord) continue;
            auto const c = static_cast<std::size_t>(circle);
            if (c < powers.ders.size()) continue;
            auto const& branch = powers.branches[c - powers.ders.size()];
            auto const places = flow.piece().vertices[static_cast<std::size_t>(branch.vertex)].phases.list();
            at[c].setZero();
            std::size_t i = 0;
            for (auto p : places) {
                double const weight = branch.weight[static_cast<Eigen::Index>(feeder::slot(p))] / branch.limit;
                at[c] += weight * Vector2{outcome.flow[flow_at + i], outcome.flow[flow_at + vertex.rows + i]};
                ++i;
            }
        }
        flow_at += vertex.flows;
    }
    for (std::size_t c = 0; c < at.size(); ++c) {
        auto& circle = c < powers.ders.size() ? powers.ders[c].circle : powers.branches[c - powers.ders.size()].circle;
        circle.refine(at[c].x(), at[c].y(), forces[c].x(), forces[c].y());
    }
}

std::vector<Eigen::Vector2d> rating_forces(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                                           solvers::TreeOutcome const& outcome) {
    std::vector<Vector2> forces(powers.branches.size(), Vector2::Zero());
    for (std::size_t i = 0; i < assembled.sides.size(); ++i) {
        auto const& [circle, side, chord] = assembled.sides[i];
        auto const branch = static_cast<std::ptrdiff_t>(circle) - static_cast<std::ptrdiff_t>(powers.ders.size());
        if (circle < 0 || branch < 0) continue;
        auto const b = static_cast<std::size_t>(branch);
        forces[b] += outcome.price_flow[i] / powers.branches[b].limit * Vector2{side.p, side.q};
    }
    return forces;
}

std::vector<double> rating_prices(model::PowerLimits const& powers, model::AssembledProgram const& assembled,
                                  solvers::TreeOutcome const& outcome) {
    std::vector<double> prices(powers.branches.size(), 0.0);
    for (std::size_t i = 0; i < assembled.sides.size(); ++i) {
        auto const& [circle, side, chord] = assembled.sides[i];
        auto const branch = static_cast<std::ptrdiff_t>(circle) - static_cast<std::ptrdiff_t>(powers.ders.size());
        if (circle < 0 || branch < 0) continue;
        // p x + q y <= bound limit for a chord, and x <= sqrt(limit^2 - q^2) where q is a number.
        double const moves = chord ? side.bound : side.bound > 0.0 ? 1.0 / side.bound : 0.0;
        auto const b = static_cast<std::size_t>(branch);
        prices[b] += outcome.price_flow[i] * moves / powers.branches[b].limit;
    }
    return prices;
}

}  // namespace dec::coordination
