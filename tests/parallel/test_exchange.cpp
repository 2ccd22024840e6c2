/// Agents that decide by themselves, on any number of ranks.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "dec/coordination/bisection.hpp"
#include "dec/coordination/check.hpp"
#include "dec/coordination/exchange.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/synthesis/populate.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"
#include "support/original_feeder.hpp"
#include "support/places.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using coordination::Answer;
using coordination::ExchangeSettings;
using coordination::Mixing;
using coordination::Status;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

coordination::Method const shipped = *coordination::find_method("exchange");
coordination::Settings const defaults{.max_iterations = shipped.default_iterations,
                                      .tolerance = *shipped.default_tolerance,
                                      .scope = shipped.default_scope};

/// The least voltage violation that a limit of |V| may have at the end of a run, pu, and a little for the root.
constexpr double held = 1.1e-6;

fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }

Feeder demonstration() { return io::read_feeder(test::source_path("inputs/ieee123_secondary.xml")).feeder; }

/// IEEE123_PV with photovoltaics behind each service transformer.
std::optional<Feeder> populated() {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return std::nullopt;
    auto feeder = io::read_feeder(*path).feeder;
    synthesis::populate(feeder, {.pv_penetration = 1.0});
    return feeder;
}

struct Run {
    std::unique_ptr<test::Distributed> spread;
    Answer answer;
};

Run run(core::Communicator const& comm, Feeder feeder, std::string_view name,
        coordination::Settings const& settings = defaults, ExchangeSettings const& own = {},
        model::LinearSettings const& linear = {}) {
    derive_areas(feeder);
    Run result{test::distributed(comm, feeder, linear, partition::Grain::agent), {}};
    result.answer = coordination::exchange_with(comm, *result.spread->flow, policy(name), settings, own, {});
    return result;
}

/// Second opinion on exactly the exports of an answer.
coordination::Check check(core::Communicator const& comm, Run& run) {
    auto const& flow = *run.spread->flow;
    std::vector<double> kw;
    for (std::size_t d = 0; d < run.answer.alpha.size(); ++d)
        kw.push_back((1.0 - run.answer.alpha[d]) * flow.settings().per_unit.power_si(flow.ders()[d].available) /
                     1000.0);
    return coordination::check_linear(comm, *run.spread->flow, run.answer, kw);
}

void check_holds(core::Communicator const& comm, Run& run) {
    REQUIRE(run.answer.status == Status::converged);
    auto const found = check(comm, run);
    CHECK(found.converged);
    CHECK(found.largest_difference < 1e-9);
    CHECK(found.violation_pu <= held);
    REQUIRE(run.answer.objective_optimal.has_value());
    // Limits that are exceeded by the tolerance may save a little.
    CHECK(run.answer.objective >= *run.answer.objective_optimal * (1.0 - 1e-3) - 1e-6);
}

/// PCC voltages, pu: [round][3 x boundary + place], on every rank; zero where the PCC has no such phase.
std::vector<std::vector<double>> boundary_history(core::Communicator const& comm, Run const& run) {
    auto const own = partition::boundaries(run.spread->piece);
    std::vector<double> mine;
    for (std::size_t b = 0; b < own.size(); ++b) {
        mine.push_back(static_cast<double>(own[b].row));
        for (std::size_t r = 0; r < run.answer.rounds.size(); ++r)
            for (std::int32_t place = 0; place < 3; ++place) {
                auto const& places = run.answer.boundary_places;
                auto const at = std::ranges::find(places, 3 * own[b].pcc + place) - places.begin();
                bool const there = at < std::ssize(places);
                auto const k = r * places.size() + static_cast<std::size_t>(at);
                mine.push_back(there ? std::sqrt(run.answer.boundary_v_sq[k]) : 0.0);
            }
    }
    auto const rounds = run.answer.rounds.size();
    auto const all = comm.all_gather(mine);
    std::vector<std::vector<double>> history(
        rounds, std::vector<double>(3 * static_cast<std::size_t>(run.spread->piece.totals.boundaries), nan));
    for (std::size_t i = 0; i < all.size(); i += 1 + 3 * rounds)
        for (std::size_t r = 0; r < rounds; ++r)
            for (std::size_t place = 0; place < 3; ++place)
                history[r][3 * static_cast<std::size_t>(all[i]) + place] = all[i + 1 + 3 * r + place];
    return history;
}

/// The largest difference; infinite if sizes differ or something is not a number.
double distance(std::vector<double> const& a, std::vector<double> const& b) {
    double largest = a.size() == b.size() ? 0.0 : std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        double const difference = std::abs(a[i] - b[i]);
        largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
    }
    return largest;
}

