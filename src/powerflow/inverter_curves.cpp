#include "dec/powerflow/inverter_curves.hpp"

#include <algorithm>
#include <cmath>

namespace dec::powerflow {

namespace {

/// Not above `limit` in magnitude, where the limit has a slope of its own.
CurveValue within(CurveValue x, CurveValue limit) {
    if (x.value > limit.value) return limit;
    if (x.value < -limit.value) return {-limit.value, -limit.slope};
    return x;
}

/// What of the apparent power is left beside x.
CurveValue beside(CurveValue x, double rated_va) {
    double const left = std::sqrt(std::max(0.0, rated_va * rated_va - x.value * x.value));
    // At the very end the root is vertical; nothing is left to move there.
    return {left, left > 0.0 ? -x.value * x.slope / left : 0.0};
}

}  // namespace

Curve volt_var_category_a() { return {{0.90, 0.25}, {1.00, 0.0}, {1.10, -0.25}}; }
Curve volt_var_category_b() { return {{0.92, 0.44}, {0.98, 0.0}, {1.02, 0.0}, {1.08, -0.44}}; }
Curve volt_watt_default() { return {{1.06, 1.0}, {1.10, 0.2}}; }

CurveValue at(Curve const& curve, double v_pu) {
    auto const next = std::ranges::upper_bound(curve, v_pu, {}, &CurvePoint::v_pu);
    if (next == curve.begin()) return {curve.front().value, 0.0};
    if (next == curve.end()) return {curve.back().value, 0.0};
    auto const& a = *(next - 1);
    double const slope = (next->value - a.value) / (next->v_pu - a.v_pu);
    return {a.value + slope * (v_pu - a.v_pu), slope};
}

Injection injection(InverterCurves const& curves, InverterRating const& rating, double v_pu) {
    if (!(rating.available_w > 0.0)) return {};
    auto const scaled = [&](Curve const& curve, double by) {
        auto const share = at(curve, v_pu);
        return CurveValue{by * share.value, by * share.slope};
    };
    CurveValue p{rating.available_w, 0.0}, q{rating.q_var, 0.0};
    if (!curves.volt_var.empty()) q = scaled(curves.volt_var, rating.rated_va);
    if (!curves.volt_watt.empty()) p = within(p, scaled(curves.volt_watt, rating.rated_w));
    CurveValue const rated{rating.rated_va, 0.0};
    if (curves.priority == InverterCurves::Priority::reactive) {
        q = within(q, rated);
        p = within(p, beside(q, rating.rated_va));
    } else {
        p = within(p, rated);
        q = within(q, beside(p, rating.rated_va));
    }
    return {p, q};
}

}  // namespace dec::powerflow
