/// Every kind of transformer against a phasor circuit in which nothing is neglected. The linear model must be exact without
/// load, and its error must shrink with the square of the load: then it is the derivative and not merely near.
#include <catch2/catch.hpp>
#include <map>

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
using Port = PhasorCircuit::Port;

namespace {

constexpr auto N = Conductor::neutral;
constexpr double primary_v = 7200.0;
constexpr double leg_base_v = 208.0 / std::numbers::sqrt3;
constexpr double source_pu = 1.02;

Conductor conductor(Phase p) { return static_cast<Conductor>(static_cast<int>(p) + 1); }

/// Three nodes held at the source's voltages.
std::array<PhasorCircuit::Node, 3> source_nodes(PhasorCircuit& circuit, double volts) {
    std::array<PhasorCircuit::Node, 3> nodes{};
    for (Phase p : PhaseSet::abc().list())
        circuit.fix(nodes[slot(p)] = circuit.node(), volts * source_pu * unit_phasor(p));
    return nodes;
}

double in_pu(Complex volts, double base_v) { return std::norm(volts) / (base_v * base_v); }

// --- centre-tapped service transformers ------------------------------------------------------------------------------

/// 25 kVA, 7200 V to 120/240 V.
constexpr double rated_va = 25e3;
Complex test_12() { return Complex{0.012, 0.0204} * (primary_v * primary_v / rated_va); }
Complex test_13() { return Complex{0.013, 0.0212} * (primary_v * primary_v / rated_va); }
Complex test_23() { return Complex{0.020, 0.0136} * (120.0 * 120.0 / rated_va); }

struct CentreTap {
    std::vector<Conductor> primary{Conductor::a, N};
    bool second_leg_first = false;
    double tap = 1.0;
    Complex ground_ohm{};  ///< of the primary's neutral

    [[nodiscard]] double rated_primary() const { return primary[1] == N ? primary_v : primary_v * std::numbers::sqrt3; }
};

PhasorCircuit::Node neutral(PhasorCircuit& circuit, Complex ground_ohm) {
    if (ground_ohm == Complex{}) return PhasorCircuit::ground;
    auto const node = circuit.node();
    circuit.shunt({node}, 1.0 / ground_ohm);
    return node;
}

/// Largest error of leg voltages (squared, pu) and of the power drawn from the primary (pu of the rating).
double centre_tap_error(CentreTap const& kind, double scale) {
    double const turns_sq = kind.rated_primary() * kind.rated_primary() / (primary_v * primary_v);
    Complex const s1 = scale * Complex{8e3, 3e3}, s2 = scale * Complex{4e3, -1e3}, across = scale * Complex{5e3, 2e3};

    FeederMaker make;
    auto const head = make.bus("head", primary_v);
    auto const house = make.bus("house", leg_base_v);
    make.source(head, source_pu);
    auto const code = make.code(test::three_windings(1, {kind.rated_primary(), 120.0, 120.0},
                                                     {test_12() * turns_sq, test_13() * turns_sq, test_23()}));
    test::Seat const first{house, {Conductor::s1, N}}, second{house, {N, Conductor::s2}};
    auto const unit = make.unit(code, {{head, {kind.primary[0], kind.primary[1]}},
                                       kind.second_leg_first ? second : first,
                                       kind.second_leg_first ? first : second});
    make.tap(unit, 0, kind.tap);
    make.feeder.transformers[unit].winding[0].ground_r_ohm = kind.ground_ohm.real();
    make.feeder.transformers[unit].winding[0].ground_x_ohm = kind.ground_ohm.imag();
    make.load(house, {Phase::s1}, {s1});
    make.load(house, {Phase::s2}, {Complex{}, s2});
    make.load(house, PhaseSet::split(), {0.5 * across, 0.5 * across}, Connection::delta);
    LinearAnswer const linear{make.finish()};

    PhasorCircuit circuit;
    auto const source = source_nodes(circuit, primary_v);
    auto const primary_neutral = neutral(circuit, kind.ground_ohm);
    auto const node_of = [&](Conductor c) { return c == N ? primary_neutral : source[slot(*phase_of(c))]; };
    Port const leg1{circuit.node(), PhasorCircuit::ground}, leg2{PhasorCircuit::ground, circuit.node()};
    std::vector<Port> ports{{node_of(kind.primary[0]), node_of(kind.primary[1])}, leg1, leg2};
    if (kind.second_leg_first) std::swap(ports[1], ports[2]);
    double const volts = kind.rated_primary() * kind.tap;
    circuit.windings(ports, {volts, 120.0, 120.0}, [&](std::size_t i, std::size_t k) {
        double const raised = turns_sq * kind.tap * kind.tap;
        return i == 0 ? raised * (k == 1 ? test_12() : test_13()) : test_23();
    });
    circuit.draw(leg1, s1);
    circuit.draw({leg2.minus, PhasorCircuit::ground}, s2);
    circuit.draw({leg1.plus, leg2.minus}, across);
    circuit.solve();

    double error = std::max(std::abs(linear.v_sq(house, Phase::s1) - in_pu(circuit.voltage(leg1), leg_base_v)),
                            std::abs(linear.v_sq(house, Phase::s2) - in_pu(circuit.voltage(leg2), leg_base_v)));
    for (Phase p : PhaseSet::abc().list())
        error = std::max(error, std::abs(linear.into(head, p) - circuit.delivered(source[slot(p)])) / rated_va);
    return error;
}

}  // namespace

