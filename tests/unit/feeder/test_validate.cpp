/// What can be wrong in a feeder, each in the smallest feeder that has it, and what must not be taken for wrong.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/core/error.hpp"
#include "dec/feeder/tree.hpp"
#include "support/feeder_maker.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using Catch::Matchers::Contains;
using test::Complex;
using test::FeederMaker;

namespace {

constexpr double base_v = 7200.0;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr auto N = Conductor::neutral;

test::LineImpedance good(std::size_t n) {
    test::LineImpedance z(n, std::vector<Complex>(n, Complex{0.1, 0.3}));
    for (std::size_t i = 0; i < n; ++i) z[i][i] = {0.4, 0.8};
    return z;
}

/// A head with a source and a valid line to `end`, and what a test adds.
struct Small {
    FeederMaker make;
    FeederMaker::BusId head = make.bus("head", base_v), end = make.bus("end", base_v);
    Small() {
        make.source(head);
        line(head, end, {Phase::a, Phase::b, Phase::c}, "main");
    }
    Index<Line> line(FeederMaker::BusId from, FeederMaker::BusId to, std::vector<Phase> const& phases,
                     std::string const& name) {
        return make.line(from, to, phases, good(phases.size()), name);
    }
    FeederMaker::BusId bus(std::string const& name) { return make.bus(name, base_v); }
};

/// "element: problem; remedy" of everything `validate` finds.
std::vector<std::string> findings(FeederMaker const& make) {
    Notes notes;
    auto feeder = make.feeder;
    feeder.derive_bus_phases();
    try {
        static_cast<void>(validate(feeder, notes));
    } catch (core::InvalidInput const& error) {
        std::vector<std::string> all;
        for (auto const& f : error.findings()) all.push_back(f.element + ": " + f.problem + "; " + f.remedy);
        return all;
    }
    return {};
}
void check_one(std::vector<std::string> const& found, std::string const& text) {
    CAPTURE(found);
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Contains(text));
}

std::vector<std::string> warnings(FeederMaker const& make) {
    Notes notes;
    static_cast<void>(validate(make.finish(), notes));
    return notes.warnings;
}

test::Seat between(FeederMaker::BusId bus, Phase m, Phase n) {
    auto const conductor = [](Phase p) { return static_cast<Conductor>(static_cast<int>(p) + 1); };
    return {bus, {conductor(m), conductor(n)}};
}
test::Seat single(FeederMaker::BusId bus, Conductor c) { return {bus, {c, N}}; }
test::Seat three(FeederMaker::BusId bus) { return {bus, {Conductor::a, Conductor::b, Conductor::c, N}}; }

}  // namespace

TEST_CASE("a small feeder and random ones have no findings", "[validate]") {
    CHECK(findings(Small{}.make).empty());
    Notes notes;
    for (unsigned seed = 0; seed < 40; ++seed) CHECK_NOTHROW(validate(test::random_feeder({.seed = seed}), notes));
}

// --- topology --------------------------------------------------------------------------------------------------------

TEST_CASE("a loop is reported with its branches and the switches that would open it", "[validate][loops]") {
    Small small;
    auto const far = small.bus("far");
    small.line(small.end, far, {Phase::a}, "lateral");
    small.make.link(far, small.head, {Phase::a}, true, "tie");

    auto const found = findings(small.make);

    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Contains("closes the loop") && Contains("line main") && Contains("line lateral") &&
                             Contains("switch tie"));
    CHECK_THAT(found[0], Contains("open one of tie"));
}

TEST_CASE("a loop without switches is reported all the same, every loop once", "[validate][loops]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    small.line(small.end, x, {Phase::a}, "one");
    small.line(x, y, {Phase::a}, "two");
    small.line(y, small.end, {Phase::a}, "three");
    small.line(y, small.head, {Phase::a}, "four");

    auto const found = findings(small.make);

    REQUIRE(found.size() == 2);
    for (auto const& f : found) CHECK_THAT(f, Contains("closes the loop") && Contains("remove one of these branches"));
}

