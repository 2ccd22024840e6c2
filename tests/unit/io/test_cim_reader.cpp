/// What each subject of a CIM100 file becomes, on a small made-up feeder; see small_cim.cpp.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/core/error.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/cim.hpp"
#include "small_cim.hpp"

namespace {

using namespace dec;
using feeder::Conductor;
using feeder::Connection;
using feeder::Phase;
using feeder::PhaseSet;

io::ReadFeeder read(test::CimModel const& model) { return io::parse_cim_xml(model.xml(), "small.xml"); }
feeder::Feeder small_feeder() { return read(test::small_model()).feeder; }

template <class Row>
typename core::Table<Row>::Id find(core::Table<Row> const& table, std::string_view name) {
    for (auto id : table.ids())
        if (table.name(id) == name) return id;
    FAIL("no row named " << name);
    return {};
}

template <class Row>
Row const& row(core::Table<Row> const& table, std::string_view name) {
    return table[find(table, name)];
}

std::int64_t count(io::Report const& report, std::string const& what, io::Use use) {
    auto const found = report.entries().find({what, use});
    return found == report.entries().end() ? 0 : found->second.count;
}

}  // namespace

TEST_CASE("the small model is a valid feeder", "[io][cim]") {
    feeder::Notes notes;

    auto const f = small_feeder();

    CHECK_NOTHROW(feeder::validate(f, notes));
    CHECK(f.heading.name == "feeder");
    CHECK(f.heading.substation == "substation");
    CHECK(f.heading.subregion_mrid == "subregion");
    CHECK(f.heading.region == "region");
    CHECK(f.heading.origin == "small.xml");
}

TEST_CASE("a bus's base voltage is the nominal voltage of what is attached, to neutral", "[io][cim]") {
    auto const f = small_feeder();

    CHECK(row(f.buses, "hv").base_v == Approx(115000.0 / std::sqrt(3.0)).epsilon(1e-14));
    CHECK(row(f.buses, "feed").base_v == Approx(4160.0 / std::sqrt(3.0)).epsilon(1e-14));
    CHECK(row(f.buses, "house").base_v == Approx(208.0 / std::sqrt(3.0)).epsilon(1e-14));
}

TEST_CASE("a bus's phases are those of all that is attached", "[io][cim]") {
    auto const f = small_feeder();

    CHECK(row(f.buses, "n2").phases == PhaseSet{Phase::b, Phase::c});
    CHECK(row(f.buses, "n4").phases == PhaseSet{Phase::a});
    CHECK(row(f.buses, "house").phases == PhaseSet::split());
    CHECK(row(f.buses, "n7").phases == PhaseSet::abc());
}

TEST_CASE("row i of a line's matrix belongs to the phase with sequence number i", "[io][cim]") {
    auto const f = small_feeder();

    auto const& line = row(f.lines, "l2");
    auto const z = feeder::line_matrices(f, find(f.lines, "l2"));

    CHECK(line.phases[0] == Phase::c);
    CHECK(line.phases[1] == Phase::b);
    CHECK(line.conductors == 2);
    CHECK(z.r_ohm[2][2] == Approx(0.1));  // row 1 of the code is phase C
    CHECK(z.r_ohm[1][1] == Approx(0.2));
    CHECK(z.r_ohm[1][2] == Approx(0.05));
    CHECK(z.r_ohm[2][1] == Approx(0.05));  // stored once, mirrored
    CHECK(z.x_ohm[2][2] == Approx(0.2));
    CHECK(z.b_s[1][2] == Approx(-1e-7));
    CHECK(z.r_ohm[0][0] == 0.0);
}

