/// The sparse solver against the tree's, and on loops against one dense nodal circuit.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/powerflow/controls.hpp"
#include "reference/nodal_twin.hpp"
#include "support/ac_answer.hpp"
#include "support/places.hpp"
#include "support/random_ac_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::LoadLimits;
using powerflow::Solver;
using powerflow::SolverChoice;
using powerflow::Status;
using test::AcAnswer;
using test::Complex;
using test::FeederMaker;

namespace {

/// Largest difference of two answers of the same feeder, pu.
double difference(Feeder const& feeder, std::vector<Complex> const& a, std::vector<Complex> const& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0.0;
    std::size_t node = 0;
    for (auto id : feeder.buses.ids())
        for (std::size_t k = 0; k < feeder.buses[id].phases.size(); ++k, ++node) {
            REQUIRE(std::isnan(a[node].real()) == std::isnan(b[node].real()));
            if (!std::isnan(a[node].real()))
                largest = std::max(largest, std::abs(a[node] - b[node]) / feeder.buses[id].base_v);
        }
    return largest;
}

/// Two three-phase lines from the source bus that meet at their far ends.
Feeder ring(bool by_switch) {
    FeederMaker make{"ring"};
    double const base_v = 2400.0;
    auto const source = make.bus("source", base_v), left = make.bus("left", base_v), right = make.bus("right", base_v),
               side = make.bus("side", base_v);
    make.source(source, 1.0, {0.05, 0.3}, {0.1, 0.5});
    Complex const self{0.4, 0.9}, mutual{0.1, 0.4};
    test::LineImpedance const z{{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}};
    std::vector const abc{Phase::a, Phase::b, Phase::c};
    make.line(source, left, abc, z);
    make.line(source, right, abc, z);
    make.line(left, side, {Phase::b}, {{{0.5, 0.6}}});
    if (by_switch) make.link(left, right, PhaseSet::abc(), true, "tie");
    else make.line(left, right, abc, z, "tie");
    make.line(side, right, {Phase::b}, {{{0.3, 0.2}}});
    make.load(left, PhaseSet::abc(), {Complex{90e3, 40e3}, Complex{50e3, 10e3}, Complex{20e3, 5e3}});
    make.load(right, PhaseSet::abc(), {Complex{10e3, 4e3}, Complex{150e3, 60e3}, Complex{80e3, 5e3}});
    make.load(side, {Phase::b}, {Complex{}, Complex{30e3, 5e3}});
    return make.finish();
}

}  // namespace

TEST_CASE("both solvers give the same voltages and flows", "[powerflow][sparse]") {
    auto const seed = GENERATE(range(0U, 12U));
    auto const limits = GENERATE(LoadLimits::file, LoadLimits::wide);
    auto const feeder = test::random_ac_feeder({.seed = seed, .branches = 25, .pv_scale = 0.5});

    AcAnswer tree{feeder, {.load_limits = limits, .solver = SolverChoice::tree}};
    AcAnswer sparse{feeder, {.load_limits = limits, .solver = SolverChoice::sparse}};

    CAPTURE(seed, limits == LoadLimits::file);
    CHECK(tree.outcome().status == Status::converged);
    CHECK(sparse.outcome().status == Status::converged);
    CHECK(sparse.outcome().solver == Solver::sparse);
    CHECK(difference(feeder, tree.all_volts(), sparse.all_volts()) < 1e-9);
    auto const a = tree.flow().flows(), b = sparse.flow().flows();
    CHECK(std::abs(a.balance.source - b.balance.source) < 1e-2);
    CHECK(a.balance.losses_w == Approx(b.balance.losses_w).margin(1e-2));
}

TEST_CASE("both solvers give the same voltages of public feeders", "[powerflow][sparse]") {
    auto const name = GENERATE("IEEE13.xml", "IEEE37.xml", "IEEE123.xml", "IEEE123_PV.xml", "ieee8500.xml.gz");
    auto const path = test::shared_path(std::string{"feeders/cim/"} + name);
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    derive_areas(feeder);
    CAPTURE(name);

    AcAnswer const tree{feeder, {.solver = SolverChoice::tree}};
    AcAnswer const sparse{feeder, {.solver = SolverChoice::sparse}};

    CHECK(tree.outcome().status == Status::converged);
    CHECK(sparse.outcome().status == Status::converged);
    CHECK(difference(feeder, tree.all_volts(), sparse.all_volts()) < 1e-9);
}

TEST_CASE("both solvers follow curves of inverters to the same end", "[powerflow][sparse][curves]") {
    auto const seed = GENERATE(range(0U, 6U));
    auto feeder = test::random_ac_feeder({.seed = seed, .branches = 25});
    for (auto& pv : feeder.pv_systems.rows()) {
        double sum = 0.0;
        for (double p : pv.inverter.p_w) sum += p;
        pv.inverter.rated_va = pv.max_p_w = sum;
    }
    powerflow::Settings settings{.load_limits = LoadLimits::wide,
                                 .curves = {powerflow::volt_var_category_b(), powerflow::volt_watt_default()}};
    settings.solver = SolverChoice::tree;
    AcAnswer const tree{feeder, settings};
    settings.solver = SolverChoice::sparse;
    AcAnswer const sparse{feeder, settings};

    CAPTURE(seed);
    CHECK(tree.outcome().status == Status::converged);
    CHECK(sparse.outcome().status == Status::converged);
    CHECK(difference(feeder, tree.all_volts(), sparse.all_volts()) < 1e-9);
}

