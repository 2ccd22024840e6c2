/// The AC power flow does not depend on who owns what.
#include <catch2/catch.hpp>
#include <cmath>

#include "support/ac_answer.hpp"
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
