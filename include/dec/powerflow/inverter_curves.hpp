/// \file inverter_curves.hpp
/// What photovoltaic inverters do on their own: reactive power and a limit on active power that follow their voltage.
/// Source: IEEE Std 1547-2018, 5.3.3 and 5.4.2 (functions), tables 8 and 10 (default settings).
#pragma once

#include <cstdint>
#include <vector>

namespace dec::powerflow {

struct CurvePoint {
    double v_pu = 0.0;
    double value = 0.0;
};
/// Straight between its points, which are in ascending order of voltage, and constant beyond them. Empty: no such function.
using Curve = std::vector<CurvePoint>;

struct InverterCurves {
    Curve volt_var;   ///< injected reactive power as a share of the converter's rated apparent power
    Curve volt_watt;  ///< most active power as a share of the rated active power
    /// Which of the two is kept where together they exceed the rated apparent power.
    enum class Priority : std::uint8_t { reactive, active };
    Priority priority = Priority::reactive;

    [[nodiscard]] bool empty() const { return volt_var.empty() && volt_watt.empty(); }
};

/// Default settings of the standard's two categories of reactive power capability; of active power it has one.
[[nodiscard]] Curve volt_var_category_a();
[[nodiscard]] Curve volt_var_category_b();
[[nodiscard]] Curve volt_watt_default();

/// A value and its derivative by voltage; at a corner that of the side of the higher voltage.
struct CurveValue {
    double value = 0.0, slope = 0.0;
};
/// \pre the curve has points.
[[nodiscard]] CurveValue at(Curve const& curve, double v_pu);

/// One converter. All in W, var and VA.
struct InverterRating {
    double available_w = 0.0;  ///< that its panels give
    double q_var = 0.0;        ///< injected where it has no volt-var function
    double rated_w = 0.0, rated_va = 0.0;
};
/// What it injects at a voltage: an inverter without available power stands still.
struct Injection {
    CurveValue p_w, q_var;
};
[[nodiscard]] Injection injection(InverterCurves const& curves, InverterRating const& rating, double v_pu);

}  // namespace dec::powerflow
