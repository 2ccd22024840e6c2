/// OpenDSS scripts: the language, and what each class becomes. Voltages of whole feeders are compared with OpenDSS in
/// unit/powerflow/test_opendss_scripts.cpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "dec/core/error.hpp"
#include "dec/io/catalogue.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;
using namespace dec::feeder;
using test::TemporaryFolder;

namespace {

constexpr double mile_m = 1609.344;
double const sqrt3 = std::sqrt(3.0);

void write(std::string const& path, std::string const& text) {
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
    std::ofstream{path} << text;
}

/// A circuit of 12.47 kV with what is added to it.
io::ReadFeeder read(std::string const& body, TemporaryFolder const& folder = TemporaryFolder{}) {
    write(folder / "master.dss", "Clear\nNew Circuit.test basekv=12.47 r1=0 x1=1 r0=0 x0=1\n" + body);
    return io::read_feeder(folder / "master.dss");
}

template <class Row>
Row const& named(core::Table<Row> const& table, std::string_view name) {
    for (auto id : table.ids())
        if (table.name(id) == name) return table[id];
    throw std::runtime_error{"no " + std::string{name}};
}

std::vector<std::string> findings(std::string const& body, TemporaryFolder const& folder = TemporaryFolder{}) {
    std::vector<std::string> lines;
    try {
        static_cast<void>(read(body, folder));
    } catch (core::InvalidInput const& error) {
        for (auto const& finding : error.findings()) lines.push_back(core::one_line(finding));
    }
    return lines;
}

bool any_has(std::vector<std::string> const& lines, std::string const& part) {
    return std::ranges::any_of(lines, [&](auto const& line) { return line.find(part) != std::string::npos; });
}

/// The whole series impedance of a line between its conductors i and k.
std::complex<double> ohm(Feeder const& f, std::string_view line, std::size_t i = 0, std::size_t k = 0) {
    auto const& row = named(f.lines, line);
    auto const& code = f.line_codes[row.code];
    return std::complex{code.r_ohm[i][k], code.x_ohm[i][k]} * row.length_m;
}

}  // namespace

TEST_CASE("names, cases, abbreviations and positions mean the same", "[io][dss]") {
    auto const plain = read("New Load.a bus1=sourcebus phases=1 kv=7.2 kw=10 pf=0.9\n");
    for (std::string const body :
         {"new LOAD.A BUS1=SourceBus PHASES=1 KV=7.2 KW=10 PF=0.9\n", "New Load.a 1 sourcebus.1 7.2 10 0.9\n",
          "New Load.a ph=1 bus=sourcebus kv = 7.2, kw=10,pf= 0.9 ! a comment\n",
          "New \"Load.a\" phases=(1) bus1=[sourcebus] kv={7.2} kw='10' pf=0.9 // another\n",
          "New Load.a phases=1 bus1=sourcebus\n~ kv=7.2 kw=10\nMore pf=0.9\n",
          "/* New Load.b\nis not read */\nNew object=Load.a bus1=sourcebus phases=1 kv=7.2 kw=10 pf=0.9\n",
          "New Load.a bus1=sourcebus phases=1 kv=7.2 kw=3\nLoad.A.kW=10 pf=0.9\n",
          "New Load.a bus1=sourcebus phases=1 kv=7.2\nEdit load.a kw=10\nBatchEdit Load.^a$ pf=0.9\n",
          "Var @size=10 @angle=0.9\nNew Load.a bus1=sourcebus phases=1 kv=7.2 kw=@size pf=@angle\n",
          "New Load.z bus1=sourcebus phases=1 kv=7.2 kw=10 pf=0.9 enabled=no\nNew Load.a like=z bus1=sourcebus\n",
          "New Load.a bus1=sourcebus phases=1 kv=7.2 kw=10 pf=0.9 enabled=no\nEnable Load.a\n"}) {
        CAPTURE(body);
        CHECK(differences(plain.feeder, read(body).feeder).empty());
    }
}

