/// The AC power flow does not depend on who owns what.
#include <catch2/catch.hpp>
#include <cmath>

#include "support/ac_answer.hpp"
#include "support/feeder_maker.hpp"
#include "support/random_ac_feeder.hpp"

using namespace dec;

TEST_CASE("voltages, flows and losses are the same on any number of ranks", "[parallel][powerflow]") {
    auto const seed = GENERATE(range(0U, 12U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_ac_feeder({.seed = seed, .branches = 40});

    test::AcAnswer spread{feeder, {}, comm};
    test::AcAnswer alone{feeder};
    auto const volts = spread.all_volts(), expected = alone.all_volts();
    auto const flows = spread.flow().flows(), expected_flows = alone.flow().flows();

    CAPTURE(seed);
    CHECK(spread.outcome().status == powerflow::Status::converged);
    CHECK(spread.outcome().iterations == alone.outcome().iterations);
    REQUIRE(volts.size() == expected.size());
    for (std::size_t i = 0; i < volts.size(); ++i) {
        REQUIRE(std::isnan(volts[i].real()) == std::isnan(expected[i].real()));
        if (!std::isnan(volts[i].real())) CHECK(std::abs(volts[i] - expected[i]) < 1e-9 * std::abs(expected[i]));
    }
    CHECK(std::abs(flows.balance.source - expected_flows.balance.source) < 1e-3);
    CHECK(flows.balance.losses_w == Approx(expected_flows.balance.losses_w).margin(1e-3));
    double rows = 0.0;
    for (auto const& branch : flows.branches)
        for (double loss : branch.loss_w) rows += std::isfinite(loss) ? loss : 0.0;
    CHECK(comm.sum(rows) == Approx(expected_flows.balance.losses_w).margin(1e-3));
}

TEST_CASE("all ranks name the same place of the largest mismatch", "[parallel][powerflow]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = test::random_ac_feeder({.seed = 3, .branches = 40});
    feeder::scale(feeder, 20.0, 1.0);

    test::AcAnswer const spread{feeder, {.max_iterations = 2}, comm};
    test::AcAnswer const alone{feeder, {.max_iterations = 2}};

    CHECK(spread.outcome().status == powerflow::Status::diverged);
    CHECK(spread.outcome().mismatch_node == alone.outcome().mismatch_node);
    CHECK(spread.outcome().mismatch_kva == Approx(alone.outcome().mismatch_kva).epsilon(1e-9));
}

TEST_CASE("a transformer that cannot be is refused on all ranks", "[parallel][powerflow]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = test::random_ac_feeder({.seed = 5, .branches = 40});
    for (auto& code : feeder.transformer_codes.rows())
        if (code.phases == 3) code.winding[1].clock = static_cast<std::int8_t>(code.winding[1].clock + 1);

    CHECK_THROWS_WITH((test::AcAnswer{feeder, {}, comm}), Catch::Contains("does not fit its connections"));
}

TEST_CASE("both solvers agree on any number of ranks", "[parallel][powerflow][sparse]") {
    auto const seed = GENERATE(range(0U, 4U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_ac_feeder({.seed = seed, .branches = 40});

    test::AcAnswer spread{feeder, {.solver = powerflow::SolverChoice::sparse}, comm};
    test::AcAnswer alone{feeder, {.solver = powerflow::SolverChoice::tree}};
    auto const volts = spread.all_volts(), expected = alone.all_volts();
    auto const flows = spread.flow().flows(), expected_flows = alone.flow().flows();

    CAPTURE(seed);
    CHECK(spread.outcome().status == powerflow::Status::converged);
    REQUIRE(volts.size() == expected.size());
    for (std::size_t i = 0; i < volts.size(); ++i)
        if (!std::isnan(expected[i].real())) CHECK(std::abs(volts[i] - expected[i]) < 1e-9 * std::abs(expected[i]));
    CHECK(flows.balance.losses_w == Approx(expected_flows.balance.losses_w).margin(1e-2));
}

TEST_CASE("a mesh has the same voltages and flows on any number of ranks", "[parallel][powerflow][sparse]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    // A chain of three-phase lines whose every third bus is tied to the one five further down.
    test::FeederMaker make{"chain"};
    double const base_v = 2400.0;
    test::Complex const self{0.2, 0.5}, mutual{0.05, 0.2};
    std::vector const abc{feeder::Phase::a, feeder::Phase::b, feeder::Phase::c};
    test::LineImpedance const z{{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}};
    std::vector<test::FeederMaker::BusId> buses{make.bus("0", base_v)};
    make.source(buses[0], 1.0, {0.05, 0.3}, {0.1, 0.5});
    for (int k = 1; k <= 30; ++k) {
        buses.push_back(make.bus(std::to_string(k), base_v));
        make.line(buses[static_cast<std::size_t>(k) - 1], buses.back(), abc, z);
        make.load(buses.back(), feeder::PhaseSet::abc(),
                  {test::Complex{6e3, 2e3}, test::Complex{4e3, 1e3}, test::Complex{3e3, 2e3}});
    }
    for (std::size_t k = 1; k + 5 < buses.size(); k += 3) make.link(buses[k], buses[k + 5], feeder::PhaseSet::abc());
    auto const feeder = make.finish();

    test::AcAnswer spread{feeder, {}, comm};
    test::AcAnswer alone{feeder};
    auto const volts = spread.all_volts(), expected = alone.all_volts();
    auto const balance = spread.flow().flows().balance, expected_balance = alone.flow().flows().balance;

    CHECK(alone.piece().totals.ties > 5);
    CHECK(spread.outcome().status == powerflow::Status::converged);
    for (std::size_t i = 0; i < volts.size(); ++i)
        CHECK(std::abs(volts[i] - expected[i]) < 1e-9 * std::abs(expected[i]));
    CHECK(balance.losses_w == Approx(expected_balance.losses_w).margin(1e-4));
    CHECK(std::abs(balance.source - expected_balance.source) < 1e-3);
}
