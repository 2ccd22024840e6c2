#include "dec/feeder/windings.hpp"

#include <numbers>

namespace dec::feeder {

std::vector<Taps> taps_of(Feeder const& feeder, std::span<double const> steps) {
    std::vector<Taps> taps(feeder.transformers.size(), {1.0, 1.0, 1.0});
    for (std::size_t i = 0; i < steps.size(); ++i) {
        auto changer = feeder.tap_changers.rows()[i];
        changer.step = steps[i];
        taps[changer.transformer.at()][changer.winding] *= changer.ratio();
    }
    return taps;
}

Taps taps_of(Feeder const& feeder, Index<Transformer> unit) {
    Taps taps{1.0, 1.0, 1.0};
    for (auto const& changer : feeder.tap_changers.rows())
        if (changer.transformer == unit) taps[changer.winding] *= changer.ratio();
    return taps;
}

void share_neutral(TransformerCode const& code, Transformer& unit) {
    if (!is_autotransformer(code)) return;
    auto const& common = unit.winding[1];
    auto& series = unit.winding[0];
    std::size_t const neutral = unit.phases(1).size();
    if (neutral < series.conductors.size()) series.conductors[neutral] = common.conductors[neutral];
    series.grounded = common.grounded;
    series.ground_r_ohm = common.ground_r_ohm;
    series.ground_x_ohm = common.ground_x_ohm;
}

Windings::Windings(TransformerCode const& code, bool three_phase, Taps const& taps)
    : code_{code}, three_phase_{three_phase} {
    for (std::size_t w = 0; w < volts_.size(); ++w) volts_[w] = rated_coil(w) * taps[w];
    if (!is_autotransformer(code)) return;
    rated_share_ = rated_coil(0) / code.winding[0].rated_v;
    share_ = volts_[0] / (volts_[0] + volts_[1]);
    volts_[0] += volts_[1];
}

double Windings::rated_coil(std::size_t w) const {
    auto const& winding = code_.winding;
    return winding[w].rated_v - (w == 0 && is_autotransformer(code_) ? winding[1].rated_v : 0.0);
}

Windings::Complex Windings::test(std::size_t k, PerUnit const& pu) const {
    auto const& t = code_.short_circuit[k];
    double const rated = code_.winding[t.from].rated_v / (three_phase_ ? std::numbers::sqrt3 : 1.0);
    return Complex{t.r_ohm, t.x_ohm} / pu.impedance_base(rated);
}

Windings::Complex Windings::between(PerUnit const& pu) const {
    double const moved = share_ / rated_share_;
    return test(0, pu) * (moved * moved);
}

std::array<Windings::Complex, 3> Windings::star(PerUnit const& pu) const {
    auto const z12 = test(0, pu), z13 = test(1, pu), z23 = test(2, pu);
    double const s = rated_share_, t = share_;
    Complex const common = 0.5 * (z12 + z23 - z13) / s;
    Complex const series = (0.5 * (z12 + z13 - z23) / s + (1.0 - s) * common) / s;
    Complex const third = 0.5 * (z13 + z23 - z12) - (1.0 - s) * common;
    return {t * (t * series - (1.0 - t) * common), t * common, third + (1.0 - t) * common};
}

}  // namespace dec::feeder