TEST_CASE("numbers may be expressions in reverse Polish notation", "[io][dss]") {
    auto const kw = [](std::string const& expression) {
        return read("New Load.a bus1=sourcebus phases=1 kv=7.2 kvar=0 kw=" + expression + "\n")
                   .feeder.loads.rows()[0]
                   .p_w[0] /
               1e3;
    };

    CHECK(kw("(8 1000 /)") == Approx(0.008));
    CHECK(kw("[1.051 0.88 0.001 3 * - - 115 12.47 / sqr *]") ==
          Approx((1.051 - (0.88 - 0.003)) * std::pow(115.0 / 12.47, 2)));
    CHECK(kw("\"2 3 ^ 1 + sqrt\"") == Approx(3.0));
    CHECK(kw("(30 sin inv pi * 90 cos + )") == Approx(2.0 * std::numbers::pi));
}

TEST_CASE("an operation that does not exist is named", "[io][dss]") {
    CHECK(any_has(findings("New Load.a bus1=sourcebus kw=(1 2 swap - abs)\n"),
                  "master.dss:3: load.a: kw = \"1 2 swap - abs\""));
}

TEST_CASE("redirected files are found in any case, from the folder of the file that names them", "[io][dss]") {
    TemporaryFolder const folder;
    write(folder / "Parts/Lines.DSS",
          "Redirect Sub\\CODES.dss\nNew Line.l bus1=sourcebus bus2=b linecode=c length=2\n");
    write(folder / "Parts/sub/codes.dss", "New Linecode.c nphases=3 r1=1 x1=2 r0=3 x0=4 units=km\n");
    write(folder / "Parts/bases.csv", "0.1\n0.2\n");
    write(folder / "xy.csv", "b, 3, 4\nSourceBus 1,2\n");

    auto const f = read("Redirect parts/lines.dss\nBuscoords XY.csv\n", folder).feeder;

    CHECK(ohm(f, "l").real() == Approx(2.0 * (3.0 + 2.0 * 1.0) / 3.0));
    CHECK(named(f.lines, "l").length_m == Approx(2000.0));
    CHECK(named(f.buses, "b").x == 3.0);
    CHECK(named(f.buses, "sourcebus").y == 2.0);
}

TEST_CASE("arrays may stand in files", "[io][dss]") {
    TemporaryFolder const folder;
    write(folder / "x.csv", "-0.5\n0\n0.5\n");

    auto const body = [](std::string const& x) {
        return "New CNData.c k=13 DiaStrand=0.0641 Rstrand=14.8722 EpsR=2.3 Ins=0.220 DiaIns=1.06 DiaCable=1.29 "
               "Rac=0.41 "
               "GMRac=0.2052 diam=0.567 Runits=mi Radunits=in gmrunits=in GmrStrand=0.02496\n"
               "New LineSpacing.s nconds=3 nphases=3 units=ft x=" +
               x +
               " h=[-4 -4 -4]\n"
               "New Line.l bus1=sourcebus bus2=b spacing=s cncables=[c c c] length=1 units=km\n";
    };

    CHECK(differences(read(body("[-0.5 0 0.5]"), folder).feeder, read(body("[file=x.csv]"), folder).feeder).empty());
}

TEST_CASE("lengths and impedances of lines are converted as OpenDSS does it", "[io][dss]") {
    auto const f = read(
                       "New Linecode.c nphases=1 rmatrix=2 xmatrix=3 cmatrix=0 units=mi\n"
                       "New Linecode.bare nphases=1 rmatrix=2 xmatrix=3 cmatrix=0\n"
                       "New Line.both bus1=sourcebus.1 bus2=a.1 linecode=c length=5280 units=ft\n"
                       "New Line.codes bus1=sourcebus.1 bus2=b.1 linecode=c length=2\n"
                       "New Line.lines bus1=sourcebus.1 bus2=c.1 linecode=bare length=2 units=km\n"
                       "New Line.none bus1=sourcebus.1 bus2=d.1 linecode=bare length=2\n"
                       "New Line.own bus1=sourcebus.1 bus2=e.1 phases=1 units=km length=2 rmatrix=2 xmatrix=3\n")
                       .feeder;

    CHECK(std::abs(ohm(f, "both") - std::complex{2.0, 3.0}) < 1e-9);
    CHECK(named(f.lines, "both").length_m == Approx(mile_m));
    for (auto const* name : {"codes", "lines", "none", "own"}) {
        CAPTURE(name);
        CHECK(std::abs(ohm(f, name) - std::complex{4.0, 6.0}) < 1e-9);
    }
    CHECK(named(f.lines, "codes").length_m == Approx(2.0 * mile_m));
    CHECK(named(f.lines, "lines").length_m == Approx(2000.0));
    CHECK(named(f.lines, "own").length_m == Approx(2000.0));
}

