/// The corners of policies with one scalar, each on the smallest feeder that has it.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/coordination/bisection.hpp"
#include "dec/coordination/check.hpp"
#include "reference/brute_force.hpp"
#include "support/linear_answer.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using coordination::Status;
using test::Complex;
using test::FeederMaker;

namespace {

constexpr double base_v = 7200.0;

fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }

coordination::Answer solve(Feeder const& feeder, std::string_view name, coordination::VoltageLimits const& limits,
                           coordination::Observer const& observer = {}, std::int64_t max_iterations = 1000) {
    test::LinearAnswer linear{feeder};
    return coordination::bisection(core::Communicator{MPI_COMM_SELF}, linear.flow(), policy(name),
                                   {.limits = limits, .max_iterations = max_iterations}, observer);
}

/// head - one line per entry, with a bus, a photovoltaic system and a load on one phase at its end.
struct Spur {
    std::string name;
    Phase phase = Phase::a;
    Complex ohm{1.0, 1.0};
    double pv_kw = 0.0, load_kw = 0.0;
};
FeederMaker spurs(std::vector<Spur> const& list) {
    FeederMaker make;
    auto const head = make.bus("head", base_v);
    make.source(head);
    for (auto const& spur : list) {
        auto const bus = make.bus(spur.name, base_v);
        make.line(head, bus, {spur.phase}, {{spur.ohm}});
        test::PerPhaseComplex pv{}, load{};
        pv[slot(spur.phase)] = 1e3 * spur.pv_kw;
        load[slot(spur.phase)] = 1e3 * spur.load_kw;
        if (spur.pv_kw > 0.0) make.pv(bus, {spur.phase}, pv);
        if (spur.load_kw > 0.0) make.load(bus, {spur.phase}, load);
    }
    return make;
}
/// Squared voltage at the end of a spur, pu.
double end_v_sq(Spur const& spur, double curtailed_kw) {
    return 1.0 + 2.0 * spur.ohm.real() * 1e3 * (spur.pv_kw - curtailed_kw - spur.load_kw) / (base_v * base_v);
}

}  // namespace

TEST_CASE("where nothing violates a limit nothing is curtailed and nothing binds", "[coordination]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = spurs({{.name = "end", .pv_kw = 100.0}}).finish();

    auto const answer = solve(feeder, name, {});

    CHECK(answer.status == Status::optimal);
    CHECK(answer.alpha == std::vector<double>{0.0});
    CHECK(answer.objective == 0.0);
    CHECK(answer.binding_node.empty());
    CHECK(answer.binding_row == -1);
    CHECK(answer.curtailed.v_sq == answer.uncurtailed.v_sq);
}

TEST_CASE("one spur is curtailed to its limit exactly, in either policy's unit", "[coordination]") {
    Spur const spur{.name = "end", .phase = Phase::b, .ohm = {2.0, 1.0}, .pv_kw = 2000.0, .load_kw = 100.0};
    double const limit = 1.03;
    double const curtailed_kw = (end_v_sq(spur, 0.0) - limit * limit) * base_v * base_v / (2.0 * spur.ohm.real()) / 1e3;
    auto const feeder = spurs({spur}).finish();

    auto const fraction = solve(feeder, "proportional", {.v_max_pu = limit});
    auto const kilowatts = solve(feeder, "equal-kw", {.v_max_pu = limit});

    CHECK(fraction.alpha.at(0) == Approx(curtailed_kw / 2000.0).epsilon(1e-12));
    CHECK(fraction.objective == Approx(curtailed_kw).epsilon(1e-12));
    CHECK(kilowatts.alpha.at(0) == Approx(curtailed_kw / 2000.0).epsilon(1e-12));
    CHECK(kilowatts.objective == Approx(curtailed_kw).epsilon(1e-12));
    CHECK(fraction.binding_node == "end.B");
    CHECK(kilowatts.binding_node == "end.B");
}