TEST_CASE("a centre-tapped transformer is right to first order against its four-node circuit", "[model][split-phase]") {
    auto const kind =
        GENERATE(CentreTap{}, CentreTap{.primary = {Conductor::c, N}}, CentreTap{.tap = 1.025},
                 CentreTap{.primary = {Conductor::a, Conductor::b}}, CentreTap{.primary = {Conductor::c, Conductor::b}},
                 CentreTap{.second_leg_first = true}, CentreTap{.tap = 0.975, .ground_ohm = {20.0, 35.0}});
    CAPTURE(kind.second_leg_first, kind.tap, static_cast<int>(kind.primary[0]), static_cast<int>(kind.primary[1]));

    test::check_first_order([&](double scale) { return centre_tap_error(kind, scale); }, 0.03);
}

TEST_CASE("the drop of a centre tap is that of its star: shared part in both legs, halves in their own",
          "[model][split-phase]") {
    FeederMaker make;
    auto const head = make.bus("head", primary_v);
    auto const house = make.bus("house", leg_base_v);
    make.source(head);
    auto const code = make.code(test::three_windings(1, {primary_v, 120.0, 120.0}, {test_12(), test_13(), test_23()}));
    make.unit(code, {{head, {Conductor::b, N}}, {house, {Conductor::s1, N}}, {house, {N, Conductor::s2}}});
    LinearAnswer const linear{make.finish()};

    auto const block = linear.block(house);

    // pu of 1 MVA per phase at the rated volts, then at the base of the legs.
    double const to_pu = 1e6 / rated_va;
    double const tau_sq = (120.0 / leg_base_v) * (120.0 / leg_base_v);
    Complex const z12 = Complex{0.012, 0.0204} * to_pu, z13 = Complex{0.013, 0.0212} * to_pu,
                  z23 = Complex{0.020, 0.0136} * to_pu;
    Complex const z0 = 0.5 * (z12 + z13 - z23) * tau_sq, z1 = 0.5 * (z12 + z23 - z13) * tau_sq,
                  z2 = 0.5 * (z13 + z23 - z12) * tau_sq;
    model::Matrix36 drop = model::Matrix36::Zero();
    drop.row(0) << 2 * (z0 + z1).real(), 2 * z0.real(), 0, 2 * (z0 + z1).imag(), 2 * z0.imag(), 0;
    drop.row(1) << 2 * z0.real(), 2 * (z0 + z2).real(), 0, 2 * z0.imag(), 2 * (z0 + z2).imag(), 0;
    CHECK((block.drop - drop).cwiseAbs().maxCoeff() < 1e-13);
    model::Matrix3 ratio = model::Matrix3::Zero();
    ratio(0, 1) = ratio(1, 1) = tau_sq;
    CHECK((block.ratio - ratio).cwiseAbs().maxCoeff() < 1e-15);
    CHECK(block.lift(1, 0) == 1.0);
    CHECK(block.lift(1, 1) == 1.0);
    CHECK(block.lift.sum() == 4.0);
}

TEST_CASE("a transformer known only to its full 240 V winding drops 2(RP + XQ) under equal legs",
          "[model][split-phase]") {
    bool const primary_is_second = GENERATE(false, true);
    CAPTURE(primary_is_second);
    auto const error = [&](double scale) {
        Complex const across = scale * Complex{15e3, 5e3};
        FeederMaker make;
        auto const head = make.bus("head", primary_v);
        auto const house = make.bus("house", leg_base_v);
        make.source(head, source_pu);
        test::Seat const up{head, {Conductor::b, N}}, down{house, {Conductor::s1, Conductor::s2}};
        double const square = 240.0 / primary_v * 240.0 / primary_v;
        if (primary_is_second)
            make.unit(make.code(test::two_windings(1, 240.0, primary_v, test_12() * square)), {down, up});
        else make.unit(make.code(test::two_windings(1, primary_v, 240.0, test_12())), {up, down});
        make.load(house, PhaseSet::split(), {0.5 * across, 0.5 * across}, Connection::delta);
        LinearAnswer const linear{make.finish()};

        PhasorCircuit circuit;
        auto const source = source_nodes(circuit, primary_v);
        Port const whole{circuit.node(), PhasorCircuit::ground};
        circuit.windings({{source[1], PhasorCircuit::ground}, whole}, {primary_v, 240.0},
                         [](auto, auto) { return test_12(); });
        circuit.draw(whole, across);
        circuit.solve();

        double const v_sq = in_pu(circuit.voltage(whole), 2.0 * leg_base_v);
        return std::max({std::abs(linear.v_sq(house, Phase::s1) - v_sq), std::abs(linear.v_sq(house, Phase::s2) - v_sq),
                         std::abs(linear.into(head, Phase::b) - circuit.delivered(source[1])) / rated_va});
    };

    test::check_first_order(error, 0.02);
}

