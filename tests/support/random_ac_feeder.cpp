#include "support/random_ac_feeder.hpp"

#include <complex>
#include <random>

namespace dec::test {

using namespace feeder;

Feeder random_ac_feeder(RandomFeeder const& wanted) {
    auto feeder = random_feeder(wanted);
    std::mt19937 generator{wanted.seed + 1000};
    auto const between = [&](double low, double high) { return std::uniform_real_distribution{low, high}(generator); };
    for (auto& code : feeder.line_codes.rows())
        for (std::size_t i = 0; i < code.conductors; ++i)
            for (std::size_t k = 0; k <= i; ++k) {
                double const sign = i == k ? 1.0 : -0.2;
                code.b_s[i][k] = code.b_s[k][i] = sign * between(1e-6, 1e-5);
                code.g_s[i][k] = code.g_s[k][i] = sign * between(1e-8, 1e-7);
            }
    for (auto& code : feeder.transformer_codes.rows()) {
        double const va = 50e3 * (code.phases == 3 ? 20.0 : 1.0);
        code.no_load_w = between(0.0, 0.005) * va;
        code.no_load_var = between(0.0, 0.01) * va;
        code.winding[0].rated_va = 1e4 * va;
        for (auto& test : code.short_circuit)
            if (test.r_ohm == 0.0 && test.x_ohm == 0.0) test.x_ohm = 0.05;
    }
    for (auto& unit : feeder.transformers.rows()) {
        auto const ground = [&](std::size_t w, double ohm) {
            unit.winding[w].ground_r_ohm = between(0.0, 0.3) * ohm;
            unit.winding[w].ground_x_ohm = between(0.1, 0.6) * ohm;
        };
        if (unit.winding[1].bus == unit.winding[2].bus) {
            // some per cent of the unit; the neutral of its secondary is the return of the legs
            double const rated_v = feeder.transformer_codes[unit.code].winding[0].rated_v;
            ground(0, 0.05 * rated_v * rated_v / 50e3);
            continue;
        }
        for (std::size_t w = 0; w < 2; ++w)
            if (between(0.0, 1.0) >= 0.5) ground(w, 1.0);
    }
    return feeder;
}

}  // namespace dec::test