TEST_CASE("sequence impedances become a phase matrix, per metre or for the whole line", "[io][cim]") {
    auto const f = small_feeder();

    auto const by_metre = feeder::line_matrices(f, find(f.lines, "l3"));
    auto const whole = feeder::line_matrices(f, find(f.lines, "l4"));

    CHECK(by_metre.r_ohm[0][0] == Approx(1000.0 * (0.0009 + 2.0 * 0.0003) / 3.0));
    CHECK(by_metre.x_ohm[0][2] == Approx(1000.0 * (0.0018 - 0.0006) / 3.0));
    CHECK(by_metre.b_s[1][1] == Approx(1000.0 * (6e-9 + 2.0 * 3e-9) / 3.0));
    CHECK(whole.r_ohm[1][1] == Approx((0.04 + 2.0 * 0.01) / 3.0));
    CHECK(whole.x_ohm[1][2] == Approx((0.05 - 0.02) / 3.0));
    CHECK(f.line_codes[row(f.lines, "l4").code].form == feeder::LineCode::Form::whole_line);
}

TEST_CASE("normal and emergency ratings come from the limits at a terminal", "[io][cim]") {
    auto const f = small_feeder();

    CHECK(row(f.lines, "l1").rating.normal_a == 400.0);
    CHECK(row(f.lines, "l1").rating.emergency_a == 600.0);
    CHECK(std::isnan(row(f.lines, "l2").rating.normal_a));
}

TEST_CASE("a switch conducts on the phases that are closed", "[io][cim]") {
    auto const f = small_feeder();

    auto const& closed = row(f.switches, "sw1");
    auto const& open = row(f.switches, "tie");

    CHECK(closed.phases == PhaseSet{Phase::a});
    CHECK(closed.closed == PhaseSet{Phase::a});
    CHECK(closed.rated_a == 400.0);
    CHECK(closed.breaking_capacity_a == 500.0);
    CHECK(open.kind == feeder::Switch::Kind::recloser);
    CHECK(open.phases == PhaseSet::abc());
    CHECK(open.closed.empty());
    CHECK(open.normally_open);
}

TEST_CASE("every class of switch is read", "[io][cim]") {
    using Kind = feeder::Switch::Kind;
    auto const [class_name, kind] =
        GENERATE(table<char const*, Kind>({{"LoadBreakSwitch", Kind::load_break_switch},
                                           {"Breaker", Kind::breaker},
                                           {"Recloser", Kind::recloser},
                                           {"Fuse", Kind::fuse},
                                           {"Sectionaliser", Kind::sectionaliser},
                                           {"Disconnector", Kind::disconnector},
                                           {"Jumper", Kind::jumper},
                                           {"GroundDisconnector", Kind::ground_disconnector},
                                           {"Switch", Kind::plain}}));
    auto model = test::small_model();
    model.rename_class("sw1", class_name);

    auto const f = read(model).feeder;

    CHECK(row(f.switches, "sw1").kind == kind);
    CHECK(f.switches.size() == 2);
}

TEST_CASE("the normal state of a switch counts where the actual one is absent", "[io][cim]") {
    auto model = test::small_model();
    model.remove("tie", "Switch.open");

    auto const [f, report] = read(model);

    CHECK(row(f.switches, "tie").closed.empty());
    CHECK(count(report, "Switch.open", io::Use::assumed) == 1);
}

TEST_CASE("an open switch stays open whatever its phases say", "[io][cim]") {
    auto model = test::small_model();
    model.set("sw1", "Switch.open", "true");

    auto const [f, report] = read(model);

    CHECK(row(f.switches, "sw1").closed.empty());
    CHECK(count(report, "SwitchPhase.closed", io::Use::assumed) == 1);
}

TEST_CASE("an open switch to ground at one bus changes nothing and is reported", "[io][cim]") {
    auto model = test::small_model();
    model.rename_class("tie", "GroundDisconnector");
    model.remove("tie_T2");
    model.remove("n7");

    auto const [f, report] = read(model);

    CHECK(f.switches.size() == 1);
    CHECK(count(report, "GroundDisconnector", io::Use::ignored) == 1);
}

TEST_CASE("the source and a series compensator keep their sequence impedances", "[io][cim]") {
    auto const f = small_feeder();

    auto const& source = row(f.sources, "source");
    auto const& reactor = row(f.series_compensators, "reactor");

    CHECK(f.buses.name(source.bus) == "grid");
    CHECK(source.nominal_v == 115000.0);
    CHECK(source.voltage_v == 120750.0);
    CHECK(source.angle_rad == 0.52359878);
    CHECK(source.x0_ohm == 0.6);
    CHECK(f.buses.name(reactor.to) == "hv");
    CHECK(reactor.x_ohm == 14.8);
    CHECK(reactor.r0_ohm == 0.5);
}