TEST_CASE("a switch keeps its sequence values against matrices that follow", "[io][dss]") {
    auto const f = read(
                       "New Line.plain bus1=sourcebus bus2=a switch=y\n"
                       "New Line.said bus1=sourcebus bus2=b switch=y r1=2 x1=0 r0=5 x0=0\n"
                       "New Line.matrix phases=1 bus1=sourcebus.1 bus2=c.1 switch=y rmatrix=(1e-4) xmatrix=(0)\n"
                       "New Line.coupled bus1=sourcebus.2 bus2=d.2 switch=y\n"
                       "New Fuse.f monitoredobj=Line.said ratedcurrent=100\n"
                       "Open Line.plain term=2\n")
                       .feeder;

    CHECK(named(f.switches, "plain").r_ohm == Approx(1e-3));
    CHECK(named(f.switches, "plain").closed.empty());
    CHECK(named(f.switches, "said").r_ohm == Approx(2e-3));
    CHECK(named(f.switches, "said").r0_ohm == Approx(5e-3));
    CHECK(named(f.switches, "said").kind == Switch::Kind::fuse);
    CHECK(named(f.switches, "said").rated_a == 100.0);
    CHECK(named(f.switches, "matrix").r_ohm == Approx(1e-3));
    CHECK(named(f.switches, "matrix").x_ohm == Approx(1e-3));
    // three phases on nodes 2, 2, 3: two conductors on phase B, and one of C, which is fed as well
    CHECK(named(f.switches, "coupled").phases == PhaseSet{Phase::b, Phase::c});
}

TEST_CASE("conductors between the same nodes are in parallel, and those that nothing feeds are left out", "[io][dss]") {
    auto const read_it = read(
        "New Line.feed phases=1 bus1=sourcebus.2 bus2=a.2 r1=1 x1=1 r0=1 x0=1 c1=0 c0=0\n"
        "New Line.twice bus1=a.2 bus2=b.2 switch=y\n");

    auto const& row = named(read_it.feeder.switches, "twice");
    CHECK(row.phases == PhaseSet{Phase::b});
    CHECK(row.closed == PhaseSet{Phase::b});
    auto const warnings = read_it.report.warnings();
    CHECK(any_has(warnings, "parallel conductors of line.twice, master.dss:4"));
    CHECK(any_has(warnings, "dead conductors"));
}

TEST_CASE("the low voltage lags the high voltage by 30 degrees unless it is said to lead", "[io][dss]") {
    auto const clock = [](std::string const& what) {
        auto const f = read("New Transformer.t " + what + "\n").feeder;
        return static_cast<int>(f.transformer_codes.rows()[0].winding[1].clock);
    };

    CHECK(clock("buses=[sourcebus low] conns=[delta wye] kvs=[12.47 0.48]") == 1);
    CHECK(clock("buses=[sourcebus low] conns=[wye delta] kvs=[12.47 0.48]") == 1);
    CHECK(clock("buses=[low sourcebus] conns=[wye delta] kvs=[0.48 12.47]") == 11);
    CHECK(clock("buses=[sourcebus low] conns=[delta wye] kvs=[12.47 0.48] leadlag=lead") == 11);
    CHECK(clock("buses=[sourcebus low] conns=[delta delta] kvs=[12.47 0.48]") == 0);
    CHECK(clock("buses=[sourcebus low] conns=[wye wye] kvs=[12.47 0.48]") == 0);
}

