/// \file dss_windings.hpp
/// What was said of a transformer, in OpenDSS's own terms: read once for the network and once for its taps.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "dss_context.hpp"

namespace dec::io::dss {

/// Defaults are OpenDSS's.
struct DrawnWinding {
    std::string_view bus;
    bool is_delta = false;
    double kv = 12.47, kva = 1000.0;
    double r = 0.002;  ///< per unit of the first winding's rating
    double neutral_r = -1.0, neutral_x = 0.0;
    double tap = 1.0, max_tap = 1.1, min_tap = 0.9;
    int taps = 32;
};

struct DrawnTransformer {
    std::size_t phases = 3, windings = 2;
    std::array<DrawnWinding, 3> winding{};
    std::array<double, 3> xsc{0.07, 0.30, 0.30};  ///< per unit, pairs 1-2, 1-3, 2-3
    double no_load = 0.0, magnetising = 0.0;
    double normal_kva = 1100.0, emergency_kva = 1500.0;
    bool leads = false;
    bool is_auto = false;  ///< the first winding is in series with the second
    std::string bank;
    std::string code;            ///< xfmrcode
    bool is_code_alone = false;  ///< nothing was said after it that changes ratings or impedances
};

/// Worked out once for each object.
[[nodiscard]] DrawnTransformer const& draw_transformer(Context& context, Object const& object);

}  // namespace dec::io::dss
