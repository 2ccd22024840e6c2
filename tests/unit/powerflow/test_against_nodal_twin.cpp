/// Random feeders against one dense nodal circuit of the whole.
#include <catch2/catch.hpp>

#include "reference/nodal_twin.hpp"
#include "support/ac_answer.hpp"
#include "support/random_ac_feeder.hpp"

using namespace dec;
using namespace dec::feeder;
using powerflow::LoadLimits;

TEST_CASE("the power flow is that of the whole circuit solved at once", "[powerflow]") {
    auto const seed = GENERATE(range(0U, 18U));
    auto const limits = GENERATE(LoadLimits::wide, LoadLimits::file);
    auto const feeder = test::random_ac_feeder({.seed = seed, .pv_scale = 0.5});
    CAPTURE(seed, limits == LoadLimits::wide);

    test::AcAnswer ac{feeder, {.load_limits = limits}};
    auto const twin = limits == LoadLimits::wide ? test::nodal_twin(feeder, {0.5, 1.5, 0.5}, {0.5, 1.5, 0.5})
                                                 : test::nodal_twin(feeder, {0.95, 1.05, 0.5}, {0.9, 1.1, 0.9});

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
