#include "dec/coordination/check.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dec::coordination {

namespace {

template <int Size>
auto row(std::vector<double>& values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1>>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}

/// What every bus draws by itself at zero voltage, from the exported powers instead of the curtailed shares.
std::vector<double> own_draw(model::LinDist3Flow const& flow, std::span<double const> export_kw,
                             std::span<double const> export_kvar) {
    auto const& piece = flow.piece();
    std::vector<double> draw(6 * piece.vertices.size(), 0.0);
    for (std::size_t j = 0; j < piece.own; ++j)
        row<6>(draw, static_cast<std::int32_t>(j)) = flow.injections().constant(j);
    for (std::size_t d = 0; d < flow.ders().size(); ++d) {
        auto const& der = flow.ders()[d];
        if (der.vertex < 0 || der.available <= 0.0) continue;
        if (!export_kvar.empty() && !std::isnan(export_kvar[d])) {
            double const more = flow.settings().per_unit.power(export_kvar[d] * 1000.0) - der.reactive;
            auto const unshared = der.own_reactive + der.reactive * der.per_reactive;  // phase by phase as in the file
            row<6>(draw, der.vertex) -= more * der.per_reactive + unshared;
        }
        double const held_back = der.available - flow.settings().per_unit.power(export_kw[d] * 1000.0);
        row<6>(draw, der.vertex) += held_back / der.available * der.full;
    }
    return draw;
}

}  // namespace

Check check_linear(core::Communicator const& comm, model::LinDist3Flow& flow, Answer const& answer,
                   std::span<double const> export_kw, std::span<double const> export_kvar) {
    constexpr std::int64_t most_sweeps = 200;
    constexpr double still = 1e-14;
    auto const& piece = flow.piece();
    auto const constant = own_draw(flow, export_kw, export_kvar);
    std::vector<double> power(6 * piece.vertices.size(), 0.0), lifted(6 * piece.vertices.size(), 0.0);
    model::FlowState state;
    state.v_sq.assign(3 * piece.vertices.size(), 1.0);

    Check check;
    while (check.sweeps < most_sweeps && !check.converged) {
        flow.exchange().up(lifted, 6, [&](partition::VertexRange range) {
            for (auto j = range.end - 1; j >= range.begin; --j) {
                auto const i = static_cast<std::size_t>(j);
                auto const& vertex = piece.vertices[i];
                auto s = row<6>(power, j);
                s = Eigen::Map<model::Vector6 const>{constant.data() + 6 * i};
                if (auto const* slope = flow.injections().slope(i)) s += *slope * row<3>(state.v_sq, j);
                for (std::int32_t c = 0; c < vertex.children; ++c)
                    s += row<6>(lifted, piece.children[static_cast<std::size_t>(vertex.first_child + c)]);
                if (vertex.parent >= 0) row<6>(lifted, j) = flow.blocks().lifted(i, s);
            }
        });
        double moved = 0.0;
        flow.exchange().down(state.v_sq, 3, [&](partition::VertexRange range) {
            for (auto j = range.begin; j < range.end; ++j) {
                auto const i = static_cast<std::size_t>(j);
                auto const& vertex = piece.vertices[i];
                model::Vector3 const next =
                    vertex.parent < 0 ? flow.source_v_sq()
                                      : flow.blocks().voltage(i, row<3>(state.v_sq, vertex.parent), row<6>(power, j));
                moved = std::max(moved, (next - row<3>(state.v_sq, j)).cwiseAbs().maxCoeff());
                row<3>(state.v_sq, j) = next;
            }
        });
        ++check.sweeps;
        check.converged = comm.max(moved) <= still;
    }

    double low = std::numeric_limits<double>::infinity();
    for (auto const& node : answer.nodes) {
        double const v_sq = seen(piece, state, node);
        double const v = std::sqrt(std::max(v_sq, 0.0));
        double const decided = std::sqrt(std::max(seen(piece, answer.curtailed, node), 0.0));
        check.largest_difference = std::max(check.largest_difference, std::abs(v - decided));
        check.v_max_pu = std::max(check.v_max_pu, v);
        low = std::min(low, v);
        double outside = std::max(v - std::sqrt(node.high), 0.0);
        if (node.low > 0.0) outside = std::max(outside, std::sqrt(node.low) - v);
        check.violation_pu = std::max(check.violation_pu, outside);
        check.violations_pu += outside;
        if (outside > 1e-6) check.violating_nodes += 1.0;
    }
    state.power = std::move(power);
    for (auto const& branch : answer.ratings)
        check.overload = std::max(check.overload, apparent_power(branch, state) / branch.limit - 1.0);
    check.overload = comm.max(check.overload);
    check.largest_difference = comm.max(check.largest_difference);
    check.v_max_pu = comm.max(check.v_max_pu);
    check.v_min_pu = comm.min(low);
    check.violation_pu = comm.max(check.violation_pu);
    check.violations_pu = comm.sum(check.violations_pu);
    check.violating_nodes = comm.sum(check.violating_nodes);
    return check;
}

}  // namespace dec::coordination
