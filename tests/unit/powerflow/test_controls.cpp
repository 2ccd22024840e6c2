/// Regulators and switched capacitors: where they come to rest.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <numbers>

#include "dec/core/json.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/powerflow/controls.hpp"
#include "support/ac_answer.hpp"
#include "support/mended.hpp"
#include "support/places.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::Status;
using test::AcAnswer;
using test::Complex;
using test::FeederMaker;
using test::Seat;
using Mode = RegulatorControl::Mode;

namespace {

constexpr auto A = Conductor::a, B = Conductor::b, C = Conductor::c, N = Conductor::neutral;
constexpr double base_v = 7200.0;
core::Communicator alone() { return core::Communicator{MPI_COMM_SELF}; }

RegulatorControl voltage_control(double target, double band) {
    return {.present = true, .enabled = true, .target = target, .deadband = band};
}

/// A source, a regulator (one unit per phase, or one of three phases), a line, and a load at its end.
struct Regulated {
    explicit Regulated(bool ganged, double source_pu = 1.0) {
        source = make.bus("source", base_v);
        bus = make.bus("regulated", base_v);
        end = make.bus("end", base_v);
        make.source(source, source_pu, {0.2, 1.0}, {0.4, 2.0});
        auto const add = [&](Index<Transformer> unit, double pt_ratio) {
            make.tap(unit, 1, 1.0);
            auto& tap = make.feeder.tap_changers.rows().back();
            tap = {.transformer = unit,
                   .control_enabled = true,
                   .initial_delay_s = 30.0,
                   .pt_ratio = pt_ratio,
                   .ct_rating_a = 100.0,
                   .control = voltage_control(122.0, 2.0)};
        };
        if (ganged) {
            add(make.unit(make.code(test::two_windings(3, base_v * std::numbers::sqrt3, base_v * std::numbers::sqrt3,
                                                       {0.01, 0.05})),
                          {Seat{source, {A, B, C, N}}, Seat{bus, {A, B, C, N}}}),
                60.0);
        } else {
            auto const code = make.code(test::two_windings(1, base_v, base_v, {0.01, 0.05}));
            for (auto c : {A, B, C}) add(make.unit(code, {Seat{source, {c, N}}, Seat{bus, {c, N}}}), 60.0);
        }
        Complex const self{3.0, 6.0}, mutual{1.0, 2.5};
        line = make.line(bus, end, {Phase::a, Phase::b, Phase::c},
                         {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
        make.load(end, PhaseSet::abc(), {Complex{300e3, 100e3}, Complex{200e3, 80e3}, Complex{400e3, 150e3}});
    }
    FeederMaker make{"regulated"};
    FeederMaker::BusId source, bus, end;
    Index<Line> line;
};

/// A source, a line, and a capacitor of 300 kvar with a load at its end.
struct Switched {
    Switched(Mode mode, double target, double band, double loads, bool closed) {
        auto const source = make.bus("source", base_v);
        end = make.bus("end", base_v);
        make.source(source, 1.0, {0.2, 1.0}, {0.4, 2.0});
        Complex const self{1.0, 3.0}, mutual{0.3, 1.2};
        auto const line = make.line(source, end, {Phase::a, Phase::b, Phase::c},
                                    {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
        make.load(end, PhaseSet::abc(),
                  {loads * Complex{100e3, 80e3}, loads * Complex{100e3, 80e3}, loads * Complex{100e3, 80e3}});
        auto& c = make.feeder.capacitors[make.capacitor(end, PhaseSet::abc(), 100e3 / (base_v * base_v))];
        c.nominal_v = base_v * std::numbers::sqrt3;
        c.sections = closed ? PerPhase{1.0, 1.0, 1.0} : PerPhase{};
        c.control = voltage_control(target, band);
        c.control.mode = mode;
        c.control.monitored = {.kind = ElementKind::line, .element = line.value(), .terminal = 1, .bus = source};
    }
    FeederMaker make{"switched"};
    FeederMaker::BusId end;
};

bool ends_closed(Switched const& switched, double hour = 0.0) {
    AcAnswer ac{switched.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {.hour = hour});
    CHECK(settled.flow.status == Status::converged);
    CHECK(settled.inactive.empty());
    return ac.flow().positions().capacitor_sections[0][0] > 0.0;
}

}  // namespace

TEST_CASE("every regulator comes to rest in its band, and would leave it one step further out",
          "[powerflow][controls]") {
    bool const compensated = GENERATE(false, true);
    double const source_pu = GENERATE(0.96, 1.0, 1.06);
    Regulated regulated{false, source_pu};
    for (auto& tap : regulated.make.feeder.tap_changers.rows()) {
        tap.control.line_drop_compensation = compensated;
        tap.control.line_drop_r_v = 5.0;
        tap.control.line_drop_x_v = 9.0;
    }

    AcAnswer ac{regulated.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    CHECK(settled.flow.status == Status::converged);
    CHECK(settled.tap_steps > 0);
    auto const flows = ac.flow().flows();
    std::size_t const of_line = 0;
    for (Phase p : PhaseSet::abc().list()) {
        // What flows into the line is what arrives at its end and what it loses, less its charging: it has none.
        Complex const volts = ac.volts(regulated.bus, p);
        Complex const load{p == Phase::a   ? 300e3
                           : p == Phase::b ? 200e3
                                           : 400e3,
                           p == Phase::a   ? 100e3
                           : p == Phase::b ? 80e3
                                           : 150e3};
        Complex const amperes = std::conj(flows.branches[of_line].into_va[slot(p)] / ac.volts(regulated.end, p));
        CHECK(std::abs(flows.branches[of_line].into_va[slot(p)] - load) < 0.05 * std::abs(load));
        Complex regulated_v = volts / 60.0;
        if (compensated) regulated_v -= Complex{5.0, 9.0} * amperes / 100.0;
        CAPTURE(p, compensated, source_pu, std::abs(regulated_v));
        CHECK(std::abs(std::abs(regulated_v) - 122.0) <= 1.0);
    }
}

TEST_CASE("the three phases of one unit move together, by the phase that is looked at", "[powerflow][controls]") {
    Phase const looked_at = GENERATE(Phase::a, Phase::b, Phase::c);
    Regulated regulated{true, 0.97};
    auto& control = regulated.make.feeder.tap_changers.rows()[0].control;
    control.has_monitored_phase = true;
    control.monitored_phase = looked_at;

    AcAnswer ac{regulated.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    CHECK(settled.flow.status == Status::converged);
    CHECK(ac.flow().positions().tap_steps.size() == 1);
    CHECK(std::abs(std::abs(ac.volts(regulated.bus, looked_at)) / 60.0 - 122.0) <= 1.0);
}

TEST_CASE("a regulator that looks at a bus far away holds that one", "[powerflow][controls]") {
    Regulated regulated{false};
    for (auto& tap : regulated.make.feeder.tap_changers.rows()) {
        tap.control.monitored = {.kind = ElementKind::load, .element = 0, .terminal = 1, .bus = regulated.end};
        tap.control.has_monitored_phase = true;
        tap.control.monitored_phase = *regulated.make.feeder.transformers[tap.transformer].phases(1).list().begin();
    }

    AcAnswer ac{regulated.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    CHECK(settled.flow.status == Status::converged);
    for (Phase p : PhaseSet::abc().list()) CHECK(std::abs(std::abs(ac.volts(regulated.end, p)) / 60.0 - 122.0) <= 1.0);
}

TEST_CASE("a tap changer stops at its last step", "[powerflow][controls]") {
    Regulated const regulated{false, 0.85};

    AcAnswer ac{regulated.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    CHECK(settled.flow.status == Status::converged);
    for (double step : ac.flow().positions().tap_steps) CHECK(step == 16.0);
}

TEST_CASE("what acts later has its reason taken away by what acts sooner", "[powerflow][controls]") {
    // Two regulators in a row: where the first is quicker the second has nothing left to do; where the second is, it moves
    // before the first does, and not all the way back after.
    bool const first_is_quicker = GENERATE(true, false);
    FeederMaker make{"two in a row"};
    auto const source = make.bus("source", base_v), middle = make.bus("middle", base_v), end = make.bus("end", base_v);
    make.source(source, 0.97);
    auto const code = make.code(test::two_windings(1, base_v, base_v, {0.001, 0.002}));
    double delay = first_is_quicker ? 10.0 : 60.0;
    for (auto [from, to] : {std::pair{source, middle}, std::pair{middle, end}}) {
        auto const unit = make.unit(code, {Seat{from, {A, N}}, Seat{to, {A, N}}});
        make.tap(unit, 1, 1.0);
        make.feeder.tap_changers.rows().back() = {.transformer = unit,
                                                  .control_enabled = true,
                                                  .initial_delay_s = delay,
                                                  .pt_ratio = 60.0,
                                                  .control = voltage_control(120.0, 2.0)};
        delay = 70.0 - delay;
    }
    make.load(end, {Phase::a}, {Complex{10e3, 0.0}});

    AcAnswer ac{make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    CHECK(settled.flow.status == Status::converged);
    auto const& steps = ac.flow().positions().tap_steps;
    CHECK(steps[0] > 0.0);
    CHECK((steps[1] == 0.0) == first_is_quicker);
    CHECK((static_cast<double>(settled.tap_steps) > steps[0] + steps[1]) == !first_is_quicker);
}

TEST_CASE("a capacitor is switched by each kind of control as it should", "[powerflow][controls]") {
    // Open at a reason to close, closed at a reason to open, and as it was in between.
    SECTION("voltage") {
        CHECK(ends_closed({Mode::voltage, 7200.0, 20.0, 8.0, false}));
        CHECK_FALSE(ends_closed({Mode::voltage, 7100.0, 20.0, 1.0, true}));
        CHECK(ends_closed({Mode::voltage, 7200.0, 2000.0, 1.0, true}));
        CHECK_FALSE(ends_closed({Mode::voltage, 7200.0, 2000.0, 1.0, false}));
    }
    SECTION("reactive power, its band with either sign") {
        double const sign = GENERATE(1.0, -1.0);
        CHECK(ends_closed(
            {Mode::reactive_power, -37.5e3, sign * 375e3, 1.0, false}));  // on above 150, off below -225 kvar
        CHECK_FALSE(ends_closed({Mode::reactive_power, -37.5e3, sign * 375e3, 0.2, true}));
        CHECK(ends_closed({Mode::reactive_power, -37.5e3, sign * 375e3, 0.5, true}));
        CHECK_FALSE(ends_closed({Mode::reactive_power, -37.5e3, sign * 375e3, 0.5, false}));
    }
    SECTION("current") {
        CHECK(ends_closed({Mode::current_flow, 20.0, 10.0, 2.0, false}));
        CHECK_FALSE(ends_closed({Mode::current_flow, 20.0, 10.0, 0.5, true}));
    }
    SECTION("power factor: not if half of it would be too much") {
        // On below 0.92 lagging, off at 0.92 leading, which is 1.08.
        CHECK(ends_closed({Mode::power_factor, 1.0, 0.16, 1.0, false}));
        CHECK_FALSE(ends_closed({Mode::power_factor, 1.0, 0.16, 0.4, false}));
        CHECK_FALSE(ends_closed({Mode::power_factor, 1.0, 0.16, 0.1, true}));
    }
    SECTION("time") {
        CHECK(ends_closed({Mode::time, 12.0, 8.0, 1.0, false}, 13.0));
        CHECK_FALSE(ends_closed({Mode::time, 12.0, 8.0, 1.0, true}, 17.0));
        CHECK(ends_closed({Mode::time, 12.0, -16.0, 1.0, false}, 23.0));  // from 20 to 4
        CHECK_FALSE(ends_closed({Mode::time, 12.0, -16.0, 1.0, true}, 12.0));
    }
}

TEST_CASE("controls that have no end are said not to settle", "[powerflow][controls]") {
    // Three hundred kvar change the voltage by more than the band is wide.
    Switched const switched{Mode::voltage, 7195.0, 0.5, 1.0, false};
    AcAnswer ac{switched.make.finish()};

    auto const settled = settle(alone(), ac.flow(), {.max_rounds = 20});

    CHECK(settled.flow.status == Status::iteration_limit);
    CHECK(settled.rounds == 20);
    CHECK(powerflow::exit_code(settled.flow.status) == core::ExitCode::not_converged);
}

TEST_CASE("a control that cannot act is named and leaves its device alone", "[powerflow][controls]") {
    Regulated regulated{true, 0.97};
    regulated.make.feeder.tap_changers.rows()[0].pt_ratio = unknown;

    AcAnswer ac{regulated.make.finish()};
    auto const settled = settle(alone(), ac.flow(), {});

    REQUIRE(settled.inactive.size() == 1);
    CHECK_THAT(settled.inactive[0], Catch::Contains("voltage transformer"));
    CHECK(ac.flow().positions().tap_steps[0] == 0.0);
}

TEST_CASE("regulators and capacitors of public feeders come to rest where OpenDSS's do",
          "[powerflow][controls][opendss]") {
    struct Known {
        std::string feeder, reference;
        bool from_neutral;
    };
    auto const known = GENERATE(Known{"IEEE123.xml", "ieee123_switches", true},
                                Known{"ieee8500.xml.gz", "ieee8500", false}, Known{"IEEE13.xml", "ieee13", false},
                                Known{"IEEE123_PV.xml", "ieee123_pv", false}, Known{"IEEE37.xml", "ieee37", false});
    auto const path = test::shared_path("feeders/cim/" + known.feeder);
    auto const reference = test::shared_path("reference/opendss/" + known.reference + "/summary.json");
    if (!path || !reference) return;
    auto feeder = io::read_feeder(*path).feeder;
    if (known.reference == "ieee8500") {
        test::mend_export(feeder);
        test::give_switches_their_impedance(feeder);
    }
    if (known.reference.starts_with("ieee13") || known.reference.starts_with("ieee123"))
        test::rate_loads_at_2400_volts(feeder);
    derive_areas(feeder);
    if (known.from_neutral) set_taps_neutral(feeder);

    // OpenDSS's loads of ieee8500 keep their model down to 0.88 pu. With all taps at neutral they are below, so that the first
    // steps depend on what CIM100 does not say; hence from where the file's taps are.
    AcAnswer ac{
        feeder,
        {.load_limits = known.reference == "ieee8500" ? powerflow::LoadLimits::wide : powerflow::LoadLimits::file}};
    auto const settled = settle(alone(), ac.flow(), {});

    CAPTURE(known.feeder, known.from_neutral, settled.rounds);
    CHECK(settled.flow.status == Status::converged);
    CHECK(settled.inactive.empty());
    std::ifstream file{*reference};
    auto const summary = core::Json::parse(file);
    auto const& state = summary["cases"]["controls_on"];
    std::size_t compared = 0;
    for (auto const& regulator : state["regulators"]) {
        auto const name = regulator["name"].get<std::string>();
        for (auto id : ac.piece().feeder.tap_changers.ids()) {
            if (test::lower_case(ac.piece().feeder.tap_changers.name(id)) != name) continue;
            ++compared;
            CAPTURE(name);
            CHECK(ac.flow().positions().tap_steps[id.at()] == regulator["tap_number"].get<double>());
        }
    }
    CHECK(compared == state["regulators"].size());
    for (auto const& capacitor : state["capacitors"]) {
        auto const name = capacitor["name"].get<std::string>();
        for (auto id : ac.piece().feeder.capacitors.ids()) {
            if (test::lower_case(ac.piece().feeder.capacitors.name(id)) != name) continue;
            CAPTURE(name);
            auto const& sections = ac.flow().positions().capacitor_sections[id.at()];
            CHECK(*std::ranges::max_element(sections) == capacitor["states"][0].get<double>());
        }
    }
}
