/// The distributed power flow, on one rank, against its naive dense twin.
#include <catch2/catch.hpp>
#include <random>

#include "reference/dense_twin.hpp"
#include "support/linear_answer.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;

namespace {

std::vector<double> random_shares(unsigned seed, std::size_t count) {
    std::mt19937 generator{seed + 77};
    std::uniform_real_distribution<double> share{0.0, 1.0};
    std::vector<double> alpha(count);
    for (auto& a : alpha) a = share(generator);
    return alpha;
}

struct Solved {
    core::Communicator alone{MPI_COMM_SELF};
    std::unique_ptr<test::Distributed> spread;
    model::FlowState state;
    Solved(Feeder const& feeder, std::vector<double> const& alpha, model::LinearSettings const& settings = {})
        : spread{test::distributed(alone, feeder, settings)} {
        spread->flow->solve(alpha, state);
    }
};

}  // namespace

TEST_CASE("voltages of random feeders are those of the dense twin, whatever is curtailed", "[model][twin]") {
    auto const seed = GENERATE(range(0U, 60U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const alpha = random_shares(seed, feeder.pv_systems.size());
    Solved linear{feeder, alpha};

    auto const v_sq = test::all_voltages(linear.alone, linear.spread->piece, linear.state);
    auto const expected = test::DenseTwin{feeder}.v_sq(alpha);

    CAPTURE(seed);
    REQUIRE(v_sq.size() == static_cast<std::size_t>(expected.size()));
    for (std::size_t i = 0; i < v_sq.size(); ++i) {
        double const twin = expected(static_cast<Eigen::Index>(i));
        CAPTURE(i);
        if (std::isnan(twin)) CHECK(std::isnan(v_sq[i]));
        else CHECK(std::abs(v_sq[i] - twin) < 1e-10);
    }
}

TEST_CASE("flows of random feeders are those of the dense twin", "[model][twin]") {
    auto const seed = GENERATE(range(0U, 60U));
    auto const feeder = test::random_feeder({.seed = seed});
    test::LinearAnswer const linear{feeder};
    test::DenseTwin const twin{feeder};

    auto const expected = twin.into(std::vector<double>(feeder.pv_systems.size(), 0.0));
    auto const voltages = twin.v_sq(std::vector<double>(feeder.pv_systems.size(), 0.0));

    CAPTURE(seed);
    Eigen::Index node = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list()) {
            if (!std::isnan(voltages(node)))
                CHECK(std::abs(linear.into(id, p) / 1000.0 - expected[static_cast<std::size_t>(node)]) < 1e-7);
            ++node;
        }
}

TEST_CASE("the transposed power flow is the gradient of the dense twin's voltages", "[model][twin]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const feeder = test::random_feeder({.seed = seed});
    std::vector<double> const nothing(feeder.pv_systems.size(), 0.0);
    Solved linear{feeder, nothing};
    test::DenseTwin const twin{feeder};
    auto const& piece = linear.spread->piece;
    std::mt19937 generator{seed};
    std::uniform_real_distribution<double> number{-1.0, 1.0};
    std::vector<double> weight(3 * piece.vertices.size(), 0.0);
    Eigen::VectorXd weight_of_node = Eigen::VectorXd::Zero(piece.totals.nodes);
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (!vertex.bus.valid()) continue;
        for (Phase p : vertex.phases.list()) {
            auto const node = piece.global.first_node[vertex.bus.at()] +
                              static_cast<std::int64_t>(piece.feeder.buses[vertex.bus].phases.position(p));
            weight_of_node(node) = weight[3 * i + slot(p)] = number(generator);
        }
    }

    std::vector<double> gradient(nothing.size());
    linear.spread->flow->gradient(weight, gradient);

    auto const dot = [&](std::vector<double> const& alpha) {
        Eigen::VectorXd const v = twin.v_sq(alpha);
        return (v.array().isNaN()).select(0.0, v).dot(weight_of_node);
    };
    double const before = dot(nothing);
    CAPTURE(seed);
    for (std::size_t d = 0; d < gradient.size(); ++d) {
        auto one = nothing;
        one[d] = 1.0;
        CHECK(std::abs(gradient[d] - (dot(one) - before)) < 1e-10);
    }
}

TEST_CASE("the change of a power flow is its difference", "[model]") {
    auto const seed = GENERATE(range(0U, 10U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto const alpha = random_shares(seed, feeder.pv_systems.size());
    Solved curtailed{feeder, alpha};
    Solved uncurtailed{feeder, std::vector<double>(alpha.size(), 0.0)};

    model::FlowState change;
    curtailed.spread->flow->solve_change(alpha, change);

    for (std::size_t i = 0; i < change.v_sq.size(); ++i)
        CHECK(std::abs(curtailed.state.v_sq[i] - uncurtailed.state.v_sq[i] - change.v_sq[i]) < 1e-13);
}

TEST_CASE("the per-unit base changes nothing", "[model][property]") {
    auto const seed = GENERATE(range(0U, 10U));
    double const base_va = GENERATE(1e3, 33.33e6);
    auto const feeder = test::random_feeder({.seed = seed});
    test::LinearAnswer const usual{feeder};
    test::LinearAnswer const other{feeder, {.per_unit = {.base_va = base_va}}};

    CAPTURE(seed, base_va);
    for (std::size_t i = 0; i < usual.state().v_sq.size(); ++i)
        CHECK(std::abs(usual.state().v_sq[i] - other.state().v_sq[i]) < 1e-12);
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list())
            if (usual.is_energised(id)) CHECK(std::abs(usual.into(id, p) - other.into(id, p)) < 1e-12 * 1e6);
}

TEST_CASE("the source voltage asked for replaces the file's", "[model]") {
    auto feeder = test::random_feeder({.seed = 3});
    test::LinearAnswer const asked{feeder, {.source_voltage_pu = 0.987}};
    feeder.sources.rows()[0].voltage_v = 0.987 * feeder.sources.rows()[0].nominal_v;
    test::LinearAnswer const written{feeder};

    CHECK(asked.state().v_sq == written.state().v_sq);
}

TEST_CASE("a switch with an impedance is a line with that impedance", "[model]") {
    test::Complex const positive{0.3, 0.5}, zero{0.9, 1.4};
    auto const feeder = [&](bool with_switch) {
        test::FeederMaker maker;
        auto const source = maker.bus("source", 7200.0), end = maker.bus("end", 7200.0);
        maker.source(source);
        auto const self = (zero + 2.0 * positive) / 3.0, mutual = (zero - positive) / 3.0;
        if (with_switch) {
            auto& row = maker.feeder.switches[maker.link(source, end, PhaseSet::abc())];
            row.r_ohm = positive.real();
            row.x_ohm = positive.imag();
            row.r0_ohm = zero.real();
            row.x0_ohm = zero.imag();
        } else {
            maker.line(source, end, {Phase::a, Phase::b, Phase::c},
                       {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
        }
        maker.load(end, PhaseSet::abc(), {test::Complex{5e5, 1e5}, {2e5, -1e5}, {0.0, 3e5}});
        return maker.finish();
    };
    auto const line = feeder(false), switched = feeder(true);

    test::LinearAnswer const by_line{line}, by_switch{switched};

    for (auto id : line.buses.ids())
        for (Phase p : PhaseSet::abc().list())
            CHECK(by_switch.v_sq(id, p) == Approx(by_line.v_sq(id, p)).epsilon(1e-12));
    CHECK(by_line.v_sq(line.buses.ids()[1], Phase::a) < 0.99);
}