TEST_CASE("impedances of transformers are per cent of the first winding's rating", "[io][dss]") {
    auto const f =
        read(
            "New XfmrCode.ct phases=1 windings=3 kvs=[7.2 0.12 0.12] kvas=[10 10 10] %rs=[0.6 1.2 1.2] xhl=2 "
            "xht=2.5 xlt=1.5 %noloadloss=0.2 %imag=0.5\n"
            "New Transformer.a xfmrcode=ct buses=[sourcebus.2 house.1.0 house.0.2]\n"
            "New Transformer.b xfmrcode=ct buses=[sourcebus.3 other.1.0 other.0.2]\n"
            "New Transformer.reg phases=1 buses=[sourcebus.1 out.1] kvs=[7.2 7.2] kvas=[500 500] xhl=1 "
            "%loadloss=0.1 wdg=2 tap=1.0375\n"
            "New RegControl.reg transformer=reg winding=2 vreg=122 band=2 ptratio=60 ctprim=100 R=3 X=9\n")
            .feeder;

    auto const& unit = named(f.transformers, "a");
    auto const& code = f.transformer_codes[unit.code];
    CHECK(unit.code == named(f.transformers, "b").code);
    double const base = 7200.0 * 7200.0 / 10e3;
    CHECK(code.short_circuit[0].r_ohm == Approx(0.018 * base));
    CHECK(code.short_circuit[0].x_ohm == Approx(0.02 * base));
    CHECK(code.short_circuit[1].x_ohm == Approx(0.025 * base));
    CHECK(code.short_circuit[2].x_ohm == Approx(0.015 * 120.0 * 120.0 / 10e3));
    CHECK(code.no_load_w == Approx(20.0));
    CHECK(code.no_load_var == Approx(50.0));
    CHECK(unit.winding[1].conductors[0] == Conductor::s1);
    CHECK(unit.winding[2].conductors[1] == Conductor::s2);
    auto const& tap = f.tap_changers.rows()[0];
    CHECK(tap.step == 6.0);
    CHECK(tap.ratio() == Approx(1.0375));
    CHECK(tap.control.target == 122.0);
    CHECK(tap.control.line_drop_compensation);
    CHECK(tap.control.monitored_phase == Phase::a);
}

TEST_CASE("a neutral at a node of its own is grounded through what is between it and ground", "[io][dss]") {
    auto const f = read(
                       "New Transformer.by_rneut buses=[sourcebus a.1.2.3.4] kvs=[12.47 0.48] wdg=2 rneut=1 xneut=2\n"
                       "New Transformer.by_reactor buses=[sourcebus b.1.2.3.4] kvs=[12.47 0.48]\n"
                       "New Reactor.n phases=1 bus1=b.4 r=3 x=4\n"
                       "New Transformer.free buses=[sourcebus c.1.2.3.4] kvs=[12.47 0.48]\n")
                       .feeder;

    CHECK(named(f.transformers, "by_rneut").winding[1].ground_r_ohm == 1.0);
    CHECK(named(f.transformers, "by_reactor").winding[1].ground_x_ohm == 4.0);
    CHECK_FALSE(named(f.transformers, "free").winding[1].grounded);
    CHECK(named(f.transformers, "free").winding[1].conductors[3] == Conductor::none);
    CHECK(named(f.transformers, "free").winding[0].grounded);
}

