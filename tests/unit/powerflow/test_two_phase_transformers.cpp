/// Transformers of two phases in OpenDSS's scripts, which are two units of one.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <string>

#include "dec/io/catalogue.hpp"
#include "support/ac_answer.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;

TEST_CASE("transformers of two phases of OpenDSS's scripts have its voltages", "[powerflow][dss]") {
    struct Known {
        std::string transformer, loads;
        std::map<std::string, double> volts;  ///< of DSS C-API 0.14.5, to ground, by "bus.phase"
    };
    auto const known = GENERATE(Known{"buses=(sourcebus.1.3 low.1.3) conns=(wye wye)",
                                      R"(New Load.a bus1=low.1 phases=1 kv=2.4018 kw=200 kvar=60 model=2
New Load.b bus1=low.3 phases=1 kv=2.4018 kw=120 kvar=10 model=2
New Load.c bus1=low.1.3 phases=1 kv=4.16 kw=80 kvar=20 model=2
)",
                                      {{"sourcebus.A", 7230.884264},
                                       {"sourcebus.B", 7283.356944},
                                       {"sourcebus.C", 7247.198254},
                                       {"low.A", 2290.113139},
                                       {"low.C", 2320.265083}}},
                                Known{"buses=(sourcebus.1.2.3 low.1.3) conns=(delta wye)",
                                      "New Load.a bus1=low.1.3 phases=1 kv=4.16 kw=200 kvar=60 model=2\n",
                                      {{"sourcebus.A", 7251.036132},
                                       {"sourcebus.B", 7252.453670},
                                       {"sourcebus.C", 7279.795339},
                                       {"low.A", 2335.721003},
                                       {"low.C", 2302.610460}}});
    test::TemporaryFolder const folder;
    std::ofstream{folder / "master.dss"} << "New Circuit.two basekv=12.47 pu=1.01 r1=0.5 x1=2 r0=1 x0=4\n"
                                         << "New Transformer.t phases=2 windings=2 " << known.transformer
                                         << " kvs=(12.47 4.16) kvas=(1000 1000) %rs=(0.5 0.6) xhl=5 %noloadloss=0.3 "
                                            "%imag=0.8 taps=(1.025 0.9875)\n"
                                         << known.loads << "set voltagebases=(12.47 4.16)\ncalcvoltagebases\n";
    auto const feeder = io::read_feeder(folder / "master.dss").feeder;

    test::AcAnswer const ac{feeder};

    CHECK(ac.outcome().status == powerflow::Status::converged);
    std::size_t compared = 0;
    for (auto id : feeder.buses.ids())
        for (feeder::Phase p : ac.vertex(id).phases.list()) {
            auto const name = std::string{feeder.buses.name(id)} + "." + std::string{feeder::to_text(p)};
            CAPTURE(name);
            CHECK(std::abs(ac.volts(id, p)) == Approx(known.volts.at(name)).epsilon(1e-7));
            ++compared;
        }
    CHECK(compared == known.volts.size());
}
