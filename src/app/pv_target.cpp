#include "pv_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dec/coordination/limits.hpp"
#include "dec/core/error.hpp"
#include "open_feeder.hpp"

namespace dec::app {

double pv_factor_for(feeder::Feeder const& feeder, core::Index<feeder::PvSystem> first, double target_pu) {
    if (first.at() >= feeder.pv_systems.size())
        throw core::InvalidInput{core::Finding{feeder.heading.origin, "--target-vmax", "there is no added PV to scale",
                                               "ask for a larger --pv-penetration; it counts who has PV already"}};
    core::Communicator const alone{MPI_COMM_SELF};
    auto const piece = whole_on_one_rank(feeder);
    model::LinDist3Flow flow{alone, piece, {}};
    model::FlowState with, change;
    std::vector<double> share(flow.ders().size(), 0.0);
    flow.solve(share, with);
    for (auto id : piece.feeder.pv_systems.ids())
        if (piece.global.pv_systems[id.at()] >= first.value()) share[id.at()] = 1.0;
    flow.solve_change(share, change);

    double const target_sq = target_pu * target_pu;
    double factor = std::numeric_limits<double>::infinity();
    double highest_without = 0.0;
    for (auto const& node : coordination::limited_nodes(piece, {}, with)) {
        double const rise = -coordination::seen(piece, change, node);
        double const without = coordination::seen(piece, with, node) - rise;
        highest_without = std::max(highest_without, without);
        if (rise > 0.0 && without <= target_sq) factor = std::min(factor, (target_sq - without) / rise);
    }
    if (highest_without > target_sq)
        throw core::InvalidInput{core::Finding{
            feeder.heading.origin, "--target-vmax",
            fmt::format("the highest voltage is {:.4f} pu without the added PV", std::sqrt(highest_without)),
            "ask for more than that"}};
    if (!std::isfinite(factor))
        throw core::InvalidInput{
            core::Finding{feeder.heading.origin, "--target-vmax", "the added PV raises no voltage", "leave it out"}};
    return factor;
}

void scale_pv_from(feeder::Feeder& feeder, core::Index<feeder::PvSystem> first, double factor) {
    for (auto id : feeder.pv_systems.ids()) {
        if (id < first) continue;
        auto& pv = feeder.pv_systems[id];
        for (auto* values : {&pv.inverter.p_w, &pv.inverter.q_var})
            for (auto& value : *values) value *= factor;
        for (auto* value :
             {&pv.inverter.rated_va, &pv.max_p_w, &pv.min_p_w, &pv.inverter.min_q_var, &pv.inverter.max_q_var})
            *value *= factor;
    }
}

}  // namespace dec::app
