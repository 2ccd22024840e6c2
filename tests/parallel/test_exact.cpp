/// Method exact on any number of ranks, against a general solver on the written-out program, and against its own laws.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "dec/coordination/bisection.hpp"
#include "dec/coordination/check.hpp"
#include "dec/coordination/exact.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/interior_point.hpp"
#include "dec/solvers/sparse_form.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using coordination::Status;

namespace {

fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }

std::vector<double> available_kw(model::LinDist3Flow const& flow) {
    std::vector<double> kw;
    for (auto const& der : flow.ders()) kw.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
    return kw;
}

/// What a general solver says of the same program, on one rank. A tie-break is left out.
solvers::Outcome reference(feeder::Feeder const& feeder, fairness::Policy const& what,
                           coordination::Settings const& settings) {
    core::Communicator const alone{MPI_COMM_SELF};
    auto const spread = test::distributed(alone, feeder);
    auto& flow = *spread->flow;
    auto const kw = available_kw(flow);
    model::FlowState uncurtailed;
    flow.solve(std::vector<double>(kw.size(), 0.0), uncurtailed);
    auto const nodes = coordination::limited_nodes(spread->piece, settings.limits, uncurtailed);
    auto const decisions = fairness::decide(what, settings.scope, spread->piece, kw, settings.contracts);
    auto const assembled = model::assemble(alone, flow, coordination::squared_limits(spread->piece, nodes), decisions);
    solvers::InteriorPoint solver{{.regularisation = 1e-8}};
    solver.setup(solvers::sparse_form(assembled.program).program);
    return solver.solve();
}

coordination::Settings settings_for(test::DenseTwin const& twin, unsigned seed) {
    double const share = std::array{0.9, 0.5, 0.1}[seed % 3];
    return {.limits = {.v_min_pu = 0.97, .v_max_pu = test::limit_between(twin, share), .relax_v_min = seed % 4 != 0},
            .max_iterations = 200,
            .tolerance = 1e-9};
}

std::vector<double> exports(model::LinDist3Flow const& flow, coordination::Answer const& answer) {
    std::vector<double> kw = available_kw(flow);
    for (std::size_t d = 0; d < kw.size(); ++d) kw[d] *= 1.0 - answer.alpha[d];
    return kw;
}

/// Dates of connection that do not depend on where a DER lies: few, or hardly two alike.
std::vector<fairness::Contract> dated(partition::Piece const& piece, unsigned seed) {
    std::vector<fairness::Contract> contracts(piece.feeder.pv_systems.size());
    std::size_t const days = seed % 2 == 0 ? 5 : 10000;
    for (auto id : piece.feeder.pv_systems.ids()) {
        std::seed_seq of_name(piece.feeder.pv_systems.name(id).begin(), piece.feeder.pv_systems.name(id).end());
        std::mt19937 random{of_name};
        contracts[id.at()].connected = static_cast<std::int64_t>(random() % days);
    }
    return contracts;
}

}  // namespace

TEST_CASE("exact reaches the objective of a general solver under every policy, and knows when there is none",
          "[parallel][exact]") {
    auto const seed = GENERATE(range(0U, 12U));
    auto const [name, scope] =
        GENERATE(table<std::string, fairness::Scope>({{"quadratic", fairness::Scope::feeder},
                                                      {"min-curtailment", fairness::Scope::feeder},
                                                      {"proportional", fairness::Scope::agent},
                                                      {"proportional", fairness::Scope::area},
                                                      {"proportional", fairness::Scope::feeder},
                                                      {"min-max", fairness::Scope::feeder}}));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    auto settings = settings_for(test::DenseTwin{feeder}, seed);
    settings.scope = scope;
    CAPTURE(seed, name, to_text(scope), settings.limits.v_max_pu);

    auto const spread = test::distributed(comm, feeder);
    auto const answer = coordination::exact_on_tree(comm, *spread->flow, policy(name), settings, {});

    auto const expected = reference(feeder, policy(name), settings);
    if (expected.status == solvers::Status::primal_infeasible) {
        CHECK(answer.status == Status::infeasible);
        if (comm.is_root()) CHECK_FALSE(answer.conflicts.empty());
        return;
    }
    REQUIRE(expected.status == solvers::Status::optimal);
    REQUIRE(answer.status == Status::optimal);
    CHECK(answer.objective == Approx(expected.objective).epsilon(1e-7).margin(1e-7));
    auto const check = coordination::check_linear(comm, *spread->flow, answer, exports(*spread->flow, answer));
    CHECK(check.converged);
    CHECK(check.largest_difference < 1e-12);
    CHECK(check.violation_pu < 1e-8);
}

