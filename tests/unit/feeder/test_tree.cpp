/// The tree that a feeder hangs in.
#include <catch2/catch.hpp>
#include <set>

#include "dec/feeder/tree.hpp"
#include "support/feeder_maker.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using test::Complex;
using test::FeederMaker;

namespace {

Tree hang(Feeder const& feeder) {
    Notes notes;
    return validate(feeder, notes);
}

}  // namespace

TEST_CASE("a tree has parents before children, depth first, and every energised bus once", "[tree]") {
    auto const seed = GENERATE(range(0U, 40U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const tree = hang(feeder);

    CAPTURE(seed);
    REQUIRE(tree.vertices[0].kind == Vertex::Kind::ideal_source);
    CHECK(tree.vertices[0].parent == -1);
    std::set<std::int32_t> buses;
    std::vector<std::int32_t> path{0};  // from the source to the vertex before
    for (std::size_t i = 1; i < tree.vertices.size(); ++i) {
        auto const& v = tree.vertices[i];
        while (!path.empty() && path.back() != v.parent) path.pop_back();
        REQUIRE_FALSE(path.empty());  // depth first: the parent is on the path to the vertex before
        path.push_back(static_cast<std::int32_t>(i));
        CHECK(v.feedings > 0);
        CHECK_FALSE(v.phases.empty());
        CHECK(v.distance_m >= tree.vertices[static_cast<std::size_t>(v.parent)].distance_m);
        if (!v.bus.valid()) continue;
        CHECK(buses.insert(v.bus.value()).second);
        CHECK(tree.vertex_of_bus[v.bus.at()] == static_cast<std::int32_t>(i));
        CHECK(feeder.buses[v.bus].phases.contains(v.phases));
    }
    for (auto id : feeder.buses.ids()) CHECK((tree.vertex_of_bus[id.at()] >= 0) == buses.contains(id.value()));
}

TEST_CASE("every closed branch between energised buses feeds exactly one vertex", "[tree]") {
    auto const seed = GENERATE(range(0U, 40U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const tree = hang(feeder);
    std::vector<int> lines(feeder.lines.size()), switches(feeder.switches.size()), units(feeder.transformers.size());
    for (auto const& feeding : tree.feedings) {
        auto const e = static_cast<std::size_t>(feeding.element);
        if (feeding.kind == Feeding::Kind::line) ++lines[e];
        if (feeding.kind == Feeding::Kind::switch_) ++switches[e];
        if (feeding.kind == Feeding::Kind::transformer || feeding.kind == Feeding::Kind::star_member) ++units[e];
    }
    auto const live = [&](Index<Bus> bus) { return tree.vertex_of_bus[bus.at()] >= 0; };

    CAPTURE(seed);
    for (auto id : feeder.lines.ids()) CHECK(lines[id.at()] == (live(feeder.lines[id].from) ? 1 : 0));
    for (auto id : feeder.switches.ids()) CHECK(switches[id.at()] == (feeder.switches[id].closed.empty() ? 0 : 1));
    for (auto id : feeder.transformers.ids()) {
        auto const& unit = feeder.transformers[id];
        bool const star = unit.winding[2].bus.valid() && unit.winding[2].bus != unit.winding[1].bus;
        CHECK(units[id.at()] == (star ? 3 : 1));
    }
}

TEST_CASE("children stand in the order of the feeder's branches, lines before switches before transformers", "[tree]") {
    FeederMaker make;
    auto const head = make.bus("head", 7200.0);
    make.source(head);
    std::array<FeederMaker::BusId, 4> buses{make.bus("0", 7200.0), make.bus("1", 7200.0), make.bus("2", 7200.0),
                                            make.bus("3", 7200.0)};
    make.link(head, buses[3], PhaseSet::abc());
    for (std::size_t i : {2U, 0U}) make.line(buses[i], head, {Phase::a}, {{Complex{1.0, 1.0}}});
    make.line(buses[2], buses[1], {Phase::a}, {{Complex{1.0, 1.0}}});
    make.feeder.lines.rows()[1].length_m = 30.0;
    make.feeder.lines.rows()[2].length_m = 12.0;

    auto const tree = hang(make.finish());

    REQUIRE(tree.vertices.size() == 6);
    std::vector<std::string> order;
    for (std::size_t i = 1; i < tree.vertices.size(); ++i)
        order.emplace_back(make.feeder.buses.name(tree.vertices[i].bus));
    CHECK(order == std::vector<std::string>{"head", "2", "1", "0", "3"});
    CHECK(tree.vertices[3].distance_m == 13.0);
    CHECK(tree.vertices[5].distance_m == 0.0);
    CHECK(tree.feedings[static_cast<std::size_t>(tree.vertices[2].first_feeding)].upstream == 1);
}

TEST_CASE("energised phases are those that arrive", "[tree]") {
    FeederMaker make;
    auto const head = make.bus("head", 7200.0), x = make.bus("x", 7200.0), y = make.bus("y", 7200.0);
    make.source(head);
    auto const pole = make.link(head, x, PhaseSet::abc());
    make.feeder.switches[pole].closed = {Phase::a, Phase::c};
    make.line(x, y, {Phase::c, Phase::b},
              {{Complex{1.0, 1.0}, Complex{0.2, 0.3}}, {Complex{0.2, 0.3}, Complex{1.0, 1.0}}});

    auto const tree = hang(make.finish());

    CHECK(tree.vertices[2].phases == PhaseSet{Phase::a, Phase::c});
    CHECK(tree.vertices[3].phases == PhaseSet{Phase::c});
}

TEST_CASE("a delta winding floats what is behind it until the next wye", "[tree]") {
    FeederMaker make;
    std::vector<FeederMaker::BusId> buses;
    for (auto const* name : {"head", "delta", "lateral", "wye"}) buses.push_back(make.bus(name, 7200.0));
    make.source(buses[0]);
    auto const seat = [](auto bus) { return test::Seat{bus, {Conductor::a, Conductor::b, Conductor::c}}; };
    auto row = test::two_windings(3, 12470.0, 12470.0, {1.0, 5.0});
    row.winding[0].connection = row.winding[1].connection = Connection::delta;
    make.unit(make.code(row), {seat(buses[0]), seat(buses[1])});
    make.line(buses[1], buses[2], {Phase::a, Phase::b},
              {{Complex{1.0, 1.0}, Complex{0.2, 0.3}}, {Complex{0.2, 0.3}, Complex{1.0, 1.0}}});
    row.winding[1].connection = Connection::wye;
    row.winding[1].clock = 1;
    make.unit(make.code(row),
              {seat(buses[1]), {buses[3], {Conductor::a, Conductor::b, Conductor::c, Conductor::neutral}}});

    auto const feeder = make.finish();
    auto const tree = hang(feeder);

    std::vector<bool> floating;
    for (auto bus : buses)
        floating.push_back(tree.vertices[static_cast<std::size_t>(tree.vertex_of_bus[bus.at()])].floating_delta);
    CHECK(floating == std::vector<bool>{false, true, true, false});
}

TEST_CASE("star members say which winding feeds their star point", "[tree]") {
    auto const fed = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    FeederMaker make;
    std::vector<test::Seat> seats;
    for (int w = 0; w < 3; ++w)
        seats.push_back(
            {make.bus(std::to_string(w), 7200.0), {Conductor::a, Conductor::b, Conductor::c, Conductor::neutral}});
    make.source(seats[fed].bus);
    make.unit(
        make.code(test::three_windings(3, {12470.0, 12470.0, 12470.0}, {Complex{1, 5}, Complex{1, 6}, Complex{1, 4}})),
        seats);

    auto const tree = hang(make.finish());

    int outward = 0;
    for (auto const& feeding : tree.feedings)
        if (feeding.kind == Feeding::Kind::star_member && feeding.upstream == 1) {
            CHECK(feeding.fed_winding == fed);
            CHECK(feeding.winding != fed);
            ++outward;
        }
    CHECK(outward == 2);
}

TEST_CASE("what closes a loop becomes a tie where that is allowed, and brings its phases", "[tree][mesh]") {
    // Phase C of "b" comes by the way of "a" alone, and phase A of "a" by the way of "b".
    FeederMaker make{"ring"};
    auto const source = make.bus("source", 2400.0), a = make.bus("a", 2400.0), b = make.bus("b", 2400.0);
    make.source(source);
    Complex const z{0.1, 0.2};
    make.line(source, a, {Phase::b, Phase::c}, {{z, {}}, {{}, z}}, "to a");
    make.line(source, b, {Phase::a, Phase::b}, {{z, {}}, {{}, z}}, "to b");
    make.line(a, b, {Phase::a, Phase::b, Phase::c}, {{z, {}, {}}, {{}, z, {}}, {{}, {}, z}}, "between");
    auto const feeder = make.finish();
    Notes notes;

    auto const tree = validate(feeder, notes, Loops::allowed);

    CHECK(tree.vertices.size() == 4);
    REQUIRE(tree.ties.size() == 1);
    auto const& tie = tree.ties[0];
    CHECK(tie.feedings == 1);
    CHECK(tree.feedings[static_cast<std::size_t>(tie.first_feeding)].kind == Feeding::Kind::line);
    for (auto bus : {a, b})
        CHECK(tree.vertices[static_cast<std::size_t>(tree.vertex_of_bus[bus.at()])].phases == PhaseSet::abc());
    CHECK_THROWS_WITH(validate(feeder, notes), Catch::Contains("loop"));
    CHECK(validate(test::random_feeder({.seed = 1}), notes, Loops::allowed).ties.empty());
}
