#include "dec/model/lin_dist3_flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dec::model {

namespace {

using partition::VertexRange;

template <int Size>
auto row(std::vector<double>& values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1>>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}
template <int Size>
auto row(std::span<double const> values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1> const>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}

}  // namespace

LinDist3Flow::LinDist3Flow(core::Communicator const& comm, partition::Piece const& piece,
                           LinearSettings const& settings)
    : piece_{piece}, settings_{settings}, exchange_{comm, piece} {
    core::together(comm, [&] {
        build_blocks();
        injections_ = model::injections(piece, settings.per_unit);
        ders_ = model::ders(piece, settings.per_unit);
        if (!piece.feeder.sources.empty()) {
            auto const& source = piece.feeder.sources.rows()[0];
            double const volts =
                settings.source_voltage_pu ? *settings.source_voltage_pu * source.nominal_v : source.voltage_v;
            double const pu = volts / std::numbers::sqrt3 / piece.feeder.buses[source.bus].base_v;
            source_v_sq_.setConstant(pu * pu);
        }
    });
    draw_.assign(6 * piece.vertices.size(), 0.0);
    message_.assign(6 * piece.vertices.size(), 0.0);
    eliminate();
}

void LinDist3Flow::build_blocks() {
    blocks_.resize(piece_.own);
    for (std::size_t i = 0; i < piece_.own; ++i)
        if (piece_.vertices[i].parent >= 0) blocks_[i] = branch_block(piece_, piece_.vertices[i], settings_.per_unit);
}

void LinDist3Flow::linearise_at(std::span<OperatingPoint const> points, std::span<LoadPoint const> loads) {
    build_blocks();
    injections_ = model::injections(piece_, settings_.per_unit, loads);
    for (std::size_t i = 0; i < piece_.own; ++i)
        if (piece_.vertices[i].parent >= 0) blocks_[i] = at_operating_point(blocks_[i], piece_.vertices[i], points[i]);
    eliminate();
}

void LinDist3Flow::linearise_balanced() {
    build_blocks();
    injections_ = model::injections(piece_, settings_.per_unit);
    eliminate();
}

void LinDist3Flow::eliminate() {
    eliminated_.resize(piece_.own);
    // The slope message to the parent, 6 x 3 in column order, for every local vertex.
    std::vector<double> slopes(18 * piece_.vertices.size(), 0.0);
    auto const slope = [&](std::int32_t vertex) {
        return Eigen::Map<Matrix63>(slopes.data() + static_cast<std::ptrdiff_t>(vertex) * 18);
    };
    exchange_.up(slopes, 18, [&](VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto& e = eliminated_[static_cast<std::size_t>(j)];
            Matrix63 below = injections_[static_cast<std::size_t>(j)].slope;
            for (std::int32_t c = 0; c < vertex.children; ++c)
                below += slope(piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
            e.slope = below;
            if (vertex.parent < 0) continue;
            e = model::eliminate(blocks_[static_cast<std::size_t>(j)], below);
            slope(j) = e.slope_above;
        }
    });
}

void LinDist3Flow::gather_draw(std::span<double const> alpha) {
    for (std::size_t j = 0; j < piece_.own; ++j) row<6>(draw_, static_cast<std::int32_t>(j)) = injections_[j].constant;
    for (std::size_t d = 0; d < ders_.size(); ++d) {
        if (ders_[d].vertex < 0) continue;
        auto draw = row<6>(draw_, ders_[d].vertex);
        draw += alpha[d] * ders_[d].full;
        if (!reactive_.empty() && !std::isnan(reactive_[d]))
            draw -= reactive_[d] * ders_[d].per_reactive + ders_[d].own_reactive;
    }
}

void LinDist3Flow::sweep(Vector3 const& source, FlowState& state) {
    state.v_sq.assign(3 * piece_.vertices.size(), 0.0);
    state.power.assign(6 * piece_.vertices.size(), 0.0);
    exchange_.up(message_, 6, [&](VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto draw = row<6>(draw_, j);
            for (std::int32_t c = 0; c < vertex.children; ++c)
                draw += row<6>(message_, piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
            if (vertex.parent >= 0) row<6>(message_, j) = eliminated_[static_cast<std::size_t>(j)].up * draw;
        }
    });
    exchange_.down(state.v_sq, 3, [&](VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto const& e = eliminated_[static_cast<std::size_t>(j)];
            auto v = row<3>(state.v_sq, j);
            if (vertex.parent < 0) v = source;
            else v = e.down * row<3>(state.v_sq, vertex.parent) - e.self * row<6>(draw_, j);
            row<6>(state.power, j) = row<6>(draw_, j) + e.slope * v;
        }
    });
}

void LinDist3Flow::solve(std::span<double const> alpha, FlowState& state) {
    gather_draw(alpha);
    sweep(source_v_sq_, state);
}

void LinDist3Flow::solve_change(std::span<double const> alpha, FlowState& state, std::span<double const> reactive) {
    std::ranges::fill(draw_, 0.0);
    for (std::size_t d = 0; d < ders_.size(); ++d) {
        if (ders_[d].vertex < 0) continue;
        row<6>(draw_, ders_[d].vertex) += alpha[d] * ders_[d].full;
        if (!reactive.empty()) row<6>(draw_, ders_[d].vertex) -= reactive[d] * ders_[d].per_reactive;
    }
    sweep(Vector3::Zero(), state);
}

void LinDist3Flow::gradient(std::span<double const> weight, std::span<double> gradient,
                            std::span<double const> of_power, std::span<double> reactive) {
    // Transposed: the price of a voltage gathers on the way up, the price of a power drawn on the way down.
    std::vector<double> voltage_price(3 * piece_.vertices.size(), 0.0);
    std::vector<double> arriving(3 * piece_.vertices.size(), 0.0);
    exchange_.up(arriving, 3, [&](VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            Vector3 price = row<3>(weight, j);
            for (std::int32_t c = 0; c < vertex.children; ++c)
                price += row<3>(arriving, piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
            // The power into a vertex is what is drawn there and below, and what answers to its voltage.
            if (!of_power.empty())
                price += eliminated_[static_cast<std::size_t>(j)].slope.transpose() * row<6>(of_power, j);
            row<3>(voltage_price, j) = price;
            if (vertex.parent >= 0)
                row<3>(arriving, j) = eliminated_[static_cast<std::size_t>(j)].down.transpose() * price;
        }
    });
    std::vector<double> power_price(6 * piece_.vertices.size(), 0.0);
    exchange_.down(power_price, 6, [&](VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            if (vertex.parent < 0) continue;
            auto const& e = eliminated_[static_cast<std::size_t>(j)];
            row<6>(power_price, j) =
                e.up.transpose() * row<6>(power_price, vertex.parent) - e.self.transpose() * row<3>(voltage_price, j);
            if (!of_power.empty()) row<6>(power_price, j) += row<6>(of_power, j);
        }
    });
    for (std::size_t d = 0; d < ders_.size(); ++d) {
        auto const& der = ders_[d];
        gradient[d] = der.vertex < 0 ? 0.0 : row<6>(power_price, der.vertex).dot(der.full);
        if (!reactive.empty())
            reactive[d] = der.vertex < 0 ? 0.0 : -row<6>(power_price, der.vertex).dot(der.per_reactive);
    }
}

Vector3 seen_voltage(partition::LocalVertex const& vertex, Vector3 const& v_sq) {
    return vertex.floating_delta ? Vector3{line_to_line() * v_sq} : v_sq;
}

}  // namespace dec::model
