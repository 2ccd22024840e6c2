#include "dec/partition/partition.hpp"

#include <fmt/format.h>
#include <metis.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace dec::partition {

namespace {

using feeder::Feeder;
using feeder::Tree;

/// The feeder graph for METIS: a vertex per grain, and per bus that is in none, in depth-first order.
struct CollapsedGraph {
    std::vector<std::int32_t> vertex_of_place;  ///< of the tree; -1: the ideal source
    std::vector<idx_t> start{0}, neighbour, weight;
};

CollapsedGraph collapse(Tree const& tree, AgentTree const& agents, Grain grain) {
    CollapsedGraph graph;
    auto& vertex_of_place = graph.vertex_of_place;
    vertex_of_place.assign(tree.vertices.size(), -1);
    std::vector<std::int32_t> vertex_of_agent(agents.agents.size(), -1);
    std::vector<std::pair<idx_t, idx_t>> edges;
    auto const is_whole = [&](std::int32_t agent) {
        return grain == Grain::agent || agents.agents[Index<Agent>{agent}].kind == feeder::Area::Kind::secondary;
    };
    // A place that is neither a bus nor in a grain has no vertex of its own: the ideal source goes with the source bus, a
    // star point with the bus above it.
    for (std::size_t place = 1; place < tree.vertices.size(); ++place) {
        auto const& v = tree.vertices[place];
        auto const above = vertex_of_place[static_cast<std::size_t>(v.parent)];
        auto const agent = agents.agent_of_vertex[place];
        bool const whole = is_whole(agent);
        if (!v.bus.valid() && !whole) {
            vertex_of_place[place] = above;
            continue;
        }
        std::int32_t mine = whole ? vertex_of_agent[static_cast<std::size_t>(agent)] : -1;
        if (mine < 0) {
            mine = static_cast<std::int32_t>(graph.weight.size());
            graph.weight.push_back(0);
            if (whole) vertex_of_agent[static_cast<std::size_t>(agent)] = mine;
        }
        vertex_of_place[place] = mine;
        if (v.bus.valid()) graph.weight[static_cast<std::size_t>(mine)] += static_cast<idx_t>(v.phases.size());
        if (above >= 0 && above != mine) edges.emplace_back(above, mine);
    }

    std::vector<idx_t> degree(graph.weight.size() + 1, 0);
    for (auto const& [a, b] : edges) {
        ++degree[static_cast<std::size_t>(a)];
        ++degree[static_cast<std::size_t>(b)];
    }
    graph.start.resize(degree.size());
    std::exclusive_scan(degree.begin(), degree.end(), graph.start.begin(), idx_t{0});
    graph.neighbour.resize(static_cast<std::size_t>(graph.start.back()));
    auto next = graph.start;
    for (auto const& [a, b] : edges) {
        graph.neighbour[static_cast<std::size_t>(next[static_cast<std::size_t>(a)]++)] = b;
        graph.neighbour[static_cast<std::size_t>(next[static_cast<std::size_t>(b)]++)] = a;
    }
    return graph;
}

/// The part of the graph that `keep` lists, numbered anew.
CollapsedGraph subgraph(CollapsedGraph const& graph, std::vector<idx_t> const& keep) {
    CollapsedGraph part;
    std::vector<idx_t> renumbered(graph.weight.size(), -1);
    for (std::size_t i = 0; i < keep.size(); ++i) renumbered[static_cast<std::size_t>(keep[i])] = static_cast<idx_t>(i);
    for (auto const v : keep) {
        auto const at = static_cast<std::size_t>(v);
        part.weight.push_back(graph.weight[at]);
        for (auto e = graph.start[at]; e < graph.start[at + 1]; ++e)
            if (auto const n = renumbered[static_cast<std::size_t>(graph.neighbour[static_cast<std::size_t>(e)])];
                n >= 0)
                part.neighbour.push_back(n);
        part.start.push_back(static_cast<idx_t>(part.neighbour.size()));
    }
    return part;
}

/// The heaviest first, each to the part that has least: where there are few vertices per part, cuts cannot balance them.
std::vector<idx_t> by_weight_alone(CollapsedGraph const& graph, int parts) {
    std::vector<idx_t> part(graph.weight.size(), 0), order(graph.weight.size());
    std::iota(order.begin(), order.end(), idx_t{0});
    std::ranges::stable_sort(order, std::greater{}, [&](idx_t v) { return graph.weight[static_cast<std::size_t>(v)]; });
    std::vector<std::int64_t> load(static_cast<std::size_t>(parts), 0);
    for (auto const v : order) {
        auto const least = std::ranges::min_element(load) - load.begin();
        part[static_cast<std::size_t>(v)] = static_cast<idx_t>(least);
        load[static_cast<std::size_t>(least)] += graph.weight[static_cast<std::size_t>(v)];
    }
    return part;
}

std::vector<idx_t> run_metis(CollapsedGraph& graph, int parts) {
    auto count = static_cast<idx_t>(graph.weight.size());
    std::vector<idx_t> part(graph.weight.size(), 0);
    idx_t options[METIS_NOPTIONS];
    METIS_SetDefaultOptions(options);
    options[METIS_OPTION_SEED] = 1;
    options[METIS_OPTION_NUMBERING] = 0;
    idx_t constraints = 1;
    idx_t wanted = parts;
    idx_t cut = 0;
    int const status =
        METIS_PartGraphRecursive(&count, &constraints, graph.start.data(), graph.neighbour.data(), graph.weight.data(),
                                 nullptr, nullptr, &wanted, nullptr, nullptr, options, &cut, part.data());
    if (status != METIS_OK) throw std::runtime_error{fmt::format("METIS_PartGraphRecursive returned {}", status)};
    return part;
}

std::vector<idx_t> parts_of(CollapsedGraph& graph, int parts) {
    auto const count = static_cast<idx_t>(graph.weight.size());
    std::vector<idx_t> part(graph.weight.size(), 0);
    if (parts == 1) return part;
    if (count <= parts) {
        std::iota(part.begin(), part.end(), idx_t{0});
        return part;
    }
    constexpr idx_t few = 4;  // per part; with fewer METIS may leave a part empty, and says so on standard output
    if (count < few * parts) return by_weight_alone(graph, parts);
    // A vertex as heavy as a whole part is one; METIS would try to bisect it.
    auto const total = std::accumulate(graph.weight.begin(), graph.weight.end(), std::int64_t{0});
    auto const heaviest = std::ranges::max_element(graph.weight) - graph.weight.begin();
    if (std::int64_t{graph.weight[static_cast<std::size_t>(heaviest)]} * parts < total) return run_metis(graph, parts);
    std::vector<idx_t> others;
    for (idx_t v = 0; v < count; ++v)
        if (v != heaviest) others.push_back(v);
    auto rest = subgraph(graph, others);
    auto const of_others = parts_of(rest, parts - 1);
    for (std::size_t i = 0; i < others.size(); ++i) part[static_cast<std::size_t>(others[i])] = of_others[i];
    part[static_cast<std::size_t>(heaviest)] = static_cast<idx_t>(parts - 1);
    return part;
}

}  // namespace

