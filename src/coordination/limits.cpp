#include "dec/coordination/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "dec/coordination/answer.hpp"
#include "dec/core/error.hpp"
#include "naming.hpp"

namespace dec::coordination {

namespace {

/// Names of line-to-line nodes in the places A, B, C of a floating delta.
constexpr std::array<std::string_view, 3> pair_names{"AB", "BC", "CA"};

}  // namespace

double seen(partition::Piece const& piece, model::FlowState const& state, Node const& node) {
    auto const& vertex = piece.vertices[static_cast<std::size_t>(node.vertex)];
    Eigen::Map<model::Vector3 const> const v{state.v_sq.data() + static_cast<std::ptrdiff_t>(node.vertex) * 3};
    return vertex.floating_delta ? model::seen_voltage(vertex, v)(node.place) : v(node.place);
}

model::Vector3 seen_weight(partition::Piece const& piece, Node const& node) {
    auto const& vertex = piece.vertices[static_cast<std::size_t>(node.vertex)];
    return vertex.floating_delta ? model::Vector3{model::line_to_line().row(node.place).transpose()}
                                 : model::Vector3{model::Vector3::Unit(node.place)};
}

std::vector<Node> limited_nodes(partition::Piece const& piece, VoltageLimits const& limits,
                                model::FlowState const& uncurtailed) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < piece.own; ++i) count += piece.vertices[i].phases.size();
    std::vector<Node> nodes;
    nodes.reserve(count);
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (vertex.kind != feeder::Vertex::Kind::bus) continue;
        auto const all = piece.feeder.buses[vertex.bus].phases;
        for (feeder::Phase p : vertex.phases.list()) {
            // Line to line there is only a voltage where both phases are.
            if (vertex.floating_delta && !vertex.phases.contains(feeder::delta_pair(p)[1])) continue;
            Node node{.vertex = static_cast<std::int32_t>(i),
                      .place = static_cast<std::int32_t>(feeder::slot(p)),
                      .row = piece.global.first_node[vertex.bus.at()] + static_cast<std::int64_t>(all.position(p)),
                      .low = limits.v_min_pu * limits.v_min_pu,
                      .high = limits.v_max_pu * limits.v_max_pu};
            if (limits.relax_v_min && seen(piece, uncurtailed, node) < node.low)
                node.low = -std::numeric_limits<double>::infinity();
            nodes.push_back(node);
        }
    }
    return nodes;
}

std::vector<Node> nodes_of(Settings const& settings, partition::Piece const& piece,
                           model::FlowState const& uncurtailed) {
    return settings.nodes ? *settings.nodes : limited_nodes(piece, settings.limits, uncurtailed);
}

void require_finite(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> nodes,
                    model::FlowState const& state) {
    core::together(comm, [&] {
        for (auto const& node : nodes)
            if (!std::isfinite(seen(piece, state, node)))
                throw core::Error{core::ExitCode::bug,
                                  {{piece.feeder.heading.origin, "node " + node_name(piece, node),
                                    "internal error: the linear power flow gives no finite voltage",
                                    "please report it with the input"}}};
    });
}

void require_no_collapse(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> nodes,
                         model::FlowState const& state) {
    double lowest = std::numeric_limits<double>::infinity();
    Node const* where = nullptr;
    for (auto const& node : nodes) {
        double const v_sq = seen(piece, state, node);
        if (v_sq >= lowest) continue;
        lowest = v_sq;
        where = &node;
    }
    double const lowest_of_all = comm.min(lowest);
    if (lowest_of_all > 0.0) return;
    core::together(comm, [&] {
        if (where != nullptr && lowest <= lowest_of_all)
            throw core::Error{core::ExitCode::infeasible,
                              {{piece.feeder.heading.origin, "node " + node_name(piece, *where),
                                "the voltage collapses: so much load cannot be served",
                                "lower --load-scale or raise --source-voltage"}}};
    });
}

model::SquaredLimits squared_limits(partition::Piece const& piece, std::span<Node const> nodes) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    model::SquaredLimits limits{std::vector<double>(3 * piece.own, -infinity),
                                std::vector<double>(3 * piece.own, infinity)};
    for (auto const& node : nodes) {
        auto const at = static_cast<std::size_t>(3 * node.vertex + node.place);
        limits.low[at] = node.low;
        limits.high[at] = node.high;
    }
    return limits;
}

std::string node_name(partition::Piece const& piece, Node const& node) {
    auto const& vertex = piece.vertices[static_cast<std::size_t>(node.vertex)];
    auto const place = static_cast<std::size_t>(node.place);
    std::string_view const phase = vertex.floating_delta ? pair_names[place]
                                   : vertex.phases.has_legs()
                                       ? feeder::to_text(node.place == 0 ? feeder::Phase::s1 : feeder::Phase::s2)
                                       : feeder::to_text(static_cast<feeder::Phase>(node.place));
    return fmt::format("{}.{}", piece.feeder.buses.name(vertex.bus), phase);
}

std::vector<std::string> node_names(core::Communicator const& comm, partition::Piece const& piece,
                                    std::span<Node const> nodes, std::vector<char> const& chosen) {
    std::vector<std::pair<std::int64_t, std::string>> own;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (chosen[i] != 0) own.emplace_back(nodes[i].row, node_name(piece, nodes[i]));
    return names_in_order(comm, own);
}

}  // namespace dec::coordination