TEST_CASE("a transformer of three-phase ends has its mesh impedance and a code of its own", "[io][cim]") {
    auto const f = small_feeder();

    auto const& unit = row(f.transformers, "substation transformer");
    auto const& code = f.transformer_codes[unit.code];

    CHECK(f.transformers.mrid(find(f.transformers, "substation transformer")) == "substation transformer");
    CHECK(f.transformer_codes.name(unit.code) == "substation transformer");
    CHECK(code.form == feeder::TransformerCode::Form::three_phase_ends);
    CHECK(code.phases == 3);
    CHECK(code.windings == 2);
    CHECK(code.winding[0].connection == Connection::delta);
    CHECK(code.winding[1].connection == Connection::wye);
    CHECK(code.winding[1].clock == 1);
    CHECK(code.winding[1].rated_va == 5e6);
    CHECK(code.short_circuit[0].from == 0);
    CHECK(code.short_circuit[0].r_ohm == 13.225);
    CHECK(code.short_circuit[0].x_ohm == 211.6);
    CHECK(code.no_load_w == Approx(1e-7 * 115000.0 * 115000.0));
    CHECK(code.no_load_var == Approx(2e-7 * 115000.0 * 115000.0));
    CHECK(f.buses.name(unit.winding[0].bus) == "hv");
    CHECK(unit.winding[0].conductors == std::array{Conductor::a, Conductor::b, Conductor::c, Conductor::none});
    CHECK(unit.winding[1].conductors == std::array{Conductor::a, Conductor::b, Conductor::c, Conductor::neutral});
    CHECK(unit.winding[1].grounded);
    CHECK(unit.winding[1].ground_x_ohm == 0.4);
}

TEST_CASE("star impedances and impedances of the ends mean the same short circuit as a mesh", "[io][cim]") {
    auto star = test::small_model();
    star.remove("mesh");
    star.add("TransformerStarImpedance", "star1",
             {{"TransformerStarImpedance.TransformerEnd", ">substation transformer_End_1"},
              {"TransformerStarImpedance.r", "6.6125"},
              {"TransformerStarImpedance.x", "105.8"}});
    star.add("TransformerStarImpedance", "star2",
             {{"TransformerStarImpedance.TransformerEnd", ">substation transformer_End_2"},
              {"TransformerStarImpedance.r", "0.0086528"},
              {"TransformerStarImpedance.x", "0.1384448"}});
    auto ends = test::small_model();
    ends.remove("mesh");
    ends.set("substation transformer_End_1", "PowerTransformerEnd.x", "105.8");
    ends.set("substation transformer_End_2", "PowerTransformerEnd.x", "0.1384448");

    for (auto const& model : {star, ends}) {
        auto const f = read(model).feeder;
        auto const& z = f.transformer_codes[row(f.transformers, "substation transformer").code].short_circuit[0];
        CHECK(z.r_ohm == Approx(13.225).epsilon(1e-9));
        CHECK(z.x_ohm == Approx(211.6).epsilon(1e-9));
    }
}

TEST_CASE("tests of a tank give the impedance in ohm at the energised winding", "[io][cim]") {
    auto const f = small_feeder();

    auto const& code = row(f.transformer_codes, "ct25");
    // docs/cim100.md section 7.2: r12 = 1.8 %, x12 = 2.04 %, r23 = 2.4 %, x23 = 1.36 %, no-load 0.2 % and 0.5 %
    double const primary_ohm = 2400.0 * 2400.0 / 25000.0;
    double const half_ohm = 120.0 * 120.0 / 25000.0;

    CHECK(code.form == feeder::TransformerCode::Form::tank_tests);
    CHECK(code.windings == 3);
    CHECK(code.phases == 1);
    CHECK(code.winding[0].emergency_va == 37500.0);
    CHECK(code.winding[2].clock == 6);
    CHECK(code.short_circuit[0].r_ohm == Approx(0.018 * primary_ohm).epsilon(1e-6));
    CHECK(code.short_circuit[0].x_ohm == Approx(0.0204 * primary_ohm).epsilon(1e-6));
    CHECK(code.short_circuit[1].to == 2);
    CHECK(code.short_circuit[1].x_ohm == Approx(0.0204 * primary_ohm).epsilon(1e-6));
    CHECK(code.short_circuit[2].from == 1);
    CHECK(code.short_circuit[2].r_ohm == Approx(0.024 * half_ohm).epsilon(1e-6));
    CHECK(code.short_circuit[2].x_ohm == Approx(0.0136 * half_ohm).epsilon(1e-4));
    CHECK(code.no_load_w == Approx(50.0));
    CHECK(code.no_load_var == Approx(125.0).epsilon(1e-6));
}