Partition split(Feeder const& feeder, Tree const& tree, AgentTree const& agents, Grain grain, int parts) {
    auto graph = collapse(tree, agents, grain);
    auto const part = parts_of(graph, parts);

    Partition result;
    result.rank_of_bus.assign(feeder.buses.size(), 0);
    result.rank_of_vertex.assign(tree.vertices.size(), 0);
    for (std::size_t place = 1; place < tree.vertices.size(); ++place) {
        auto const rank = static_cast<std::int32_t>(part[static_cast<std::size_t>(graph.vertex_of_place[place])]);
        result.rank_of_vertex[place] = rank;
        if (auto const bus = tree.vertices[place].bus; bus.valid()) result.rank_of_bus[bus.at()] = rank;
    }
    for (auto const& source : feeder.sources.rows()) result.rank_of_vertex[0] = result.rank_of_bus[source.bus.at()];

    std::vector<std::int64_t> weight(static_cast<std::size_t>(parts), 0);
    for (std::size_t v = 0; v < graph.weight.size(); ++v) {
        weight[static_cast<std::size_t>(part[v])] += graph.weight[v];
        for (auto e = graph.start[v]; e < graph.start[v + 1]; ++e)
            result.edge_cut +=
                part[v] < part[static_cast<std::size_t>(graph.neighbour[static_cast<std::size_t>(e)])] ? 1 : 0;
    }
    auto const total = std::accumulate(weight.begin(), weight.end(), std::int64_t{0});
    result.imbalance =
        total == 0 ? 1.0 : static_cast<double>(*std::ranges::max_element(weight)) * parts / static_cast<double>(total);
    return result;
}

}  // namespace dec::partition
