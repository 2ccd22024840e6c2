/// Policies of one scalar on any number of ranks, against brute force on the dense twin.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/coordination/bisection.hpp"
#include "dec/coordination/check.hpp"
#include "dec/coordination/exact.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using coordination::Status;

namespace {

fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }

/// kW that every PV system of the rank may export.
std::vector<double> exports(model::LinDist3Flow const& flow, coordination::Answer const& answer) {
    std::vector<double> kw;
    for (std::size_t d = 0; d < answer.alpha.size(); ++d)
        kw.push_back((1.0 - answer.alpha[d]) * flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0);
    return kw;
}

}  // namespace

TEST_CASE("bisection finds the smallest scalar of every policy that brute force finds, to 1e-10", "[parallel][twin]") {
    auto const seed = GENERATE(range(0U, 24U));
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw", "uniform-export");
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    // Limits that ask for little, half and nearly all, with lower limits that bite on some feeders.
    double const share = std::array{0.9, 0.5, 0.1}[seed % 3];
    coordination::Settings const settings{
        .limits = {.v_min_pu = 0.97, .v_max_pu = test::limit_between(twin, share), .relax_v_min = seed % 4 != 0}};
    CAPTURE(seed, name, settings.limits.v_max_pu);

    auto const spread = test::distributed(comm, feeder);
    auto const answer = coordination::bisection(comm, *spread->flow, policy(name), settings, {});

    auto const expected = test::brute_force(twin, policy(name), settings.limits);
    REQUIRE(answer.status == (expected.feasible ? Status::optimal : Status::infeasible));
    if (!expected.feasible) {
        if (comm.is_root()) CHECK_FALSE(answer.conflicts.empty());
        return;
    }
    auto const alpha = test::all_ders(comm, spread->piece, answer.alpha);
    REQUIRE(alpha.size() == expected.alpha.size());
    for (std::size_t d = 0; d < alpha.size(); ++d) CHECK(std::abs(alpha[d] - expected.alpha[d]) < 1e-10);
    CHECK(answer.binding_node == expected.binding);
    double available = 0.0;
    for (double kw : twin.available_kw()) available += kw;
    CHECK(answer.objective == Approx(policy(name).objective(expected.scalar, available)).epsilon(1e-10));

    auto const check = coordination::check_linear(comm, *spread->flow, answer, exports(*spread->flow, answer));
    CHECK(check.converged);
    CHECK(check.largest_difference < 1e-12);
    CHECK(check.violation_pu < 1e-11);
}

TEST_CASE("with guarantees and exemptions nobody gives up more, and the scalar is still the smallest",
          "[parallel][twin]") {
    auto const seed = GENERATE(range(0U, 12U));
    auto const name = GENERATE(as<std::string>{}, "equal-kw", "uniform-export");
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    std::vector<fairness::Contract> all(twin.available_kw().size());
    for (std::size_t d = 0; d < all.size(); ++d)
        all[d] = {.floor_kw = d % 3 == 0 ? 0.3 * twin.available_kw()[d] : 0.0, .exempt = d % 5 == 4};
    coordination::Settings settings{.limits = {.v_max_pu = test::limit_between(twin, 0.6)}};
    CAPTURE(seed, name, settings.limits.v_max_pu);

    auto const spread = test::distributed(comm, feeder);
    for (auto row : spread->piece.global.pv_systems) settings.contracts.push_back(all[static_cast<std::size_t>(row)]);
    auto const answer = coordination::exact(comm, *spread->flow, policy(name), settings, {});

    auto const expected = test::brute_force(twin, policy(name), settings.limits, all);
    REQUIRE(answer.status == (expected.feasible ? Status::optimal : Status::infeasible));
    if (!expected.feasible) return;
    auto const alpha = test::all_ders(comm, spread->piece, answer.alpha);
    for (std::size_t d = 0; d < alpha.size(); ++d) {
        CHECK(std::abs(alpha[d] - expected.alpha[d]) < 1e-10);
        CHECK(alpha[d] <= (all[d].exempt ? 0.0 : d % 3 == 0 ? 0.7 : 1.0) + 1e-12);
    }
}

TEST_CASE("the closed form of a common fraction is what the walk reaches", "[parallel]") {
    auto const seed = GENERATE(range(0U, 24U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed});
    test::DenseTwin const twin{feeder};
    coordination::Settings const settings{.limits = {.v_max_pu = test::limit_between(twin, 0.4)}};
    CAPTURE(seed);

    auto const spread = test::distributed(comm, feeder);
    auto const closed = coordination::bisection(comm, *spread->flow, policy("proportional"), settings, {});
    auto const walked = coordination::walk(comm, *spread->flow, policy("proportional"), settings, {});

    REQUIRE(closed.status == Status::optimal);
    REQUIRE(walked.status == Status::optimal);
    CHECK(std::abs(closed.objective - walked.objective) < 1e-8);
    for (std::size_t d = 0; d < closed.alpha.size(); ++d) CHECK(std::abs(closed.alpha[d] - walked.alpha[d]) < 1e-11);
    CHECK(closed.binding_node == walked.binding_node);
}

