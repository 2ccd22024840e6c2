/// What loads, capacitors and inverters draw, against complex powers near nominal voltage; and lines with them on.
#include <catch2/catch.hpp>

#include "reference/balanced.hpp"
#include "reference/phasor_circuit.hpp"
#include "support/linear_answer.hpp"

using namespace dec;
using namespace dec::feeder;
using test::Complex;
using test::FeederMaker;
using test::LinearAnswer;
using test::PhasorCircuit;
using test::unit_phasor;

namespace {

constexpr double base_v = 2400.0;

/// A bus of its own for one device.
struct OneBus {
    FeederMaker make;
    FeederMaker::BusId bus = make.bus("bus", base_v);
    OneBus() { make.source(bus); }
};

/// Powers drawn per phase by the linear injection at squared voltages v_sq, VA.
std::array<Complex, 3> linear_draw(OneBus const& at, model::Vector3 const& v_sq) {
    LinearAnswer answer{at.make.finish()};
    auto const& injection = answer.flow().injections()[answer.vertex(at.bus)];
    model::Vector6 const s = answer.flow().settings().per_unit.base_va * (injection.constant + injection.slope * v_sq);
    return {Complex{s(0), s(3)}, Complex{s(1), s(4)}, Complex{s(2), s(5)}};
}

/// Powers drawn per phase by devices across ports, each of a given power at the port's voltage in pu of its own nominal.
using PowerOf = std::function<Complex(std::size_t, double)>;
std::array<Complex, 3> complex_draw(Connection connection, PhaseSet phases, std::array<double, 3> const& magnitude,
                                    PowerOf const& power) {
    std::array<Complex, 3> drawn{};
    auto const volts = [&](std::size_t i) { return base_v * magnitude[i] * unit_phasor(static_cast<Phase>(i)); };
    for (Phase p : phases.list()) {
        auto const i = slot(p);
        if (connection == Connection::wye) {
            drawn[i] += power(i, magnitude[i]);
            continue;
        }
        auto const k = (i + 1) % 3;
        Complex const across = volts(i) - volts(k);
        Complex const current = std::conj(power(i, std::abs(across) / (std::sqrt(3.0) * base_v)) / across);
        drawn[i] += volts(i) * std::conj(current);
        drawn[k] -= volts(k) * std::conj(current);
    }
    return drawn;
}

/// Largest difference of the two at a common deviation t of all voltages, relative to 100 kVA.
double difference(OneBus const& at, Connection connection, PhaseSet phases, double t, PowerOf const& power) {
    auto const linear = linear_draw(at, model::Vector3::Constant((1.0 + t) * (1.0 + t)));
    auto const exact = complex_draw(connection, phases, {1.0 + t, 1.0 + t, 1.0 + t}, power);
    double largest = 0.0;
    for (std::size_t i = 0; i < 3; ++i) largest = std::max(largest, std::abs(linear[i] - exact[i]) / 100e3);
    return largest;
}

struct Response {
    LoadModel model;
    std::function<Complex(Complex, double)> power;  ///< of the nominal power at a voltage in pu
};

Response constant_power() {
    return {{}, [](Complex s, double) { return s; }};
}
Response zip() {
    return {
        {.p_impedance = 0.4, .p_current = 0.35, .p_power = 0.25, .q_impedance = 0.7, .q_current = 0.1, .q_power = 0.2},
        [](Complex s, double v) {
            return Complex{s.real() * (0.4 * v * v + 0.35 * v + 0.25), s.imag() * (0.7 * v * v + 0.1 * v + 0.2)};
        }};
}
Response exponents() {
    return {{.exponential = true, .p_impedance = 1.0, .p_power = 0.0, .p_exponent = 0.8, .q_exponent = 2.6},
            [](Complex s, double v) {
                return Complex{s.real() * std::pow(v, 0.8), s.imag() * std::pow(v, 2.6)};
            }};
}

}  // namespace

TEST_CASE("loads of every response and connection follow the voltage to first order", "[model][injections]") {
    auto const response = GENERATE(constant_power(), zip(), exponents());
    auto const connection = GENERATE(Connection::wye, Connection::delta);
    auto const phases = GENERATE(PhaseSet::abc(), PhaseSet{Phase::a}, PhaseSet{Phase::b, Phase::c});
    test::PerPhaseComplex const va{Complex{90e3, 40e3}, Complex{60e3, -20e3}, Complex{110e3, 70e3}};
    OneBus at;
    at.make.load(at.bus, phases, va, connection, at.make.load_model(response.model));
    auto const power = [&](std::size_t i, double v) { return response.power(va[i], v); };

    test::check_first_order([&](double scale) { return difference(at, connection, phases, 0.05 * scale, power); },
                            0.02);
}

