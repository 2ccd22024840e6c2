#include "overhead.hpp"

#include <array>
#include <complex>

namespace dec::synthesis {

namespace {

constexpr double metres_per_mile = 1609.344;

/// \param ohm_per_mile upper triangle, row after row.
feeder::LineCode line_code(std::uint8_t conductors, std::vector<std::complex<double>> const& ohm_per_mile) {
    feeder::LineCode code;
    code.conductors = conductors;
    auto next = ohm_per_mile.begin();
    for (std::size_t i = 0; i < conductors; ++i)
        for (std::size_t k = i; k < conductors; ++k, ++next) {
            code.r_ohm[i][k] = code.r_ohm[k][i] = next->real() / metres_per_mile;
            code.x_ohm[i][k] = code.x_ohm[k][i] = next->imag() / metres_per_mile;
        }
    return code;
}

}  // namespace

std::vector<OverheadLine> const& overhead_lines() {
    static std::vector<OverheadLine> const lines{
        {"oh1_1_0_acsr", 230.0, 0.0, line_code(1, {{1.3292, 1.3475}})},
        {"oh2_1_0_acsr", 230.0, 0.0, line_code(2, {{1.3294, 1.3471}, {0.2066, 0.4591}, {1.3238, 1.3569}})},
        {"oh3_4_0_acsr", 340.0, 0.8e6,
         line_code(3, {{0.7526, 1.1814},
                       {0.1580, 0.4236},
                       {0.1560, 0.5017},
                       {0.7475, 1.1983},
                       {0.1535, 0.3849},
                       {0.7436, 1.2112}})},
        {"oh3_336_4_acsr", 530.0, 1.6e6,
         line_code(3, {{0.4576, 1.0780},
                       {0.1560, 0.5017},
                       {0.1535, 0.3849},
                       {0.4666, 1.0482},
                       {0.1580, 0.4236},
                       {0.4615, 1.0651}})},
        {"oh3_556_5_acsr", 730.0, 1e12,
         line_code(3, {{0.3465, 1.0179},
                       {0.1560, 0.5017},
                       {0.1580, 0.4236},
                       {0.3375, 1.0478},
                       {0.1535, 0.3849},
                       {0.3414, 1.0348}})},
    };
    return lines;
}

}  // namespace dec::synthesis