TEST_CASE("orderedPhases give the polarity of a tank's windings", "[io][cim]") {
    auto const f = small_feeder();

    auto const& tank = row(f.transformers, "service tank");

    CHECK(f.banks.name(tank.bank) == "service");
    CHECK(tank.winding[0].conductors[0] == Conductor::a);
    CHECK(tank.winding[1].conductors ==
          std::array{Conductor::s1, Conductor::neutral, Conductor::none, Conductor::none});
    CHECK(tank.winding[2].conductors ==
          std::array{Conductor::neutral, Conductor::s2, Conductor::none, Conductor::none});
    CHECK(f.areas.name(tank.area) == "area.0.0");
}

TEST_CASE("without order of phases the clock of 6 reverses the second half", "[io][cim]") {
    auto model = test::small_model();
    model.rename_attribute("TransformerTankEnd.orderedPhases", "TransformerTankEnd.phases");
    model.set("service tank_End_2", "TransformerTankEnd.phases", "~PhaseCode.s1N");
    model.set("service tank_End_3", "TransformerTankEnd.phases", "~PhaseCode.s2N");

    auto const [f, report] = read(model);

    CHECK(feeder::differences(f, small_feeder()).empty());
    CHECK(count(report, "TransformerTankEnd.orderedPhases", io::Use::assumed) == 5);
}

TEST_CASE("a tank finds its catalogue entry through assets as older models write it", "[io][cim]") {
    auto asset = test::small_model();
    asset.remove("service tank", "TransformerTank.TransformerTankInfo");
    auto datasheet = asset;
    asset.add("Asset", "asset", {{"Asset.PowerSystemResources", ">service tank"}, {"Asset.AssetInfo", ">ct25"}});
    datasheet.add("Asset", "asset", {{"Asset.PowerSystemResources", ">service"}, {"Asset.AssetInfo", ">sheet"}});
    datasheet.add("PowerTransformerInfo", "sheet", {});
    datasheet.set("ct25", "TransformerTankInfo.PowerTransformerInfo", ">sheet");

    CHECK(feeder::differences(read(asset).feeder, small_feeder()).empty());
    CHECK(feeder::differences(read(datasheet).feeder, small_feeder()).empty());
}

TEST_CASE("a tap changer multiplies the voltage of its winding", "[io][cim]") {
    auto const f = small_feeder();

    auto const& tap = row(f.tap_changers, "tap");

    CHECK(f.transformers.name(tap.transformer) == "regulator a");
    CHECK(tap.winding == 1);
    CHECK(tap.ratio() == Approx(1.0 - 3.0 * 0.00625).epsilon(1e-14));
    CHECK(tap.pt_ratio == 20.0);
    CHECK(tap.ct_ratio == 3500.0);
    CHECK(tap.control.present);
    CHECK(tap.control.target == 122.0);
    CHECK(tap.control.line_drop_x_v == 7.5);
    CHECK(tap.control.monitored_phase == Phase::a);
    CHECK(tap.control.monitored.kind == feeder::ElementKind::bank);
    CHECK(f.buses.name(tap.control.monitored.bus) == "n4");
}