TEST_CASE("a transformer to one 120 V leg only has the impedance of its test", "[model][split-phase]") {
    Phase const leg = GENERATE(Phase::s1, Phase::s2);
    auto const error = [&](double scale) {
        Complex const va = scale * Complex{9e3, 4e3};
        FeederMaker make;
        auto const head = make.bus("head", primary_v);
        auto const house = make.bus("house", leg_base_v);
        make.source(head, source_pu);
        make.unit(make.code(test::two_windings(1, primary_v, 120.0, test_12())),
                  {{head, {Conductor::a, N}}, {house, {conductor(leg), N}}});
        make.load(house, {leg}, leg == Phase::s1 ? test::PerPhaseComplex{va} : test::PerPhaseComplex{Complex{}, va});
        LinearAnswer const linear{make.finish()};

        PhasorCircuit circuit;
        auto const source = source_nodes(circuit, primary_v);
        Port const winding{circuit.node(), PhasorCircuit::ground};
        circuit.windings({{source[0], PhasorCircuit::ground}, winding}, {primary_v, 120.0},
                         [](auto, auto) { return test_12(); });
        circuit.draw(winding, va);
        circuit.solve();
        return std::abs(linear.v_sq(house, leg) - in_pu(circuit.voltage(winding), leg_base_v));
    };

    test::check_first_order(error, 0.02);
}

// --- three-phase units -----------------------------------------------------------------------------------------------

namespace {

constexpr double high_v = 12470.0, low_v = 4160.0;  // line to line
constexpr double unit_va = 3e6;

struct Connected {
    Connection high, low;
    int clock;                            ///< the low side lags by 30 degrees times this
    Complex high_ground{}, low_ground{};  ///< ohm between neutral and ground
};

/// Which conductors of the high side one coil of the low side is wound against: by hand, for phase a; b and c follow.
struct Coil {
    int high_plus, high_minus, low_plus, low_minus;  ///< 0 1 2 for A B C, -1 for the neutral
};
Coil coil_of_phase_a(Connected const& c) {
    constexpr int a = 0, b = 1, d = 2, n = -1;  // d is phase C
    bool const high_delta = c.high == Connection::delta, low_delta = c.low == Connection::delta;
    static std::map<int, Coil> const wye_wye{
        {0, {a, n, a, n}}, {4, {b, n, a, n}}, {6, {n, a, a, n}}, {8, {d, n, a, n}}};
    static std::map<int, Coil> const delta_delta{
        {0, {a, b, a, b}}, {4, {b, d, a, b}}, {6, {b, a, a, b}}, {8, {d, a, a, b}}};
    static std::map<int, Coil> const delta_wye{
        {1, {a, d, a, n}}, {5, {b, a, a, n}}, {7, {d, a, a, n}}, {11, {a, b, a, n}}};
    static std::map<int, Coil> const wye_delta{
        {1, {a, n, a, b}}, {5, {a, n, d, a}}, {7, {a, n, b, a}}, {11, {a, n, a, d}}};
    auto const& table = high_delta ? (low_delta ? delta_delta : delta_wye) : low_delta ? wye_delta : wye_wye;
    return table.at(c.clock);
}

PhasorCircuit::Node place(std::array<PhasorCircuit::Node, 3> const& nodes, PhasorCircuit::Node neutral, int conductor,
                          int turned) {
    return conductor < 0 ? neutral : nodes[static_cast<std::size_t>((conductor + turned) % 3)];
}

/// Largest error of the low side's voltages and of the power drawn from each phase of the high side.
double three_phase_error(Connected const& kind, bool low_side_listed_first, double scale) {
    Complex const z_high = Complex{0.01, 0.06} * (high_v * high_v / unit_va);  // wye equivalent
    std::array const va{scale * Complex{700e3, 200e3}, scale * Complex{500e3, 300e3}, scale * Complex{800e3, -100e3}};
    double const high_base = high_v / std::numbers::sqrt3, low_base = low_v / std::numbers::sqrt3;
    bool const low_delta = kind.low == Connection::delta;

    FeederMaker make;
    auto const head = make.bus("head", high_base);
    auto const low = make.bus("low", low_base);
    make.source(head, source_pu);
    auto const seat = [](auto bus) { return test::Seat{bus, {Conductor::a, Conductor::b, Conductor::c, N}}; };
    auto const grounded = [&](core::Index<Transformer> unit, std::size_t winding, Complex ohm) {
        make.feeder.transformers[unit].winding[winding].ground_r_ohm = ohm.real();
        make.feeder.transformers[unit].winding[winding].ground_x_ohm = ohm.imag();
    };
    auto row = test::two_windings(3, high_v, low_v, z_high);
    row.winding[0].connection = kind.high;
    row.winding[1].connection = kind.low;
    row.winding[1].clock = static_cast<std::int8_t>(kind.clock);
    if (low_side_listed_first) {
        std::swap(row.winding[0], row.winding[1]);
        row.winding[0].clock = 0;
        row.winding[1].clock = static_cast<std::int8_t>((12 - kind.clock) % 12);
        double const square = low_v * low_v / (high_v * high_v);
        row.short_circuit[0].r_ohm *= square;
        row.short_circuit[0].x_ohm *= square;
    }
    auto const unit = make.unit(make.code(row), low_side_listed_first ? std::vector{seat(low), seat(head)}
                                                                      : std::vector{seat(head), seat(low)});
    grounded(unit, low_side_listed_first ? 1 : 0, kind.high_ground);
    grounded(unit, low_side_listed_first ? 0 : 1, kind.low_ground);
    make.load(low, PhaseSet::abc(), {va[0], va[1], va[2]}, kind.low);
    LinearAnswer const linear{make.finish()};

    PhasorCircuit circuit;
    auto const source = source_nodes(circuit, high_base);
    std::array const nodes{circuit.node(), circuit.node(), circuit.node()};
    auto const coil = coil_of_phase_a(kind);
    auto const high_neutral = neutral(circuit, kind.high_ground), low_neutral = neutral(circuit, kind.low_ground);
    double const coil_high_v = kind.high == Connection::delta ? high_v : high_base;
    Complex const coil_z = kind.high == Connection::delta ? 3.0 * z_high : z_high;
    for (int turned = 0; turned < 3; ++turned) {
        circuit.windings(
            {{place(source, high_neutral, coil.high_plus, turned),
              place(source, high_neutral, coil.high_minus, turned)},
             {place(nodes, low_neutral, coil.low_plus, turned), place(nodes, low_neutral, coil.low_minus, turned)}},
            {coil_high_v, low_delta ? low_v : low_base}, [&](auto, auto) { return coil_z; });
        auto const next = nodes[static_cast<std::size_t>((turned + 1) % 3)];
        auto const i = static_cast<std::size_t>(turned);
        circuit.draw({nodes[i], low_delta ? next : PhasorCircuit::ground}, va[i]);
    }
    if (low_delta)
        circuit.shunt({nodes[0], PhasorCircuit::ground}, 1.0);  // one point of a floating network: no current
    circuit.solve();

    double error = 0.0;
    for (Phase p : PhaseSet::abc().list()) {
        auto const i = slot(p);
        Port const pair{nodes[i], nodes[(i + 1) % 3]};
        error =
            std::max(error, low_delta ? std::abs(linear.pair_v_sq(low, p) - in_pu(circuit.voltage(pair), low_v))
                                      : std::abs(linear.v_sq(low, p) - in_pu(circuit.voltage({nodes[i]}), low_base)));
        error = std::max(error, std::abs(linear.into(head, p) - circuit.delivered(source[i])) / unit_va);
    }
    return error;
}

}  // namespace