TEST_CASE("a ring has the voltages of its nodal circuit, and its flows add up", "[powerflow][sparse][mesh]") {
    bool const by_switch = GENERATE(true, false);
    auto const feeder = ring(by_switch);

    AcAnswer ac{feeder, {.load_limits = LoadLimits::wide}};
    auto const twin = test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5});

    CAPTURE(by_switch);
    CHECK(ac.outcome().status == Status::converged);
    CHECK(ac.outcome().solver == Solver::sparse);
    CHECK(difference(feeder, ac.all_volts(), twin.volts) < 1e-9);
    auto const flows = ac.flow().flows();
    auto const& balance = flows.balance;
    CHECK(balance.source.real() == Approx(balance.loads.real() + balance.losses_w).margin(1e-3));
    double rows = 0.0;
    for (auto const& branch : flows.branches)
        for (double loss : branch.loss_w) rows += std::isfinite(loss) ? loss : 0.0;
    CHECK(rows == Approx(balance.losses_w).margin(1e-3));
}

TEST_CASE("a closed tie of IEEE 123 makes a mesh with the voltages of its nodal circuit", "[powerflow][sparse][mesh]") {
    auto const path = test::shared_path("feeders/cim/IEEE123.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    set_switches(feeder, {}, {"sw7"});
    derive_areas(feeder);

    AcAnswer ac{feeder, {.load_limits = LoadLimits::wide}};
    auto const twin = test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5});

    CHECK(ac.outcome().status == Status::converged);
    CHECK(ac.outcome().solver == Solver::sparse);
    CHECK(difference(feeder, ac.all_volts(), twin.volts) < 1e-8);
    auto const flows = ac.flow().flows();
    CHECK(flows.balance.source.real() == Approx(flows.balance.loads.real() + flows.balance.losses_w).epsilon(1e-9));
}

TEST_CASE("phases that arrive by different ways round a loop", "[powerflow][sparse][mesh]") {
    FeederMaker make{"ways"};
    double const base_v = 2400.0;
    auto const source = make.bus("source", base_v), a = make.bus("a", base_v), b = make.bus("b", base_v);
    make.source(source, 1.0, {0.05, 0.3}, {0.1, 0.5});
    Complex const z{0.3, 0.5}, m{0.1, 0.2};
    make.line(source, a, {Phase::b, Phase::c}, {{z, m}, {m, z}});
    make.line(source, b, {Phase::a, Phase::b}, {{z, m}, {m, z}});
    make.line(a, b, {Phase::a, Phase::b, Phase::c}, {{z, m, m}, {m, z, m}, {m, m, z}});
    make.load(a, PhaseSet::abc(), {Complex{40e3, 10e3}, Complex{50e3, 10e3}, Complex{20e3, 5e3}});
    make.load(b, PhaseSet::abc(), {Complex{30e3, 10e3}, Complex{50e3, 10e3}, Complex{60e3, 5e3}}, Connection::delta);
    auto const feeder = make.finish();

    AcAnswer ac{feeder, {.load_limits = LoadLimits::wide}};
    auto const twin = test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5});

    CHECK(ac.outcome().status == Status::converged);
    CHECK(difference(feeder, ac.all_volts(), twin.volts) < 1e-9);
    auto const balance = ac.flow().flows().balance;
    CHECK(balance.source.real() == Approx(balance.loads.real() + balance.losses_w).margin(1e-3));
}

TEST_CASE("the tree's solver refuses loops, and a loop of switches is undetermined", "[powerflow][sparse][mesh]") {
    CHECK_THROWS_WITH((AcAnswer{ring(false), {.solver = SolverChoice::tree}}), Catch::Contains("loops"));

    FeederMaker make{"switches"};
    auto const source = make.bus("source", 2400.0), a = make.bus("a", 2400.0), b = make.bus("b", 2400.0);
    make.source(source, 1.0, {0.05, 0.3}, {0.1, 0.5});
    make.link(source, a, PhaseSet::abc(), true, "one");
    make.link(a, b, PhaseSet::abc(), true, "two");
    make.link(b, source, PhaseSet::abc(), true, "three");
    make.load(b, PhaseSet::abc(), {Complex{30e3, 5e3}, Complex{30e3, 5e3}, Complex{30e3, 5e3}});

    CHECK_THROWS_WITH((AcAnswer{make.finish(), {}}), Catch::Contains("three"));
}

TEST_CASE("a loop is refused where none is allowed", "[powerflow][mesh]") {
    Notes notes;

    CHECK_THROWS_WITH(validate(ring(true), notes), Catch::Contains("closes the loop"));
}

TEST_CASE("a mesh without a solution says where the mismatch sits", "[powerflow][sparse][mesh]") {
    auto feeder = ring(false);
    scale(feeder, 200.0, 1.0);

    AcAnswer const ac{feeder, {.load_limits = LoadLimits::wide, .max_iterations = 3}};

    CHECK(ac.outcome().status == Status::diverged);
    CHECK(ac.outcome().mismatch_kva > 1.0);
    CHECK_FALSE(ac.outcome().mismatch_node.empty());
}