TEST_CASE("a load between phases draws all of its power from them at any voltages", "[model][injections]") {
    auto const response = zip();
    test::PerPhaseComplex const va{Complex{90e3, 40e3}, Complex{60e3, -20e3}, Complex{110e3, 70e3}};
    OneBus at;
    at.make.load(at.bus, PhaseSet::abc(), va, Connection::delta, at.make.load_model(response.model));
    // Unequal magnitudes move power between the two phases of a pair, which the model leaves out; never the sum.
    auto const error = [&](double scale) {
        std::array const magnitude{1.0 + 0.04 * scale, 1.0 - 0.03 * scale, 1.0 + 0.01 * scale};
        auto const linear =
            linear_draw(at, {magnitude[0] * magnitude[0], magnitude[1] * magnitude[1], magnitude[2] * magnitude[2]});
        auto const exact = complex_draw(Connection::delta, PhaseSet::abc(), magnitude,
                                        [&](std::size_t i, double v) { return response.power(va[i], v); });
        return std::abs(linear[0] + linear[1] + linear[2] - exact[0] - exact[1] - exact[2]) / 100e3;
    };

    test::check_first_order(error, 0.02);
}

TEST_CASE("capacitors deliver b v, wye exactly and delta to first order", "[model][injections]") {
    auto const connection = GENERATE(Connection::wye, Connection::delta);
    auto const phases = GENERATE(PhaseSet::abc(), PhaseSet{Phase::c});
    double const siemens = 100e3 / (base_v * base_v);
    OneBus at;
    auto const bank = at.make.capacitor(at.bus, phases, siemens / 2.0, connection);
    at.make.feeder.capacitors[bank].sections = {2.0, 2.0, 2.0};
    // The wye equivalent of a unit between phases has a third of its ohms.
    auto const power = [&](std::size_t, double v) { return Complex{0.0, -siemens * base_v * base_v * v * v}; };

    test::check_first_order([&](double scale) { return difference(at, connection, phases, 0.05 * scale, power); },
                            1e-10);
}

TEST_CASE("sections that are switched out deliver nothing", "[model][injections]") {
    OneBus at;
    auto const bank = at.make.capacitor(at.bus, PhaseSet::abc(), 1e-3);
    at.make.feeder.capacitors[bank].sections = {1.0, 0.0, 0.0};

    auto const drawn = linear_draw(at, model::Vector3::Ones());

    CHECK(drawn[0].imag() == Approx(-1e-3 * base_v * base_v));
    CHECK(drawn[1] == Complex{});
    CHECK(drawn[2] == Complex{});
}

TEST_CASE("what inverters and machines deliver is drawn negatively, curtailment takes back the active power only",
          "[model][injections]") {
    auto const connection = GENERATE(Connection::wye, Connection::delta);
    test::PerPhaseComplex const va{Complex{30e3, 5e3}, Complex{20e3, -4e3}, Complex{10e3, 1e3}};
    OneBus at;
    at.make.pv(at.bus, PhaseSet::abc(), va, connection);
    at.make.feeder.machines.add({.bus = at.bus, .phases = {Phase::a, Phase::b}, .p_w = 8e3, .q_var = 6e3}, "machine");

    auto const drawn = linear_draw(at, model::Vector3::Ones());
    auto expected =
        complex_draw(connection, PhaseSet::abc(), {1.0, 1.0, 1.0}, [&](std::size_t i, double) { return -va[i]; });
    expected[0] -= Complex{4e3, 3e3};
    expected[1] -= Complex{4e3, 3e3};
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(drawn[i] - expected[i]) < 1e-6);

    LinearAnswer answer{at.make.finish()};
    auto const& der = answer.flow().ders().at(0);
    auto const full =
        complex_draw(connection, PhaseSet::abc(), {1.0, 1.0, 1.0}, [&](std::size_t i, double) { return va[i].real(); });
    CHECK(der.available * 1e6 == Approx(60e3));
    for (int i = 0; i < 3; ++i)
        CHECK(std::abs(Complex{der.full(i), der.full(i + 3)} * 1e6 - full[static_cast<std::size_t>(i)]) < 1e-6);
}