TEST_CASE("without photovoltaics a feeder is inside its limits or infeasible", "[coordination]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = spurs({{.name = "end", .load_kw = 100.0}}).finish();

    CHECK(solve(feeder, name, {}).status == Status::optimal);
    auto const answer = solve(feeder, name, {.v_min_pu = 0.9, .v_max_pu = 0.999});

    CHECK(answer.status == Status::infeasible);
    REQUIRE(answer.conflicts.size() == 3);
    CHECK(answer.conflicts[0].element == "node head.A");
    CHECK(answer.conflicts[1].element == "node head.B");
    CHECK(answer.conflicts[2].element == "node head.C");
    CHECK(answer.conflicts[0].problem.find("1.0000 pu without any PV") != std::string::npos);
}

TEST_CASE("systems with nothing available and systems in the dark take no part", "[coordination]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto make = spurs({{.name = "end", .ohm = {2.0, 1.0}, .pv_kw = 2000.0}, {.name = "cloudy"}});
    auto const cloudy = make.feeder.lines.rows()[1].to;
    auto const dark = make.bus("dark", base_v);
    make.link(cloudy, dark, {Phase::a}, false);
    make.pv(cloudy, {Phase::a}, {});
    make.pv(dark, {Phase::a}, {Complex{5e5}});
    double const limit = 1.04;

    auto const answer = solve(make.finish(), name, {.v_max_pu = limit});

    double const alpha =
        (end_v_sq({.ohm = {2.0, 1.0}, .pv_kw = 2000.0}, 0.0) - limit * limit) * base_v * base_v / 4.0 / 2000e3;
    REQUIRE(answer.alpha.size() == 3);
    CHECK(answer.alpha[0] == Approx(alpha).epsilon(1e-12));
    CHECK(answer.alpha[1] == 0.0);
    CHECK(answer.alpha[2] == 0.0);
    CHECK(answer.rounds.front().total_injection_kw == Approx(2000.0));
}

TEST_CASE("under uniform-export no customer exports more than the limit, and who has to give exports just that",
          "[coordination]") {
    auto const feeder = test::random_feeder({.seed = 11});
    test::DenseTwin const twin{feeder};
    auto const answer = solve(feeder, "uniform-export", {.v_max_pu = test::limit_between(twin, GENERATE(0.8, 0.3))});

    REQUIRE(answer.status == Status::optimal);
    std::size_t limited = 0;
    for (auto bus : feeder.buses.ids()) {
        double kept = 0.0, available = 0.0, load = 0.0;
        for (auto id : feeder.pv_systems.ids())
            if (feeder.pv_systems[id].inverter.bus == bus) {
                available += twin.available_kw()[id.at()];
                kept += twin.available_kw()[id.at()] * (1.0 - answer.alpha[id.at()]);
            }
        for (auto const& each : feeder.loads.rows())
            for (auto phase : each.phases.list())
                if (each.bus == bus) load += each.p_w[feeder::slot(phase)] / 1000.0;
        if (available == 0.0) continue;
        CAPTURE(feeder.buses.name(bus), answer.objective, available, kept, load);
        if (kept > 1e-9) CHECK(kept - load <= answer.objective + 1e-9);
        if (kept < available - 1e-9 && kept > 1e-9) {
            CHECK(kept - load == Approx(answer.objective).margin(1e-9));
            ++limited;
        }
    }
    CHECK(limited > 0);
}

TEST_CASE("equal-kw takes the same from all and everything from those who have less", "[coordination]") {
    std::vector<Spur> const list{{.name = "small", .phase = Phase::a, .pv_kw = 50.0},
                                 {.name = "large", .phase = Phase::b, .ohm = {2.0, 1.0}, .pv_kw = 2000.0},
                                 {.name = "middle", .phase = Phase::c, .pv_kw = 900.0}};
    double const limit = 1.05;
    double const kw = (end_v_sq(list[1], 0.0) - limit * limit) * base_v * base_v / 4.0 / 1e3;
    REQUIRE(kw > 50.0);

    auto const answer = solve(spurs(list).finish(), "equal-kw", {.v_max_pu = limit});

    CHECK(answer.objective == Approx(kw).epsilon(1e-12));
    CHECK(answer.alpha.at(0) == 1.0);
    CHECK(answer.alpha.at(1) == Approx(kw / 2000.0).epsilon(1e-12));
    CHECK(answer.alpha.at(2) == Approx(kw / 900.0).epsilon(1e-12));
}