TEST_CASE("of the ways to say what a load draws the last one counts", "[io][dss]") {
    auto const load = [](std::string const& what) {
        return read("New Load.a bus1=sourcebus phases=1 kv=7.2 " + what + "\n").feeder.loads.rows()[0];
    };
    auto const kva = [&](std::string const& what) {
        auto const row = load(what);
        return std::complex{row.p_w[0], row.q_var[0]} / 1e3;
    };

    CHECK(std::abs(kva("kw=8 pf=0.8") - std::complex{8.0, 6.0}) < 1e-9);
    CHECK(std::abs(kva("kw=8 pf=-0.8") - std::complex{8.0, -6.0}) < 1e-9);
    CHECK(std::abs(kva("kw=8 kvar=3 pf=0.8") - std::complex{8.0, 3.0}) < 1e-9);
    CHECK(std::abs(kva("pf=0.8 kva=10") - std::complex{8.0, 6.0}) < 1e-9);
    CHECK(std::abs(kva("kw=1 pf=0.8 xfkva=20 allocationfactor=0.25") - std::complex{4.0, 3.0}) < 1e-9);
    CHECK(std::abs(kva("pf=0.8 kwh=720 kwhdays=30 cfactor=4") - std::complex{4.0, 3.0}) < 1e-9);
    CHECK(std::abs(kva("kw=8 pf=0.8\nset loadmult=0.5") - std::complex{4.0, 3.0}) < 1e-9);
    CHECK(std::abs(kva("kw=8 pf=0.8 status=fixed\nset loadmult=0.5") - std::complex{8.0, 6.0}) < 1e-9);
    auto const row = load("kw=1 vminpu=0.88 model=4 cvrwatts=0.8 cvrvars=3");
    CHECK(row.low_pu == 0.88);
    CHECK(row.high_pu == 1.05);
    CHECK(row.nominal_v == 7200.0);
}

TEST_CASE("loads sit on phases, between phases and between legs", "[io][dss]") {
    auto const f =
        read(
            "New Transformer.t phases=1 windings=3 buses=[sourcebus.1 house.1.0 house.0.2] kvs=[7.2 .12 .12]\n"
            "New Line.drop phases=2 bus1=house.1.2 bus2=kitchen.1.2 r1=1 x1=1 r0=1 x0=1\n"
            "New Load.three bus1=sourcebus kv=12.47 kw=3 kvar=0\n"
            "New Load.delta bus1=sourcebus.3.1 phases=1 conn=delta kv=12.47 kw=3 kvar=0\n"
            "New Load.range bus1=kitchen.1.2 phases=1 kv=0.24 kw=3 kvar=0\n"
            "New Load.both bus1=kitchen.1.2 phases=2 kv=0.208 kw=3 kvar=0\n")
            .feeder;

    CHECK(named(f.loads, "three").p_w == PerPhase{1000.0, 1000.0, 1000.0});
    CHECK(named(f.loads, "three").nominal_v == Approx(12470.0 / sqrt3));
    CHECK(named(f.loads, "delta").connection == Connection::delta);
    CHECK(named(f.loads, "delta").phases == PhaseSet{Phase::c});
    CHECK(named(f.loads, "range").connection == Connection::delta);
    CHECK(named(f.loads, "range").phases == PhaseSet{Phase::s1});
    CHECK(named(f.loads, "both").phases == PhaseSet::split());
    CHECK(named(f.loads, "both").p_w == PerPhase{1500.0, 1500.0, 0.0});
    CHECK(named(f.buses, "kitchen").phases == PhaseSet::split());
}