TEST_CASE("any number of ranks gives the voltages and shares of one", "[parallel][property]") {
    auto const seed = GENERATE(range(100U, 116U));
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    core::Communicator const comm{MPI_COMM_WORLD};
    core::Communicator const alone{MPI_COMM_SELF};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 30});
    coordination::Settings const settings{.limits = {.v_max_pu = test::limit_between(test::DenseTwin{feeder}, 0.5)}};
    CAPTURE(seed, name);

    auto const spread = test::distributed(comm, feeder);
    auto const together = coordination::bisection(comm, *spread->flow, policy(name), settings, {});
    auto const single = test::distributed(alone, feeder);
    auto const by_itself = coordination::bisection(alone, *single->flow, policy(name), settings, {});

    REQUIRE(together.status == by_itself.status);
    CHECK(together.binding_node == by_itself.binding_node);
    CHECK(together.rounds.size() == by_itself.rounds.size());
    auto const same = [](std::vector<double> const& a, std::vector<double> const& b) {
        REQUIRE(a.size() == b.size());
        for (std::size_t i = 0; i < a.size(); ++i)
            CHECK(((std::isnan(a[i]) && std::isnan(b[i])) || std::abs(a[i] - b[i]) < 1e-12));
    };
    same(test::all_ders(comm, spread->piece, together.alpha), test::all_ders(alone, single->piece, by_itself.alpha));
    same(test::all_voltages(comm, spread->piece, together.uncurtailed),
         test::all_voltages(alone, single->piece, by_itself.uncurtailed));
    same(test::all_voltages(comm, spread->piece, together.curtailed),
         test::all_voltages(alone, single->piece, by_itself.curtailed));
}

TEST_CASE("nodes that stay outside their limit with everything curtailed are named, the worst first", "[parallel]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = 5});
    test::DenseTwin const twin{feeder};
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    // Between the highest and the third-highest voltage with everything curtailed.
    auto const all = twin.seen(std::vector<double>(twin.available_kw().size(), 1.0));
    std::vector<std::pair<double, std::string>> nodes;
    for (Eigen::Index i = 0; i < all.size(); ++i)
        if (!std::isnan(all(i))) nodes.emplace_back(all(i), twin.nodes()[static_cast<std::size_t>(i)].name);
    std::ranges::stable_sort(nodes, [](auto const& a, auto const& b) { return a.first > b.first + 1e-9; });
    std::size_t hopeless = 3;
    while (nodes[hopeless - 1].first - nodes[hopeless].first < 1e-6) ++hopeless;
    coordination::Settings const settings{
        .limits = {.v_max_pu = std::sqrt(0.5 * (nodes[hopeless - 1].first + nodes[hopeless].first))}};

    auto const spread = test::distributed(comm, feeder);
    auto const answer = coordination::bisection(comm, *spread->flow, policy(name), settings, {});

    CHECK(answer.status == Status::infeasible);
    if (!comm.is_root()) return;
    REQUIRE(answer.conflicts.size() == std::min<std::size_t>(hopeless, 21));
    for (std::size_t i = 0; i < std::min<std::size_t>(hopeless, 20); ++i)
        CHECK(answer.conflicts[i].element == "node " + nodes[i].second);
}

TEST_CASE("a voltage that is no number is a bug, one of zero or less a load that cannot be served", "[parallel]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const spread = test::distributed(comm, test::random_feeder({.seed = 5}));
    auto const answer = coordination::bisection(comm, *spread->flow, policy("proportional"), {}, {});
    auto const with_first = [&](double v_sq) {
        auto state = answer.uncurtailed;
        if (comm.is_root()) {
            REQUIRE_FALSE(answer.nodes.empty());
            std::fill_n(state.v_sq.begin() + 3 * static_cast<std::ptrdiff_t>(answer.nodes.front().vertex), 3, v_sq);
        }
        return state;
    };
    auto const code = [&](auto const& require, model::FlowState const& state) {
        try {
            require(comm, spread->piece, answer.nodes, state);
        } catch (core::Error const& error) {
            CHECK_THAT(error.findings().front().element, Catch::StartsWith("node "));
            return error.code();
        }
        return core::ExitCode::solved;
    };

    CHECK(code(coordination::require_finite, answer.uncurtailed) == core::ExitCode::solved);
    CHECK(code(coordination::require_finite, with_first(std::nan(""))) == core::ExitCode::bug);
    CHECK(code(coordination::require_finite, with_first(-std::numeric_limits<double>::infinity())) ==
          core::ExitCode::bug);
    CHECK(code(coordination::require_no_collapse, answer.uncurtailed) == core::ExitCode::solved);
    CHECK(code(coordination::require_no_collapse, with_first(0.0)) == core::ExitCode::infeasible);
}

TEST_CASE("the check notices one setpoint that is not the answer's, on whichever rank it is", "[parallel]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = 7});
    coordination::Settings const settings{.limits = {.v_max_pu = test::limit_between(test::DenseTwin{feeder}, 0.5)}};
    auto const spread = test::distributed(comm, feeder);
    auto const answer = coordination::bisection(comm, *spread->flow, policy("equal-kw"), settings, {});
    for (std::int64_t wrong = 0; wrong < spread->piece.totals.ders; ++wrong) {
        auto kw = exports(*spread->flow, answer);
        bool takes_part = false;
        for (std::size_t d = 0; d < kw.size(); ++d)
            if (spread->piece.global.pv_systems[d] == wrong && spread->flow->ders()[d].available > 0.0) {
                kw[d] += 1.0;
                takes_part = true;
            }
        if (comm.max(takes_part ? 1.0 : 0.0) == 0.0) continue;

        auto const check = coordination::check_linear(comm, *spread->flow, answer, kw);

        CAPTURE(wrong);
        CHECK(check.largest_difference > 1e-8);
    }
}
