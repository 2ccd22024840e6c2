/// The linear model of public feeders against AC power flows of OpenDSS at the same state (../shared/reference, case "cim").
/// What remains is what the model leaves out: losses and the turning of angles. A wrong ratio, clock, connection or
/// neutral impedance is several times larger.
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "support/ac_answer.hpp"
#include "support/linear_answer.hpp"
#include "support/places.hpp"

using namespace dec;
using namespace dec::feeder;

namespace {

struct Known {
    std::string feeder, reference;
    double largest_pu;   ///< difference of |V| of phases
    double pairs_pu;     ///< and line to line: a delta behind grounded phases sees how far these are from 120 degrees
    std::int64_t nodes;  ///< that are compared
};

}  // namespace

TEST_CASE("voltages of public feeders are near OpenDSS's, by what losses and angles explain", "[model][opendss]") {
    auto const known = GENERATE(Known{"IEEE13", "ieee13", 0.006, 0.0, 56}, Known{"IEEE37", "ieee37", 1e-4, 0.0115, 117},
                                Known{"IEEE123_PV", "ieee123_pv", 0.006, 0.0125, 442});
    auto const path = test::shared_path("feeders/cim/" + known.feeder + ".xml");
    auto const reference = test::shared_path("reference/opendss/" + known.reference + "/cim.csv");
    if (!path || !reference) return;
    auto feeder = io::read_feeder(*path).feeder;
    derive_areas(feeder);
    test::LinearAnswer const linear{feeder};
    auto const volts = test::reference_phasors(*reference);

    CAPTURE(known.feeder);
    std::int64_t compared = 0;
    for (auto id : feeder.buses.ids()) {
        if (!linear.is_energised(id)) continue;
        auto const& vertex = linear.piece().vertices[linear.vertex(id)];
        auto const at = [&](Phase p) {
            return volts.at(test::lower_case(feeder.buses.name(id)) + "." + std::string{to_text(p)});
        };
        for (Phase p : vertex.phases.list()) {
            bool const pair = vertex.floating_delta;
            double const base = feeder.buses[id].base_v * (pair ? std::numbers::sqrt3 : 1.0);
            double const ac = std::abs(pair ? at(p) - at(delta_pair(p)[1]) : at(p)) / base;
            double const v = std::sqrt(pair ? linear.pair_v_sq(id, p) : linear.v_sq(id, p));
            CAPTURE(feeder.buses.name(id), to_text(p), v, ac);
            CHECK(std::abs(v - ac) < (pair ? known.pairs_pu : known.largest_pu));
            ++compared;
        }
    }
    CHECK(compared == known.nodes);
}