TEST_CASE("a load on the legs of a secondary keeps each leg's share", "[io][cim]") {
    auto const f = small_feeder();

    auto const& load = row(f.loads, "house load");

    CHECK(load.phases == PhaseSet::split());
    CHECK(load.connection == Connection::wye);
    CHECK(load.p_w == feeder::PerPhase{2000.0, 4000.0, 0.0});
    CHECK(load.q_var == feeder::PerPhase{500.0, 1000.0, 0.0});
    CHECK(load.customers == 4);
    CHECK(f.load_models[load.model].p_impedance == 0.5);
    CHECK(f.load_models[load.model].p_current == 0.3);
    CHECK(f.load_models[load.model].q_impedance == 1.0);
}

TEST_CASE("one letter of a delta load is the pair that begins with it", "[io][cim]") {
    auto model = test::small_model();
    auto const [letter, first, second] = GENERATE(table<char const*, Phase, Phase>(
        {{"A", Phase::a, Phase::b}, {"B", Phase::b, Phase::c}, {"C", Phase::c, Phase::a}}));
    model.set("delta load_B", "EnergyConsumerPhase.phase", std::string{"~SinglePhaseKind."} + letter);
    model.set("delta load_T1", "Terminal.ConnectivityNode", ">n5");

    auto const f = read(model).feeder;
    auto const& load = row(f.loads, "delta load");

    CHECK(load.connection == Connection::delta);
    REQUIRE(load.phases.size() == 1);
    CHECK(feeder::delta_pair(*load.phases.list().begin()) == std::array{first, second});
    CHECK(load.p_w[feeder::slot(first)] == 50000.0);
}

TEST_CASE("a load without phases is spread in thirds, which the report says and nobody is warned of", "[io][cim]") {
    auto const [f, report] = read(test::small_model());

    auto const& load = row(f.loads, "motor");
    auto const& convention = report.entries().at({"EnergyConsumer without phases", io::Use::read});

    CHECK(load.phases == PhaseSet::abc());
    CHECK(load.p_w == feeder::PerPhase{30000.0, 30000.0, 30000.0});
    CHECK(convention.count == 1);
    CHECK(convention.example == "motor");
    for (auto const& warning : report.warnings()) CHECK_THAT(warning, !Catch::Matchers::Contains("motor"));
}

TEST_CASE("a load without response is constant power and reported", "[io][cim]") {
    auto model = test::small_model();
    model.remove("motor", "EnergyConsumer.LoadResponse");

    auto const [f, report] = read(model);

    CHECK(!row(f.loads, "motor").model.valid());
    CHECK(count(report, "EnergyConsumer.LoadResponse", io::Use::assumed) == 1);
}

TEST_CASE("an exponential response keeps its exponents", "[io][cim]") {
    auto model = test::small_model();
    model.set("mixed", "LoadResponseCharacteristic.exponentModel", "TRUE");
    model.set("mixed", "LoadResponseCharacteristic.pVoltageExponent", "1");
    model.set("mixed", "LoadResponseCharacteristic.qVoltageExponent", "2.0");

    auto const f = read(model).feeder;

    CHECK(row(f.load_models, "mixed").exponential);
    CHECK(row(f.load_models, "mixed").q_exponent == 2.0);
}

TEST_CASE("phases that do not sum to the load's total are taken and reported", "[io][cim]") {
    auto model = test::small_model();
    model.set("house load", "EnergyConsumer.p", "7000");

    auto const [f, report] = read(model);

    CHECK(row(f.loads, "house load").p_w[0] + row(f.loads, "house load").p_w[1] == 6000.0);
    CHECK(count(report, "EnergyConsumer.p", io::Use::assumed) == 1);
}

TEST_CASE("capacitors have their susceptance on the phases they stand on", "[io][cim]") {
    auto const f = small_feeder();

    auto const& bank = row(f.capacitors, "bank");
    auto const& can = row(f.capacitors, "can");

    CHECK(bank.phases == PhaseSet::abc());
    CHECK(bank.delay_s == 100.0);
    CHECK(can.phases == PhaseSet{Phase::c});
    CHECK(can.b_per_section_s == feeder::PerPhase{0.0, 0.0, 0.008666106});
    CHECK(feeder::totals(f).capacitor_var == Approx(650e3).epsilon(1e-6));
    CHECK(bank.control.mode == feeder::RegulatorControl::Mode::reactive_power);
    CHECK(bank.control.monitored_phase == Phase::b);
    CHECK(bank.control.monitored.kind == feeder::ElementKind::line);
    CHECK(f.lines.name(core::Index<feeder::Line>{bank.control.monitored.element}) == "l3");
    CHECK_FALSE(can.control.present);
}

