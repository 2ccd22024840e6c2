#include "dec/model/agent_flow.hpp"

#include <algorithm>

namespace dec::model {

namespace {

template <int Size, class Values>
auto row(Values& values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1>>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}

}  // namespace

AgentFlow::AgentFlow(LinDist3Flow const& flow)
    : flow_{flow}, eliminated_(flow.piece().own), draw_(6 * flow.piece().own, 0.0) {
    auto const& piece = flow.piece();
    std::vector<std::int32_t> part_of_agent(piece.agents.size(), -1);
    auto const part_of = [&](std::size_t vertex) -> AgentPart& {
        auto& part = part_of_agent[static_cast<std::size_t>(piece.vertices[vertex].agent)];
        if (part < 0) {
            part = static_cast<std::int32_t>(parts_.size());
            parts_.push_back({.agent = piece.vertices[vertex].agent});
        }
        return parts_[static_cast<std::size_t>(part)];
    };
    for (std::size_t j = 0; j < piece.own; ++j) part_of(j).vertices.push_back(static_cast<std::int32_t>(j));
    // In an order that does not depend on the cuts: sums of an agent have the same bits on any number of ranks.
    for (auto& part : parts_)
        std::ranges::sort(part.vertices, {},
                          [&](std::int32_t j) { return piece.vertices[static_cast<std::size_t>(j)].global; });
    for (std::size_t d = 0; d < flow.ders().size(); ++d)
        if (auto const& der = flow.ders()[d]; der.vertex >= 0 && der.available > 0.0)
            part_of(static_cast<std::size_t>(der.vertex)).ders.push_back(static_cast<std::int32_t>(d));

    // Levels ascend with the distance from the source, and so do vertices within a level: backwards is upwards.
    for (auto j = static_cast<std::int32_t>(piece.own) - 1; j >= 0; --j) {
        auto const& vertex = piece.vertices[static_cast<std::size_t>(j)];
        Matrix63 below = flow.injections()[static_cast<std::size_t>(j)].slope;
        for (std::int32_t c = 0; c < vertex.children; ++c) {
            auto const child = piece.children[static_cast<std::size_t>(vertex.first_child + c)];
            if (piece.vertices[static_cast<std::size_t>(child)].agent == vertex.agent)
                below += eliminated_[static_cast<std::size_t>(child)].slope_above;
        }
        auto& e = eliminated_[static_cast<std::size_t>(j)];
        if (vertex.parent >= 0) e = eliminate(flow.blocks()[static_cast<std::size_t>(j)], below);
        else e.slope = below;
    }
}

Vector6 AgentFlow::sweep(AgentPart const& part, Vector3 const& above, std::span<double> v_sq) {
    auto const& piece = flow_.piece();
    for (auto j = part.vertices.rbegin(); j != part.vertices.rend(); ++j) {
        auto const parent = piece.vertices[static_cast<std::size_t>(*j)].parent;
        if (*j != part.vertices.front())
            row<6>(draw_, parent) += eliminated_[static_cast<std::size_t>(*j)].up * row<6>(draw_, *j);
    }
    for (auto const j : part.vertices) {
        auto const& vertex = piece.vertices[static_cast<std::size_t>(j)];
        auto const& e = eliminated_[static_cast<std::size_t>(j)];
        Vector3 const up = j == part.vertices.front() ? above : Vector3{row<3>(v_sq, vertex.parent)};
        if (vertex.parent < 0) row<3>(v_sq, j) = above;
        else row<3>(v_sq, j) = e.down * up - e.self * row<6>(draw_, j);
    }
    auto const first = part.vertices.front();
    auto const& e = eliminated_[static_cast<std::size_t>(first)];
    if (piece.vertices[static_cast<std::size_t>(first)].parent < 0) return Vector6::Zero();
    return e.up * row<6>(draw_, first) + e.slope_above * above;
}

Vector6 AgentFlow::solve(AgentPart const& part, std::span<double const> alpha, Vector3 const& pcc,
                         std::span<double const> handed, std::span<double> v_sq) {
    auto const& piece = flow_.piece();
    for (auto const j : part.vertices) {
        auto const& vertex = piece.vertices[static_cast<std::size_t>(j)];
        auto draw = row<6>(draw_, j);
        draw = flow_.injections().constant(static_cast<std::size_t>(j));
        for (std::int32_t c = 0; c < vertex.children; ++c) {
            auto const child = piece.children[static_cast<std::size_t>(vertex.first_child + c)];
            if (piece.vertices[static_cast<std::size_t>(child)].agent != vertex.agent)
                draw += Eigen::Map<Vector6 const>(handed.data() + static_cast<std::ptrdiff_t>(child) * 6);
        }
    }
    for (auto const d : part.ders) {
        auto const& der = flow_.ders()[static_cast<std::size_t>(d)];
        row<6>(draw_, der.vertex) += alpha[static_cast<std::size_t>(d)] * der.full;
    }
    bool const source = piece.vertices[static_cast<std::size_t>(part.vertices.front())].parent < 0;
    return sweep(part, source ? flow_.source_v_sq() : pcc, v_sq);
}

void AgentFlow::solve_change(AgentPart const& part, std::span<double const> alpha, std::span<double> v_sq) {
    for (auto const j : part.vertices) row<6>(draw_, j).setZero();
    for (auto const d : part.ders) {
        auto const& der = flow_.ders()[static_cast<std::size_t>(d)];
        row<6>(draw_, der.vertex) += alpha[static_cast<std::size_t>(d)] * der.full;
    }
    sweep(part, Vector3::Zero(), v_sq);
}

}  // namespace dec::model
