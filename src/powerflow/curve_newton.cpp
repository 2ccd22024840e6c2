/// Newton's method on places of inverter curves. A steep curve has next to no width in voltage: whole steps go from one end of it to
/// the other and back. So each inverter has a place of its own on its curve, found from voltage and power together,
///
///     z = v - span h(v),   h the share of its rating that it injects, active and reactive together,
///
/// which grows by as much as the voltage along the flat parts and by as much as the power along the steep ones (S. M. Robinson, "Normal maps induced by linear transformations", Mathematics of Operations Research 17(3), 1992). A step solves the
/// network with every inverter on the straight line through its place; where that meets the network tells z, and z the next place.
#include <algorithm>
#include <cmath>
#include <limits>

#include "equations.hpp"

namespace dec::powerflow {

namespace {

constexpr std::int64_t most_steps = 100;
/// Voltage that a whole rating is taken for, pu. More than all inverters together move: with less they would jump over the steep part of
/// their curves, all at once, from one flat part to the other; with more they leave it only when its line leaves the curve.
constexpr double span_pu = 0.5;
/// Steps are cut to this: beyond, constant powers are not what their tangents say.
constexpr double longest_step_pu = 0.2;
/// So many steps in a row that do not bring the places nearer to the network are followed by shorter ones, that do by longer ones.
constexpr int patience = 4;
constexpr double shortest = 1.0 / 64.0;
/// Curves on the way are softer by this from one to the next, and need not be met exactly.
constexpr double harder = 0.3, on_the_way_pu = 1e-6;

/// The curve of an inverter behind a drop of `softness` pu at its whole rating: falling parts are no steeper than its inverse.
Curve softened(Curve curve, double softness) {
    for (auto& point : curve) point.v_pu -= softness * point.value;
    return curve;
}
/// With which softness to begin; none where that would put a rising curve out of order.
double softest(InverterCurves const& curves) {
    constexpr double first = 0.1;
    for (auto const* curve : {&curves.volt_var, &curves.volt_watt})
        for (std::size_t i = 1; i < curve->size(); ++i)
            if ((*curve)[i].value > (*curve)[i - 1].value) return 0.0;
    return first;
}
/// Voltage over share in the steepest part: no curve needs to be softer than that on the way.
double steepest(InverterCurves const& curves) {
    double least = std::numeric_limits<double>::infinity();
    for (auto const* curve : {&curves.volt_var, &curves.volt_watt})
        for (std::size_t i = 1; i < curve->size(); ++i)
            if (double const fall = (*curve)[i - 1].value - (*curve)[i].value; fall > 0.0)
                least = std::min(least, ((*curve)[i].v_pu - (*curve)[i - 1].v_pu) / fall);
    return least;
}

}  // namespace

double PowerFlow::Equations::mean_voltage(Follower const& follower) const {
    double mean = 0.0;
    for (std::size_t k = 0; k < follower.count; ++k) {
        auto const& device = attached[follower.first + k];
        mean += std::abs(across(device)) / device.nominal / static_cast<double>(follower.count);
    }
    return mean;
}

Injection PowerFlow::Equations::followed(std::size_t f) const {
    return injection(curves, following[f].rating, has_places() ? place_on_curve[f] : mean_voltage(following[f]));
}

double PowerFlow::Equations::move_along_curves(double part) {
    double farthest = 0.0;
    for (std::size_t f = 0; f < following.size(); ++f) {
        auto const& rating = following[f].rating;
        if (!(rating.available_w > 0.0)) continue;
        auto const share = [&](Injection const& s) { return (s.p_w.value + s.q_var.value) / rating.rated_va; };
        auto const z_at = [&](double v) { return v - span_pu * share(injection(curves, rating, v)); };
        double& place = place_on_curve[f];
        double const mean = mean_voltage(following[f]), from = z_at(place);
        auto on_line = followed(f);
        for (auto* part_of : {&on_line.p_w, &on_line.q_var}) part_of->value += part_of->slope * (mean - place);
        double const to = mean - span_pu * share(on_line);
        farthest = std::max(farthest, std::abs(mean - place));
        double const z = from + part * (to - from);
        // |h| is at most the square root of 2.
        double low = z - 2.0 * span_pu, high = z + 2.0 * span_pu;
        for (double middle = 0.5 * (low + high); low < middle && middle < high; middle = 0.5 * (low + high))
            (z_at(middle) < z ? low : high) = middle;
        place = high;
    }
    return comm.max(farthest);
}

bool PowerFlow::Equations::solve_on_curves(Outcome& outcome) {
    auto const kept = voltage;
    std::ranges::fill(voltage, 0.0);
    start_source();
    linearise(Slope::none);
    std::ranges::fill(own_current, 0.0);
    step();
    place_on_curve.resize(following.size());
    for (std::size_t f = 0; f < following.size(); ++f) place_on_curve[f] = mean_voltage(following[f]);
    // From gentle curves to those that are wanted, each from where the one before led.
    for (double softness = softest(settings.curves); softness > steepest(settings.curves); softness *= harder) {
        curves.volt_var = softened(settings.curves.volt_var, softness);
        curves.volt_watt = softened(settings.curves.volt_watt, softness);
        static_cast<void>(settle_on_curves(outcome, on_the_way_pu));
    }
    curves = settings.curves;
    bool const converged = settle_on_curves(outcome, settings.tolerance_pu);
    place_on_curve.clear();
    std::ranges::fill(stretch, 1.0);
    if (!converged) voltage = kept;
    return converged;
}

bool PowerFlow::Equations::settle_on_curves(Outcome& outcome, double tolerance_pu) {
    double best = std::numeric_limits<double>::infinity(), part = 1.0;
    int turns = 0;  // for the better, or with a minus for the worse, one after the other
    for (std::int64_t k = 0; k < most_steps; ++k) {
        linearise(Slope::tangent);
        gather(own_current);
        before = voltage;
        double const change = step();
        ++outcome.iterations;
        outcome.changes.push_back(change);
        outcome.change_pu = change;
        if (!std::isfinite(change)) return false;
        double const farthest = move_along_curves(part);
        for (std::size_t i = 0; change > longest_step_pu && i < voltage.size(); ++i)
            voltage[i] = before[i] + longest_step_pu / change * (voltage[i] - before[i]);
        if (std::max(change, farthest) <= tolerance_pu) return true;
        // Some may go back and forth between two places; half of the way they meet.
        bool const nearer = farthest < (1.0 - 0.25 * part) * best;
        turns = nearer == (turns > 0) ? turns + (nearer ? 1 : -1) : (nearer ? 1 : -1);
        best = std::min(best, farthest);
        if (std::abs(turns) < patience) continue;
        part = turns > 0 ? std::min(2.0 * part, 1.0) : std::max(0.5 * part, shortest);
        best = farthest;
        turns = 0;
    }
    return false;
}

}  // namespace dec::powerflow
