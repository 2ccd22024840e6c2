/// What a simulation says, and what the feeder is by that.
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>
#include <thread>

#include "dec/core/error.hpp"
#include "dec/platform/follow.hpp"

using namespace dec;
using feeder::Measurement;
using feeder::Phase;
using platform::Freshness;
using platform::MeasuredValue;
using platform::SimulationOutput;
using platform::Telemetry;

namespace {

/// A bus with a load, a PV system and a regulator, and everything measured on phase A; a load between A and B beside them.
struct Measured {
    feeder::Feeder feeder;

    Measured(feeder::LoadModel const& model = {}) {
        feeder::Bus bus;
        bus.base_v = 2400.0;
        bus.phases = feeder::PhaseSet::abc();
        auto const at = feeder.buses.add(bus, "b", "bus");
        auto const response = feeder.load_models.add(model, "model", "model");
        feeder::Load load;
        load.bus = at;
        load.phases = {Phase::a};
        load.p_w = {1000.0, 0.0, 0.0};
        load.q_var = {500.0, 0.0, 0.0};
        load.model = response;
        feeder.loads.add(load, "load", "load");
        load.connection = feeder::Connection::delta;
        feeder.loads.add(load, "delta", "delta");
        feeder::PvSystem pv;
        pv.inverter.bus = at;
        pv.inverter.phases = {Phase::a};
        pv.inverter.p_w = {3000.0, 0.0, 0.0};
        pv.max_p_w = 4000.0;
        feeder::add_pv(feeder, pv, "pv", "pv", "converter", "converter");
        feeder.tap_changers.add({}, "tap", "tap");
        measure("v_a", Measurement::Type::voltage, feeder::ElementKind::load, 0, {Phase::a});
        measure("v_b", Measurement::Type::voltage, feeder::ElementKind::load, 0, {Phase::b});
        measure("load", Measurement::Type::power, feeder::ElementKind::load, 0, {Phase::a});
        measure("delta", Measurement::Type::power, feeder::ElementKind::load, 1, {Phase::a});
        measure("pv", Measurement::Type::power, feeder::ElementKind::pv, 0, {Phase::a});
        measure("tap", Measurement::Type::position, feeder::ElementKind::tap_changer, 0, {Phase::a});
    }

    void measure(std::string_view mrid, Measurement::Type type, feeder::ElementKind kind, std::int32_t element,
                 feeder::PhaseSet phases) {
        feeder.measurements.add({.type = type,
                                 .phases = phases,
                                 .at = {.kind = kind, .element = element, .bus = feeder::Index<feeder::Bus>{0}}},
                                mrid, mrid);
    }
};

MeasuredValue polar(std::string const& mrid, std::complex<double> value) {
    return {.mrid = mrid, .magnitude = std::abs(value), .angle_deg = std::arg(value) * 180.0 / std::numbers::pi};
}

SimulationOutput at(std::int64_t time, std::vector<MeasuredValue> values) {
    return {.command = {}, .simulation_id = "1", .timestamp = time, .values = std::move(values)};
}

struct Applied {
    feeder::Feeder feeder;
    std::vector<double> export_w;
    Freshness freshness;
};
Applied apply(Telemetry const& telemetry, feeder::Feeder const& base, std::int64_t time, double max_age_s = 60.0) {
    Applied applied{.feeder = base, .export_w = {}, .freshness = {}};
    applied.export_w = telemetry.apply(applied.feeder, time, max_age_s, applied.freshness);
    return applied;
}

}  // namespace

TEST_CASE("an output message is the same with its measurements by key and in an array", "[platform]") {
    auto const form = GENERATE(
        as<std::string>{},
        R"({"simulation_id":"7","message":{"timestamp":12,"measurements":{
                                   "m1":{"measurement_mrid":"m1","magnitude":2.5,"angle":-30},"m2":{"measurement_mrid":"m2","value":1}}}})",
        R"({"simulation_id":7,"message":{"measurements":[{"measurement_mrid":"m1","angle":"-30","magnitude":"2.5"},
                                   {"value":true,"measurement_mrid":"m2"}],"timestamp":"12"},"other":{"message":{"timestamp":3}}})");

    auto const output = platform::parse_output(form);

    CHECK(output.simulation_id == "7");
    CHECK(output.timestamp == 12);
    CHECK(output.unreadable == 0);
    REQUIRE(output.values.size() == 2);
    CHECK(output.values[0].mrid == "m1");
    CHECK(output.values[0].magnitude == 2.5);
    CHECK(output.values[0].angle_deg == -30.0);
    CHECK(std::isnan(output.values[0].value));
    CHECK(output.values[1].mrid == "m2");
    CHECK(output.values[1].value == 1.0);
}

TEST_CASE("entries without numbers are counted, lines that are no object refused", "[platform]") {
    auto const output = platform::parse_output(
        R"({"message":{"measurements":{"m1":{"magnitude":"much"},"m2":null,"m3":7,"m4":{"value":[1]}}}})");
    CHECK(output.unreadable == 3);
    CHECK(!output.timestamp);
    CHECK(platform::parse_output(R"({"command":"stop"})").command == "stop");
    for (auto const* line : {"", "x", "[1]", "3", "{", R"({"message":{"timestamp":NaN}})"})
        CHECK_THROWS_AS(platform::parse_output(line), core::InvalidInput);
}

