/// Autotransformers: against a nodal circuit of their coils, against OpenDSS, and in the files that hold them.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <numbers>

#include "dec/io/catalogue.hpp"
#include "reference/nodal_twin.hpp"
#include "support/ac_answer.hpp"
#include "support/linear_answer.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::LoadLimits;
using test::AcAnswer;
using test::Complex;
using test::FeederMaker;
using test::Seat;

namespace {

constexpr auto A = Conductor::a, B = Conductor::b, C = Conductor::c, N = Conductor::neutral;
constexpr double sqrt3 = std::numbers::sqrt3;

TransformerCode in_series(TransformerCode code, double va) {
    for (auto& winding : code.winding) winding.rated_va = va;
    code.winding[0].connection = Connection::series;
    if (code.phases == 1) code.winding[1].connection = Connection::single;
    code.no_load_w = 0.004 * va;
    code.no_load_var = 0.01 * va;
    return code;
}

struct Variant {
    Complex neutral_ohm;
    bool grounded = true, upwards = false;
};

/// 115 to 69 kV (or from 69 up to 115), from there one of three windings and one on a single phase, all off their nominal taps.
Feeder autotransformers(Variant const& variant, double load = 1.0) {
    FeederMaker make{"autotransformers"};
    double const first_v = variant.upwards ? 69e3 : 115e3, second_v = variant.upwards ? 115e3 : 69e3;
    auto const source = make.bus("source", first_v / sqrt3), middle = make.bus("middle", second_v / sqrt3),
               low = make.bus("low", 34.5e3 / sqrt3), third = make.bus("third", 12.47e3 / sqrt3),
               single = make.bus("single", 14400.0);
    make.source(source, 1.02, {0.5, 5.0}, {1.0, 8.0});

    double const va = 20e6;
    auto const two =
        make.code(in_series(test::two_windings(3, 115e3, 69e3, Complex{0.007, 0.08} * (115e3 * 115e3 / va)), va));
    Seat const high{variant.upwards ? middle : source, {A, B, C, N}},
        common{variant.upwards ? source : middle, {A, B, C, N}};
    auto const unit = make.unit(two, {high, common});
    for (std::size_t w = 0; w < 2; ++w) {
        auto& winding = make.feeder.transformers[unit].winding[w];
        winding.grounded = variant.grounded;
        winding.ground_r_ohm = variant.neutral_ohm.real();
        winding.ground_x_ohm = variant.neutral_ohm.imag();
        if (!variant.grounded) winding.conductors[3] = Conductor::none;
    }
    make.tap(unit, 0, 1.05);
    make.tap(unit, 1, 0.975);

    double const second_va = 10e6, base = second_v * second_v / second_va;
    auto row = test::three_windings(3, {second_v, 34.5e3, 12.47e3},
                                    {Complex{0.005, 0.06} * base, Complex{0.006, 0.15} * base,
                                     Complex{0.008, 0.12} * (34.5e3 * 34.5e3 / second_va)});
    row = in_series(row, second_va);
    row.winding[2].connection = Connection::delta;
    row.winding[2].clock = 1;
    auto const three =
        make.unit(make.code(row), {Seat{middle, {A, B, C, N}}, Seat{low, {A, B, C, N}}, Seat{third, {A, B, C}}});
    make.tap(three, 1, 1.025);
    make.tap(three, 2, 0.98);

    double const one_va = 2e6, phase_v = 34.5e3 / sqrt3;
    auto const one = make.unit(
        make.code(in_series(
            test::two_windings(1, phase_v, 14400.0, Complex{0.006, 0.07} * (phase_v * phase_v / one_va)), one_va)),
        {Seat{low, {B, N}}, Seat{single, {B, N}}});
    make.tap(one, 0, 0.9);

    make.load(low, PhaseSet::abc(),
              {load * Complex{2.5e6, 0.8e6}, load * Complex{1.5e6, 0.6e6}, load * Complex{2.0e6, 0.9e6}});
    make.load(third, PhaseSet::abc(),
              {load * Complex{0.3e6, 0.1e6}, load * Complex{0.2e6, 0.1e6}, load * Complex{0.1e6, 0.0}},
              Connection::delta);
    make.load(single, {Phase::b}, {Complex{}, load * Complex{0.7e6, 0.2e6}, Complex{}});
    return make.finish();
}

Variant variant_of(int number) {
    return Variant{.neutral_ohm = number == 1 ? Complex{2.0, 15.0} : Complex{}, .grounded = number != 2};
}

}  // namespace