TEST_CASE(
    "a delta capacitor delivers its rated kvar: b of a phase is between two phases, b of a bank its positive sequence",
    "[io][cim]") {
    auto model = test::small_model();
    std::string const written = "0.0028892381656804735";
    auto const b = std::stod(written);  // of 50 kvar at 4160 V
    model.set("bank", "ShuntCompensator.phaseConnection", "~PhaseShuntConnectionKind.D");
    model.set("can", "ShuntCompensator.phaseConnection", "~PhaseShuntConnectionKind.D");
    model.set("can", "ShuntCompensator.nomU", "4160");
    model.set("can_C", "LinearShuntCompensatorPhase.bPerSection", written);
    auto const two = GENERATE(false, true);
    if (two)
        model.add("LinearShuntCompensatorPhase", "can_A",
                  {{"ShuntCompensatorPhase.ShuntCompensator", ">can"},
                   {"ShuntCompensatorPhase.phase", "~SinglePhaseKind.A"},
                   {"ShuntCompensatorPhase.sections", "1"},
                   {"LinearShuntCompensatorPhase.bPerSection", written}});

    auto const f = read(model).feeder;

    // Voltages of one per unit on a bus of 4160 V: what the model makes of b is the rated power.
    CHECK(row(f.capacitors, "bank").b_per_section_s == feeder::PerPhase{0.034670858, 0.034670858, 0.034670858});
    CHECK(row(f.capacitors, "can").b_per_section_s == feeder::PerPhase{two ? 3.0 * b : 0.0, 0.0, 3.0 * b});
    CHECK(feeder::totals(f).capacitor_var == Approx(two ? 700e3 : 650e3).epsilon(1e-6));
}

TEST_CASE("a photovoltaic system has the names of its unit and of its connection", "[io][cim]") {
    auto const f = small_feeder();

    auto const& pv = row(f.pv_systems, "roof");

    CHECK(f.pv_connection_names[0] == "roof inverter");
    CHECK(f.pv_connection_mrids[0] == "roof inverter");
    CHECK(f.buses.name(pv.inverter.bus) == "house");
    CHECK(pv.inverter.phases == PhaseSet::split());
    CHECK(pv.inverter.p_w == feeder::PerPhase{2500.0, 2500.0, 0.0});
    CHECK(pv.inverter.min_q_var == -1500.0);
    CHECK(pv.max_p_w == 5000.0);
    CHECK(pv.min_p_w == 50.0);
}

TEST_CASE("the area of a unit counts where its connection names none", "[io][cim]") {
    auto model = test::small_model();
    model.remove("roof inverter", "Equipment.SubSchedulingArea");

    auto const f = read(model).feeder;

    CHECK(f.areas.name(row(f.pv_systems, "roof").area) == "area.0.0");
}

TEST_CASE("a battery charges with negative power", "[io][cim]") {
    auto const f = small_feeder();

    auto const& battery = row(f.batteries, "battery");

    CHECK(f.battery_connection_names[0] == "battery inverter");
    CHECK(battery.inverter.p_w[0] == -1000.0);
    CHECK(battery.state == feeder::Battery::State::charging);
    CHECK(battery.stored_wh == 4000.0);
    CHECK(battery.rated_wh == 10000.0);
}

TEST_CASE("a machine and a converter without unit are fixed injections", "[io][cim]") {
    auto model = test::small_model();
    model.remove("roof");
    model.remove("roof power");

    auto const [f, report] = read(model);
    auto const& converter = row(f.machines, "roof inverter");

    CHECK(row(f.machines, "diesel").p_w == 100000.0);
    CHECK(row(f.machines, "diesel").q_var == -20000.0);
    CHECK(converter.p_w == 5000.0);
    CHECK(converter.phases == PhaseSet::split());
    CHECK(f.pv_systems.empty());
    CHECK(count(report, "PowerElectronicsConnection.PowerElectronicsUnit", io::Use::assumed) == 1);
}

