/// What the ranks hold, taken together, is the feeder, once; and sweeps over the cuts reach everybody.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "dec/partition/tree_exchange.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using partition::Piece;

namespace {

/// All ranks' numbers on every rank.
std::vector<double> all(core::Communicator const& comm, std::vector<double> const& own) { return comm.all_gather(own); }

/// True if the numbers of all ranks together are 0 … count - 1, each once.
bool each_once(core::Communicator const& comm, std::vector<double> const& own, std::int64_t count) {
    auto together = all(comm, own);
    std::ranges::sort(together);
    std::vector<double> expected(static_cast<std::size_t>(count));
    std::iota(expected.begin(), expected.end(), 0.0);
    return together == expected;
}

double name_sum(core::TextColumn const& names) {
    double sum = 0.0;
    for (std::size_t i = 0; i < names.size(); ++i)
        sum += static_cast<double>(std::hash<std::string_view>{}(names[i]) % 1000003);
    return sum;
}

}  // namespace

TEST_CASE("the pieces together are the feeder: every row is with exactly one rank", "[parallel][pieces]") {
    auto const seed = GENERATE(range(0U, 20U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 25});
    auto const spread = test::distributed(comm, feeder);
    auto const& piece = spread->piece;
    CAPTURE(seed);

    std::vector<double> buses, vertices, pv, rows;
    for (auto id : piece.own_buses) buses.push_back(static_cast<double>(piece.global.buses[id.at()]));
    for (std::size_t i = 0; i < piece.own; ++i)
        vertices.push_back(static_cast<double>(piece.vertices[i].global.value()));
    for (auto row : piece.global.pv_systems) pv.push_back(static_cast<double>(row));
    for (auto const& branch : piece.branches)
        for (std::size_t k = 0; k < branch.phases.size(); ++k)
            rows.push_back(static_cast<double>(branch.first_row + static_cast<std::int64_t>(k)));
    CHECK(each_once(comm, buses, static_cast<std::int64_t>(feeder.buses.size())));
    CHECK(each_once(comm, vertices, piece.totals.vertices));
    CHECK(each_once(comm, pv, static_cast<std::int64_t>(feeder.pv_systems.size())));
    CHECK(each_once(comm, rows, piece.totals.branch_rows));

    auto const same_names = [&](auto const& whole, auto const& part) {
        CHECK(comm.sum(static_cast<std::int64_t>(part.size())) == static_cast<std::int64_t>(whole.size()));
        CHECK(comm.sum(name_sum(part.names())) == name_sum(whole.names()));
    };
    same_names(feeder.loads, piece.feeder.loads);
    same_names(feeder.capacitors, piece.feeder.capacitors);
    same_names(feeder.machines, piece.feeder.machines);
    same_names(feeder.batteries, piece.feeder.batteries);
    same_names(feeder.pv_systems, piece.feeder.pv_systems);
    same_names(feeder.sources, piece.feeder.sources);
}