TEST_CASE("branches side by side close one loop together", "[validate][loops]") {
    Small small;
    auto const x = small.bus("x");
    small.line(small.end, x, {Phase::a, Phase::b, Phase::c}, "one");
    for (auto [phase, name] : {std::pair{Phase::a, "tie A"}, std::pair{Phase::b, "tie B"}})
        small.line(x, small.head, {phase}, name);

    check_one(findings(small.make), "closes the loop line one, line main, line tie A, line tie B;");
}

TEST_CASE("phases that only the way round a loop does not bring are not missed", "[validate][loops]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y"), z = small.bus("z");
    small.line(small.end, x, {Phase::a}, "one");
    small.line(small.head, y, {Phase::a, Phase::b}, "two");
    small.line(y, x, {Phase::a, Phase::b}, "three");
    small.line(x, z, {Phase::a, Phase::b}, "four");
    small.make.load(z, {Phase::b}, {Complex{}, Complex{1000.0}});
    check_one(findings(small.make), "closes the loop");

    small.make.load(z, {Phase::c}, {Complex{}, Complex{}, Complex{1000.0}});

    auto const found = findings(small.make);
    REQUIRE(found.size() == 2);
    CHECK_THAT(found[1], Contains("needs phase C at bus z; bus z is fed with AB"));
}

TEST_CASE("branches side by side on the same phase are a loop, on phases of their own they are not",
          "[validate][loops]") {
    Small small;
    auto const x = small.bus("x");
    small.line(small.end, x, {Phase::a, Phase::b}, "one");
    auto const second = small.line(small.end, x, {Phase::c}, "two");
    CHECK(findings(small.make).empty());

    small.make.feeder.lines[second].phases[0] = Phase::b;

    check_one(findings(small.make), "line two: closes a loop with line one on phase B");
}

TEST_CASE("an island is reported once, with its size", "[validate]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    small.line(x, y, {Phase::a}, "off the map");
    small.make.load(y, {Phase::a}, {Complex{1e3}});

    check_one(findings(small.make), "bus x: and 1 more are an island");
}

TEST_CASE("what lies behind open switches is a note, with a count and an example", "[validate]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    small.make.link(small.end, x, {Phase::a}, false);
    small.line(x, y, {Phase::a}, "dark");
    small.make.load(y, {Phase::a}, {Complex{1e3}});

    auto const notes = warnings(small.make);

    REQUIRE(notes.size() == 2);
    CHECK_THAT(notes[0], Contains("2 buses are not energised") && Contains("the first is x"));
    CHECK_THAT(notes[1], Contains("1 devices at buses that are not energised"));
}

TEST_CASE("an open tie between two fed buses is no loop", "[validate]") {
    Small small;
    small.make.link(small.head, small.end, PhaseSet::abc(), false);

    CHECK(findings(small.make).empty());
    CHECK(warnings(small.make).empty());
}

TEST_CASE("terminals without a bus and branches onto themselves are reported", "[validate]") {
    Small small;
    small.make.feeder.lines.add({.from = small.head, .to = {}, .code = Index<LineCode>{0}}, "half");
    small.make.feeder.switches.add({.from = small.end, .to = small.end, .phases = {Phase::a}, .closed = {Phase::a}},
                                   "self");
    small.make.load({}, {Phase::a}, {Complex{1e3}});
    small.make.pv({}, {Phase::a}, {Complex{1e3}});
    small.make.capacitor(small.end, {Phase::a}, 1e-3);
    small.make.feeder.capacitors.rows()[0].bus = {};
    small.make.feeder.machines.add({}, "adrift");
    small.make.unit(small.make.code(test::two_windings(1, base_v, 240.0, {1.0, 1.0})),
                    {single(small.end, Conductor::a)}, "half a unit");

    auto const found = findings(small.make);

    auto const all = [&] {
        std::string text;
        for (auto const& f : found) text += f + "\n";
        return text;
    }();
    CHECK_THAT(all, Contains("line half: has no bus at one of its ends"));
    CHECK_THAT(all, Contains("switch self: both ends are at the same bus"));
    CHECK_THAT(all, Contains("load load 0: is connected to no bus"));
    CHECK_THAT(all, Contains("pv pv 0: is connected to no bus"));
    CHECK_THAT(all, Contains("capacitor capacitor 0: is connected to no bus"));
    CHECK_THAT(all, Contains("machine adrift: is connected to no bus"));
    CHECK_THAT(all, Contains("transformer half a unit: winding 2 is connected to no bus"));
}

