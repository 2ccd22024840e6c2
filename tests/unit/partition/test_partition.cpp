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
using partition::Grain;

namespace {

std::map<Area::Kind, std::size_t> kinds(AgentTree const& tree) {
    std::map<Area::Kind, std::size_t> count;
    for (auto const& agent : tree.agents.rows()) ++count[agent.kind];
    return count;
}

AgentTree agents_of(Feeder const& feeder) {
    Notes notes;
    return partition::find_agents(feeder, validate(feeder, notes));
}

partition::Partition split(Feeder const& feeder, int parts, Grain grain = Grain::secondary) {
    Notes notes;
    auto const tree = validate(feeder, notes);
    return partition::split(feeder, tree, partition::find_agents(feeder, tree), grain, parts);
}

}  // namespace

TEST_CASE("the agents of IEEE123_PV are the feeder, 5 areas, 82 centre-tapped secondaries and a three-phase one",
          "[agents]") {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    derive_areas(feeder);

    auto const tree = agents_of(feeder);

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
    auto const tree = agents_of(feeder);

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
        }
    }
    for (auto const& bus : feeder.buses.rows()) all_nodes += static_cast<std::int64_t>(bus.phases.size());
    CHECK(nodes == all_nodes);
    CHECK(ders == static_cast<std::int64_t>(feeder.pv_systems.size()));
}

TEST_CASE("the customers of one service transformer are one agent, apart from the primary's", "[agents]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const tree = agents_of(feeder);

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

TEST_CASE("every agent is connected in the tree and meets the agent that feeds it at one place", "[agents]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    Notes notes;
    auto const tree = validate(feeder, notes);
    auto const agents = partition::find_agents(feeder, tree);

    CAPTURE(seed);
    std::map<std::int32_t, std::set<std::int32_t>> entrances;
    for (std::size_t i = 1; i < tree.vertices.size(); ++i) {
        auto const above = agents.agent_of_vertex[static_cast<std::size_t>(tree.vertices[i].parent)];
        auto const mine = agents.agent_of_vertex[i];
        if (tree.vertices[i].bus.valid()) CHECK(agents.agent_of_bus[tree.vertices[i].bus.at()] == mine);
        if (mine == above) continue;
        CHECK(agents.agents.rows()[static_cast<std::size_t>(mine)].parent == above);
        CHECK(entrances[mine].insert(static_cast<std::int32_t>(i)).second);
    }
    CHECK(static_cast<std::int32_t>(entrances.size()) == agents.energised - 1);
    for (auto const& [agent, places] : entrances) {
        CHECK(places.size() == 1);
        CHECK(agent < agents.energised);
    }
}

TEST_CASE("an area that is not connected becomes an agent per connected part", "[agents]") {
    // a - b - c - d in a row; a file says that b and d are one area, c another.
    test::FeederMaker make;
    std::vector<Index<Bus>> buses;
    for (auto const* name : {"a", "b", "c", "d"}) buses.push_back(make.bus(name, 7200.0));
    make.source(buses[0]);
    for (std::size_t i = 1; i < 4; ++i) make.line(buses[i - 1], buses[i], {Phase::a}, {{test::Complex{1.0, 1.0}}});
    for (auto const bus : {buses[1], buses[2], buses[3]}) make.load(bus, {Phase::a}, {test::Complex{1e3}});
    auto feeder = make.finish();
    auto const own = *feeder.areas.ids().begin();
    auto const north = feeder.areas.add({Area::Kind::switch_delimited, own}, "north", "north-mrid");
    auto const south = feeder.areas.add({Area::Kind::switch_delimited, own}, "south", "south-mrid");
    for (auto& load : feeder.loads.rows()) load.area = load.bus == buses[2] ? south : north;

    auto const tree = agents_of(feeder);

    REQUIRE(tree.agents.size() == 4);
    CHECK(tree.agents.name(Index<Agent>{1}) == "north");
    CHECK(tree.agents.name(Index<Agent>{2}) == "south");
    CHECK(tree.agents.name(Index<Agent>{3}) == "north-part2");
    CHECK(tree.agents.mrid(Index<Agent>{3}) != tree.agents.mrid(Index<Agent>{1}));
    CHECK(tree.agent_of_bus == std::vector<std::int32_t>{0, 1, 2, 3});
    CHECK(tree.agents.rows()[3].parent == 2);
}

TEST_CASE("no agent is split where agents must stay whole", "[partition]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const parts = GENERATE(2, 3, 8, 100);
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    Notes notes;
    auto const tree = validate(feeder, notes);
    auto const agents = partition::find_agents(feeder, tree);

    auto const result = split(feeder, parts, Grain::agent);

    CAPTURE(seed, parts);
    std::map<std::int32_t, std::set<std::int32_t>> ranks;
    for (std::size_t i = 0; i < tree.vertices.size(); ++i)
        ranks[agents.agent_of_vertex[i]].insert(result.rank_of_vertex[i]);
    for (auto const& [agent, of_agent] : ranks) CHECK(of_agent.size() == 1);
}

TEST_CASE("parts cover every bus, keep secondaries whole, and balance what can be balanced", "[partition]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const parts = GENERATE(1, 2, 3, 5, 8);
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    auto const agents = agents_of(feeder);

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

    std::int64_t cut = 0;
    for (std::size_t i = 1; i < tree.vertices.size(); ++i) {
        auto const& v = tree.vertices[i];
        if (v.bus.valid()) CHECK(result.rank_of_vertex[i] == result.rank_of_bus[v.bus.at()]);
        cut += result.rank_of_vertex[i] != result.rank_of_vertex[static_cast<std::size_t>(v.parent)] ? 1 : 0;
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