TEST_CASE("the rows of a piece say of themselves what the feeder says", "[parallel][pieces]") {
    auto const seed = GENERATE(range(0U, 10U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    auto const spread = test::distributed(comm, feeder);
    auto const& piece = spread->piece;
    CAPTURE(seed, comm.rank());

    std::int64_t node = 0;
    std::vector<std::int64_t> first_node;
    for (auto const& bus : feeder.buses.rows()) {
        first_node.push_back(node);
        node += static_cast<std::int64_t>(bus.phases.size());
    }
    CHECK(piece.totals.nodes == node);
    for (auto id : piece.feeder.buses.ids()) {
        auto const whole = Index<Bus>{static_cast<std::int32_t>(piece.global.buses[id.at()])};
        CHECK(piece.feeder.buses.name(id) == feeder.buses.name(whole));
        CHECK(piece.feeder.buses[id].phases == feeder.buses[whole].phases);
        CHECK(piece.global.first_node[id.at()] == first_node[whole.at()]);
    }
    auto const bus_name = [](Feeder const& f, Index<Bus> bus) {
        return bus.valid() ? std::string{f.buses.name(bus)} : std::string{};
    };
    auto const row_named = [](auto const& table, std::string_view name) {
        for (auto id : table.ids())
            if (table.name(id) == name) return id;
        FAIL("no row is named " << name);
        return *table.ids().begin();
    };
    for (auto id : piece.feeder.lines.ids()) {
        auto const whole = row_named(feeder.lines, piece.feeder.lines.name(id));
        CHECK(bus_name(piece.feeder, piece.feeder.lines[id].from) == bus_name(feeder, feeder.lines[whole].from));
        CHECK(bus_name(piece.feeder, piece.feeder.lines[id].to) == bus_name(feeder, feeder.lines[whole].to));
        CHECK(line_matrices(piece.feeder, id).x_ohm == line_matrices(feeder, whole).x_ohm);
    }
    for (auto id : piece.feeder.transformers.ids()) {
        auto const whole = row_named(feeder.transformers, piece.feeder.transformers.name(id));
        for (std::size_t w = 0; w < 3; ++w)
            CHECK(bus_name(piece.feeder, piece.feeder.transformers[id].winding[w].bus) ==
                  bus_name(feeder, feeder.transformers[whole].winding[w].bus));
        CHECK(piece.feeder.transformer_codes.name(piece.feeder.transformers[id].code) ==
              feeder.transformer_codes.name(feeder.transformers[whole].code));
        auto const taps = [](Feeder const& f, Index<Transformer> unit) {
            double product = 1.0;
            for (auto const& tap : f.tap_changers.rows())
                if (tap.transformer == unit) product *= tap.ratio();
            return product;
        };
        CHECK(taps(piece.feeder, id) == taps(feeder, whole));
    }
    for (auto id : piece.feeder.loads.ids())
        CHECK(bus_name(piece.feeder, piece.feeder.loads[id].bus) ==
              bus_name(feeder, feeder.loads[row_named(feeder.loads, piece.feeder.loads.name(id))].bus));
}

TEST_CASE("branches lead from the source's side, and to the vertex they feed", "[parallel][pieces]") {
    auto const seed = GENERATE(range(0U, 20U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    auto const spread = test::distributed(comm, feeder);
    auto const& piece = spread->piece;

    CAPTURE(seed, comm.rank());
    for (auto const& branch : piece.branches) {
        if (branch.vertex < 0) continue;
        auto const& vertex = piece.vertices[static_cast<std::size_t>(branch.vertex)];
        CHECK(vertex.bus == branch.to);
        auto const& parent = piece.vertices[static_cast<std::size_t>(vertex.parent)];
        if (parent.kind == Vertex::Kind::bus) CHECK(parent.bus == branch.from);
        CHECK(branch.phases.contains(vertex.phases & branch.phases));
    }
}

TEST_CASE("a three-winding unit fed at any winding has its branches from there, on any number of ranks",
          "[parallel][pieces]") {
    auto const fed = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    core::Communicator const comm{MPI_COMM_WORLD};
    test::FeederMaker make;
    std::vector<test::Seat> seats;
    for (int w = 0; w < 3; ++w)
        seats.push_back(
            {make.bus(std::to_string(w), 7200.0), {Conductor::a, Conductor::b, Conductor::c, Conductor::neutral}});
    make.source(seats[fed].bus);
    auto row = test::three_windings(3, {12470.0, 12470.0, 12470.0},
                                    {test::Complex{1, 5}, test::Complex{1, 6}, test::Complex{1, 4}});
    row.winding[0].connection = Connection::delta;
    row.winding[1].clock = row.winding[2].clock = 1;
    make.unit(make.code(row), seats);
    for (auto const& seat : seats)
        if (seat.bus != seats[fed].bus)
            make.load(seat.bus, PhaseSet::abc(), {test::Complex{1e5}, test::Complex{2e5}, test::Complex{3e5}},
                      Connection::delta);
    auto const feeder = make.finish();

    auto const spread = test::distributed(comm, feeder);
    core::Communicator const alone{MPI_COMM_SELF};
    auto const single = test::distributed(alone, feeder);
    model::FlowState together, by_itself;
    spread->flow->solve({}, together);
    single->flow->solve({}, by_itself);

    double branches = 0.0;
    for (auto const& branch : spread->piece.branches) {
        CHECK(spread->piece.feeder.buses.name(branch.from) == std::to_string(fed));
        CHECK(branch.vertex >= 0);
        branches += 1.0;
    }
    CHECK(comm.sum(branches) == 2.0);
    CHECK(test::all_voltages(comm, spread->piece, together) == test::all_voltages(alone, single->piece, by_itself));
}

TEST_CASE("sweeps over the cuts count what is below and what is above", "[parallel][pieces]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const width = GENERATE(std::size_t{1}, std::size_t{3});
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 25});
    Notes notes;
    auto const tree = validate(feeder, notes);
    std::vector<double> below(tree.vertices.size(), 1.0), above(tree.vertices.size(), 0.0);
    for (std::size_t i = tree.vertices.size() - 1; i > 0; --i)
        below[static_cast<std::size_t>(tree.vertices[i].parent)] += below[i];
    for (std::size_t i = 1; i < tree.vertices.size(); ++i)
        above[i] = above[static_cast<std::size_t>(tree.vertices[i].parent)] + 1.0;

    auto const spread = test::distributed(comm, feeder);
    auto const& piece = spread->piece;
    partition::TreeExchange exchange{comm, piece};
    std::vector<double> counted(width * piece.vertices.size(), 0.0), depth(width * piece.vertices.size(), -1.0);
    exchange.up(counted, width, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece.vertices[static_cast<std::size_t>(j)];
            for (std::size_t k = 0; k < width; ++k) {
                double sum = 1.0;
                for (std::int32_t c = 0; c < vertex.children; ++c)
                    sum += counted[static_cast<std::size_t>(
                                       piece.children[static_cast<std::size_t>(vertex.first_child + c)]) *
                                       width +
                                   k];
                counted[static_cast<std::size_t>(j) * width + k] = sum;
            }
        }
    });
    exchange.down(depth, width, [&](partition::VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j)
            for (std::size_t k = 0; k < width; ++k) {
                auto const parent = piece.vertices[static_cast<std::size_t>(j)].parent;
                depth[static_cast<std::size_t>(j) * width + k] =
                    parent < 0 ? 0.0 : depth[static_cast<std::size_t>(parent) * width + k] + 1.0;
            }
    });

    CAPTURE(seed, comm.rank());
    for (std::size_t i = 0; i < piece.own; ++i)
        for (std::size_t k = 0; k < width; ++k) {
            auto const place = static_cast<std::size_t>(piece.vertices[i].global.value());
            CHECK(counted[i * width + k] == below[place]);
            CHECK(depth[i * width + k] == above[place]);
        }
}