TEST_CASE("a feeder has one source with a voltage", "[validate]") {
    FeederMaker none;
    none.bus("alone", base_v);
    check_one(findings(none), "source: the feeder has none");

    Small two;
    two.make.source(two.end);
    CHECK_THAT(findings(two.make).at(0), Contains("source"));

    Small wrong;
    wrong.make.feeder.sources.rows()[0].voltage_v = 0.0;
    check_one(findings(wrong.make), "must be positive");
    wrong.make.feeder.sources.rows()[0].voltage_v = 12470.0;
    wrong.make.feeder.sources.rows()[0].r_ohm = -1.0;
    check_one(findings(wrong.make), "its resistance is negative");
}

// --- phases ----------------------------------------------------------------------------------------------------------

TEST_CASE("a branch on a phase that does not arrive is reported where it is first missing, and nowhere else",
          "[validate][phases]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y"), z = small.bus("z");
    small.line(small.end, x, {Phase::a, Phase::b}, "two phases");
    small.line(x, y, {Phase::a, Phase::b, Phase::c}, "three again");
    small.line(y, z, {Phase::c, Phase::b}, "further down");

    check_one(findings(small.make), "line three again: needs phase C at bus x; bus x is fed with AB");
}

TEST_CASE("a branch of which no phase arrives is reported, not taken for open", "[validate][phases]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y"), z = small.bus("z");
    small.line(small.end, x, {Phase::a}, "on A");
    small.line(x, y, {Phase::b}, "on B");
    small.line(y, z, {Phase::b}, "further down");

    check_one(findings(small.make), "line on B: needs phase B at bus x; bus x is fed with A");
}

TEST_CASE("the same behind an open switch is reported at the bus", "[validate][phases]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    small.make.link(small.end, x, {Phase::a}, false);
    small.line(x, y, {Phase::b}, "on B");

    check_one(findings(small.make), "bus y: no phase of its branches arrives");
}

TEST_CASE("a phase that an open pole keeps away is no mismatch", "[validate][phases]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    auto const pole = small.make.link(small.end, x, PhaseSet::abc());
    small.make.feeder.switches[pole].closed = {Phase::a};
    small.line(x, y, {Phase::a, Phase::b, Phase::c}, "behind the pole");

    CHECK(findings(small.make).empty());
}

TEST_CASE("a transformer needs all phases of its primary", "[validate][phases]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y");
    small.line(small.end, x, {Phase::a, Phase::b}, "two phases");
    small.make.unit(small.make.code(test::two_windings(3, 12470.0, 12470.0, {1.0, 5.0})), {three(x), three(y)}, "bank");

    check_one(findings(small.make), "transformer bank: needs phase C at bus x");
}

TEST_CASE("devices on phases their bus does not have are reported, one finding each", "[validate][phases]") {
    Small small;
    auto const x = small.bus("x");
    small.line(small.end, x, {Phase::a, Phase::b}, "two phases");
    small.make.load(x, {Phase::c}, {});
    small.make.load(x, {Phase::b}, {}, Connection::delta);  // between B and C
    small.make.load(x, {Phase::a}, {}, Connection::delta);  // between A and B: fine
    small.make.capacitor(x, {Phase::c}, 1e-3);
    small.make.pv(x, {Phase::a, Phase::c}, {});
    small.make.feeder.machines.add({.bus = x}, "machine");
    Battery battery;
    battery.inverter = {.bus = x, .phases = {Phase::c}};
    add_battery(small.make.feeder, battery, "battery", {}, "battery", {});

    auto const found = findings(small.make);

    CAPTURE(found);
    REQUIRE(found.size() == 6);
    for (auto const& f : found) CHECK_THAT(f, Contains("needs phase C at bus x; bus x is fed with AB"));
}

