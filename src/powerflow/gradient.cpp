/// How voltages answer to what inverters inject: the last linearisation, transposed.
#include <cmath>
#include <numeric>

#include "equations.hpp"

namespace dec::powerflow {

namespace {

using feeder::Phase;

/// The voltage of a node as `seen_voltage` has it.
struct Seen {
    std::size_t m = 0;             ///< position among the vertex's phases
    std::optional<std::size_t> n;  ///< likewise; none: to ground
    double unit_sq = 1.0;          ///< |V_m - V_n|^2 per pu^2
};
std::optional<Seen> seen_by(partition::LocalVertex const& vertex, Phase p) {
    if (!vertex.floating_delta) return Seen{.m = vertex.phases.position(p)};
    auto const [m, n] = feeder::delta_pair(p);
    if (!vertex.phases.contains(n)) return {};
    return Seen{.m = vertex.phases.position(m), .n = vertex.phases.position(n), .unit_sq = 3.0};
}

}  // namespace

void PowerFlow::gradient(std::span<double const> weight, std::span<double> share, std::span<double> reactive) {
    constexpr auto width = Elimination::width;
    auto& e = *equations_;
    auto const& piece = e.piece;
    e.linearise(Equations::Slope::tangent);
    std::vector<double> of_voltage(width * piece.vertices.size(), 0.0), of_draw(of_voltage.size(), 0.0);
    for (std::size_t j = 0; j < piece.own; ++j) {
        auto const& vertex = piece.vertices[j];
        std::array<Complex, 3> price{};
        for (Phase p : vertex.phases.list()) {
            double const w = weight[3 * j + feeder::slot(p)];
            auto const seen = w == 0.0 ? std::nullopt : seen_by(vertex, p);
            if (!seen) continue;
            Complex const v = e.volts(j)[seen->m] - (seen->n ? e.volts(j)[*seen->n] : Complex{});
            // d|V|^2 = 2 (Re V Re dV + Im V Im dV).
            price[seen->m] += 2.0 * w / seen->unit_sq * v;
            if (seen->n) price[*seen->n] -= 2.0 * w / seen->unit_sq * v;
        }
        // The last coordinate is in all voltages where the others are differences to it: see basis.
        auto const n = vertex.phases.size();
        if (has_differences(vertex)) price[n - 1] = std::accumulate(price.begin(), price.end(), Complex{});
        for (std::size_t k = 0; k < n; ++k) {
            of_voltage[width * j + 2 * k] = price[k].real();
            of_voltage[width * j + 2 * k + 1] = price[k].imag();
        }
    }
    e.elimination.solve_transposed(of_voltage, of_draw);

    std::ranges::fill(share, 0.0);
    std::ranges::fill(reactive, 0.0);
    std::vector<double> available(reactive.size(), 0.0);
    for (std::size_t i = 0; i < e.attached.size() && !reactive.empty(); ++i)
        if (e.attached[i].kind == DeviceKind::pv)
            available[static_cast<std::size_t>(e.attached[i].element)] -= e.power[i].real();
    for (std::size_t i = 0; i < e.attached.size(); ++i) {
        auto moved = e.attached[i];
        if (moved.kind != DeviceKind::pv) continue;
        auto const element = static_cast<std::size_t>(moved.element);
        double const active = -e.power[i].real();
        // The current is linear in the power, a conjugate of what is drawn.
        auto const answer = [&](Complex power) {
            moved.power = power;
            Eigen::Matrix<double, 6, 1> drawn = Eigen::Matrix<double, 6, 1>::Zero();
            add_current(moved, current(moved, e.across(moved)), drawn.data());
            return drawn.dot(Eigen::Map<Eigen::Matrix<double, 6, 1> const>{
                of_draw.data() + width * static_cast<std::size_t>(moved.vertex)});
        };
        share[element] += answer({active, 0.0});
        if (!reactive.empty() && available[element] > 0.0)
            reactive[element] += answer({0.0, active / available[element]});
    }
}

}  // namespace dec::powerflow
