/// What a power flow must do, on feeders small enough to see why.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "reference/nodal_twin.hpp"
#include "support/ac_answer.hpp"
#include "support/random_ac_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::LoadLimits;
using powerflow::Status;
using test::AcAnswer;
using test::Complex;
using test::FeederMaker;
using test::Seat;

namespace {

constexpr auto A = Conductor::a, B = Conductor::b, C = Conductor::c, N = Conductor::neutral;
constexpr double base_v = 4160.0 / std::numbers::sqrt3;
powerflow::Settings const wide{.load_limits = LoadLimits::wide};

test::PerPhaseComplex kva(Complex a, Complex b = {}, Complex c = {}) { return {1e3 * a, 1e3 * b, 1e3 * c}; }

/// Every node's voltage is that of the whole circuit solved at once.
void check_against_twin(Feeder const& feeder) {
    AcAnswer const ac{feeder, wide};
    auto const twin = test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5});

    CHECK(ac.outcome().status == Status::converged);
    auto const volts = ac.all_volts();
    REQUIRE(volts.size() == twin.volts.size());
    std::size_t node = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list()) {
            CAPTURE(feeder.buses.name(id), to_text(p), volts[node], twin.volts[node]);
            CHECK(std::abs(volts[node] - twin.volts[node]) < 1e-9 * feeder.buses[id].base_v);
            ++node;
        }
}

