#include "support/linear_answer.hpp"

namespace dec::test {

using namespace feeder;

LinearAnswer::LinearAnswer(Feeder const& feeder, model::LinearSettings const& settings)
    : spread_{distributed(alone_, feeder, settings)}, row_of_bus_(feeder.buses.size(), -1) {
    std::vector<double> const nothing(spread_->flow->ders().size(), 0.0);
    spread_->flow->solve(nothing, state_);
    auto const& buses = spread_->piece.global.buses;
    for (std::size_t i = 0; i < buses.size(); ++i)
        row_of_bus_[static_cast<std::size_t>(buses[i])] = static_cast<std::int32_t>(i);
}

bool LinearAnswer::is_energised(Index<Bus> bus) const {
    return spread_->piece.vertex_of_bus[static_cast<std::size_t>(row_of_bus_[bus.at()])] >= 0;
}

std::size_t LinearAnswer::vertex(Index<Bus> bus) const {
    return static_cast<std::size_t>(spread_->piece.vertex_of_bus[static_cast<std::size_t>(row_of_bus_[bus.at()])]);
}

double LinearAnswer::v_sq(Index<Bus> bus, Phase phase) const { return state_.v_sq[3 * vertex(bus) + slot(phase)]; }

double LinearAnswer::pair_v_sq(Index<Bus> bus, Phase phase) const {
    auto const [m, n] = delta_pair(phase);
    return 0.5 * (v_sq(bus, m) + v_sq(bus, n));
}

Complex LinearAnswer::into(Index<Bus> bus, Phase phase) const {
    auto const& pu = spread_->flow->settings().per_unit;
    auto const* const power = state_.power.data() + 6 * vertex(bus) + slot(phase);
    return {pu.power_si(power[0]), pu.power_si(power[3])};
}

model::BranchMap LinearAnswer::block(Index<Bus> bus) const { return spread_->flow->blocks()[vertex(bus)]; }

}  // namespace dec::test
