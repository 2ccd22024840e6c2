/// Controls of OpenDSS's scripts end where they do in OpenDSS (DSS C-API 0.14.5, static control mode).
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "dec/io/catalogue.hpp"
#include "dec/powerflow/controls.hpp"
#include "support/ac_answer.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;
using powerflow::Status;
using test::AcAnswer;

namespace {

struct Loads {
    double source_pu, a_kw, b_kw, c_kw;
};
constexpr Loads drawing{0.98, 1500.0, 900.0, 1200.0}, injecting{1.0, -1500.0, -900.0, -1200.0};

/// Source, line, a transformer that is regulated at its second winding, line, three loads.
std::string circuit(Loads const& at, bool backwards = false) {
    auto const load = [](char name, int phase, double kw, int kvar) {
        return fmt::format("New Load.{} bus1=end.{} phases=1 kv=7.2 kw={} kvar={} model=1 vminpu=0.5 vmaxpu=1.5\n",
                           name, phase, kw, kvar);
    };
    return fmt::format("Clear\nNew Circuit.c basekv=12.47 pu={} r1=0.1 x1=0.8 r0=0.2 x0=1.5\n", at.source_pu) +
           "New Line.l1 bus1=sourcebus bus2=in phases=3 r1=0.5 x1=1.0 r0=1 x0=2.5 c1=0 c0=0 length=1\n" +
           fmt::format(
               "New Transformer.reg phases=3 windings=2 buses={} kvs=(12.47 12.47) kvas=(8000 8000) xhl=1 "
               "%rs=(0.1 0.1)\n",
               backwards ? "(out in)" : "(in out)") +
           "New Line.l2 bus1=out bus2=end phases=3 r1=0.8 x1=1.5 r0=1.6 x0=4 c1=0 c0=0 length=1\n" +
           load('a', 1, at.a_kw, 300) + load('b', 2, at.b_kw, 200) + load('c', 3, at.c_kw, 250) +
           "set voltagebases=(12.47)\ncalcvoltagebases\n";
}

struct Settled {
    powerflow::Positions positions;
    Status status;
    std::int64_t rounds;
};
Settled settle(std::string const& script) {
    test::TemporaryFolder const folder;
    std::ofstream{folder / "master.dss"} << script;
    AcAnswer ac{io::read_feeder(folder / "master.dss").feeder};
    auto const settled = powerflow::settle(core::Communicator{MPI_COMM_SELF}, ac.flow(), {});
    CHECK(settled.inactive.empty());
    return {ac.flow().positions(), settled.flow.status, settled.rounds};
}

}  // namespace

