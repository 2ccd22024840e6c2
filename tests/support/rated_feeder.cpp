#include "support/rated_feeder.hpp"

#include <algorithm>
#include <random>

#include "reference/dense_twin.hpp"

namespace dec::test {

feeder::Feeder with_ratings(feeder::Feeder feeder, unsigned seed) {
    std::vector<double> kva(feeder.buses.size(), 0.0);  // of the phase that carries most
    {
        DenseTwin const twin{feeder};
        auto const into = twin.into(std::vector<double>(feeder.pv_systems.size(), 0.0));
        std::size_t node = 0;
        for (auto id : feeder.buses.ids())
            for (std::size_t k = 0; k < feeder.buses[id].phases.size(); ++k)
                kva[id.at()] = std::max(kva[id.at()], std::abs(into[node++]));
    }
    constexpr double rounding_kva = 1e-9;  // what cancels out is no reason for a rating
    std::mt19937 generator{seed};
    std::uniform_real_distribution<double> between{0.0, 1.0};
    for (auto& code : feeder.transformer_codes.rows())
        for (auto& winding : code.winding) winding.rated_va = 1e12;
    for (auto& line : feeder.lines.rows()) {
        bool const rated = between(generator) < 0.35;
        double const part = 0.6 + 0.5 * between(generator);
        double const all_kva = kva[line.to.at()];
        if (rated && all_kva > rounding_kva)
            line.rating.normal_a = part * 1000.0 * all_kva / feeder.buses[line.to].base_v;
    }
    return feeder;
}

}  // namespace dec::test