TEST_CASE("a line does not mix primary and secondary, name a phase twice or differ from its code",
          "[validate][phases]") {
    Small mixed;
    mixed.line(mixed.end, mixed.bus("x"), {Phase::a, Phase::s1}, "mixed");
    CHECK_THAT(findings(mixed.make).at(0), Contains("mix primary and secondary"));

    Small twice;
    twice.line(twice.end, twice.bus("x"), {Phase::a, Phase::a}, "twice");
    CHECK_THAT(findings(twice.make).at(0), Contains("names a phase twice"));

    Small other;
    auto const id = other.line(other.end, other.bus("x"), {Phase::a}, "one of three");
    other.make.feeder.lines[id].code = Index<LineCode>{0};
    CHECK(findings(other.make).empty());  // totals of sequence values serve any number of phases
    other.make.feeder.line_codes.rows()[0].form = LineCode::Form::matrix;
    CHECK_THAT(findings(other.make).at(0), Contains("has 1 phases (A) but its line code main has 3 conductors"));
}

// --- impedances and numbers ------------------------------------------------------------------------------------------

TEST_CASE("a line's impedance must be there, not zero, symmetric, passive and a number", "[validate][impedances]") {
    Small small;
    auto& code = small.make.feeder.line_codes.rows()[0];
    SECTION("missing") {
        small.make.feeder.lines.rows()[0].code = {};
        check_one(findings(small.make), "line main: has no impedance");
    }
    SECTION("all zero") {
        code.r_ohm = code.x_ohm = {};
        check_one(findings(small.make), "line main: its impedance is all zero");
    }
    SECTION("unsymmetric resistance") {
        code.r_ohm[0][1] = 0.2;
        check_one(findings(small.make), "r[2][1] = 0.1 and r[1][2] = 0.2 ohm differ");
    }
    SECTION("unsymmetric reactance") {
        code.x_ohm[2][0] = 0.31;
        check_one(findings(small.make), "x[3][1] = 0.31 and x[1][3] = 0.3 ohm differ");
    }
    SECTION("negative resistance") {
        code.r_ohm[1][1] = -0.4;
        check_one(findings(small.make), "r[2][2] = -0.4 ohm is negative");
    }
    SECTION("mutual resistance beyond what is passive") {
        code.r_ohm[0][1] = code.r_ohm[1][0] = 0.41;
        check_one(findings(small.make), "not positive semidefinite");
    }
    SECTION("three mutual resistances of which each alone would pass") {
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t k = 0; k < 3; ++k)
                if (i != k) code.r_ohm[i][k] = -0.25;
        check_one(findings(small.make), "not positive semidefinite");
    }
    SECTION("not a number") {
        code.x_ohm[1][2] = not_a_number;
        check_one(findings(small.make), "an entry of its matrix is not a number");
    }
    SECTION("a length of zero") {
        code.form = LineCode::Form::matrix;
        small.make.feeder.lines.rows()[0].length_m = 0.0;
        check_one(findings(small.make), "length 0 m; must be positive");
    }
    SECTION("rounding is no asymmetry, and a capacitive mutual term is passive") {
        code.r_ohm[0][1] += 1e-9;
        code.x_ohm[0][2] = code.x_ohm[2][0] = -0.1;
        CHECK(findings(small.make).empty());
    }
}

TEST_CASE("a wrong code is reported once, with the line that uses it and how many more", "[validate][impedances]") {
    Small small;
    auto& code = small.make.feeder.line_codes.rows()[0];
    code.form = LineCode::Form::matrix;
    code.r_ohm[0][0] = -1.0;
    for (auto const* name : {"x", "y"}) {
        auto const id = small.line(small.end, small.bus(name), {Phase::a, Phase::b, Phase::c}, name);
        small.make.feeder.lines[id].code = Index<LineCode>{0};
    }

    check_one(findings(small.make), "line code main (of line main and 2 more): r[1][1] = -1 ohm is negative");
}