TEST_CASE("any number of ranks finds the shares and prices of one", "[parallel][exact]") {
    auto const seed = GENERATE(range(40U, 48U));
    auto const name =
        GENERATE(as<std::string>{}, "quadratic", "nash", "min-max", "lifo", "min-curtailment", "proportional");
    core::Communicator const comm{MPI_COMM_WORLD};
    core::Communicator const alone{MPI_COMM_SELF};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    coordination::Settings settings{.limits = {.v_max_pu = test::limit_between(test::DenseTwin{feeder}, 0.6)},
                                    .max_iterations = 200,
                                    .tolerance = 1e-9,
                                    .scope = fairness::Scope::agent};
    CAPTURE(seed, name);

    auto const spread = test::distributed(comm, feeder);
    if (name == "lifo") settings.contracts = dated(spread->piece, seed);
    auto const together = coordination::exact(comm, *spread->flow, policy(name), settings, {});
    auto const single = test::distributed(alone, feeder);
    if (name == "lifo") settings.contracts = dated(single->piece, seed);
    auto const by_itself = coordination::exact(alone, *single->flow, policy(name), settings, {});

    REQUIRE(together.status == by_itself.status);
    REQUIRE(together.status == Status::optimal);
    CHECK(together.levels == by_itself.levels);
    auto const same = [](std::vector<double> const& a, std::vector<double> const& b, double tolerance) {
        REQUIRE(a.size() == b.size());
        for (std::size_t i = 0; i < a.size(); ++i)
            CHECK(((std::isnan(a[i]) && std::isnan(b[i])) || std::abs(a[i] - b[i]) < tolerance));
    };
    same(test::all_ders(comm, spread->piece, together.alpha), test::all_ders(alone, single->piece, by_itself.alpha),
         1e-9);
    same(test::all_voltages(comm, spread->piece, together.curtailed),
         test::all_voltages(alone, single->piece, by_itself.curtailed), 1e-9);
}

TEST_CASE("on the tree a common fraction is what the closed form finds", "[parallel][exact]") {
    auto const seed = GENERATE(range(0U, 12U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    auto const settings = settings_for(test::DenseTwin{feeder}, seed);
    CAPTURE(seed);

    auto const spread = test::distributed(comm, feeder);
    auto const tree = coordination::exact_on_tree(comm, *spread->flow, policy("proportional"), settings, {});
    auto const closed = coordination::bisection(comm, *spread->flow, policy("proportional"), settings, {});

    REQUIRE(tree.status == closed.status);
    if (closed.status != Status::optimal) return;
    for (std::size_t d = 0; d < closed.alpha.size(); ++d) CHECK(std::abs(tree.alpha[d] - closed.alpha[d]) < 1e-7);
}

TEST_CASE("moving the upper limit changes the objective as the prices say", "[parallel][exact]") {
    auto const seed = GENERATE(range(20U, 26U));
    auto const name = GENERATE(as<std::string>{}, "quadratic", "nash");
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    coordination::Settings settings{
        .limits = {.v_min_pu = 0.0, .v_max_pu = test::limit_between(test::DenseTwin{feeder}, 0.6)},
        .max_iterations = 200,
        .tolerance = 1e-10};
    CAPTURE(seed, name);
    auto const spread = test::distributed(comm, feeder);
    auto const at = [&](double move) {
        auto moved = settings;
        moved.limits.v_max_pu += move;
        return coordination::exact(comm, *spread->flow, policy(name), moved, {});
    };
    auto const answer = at(0.0);
    REQUIRE(answer.status == Status::optimal);

    double const price = comm.sum(std::accumulate(answer.price_high.begin(), answer.price_high.end(), 0.0));
    constexpr double step = 1e-5;
    double const slope = (at(-step).objective - at(step).objective) / (2.0 * step);
    CHECK(price > 0.0);
    CHECK(slope == Approx(price).epsilon(2e-3));
}

TEST_CASE("elastic limits are exceeded where they must be, and only there", "[parallel][exact]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = 5});
    test::DenseTwin const twin{feeder};
    auto const beyond = GENERATE(-0.2, 0.4);
    coordination::Settings const settings{.limits = {.v_min_pu = 0.0, .v_max_pu = test::limit_between(twin, beyond)},
                                          .max_iterations = 200,
                                          .tolerance = 1e-9,
                                          .elastic = true};
    auto const spread = test::distributed(comm, feeder);

    auto const answer = coordination::exact(comm, *spread->flow, policy("quadratic"), settings, {});

    REQUIRE(answer.status == (beyond < 0.0 ? Status::relaxed : Status::optimal));
    auto const check = coordination::check_linear(comm, *spread->flow, answer, exports(*spread->flow, answer));
    REQUIRE(answer.duality_gap.has_value());
    CHECK(*answer.duality_gap < 1e-7);
    if (beyond < 0.0) CHECK(check.violation_pu > 1e-5);
    else CHECK(check.violation_pu < 1e-8);
}