TEST_CASE("inverters deliver what their panel, curves, rating and state allow", "[io][dss]") {
    auto const f =
        read(
            "New XYCurve.eff npts=2 xarray=[0 1] yarray=[0.9 1.0]\n"
            "New XYCurve.hot npts=2 xarray=[25 75] yarray=[1.0 0.6]\n"
            "New PVSystem.plain bus1=sourcebus kv=12.47 kva=100 pmpp=80 irradiance=0.5 pf=0.8\n"
            "New PVSystem.curves bus1=sourcebus kv=12.47 kva=100 pmpp=100 pf=1 effcurve=eff p-tcurve=hot "
            "temperature=50\n"
            "New PVSystem.full bus1=sourcebus kv=12.47 kva=100 pmpp=100 kvar=60\n"
            "New PVSystem.dusk bus1=sourcebus kv=12.47 kva=100 pmpp=100 irradiance=0.1\n"
            "New Storage.out bus1=sourcebus kv=12.47 kwrated=50 kwhrated=100 kwhstored=60 state=discharging\n"
            "New Storage.in bus1=sourcebus kv=12.47 kwrated=50 kwhrated=100 kwhstored=60 state=charge %charge=40\n"
            "New Storage.full bus1=sourcebus kv=12.47 kwrated=50 kwhrated=100 state=charging\n")
            .feeder;
    auto const kva = [](Inverter const& inverter) {
        std::complex<double> sum;
        for (std::size_t i = 0; i < 3; ++i) sum += std::complex{inverter.p_w[i], inverter.q_var[i]} / 1e3;
        return sum;
    };
    auto const pv = [&](char const* name) { return kva(named(f.pv_systems, name).inverter); };
    auto const battery = [&](char const* name) { return kva(named(f.batteries, name).inverter).real(); };

    CHECK(std::abs(pv("plain") - std::complex{40.0, 30.0}) < 1e-9);
    CHECK(std::abs(pv("curves") - 80.0 * (0.9 + 0.1 * 0.8)) < 1e-9);
    CHECK(std::abs(pv("full") - std::complex{80.0, 60.0}) < 1e-9);  // the inverter's rating leaves room for 80 kW
    CHECK(std::abs(pv("dusk")) == 0.0);                             // below 20 % of its rating it is off
    CHECK(battery("out") == Approx(50.0));
    CHECK(battery("in") == Approx(-20.0));
    CHECK(battery("full") == Approx(-0.5));  // full: it only idles
    CHECK(named(f.batteries, "full").state == Battery::State::full);
}

TEST_CASE("capacitors and reactors are shunts at one bus and in series between two", "[io][dss]") {
    auto const f = read(
                       "New Capacitor.wye bus1=sourcebus kv=12.47 kvar=600 numsteps=3 states=[1 0 1]\n"
                       "New Capacitor.delta bus1=sourcebus conn=delta kv=12.47 kvar=600\n"
                       "New Reactor.series bus1=sourcebus bus2=a r=1 x=(2 3 *)\n"
                       "New Reactor.shunt bus1=a kv=12.47 kvar=300\n")
                       .feeder;

    auto const& wye = named(f.capacitors, "wye");
    CHECK(wye.sections == PerPhase{2.0, 2.0, 2.0});
    CHECK(wye.b_per_section_s[0] == Approx(200e3 / (12470.0 * 12470.0)));
    CHECK(named(f.capacitors, "delta").b_per_section_s[0] == Approx(600e3 / (12470.0 * 12470.0)));
    CHECK(named(f.capacitors, "shunt").b_per_section_s[0] == Approx(-300e3 / (12470.0 * 12470.0)));
    CHECK(named(f.series_compensators, "series").x_ohm == 6.0);
    CHECK(named(f.series_compensators, "series").r0_ohm == 1.0);
}

TEST_CASE("the impedance of a source gives back the short-circuit currents it was said to have", "[io][dss]") {
    TemporaryFolder const folder;
    write(folder / "master.dss",
          "New Circuit.test basekv=115 pu=1.02 angle=30 mvasc3=20000 mvasc1=21000 x1r1=5 x0r0=2\n");

    auto const row = io::read_feeder(folder / "master.dss").feeder.sources.rows()[0];

    std::complex<double> const z1{row.r_ohm, row.x_ohm}, z0{row.r0_ohm, row.x0_ohm};
    double const volts = 115e3 / sqrt3;
    CHECK(3.0 * volts * volts / std::abs(z1) == Approx(20000e6));
    CHECK(3.0 * volts / std::abs(2.0 * z1 + z0) == Approx(21000e6 / (sqrt3 * 115e3)));
    CHECK(row.x_ohm / row.r_ohm == Approx(5.0));
    CHECK(row.x0_ohm / row.r0_ohm == Approx(2.0));
    CHECK(row.voltage_v == Approx(1.02 * 115e3));
    CHECK(row.angle_rad == Approx(std::numbers::pi / 6.0));
}

