/// The safeguards of the correction, each on the smallest feeder that asks for it.
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/ac_optimum.hpp"
#include "support/corrected.hpp"
#include "support/feeder_maker.hpp"

using namespace dec;
using namespace dec::feeder;
using coordination::Status;
using test::Complex;
using test::FeederMaker;

namespace {

constexpr double base_v = 7200.0;
core::Communicator alone() { return core::Communicator{MPI_COMM_SELF}; }
fairness::Policy const& policy(std::string_view name) { return *fairness::find_policy(name); }
coordination::Method const& exact() { return *coordination::find_method("exact"); }
coordination::Settings settings(coordination::VoltageLimits const& limits) {
    return {.limits = limits, .max_iterations = 200, .tolerance = 1e-9};
}

/// head - middle, from there a sunny end, a heavily loaded one and one with charging, all on phase A.
///                                    middle has PV, too
struct Village {
    LoadModel loads;
    double charging_s = 0.0;
    double source_pu = 1.0;
    [[nodiscard]] Feeder feeder() const {
        FeederMaker make;
        auto const head = make.bus("head", base_v), middle = make.bus("middle", base_v),
                   sunny = make.bus("sunny", base_v), loaded = make.bus("loaded", base_v),
                   far = make.bus("far", base_v);
        make.source(head, source_pu);
        make.line(head, middle, {Phase::a}, {{{1.0, 2.0}}});
        make.line(middle, sunny, {Phase::a}, {{{4.0, 4.0}}});
        make.line(middle, loaded, {Phase::a}, {{{3.0, 4.0}}});
        make.line(head, far, {Phase::a}, {{{1.0, 2.0}}}, "cable");
        make.pv(middle, {Phase::a}, {{{600e3, 0.0}}});
        make.pv(sunny, {Phase::a}, {{{900e3, 0.0}}});
        auto const model = make.load_model(loads);
        make.load(loaded, {Phase::a}, {{{400e3, 100e3}}}, Connection::wye, model);
        auto feeder = make.finish();
        if (charging_s > 0.0) {
            auto& cable = feeder.line_codes.rows()[feeder.lines.rows().back().code.at()];
            cable.b_s[0][0] = charging_s;
        }
        return feeder;
    }
};

double voltage_at(test::Corrected const& c, std::string_view name) {
    for (auto const& node : c.answer.nodes)
        if (coordination::node_name(c.spread->piece, node) == name)
            return std::sqrt(coordination::seen(c.spread->piece, c.answer.ac->state, node));
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

TEST_CASE("where AC asks for nothing nothing is done", "[correction]") {
    auto const c =
        test::corrected(alone(), Village{}.feeder(), exact(), policy("quadratic"), settings({.v_max_pu = 1.2}));

    CHECK(c.answer.status == Status::optimal);
    REQUIRE(c.answer.ac);
    CHECK(c.answer.ac->rounds == 0);
    for (double const share : c.answer.alpha) CHECK(share < 1e-9);
}

TEST_CASE("the energy that the linear model takes too much of is given back", "[correction]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "equal-kw", "quadratic", "min-curtailment", "nash");
    auto const feeder = Village{}.feeder();
    coordination::VoltageLimits const limits{.v_min_pu = 0.9, .v_max_pu = test::ac_limit_between(feeder, 0.5)};

    auto const c = test::corrected(alone(), feeder, exact(), policy(name), settings(limits));

    CHECK(c.answer.status == Status::optimal);
    CHECK(voltage_at(c, "sunny.A") == Approx(limits.v_max_pu).margin(coordination::ac_tolerance_pu));
    CHECK(c.answer.objective < c.linear.objective);
    CHECK(c.answer.ac->v_max_linear_pu < limits.v_max_pu);
    CHECK(c.answer.ac->alpha_linear == c.linear.alpha);
    if (policy(name).cost != nullptr && name != "nash") {
        auto const best = test::ac_optimum(feeder, policy(name), limits, c.answer.alpha);
        CHECK(c.answer.objective == Approx(best.objective).epsilon(1e-4));
    }
}

TEST_CASE("prices are those of the AC limits: what a little more room is worth", "[correction]") {
    auto const feeder = Village{}.feeder();
    double const v_max = test::ac_limit_between(feeder, 0.5), more = 2e-4;
    auto const at = [&](double limit) {
        return test::corrected(alone(), feeder, exact(), policy("quadratic"),
                               settings({.v_min_pu = 0.9, .v_max_pu = limit}));
    };

    auto const c = at(v_max);
    double const worth = (at(v_max - more).answer.objective - at(v_max + more).answer.objective) / (2.0 * more);

    double price = 0.0;
    for (double const p : c.answer.price_high) price += p;
    CHECK(price == Approx(worth).epsilon(0.01));
}

TEST_CASE("a lower limit that curtailment would break binds, by AC voltages", "[correction]") {
    auto const feeder = Village{}.feeder();
    double const v_max = test::ac_limit_between(feeder, 0.5);
    auto const free =
        test::corrected(alone(), feeder, exact(), policy("quadratic"), settings({.v_min_pu = 0.5, .v_max_pu = v_max}));
    auto const none =
        test::corrected(alone(), feeder, exact(), policy("quadratic"), settings({.v_min_pu = 0.5, .v_max_pu = 1.2}));
    double const v_min = 0.97 * voltage_at(free, "loaded.A") + 0.03 * voltage_at(none, "loaded.A");
    coordination::VoltageLimits const limits{.v_min_pu = v_min, .v_max_pu = v_max};

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"), settings(limits));

    CHECK(c.answer.status == Status::optimal);
    CHECK(voltage_at(c, "loaded.A") == Approx(v_min).margin(coordination::ac_tolerance_pu));
    CHECK(voltage_at(c, "sunny.A") == Approx(v_max).margin(coordination::ac_tolerance_pu));
    CHECK(c.answer.objective > free.answer.objective);
    auto const best = test::ac_optimum(feeder, policy("quadratic"), limits, c.answer.alpha);
    CHECK(c.answer.objective == Approx(best.objective).epsilon(1e-3));
}

TEST_CASE("nodes below the lower limit by AC voltages with nothing curtailed have none", "[correction]") {
    auto const feeder = Village{}.feeder();
    double const v_max = test::ac_limit_between(feeder, 0.5);
    auto const free =
        test::corrected(alone(), feeder, exact(), policy("quadratic"), settings({.v_min_pu = 0.5, .v_max_pu = 1.2}));
    double const v_min = voltage_at(free, "loaded.A") + 1e-3;

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"),
                                   settings({.v_min_pu = v_min, .v_max_pu = v_max}));
    auto const held = test::corrected(alone(), feeder, exact(), policy("quadratic"),
                                      settings({.v_min_pu = v_min, .v_max_pu = v_max, .relax_v_min = false}));

    CHECK(c.answer.status == Status::optimal);
    REQUIRE(c.answer.ac);
    CHECK(c.answer.ac->nodes_below_vmin == 1);
    CHECK(voltage_at(c, "loaded.A") < v_min);
    // Asked to keep it, it is named as one that no curtailment can help, and the others keep theirs.
    CHECK(held.answer.status == Status::not_ac_feasible);
    CHECK(held.answer.objective == Approx(c.answer.objective).epsilon(1e-6));
    REQUIRE(held.answer.ac_notes.size() == 1);
    CHECK(held.answer.ac_notes[0].find("no curtailment can help: loaded.A;") != std::string::npos);
}

TEST_CASE("loads that depend on the voltage are corrected as well", "[correction]") {
    Village village{
        .loads = {.p_impedance = 0.6, .p_current = 0.3, .p_power = 0.1, .q_impedance = 1.0, .q_power = 0.0}};
    auto const feeder = village.feeder();
    coordination::VoltageLimits const limits{.v_min_pu = 0.9, .v_max_pu = test::ac_limit_between(feeder, 0.4)};

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"), settings(limits));
    auto const best = test::ac_optimum(feeder, policy("quadratic"), limits, c.answer.alpha);

    CHECK(c.answer.status == Status::optimal);
    CHECK(c.answer.ac->violation_pu <= coordination::ac_tolerance_pu);
    CHECK(c.answer.objective == Approx(best.objective).epsilon(1e-3));
}

TEST_CASE(
    "loads that draw another power by a step at the limit neither keep rounds from coming to rest nor end above it",
    "[correction]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "quadratic", "min-curtailment");
    // Below the limit itself, at it, and a little above: nominal voltages are rounded in files.
    double const nominal = GENERATE(0.99998, 1.0, 1.001) * base_v;
    FeederMaker make;
    auto const head = make.bus("head", base_v), sunny = make.bus("sunny", base_v), near = make.bus("near", base_v);
    make.source(head);
    make.line(head, near, {Phase::a}, {{{2.0, 3.0}}});
    make.line(near, sunny, {Phase::a}, {{{3.0, 3.0}}});
    make.pv(sunny, {Phase::a}, {{{1500e3, 0.0}}});
    make.pv(near, {Phase::a}, {{{300e3, 0.0}}});
    auto const model = make.load_model({.exponential = true, .p_exponent = 0.8, .q_exponent = 3.0});
    make.load(sunny, {Phase::a}, {{{400e3, 200e3}}}, Connection::wye, model);
    auto feeder = make.finish();
    auto& load = feeder.loads.rows().back();
    load.nominal_v = nominal;
    load.low_pu = 0.85;
    load.high_pu = 1.05;

    auto const c = test::corrected(alone(), feeder, exact(), policy(name), settings({.v_min_pu = 0.9}));

    CAPTURE(name, nominal, c.answer.ac->rounds, c.answer.open);
    // Low enough for both states, which is more than the least.
    CHECK(c.answer.status == Status::converged);
    CHECK(c.answer.open.find("less may do") != std::string::npos);
    CHECK(c.answer.ac->rounds <= 5);
    // As somebody else sees it, beginning at no load.
    for (auto const& [row, v] : test::fresh_voltages(feeder, c.answer.alpha))
        CHECK(v <= 1.05 + 1.1 * coordination::ac_tolerance_pu);
    // With 1 % less of the curtailment there is a state above the limit: that in which the load is the impedance it has there.
    feeder.load_models.rows().back() = {.p_impedance = 1.0, .p_power = 0.0, .q_impedance = 1.0, .q_power = 0.0};
    for (std::size_t k = 0; k < 3; ++k) {
        feeder.loads.rows().back().p_w[k] /= 1.05 * 1.05;
        feeder.loads.rows().back().q_var[k] /= 1.05 * 1.05;
    }
    auto less = c.answer.alpha;
    for (double& share : less) share *= 0.99;
    double highest = 0.0;
    for (auto const& [row, v] : test::fresh_voltages(feeder, less)) highest = std::max(highest, v);
    CHECK(highest > 1.05 + coordination::ac_tolerance_pu);
}

TEST_CASE("a node that no curtailment can help is named and relaxed, all others keep their limits", "[correction]") {
    // The linear model knows nothing of charging: it takes the far end for as high as the source.
    Village const village{.charging_s = 2e-3, .source_pu = 1.0495};
    auto const feeder = village.feeder();
    coordination::VoltageLimits const limits{.v_min_pu = 0.9, .v_max_pu = 1.05};

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"), settings(limits));

    CHECK(c.linear.status == Status::optimal);
    CHECK(c.answer.status == Status::not_ac_feasible);
    CHECK(voltage_at(c, "far.A") > 1.051);
    CHECK(voltage_at(c, "sunny.A") == Approx(1.05).margin(coordination::ac_tolerance_pu));
    REQUIRE(c.answer.ac_notes.size() == 1);
    CHECK(c.answer.ac_notes[0].find("no curtailment can help: far.A;") != std::string::npos);
    CHECK(c.answer.ac->violation_pu <= coordination::ac_tolerance_pu);
}

namespace {

/// Method exact on a model that thinks voltages answer with only 0.4 of what they do.
coordination::Answer half_blind(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& what,
                                coordination::Settings const& settings, coordination::Observer const& observer) {
    constexpr double part = 0.4;
    model::FlowState at_rest;
    flow.solve(std::vector<double>(flow.ders().size(), 0.0), at_rest);
    auto asked = settings;
    asked.nodes = coordination::nodes_of(settings, flow.piece(), at_rest);
    for (auto& node : *asked.nodes) {
        double const v = coordination::seen(flow.piece(), at_rest, node);
        node.high = v + (node.high - v) / part;
        node.low = v + (node.low - v) / part;
    }
    auto answer = exact().run(comm, flow, what, asked, observer);
    for (std::size_t i = 0; i < answer.curtailed.v_sq.size(); ++i)
        answer.curtailed.v_sq[i] = at_rest.v_sq[i] + part * (answer.curtailed.v_sq[i] - at_rest.v_sq[i]);
    answer.nodes = coordination::nodes_of(settings, flow.piece(), at_rest);
    return answer;
}

}  // namespace

TEST_CASE("a model that thinks voltages answer with 0.4 of what they do still comes to the AC limit", "[correction]") {
    auto const name = GENERATE(as<std::string>{}, "proportional", "quadratic");
    auto const feeder = Village{}.feeder();
    coordination::VoltageLimits const limits{.v_min_pu = 0.9, .v_max_pu = test::ac_limit_between(feeder, 0.7)};
    auto blind = exact();
    blind.run = half_blind;
    blind.general = false;

    auto const c = test::corrected(alone(), feeder, blind, policy(name), settings(limits), {.rebuild = false});
    auto const best = test::ac_optimum(feeder, policy(name), limits, c.answer.alpha);

    CAPTURE(name, c.answer.ac->rounds);
    CHECK(coordination::exit_code(c.answer.status) == core::ExitCode::solved);
    CHECK(c.answer.ac->violation_pu <= coordination::ac_tolerance_pu);
    CHECK(c.answer.objective == Approx(best.objective).epsilon(1e-3));
}

TEST_CASE("rounds that do not come to rest end with setpoints that hold, said to be feasible, not optimal",
          "[correction]") {
    auto const feeder = Village{}.feeder();
    coordination::VoltageLimits const limits{.v_min_pu = 0.9, .v_max_pu = test::ac_limit_between(feeder, 0.5)};

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"), settings(limits), {.max_rounds = 1});

    CHECK(c.answer.status == Status::converged);
    CHECK(c.answer.open.find("feasible, not optimal") != std::string::npos);
    CHECK(c.answer.ac->violation_pu <= coordination::ac_tolerance_pu);
    CHECK(c.answer.objective <= c.linear.objective);
}

TEST_CASE("without an AC power flow the answer says so", "[correction]") {
    auto const feeder = Village{}.feeder();
    double const v_max = test::ac_limit_between(feeder, 0.5);

    auto const c = test::corrected(alone(), feeder, exact(), policy("quadratic"),
                                   settings({.v_min_pu = 0.9, .v_max_pu = v_max}), {}, {.max_iterations = 1});

    CHECK(c.answer.status == Status::not_ac_feasible);
    CHECK_FALSE(c.answer.ac);
    REQUIRE(c.answer.ac_notes.size() == 1);
    CHECK(c.answer.ac_notes[0].find("does not converge") != std::string::npos);
    CHECK(c.answer.alpha == c.linear.alpha);
}

TEST_CASE("a check changes nothing but says whether AC voltages hold", "[correction]") {
    auto const charged = GENERATE(false, true);
    Village const village{.charging_s = charged ? 2e-3 : 0.0, .source_pu = charged ? 1.0495 : 1.0};
    auto const feeder = village.feeder();
    auto const asked = settings({.v_min_pu = 0.9, .v_max_pu = charged ? 1.05 : test::ac_limit_between(feeder, 0.5)});
    auto const comm = alone();
    auto const spread = test::distributed(comm, feeder);
    powerflow::PowerFlow ac{comm, spread->piece, {}};
    auto answer = exact().run(comm, *spread->flow, policy("quadratic"), asked, {});
    auto const alpha = answer.alpha;

    coordination::check_ac(comm, *spread->flow, ac, asked, answer);

    CHECK(answer.alpha == alpha);
    REQUIRE(answer.ac);
    CHECK_FALSE(answer.ac->corrected);
    CHECK(answer.status == (charged ? Status::not_ac_feasible : Status::optimal));
    CHECK(answer.ac_notes.size() == (charged ? 1 : 0));
    if (charged) CHECK(answer.ac_notes[0].find("far.A") != std::string::npos);
}