TEST_CASE("three-phase transformers of every clock are right to first order", "[model][transformers]") {
    using enum Connection;
    auto const kind = GENERATE(
        Connected{wye, wye, 0}, Connected{wye, wye, 4}, Connected{wye, wye, 6}, Connected{wye, wye, 8},
        Connected{delta, delta, 0}, Connected{delta, delta, 4}, Connected{delta, delta, 6}, Connected{delta, delta, 8},
        Connected{delta, wye, 1}, Connected{delta, wye, 5}, Connected{delta, wye, 7}, Connected{delta, wye, 11},
        Connected{wye, delta, 1}, Connected{wye, delta, 5}, Connected{wye, delta, 7}, Connected{wye, delta, 11});
    bool const low_side_listed_first = GENERATE(false, true);
    CAPTURE(static_cast<int>(kind.high), static_cast<int>(kind.low), kind.clock, low_side_listed_first);

    test::check_first_order([&](double scale) { return three_phase_error(kind, low_side_listed_first, scale); }, 0.03);
}

TEST_CASE("what lies between a neutral and ground shifts all phases, right to first order", "[model][transformers]") {
    using enum Connection;
    Complex const high_ohm{0.3, 2.0}, low_ohm{0.1, 0.4};
    auto const kind = GENERATE_COPY(Connected{delta, wye, 1, {}, low_ohm}, Connected{wye, wye, 0, {}, low_ohm},
                                    Connected{wye, wye, 6, high_ohm, {}}, Connected{wye, wye, 4, high_ohm, low_ohm},
                                    Connected{wye, delta, 1, high_ohm, {}});
    bool const low_side_listed_first = GENERATE(false, true);
    CAPTURE(static_cast<int>(kind.high), static_cast<int>(kind.low), kind.clock, low_side_listed_first);

    test::check_first_order([&](double scale) { return three_phase_error(kind, low_side_listed_first, scale); }, 0.05);
}