TEST_CASE("a line with loads of every kind is right to first order against its circuit", "[model][injections]") {
    // Impedances of a 4-wire overhead line, ohm; conductors listed out of order.
    Complex const s{0.35, 0.8}, m{0.12, 0.38}, n{0.11, 0.33}, o{0.13, 0.30};
    std::vector<Phase> const order{Phase::c, Phase::a, Phase::b};
    test::LineImpedance const z{{s, m, n}, {m, 1.02 * s, o}, {n, o, 0.97 * s}};
    auto const error = [&](double scale) {
        std::array const wye{scale * Complex{180e3, 60e3}, scale * Complex{90e3, 80e3}, scale * Complex{200e3, -20e3}};
        Complex const pair = scale * Complex{120e3, 50e3};
        double const siemens = scale * 150e3 / (base_v * base_v);
        FeederMaker make;
        auto const head = make.bus("head", base_v);
        auto const end = make.bus("end", base_v);
        make.source(head);
        // Which end is named first says nothing.
        make.line(end, head, order, z);
        make.load(end, PhaseSet::abc(), {wye[0], wye[1], wye[2]});
        make.load(end, {Phase::c}, {Complex{}, Complex{}, pair}, Connection::delta);
        make.capacitor(end, {Phase::b}, siemens);
        LinearAnswer const linear{make.finish()};

        PhasorCircuit circuit;
        std::array<PhasorCircuit::Node, 3> from{}, to{};
        for (Phase p : PhaseSet::abc().list()) {
            circuit.fix(from[slot(p)] = circuit.node(), base_v * unit_phasor(p));
            to[slot(p)] = circuit.node();
            circuit.draw({to[slot(p)]}, wye[slot(p)]);
        }
        Eigen::Matrix3cd matrix;
        std::vector<PhasorCircuit::Node> near, far;
        for (std::size_t i = 0; i < 3; ++i) {
            near.push_back(from[slot(order[i])]);
            far.push_back(to[slot(order[i])]);
            for (std::size_t k = 0; k < 3; ++k)
                matrix(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) = z[i][k];
        }
        circuit.series(near, far, matrix);
        circuit.draw({to[2], to[0]}, pair);
        circuit.shunt({to[1]}, Complex{0.0, siemens});
        circuit.solve();

        double worst = 0.0;
        for (Phase p : PhaseSet::abc().list()) {
            worst = std::max(
                worst, std::abs(linear.v_sq(end, p) - std::norm(circuit.voltage({to[slot(p)]})) / (base_v * base_v)));
            worst = std::max(worst, std::abs(linear.into(head, p) - circuit.delivered(from[slot(p)])) / 1e6);
        }
        return worst;
    };

    test::check_first_order(error, 0.02);
}

TEST_CASE("a triplex line drops what its loop of leg and neutral says", "[model][split-phase]") {
    double const leg_v = 208.0 / std::sqrt(3.0);
    Complex const self{0.02, 0.015}, mutual{0.006, 0.009};
    auto const error = [&](double scale) {
        Complex const s1 = scale * Complex{4e3, 1e3}, s2 = scale * Complex{1e3, 2e3},
                      across = scale * Complex{3e3, 0.5e3};
        FeederMaker make;
        auto const head = make.bus("head", 7200.0);
        auto const drum = make.bus("drum", leg_v);
        auto const house = make.bus("house", leg_v);
        make.source(head);
        constexpr auto neutral = Conductor::neutral;
        auto const code = make.code(
            test::three_windings(1, {7200.0, leg_v, leg_v}, {Complex{1e-6, 0}, Complex{1e-6, 0}, Complex{1e-12, 0}}));
        make.unit(
            code,
            {{head, {Conductor::a, neutral}}, {drum, {Conductor::s1, neutral}}, {drum, {neutral, Conductor::s2}}});
        make.line(drum, house, {Phase::s1, Phase::s2}, {{self, mutual}, {mutual, self}});
        make.load(house, {Phase::s1}, {s1});
        make.load(house, {Phase::s2}, {Complex{}, s2});
        make.load(house, PhaseSet::split(), {0.5 * across, 0.5 * across}, Connection::delta);
        LinearAnswer const linear{make.finish()};

        PhasorCircuit circuit;
        std::vector<PhasorCircuit::Node> const near{circuit.node(), circuit.node()},
            far{circuit.node(), circuit.node()};
        circuit.fix(near[0], leg_v);
        circuit.fix(near[1], -leg_v);
        Eigen::Matrix2cd z;
        z << self, mutual, mutual, self;
        circuit.series(near, far, z);
        circuit.draw({far[0]}, s1);
        circuit.draw({far[1]}, s2);
        circuit.draw({far[0], far[1]}, across);
        circuit.solve();
        return std::max(
            std::abs(linear.v_sq(house, Phase::s1) - std::norm(circuit.voltage({far[0]})) / (leg_v * leg_v)),
            std::abs(linear.v_sq(house, Phase::s2) - std::norm(circuit.voltage({far[1]})) / (leg_v * leg_v)));
    };

    double const small = 1e-8;  // the transformer is all but ideal
    CHECK(error(1.0) < 0.01);
    CHECK(error(0.5) < 0.27 * error(1.0) + small);
    CHECK(error(0.25) < 0.27 * error(0.5) + small);
}