TEST_CASE("base voltages are the nearest of those given, or the transformers' own", "[io][dss]") {
    std::string const network =
        "New Transformer.t phases=1 windings=3 buses=[sourcebus.1 house.1.0 house.0.2] kvs=[7.2 .12 .12]\n"
        "New Transformer.m buses=[sourcebus mill] kvs=[12.47 0.46]\n";
    auto const base = [&](std::string const& commands, char const* bus) {
        return named(read(network + commands).feeder.buses, bus).base_v * sqrt3;
    };

    CHECK(base("set voltagebases=[12.47 0.48 0.208]\ncalcv\n", "house") == Approx(208.0));
    CHECK(base("set voltagebases=[12.47 0.48 0.208]\ncalcv\n", "mill") == Approx(480.0));
    CHECK(base("", "mill") == Approx(460.0));
    CHECK(base("calcv\nsetkvbase mill kvll=0.5\n", "mill") == Approx(500.0));
}

TEST_CASE("what has no meaning is counted, what is unknown is said once with its place", "[io][dss]") {
    auto const read_it = read(
        "New Load.a bus1=sourcebus kw=1 spectrum=x colour=red\n"
        "New Load.b bus1=sourcebus kw=1 colour=green\n"
        "New Windmill.w bus1=sourcebus\n~ kw=5\n"
        "New Monitor.m element=load.a\n~ mode=1\nmonitor.m.mode=2\n"
        "Solve mode=snap\nset maxiterations=20 shade=3\nDance\n");
    auto const& entries = read_it.report.entries();
    auto const warnings = read_it.report.warnings();

    CHECK(entries.at({"load.spectrum", io::Use::ignored}).count == 1);
    CHECK(entries.at({"load.kw", io::Use::read}).count == 2);
    CHECK(entries.at({"monitor", io::Use::ignored}).count >= 1);
    CHECK(entries.at({"command solve", io::Use::ignored}).count == 1);
    CHECK(entries.at({"set maxiterations", io::Use::ignored}).count == 1);
    CHECK(any_has(warnings, "load.colour of load.a, master.dss:3 and 1 more"));
    CHECK(any_has(warnings, "class windmill of windmill.w, master.dss:5"));
    CHECK(any_has(warnings, "set shade of first met, master.dss:11"));
    CHECK(any_has(warnings, "command dance of first met, master.dss:12"));
}

TEST_CASE("what is wrong with a script is said with file, line and object", "[io][dss]") {
    struct Wrong {
        std::string body, said;
    };
    auto const wrong = GENERATE(
        Wrong{"Redirect nowhere.dss\n", "master.dss:3: redirect nowhere.dss: there is no such file"},
        Wrong{"Redirect MASTER.dss\n", "master.dss:3: redirect MASTER.dss: leads back to a file that is being read"},
        Wrong{"New Load.a bus1=sourcebus kw=(8 1000 /\n",
              "master.dss:3: load.a: a bracket or quote is opened and not closed"},
        Wrong{"New Load.a bus1=sourcebus kw=ten\n", "master.dss:3: load.a: kw = \"ten\" is no number"},
        Wrong{"New Load.a bus1=sourcebus pf=0\n", "master.dss:3: load.a: has a power factor of 0"},
        Wrong{"New Load.a bus1=elsewhere\n", "master.dss:3: load.a: no phase leads from the source to bus elsewhere"},
        Wrong{"New Line.l bus1=here bus2=there\nNew Load.a bus1=there\n",
              "master.dss:3: line.l: no phase leads from the source to bus here and 1 more behind it"},
        Wrong{"New Load.a kw=1\n", "master.dss:3: load.a: has no bus"},
        Wrong{"New Load.a bus1=sourcebus.7 phases=1\n", "master.dss:3: load.a: is on no phase"},
        Wrong{"New Line.l bus1=sourcebus bus2=b linecode=c\n", "master.dss:3: line.l: linecode = c is not there"},
        Wrong{"New Line.l bus1=sourcebus\n", "master.dss:3: line.l: has no bus at one of its ends"},
        Wrong{"New Line.l bus1=sourcebus.1.2.3 bus2=b.2.3.1\n", "master.dss:3: line.l: runs from node 1 to node 2"},
        Wrong{"New Line.l phases=1 bus1=sourcebus bus2=b rmatrix=[1 2 | 3 4]\n",
              "rmatrix has more than 1 rows or columns"},
        Wrong{"New Load.a bus1=sourcebus\nNew Load.a bus1=sourcebus\n",
              "master.dss:4: load.a: is defined a second time, first in master.dss:3"},
        Wrong{"Edit Load.a kw=3\n", "master.dss:3: load.a: is changed, and there is no such object"},
        Wrong{"New RegControl.r transformer=t winding=2\n",
              "master.dss:3: regcontrol.r: controls transformer t, which is not there"},
        Wrong{"New Transformer.t windings=9\n", "master.dss:3: transformer.t: has 9 windings"},
        Wrong{"New Transformer.t wdg=3 bus=b\n", "master.dss:3: transformer.t: has no winding 3"},
        Wrong{"New Load.a bus1=sourcebus model=12\n", "master.dss:3: load.a: has model 12"},
        Wrong{"New Circuit.again\n", "master.dss:3: circuit again: is a second circuit"},
        Wrong{"Reduce\n", "master.dss:3: command reduce: would change the circuit"},
        Wrong{"New WireData.w rac=1\nNew LineGeometry.g nconds=1 nphases=1 cond=1 wire=w\nNew Line.l bus1=sourcebus.1 "
              "bus2=b.1 "
              "geometry=g\n",
              "line.l:"});

    auto const said = findings(wrong.body);

    CAPTURE(wrong.body, said);
    CHECK(any_has(said, wrong.said));
}