// --- single-phase units as banks -------------------------------------------------------------------------------------

TEST_CASE("a bank of single-phase units between phases is a delta-wye bank", "[model][transformers]") {
    // Coil of low phase a across A and C, b across B and A, c across C and B: the low side lags by 30 degrees.
    auto const error = [](double scale) {
        double const high_base = high_v / std::numbers::sqrt3, low_base = low_v / std::numbers::sqrt3;
        std::array const va{scale * Complex{700e3, 200e3}, scale * Complex{500e3, 300e3},
                            scale * Complex{800e3, -100e3}};
        Complex const z = Complex{0.01, 0.06} * (high_v * high_v / 1e6);
        FeederMaker make;
        auto const head = make.bus("head", high_base);
        auto const low = make.bus("low", low_base);
        make.source(head, source_pu);
        auto const code = make.code(test::two_windings(1, high_v, low_base, z));
        PhasorCircuit circuit;
        auto const source = source_nodes(circuit, high_base);
        std::array<Port, 3> coils;
        for (Phase p : PhaseSet::abc().list()) {
            auto const before = static_cast<Phase>((slot(p) + 2) % 3);
            make.unit(code, {{head, {conductor(p), conductor(before)}}, {low, {conductor(p), N}}});
            coils[slot(p)] = {circuit.node(), PhasorCircuit::ground};
            circuit.windings({{source[slot(p)], source[slot(before)]}, coils[slot(p)]}, {high_v, low_base},
                             [&](auto, auto) { return z; });
            circuit.draw(coils[slot(p)], va[slot(p)]);
        }
        make.load(low, PhaseSet::abc(), {va[0], va[1], va[2]});
        LinearAnswer const linear{make.finish()};
        circuit.solve();

        double worst = 0.0;
        for (Phase p : PhaseSet::abc().list()) {
            worst = std::max(worst, std::abs(linear.v_sq(low, p) - in_pu(circuit.voltage(coils[slot(p)]), low_base)));
            worst = std::max(worst, std::abs(linear.into(head, p) - circuit.delivered(source[slot(p)])) / unit_va);
        }
        return worst;
    };

    test::check_first_order(error, 0.05);
}

TEST_CASE("a single-phase regulator multiplies the squared voltage by the square of its tap", "[model][transformers]") {
    double const base = 2400.0, tap = 1.0375;
    std::uint8_t const winding = GENERATE(std::uint8_t{0}, std::uint8_t{1});
    bool const ideal = GENERATE(false, true);
    CAPTURE(winding, ideal);
    auto const error = [&](double scale) {
        Complex const z = ideal ? Complex{} : Complex{0.02, 0.08}, va = scale * Complex{300e3, 100e3};
        FeederMaker make;
        auto const head = make.bus("head", base);
        auto const out = make.bus("out", base);
        make.source(head, source_pu);
        auto const unit = make.unit(make.code(test::two_windings(1, base, base, z)),
                                    {{head, {Conductor::b, N}}, {out, {Conductor::b, N}}});
        make.tap(unit, winding, tap);
        make.load(out, {Phase::b}, {Complex{}, va});
        LinearAnswer const linear{make.finish()};

        double const ratio = winding == 1 ? tap : 1.0 / tap;
        if (ideal) return std::abs(linear.v_sq(out, Phase::b) - source_pu * source_pu * ratio * ratio);
        PhasorCircuit circuit;
        auto const source = source_nodes(circuit, base);
        Port const winding_out{circuit.node(), PhasorCircuit::ground};
        // The impedance is in pu of the tapped winding's own volts, as the file's per-unit value is.
        double const volts_in = winding == 0 ? base * tap : base, volts_out = winding == 1 ? base * tap : base;
        double const square = volts_in * volts_in / (base * base);
        circuit.windings({{source[1], PhasorCircuit::ground}, winding_out}, {volts_in, volts_out},
                         [&](auto, auto) { return z * square; });
        circuit.draw(winding_out, va);
        circuit.solve();
        return std::abs(linear.v_sq(out, Phase::b) - in_pu(circuit.voltage(winding_out), base));
    };

    test::check_first_order(error, 0.01);
}

