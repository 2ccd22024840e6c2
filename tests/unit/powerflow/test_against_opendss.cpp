/// The AC power flow of public feeders against OpenDSS at the same state (../shared/reference, case "cim").
#include <algorithm>
#include <catch2/catch.hpp>
#include <numbers>

#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "support/ac_answer.hpp"
#include "support/places.hpp"

using namespace dec;
using namespace dec::feeder;

namespace {

struct Known {
    std::string feeder, reference;
    std::int64_t nodes;     ///< that are compared
    double source_kw, source_kvar, losses_kw;
};

}  // namespace

TEST_CASE("voltages and losses of public feeders are OpenDSS's", "[powerflow][opendss]") {
    auto const known = GENERATE(
        Known{"IEEE13.xml", "ieee13/cim.csv", 56, 3235.847484, 1701.940287, 97.580129},
        Known{"IEEE37.xml", "ieee37/cim.csv", 117, 2588.305845, 1571.216907, 152.256982},
        Known{"IEEE123.xml", "ieee123_switches/cim.csv", 274, 3615.264755, 1311.524935, 95.977589},
        Known{"IEEE123_PV.xml", "ieee123_pv/cim.csv", 442, 269.260233, 1266.533344, 88.878946},
        Known{"ieee8500.xml.gz", "ieee8500/cim.csv.gz", 8531, 12040.189124, 1440.24959, 1267.019267});
    auto const path = test::shared_path("feeders/cim/" + known.feeder);
    auto const reference = test::shared_path("reference/opendss/" + known.reference);
    if (!path || !reference) return;
    auto feeder = io::read_feeder(*path).feeder;
    derive_areas(feeder);

    test::AcAnswer ac{feeder, {.load_limits = powerflow::LoadLimits::wide}};
    auto const flows = ac.flow().flows();

    CAPTURE(known.feeder);
    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const volts = test::reference_phasors(*reference);
    std::vector<double> differences;
    std::string worst_node;
    for (auto id : feeder.buses.ids()) {
        if (!ac.is_energised(id)) continue;
        for (Phase p : ac.vertex(id).phases.list()) {
            auto const name = test::lower_case(feeder.buses.name(id)) + "." + std::string{to_text(p)};
            auto const known_v = volts.find(name);
            if (known_v == volts.end()) {
                UNSCOPED_INFO(name << " is not in the reference");
                continue;
            }
            double const d = std::abs(ac.volts(id, p) - known_v->second) / feeder.buses[id].base_v;
            if (differences.empty() || d > *std::ranges::max_element(differences)) worst_node = name;
            differences.push_back(d);
        }
    }
    CHECK(static_cast<std::int64_t>(differences.size()) == known.nodes);
    std::ranges::sort(differences);
    CAPTURE(worst_node, ac.outcome().iterations);
    CHECK(differences.back() < 1e-4);
    CHECK(differences[differences.size() / 2] < 1e-5);
    auto const& balance = flows.balance;
    CHECK(balance.source.real() / 1e3 == Approx(known.source_kw).epsilon(1e-4));
    CHECK(balance.source.imag() / 1e3 == Approx(known.source_kvar).epsilon(1e-3));
    CHECK(balance.losses_w / 1e3 == Approx(known.losses_kw).epsilon(1e-3));
    test::Complex const injected = balance.source + balance.pv + balance.batteries + balance.machines;
    CHECK(injected.real() == Approx(balance.loads.real() + balance.losses_w).epsilon(1e-8));
}