TEST_CASE("autotransformers are the circuit of their coils", "[powerflow][autotransformer]") {
    auto variant = variant_of(GENERATE(0, 1, 2));
    variant.upwards = GENERATE(false, true);
    auto const feeder = autotransformers(variant);
    CAPTURE(variant.neutral_ohm, variant.grounded, variant.upwards);

    AcAnswer const ac{feeder, {.load_limits = LoadLimits::wide}};
    AcAnswer const sparse{feeder, {.load_limits = LoadLimits::wide, .solver = powerflow::SolverChoice::sparse}};
    auto const twin = test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5});

    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const ours = ac.all_volts(), of_sparse = sparse.all_volts();
    REQUIRE(ours.size() == twin.volts.size());
    std::size_t node = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list()) {
            CAPTURE(feeder.buses.name(id), to_text(p), ours[node], twin.volts[node]);
            CHECK(std::abs(ours[node] - twin.volts[node]) < 1e-9 * feeder.buses[id].base_v);
            CHECK(std::abs(ours[node] - of_sparse[node]) < 1e-9 * feeder.buses[id].base_v);
            ++node;
        }
}

TEST_CASE("the linear model has the turns and impedances of autotransformers", "[model][autotransformer]") {
    // Balanced and light: what it neglects is small.
    auto variant = variant_of(GENERATE(0, 1));
    variant.upwards = GENERATE(false, true);
    auto feeder = autotransformers(variant, 0.02);
    for (auto& code : feeder.transformer_codes.rows()) code.no_load_w = code.no_load_var = 0.0;

    test::LinearAnswer const linear{feeder};
    AcAnswer const ac{feeder, {.load_limits = LoadLimits::wide}};

    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list()) {
            double const v = std::abs(ac.volts(id, p)) / feeder.buses[id].base_v;
            CAPTURE(feeder.buses.name(id), to_text(p));
            CHECK(std::sqrt(linear.v_sq(id, p)) == Approx(v).margin(1e-4));
        }
}