namespace {

struct OpenDelta {
    std::array<std::array<Phase, 2>, 2> pairs;
    std::array<double, 2> taps{1.0, 1.0};
    bool jumper = false;
};

/// Largest error behind two regulators between phases that feed unequal loads: of line-to-line voltages where they float, of
/// voltages to ground where a jumper holds the common phase.
double open_delta_error(OpenDelta const& kind, double scale) {
    double const base = 4800.0 / std::numbers::sqrt3;
    Complex const z{0.05, 0.2};
    std::array const va{scale * Complex{200e3, 60e3}, scale * Complex{150e3, 90e3}, scale * Complex{260e3, -30e3}};
    auto const shared = PhaseSet{kind.pairs[0][0], kind.pairs[0][1]} & PhaseSet{kind.pairs[1][0], kind.pairs[1][1]};
    FeederMaker make;
    auto const head = make.bus("head", base);
    auto const out = make.bus("out", base);
    make.source(head, source_pu);
    if (kind.jumper) make.link(head, out, shared);
    auto const code = make.code(test::two_windings(1, 4800.0, 4800.0, z));
    PhasorCircuit circuit;
    auto const source = source_nodes(circuit, base);
    std::array nodes{circuit.node(), circuit.node(), circuit.node()};
    auto const common = slot(*shared.list().begin());
    circuit.shunt({nodes[common], PhasorCircuit::ground}, 1.0);  // one point of a floating network: no current
    if (kind.jumper) nodes[common] = source[common];
    for (std::size_t i = 0; i < 2; ++i) {
        auto const [m, n] = kind.pairs[i];
        auto const unit = make.unit(code, {{head, {conductor(m), conductor(n)}}, {out, {conductor(m), conductor(n)}}});
        make.tap(unit, 1, kind.taps[i]);
        circuit.windings({{source[slot(m)], source[slot(n)]}, {nodes[slot(m)], nodes[slot(n)]}},
                         {4800.0, 4800.0 * kind.taps[i]}, [&](auto, auto) { return z; });
    }
    make.load(out, PhaseSet::abc(), {va[0], va[1], va[2]}, kind.jumper ? Connection::wye : Connection::delta);
    LinearAnswer const linear{make.finish()};
    for (std::size_t i = 0; i < 3; ++i)
        circuit.draw({nodes[i], kind.jumper ? PhasorCircuit::ground : nodes[(i + 1) % 3]}, va[i]);
    circuit.solve();

    double error = 0.0;
    for (Phase p : PhaseSet::abc().list()) {
        auto const i = slot(p);
        error = std::max(error, kind.jumper ? std::abs(linear.v_sq(out, p) - in_pu(circuit.voltage({nodes[i]}), base))
                                            : std::abs(linear.pair_v_sq(out, p) -
                                                       in_pu(circuit.voltage({nodes[i], nodes[(i + 1) % 3]}), 4800.0)));
    }
    return error;
}

constexpr std::array<std::array<Phase, 2>, 2> sharing_b{{{Phase::a, Phase::b}, {Phase::c, Phase::b}}};
constexpr std::array<std::array<Phase, 2>, 2> sharing_a{{{Phase::c, Phase::a}, {Phase::a, Phase::b}}};
constexpr std::array<std::array<Phase, 2>, 2> sharing_c{{{Phase::b, Phase::c}, {Phase::a, Phase::c}}};

}  // namespace

TEST_CASE("open-delta regulators in neutral are right to first order", "[model][transformers]") {
    auto const pairs = GENERATE(sharing_a, sharing_b, sharing_c);
    bool const jumper = GENERATE(false, true);

    test::check_first_order([&](double scale) { return open_delta_error({.pairs = pairs, .jumper = jumper}, scale); },
                            0.01);
}

TEST_CASE("all voltages behind open-delta regulators follow from their two exactly, at any taps",
          "[model][transformers]") {
    auto const pairs = GENERATE(sharing_a, sharing_b, sharing_c);
    bool const jumper = GENERATE(false, true);

    CHECK(open_delta_error({.pairs = pairs, .taps = {1.05, 0.95}, .jumper = jumper}, 0.0) < 1e-12);
    CHECK(open_delta_error({.pairs = pairs, .taps = {1.10, 1.0125}, .jumper = jumper}, 0.0) < 1e-12);
}

// --- three windings --------------------------------------------------------------------------------------------------