TEST_CASE("regulators with every setting end at OpenDSS's tap", "[powerflow][controls][dss]") {
    struct Known {
        std::string settings;
        Loads at;
        double tap;
        bool backwards = false;
    };
    Loads low = drawing, quiet{1.0, -30.0, -20.0, -10.0}, sunny = injecting;
    low.source_pu = sunny.source_pu = 0.97;
    auto const known = GENERATE_COPY(
        Known{"", drawing, 12}, Known{"reversible=yes revvreg=119 revband=2 revthreshold=100", drawing, 12},
        // The source is stiff: what it goes by hardly moves, and it runs to its end.
        Known{"reversible=yes revvreg=123 revband=2 revthreshold=100", injecting, -16},
        Known{"r=3 x=5 reversible=yes revvreg=118 revband=1.5 revr=2 revx=4 revthreshold=100", injecting, 16},
        Known{"reversible=yes revvreg=123 revthreshold=100", quiet, 4},
        Known{"reversible=yes revneutral=yes revthreshold=100 revdelay=60", sunny, 0},
        Known{"reversible=yes revneutral=yes revthreshold=100 revdelay=1", sunny, 0},
        Known{"cogen=yes revvreg=117 revband=2 revthreshold=100", injecting, -3},
        Known{"r=3 x=5 cogen=yes revvreg=117 revband=2 revr=1 revx=2 revthreshold=100", injecting, -3},
        Known{"r=6 x=9", drawing, 16}, Known{"vlimit=0", drawing, 12}, Known{"ldc_z=4", drawing, 15},
        Known{"ptphase=max", drawing, 7}, Known{"ptphase=min", drawing, 12}, Known{"ptphase=2", drawing, 7},
        Known{"maxtapchange=1", drawing, 12}, Known{"maxtapchange=0", drawing, 0},
        Known{"inversetime=yes", drawing, 12}, Known{"tapwinding=1", drawing, -11},
        // Its second winding is on the source's side: it holds the voltage of the first.
        Known{"reversible=yes revvreg=121 revband=2 revthreshold=100", low, -11, true},
        Known{"r=1 x=1 reversible=yes revvreg=121 revband=2 revr=1 revx=2 revthreshold=100", low, -10, true},
        Known{"ldc_z=1 rev_z=2 reversible=yes revvreg=121 revband=2 revthreshold=100", low, -13, true},
        Known{"reversible=yes revneutral=yes revthreshold=100 revdelay=120 tapnum=5", low, 0, true});
    CAPTURE(known.settings, known.backwards, known.at.a_kw);

    auto const settled =
        settle(circuit(known.at, known.backwards) +
               "New RegControl.r transformer=reg winding=2 vreg=122 band=2 ptratio=60 ctprim=400 delay=15 " +
               known.settings + "\n");

    CHECK(settled.status == Status::converged);
    REQUIRE(settled.positions.tap_steps.size() == 1);
    CHECK(settled.positions.tap_steps[0] == known.tap);
    if (known.settings == "maxtapchange=1") CHECK(settled.rounds == 12);
}

TEST_CASE("capacitors' controls with every setting end as OpenDSS's", "[powerflow][controls][dss]") {
    struct Known {
        std::string settings, bank;
        Loads at;
        double sections;
    };
    Loads const low{0.95, 1500.0, 900.0, 1200.0}, light{1.05, 100.0, 100.0, 100.0}, lighter{1.06, 100.0, 100.0, 100.0},
        high{1.02, 1500.0, 900.0, 1200.0}, lower{0.97, 1500.0, 900.0, 1200.0};
    std::string const kvar = "type=kvar onsetting=2000 offsetting=-2000 ";
    std::string const open = "open capacitor.k 1\n";
    auto const known =
        GENERATE_COPY(Known{kvar, "", drawing, 1}, Known{kvar + "voltoverride=yes vmin=118 vmax=126", open, low, 1},
                      Known{kvar + "voltoverride=yes vmin=100 vmax=126", open, low, 0},
                      Known{kvar + "voltoverride=yes vmin=118 vmax=125", "", light, 0},
                      Known{"type=current onsetting=20 offsetting=1 voltoverride=yes vmin=115 vmax=126", "", high, 1},
                      Known{kvar + "voltoverride=yes vmin=110 vmax=126", "numsteps=3", lighter, 0},
                      Known{"type=pf", open, drawing, 0},
                      Known{"type=voltage onsetting=117.5 offsetting=125 ptphase=avg", open, lower, 1},
                      Known{"type=voltage onsetting=112 offsetting=125 ptphase=max", open, lower, 0},
                      Known{"type=voltage onsetting=112 offsetting=125 ptphase=min", open, lower, 1},
                      Known{"type=current onsetting=3.5 offsetting=1 ctphase=max", open, drawing, 1},
                      Known{"type=current onsetting=3.5 offsetting=1 ctphase=min", open, drawing, 0});
    CAPTURE(known.settings, known.bank, known.at.source_pu);
    bool const is_open = known.bank == open;

    auto const settled = settle(circuit(known.at) + "New Capacitor.k bus1=end phases=3 kvar=900 kv=12.47 " +
                                (is_open ? "" : known.bank) + "\n" +
                                "New CapControl.cc capacitor=k element=line.l2 terminal=1 ptratio=60 ctratio=60 " +
                                known.settings + "\n" + (is_open ? open : ""));

    CHECK(settled.status == Status::converged);
    REQUIRE(settled.positions.capacitor_sections.size() == 1);
    CHECK(settled.positions.capacitor_sections[0][0] == known.sections);
}