TEST_CASE("switches may be ideal, series compensators may not", "[validate][impedances]") {
    Small small;
    small.make.link(small.end, small.bus("x"), PhaseSet::abc());
    CHECK(findings(small.make).empty());

    small.make.feeder.series_compensators.add({.from = small.end, .to = small.bus("y")}, "nothing");
    check_one(findings(small.make), "series compensator nothing: its impedance is all zero");
    small.make.feeder.series_compensators.rows()[0].x_ohm = -2.0;
    CHECK(findings(small.make).empty());
    small.make.feeder.series_compensators.rows()[0].r0_ohm = -0.1;
    check_one(findings(small.make), "series compensator nothing: its resistance is negative");
}

TEST_CASE("only regulators may be ideal, also where they share their type with a transformer",
          "[validate][impedances]") {
    bool const regulator_first = GENERATE(false, true);
    Small small;
    auto const code = small.make.code(test::two_windings(1, base_v, base_v, {}));
    auto const add = [&](std::string const& name) {
        return small.make.unit(code, {single(small.end, Conductor::a), single(small.bus(name), Conductor::a)}, name);
    };
    if (!regulator_first) add("plain");
    small.make.tap(add("regulator"), 1, 1.0);
    if (regulator_first) add("plain");

    check_one(findings(small.make), "transformer plain: short-circuit impedance 1-2 is zero");
}

TEST_CASE("a three-winding unit may have a negative star member", "[validate][impedances]") {
    Small small;
    auto const code = small.make.code(
        test::three_windings(3, {12470.0, 4160.0, 480.0}, {Complex{0.1, 4.0}, Complex{0.1, 6.0}, Complex{0.01, 0.05}}));
    small.make.unit(code, {three(small.end), three(small.bus("x")), three(small.bus("y"))});

    CHECK(findings(small.make).empty());
}

TEST_CASE("transformer data must be numbers that mean something", "[validate][impedances]") {
    Small small;
    auto const code = small.make.code(test::two_windings(1, base_v, 2400.0, {1.0, 2.0}));
    auto const unit =
        small.make.unit(code, {single(small.end, Conductor::a), single(small.bus("x"), Conductor::a)}, "unit");
    auto& row = small.make.feeder.transformer_codes[code];
    SECTION("rated voltage") {
        row.winding[1].rated_v = 0.0;
        check_one(findings(small.make), "transformer unit: rated voltage of winding 2 is 0 V");
    }
    SECTION("rating") {
        row.winding[0].rated_va = not_a_number;
        check_one(findings(small.make), "transformer unit: rating of winding 1 is nan VA");
    }
    SECTION("short circuit") {
        row.short_circuit[0].x_ohm = not_a_number;
        check_one(findings(small.make), "transformer unit: short-circuit impedance 1-2 is not a number");
    }
    SECTION("generates power") {
        row.short_circuit[0].r_ohm = -0.5;
        check_one(findings(small.make), "transformer unit: short-circuit resistance 1-2 is -0.5 ohm");
    }
    SECTION("tap") {
        small.make.tap(unit, 1, -0.1);
        check_one(findings(small.make), "must be positive");
    }
    SECTION("type") {
        small.make.feeder.transformers[unit].code = {};
        check_one(findings(small.make), "transformer unit: has no ratings and impedances");
    }
}

TEST_CASE("powers, responses and base voltages must be numbers", "[validate]") {
    Small small;
    small.make.load(small.end, {Phase::a}, {Complex{not_a_number, 0.0}}, Connection::wye,
                    small.make.load_model({.exponential = true, .p_exponent = not_a_number}));
    small.make.capacitor(small.end, {Phase::a}, not_a_number);
    small.make.pv(small.end, {Phase::a}, {Complex{-1.0, 0.0}});
    small.make.feeder.machines.add({.bus = small.end, .p_w = not_a_number}, "machine");
    small.make.feeder.buses[small.end].base_v = 0.0;

    auto const found = findings(small.make);

    CAPTURE(found);
    CHECK(found.size() == 6);
}