void check_same_history(core::Communicator const& comm, Feeder const& feeder, std::string_view name) {
    core::Communicator const alone{MPI_COMM_SELF};
    auto const together = run(comm, feeder, name);
    auto const single = run(alone, feeder, name);

    REQUIRE(together.answer.status == single.answer.status);
    REQUIRE(together.answer.rounds.size() == single.answer.rounds.size());
    for (std::size_t r = 0; r < single.answer.rounds.size(); ++r) {
        auto const& a = together.answer.rounds[r];
        auto const& b = single.answer.rounds[r];
        CHECK(distance({a.objective, a.primal_residual, a.max_alpha_change, a.total_injection_kw},
                       {b.objective, b.primal_residual, b.max_alpha_change, b.total_injection_kw}) < 1e-9);
    }
    CHECK(distance(test::all_ders(comm, together.spread->piece, together.answer.alpha),
                   test::all_ders(alone, single.spread->piece, single.answer.alpha)) < 1e-9);
    auto const history = boundary_history(comm, together), expected = boundary_history(alone, single);
    for (std::size_t r = 0; r < history.size(); ++r) CHECK(distance(history[r], expected[r]) < 1e-9);
    // The tie-break of exact costs digits: 4e-9 between 1 and 4 ranks under `proportional`.
    CHECK(*together.answer.objective_optimal == Approx(*single.answer.objective_optimal).epsilon(1e-8));
}

/// A service transformer with two houses on it, at the end of a line.
Feeder two_houses(double pv_kw) {
    test::FeederMaker make;
    auto const head = make.bus("head", 7200.0), pole = make.bus("pole", 7200.0), house = make.bus("house", 120.0);
    make.source(head, 1.04);
    make.line(head, pole, {Phase::a}, {{test::Complex{8.0, 12.0}}});
    make.unit(make.code(test::three_windings(
                  1, {7200.0, 120.0, 120.0},
                  {test::Complex{12.4, 21.2}, test::Complex{13.5, 22.0}, test::Complex{0.0058, 0.0039}})),
              {{pole, {Conductor::a, Conductor::neutral}},
               {house, {Conductor::s1, Conductor::neutral}},
               {house, {Conductor::neutral, Conductor::s2}}});
    for (auto const* name : {"east", "west"})
        make.pv(house, PhaseSet::split(), {test::Complex{0.5e3 * pv_kw}, test::Complex{0.5e3 * pv_kw}}, Connection::wye,
                name);
    make.load(house, PhaseSet::split(), {test::Complex{1e3, 3e2}, test::Complex{1e3, 3e2}});
    return make.finish();
}

}  // namespace

TEST_CASE("the demonstration feeder's agents converge, and their orders hold every limit", "[exchange]") {
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    CAPTURE(name);

    auto result = run(comm, demonstration(), name);

    check_holds(comm, result);
    CHECK(result.answer.objective > *result.answer.objective_optimal);
    if (name != "proportional") return;
    std::map<std::int32_t, double> fraction;
    auto const& piece = result.spread->piece;
    for (std::size_t d = 0; d < result.answer.alpha.size(); ++d) {
        auto const agent = piece.agent_of_bus[piece.feeder.pv_systems.rows()[d].inverter.bus.at()];
        auto const [of_agent, first] = fraction.emplace(agent, result.answer.alpha[d]);
        if (!first) CHECK(result.answer.alpha[d] == of_agent->second);
    }
}

TEST_CASE("IEEE123_PV with photovoltaics behind each service transformer converges, and the orders hold every limit",
          "[exchange]") {
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = populated();
    if (!feeder) return;
    CAPTURE(name);

    auto result = run(comm, *feeder, name);

    check_holds(comm, result);
}

TEST_CASE("any number of ranks has the history of one", "[exchange][property]") {
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    CAPTURE(name);

    check_same_history(comm, demonstration(), name);
    if (auto const feeder = populated()) check_same_history(comm, *feeder, name);
}

TEST_CASE("standing still while a limit is violated is no end: the original's false stop is passed", "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    // As the original: the mean of five rounds, begun as if the source's voltage were everywhere. The agents see nothing of
    // what they are about to do to each other, and the first two rounds are alike.
    auto const result = run(comm, demonstration(), "proportional", defaults,
                            {.mixing = Mixing::moving_average, .flat_start = true, .requests = false});

    auto const history = boundary_history(comm, result);
    auto const& rounds = result.answer.rounds;
    REQUIRE(rounds.size() > 3);
    double const moved = distance(history[1], history[0]);
    CHECK(moved < 1e-3);
    CHECK(rounds[1].max_alpha_change < 1e-3);
    CHECK(rounds[1].primal_residual > 1e-3);
    CHECK(rounds.back().primal_residual < 0.1 * rounds[1].primal_residual);
}

