/// How a feeder falls into pieces for any number of ranks, without starting them: what the model of benchmarks/scaling rests on. One line
/// of JSON per number of parts.
///
///     benchmark_pieces FEEDER PARTS...
///
/// `levels`: of the tree of pieces, so that a sweep over the feeder is levels - 1 exchanges. `critical_vertices`: what the rank with most
/// has without a cut below, which waits for nobody, and the sum over levels of what the rank with most has there with one, since a level
/// waits for the one before; `largest_vertices`: of the rank with most in all. `busiest_cuts`: the most cut branches that one rank has with
/// ranks above, or with ranks below, at one level.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/partition/prepare.hpp"

namespace {

using namespace dec;

void print_pieces(partition::Whole const& whole, int parts) {
    auto const split = partition::split(whole.feeder, whole.tree, whole.agents, partition::Grain::secondary, parts);
    auto const& vertices = whole.tree.vertices;
    std::vector<int> level(vertices.size(), 0);
    std::map<std::pair<int, int>, std::int64_t> own, up, down;  // by level and rank
    int levels = 1;
    for (std::size_t i = 0; i < vertices.size(); ++i) {
        auto const rank = split.rank_of_vertex[i];
        if (vertices[i].parent >= 0) {
            auto const parent = static_cast<std::size_t>(vertices[i].parent);
            auto const rank_above = split.rank_of_vertex[parent];
            level[i] = level[parent] + (rank_above != rank ? 1 : 0);
            if (rank_above != rank) {
                ++up[{level[i], rank}];
                ++down[{level[i], rank_above}];
            }
        }
        levels = std::max(levels, level[i] + 1);
    }
    std::vector<char> waits(vertices.size(), 0);  // for a rank below
    for (std::size_t i = vertices.size(); i-- > 0;) {
        auto const rank = split.rank_of_vertex[i];
        ++own[{waits[i] != 0 ? level[i] : levels, rank}];
        if (vertices[i].parent < 0) continue;
        auto const parent = static_cast<std::size_t>(vertices[i].parent);
        if (waits[i] != 0 || split.rank_of_vertex[parent] != rank) waits[parent] = 1;
    }
    std::vector<std::int64_t> largest(static_cast<std::size_t>(levels) + 1, 0);
    for (auto const& [at, count] : own)
        largest[static_cast<std::size_t>(at.first)] = std::max(largest[static_cast<std::size_t>(at.first)], count);
    std::vector<std::int64_t> of_rank(static_cast<std::size_t>(parts), 0);
    for (auto const rank : split.rank_of_vertex) ++of_rank[static_cast<std::size_t>(rank)];
    std::int64_t critical = 0, busiest = 0;
    for (auto const count : largest) critical += count;
    for (auto const* cuts : {&up, &down})
        for (auto const& [at, count] : *cuts) busiest = std::max(busiest, count);
    std::printf(
        "{\"parts\": %d, \"vertices\": %zu, \"edge_cut\": %lld, \"imbalance\": %.6f, \"levels\": %d, "
        "\"critical_vertices\": %lld, \"largest_vertices\": %lld, \"busiest_cuts\": %lld}\n",
        parts, vertices.size(), static_cast<long long>(split.edge_cut), split.imbalance, levels,
        static_cast<long long>(critical), static_cast<long long>(std::ranges::max(of_rank)),
        static_cast<long long>(busiest));
}

}  // namespace

int main(int argc, char** argv) {
    bool understood = argc > 2;
    for (int i = 2; i < argc; ++i) understood = understood && std::atoi(argv[i]) > 0;
    if (!understood) {
        std::fprintf(stderr, "usage: benchmark_pieces FEEDER PARTS...\n");
        return 2;
    }
    try {
        feeder::Notes notes;
        auto const whole = partition::prepare(io::read_feeder(argv[1]).feeder, partition::Grain::secondary, 1,
                                              feeder::Loops::refused, notes);
        for (int i = 2; i < argc; ++i) print_pieces(whole, std::atoi(argv[i]));
    } catch (core::Error const& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
    return 0;
}