TEST_CASE("a name that stands twice in a table is reported once", "[validate]") {
    Small small;
    small.line(small.end, small.bus("x"), {Phase::a}, "main");
    small.line(small.end, small.bus("head"), {Phase::a}, "main");
    small.make.load(small.end, {Phase::a}, {});
    small.make.feeder.loads.add(small.make.feeder.loads.rows()[0], "load 0");

    auto const found = findings(small.make);

    CAPTURE(found);
    REQUIRE(found.size() == 3);
    CHECK_THAT(found[0], Contains("bus head: the name stands 2 times"));
    CHECK_THAT(found[1], Contains("line main: the name stands 3 times"));
    CHECK_THAT(found[2], Contains("load load 0: the name stands 2 times"));
}

// --- transformers side by side ---------------------------------------------------------------------------------------

namespace {

/// Units between `end` and "out", each with both seats.
struct SideBySide {
    Small small;
    FeederMaker::BusId out = small.bus("out");
    Index<TransformerCode> code = small.make.code(test::two_windings(1, 12470.0, 12470.0, {0.1, 1.0}));
    Index<Transformer> tank(Phase m, Phase n, std::string const& name) {
        return small.make.unit(code, {between(small.end, m, n), between(out, m, n)}, name);
    }
    Index<Transformer> wye(Conductor c, std::string const& name) {
        return small.make.unit(code, {single(small.end, c), single(out, c)}, name);
    }
};

}  // namespace

TEST_CASE("open-delta regulators are accepted, with and without a jumper on their common phase", "[validate][banks]") {
    bool const line_as_jumper = GENERATE(false, true);
    SideBySide bank;
    bank.tank(Phase::a, Phase::b, "first");
    bank.tank(Phase::c, Phase::b, "second");
    CHECK(findings(bank.small.make).empty());

    if (line_as_jumper) bank.small.line(bank.small.end, bank.out, {Phase::b}, "jumper");
    else bank.small.make.link(bank.small.end, bank.out, {Phase::b});

    CHECK(findings(bank.small.make).empty());
}

TEST_CASE("a jumper on an outer phase of an open delta, or beside a single regulator, is a loop", "[validate][banks]") {
    SideBySide outer;
    outer.tank(Phase::a, Phase::b, "first");
    outer.tank(Phase::c, Phase::b, "second");
    outer.small.make.link(outer.small.end, outer.out, {Phase::a}, true, "jumper");
    CHECK_THAT(findings(outer.small.make).at(0), Contains("closes a loop with switch jumper on phase A"));

    SideBySide one;
    one.tank(Phase::a, Phase::b, "first");
    one.small.make.link(one.small.end, one.out, {Phase::b}, true, "jumper");
    CHECK_THAT(findings(one.small.make).at(0), Contains("closes a loop with switch jumper on phase B"));

    SideBySide bypass;
    bypass.wye(Conductor::a, "regulator");
    bypass.small.make.link(bypass.small.end, bypass.out, {Phase::a}, true, "bypass");
    CHECK_THAT(findings(bypass.small.make).at(0), Contains("closes a loop with switch bypass on phase A"));
}

TEST_CASE("parallel units on the same phases are accepted, ideal ones and unlike ones are not", "[validate][banks]") {
    SideBySide equal;
    equal.wye(Conductor::a, "first");
    equal.wye(Conductor::a, "second");
    equal.wye(Conductor::b, "alone");
    CHECK(findings(equal.small.make).empty());

    SideBySide ideal;
    ideal.small.make.feeder.transformer_codes[ideal.code].short_circuit[0] = {};
    ideal.small.make.feeder.transformer_codes[ideal.code].short_circuit[0].to = 1;
    ideal.small.make.tap(ideal.wye(Conductor::a, "first"), 1, 1.0);
    ideal.small.make.tap(ideal.wye(Conductor::a, "second"), 1, 1.0);
    check_one(findings(ideal.small.make), "transformer second: stands beside transformer first on phase A");

    SideBySide unlike;
    unlike.wye(Conductor::a, "single");
    unlike.small.make.unit(unlike.small.make.code(test::two_windings(3, 12470.0, 12470.0, {1.0, 5.0})),
                           {three(unlike.small.end), three(unlike.out)}, "bank");
    check_one(findings(unlike.small.make), "transformer bank: stands beside transformer single on phase A");
}