TEST_CASE("areas form the tree that agents follow", "[io][cim]") {
    auto const f = small_feeder();

    auto const& secondary = row(f.areas, "area.0.0");

    CHECK(secondary.kind == feeder::Area::Kind::secondary);
    CHECK(f.areas.name(secondary.parent) == "area.0");
    CHECK(f.areas.name(f.areas[secondary.parent].parent) == "area");
    CHECK_FALSE(row(f.areas, "area").parent.valid());
    CHECK(f.areas.name(row(f.lines, "l1").area) == "area.0");
    CHECK(f.areas.name(row(f.banks, "service").area) == "area.0.0");
}

TEST_CASE("measurements know element, terminal, bus and phase", "[io][cim]") {
    auto const [f, report] = read(test::small_model());
    using Type = feeder::Measurement::Type;

    auto const& volts = row(f.measurements, "house volts");
    auto const& power = row(f.measurements, "roof power");
    auto const& charge = row(f.measurements, "charge");
    auto const& amps = row(f.measurements, "line amps");
    auto const& position = row(f.measurements, "tap position");

    CHECK(volts.type == Type::voltage);
    CHECK(volts.phases == PhaseSet{Phase::s1});
    CHECK(volts.at.kind == feeder::ElementKind::load);
    CHECK(f.buses.name(volts.at.bus) == "house");
    CHECK(power.at.kind == feeder::ElementKind::pv);
    CHECK(power.at.element == find(f.pv_systems, "roof").value());
    CHECK(charge.type == Type::state_of_charge);
    CHECK(charge.phases.empty());
    CHECK(charge.at.kind == feeder::ElementKind::battery);
    CHECK(amps.at.terminal == 2);
    CHECK(f.buses.name(amps.at.bus) == "n2");
    CHECK(position.discrete);
    CHECK(position.at.kind == feeder::ElementKind::bank);
    CHECK(f.measurements.size() == 5);
    CHECK(count(report, "Analog", io::Use::ignored) == 1);  // of a type without meaning here
    CHECK(count(report, "Analog", io::Use::read) == 4);
}

TEST_CASE("a bus lies at the point with its terminal's number", "[io][cim]") {
    auto const f = small_feeder();

    CHECK(row(f.buses, "feed").x == 10.0);
    CHECK(row(f.buses, "n1").x == 30.5);
    CHECK(row(f.buses, "n1").y == -40.0);
    CHECK(std::isnan(row(f.buses, "n6").x));
}

TEST_CASE("several buses at (0, 0) are at no known place, a single one is there", "[io][cim]") {
    auto model = test::small_model();
    model.set("nowhere1", "PositionPoint.xPosition", "7");

    auto const [several, report] = read(test::small_model());
    auto const single = read(model).feeder;

    CHECK(std::isnan(row(several.buses, "house").x));
    CHECK(count(report, "PositionPoint.xPosition", io::Use::assumed) == 2);
    CHECK(row(single.buses, "house").x == 0.0);
}

TEST_CASE("equipment of the substation belongs to the feeder", "[io][cim]") {
    auto model = test::small_model();
    model.set("substation transformer", "Equipment.EquipmentContainer", ">substation");
    model.set("hv", "ConnectivityNode.ConnectivityNodeContainer", ">substation");

    CHECK(feeder::differences(read(model).feeder, small_feeder()).empty());
}

TEST_CASE("the report accounts for every object and attribute of the file", "[io][cim]") {
    auto model = test::small_model();
    model.add("WeatherStation", "mast", {});
    model.set("l1", "ACLineSegment.colour", "blue");

    auto const report = read(model).report;
    auto const table = report.to_table();

    CHECK(count(report, "ACLineSegment", io::Use::read) == 5);
    CHECK(count(report, "ACLineSegment.length", io::Use::read) == 5);
    CHECK(count(report, "ACLineSegment.colour", io::Use::unknown) == 1);
    CHECK(count(report, "WeatherStation", io::Use::unknown) == 1);
    CHECK(count(report, "TopologicalNode", io::Use::ignored) == 1);
    CHECK(count(report, "VoltageLimit", io::Use::ignored) == 1);
    CHECK(count(report, "OperationalLimitSet", io::Use::read) == 1);
    CHECK(count(report, "OperationalLimitSet", io::Use::ignored) == 1);
    CHECK(table.find("ACLineSegment.colour") != std::string::npos);
}