TEST_CASE("two houses behind one transformer share what their own limit asks for, as brute force finds it",
          "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = two_houses(40.0);
    test::DenseTwin const twin{feeder};
    auto settings = defaults;
    settings.limits.v_max_pu = test::limit_between(twin, 0.5);
    auto const expected = test::brute_force(twin, policy("proportional"), settings.limits);
    REQUIRE(expected.feasible);

    // One agent has all DERs: its own optimum is everybody's, and equal houses get equal shares.
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    CAPTURE(name);
    auto result = run(comm, feeder, name, settings);

    check_holds(comm, result);
    for (double const alpha : test::all_ders(comm, result.spread->piece, result.answer.alpha))
        CHECK(alpha == Approx(expected.scalar).margin(1e-3));
}

TEST_CASE("one agent alone reaches the optimum", "[exchange]") {
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    test::FeederMaker make;
    std::vector<Index<Bus>> buses{make.bus("head", 7200.0)};
    make.source(buses[0], 1.02);
    for (int i = 1; i <= 6; ++i) {
        buses.push_back(make.bus("b" + std::to_string(i), 7200.0));
        make.line(buses[buses.size() - 2], buses.back(), {Phase::a}, {{test::Complex{0.5, 1.0}}});
        make.pv(buses.back(), {Phase::a}, {test::Complex{1e5 * i}});
    }
    auto const feeder = make.finish();
    CAPTURE(name);

    auto result = run(comm, feeder, name);

    check_holds(comm, result);
    CHECK(result.spread->piece.totals.agents == 1);
    CHECK(result.answer.objective > 0.0);
    CHECK(result.answer.objective == Approx(*result.answer.objective_optimal).epsilon(1e-6));
    if (name == "proportional") {
        auto const whole = coordination::bisection(comm, *result.spread->flow, policy(name), {}, {});
        CHECK(result.answer.objective == Approx(whole.objective).epsilon(1e-6));
    }
}

TEST_CASE("a feeder without secondaries is coordinated by its areas", "[exchange]") {
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = test::original_feeder();
    if (!feeder) return;
    scale(*feeder, 0.37, 0.88);
    CAPTURE(name);

    auto result = run(comm, *feeder, name, defaults, {}, {.source_voltage_pu = 1.04});

    check_holds(comm, result);
    CHECK(result.answer.objective > 0.0);
}

TEST_CASE("a feeder without photovoltaics, or without need, is left as it is", "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    double const scale = GENERATE(0.0, 0.01);
    auto settings = defaults;
    settings.limits = {.v_min_pu = 0.5, .v_max_pu = 1.5};

    auto result = run(comm, test::random_feeder({.seed = 3, .pv_scale = scale}), "quadratic", settings);

    check_holds(comm, result);
    for (double const alpha : result.answer.alpha) CHECK(alpha == 0.0);
    CHECK(result.answer.objective == 0.0);
    CHECK(*result.answer.objective_optimal == Approx(0.0).margin(1e-9));
}

TEST_CASE("limits that no curtailment holds end as infeasible, with the nodes that prove it", "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = two_houses(40.0);
    test::DenseTwin const twin{feeder};
    auto settings = defaults;
    settings.max_iterations = 10;
    settings.limits.v_max_pu = test::limit_between(twin, 0.0) - 0.003;  // below what full curtailment reaches

    auto const result = run(comm, feeder, "quadratic", settings);

    CHECK(result.answer.status == Status::infeasible);
    CHECK(result.answer.conflicts.empty() == !comm.is_root());  // the root names them
}

TEST_CASE("an iteration limit ends a run that has not converged, and says how far it is from its limits",
          "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto settings = defaults;
    settings.max_iterations = 3;

    auto result = run(comm, demonstration(), "quadratic", settings);

    CHECK(result.answer.status == Status::iteration_limit);
    CHECK(result.answer.rounds.size() == 4);
    CHECK(check(comm, result).violation_pu > 1e-4);
}

TEST_CASE("what binds a DER is a node of its own agent", "[exchange]") {
    core::Communicator const comm{MPI_COMM_WORLD};

    auto const result = run(comm, demonstration(), "quadratic");

    auto const& piece = result.spread->piece;
    for (std::size_t d = 0; d < result.answer.alpha.size(); ++d) {
        if (result.answer.alpha[d] < 1e-6) continue;
        auto const& nodes = result.answer.nodes;
        auto const node = std::ranges::find_if(nodes, [&](coordination::Node const& candidate) {
            return coordination::node_name(piece, candidate) == result.answer.binding[d];
        });
        REQUIRE(node != nodes.end());
        auto const bus = piece.feeder.pv_systems.rows()[d].inverter.bus;
        CHECK(piece.vertices[static_cast<std::size_t>(node->vertex)].agent == piece.agent_of_bus[bus.at()]);
    }
}
