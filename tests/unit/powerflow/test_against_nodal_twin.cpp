/// Random feeders against one dense nodal circuit of the whole.
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/nodal_twin.hpp"
#include "support/ac_answer.hpp"
#include "support/random_ac_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::LoadLimits;

namespace {

void compare(Feeder const& feeder, test::AcAnswer const& ac, test::NodalAnswer const& twin) {
    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const volts = ac.all_volts();
    std::size_t node = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list()) {
            auto const ours = volts[node], theirs = twin.volts[node];
            ++node;
            REQUIRE(std::isnan(ours.real()) == std::isnan(theirs.real()));
            if (std::isnan(ours.real())) continue;
            CAPTURE(feeder.buses.name(id), to_text(p), ours, theirs);
            CHECK(std::abs(ours - theirs) < 1e-9 * feeder.buses[id].base_v);
        }
    CHECK(node == twin.volts.size());
}

}  // namespace

TEST_CASE("the power flow is that of the whole circuit solved at once", "[powerflow]") {
    auto const seed = GENERATE(range(0U, 18U));
    auto const limits = GENERATE(LoadLimits::wide, LoadLimits::file);
    auto const feeder = test::random_ac_feeder({.seed = seed, .pv_scale = 0.5});
    CAPTURE(seed, limits == LoadLimits::wide);

    test::AcAnswer ac{feeder, {.load_limits = limits}};
    auto const twin = limits == LoadLimits::wide ? test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5})
                                                 : test::nodal_twin(feeder, {0.95, 1.05, 0.5}, {0.9, 1.1, 0.9});

    compare(feeder, ac, twin);
}

TEST_CASE("so it is where switches have an impedance and loads a rating of their own", "[powerflow]") {
    auto const seed = GENERATE(range(0U, 12U));
    auto feeder = test::random_ac_feeder({.seed = seed, .pv_scale = 0.5});
    double turn = 0.0;
    for (auto& s : feeder.switches.rows()) {
        turn += 1.0;
        s.r_ohm = 0.01 + 0.001 * turn;
        s.x_ohm = 0.02;
        s.r0_ohm = 0.03;
        s.x0_ohm = 0.05 + 0.002 * turn;
    }
    for (auto& load : feeder.loads.rows()) {
        turn += 1.0;
        Phase const first = *load.phases.list().begin();
        bool const between = load.connection == Connection::delta;
        double const base = feeder.buses[load.bus].base_v * (!between ? 1.0 : is_leg(first) ? 2.0 : std::sqrt(3.0));
        load.nominal_v = base * (0.98 + 0.005 * std::fmod(turn, 8.0));
        load.low_pu = 0.88;
        load.high_pu = 1.2;
    }
    CAPTURE(seed);

    test::AcAnswer const ac{feeder, {.load_limits = LoadLimits::file}};

    compare(feeder, ac, test::nodal_twin(feeder, {0.95, 1.05, 0.5}, {0.9, 1.1, 0.9}));
}