namespace {

/// Curtailing phase C lifts phase A: the voltage of end.A falls, rises and falls again as equal kilowatts are taken.
Feeder up_and_down() {
    FeederMaker make;
    auto const head = make.bus("head", base_v), mid = make.bus("mid", base_v), end = make.bus("end", base_v);
    make.source(head);
    auto const z = [](Complex self, Complex mutual) {
        return test::LineImpedance{{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}};
    };
    make.line(head, mid, {Phase::a, Phase::b, Phase::c}, z({1.0, 2.0}, {0.2, 1.0}));
    make.line(mid, end, {Phase::a, Phase::b, Phase::c}, z({3.0, 6.0}, {1.0, 3.0}));
    make.pv(end, {Phase::a}, {Complex{10e3}});
    make.pv(end, {Phase::c}, {Complex{}, Complex{}, Complex{30e3}});
    make.pv(mid, {Phase::a}, {Complex{400e3}});
    Battery fixed;  // keeps end.A the highest
    fixed.inverter = {.bus = end, .phases = {Phase::a}, .p_w = {300e3, 0.0, 0.0}};
    add_battery(make.feeder, fixed, "battery", {}, "battery", {});
    return make.finish();
}

}  // namespace

TEST_CASE("the first feasible point is found though the voltage rises again beyond it", "[coordination]") {
    auto const feeder = up_and_down();
    test::DenseTwin const twin{feeder};
    auto const end_a = [&](double kw) {
        return twin.v_sq({std::min(1.0, kw / 10.0), std::min(1.0, kw / 30.0), std::min(1.0, kw / 400.0)})(6);
    };
    REQUIRE(twin.nodes()[6].name == "end.A");
    REQUIRE(end_a(10.0) < end_a(0.0));
    REQUIRE(end_a(30.0) > end_a(0.0));
    double const limit = std::sqrt(0.5 * (end_a(0.0) + end_a(10.0)));
    REQUIRE(end_a(400.0) < limit * limit);

    auto const answer = solve(feeder, "equal-kw", {.v_max_pu = limit});

    CHECK(answer.status == Status::optimal);
    CHECK(answer.objective == Approx(5.0).epsilon(1e-10));
    CHECK(answer.binding_node == "end.A");
}

TEST_CASE("a rise on the way to the only feasible point is walked over", "[coordination]") {
    auto const feeder = up_and_down();
    test::DenseTwin const twin{feeder};
    coordination::VoltageLimits const limits{.v_max_pu = test::limit_between(twin, 0.2)};
    auto const expected = test::brute_force(twin, policy("equal-kw"), limits);
    REQUIRE(expected.scalar > 30.0);

    auto const answer = solve(feeder, "equal-kw", limits);

    CHECK(answer.status == Status::optimal);
    CHECK(answer.objective == Approx(expected.scalar).epsilon(1e-11));
}

TEST_CASE("of two nodes that are all but equally bad each is followed by its own violation", "[coordination]") {
    // The first in the table lies 5e-10 lower and answers ten times less to a kilowatt.
    Spur weak{.name = "first", .ohm = {0.2, 0.1}, .pv_kw = 20000.0};
    Spur const strong{.name = "second", .phase = Phase::b, .ohm = {2.0, 1.0}, .pv_kw = 2000.0};
    weak.pv_kw -= 5e-10 * base_v * base_v / (2.0 * weak.ohm.real() * 1e3);
    double const limit = 1.06;
    double const kw = (end_v_sq(weak, 0.0) - limit * limit) * base_v * base_v / (2.0 * weak.ohm.real() * 1e3);

    auto const answer = solve(spurs({weak, strong}).finish(), "equal-kw", {.v_max_pu = limit});

    CHECK(answer.objective == Approx(kw).epsilon(1e-11));
    CHECK(answer.binding_node == "first.A");
}