TEST_CASE("a script without a circuit, and an empty one, are refused", "[io][dss]") {
    TemporaryFolder const folder;
    write(folder / "empty.dss", "");
    write(folder / "loads.dss", "New Load.a bus1=b kw=3\n");

    CHECK_THROWS_AS(io::read_feeder(folder / "empty.dss"), core::InvalidInput);
    CHECK_THROWS_AS(io::read_feeder(folder / "loads.dss"), core::InvalidInput);
    CHECK_THROWS_AS(io::write_feeder(read("").feeder, folder / "out.dss"), core::InvalidInput);
}

TEST_CASE("no text ends in anything but a feeder or findings", "[io][dss]") {
    std::string const script =
        "New Linecode.c nphases=2 rmatrix=[1 | 0.2 1] xmatrix=[2 | 0.3 2] units=km\n"
        "New Line.l bus1=sourcebus.1.2 bus2=b.1.2 linecode=c length=(2 3 *) units=ft\n"
        "~ normamps=10 !comment\nNew Transformer.t phases=1 windings=3 wdg=1 bus=b.1 kv=7.2 "
        "wdg=2 bus=h.1.0 kv=.12 wdg=3 bus=h.0.2 kv=.12\n"
        "New Load.a bus1=h.1.2 phases=2 kv=.208 kw=3 zipv=[1,0,0 1 0 0,0] model=8\n"
        "BatchEdit Load..* vminpu=.9\nset voltagebases=[12.47,.208]\ncalcv\n";
    TemporaryFolder const folder;
    std::uint32_t state = 1;
    auto const draw = [&](std::size_t count) {
        state = state * 1664525U + 1013904223U;
        return static_cast<std::size_t>(state >> 8U) % count;
    };
    std::size_t read_ones = 0;
    for (int round = 0; round < 400; ++round) {
        auto damaged = script;
        for (std::size_t k = 0; k <= draw(3); ++k) {
            auto const at = draw(damaged.size());
            switch (draw(3)) {
                case 0: damaged.erase(at, 1 + draw(12)); break;
                case 1: damaged.insert(at, 1, " \n=.|([\"/-!@9\xff"[draw(15)]); break;
                default: damaged[at] = damaged[draw(damaged.size())];
            }
        }
        try {
            static_cast<void>(read(damaged, folder));
            ++read_ones;
        } catch (core::InvalidInput const& error) {
            CHECK_FALSE(error.findings().empty());
        }
    }
    CHECK(read_ones > 20);
    CHECK(read_ones < 400);
}