TEST_CASE("more ranks than buses leave some idle and change nothing", "[parallel][pieces]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    test::FeederMaker make;
    auto const head = make.bus("head", 7200.0), end = make.bus("end", 7200.0);
    make.source(head);
    make.line(head, end, {Phase::b}, {{test::Complex{1.0, 2.0}}});
    make.load(end, {Phase::b}, {test::Complex{}, test::Complex{100e3, 50e3}});
    auto const feeder = make.finish();

    auto const spread = test::distributed(comm, feeder);
    model::FlowState state;
    spread->flow->solve({}, state);

    auto const v_sq = test::all_voltages(comm, spread->piece, state);
    REQUIRE(v_sq.size() == 4);
    CHECK(std::abs(v_sq[3] - (1.0 - 2.0 * (1.0 * 100e3 + 2.0 * 50e3) / (7200.0 * 7200.0))) < 1e-14);
    CHECK(comm.sum(static_cast<std::int64_t>(spread->piece.own)) == 3);
    if (comm.size() == 1) CHECK(spread->piece.summary.edge_cut == 0);
    else CHECK(spread->piece.summary.edge_cut == 1);
}

TEST_CASE("agents of a piece point into the feeder's agents and keep one rank for their totals", "[parallel][pieces]") {
    auto const seed = GENERATE(range(0U, 10U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    Notes notes;
    auto const agents = partition::find_agents(feeder, validate(feeder, notes));
    auto const spread = test::distributed(comm, feeder);
    auto const& piece = spread->piece;

    CAPTURE(seed, comm.rank());
    std::vector<double> kept;
    for (auto id : piece.agents.ids()) {
        core::Index<partition::Agent> const whole{static_cast<std::int32_t>(piece.agent_row[id.at()])};
        CHECK(piece.agents.name(id) == agents.agents.name(whole));
        CHECK(piece.agents[id].parent == agents.agents[whole].parent);
        auto const parent = agents.agents[whole].parent;
        CHECK(piece.agent_parents[id.at()] ==
              (parent < 0 ? std::string_view{} : agents.agents.name(core::Index<partition::Agent>{parent})));
        if (piece.agent_rank[id.at()] == comm.rank()) kept.push_back(static_cast<double>(whole.value()));
    }
    for (auto id : piece.feeder.buses.ids())
        CHECK(piece.agent_row[static_cast<std::size_t>(piece.agent_of_bus[id.at()])] ==
              agents.agent_of_bus[static_cast<std::size_t>(piece.global.buses[id.at()])]);
    // Every agent that has buses or places is kept by exactly one of the ranks that hold some of them.
    std::set<double> with_buses;
    for (auto agent : agents.agent_of_bus) with_buses.insert(static_cast<double>(agent));
    for (auto agent : agents.agent_of_vertex) with_buses.insert(static_cast<double>(agent));
    auto together = all(comm, kept);
    std::ranges::sort(together);
    CHECK(together == std::vector<double>(with_buses.begin(), with_buses.end()));
}