TEST_CASE("a limit that only full curtailment meets is met by full curtailment", "[coordination]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const seed = GENERATE(range(0U, 20U));
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};

    // A hair above what everything curtailed leaves: within rounding of it.
    auto const answer = solve(feeder, name, {.v_min_pu = 0.0, .v_max_pu = test::limit_between(twin, 0.0) + 1e-13});

    CAPTURE(seed, name);
    CHECK(answer.status == Status::optimal);
}

// --- lower limits ----------------------------------------------------------------------------------------------------

TEST_CASE("a lower limit that curtailment would break bounds the fraction from above", "[coordination][lower]") {
    // "high" needs curtailment; "low" keeps its voltage by the photovoltaics that would be curtailed with it.
    Spur const high{.name = "high", .phase = Phase::a, .ohm = {2.0, 1.0}, .pv_kw = 2000.0};
    Spur const low{.name = "low", .phase = Phase::b, .ohm = {2.0, 1.0}, .pv_kw = 1000.0, .load_kw = 1500.0};
    auto const feeder = spurs({high, low}).finish();
    double const needed = (end_v_sq(high, 0.0) - 1.05 * 1.05) * base_v * base_v / 4.0 / 2000e3;
    double const v_low = std::sqrt(end_v_sq(low, needed * 1000.0));

    auto const feasible =
        solve(feeder, "proportional", {.v_min_pu = v_low - 1e-6, .v_max_pu = 1.05, .relax_v_min = false});
    auto const infeasible =
        solve(feeder, "proportional", {.v_min_pu = v_low + 1e-4, .v_max_pu = 1.05, .relax_v_min = false});

    CHECK(feasible.status == Status::optimal);
    CHECK(feasible.alpha.at(0) == Approx(needed).epsilon(1e-12));
    CHECK(infeasible.status == Status::infeasible);
    REQUIRE(infeasible.conflicts.size() == 1);
    CHECK(infeasible.conflicts[0].element == "nodes high.A and low.B");
}

TEST_CASE("a lower limit stays where the node is above it uncurtailed, relaxed or not", "[coordination][lower]") {
    Spur const high{.name = "high", .phase = Phase::a, .ohm = {2.0, 1.0}, .pv_kw = 2000.0};
    Spur const low{.name = "low", .phase = Phase::b, .ohm = {2.0, 1.0}, .pv_kw = 1000.0, .load_kw = 1500.0};
    auto const feeder = spurs({high, low}).finish();
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    double const uncurtailed = std::sqrt(end_v_sq(low, 0.0));

    CHECK(solve(feeder, name, {.v_min_pu = uncurtailed - 1e-4, .v_max_pu = 1.05}).status == Status::infeasible);
    CHECK(solve(feeder, name, {.v_min_pu = uncurtailed + 1e-4, .v_max_pu = 1.05}).status == Status::optimal);
    CHECK(solve(feeder, name, {.v_min_pu = uncurtailed + 1e-4, .v_max_pu = 1.05, .relax_v_min = false}).status ==
          Status::infeasible);
}

