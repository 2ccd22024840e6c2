/// \file per_unit.hpp
/// The one crossing from SI to per unit. Power base per phase, voltage base to neutral; both only scale the model and
/// never change an answer.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::feeder {

struct PerUnit {
    double base_va = 1e6;  ///< per phase

    [[nodiscard]] double power(double va) const { return va / base_va; }
    [[nodiscard]] double power_si(double pu) const { return pu * base_va; }
    /// Ohm of one per unit where the voltage to neutral is `base_v`.
    [[nodiscard]] double impedance_base(double base_v) const { return base_v * base_v / base_va; }
    [[nodiscard]] double impedance(double ohm, double base_v) const { return ohm / impedance_base(base_v); }
    [[nodiscard]] double admittance(double siemens, double base_v) const { return siemens * impedance_base(base_v); }
};

}  // namespace dec::feeder
