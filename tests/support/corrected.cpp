#include "support/corrected.hpp"

#include <algorithm>
#include <cmath>

#include "support/ac_answer.hpp"

namespace dec::test {

Corrected corrected(core::Communicator const& comm, feeder::Feeder const& feeder, coordination::Method const& method,
                    fairness::Policy const& policy, coordination::Settings settings,
                    coordination::CorrectionSettings const& own, powerflow::Settings const& power_flow) {
    Corrected c{.spread = distributed(comm, feeder, {}, method.grain)};
    c.ac = std::make_unique<powerflow::PowerFlow>(comm, c.spread->piece, power_flow);
    settings.nodes = coordination::limits_to_start_with(comm, *c.spread->flow, *c.ac, settings.limits);
    c.linear = method.run(comm, *c.spread->flow, policy, settings, {});
    c.answer = coordination::correct_to_ac(comm, *c.spread->flow, *c.ac, method, policy, settings, {}, c.linear, own);
    return c;
}

std::map<std::int64_t, double> fresh_voltages(feeder::Feeder feeder, std::vector<double> const& alpha) {
    for (auto id : feeder.pv_systems.ids())
        for (double& p : feeder.pv_systems[id].inverter.p_w) p *= 1.0 - alpha[id.at()];
    AcAnswer ac{feeder};
    std::map<std::int64_t, double> voltages;
    auto const& piece = ac.piece();
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (vertex.kind != feeder::Vertex::Kind::bus) continue;
        auto const all = piece.feeder.buses[vertex.bus].phases;
        for (feeder::Phase p : vertex.phases.list())
            if (auto const v = std::abs(powerflow::seen_voltage(ac.flow(), i, p)); std::isfinite(v))
                voltages[piece.global.first_node[vertex.bus.at()] + static_cast<std::int64_t>(all.position(p))] = v;
    }
    return voltages;
}

double ac_limit_between(feeder::Feeder const& feeder, double share) {
    auto const highest = [&](double alpha) {
        double high = 0.0;
        for (auto const& [row, v] : fresh_voltages(feeder, std::vector<double>(feeder.pv_systems.size(), alpha)))
            high = std::max(high, v);
        return high;
    };
    double const none = highest(0.0), all = highest(1.0);
    return all + share * (none - all);
}

}  // namespace dec::test