/// A source and a line of three phases to the bus "start".
struct Start {
    FeederMaker make;
    FeederMaker::BusId source, start;
};
Start start(std::string const& name) {
    FeederMaker make{name};
    auto const source = make.bus("source", base_v);
    make.source(source, 1.0, {0.05, 0.3}, {0.1, 0.5});
    auto const bus = make.bus("start", base_v);
    Complex const self{0.2, 0.6}, mutual{0.07, 0.25};
    make.line(source, bus, {Phase::a, Phase::b, Phase::c},
              {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
    return {std::move(make), source, bus};
}
/// Winding 1 rated so that its ends are tied to ground strongly enough for the twin's arithmetic.
TransformerCode strongly_tied(TransformerCode code) {
    code.winding[0].rated_va = 1e9;
    return code;
}
/// Two regulators across AB and CB.
void add_open_delta(FeederMaker& make, FeederMaker::BusId up, FeederMaker::BusId down) {
    auto const code = make.code(strongly_tied(test::two_windings(1, 4160.0, 4160.0, {0.05, 0.4})));
    make.tap(make.unit(code, {Seat{up, {A, B}}, Seat{down, {A, B}}}), 1, 1.05);
    make.tap(make.unit(code, {Seat{up, {C, B}}, Seat{down, {C, B}}}), 1, 1.025);
}

}  // namespace

TEST_CASE("a ladder of equal segments has the voltages of its closed form", "[powerflow]") {
    // With constant impedances everywhere V_k = a x^k + b x^-k, x + 1/x = 2 + z y.
    int const segments = 3000;
    FeederMaker make{"ladder"};
    auto up = make.bus("0", base_v);
    make.source(up);
    auto const model = make.load_model({.p_impedance = 1.0, .p_power = 0.0, .q_impedance = 1.0, .q_power = 0.0});
    Complex const z{0.004, 0.009}, va{100.0, 40.0};
    std::vector<FeederMaker::BusId> buses{up};
    for (int k = 1; k <= segments; ++k) {
        auto const down = make.bus(std::to_string(k), base_v);
        make.line(up, down, {Phase::a, Phase::b, Phase::c}, {{z, {}, {}}, {{}, z, {}}, {{}, {}, z}});
        make.load(down, PhaseSet::abc(), {va, va, va}, Connection::wye, model);
        buses.push_back(up = down);
    }

    AcAnswer const ac{make.finish(), wide};

    Complex const zy = z * std::conj(va) / (base_v * base_v);
    Complex const x = 1.0 + 0.5 * zy + std::sqrt(zy + 0.25 * zy * zy);
    // Nothing flows beyond the last: V_{n+1} = V_n.
    auto const shape = [&](int k) {
        double const from_end = static_cast<double>(segments - k) + 0.5;
        return std::pow(x, from_end) + std::pow(x, -from_end);
    };
    for (int k : {0, 1, 17, 500, 1500, segments}) {
        Complex const expected = base_v * shape(k) / shape(0);
        CAPTURE(k);
        CHECK(std::abs(ac.volts(buses[static_cast<std::size_t>(k)], Phase::a) - expected) < 1e-10 * base_v);
        CHECK(std::abs(ac.volts(buses[static_cast<std::size_t>(k)], Phase::c) -
                       expected * std::polar(1.0, 2.0 * std::numbers::pi / 3.0)) < 1e-10 * base_v);
    }
}

TEST_CASE("what the source and the inverters deliver is what loads and losses take", "[powerflow]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const limits = GENERATE(LoadLimits::file, LoadLimits::wide);
    auto const feeder = test::random_ac_feeder({.seed = seed, .branches = 20, .pv_scale = 0.5});

    AcAnswer ac{feeder, {.load_limits = limits}};
    auto const flows = ac.flow().flows();

    CAPTURE(seed);
    CHECK(ac.outcome().status == Status::converged);
    auto const& b = flows.balance;
    double const delivered = (b.source + b.pv + b.batteries + b.machines).real();
    CHECK(delivered == Approx(b.loads.real() + b.losses_w).margin(1e-3));
    // The losses of the rows are all losses but none twice.
    double rows = 0.0;
    for (auto const& branch : flows.branches)
        for (double loss : branch.loss_w) rows += std::isfinite(loss) ? loss : 0.0;
    CHECK(rows == Approx(b.losses_w).margin(1e-3));
    CHECK(b.losses_w > 0.0);
}

TEST_CASE("a branch carries what its bus draws", "[powerflow]") {
    auto [make, source, bus] = start("one load");
    auto const load = kva({120.0, 40.0}, {60.0, 10.0}, {90.0, -20.0});
    make.load(bus, PhaseSet::abc(), load);
    auto const feeder = make.finish();

    AcAnswer ac{feeder, wide};
    auto const flows = ac.flow().flows();

    REQUIRE(flows.branches.size() == 1);
    double loss = 0.0;
    for (Phase p : PhaseSet::abc().list()) {
        auto const i = slot(p);
        CHECK(std::abs(flows.branches[0].into_va[i] - load[i]) < 1e-4);
        CHECK(flows.branches[0].current_a[i] == Approx(std::abs(load[i]) / std::abs(ac.volts(bus, p))).epsilon(1e-9));
        loss += flows.branches[0].loss_w[i];
    }
    CHECK(loss == Approx((flows.balance.source - flows.balance.loads).real()).epsilon(1e-8));
}

TEST_CASE("an open delta beside a jumper on its common phase, and without", "[powerflow]") {
    bool const jumper = GENERATE(true, false);
    auto [make, source, bus] = start("open delta");
    auto const down = make.bus("down", base_v);
    add_open_delta(make, bus, down);
    if (jumper) make.line(bus, down, {Phase::b}, {{{0.01, 0.02}}});
    make.load(down, PhaseSet::abc(), kva({50.0, 20.0}, {30.0, 5.0}, {70.0, 30.0}), Connection::delta);
    CAPTURE(jumper);

    check_against_twin(make.finish());
}

TEST_CASE("transformers side by side share the load by their impedances", "[powerflow]") {
    auto [make, source, bus] = start("parallel");
    auto const down = make.bus("down", 480.0 / std::numbers::sqrt3);
    for (double x : {0.9, 1.7}) {
        auto code = strongly_tied(test::two_windings(3, 4160.0, 480.0, {0.2, x}));
        code.winding[0].connection = Connection::delta;
        code.winding[1].connection = Connection::wye;
        code.winding[1].clock = 1;
        make.unit(make.code(code), {Seat{bus, {A, B, C}}, Seat{down, {A, B, C, N}}});
    }
    make.load(down, PhaseSet::abc(), kva({50.0, 20.0}, {30.0, 5.0}, {70.0, 30.0}));

    check_against_twin(make.finish());
}

TEST_CASE("three windings, fed through any of them", "[powerflow]") {
    auto const fed = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
    auto [make, source, bus] = start("three windings");
    std::array<double, 3> rated{480.0, 2400.0, 600.0};
    rated[fed] = 4160.0;
    std::array<Complex, 3> z{Complex{0.01, 0.05}, Complex{0.012, 0.08}, Complex{0.011, 0.03}};
    for (std::size_t k = 0; k < 3; ++k) z[k] *= rated[k == 2 ? 1 : 0] * rated[k == 2 ? 1 : 0] / 500e3;
    auto code = strongly_tied(test::three_windings(3, rated, z));
    code.winding[2].connection = Connection::delta;
    code.winding[2].clock = 11;
    code.no_load_w = 1500.0;
    code.no_load_var = 4000.0;
    std::vector<Seat> seats;
    for (std::size_t w = 0; w < 3; ++w) {
        auto const at = w == fed ? bus : make.bus("winding " + std::to_string(w + 1), rated[w] / std::numbers::sqrt3);
        seats.push_back({at, {A, B, C, w == 2 ? Conductor::none : N}});
        if (w != fed)
            make.load(at, PhaseSet::abc(), kva({20.0, 5.0}, {10.0, 5.0}, {15.0, 5.0}),
                      w == 2 ? Connection::delta : Connection::wye);
    }
    auto const unit = make.unit(make.code(code), seats);
    make.feeder.transformers[unit].winding[1].ground_x_ohm = 0.2;
    auto const feeder = make.finish();
    CAPTURE(fed);

    check_against_twin(feeder);
    AcAnswer ac{feeder, wide};
    auto const flows = ac.flow().flows();
    double rows = 0.0;
    for (auto const& branch : flows.branches)
        for (double loss : branch.loss_w) rows += std::isfinite(loss) ? loss : 0.0;
    CHECK(rows == Approx(flows.balance.losses_w).margin(1e-3));
    CHECK(flows.balance.source.real() == Approx(flows.balance.loads.real() + flows.balance.losses_w).margin(1e-3));
}

TEST_CASE("a bank of single units makes its secondary a delta", "[powerflow]") {
    auto [make, source, bus] = start("units between phases");
    auto const down = make.bus("down", base_v);
    auto const code = make.code(strongly_tied(test::two_windings(1, base_v, 2400.0, {0.2, 0.9})));
    make.unit(code, {Seat{bus, {A, N}}, Seat{down, {A, N}}});
    make.unit(code, {Seat{bus, {C, N}}, Seat{down, {C, N}}});
    make.load(down, {Phase::a, Phase::c}, kva({50.0, 20.0}, {}, {70.0, 30.0}));
    make.load(down, {Phase::c}, kva({}, {}, {20.0, 30.0}), Connection::delta);

    check_against_twin(make.finish());
}

TEST_CASE("a wye winding without a neutral passes no common current", "[powerflow]") {
    auto [make, source, bus] = start("free neutral");
    auto const down = make.bus("down", 480.0 / std::numbers::sqrt3);
    auto code = test::two_windings(3, 4160.0, 480.0, {0.2, 0.9});
    code.no_load_w = 300.0;
    code.no_load_var = 900.0;
    make.unit(make.code(code), {Seat{bus, {A, B, C}}, Seat{down, {A, B, C, N}}});
    make.load(down, PhaseSet::abc(), kva({20.0, 5.0}, {10.0, 5.0}, {15.0, 5.0}));

    AcAnswer ac{make.finish(), wide};
    auto const flows = ac.flow().flows();

    CHECK(ac.outcome().status == Status::converged);
    // Into the line before it: three currents that add up to zero but for the ties of windings to ground.
    Complex sum;
    for (Phase p : PhaseSet::abc().list()) sum += std::conj(flows.branches[0].into_va[slot(p)] / ac.volts(bus, p));
    CHECK(std::abs(sum) < 1e-3);
}

TEST_CASE("behind a wye without neutral voltages are those between phases", "[powerflow]") {
    auto const up = GENERATE(Connection::delta, Connection::wye);
    auto [make, source, bus] = start("free secondary");
    auto const down = make.bus("down", 480.0 / std::numbers::sqrt3);
    auto const end = make.bus("end", 480.0 / std::numbers::sqrt3);
    auto code = strongly_tied(test::two_windings(3, 4160.0, 480.0, {0.2, 0.9}));
    code.winding[0].connection = up;
    code.winding[1].clock = up == Connection::delta ? 1 : 0;
    make.unit(make.code(code), {Seat{bus, {A, B, C, N}}, Seat{down, {A, B, C}}});
    Complex const self{0.01, 0.02}, mutual{0.003, 0.008};
    make.line(down, end, {Phase::a, Phase::b, Phase::c},
              {{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}});
    make.load(end, PhaseSet::abc(), kva({20.0, 5.0}, {10.0, 5.0}, {15.0, 5.0}), Connection::delta);
    auto const feeder = make.finish();

    AcAnswer const ac{feeder, wide};
    CHECK(ac.vertex(down).floating_delta);
    CHECK(ac.vertex(end).floating_delta);
    check_against_twin(feeder);
}

TEST_CASE("an ideal regulator multiplies voltages by its tap, exactly", "[powerflow]") {
    auto [make, source, bus] = start("ideal");
    auto const down = make.bus("down", base_v);
    for (auto c : {A, B, C})
        make.tap(
            make.unit(make.code(test::two_windings(1, base_v, base_v, {})), {Seat{bus, {c, N}}, Seat{down, {c, N}}}), 1,
            1.0375);
    make.load(down, PhaseSet::abc(), kva({50.0, 20.0}, {30.0, 5.0}, {70.0, 30.0}));

    AcAnswer const ac{make.finish(), wide};

    CHECK(ac.outcome().status == Status::converged);
    for (Phase p : PhaseSet::abc().list())
        CHECK(std::abs(ac.volts(down, p) - 1.0375 * ac.volts(bus, p)) < 1e-9 * base_v);
}

TEST_CASE("a service transformer of two windings is one of three with the split of interlaced windings",
          "[powerflow]") {
    Complex const full = Complex{0.02, 0.03} * (base_v * base_v / 50e3);
    auto const solve = [&](bool three) {
        auto [make, source, bus] = start("service");
        auto const down = make.bus("down", 208.0 / std::numbers::sqrt3);
        constexpr auto s1 = Conductor::s1, s2 = Conductor::s2;
        if (three) {
            // Star: half of R and 0.8 X shared; R and 0.4 X of each half winding.
            Complex const own{full.real(), 0.4 * full.imag()}, shared{0.5 * full.real(), 0.8 * full.imag()};
            double const turns = 120.0 * 120.0 / (base_v * base_v);
            auto const code =
                test::three_windings(1, {base_v, 120.0, 120.0}, {shared + own, shared + own, 2.0 * own * turns});
            make.unit(make.code(code), {Seat{bus, {B, N}}, Seat{down, {s1, N}}, Seat{down, {N, s2}}});
        } else {
            make.unit(make.code(test::two_windings(1, base_v, 240.0, full)), {Seat{bus, {B, N}}, Seat{down, {s1, s2}}});
        }
        make.load(down, PhaseSet::split(), kva({9.0, 3.0}, {4.0, 1.0}));
        AcAnswer const ac{make.finish(), wide};
        return std::array{ac.volts(down, Phase::s1), ac.volts(down, Phase::s2), ac.volts(bus, Phase::b)};
    };

    auto const two = solve(false), three = solve(true);

    // Their ends are tied to ground by half a millionth of the rating each, at 240 or at 120 V.
    for (std::size_t i = 0; i < two.size(); ++i) CHECK(std::abs(two[i] - three[i]) < 1e-4);
    CHECK(std::abs(std::arg(two[0] / two[2])) < 0.02);   // s1 in phase with B
    CHECK(std::abs(std::arg(-two[1] / two[2])) < 0.02);  // s2 opposite
}

TEST_CASE("a load that its line cannot serve is named while it moves, and collapses in the end", "[powerflow]") {
    auto [make, source, bus] = start("too much");
    auto const far = make.bus("far", base_v);
    make.line(bus, far, {Phase::a}, {{{1.0, 2.0}}});
    make.load(bus, PhaseSet::abc(), kva({10.0, 0.0}, {10.0, 0.0}, {10.0, 0.0}));
    Complex const load{900e3, 300e3};
    make.load(far, {Phase::a}, {load, {}, {}});
    auto const feeder = make.finish();

    AcAnswer const given_up{feeder, {.load_limits = LoadLimits::wide, .max_iterations = 5}};
    AcAnswer const collapsed{feeder, wide};

    CHECK(given_up.outcome().status == Status::diverged);
    CHECK(powerflow::exit_code(given_up.outcome().status) == core::ExitCode::not_converged);
    CHECK(given_up.outcome().mismatch_node == "far.A");
    CHECK(given_up.outcome().mismatch_kva > 1.0);
    // Below half of its voltage it is the impedance it was there: a voltage divider.
    CHECK(collapsed.outcome().status == Status::converged);
    Complex const ohm = 0.25 * base_v * base_v / std::conj(load);
    Complex const expected = collapsed.volts(bus, Phase::a) * ohm / (ohm + Complex{1.0, 2.0});
    CHECK(std::abs(collapsed.volts(far, Phase::a) - expected) < 1e-9 * base_v);
    CHECK(std::abs(expected) < 0.4 * base_v);
}

TEST_CASE("five and twenty times the load still has an answer", "[powerflow]") {
    auto const seed = GENERATE(range(0U, 30U));
    auto const times = GENERATE(5.0, 20.0);
    auto feeder = test::random_ac_feeder({.seed = seed, .branches = 20});
    scale(feeder, times, 1.0);

    AcAnswer const ac{feeder, wide};

    CAPTURE(seed, times);
    CHECK(ac.outcome().status == Status::converged);
    CHECK(ac.outcome().mismatch_kva < 1e-3);
}

TEST_CASE("a clock that no coil can have is refused by name", "[powerflow]") {
    auto [make, source, bus] = start("clock");
    auto const down = make.bus("down", base_v);
    auto code = test::two_windings(3, 4160.0, 4160.0, {0.2, 0.9});
    code.winding[0].connection = Connection::delta;
    code.winding[1].clock = 2;
    make.unit(make.code(code), {Seat{bus, {A, B, C}}, Seat{down, {A, B, C, N}}}, "odd one");

    CHECK_THROWS_WITH((AcAnswer{make.finish(), wide}), Catch::Contains("odd one") && Catch::Contains("clock 2"));
}

TEST_CASE("setpoints of active and reactive power are injected as if the file said so", "[powerflow]") {
    auto const with_pv = [](test::PerPhaseComplex const& single, test::PerPhaseComplex const& uneven,
                            test::PerPhaseComplex const& between, test::PerPhaseComplex const& left_alone) {
        auto [make, source, bus] = start("setpoints");
        make.load(bus, {Phase::a, Phase::b, Phase::c}, kva({200.0, 80.0}, {150.0, 60.0}, {220.0, 90.0}));
        make.pv(bus, {Phase::b}, single);
        make.pv(bus, {Phase::a, Phase::b, Phase::c}, uneven);
        make.pv(bus, {Phase::a}, between, Connection::delta);
        make.pv(bus, {Phase::c}, left_alone);
        return std::pair{make.finish(), bus};
    };
    auto const [filed, bus] = with_pv(kva({}, {90.0, 10.0}), kva({60.0, 5.0}, {40.0, 5.0}, {20.0, 5.0}),
                                      kva({50.0, 0.0}), kva({}, {}, {30.0, 7.0}));
    // 40 % less and 24 kvar drawn; 25 % less and 36 kvar injected on the phases as the power is; 10 % less; 50 % less, and as filed.
    auto const [told, same_bus] = with_pv(kva({}, {54.0, -24.0}), kva({45.0, 18.0}, {30.0, 12.0}, {15.0, 6.0}),
                                          kva({45.0, 9.0}), kva({}, {}, {15.0, 7.0}));
    AcAnswer ac{filed, wide};
    double const pu = wide.per_unit.base_va;

    ac.flow().curtail(std::vector{0.4, 0.25, 0.1, 0.5},
                      std::vector{-24e3 / pu, 36e3 / pu, 9e3 / pu, std::numeric_limits<double>::quiet_NaN()});

    REQUIRE(ac.flow().solve().status == Status::converged);
    AcAnswer const expected{told, wide};
    for (Phase p : {Phase::a, Phase::b, Phase::c})
        CHECK(std::abs(ac.volts(bus, p) - expected.volts(same_bus, p)) < 1e-9 * base_v);
}
