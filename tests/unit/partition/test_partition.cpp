/// Agents and parts of a feeder, on one rank.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/partition/partition.hpp"
#include "support/feeder_maker.hpp"
#include "support/places.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using partition::Agent;
using partition::AgentTree;

namespace {

std::map<Area::Kind, std::size_t> kinds(AgentTree const& tree) {
    std::map<Area::Kind, std::size_t> count;
    for (auto const& agent : tree.agents.rows()) ++count[agent.kind];
    return count;
}

partition::Partition split(Feeder const& feeder, int parts) {
    Notes notes;
    return partition::split(feeder, validate(feeder, notes), partition::find_agents(feeder), parts);
}

}  // namespace

TEST_CASE("the agents of IEEE123_PV are the feeder, 5 areas, 82 centre-tapped secondaries and a three-phase one",
          "[agents]") {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    derive_areas(feeder);

    auto const tree = partition::find_agents(feeder);

    CHECK(kinds(tree) == std::map<Area::Kind, std::size_t>{
                             {Area::Kind::feeder, 1}, {Area::Kind::switch_delimited, 5}, {Area::Kind::secondary, 83}});
    std::size_t centre_tapped = 0;
    for (std::size_t a = 0; a < tree.agents.size(); ++a) {
        if (tree.agents.rows()[a].kind != Area::Kind::secondary) continue;
        bool legs = false;
        for (auto id : feeder.buses.ids())
            if (tree.agent_of_bus[id.at()] == static_cast<std::int32_t>(a))
                legs = legs || feeder.buses[id].phases.has_legs();
        centre_tapped += legs ? 1 : 0;
    }
    CHECK(centre_tapped == 82);
}

TEST_CASE("every bus and every photovoltaic system has one agent, and parents stand before children", "[agents]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const tree = partition::find_agents(feeder);

    CAPTURE(seed);
    REQUIRE(tree.agent_of_bus.size() == feeder.buses.size());
    CHECK(tree.agents.rows()[0].kind == Area::Kind::feeder);
    CHECK(tree.agents.rows()[0].parent == -1);
    std::int64_t nodes = 0, ders = 0, all_nodes = 0;
    for (std::size_t a = 0; a < tree.agents.size(); ++a) {
        auto const& agent = tree.agents.rows()[a];
        nodes += agent.nodes;
        ders += agent.ders;
        if (a > 0) {
            CHECK(agent.parent >= 0);
            CHECK(agent.parent < static_cast<std::int32_t>(a));
            CHECK(tree.agents.rows()[static_cast<std::size_t>(agent.parent)].kind < agent.kind);
        }
    }
    for (auto const& bus : feeder.buses.rows()) all_nodes += static_cast<std::int64_t>(bus.phases.size());
    CHECK(nodes == all_nodes);
    CHECK(ders == static_cast<std::int64_t>(feeder.pv_systems.size()));
}

TEST_CASE("the customers of one service transformer are one agent, apart from the primary's", "[agents]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const tree = partition::find_agents(feeder);

    CAPTURE(seed);
    std::set<std::int32_t> secondaries;
    for (auto const& unit : feeder.transformers.rows()) {
        if (!unit.phases(1).has_legs()) continue;
        auto const agent = tree.agent_of_bus[unit.winding[1].bus.at()];
        CHECK(tree.agents.rows()[static_cast<std::size_t>(agent)].kind == Area::Kind::secondary);
        CHECK(agent != tree.agent_of_bus[unit.winding[0].bus.at()]);
        CHECK(secondaries.insert(agent).second);
    }
    for (auto const& line : feeder.lines.rows())
        if (line.phase_set().has_legs()) CHECK(tree.agent_of_bus[line.from.at()] == tree.agent_of_bus[line.to.at()]);
}

TEST_CASE("parts cover every bus, keep secondaries whole, and balance what can be balanced", "[partition]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const parts = GENERATE(1, 2, 3, 5, 8);
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    auto const agents = partition::find_agents(feeder);

    auto const result = split(feeder, parts);

    CAPTURE(seed, parts);
    REQUIRE(result.rank_of_bus.size() == feeder.buses.size());
    for (auto rank : result.rank_of_bus) CHECK((rank >= 0 && rank < parts));
    std::map<std::int32_t, std::set<std::int32_t>> ranks_of_agent;
    for (auto id : feeder.buses.ids())
        if (agents.agents.rows()[static_cast<std::size_t>(agents.agent_of_bus[id.at()])].kind == Area::Kind::secondary)
            ranks_of_agent[agents.agent_of_bus[id.at()]].insert(result.rank_of_bus[id.at()]);
    for (auto const& [agent, ranks] : ranks_of_agent) CHECK(ranks.size() == 1);
    CHECK(result.imbalance >= 1.0 - 1e-12);
    if (parts == 1) {
        CHECK(result.edge_cut == 0);
        CHECK(result.imbalance == 1.0);
    }
    if (parts == 2) CHECK(result.imbalance < 1.35);
}

TEST_CASE("the cut that is reported is the number of branches between parts", "[partition]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const parts = GENERATE(2, 4);
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    Notes notes;
    auto const tree = validate(feeder, notes);

    auto const result = split(feeder, parts);

    // A star point lies with the bus above it.
    std::vector<std::int32_t> rank(tree.vertices.size());
    std::int64_t cut = 0;
    for (std::size_t i = 0; i < tree.vertices.size(); ++i) {
        auto const& v = tree.vertices[i];
        auto const parent = static_cast<std::size_t>(std::max(v.parent, 0));
        rank[i] = v.bus.valid() ? result.rank_of_bus[v.bus.at()]
                  : i == 0      ? result.rank_of_bus[feeder.sources.rows()[0].bus.at()]
                                : rank[parent];
        if (i > 0) cut += rank[i] != rank[parent] ? 1 : 0;
    }
    CAPTURE(seed, parts);
    CHECK(result.edge_cut == cut);
}

TEST_CASE("more parts than vertices leave the last ones empty", "[partition]") {
    test::FeederMaker make;
    auto const head = make.bus("head", 7200.0), end = make.bus("end", 7200.0);
    make.source(head);
    make.line(head, end, {Phase::a}, {{test::Complex{1.0, 1.0}}});

    auto const result = split(make.finish(), 7);

    CHECK(std::set<std::int32_t>(result.rank_of_bus.begin(), result.rank_of_bus.end()) == std::set<std::int32_t>{0, 1});
    CHECK(result.edge_cut == 1);
}

TEST_CASE("the same feeder is split the same way twice", "[partition]") {
    auto const feeder = test::random_feeder({.seed = 4, .branches = 40});

    CHECK(split(feeder, 4).rank_of_bus == split(feeder, 4).rank_of_bus);
}