namespace {

/// A grounded wye unit of three windings; star members in pu are 0.09, -0.01 and 0.03 of reactance.
/// \param ground_pu between the neutral of each winding and ground, pu of 10 MVA.
double star_error(std::size_t fed_winding, std::array<Complex, 3> const& ground_pu, double scale) {
    std::array<double, 3> const rated{115e3, 12470.0, 4160.0};  // line to line
    auto const z_pu = [](std::size_t i, std::size_t k) {
        return i == 0 ? (k == 1 ? Complex{0.004, 0.08} : Complex{0.006, 0.12}) : Complex{0.005, 0.02};
    };
    constexpr double va = 10e6;
    auto const z_ohm = [&](std::size_t i, std::size_t k) { return z_pu(i, k) * (rated[i] * rated[i] / va); };
    std::array const power{scale * Complex{900e3, 300e3}, scale * Complex{600e3, 100e3},
                           scale * Complex{1100e3, -200e3}};

    FeederMaker make;
    std::array<FeederMaker::BusId, 3> buses;
    std::vector<test::Seat> seats;
    for (std::size_t w = 0; w < 3; ++w) {
        buses[w] = make.bus("winding " + std::to_string(w), rated[w] / std::numbers::sqrt3);
        seats.push_back({buses[w], {Conductor::a, Conductor::b, Conductor::c, N}});
    }
    make.source(buses[fed_winding], source_pu);
    auto const unit =
        make.unit(make.code(test::three_windings(3, rated, {z_ohm(0, 1), z_ohm(0, 2), z_ohm(1, 2)})), seats);
    std::array<Complex, 3> ground_ohm;
    for (std::size_t w = 0; w < 3; ++w) {
        ground_ohm[w] = ground_pu[w] * (rated[w] * rated[w] / va);
        make.feeder.transformers[unit].winding[w].ground_r_ohm = ground_ohm[w].real();
        make.feeder.transformers[unit].winding[w].ground_x_ohm = ground_ohm[w].imag();
    }
    for (std::size_t w = 0; w < 3; ++w)
        if (w != fed_winding) make.load(buses[w], PhaseSet::abc(), {power[w], power[(w + 1) % 3], power[(w + 2) % 3]});
    LinearAnswer const linear{make.finish()};

    PhasorCircuit circuit;
    std::array<PhasorCircuit::Node, 3> neutrals;
    for (std::size_t w = 0; w < 3; ++w) neutrals[w] = neutral(circuit, ground_ohm[w]);
    std::array<std::array<PhasorCircuit::Node, 3>, 3> nodes;  // of each phase, at each winding
    for (Phase p : PhaseSet::abc().list()) {
        auto& of_phase = nodes[slot(p)];
        for (auto& node : of_phase) node = circuit.node();
        circuit.fix(of_phase[fed_winding], rated[fed_winding] / std::numbers::sqrt3 * source_pu * unit_phasor(p));
        circuit.windings(
            {{of_phase[0], neutrals[0]}, {of_phase[1], neutrals[1]}, {of_phase[2], neutrals[2]}},
            {rated[0] / std::numbers::sqrt3, rated[1] / std::numbers::sqrt3, rated[2] / std::numbers::sqrt3}, z_ohm);
        for (std::size_t w = 0; w < 3; ++w)
            if (w != fed_winding) circuit.draw({of_phase[w]}, power[(w + slot(p)) % 3]);
    }
    circuit.solve();
    double error = 0.0;
    for (Phase p : PhaseSet::abc().list()) {
        auto const& of_phase = nodes[slot(p)];
        for (std::size_t w = 0; w < 3; ++w)
            error = std::max(error, std::abs(linear.v_sq(buses[w], p) -
                                             in_pu(circuit.voltage({of_phase[w]}), rated[w] / std::numbers::sqrt3)));
        error = std::max(error,
                         std::abs(linear.into(buses[fed_winding], p) - circuit.delivered(of_phase[fed_winding])) / va);
    }
    return error;
}

}  // namespace

TEST_CASE("a three-winding unit with a negative star member is right to first order, whichever winding feeds it",
          "[model][transformers]") {
    auto const fed = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    CAPTURE(fed);

    test::check_first_order([&](double scale) { return star_error(fed, {}, scale); }, 0.05);
}

TEST_CASE("what lies between any neutral of three and ground is right to first order, whichever winding feeds it",
          "[model][transformers]") {
    auto const fed = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    auto const grounded = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    CAPTURE(fed, grounded);
    std::array<Complex, 3> ground_pu{};
    ground_pu[grounded] = {0.02, 0.06};

    test::check_first_order([&](double scale) { return star_error(fed, ground_pu, scale); }, 0.05);
}

TEST_CASE("a three-winding unit turns the phases by its clocks against the winding that feeds it",
          "[model][transformers]") {
    // Winding 1 delta, windings 2 and 3 wye and lagging by 30 degrees. Fed at winding 2, winding 3 is in phase with it.
    FeederMaker make;
    std::array<double, 3> const rated{115e3, 12470.0, 4160.0};
    auto row = test::three_windings(3, rated, {Complex{5.0, 100.0}, Complex{6.0, 120.0}, Complex{0.1, 0.5}});
    row.winding[0].connection = Connection::delta;
    row.winding[1].clock = row.winding[2].clock = 1;
    std::vector<test::Seat> seats;
    std::array<FeederMaker::BusId, 3> buses;
    for (std::size_t w = 0; w < 3; ++w) {
        buses[w] = make.bus("winding " + std::to_string(w), rated[w] / std::numbers::sqrt3);
        seats.push_back({buses[w], {Conductor::a, Conductor::b, Conductor::c, N}});
    }
    make.source(buses[1]);
    make.unit(make.code(row), seats);
    LinearAnswer const linear{make.finish()};

    CHECK(linear.block(buses[2]).ratio.isApprox(model::Matrix3::Identity()));
    model::Matrix3 pairs;  // the delta side leads by 30 degrees: A follows A - B, so that its pair AB follows B
    pairs << 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0;
    CHECK((model::line_to_line() * linear.block(buses[0]).ratio).isApprox(pairs));
}

// --- side by side ----------------------------------------------------------------------------------------------------