TEST_CASE("parallel three-phase units that turn the voltages by different angles are refused", "[validate][banks]") {
    auto const with = [](std::int8_t first, std::int8_t second) {
        SideBySide bank;
        for (auto const& [clock, name] : {std::pair{first, "first"}, std::pair{second, "second"}}) {
            auto row = test::two_windings(3, 12470.0, 12470.0, {1.0, 5.0});
            row.winding[1].connection = Connection::delta;
            row.winding[1].clock = clock;
            bank.small.make.unit(bank.small.make.code(row), {three(bank.small.end), three(bank.out)}, name);
        }
        return findings(bank.small.make);
    };

    CHECK(with(1, 1).empty());
    CHECK(with(-1, 11).empty());
    check_one(with(1, 11),
              "transformer second: turns the voltages by clock 11, transformer first beside it by clock 1");
}

TEST_CASE("windings of three phases in unlike orders are refused, turned alike they are not",
          "[validate][transformers]") {
    using enum Conductor;
    auto const with = [](std::array<Conductor, 4> const& high, std::array<Conductor, 4> const& low) {
        Small small;
        auto const out = small.make.bus("out", 2400.0);
        small.make.unit(small.make.code(test::two_windings(3, 12470.0, 4160.0, {1.0, 5.0})),
                        {{small.end, high}, {out, low}}, "bank");
        return findings(small.make);
    };

    CHECK(with({a, b, c, N}, {a, b, c, N}).empty());
    CHECK(with({b, c, a}, {b, c, a, N}).empty());
    check_one(with({a, b, c, N}, {b, c, a, N}),
              "transformer bank: winding 2 has its phases in another order than A, B, C");
    check_one(with({a, c, b}, {a, c, b}), "transformer bank: winding 1 has its phases in another order than A, B, C");
}

TEST_CASE("devices to a neutral that a delta does not have are warned of once, with their number",
          "[validate][devices]") {
    Small small;
    auto const out = small.make.bus("out", 2400.0);
    auto row = test::two_windings(3, 12470.0, 4160.0, {1.0, 5.0});
    row.winding[1].connection = Connection::delta;
    row.winding[1].clock = 1;
    small.make.unit(small.make.code(row), {three(small.end), three(out)}, "bank");
    small.make.load(out, PhaseSet::abc(), {Complex{1e3, 0.0}, Complex{1e3, 0.0}, Complex{1e3, 0.0}}, Connection::delta);
    small.make.load(small.end, {Phase::a}, {Complex{1e3, 0.0}});
    CHECK(warnings(small.make).empty());

    small.make.load(out, {Phase::a}, {Complex{1e3, 0.0}});
    small.make.capacitor(out, PhaseSet::abc(), 1e-3);

    auto const said = warnings(small.make);
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], Contains("2 devices are connected to neutral behind a delta winding") && Contains("load "));
}

TEST_CASE("names and mRIDs that no table of results could hold are refused, shortened", "[validate][names]") {
    Small small;
    small.bus(std::string(255, 'x'));
    auto const longest = findings(small.make);
    small.line(small.end, small.bus(std::string(256, 'y')), {Phase::a}, std::string(100000, 'z'));

    auto const found = findings(small.make);

    CHECK(std::ranges::none_of(longest, [](auto const& f) { return f.find("bytes") != std::string::npos; }));
    auto const about_length = std::ranges::count_if(
        found, [](auto const& f) { return f.find("; give it one of at most 255") != std::string::npos; });
    CHECK(about_length == 2);
    for (auto const& f : found)
        if (f.find("its name has") != std::string::npos) CHECK(f.size() < 200);
}