TEST_CASE("autotransformers of OpenDSS's scripts have its voltages", "[powerflow][autotransformer][dss]") {
    struct Known {
        std::string script;
        std::map<std::string, double> volts;  ///< of DSS C-API 0.14.5, to ground, by "bus.phase"
    };
    auto const known = GENERATE(
        Known{R"(New Circuit.auto basekv=115 pu=1.02 r1=0.5 x1=5 r0=1 x0=8
New AutoTrans.t2 phases=3 windings=2 buses=(sourcebus mid) kvs=(115 69) kvas=(20000 20000) %rs=(0.3 0.4) xhx=8 %noloadloss=0.2 %imag=0.5 taps=(1.05 0.975)
New AutoTrans.t3 phases=3 windings=3 wdg=1 bus=mid kv=69 kva=10000 %r=0.2
~ wdg=2 bus=low kv=34.5 kva=10000 %r=0.3 tap=1.025
~ wdg=3 bus=ter kv=12.47 kva=3000 conn=delta %r=0.5
~ xhx=6 xht=15 xxt=12
New Load.a bus1=low phases=3 kv=34.5 kw=6000 pf=0.9 model=2
New Load.b bus1=low.1 phases=1 kv=19.92 kw=900 pf=0.95 model=2
New Load.c bus1=ter phases=3 kv=12.47 conn=delta kw=700 pf=0.9 model=2
New Load.d bus1=mid.2 phases=1 kv=39.84 kw=1500 kvar=300 model=2
)",
              {{"sourcebus.A", 67580.011052},
               {"sourcebus.B", 67575.503189},
               {"sourcebus.C", 67628.109348},
               {"mid.A", 38504.010649},
               {"mid.B", 38385.759467},
               {"mid.C", 38658.692044},
               {"low.A", 18944.403924},
               {"low.B", 18963.181989},
               {"low.C", 19117.142878},
               {"ter.A", 6782.019613},
               {"ter.B", 6711.055149},
               {"ter.C", 6715.396003}}},
        // A neutral through a reactor, a unit fed from its common winding, impedances unsaid, one on a single phase.
        Known{R"(New Circuit.auto basekv=34.5 pu=1.0 r1=0.5 x1=5 r0=1 x0=8
New AutoTrans.up phases=3 windings=2 wdg=1 bus=high kv=46 kva=10000 tap=0.95
~ wdg=2 bus=sourcebus.1.2.3.4 kv=34.5 kva=10000
New Reactor.n phases=1 bus1=sourcebus.4 r=1 x=3
New AutoTrans.one phases=1 windings=2 buses=(high.2 single.2) kvs=(26.558 14.4) kvas=(2000 2000) taps=(1.0 1.05)
New AutoTrans.three windings=3 buses=(high mid ter) kvs=(46 23 4.16) kvas=(5000 5000 1000) %rs=(0.2 0.3 0.5)
New Load.a bus1=high phases=3 kv=46 kw=2500 pf=0.9 model=2
New Load.b bus1=single.2 phases=1 kv=14.4 kw=900 pf=0.95 model=2
New Load.c bus1=mid.1 phases=1 kv=13.279 kw=700 pf=0.9 model=2
New Load.d bus1=ter.3 phases=1 kv=2.4018 kw=150 kvar=30 model=2
)",
              {{"sourcebus.A", 19652.340036},
               {"sourcebus.B", 19682.640453},
               {"sourcebus.C", 19814.434253},
               {"high.A", 25285.252315},
               {"high.B", 25327.123098},
               {"high.C", 25756.116588},
               {"single.B", 13785.044406},
               {"mid.A", 12355.208249},
               {"mid.B", 12663.559966},
               {"mid.C", 12865.410444},
               {"ter.A", 2262.775537},
               {"ter.B", 2290.452413},
               {"ter.C", 2315.388269}}});
    test::TemporaryFolder const folder;
    std::ofstream{folder / "master.dss"} << "Clear\n" << known.script;
    auto const feeder = io::read_feeder(folder / "master.dss").feeder;

    AcAnswer const ac{feeder};

    CHECK(ac.outcome().status == powerflow::Status::converged);
    std::size_t compared = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : ac.vertex(id).phases.list()) {
            auto const name = std::string{feeder.buses.name(id)} + "." + std::string{to_text(p)};
            CAPTURE(name);
            CHECK(std::abs(ac.volts(id, p)) == Approx(known.volts.at(name)).epsilon(1e-7));
            ++compared;
        }
    CHECK(compared == known.volts.size());

    // Whoever reads them again has the same, but for the nominal voltages of loads, which CIM does not hold.
    io::write_feeder(feeder, folder / "again.h5");
    CHECK(differences(feeder, io::read_feeder(folder / "again.h5").feeder).empty());
    io::write_feeder(feeder, folder / "again.xml");
    auto const from_cim = io::read_feeder(folder / "again.xml").feeder;
    AcAnswer const of_cim{from_cim};
    for (auto id : from_cim.buses.ids())
        for (Phase p : of_cim.vertex(id).phases.list()) {
            auto const name = std::string{from_cim.buses.name(id)} + "." + std::string{to_text(p)};
            CAPTURE(name);
            CHECK(std::abs(of_cim.volts(id, p)) == Approx(known.volts.at(name)).epsilon(1e-5));
        }
}

TEST_CASE("an autotransformer of three windings with a free neutral is refused", "[feeder][autotransformer]") {
    auto feeder = autotransformers({});
    for (auto& unit : feeder.transformers.rows())
        if (unit.winding[2].bus.valid()) unit.winding[1].ground_x_ohm = 1.0;
    CHECK_THROWS_WITH(AcAnswer(feeder), Catch::Contains("whose neutral is off the ground"));
}