TEST_CASE("a node that curtailment lifts can be lifted over its lower limit", "[coordination][lower]") {
    // Curtailing phase C lifts phase A.
    FeederMaker make;
    auto const head = make.bus("head", base_v), end = make.bus("end", base_v);
    make.source(head);
    Complex const self{1.0, 2.0}, mutual{0.3, 0.9};
    make.line(head, end, {Phase::a, Phase::b, Phase::c},
              {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
    make.load(end, {Phase::a}, {Complex{500e3}});
    make.pv(end, {Phase::c}, {Complex{}, Complex{}, Complex{800e3}});
    auto const feeder = make.finish();
    test::DenseTwin const twin{feeder};
    double const before = twin.v_sq({0.0})(3), after = twin.v_sq({1.0})(3);
    REQUIRE(after > before);
    coordination::VoltageLimits const limits{
        .v_min_pu = std::sqrt(0.25 * after + 0.75 * before), .v_max_pu = 1.1, .relax_v_min = false};
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");

    auto const answer = solve(feeder, name, limits);

    CHECK(answer.status == Status::optimal);
    CHECK(answer.alpha.at(0) == Approx(0.25).epsilon(1e-10));
    CHECK(answer.binding_node == "end.A");
}

TEST_CASE("limits of random feeders mirrored: what holds a voltage up is found by brute force too",
          "[coordination][lower][twin]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = test::random_feeder({.seed = seed, .branches = 8});
    test::DenseTwin const twin{feeder};
    double lowest = 2.0;
    for (double v : twin.seen(std::vector<double>(feeder.pv_systems.size(), 0.0))) lowest = std::fmin(lowest, v);
    coordination::VoltageLimits const limits{.v_min_pu = std::sqrt(lowest) - 0.0005 * (seed % 5),
                                             .v_max_pu = test::limit_between(twin, 0.8),
                                             .relax_v_min = false};

    auto const answer = solve(feeder, name, limits);
    auto const expected = test::brute_force(twin, policy(name), limits);

    CAPTURE(seed, name);
    REQUIRE(answer.status == (expected.feasible ? Status::optimal : Status::infeasible));
    if (!expected.feasible) return;
    for (std::size_t d = 0; d < answer.alpha.size(); ++d) CHECK(std::abs(answer.alpha[d] - expected.alpha[d]) < 1e-10);
}

// --- which nodes have limits -----------------------------------------------------------------------------------------

TEST_CASE("behind a floating delta limits are line to line, one for every pair of phases that is there",
          "[coordination][floating]") {
    FeederMaker make;
    auto const head = make.bus("head", base_v), delta = make.bus("delta", 2400.0),
               lateral = make.bus("lateral", 2400.0);
    make.source(head);
    auto row = test::two_windings(3, base_v * std::sqrt(3.0), 2400.0 * std::sqrt(3.0), {0.5, 3.0});
    row.winding[0].connection = row.winding[1].connection = Connection::delta;
    std::array const conductors{Conductor::a, Conductor::b, Conductor::c, Conductor::none};
    make.unit(make.code(row), {{head, conductors}, {delta, conductors}});
    make.line(delta, lateral, {Phase::a, Phase::c},
              {{Complex{0.5, 0.5}, Complex{0.1, 0.2}}, {Complex{0.1, 0.2}, Complex{0.5, 0.5}}});
    make.load(lateral, {Phase::c}, {Complex{}, Complex{}, Complex{200e3}}, Connection::delta);
    test::LinearAnswer linear{make.finish()};

    auto const nodes = coordination::limited_nodes(linear.piece(), {.relax_v_min = false}, linear.state());

    std::vector<std::string> names;
    for (auto const& node : nodes) names.push_back(coordination::node_name(linear.piece(), node));
    CHECK(names ==
          std::vector<std::string>{"head.A", "head.B", "head.C", "delta.AB", "delta.BC", "delta.CA", "lateral.CA"});
    CHECK(coordination::seen(linear.piece(), linear.state(), nodes.back()) ==
          Approx(linear.pair_v_sq(lateral, Phase::c)));
}

TEST_CASE("star points have no limits, every phase of every energised bus has", "[coordination]") {
    auto const seed = GENERATE(range(0U, 10U));
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    test::LinearAnswer linear{feeder};

    auto const nodes = coordination::limited_nodes(linear.piece(), {}, linear.state());

    std::vector<std::string> names(twin.nodes().size());
    for (auto const& node : nodes)
        names[static_cast<std::size_t>(node.row)] = coordination::node_name(linear.piece(), node);
    for (std::size_t i = 0; i < names.size(); ++i)
        CHECK(names[i] == (twin.nodes()[i].limited ? twin.nodes()[i].name : std::string{}));
}

// --- laws ------------------------------------------------------------------------------------------------------------

TEST_CASE("a looser upper limit never costs more", "[coordination][property]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    double last = std::numeric_limits<double>::infinity();
    CAPTURE(seed, name);
    for (double share : {0.0, 0.1, 0.3, 0.6, 0.8, 1.0}) {
        auto const answer =
            solve(feeder, name, {.v_min_pu = 0.0, .v_max_pu = test::limit_between(twin, share) + 1e-12});
        REQUIRE(answer.status == Status::optimal);
        CHECK(answer.objective <= last + 1e-9);
        last = answer.objective;
    }
    CHECK(last == 0.0);
}

TEST_CASE("everybody who takes part gives the same: fraction or kilowatts, or all", "[coordination][property]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    coordination::VoltageLimits const limits{.v_max_pu = test::limit_between(twin, 0.5)};

    auto const fraction = solve(feeder, "proportional", limits);
    auto const kilowatts = solve(feeder, "equal-kw", limits);

    CAPTURE(seed);
    double available = 0.0;
    for (double kw : twin.available_kw()) available += kw;
    for (std::size_t d = 0; d < fraction.alpha.size(); ++d) {
        double const kw = twin.available_kw()[d];
        CHECK(fraction.alpha[d] == (kw > 0.0 ? Approx(fraction.objective / available).epsilon(1e-13) : Approx(0.0)));
        CHECK(kilowatts.alpha[d] * kw == Approx(std::min(kw, kilowatts.objective)).epsilon(1e-12));
    }
}

TEST_CASE("a stop asked for by the observer and the iteration limit end the walk as what they are", "[coordination]") {
    auto const feeder = up_and_down();
    coordination::VoltageLimits const limits{.v_max_pu = test::limit_between(test::DenseTwin{feeder}, 0.2)};

    CHECK(solve(feeder, "equal-kw", limits, [](auto const&) { return true; }).status == Status::interrupted);
    CHECK(solve(feeder, "proportional", limits, [](auto const&) { return true; }).status == Status::interrupted);
    CHECK(solve(feeder, "equal-kw", limits, {}, 0).status == Status::iteration_limit);
}

TEST_CASE("the check agrees with the answer to 1e-12 and says how far a limit is broken", "[coordination]") {
    auto const seed = GENERATE(range(0U, 10U));
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    coordination::VoltageLimits const limits{.v_max_pu = test::limit_between(twin, 0.5)};
    test::LinearAnswer linear{feeder};
    core::Communicator const alone{MPI_COMM_SELF};
    auto const answer = coordination::bisection(alone, linear.flow(), policy("proportional"), {.limits = limits}, {});
    std::vector<double> right, everything = twin.available_kw();
    for (std::size_t d = 0; d < answer.alpha.size(); ++d) right.push_back((1.0 - answer.alpha[d]) * everything[d]);

    auto const good = coordination::check_linear(alone, linear.flow(), answer, right);
    auto const bad = coordination::check_linear(alone, linear.flow(), answer, everything);

    CAPTURE(seed);
    CHECK(good.converged);
    CHECK(good.largest_difference < 1e-12);
    CHECK(good.violation_pu < 1e-12);
    CHECK(good.v_max_pu == Approx(limits.v_max_pu).epsilon(1e-12));
    double highest = 0.0, lowest = 2.0;
    for (double v : twin.seen(std::vector<double>(right.size(), 0.0))) {
        highest = std::fmax(highest, v);
        lowest = std::fmin(lowest, v);
    }
    CHECK(bad.v_max_pu == Approx(std::sqrt(highest)).epsilon(1e-12));
    CHECK(bad.v_min_pu == Approx(std::sqrt(lowest)).epsilon(1e-12));
    CHECK(bad.violation_pu == Approx(std::sqrt(highest) - limits.v_max_pu).epsilon(1e-9));
}