TEST_CASE("a closed delta of single-phase units is refused by name", "[validate][banks]") {
    SideBySide closed;
    closed.tank(Phase::a, Phase::b, "first");
    closed.tank(Phase::b, Phase::c, "second");
    closed.tank(Phase::c, Phase::a, "third");

    auto const found = findings(closed.small.make);

    REQUIRE_FALSE(found.empty());
    for (auto const& f : found)
        CHECK_THAT(
            f, Contains("stands beside transformer") && Contains("give a closed bank as one three-phase transformer"));
}

TEST_CASE("a service transformer fed from its secondary is reported", "[validate]") {
    FeederMaker make;
    auto const head = make.bus("head", base_v), pole = make.bus("pole", base_v), drum = make.bus("drum", 120.0),
               other = make.bus("other", base_v);
    make.source(head);
    make.line(head, pole, {Phase::a, Phase::b, Phase::c}, good(3));
    auto const code = make.code(test::three_windings(1, {base_v, 120.0, 120.0},
                                                     {Complex{10.0, 20.0}, Complex{10.0, 20.0}, Complex{0.01, 0.01}}));
    for (auto const& [bus, name] : {std::pair{pole, "down"}, std::pair{other, "up"}})
        make.unit(code, {single(bus, Conductor::a), {drum, {Conductor::s1, N}}, {drum, {N, Conductor::s2}}}, name);

    check_one(findings(make), "transformer up: is fed from its secondary");
}

TEST_CASE("a loop through the secondaries of two service transformers is a loop and nothing more",
          "[validate][loops]") {
    FeederMaker make;
    auto const head = make.bus("head", base_v), pole = make.bus("pole", base_v), drum = make.bus("drum", 120.0),
               way = make.bus("way", base_v), other = make.bus("other", base_v);
    make.source(head);
    make.line(head, pole, {Phase::a, Phase::b, Phase::c}, good(3));
    make.line(head, way, {Phase::a, Phase::b, Phase::c}, good(3));
    make.line(way, other, {Phase::a, Phase::b, Phase::c}, good(3));
    auto const code = make.code(test::three_windings(1, {base_v, 120.0, 120.0},
                                                     {Complex{10.0, 20.0}, Complex{10.0, 20.0}, Complex{0.01, 0.01}}));
    for (auto const& [bus, name] : {std::pair{pole, "down"}, std::pair{other, "up"}})
        make.unit(code, {single(bus, Conductor::a), {drum, {Conductor::s1, N}}, {drum, {N, Conductor::s2}}}, name);
    make.load(other, {Phase::b}, {Complex{}, Complex{1000.0}});

    check_one(findings(make), "closes the loop");
}

// --- all at once -----------------------------------------------------------------------------------------------------

TEST_CASE("everything that is wrong is collected and thrown once", "[validate]") {
    Small small;
    auto const x = small.bus("x"), y = small.bus("y"), z = small.bus("x");
    small.line(small.end, x, {Phase::a}, "lateral");
    small.make.link(x, small.head, {Phase::a}, true, "tie");
    small.line(y, z, {Phase::a}, "island");
    small.line(x, small.bus("w"), {Phase::b}, "on B");
    auto const bad = small.line(small.end, small.bus("v"), {Phase::a}, "negative");
    small.make.feeder.line_codes[small.make.feeder.lines[bad].code].r_ohm[0][0] = -1.0;
    small.make.load(x, {Phase::c}, {Complex{not_a_number}});

    auto const found = findings(small.make);

    CAPTURE(found);
    auto const mentions = [&](std::string const& text) {
        return std::ranges::any_of(found, [&](auto const& f) { return f.find(text) != std::string::npos; });
    };
    CHECK(found.size() == 7);
    CHECK(mentions("closes the loop"));
    CHECK(mentions("island"));
    CHECK(mentions("line on B: needs phase B at bus x"));
    CHECK(mentions("r[1][1] = -1 ohm is negative"));
    CHECK(mentions("needs phase C at bus x"));
    CHECK(mentions("its power is not a number"));
    CHECK(mentions("bus x: the name stands 2 times"));
}