TEST_CASE("neutrals that the model grounds although the file does not are reported", "[io][cim]") {
    auto model = test::small_model();
    auto const before = read(model).report;
    CHECK(count(before, "PowerTransformerEnd.grounded", io::Use::assumed) == 0);
    CHECK(count(before, "EnergyConsumer.grounded", io::Use::assumed) == 0);
    CHECK(count(before, "TransformerTankEnd.grounded", io::Use::assumed) == 0);
    model.set("substation transformer_End_2", "TransformerEnd.grounded", "false");
    model.set("regulator a_End_1", "TransformerEnd.grounded", "False");
    model.set("house load", "EnergyConsumer.grounded", "false");
    model.set("bank", "ShuntCompensator.grounded", "false");

    auto const report = read(model).report;

    for (auto const* what : {"PowerTransformerEnd.grounded", "TransformerTankEnd.grounded", "EnergyConsumer.grounded",
                             "LinearShuntCompensator.grounded"}) {
        CAPTURE(what);
        CHECK(count(report, what, io::Use::assumed) == 1);
    }
    CHECK(report.warnings().size() == before.warnings().size() + 4);
}

TEST_CASE("a three-phase wye that is not grounded has no neutral", "[io][cim]") {
    auto model = test::small_model();
    auto const conductors = [&] {
        auto const f = read(model).feeder;
        return row(f.transformers, "substation transformer").winding[1].conductors;
    };
    std::array const with{Conductor::a, Conductor::b, Conductor::c, Conductor::neutral};
    std::array const without{Conductor::a, Conductor::b, Conductor::c, Conductor::none};
    model.set("substation transformer_End_2", "TransformerEnd.grounded", "false");
    CHECK(conductors() == with);  // there is an impedance

    model.set("substation transformer_End_2", "TransformerEnd.xground", "0");
    CHECK(conductors() == without);
    CHECK(count(read(model).report, "PowerTransformerEnd.grounded", io::Use::assumed) == 1);
    auto const text = io::to_cim_xml(read(model).feeder);
    CHECK(feeder::differences(read(model).feeder, io::parse_cim_xml(text, "again").feeder).empty());

    model.remove("substation transformer_End_2", "TransformerEnd.grounded");
    CHECK(conductors() == with);
}

TEST_CASE("the grounding impedance of a secondary is reported, that of others is in the model", "[io][cim]") {
    auto model = test::small_model();
    auto const before = read(model).report.warnings().size();
    model.set("substation transformer_End_2", "TransformerEnd.xground", "0.8");
    model.set("service tank_End_1", "TransformerEnd.rground", "5");
    CHECK(read(model).report.warnings().size() == before);

    model.set("service tank_End_2", "TransformerEnd.rground", "5");

    auto const report = read(model).report;
    CHECK(count(report, "TransformerTankEnd.rground", io::Use::assumed) == 1);
    CHECK(report.warnings().size() == before + 1);
}

TEST_CASE("losses of a capacitor are reported, whether it or its phase has them", "[io][cim]") {
    auto model = test::small_model();
    model.set("can_C", "LinearShuntCompensatorPhase.gPerSection", "1e-4");

    CHECK(count(read(model).report, "LinearShuntCompensatorPhase.gPerSection", io::Use::assumed) == 1);
}

TEST_CASE("zero-sequence values that the model does not use are reported where they differ", "[io][cim]") {
    auto model = test::small_model();
    model.set("mesh", "TransformerMeshImpedance.r0", "13.225");
    model.set("mesh", "TransformerMeshImpedance.x0", "150");

    auto const report = read(model).report;

    CHECK(count(report, "TransformerMeshImpedance.x0", io::Use::assumed) == 1);
    CHECK(count(report, "TransformerMeshImpedance.r0", io::Use::assumed) == 0);
}
