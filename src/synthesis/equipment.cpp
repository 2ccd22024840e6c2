#include "equipment.hpp"

#include <fmt/format.h>

#include <cmath>

#include "additions.hpp"
#include "dec/feeder/line_constants.hpp"
#include "dec/synthesis/triplex.hpp"

namespace dec::synthesis {

namespace {

using feeder::LineCode;
using feeder::TransformerCode;

constexpr double metres_per_mile = 1609.344, metres_per_foot = 0.3048, metres_per_inch = 0.0254;

/// Resistance at 50 °C, geometric mean radius and diameter, as the data of the IEEE test feeders have them.
feeder::Wire acsr(double ohm_per_mile, double gmr_ft, double diameter_in) {
    return {.radius_m = 0.5 * diameter_in * metres_per_inch,
            .gmr_m = gmr_ft * metres_per_foot,
            .r_ac_ohm_m = ohm_per_mile / metres_per_mile};
}

feeder::Wire const acsr_1_0 = acsr(1.12, 0.00446, 0.398), acsr_4_0 = acsr(0.592, 0.00814, 0.563),
                   acsr_336_4 = acsr(0.306, 0.0244, 0.721), acsr_556_5 = acsr(0.1859, 0.0313, 0.927);

struct Point {
    double x_ft, y_ft;
};

/// \param places of the phases, and then of the neutral.
LineCode line_code(std::vector<Point> const& places, feeder::Wire const& phase, feeder::Wire const& neutral) {
    feeder::LineGeometry geometry{.conductors = {}, .phases = places.size() - 1};
    for (auto const& [x_ft, y_ft] : places)
        geometry.conductors.push_back({geometry.conductors.size() < geometry.phases ? phase : neutral,
                                       {},
                                       x_ft * metres_per_foot,
                                       y_ft * metres_per_foot});
    auto code = line_constants(geometry, {.model = feeder::EarthModel::modified_carson});
    code.b_s = {};
    return code;
}

/// Spacings 510, 505 and 500 of the IEEE 13-node test feeder.
std::vector<Point> const one_phase{{0.5, 29.0}, {0.0, 24.0}}, two_phases{{-4.0, 28.0}, {3.0, 28.0}, {0.0, 24.0}},
    three_phases{{-4.0, 28.0}, {-1.5, 28.0}, {3.0, 28.0}, {0.0, 24.0}};

void add_to(feeder::Feeder& feeder, Types& types) {
    for (auto const& line : overhead_lines())
        types.overhead.push_back(feeder.line_codes.add(line.code, line.name, mrid_of(feeder, "line code", line.name)));
    std::string_view const drop = "triplex_1_0_aluminium";
    types.drop =
        feeder.line_codes.add(triplex_line_code(triplex_1_0_aluminium()), drop, mrid_of(feeder, "line code", drop));
    auto const add = [&](TransformerCode const& code, std::string const& name) {
        return feeder.transformer_codes.add(code, name, mrid_of(feeder, "transformer code", name));
    };
    for (std::size_t i = 0; i < service_kva.size(); ++i)
        types.service[i] =
            add(centre_tapped(service_kva[i], rated_primary_v), fmt::format("centre_tapped_{}kva", service_kva[i]));
    TransformerCode regulator;
    for (std::size_t w = 0; w < 2; ++w)
        regulator.winding[w] = {feeder::Connection::single, rated_primary_v, regulator_va, 1.5 * regulator_va};
    types.regulator = add(regulator, "regulator_32_steps");
}

}  // namespace

std::vector<OverheadLine> const& overhead_lines() {
    static std::vector<OverheadLine> const lines{
        {"oh1_1_0_acsr", 230.0, 0.0, line_code(one_phase, acsr_1_0, acsr_1_0)},
        {"oh2_1_0_acsr", 230.0, 0.0, line_code(two_phases, acsr_1_0, acsr_1_0)},
        {"oh3_4_0_acsr", 340.0, 0.8e6, line_code(three_phases, acsr_4_0, acsr_4_0)},
        {"oh3_336_4_acsr", 530.0, 1.6e6, line_code(three_phases, acsr_336_4, acsr_4_0)},
        {"oh3_556_5_acsr", 730.0, 1e12, line_code(three_phases, acsr_556_5, acsr_4_0)},
    };
    return lines;
}

Types const& types() {
    static Types const rows = [] {
        feeder::Feeder none;
        Types added;
        add_to(none, added);
        return added;
    }();
    return rows;
}

void add_types(feeder::Feeder& feeder) {
    Types added;
    add_to(feeder, added);
}

}  // namespace dec::synthesis
