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
template <int Size>
auto row(std::span<double> values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1>>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}

}  // namespace

LinDist3Flow::LinDist3Flow(core::Communicator const& comm, partition::Piece const& piece,
                           LinearSettings const& settings)
    : piece_{piece}, settings_{settings}, exchange_{comm, piece} {
    core::together(comm, [&] {
        build_blocks(nullptr);
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

void LinDist3Flow::build_blocks(OperatingPoint const* points) {
    blocks_ = {};
    blocks_.reserve(piece_.own);
    for (std::size_t i = 0; i < piece_.own; ++i) {
        auto const& vertex = piece_.vertices[i];
        auto const block = vertex.parent < 0 ? BranchBlock{} : branch_block(piece_, vertex, settings_.per_unit);
        blocks_.add(points == nullptr || vertex.parent < 0 ? block : at_operating_point(block, vertex, points[i]));
    }
}

void LinDist3Flow::linearise_at(std::span<OperatingPoint const> points, std::span<LoadPoint const> loads) {
    build_blocks(points.data());
    injections_ = model::injections(piece_, settings_.per_unit, loads);
    eliminate();
}

void LinDist3Flow::linearise_balanced() {
    build_blocks(nullptr);
    injections_ = model::injections(piece_, settings_.per_unit);
    eliminate();
}

void LinDist3Flow::eliminate() {
    elimination_row_.assign(piece_.own, -1);
    eliminated_.clear();
    // The slope message to the parent, 6 x 3 in column order, for every local vertex that something else needs it of: those whose
    // parent is on another rank, and their halo.
    std::vector<std::int32_t> from_below(piece_.vertices.size(), -1);
    for (std::size_t c = 0; c < piece_.cuts_down.size(); ++c)
        from_below[static_cast<std::size_t>(piece_.cuts_down[c].halo)] = static_cast<std::int32_t>(c);
    std::vector<double> told(18 * piece_.cuts_up.size(), 0.0), heard(18 * piece_.cuts_down.size(), 0.0);
    auto const of_child = [&](std::int32_t child) -> double const* {
        if (auto const cut = from_below[static_cast<std::size_t>(child)]; cut >= 0)
            return heard.data() + 18 * static_cast<std::ptrdiff_t>(cut);
        auto const* below = sloped(child);
        return below == nullptr ? nullptr : below->slope_above.data();
    };
    for (int level = piece_.levels() - 1; level >= 0; --level) {
        auto const l = static_cast<std::size_t>(level);
        for (auto j = piece_.level_start[l + 1] - 1; j >= piece_.level_start[l]; --j) {
            auto const i = static_cast<std::size_t>(j);
            auto const& vertex = piece_.vertices[i];
            Matrix63 below = injections_.slope(i) == nullptr ? Matrix63{Matrix63::Zero()} : *injections_.slope(i);
            bool any = injections_.slope(i) != nullptr;
            for (std::int32_t c = 0; c < vertex.children; ++c)
                if (auto const* more = of_child(piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
                    more != nullptr) {
                    below += Eigen::Map<Matrix63 const>{more};
                    any = true;
                }
            if (!any || below.isZero(0.0)) continue;
            elimination_row_[i] = static_cast<std::int32_t>(eliminated_.size());
            if (vertex.parent < 0) eliminated_.push_back({.slope = below});
            else eliminated_.push_back(model::eliminate(blocks_[i], below));
        }
        if (level == 0) break;
        for (std::size_t c = 0; c < piece_.cuts_up.size(); ++c)
            if (auto const* e = piece_.cuts_up[c].level == level ? sloped(piece_.cuts_up[c].inner) : nullptr)
                Eigen::Map<Matrix63>{told.data() + 18 * c} = e->slope_above;
        exchange_.up_across(level, told, heard, 18);
    }
}

Elimination LinDist3Flow::elimination(std::int32_t vertex) const {
    if (auto const* known = sloped(vertex); known != nullptr) return *known;
    auto const branch = blocks_[static_cast<std::size_t>(vertex)];
    return {.down = branch.ratio, .self = branch.drop, .up = branch.lift};
}

void LinDist3Flow::gather_draw(std::span<double const> alpha) {
    for (std::size_t j = 0; j < piece_.own; ++j) row<6>(draw_, static_cast<std::int32_t>(j)) = injections_.constant(j);
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
            if (vertex.parent < 0) continue;
            auto const* e = sloped(j);
            if (e == nullptr) row<6>(message_, j) = blocks_.lifted(static_cast<std::size_t>(j), draw);
            else row<6>(message_, j) = e->up * draw;
        }
    });
    exchange_.down(state.v_sq, 3, [&](VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto const* e = sloped(j);
            auto v = row<3>(state.v_sq, j);
            if (vertex.parent < 0) v = source;
            else if (e == nullptr)
                v = blocks_.voltage(static_cast<std::size_t>(j), row<3>(state.v_sq, vertex.parent), row<6>(draw_, j));
            else v = e->down * row<3>(state.v_sq, vertex.parent) - e->self * row<6>(draw_, j);
            row<6>(state.power, j) = row<6>(draw_, j);
            if (e != nullptr) row<6>(state.power, j) += e->slope * v;
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
    std::span const voltage_price{message_.data(), 3 * piece_.vertices.size()};
    std::span const arriving{message_.data() + voltage_price.size(), voltage_price.size()};
    std::span const power_price{draw_};
    exchange_.up(arriving, 3, [&](VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto const* e = sloped(j);
            Vector3 price = row<3>(weight, j);
            for (std::int32_t c = 0; c < vertex.children; ++c)
                price += row<3>(arriving, piece_.children[static_cast<std::size_t>(vertex.first_child + c)]);
            // The power into a vertex is what is drawn there and below, and what answers to its voltage.
            if (!of_power.empty() && e != nullptr) price += e->slope.transpose() * row<6>(of_power, j);
            row<3>(voltage_price, j) = price;
            if (vertex.parent < 0) continue;
            row<3>(arriving, j) = e == nullptr ? blocks_.ratio_transposed(static_cast<std::size_t>(j), price)
                                               : Vector3{e->down.transpose() * price};
        }
    });
    exchange_.down(power_price, 6, [&](VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& vertex = piece_.vertices[static_cast<std::size_t>(j)];
            auto price = row<6>(power_price, j);
            price.setZero();
            if (vertex.parent < 0) continue;
            auto const above = row<6>(power_price, vertex.parent);
            auto const here = row<3>(voltage_price, j);
            auto const i = static_cast<std::size_t>(j);
            if (auto const* e = sloped(j)) price = e->up.transpose() * above - e->self.transpose() * here;
            else price = blocks_.lift_transposed(i, above) - blocks_.drop_transposed(i, here);
            if (!of_power.empty()) price += row<6>(of_power, j);
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