TEST_CASE("a load that is measured at its voltage is the load at nominal voltage", "[platform]") {
    auto const model = GENERATE(
        feeder::LoadModel{},
        feeder::LoadModel{.p_impedance = 0.2, .p_current = 0.5, .p_power = 0.3, .q_impedance = 1.0, .q_power = 0.0},
        feeder::LoadModel{.exponential = true, .p_exponent = 1.3, .q_exponent = 2.0});
    Measured const measured{model};
    Telemetry telemetry{measured.feeder};
    auto const va = std::polar(2400.0 * 1.04, 0.1), vb = std::polar(2400.0 * 0.97, 0.1 - 2.0 * std::numbers::pi / 3.0);
    auto const drawn = [&](double v) {
        auto const share = [v](double z, double i, double p) { return z * v * v + i * v + p; };
        return model.exponential
                   ? std::complex{800.0 * std::pow(v, model.p_exponent), 300.0 * std::pow(v, model.q_exponent)}
                   : std::complex{800.0 * share(model.p_impedance, model.p_current, model.p_power),
                                  300.0 * share(model.q_impedance, model.q_current, model.q_power)};
    };
    double const line_to_line = std::abs(va - vb) / (2400.0 * std::sqrt(3.0));

    static_cast<void>(telemetry.take(
        at(10, {polar("v_a", va), polar("v_b", vb), polar("load", drawn(1.04)), polar("delta", drawn(line_to_line))})));
    auto const now = apply(telemetry, measured.feeder, 10).feeder;

    for (auto id : now.loads.ids()) {
        CHECK(now.loads[id].p_w[0] == Approx(800.0));
        CHECK(now.loads[id].q_var[0] == Approx(300.0));
    }
}

TEST_CASE("what a PV system exports does not depend on which way its meter looks", "[platform]") {
    Measured const measured;
    auto const sign = GENERATE(1.0, -1.0);
    Telemetry telemetry{measured.feeder};

    static_cast<void>(telemetry.take(at(10, {polar("_pv", sign * std::complex{2000.0, -300.0})})));
    auto const applied = apply(telemetry, measured.feeder, 10);

    CHECK(applied.export_w.at(0) == Approx(2000.0));
    CHECK(applied.feeder.pv_systems.rows()[0].inverter.q_var[0] == Approx(-300.0));
}

TEST_CASE("the newest value counts, whenever it comes, and none that is too old", "[platform]") {
    Measured const measured;
    Telemetry telemetry{measured.feeder};
    static_cast<void>(telemetry.take(at(100, {polar("load", {700.0, 0.0})})));
    static_cast<void>(telemetry.take(at(90, {polar("load", {1.0, 0.0}), {.mrid = "tap", .value = 5.0}})));

    auto const soon = apply(telemetry, measured.feeder, 130);
    CHECK(soon.feeder.loads.rows()[0].p_w[0] == Approx(700.0));
    CHECK(soon.feeder.tap_changers.rows()[0].step == 5.0);
    CHECK(std::isnan(soon.export_w.at(0)));
    CHECK(soon.freshness.held.count == 2);
    CHECK(soon.freshness.oldest_s == 40.0);
    CHECK(soon.freshness.silent.count == 2);  // the PV system and the other load

    auto const late = apply(telemetry, measured.feeder, 155);
    CHECK(late.feeder.loads.rows()[0].p_w[0] == Approx(700.0));
    CHECK(late.feeder.tap_changers.rows()[0].step == 0.0);
    CHECK(late.freshness.expired.count == 1);
    CHECK(late.freshness.expired.example == "tap");
}

TEST_CASE("positions and values that cannot be are left out", "[platform]") {
    Measured const measured;
    Telemetry telemetry{measured.feeder};
    auto const strange = telemetry.take(
        at(10, {{.mrid = "tap", .value = 40.0}, {.mrid = "nobody", .value = 1.0}, {.mrid = "load", .magnitude = 5.0}}));

    auto const applied = apply(telemetry, measured.feeder, 10);

    CHECK(strange.count == 1);
    CHECK(strange.example == "nobody");
    CHECK(applied.freshness.implausible.count == 1);
    CHECK(applied.feeder.tap_changers.rows()[0].step == 0.0);
    CHECK(applied.feeder.loads.rows()[0].p_w[0] == 1000.0);  // without an angle it is no power
}

TEST_CASE("lines come whole however the pipe cuts them", "[platform]") {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    platform::LineReader reader{ends[0]};
    auto const never = [] { return false; };
    auto const send = [&](std::string const& text) {
        REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    };

    CHECK(!reader.is_ready());
    send("on");
    CHECK(!reader.is_ready());
    send("e\ntwo\n\nla");
    CHECK(reader.is_ready());
    CHECK(reader.next(never) == "one");
    CHECK(reader.next(never) == "two");
    CHECK(reader.next(never) == "");
    CHECK(!reader.is_ready());
    std::thread later{[&] {
        send("st");
        close(ends[1]);
    }};
    CHECK(reader.next(never) == "last");
    later.join();
    CHECK(reader.is_ready());
    CHECK(!reader.next(never));
    CHECK(!reader.next([] { return true; }));
    close(ends[0]);
}
