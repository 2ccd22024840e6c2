/// The AC power flow does not depend on who owns what.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

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

TEST_CASE("the gradient of squared voltages is what whole power flows differ by, on any number of ranks",
          "[parallel][powerflow]") {
    auto const seed = GENERATE(range(0U, 12U));
    core::Communicator const comm{MPI_COMM_WORLD};
    // Some of them have floating deltas, legs, voltage-dependent loads and capacitors.
    auto const feeder = test::random_ac_feeder({.seed = seed, .branches = 40, .pv_scale = 0.5});
    test::AcAnswer ac{feeder, {.tolerance_pu = 1e-13}, comm};
    auto& flow = ac.flow();
    auto const& piece = flow.piece();
    auto const ders = piece.feeder.pv_systems.size();
    std::vector<double> weight(3 * piece.vertices.size(), 0.0);
    auto const each = [&](auto&& look) {
        for (std::size_t j = 0; j < piece.own; ++j)
            for (feeder::Phase p : piece.vertices[j].phases.list())
                if (auto const v = std::norm(powerflow::seen_voltage(flow, j, p)); std::isfinite(v))
                    look(3 * j + feeder::slot(p), v,
                         static_cast<double>((7 * piece.vertices[j].global.value() + 3 * feeder::slot(p)) % 11));
    };
    each([&](std::size_t at, double, double w) { weight[at] = w; });
    double available = 0.0;
    for (auto const& pv : piece.feeder.pv_systems.rows())
        for (double p : pv.inverter.p_w) available += p / flow.settings().per_unit.base_va;
    auto const total = [&](double share, double reactive) {
        flow.curtail(std::vector<double>(ders, share), std::vector<double>(ders, reactive));
        CHECK(flow.solve(powerflow::PowerFlow::Start::present).status == powerflow::Status::converged);
        double sum = 0.0;
        each([&](std::size_t, double v, double w) { sum += w * v; });
        return comm.sum(sum);
    };

    double const share = 0.3, reactive = 0.02 * comm.sum(available), step = 1e-4;
    double const by_share = (total(share + step, reactive) - total(share - step, reactive)) / (2.0 * step);
    double const by_reactive =
        (total(share, reactive + step * reactive) - total(share, reactive - step * reactive)) / (2.0 * step * reactive);
    static_cast<void>(total(share, reactive));
    std::vector<double> of_share(ders), of_reactive(ders);
    flow.gradient(weight, of_share, of_reactive);

    CAPTURE(seed);
    CHECK(comm.sum(std::accumulate(of_share.begin(), of_share.end(), 0.0)) ==
          Approx(by_share).epsilon(1e-5).margin(1e-6));
    CHECK(comm.sum(std::accumulate(of_reactive.begin(), of_reactive.end(), 0.0)) ==
          Approx(by_reactive).epsilon(1e-5).margin(1e-6));
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