namespace {

/// A unit of a bank of single-phase units: its phase, its impedance and the tap of its low side.
struct BankUnit {
    Phase phase = Phase::a;
    Complex z;
    double tap = 1.0;
};

constexpr double bank_base_v = 2400.0;

/// Largest error of voltages behind units side by side between two buses.
double bank_error(std::vector<BankUnit> const& units, double scale) {
    FeederMaker make;
    auto const head = make.bus("head", primary_v);
    auto const low = make.bus("low", bank_base_v);
    make.source(head, source_pu);
    PhasorCircuit circuit;
    auto const source = source_nodes(circuit, primary_v);
    std::map<Phase, Port> out;
    for (auto const& unit : units) {
        auto const c = conductor(unit.phase);
        make.tap(make.unit(make.code(test::two_windings(1, primary_v, bank_base_v, unit.z)),
                           {{head, {c, N}}, {low, {c, N}}}),
                 1, unit.tap);
        if (!out.contains(unit.phase)) out[unit.phase] = {circuit.node()};
        circuit.windings({{source[slot(unit.phase)]}, out[unit.phase]}, {primary_v, bank_base_v * unit.tap},
                         [&](auto, auto) { return unit.z; });
    }
    std::array<Complex, 3> const va{scale * Complex{160e3, 40e3}, scale * Complex{120e3, -20e3},
                                    scale * Complex{200e3, 80e3}};
    for (auto const& [phase, port] : out) {
        test::PerPhaseComplex drawn{};
        drawn[slot(phase)] = va[slot(phase)];
        make.load(low, {phase}, drawn);
        circuit.draw(port, va[slot(phase)]);
    }
    LinearAnswer const linear{make.finish()};
    circuit.solve();

    double error = 0.0;
    for (auto const& [phase, port] : out)
        error = std::max({error, std::abs(linear.v_sq(low, phase) - in_pu(circuit.voltage(port), bank_base_v)),
                          std::abs(linear.into(head, phase) - circuit.delivered(source[slot(phase)])) / 1e6});
    return error;
}

constexpr Complex unlike_a{1.0, 9.0}, unlike_b{2.5, 12.0}, unlike_c{0.5, 7.0};

}  // namespace

TEST_CASE("unlike transformers in parallel share the load by their impedances", "[model][transformers]") {
    test::check_first_order(
        [](double scale) {
            return bank_error({{Phase::c, unlike_a}, {Phase::c, unlike_b}, {Phase::c, unlike_c}}, scale);
        },
        0.01);
}

TEST_CASE("parallel transformers on different taps meet between them, right to first order", "[model][transformers]") {
    test::check_first_order(
        [](double scale) {
            return bank_error({{Phase::c, unlike_a}, {Phase::c, unlike_b, 1.0 + 0.02 * scale}}, 0.0);
        },
        1e-3);
}

TEST_CASE("a bank of which one or all units are doubled is right to first order, however it is listed",
          "[model][transformers]") {
    BankUnit const a{Phase::a, unlike_a}, a2{Phase::a, unlike_b}, b{Phase::b, unlike_c}, b2{Phase::b, unlike_a},
        c{Phase::c, unlike_b}, c2{Phase::c, unlike_c};
    auto const units = GENERATE_COPY(std::vector{a, a2, b, c}, std::vector{b, a, c, a2}, std::vector{a, b, b2},
                                     std::vector{c, b, a, c2, b2, a2});

    test::check_first_order([&](double scale) { return bank_error(units, scale); }, 0.02);
}

TEST_CASE("parallel three-phase and centre-tapped units halve the drop and keep the ratio", "[model][transformers]") {
    bool const legs = GENERATE(false, true);
    auto const block_of = [&](int units) {
        FeederMaker make;
        auto const head = make.bus("head", primary_v);
        auto const low = make.bus("low", legs ? leg_base_v : 2400.0);
        make.source(head);
        for (int i = 0; i < units; ++i) {
            if (legs) {
                auto const code =
                    make.code(test::three_windings(1, {primary_v, 120.0, 120.0}, {test_12(), test_13(), test_23()}));
                make.unit(code, {{head, {Conductor::b, N}}, {low, {Conductor::s1, N}}, {low, {N, Conductor::s2}}});
            } else {
                auto row = test::two_windings(3, high_v, low_v, {0.5, 3.0});
                row.winding[0].connection = Connection::delta;
                row.winding[1].clock = 1;
                test::Seat const seat{head, {Conductor::a, Conductor::b, Conductor::c}};
                make.unit(make.code(row), {seat, {low, seat.conductors}});
            }
        }
        return LinearAnswer{make.finish()}.block(low);
    };

    auto const one = block_of(1);
    auto const two = block_of(2);

    CHECK(one.drop.norm() > 1e-3);
    CHECK((two.drop - 0.5 * one.drop).cwiseAbs().maxCoeff() < 1e-12);
    CHECK((two.ratio - one.ratio).cwiseAbs().maxCoeff() < 1e-12);
    CHECK((two.lift - one.lift).cwiseAbs().maxCoeff() < 1e-12);
}
