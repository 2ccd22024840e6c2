#include "ramps.hpp"

#include <algorithm>
#include <limits>

namespace dec::coordination {

Ramps ramps_of(core::Communicator const& comm, model::LinDist3Flow const& flow, fairness::Policy const& policy,
               std::span<fairness::Contract const> contracts) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    auto const& piece = flow.piece();
    auto const& pv = piece.feeder.pv_systems;
    std::vector<double> kw, bus_kw(piece.feeder.buses.size(), 0.0), load_kw(bus_kw.size(), 0.0);
    for (auto id : pv.ids()) {
        kw.push_back(flow.settings().per_unit.power_si(flow.ders()[id.at()].available) / 1000.0);
        bus_kw[pv[id].inverter.bus.at()] += kw.back();
    }
    for (auto const& load : piece.feeder.loads.rows())
        for (auto const phase : load.phases.list()) load_kw[load.bus.at()] += load.p_w[feeder::slot(phase)] / 1000.0;
    Ramps ramps;
    double first = infinity, last = -infinity, curtailable = 0.0;
    for (auto id : pv.ids()) {
        auto const bus = pv[id].inverter.bus.at();
        double const reach =
            fairness::reach_of(kw[id.at()], contracts.empty() ? fairness::Contract{} : contracts[id.at()]);
        ramps.ders.push_back(reach > 0.0 ? policy.ramp({kw[id.at()], reach, bus_kw[bus], load_kw[bus]})
                                         : fairness::Ramp{0.0, infinity, 0.0});
        if (!(reach > 0.0)) continue;
        curtailable += reach * kw[id.at()];
        first = std::min(first, ramps.ders.back().start);
        last = std::max(last, ramps.ders.back().end);
    }
    first = comm.min(first);
    last = comm.max(last);
    if (first <= last) {
        ramps.first = first;
        ramps.last = last;
    }
    ramps.curtailable_kw = comm.sum(curtailable);
    return ramps;
}

}  // namespace dec::coordination
