/// The AC power flow of public feeders against OpenDSS at the same state (../shared/reference, case "cim").
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "dec/core/json.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "support/ac_answer.hpp"
#include "support/mended.hpp"
#include "support/places.hpp"

using namespace dec;
using namespace dec::feeder;

namespace {

/// To OpenDSS the impedance of a line of one phase with sequence values is the positive sequence; it is the self impedance (2 z1 + z0)/3
/// of the line of three phases that the values are about.
void take_positive_sequence_for_one_phase(Feeder& feeder) {
    for (auto& line : feeder.lines.rows()) {
        auto code = feeder.line_codes[line.code];
        if (line.conductors != 1 || code.form != LineCode::Form::sequence) continue;
        for (auto* matrix : {&code.r_ohm, &code.x_ohm, &code.b_s})
            for (std::size_t i = 0; i < 3; ++i) (*matrix)[i][i] -= (*matrix)[i][(i + 1) % 3];
        line.code = feeder.line_codes.add(code, std::string{feeder.line_codes.name(line.code)} + " of one phase");
    }
}

/// The loads of epri_ckt5 are rated 240 V and exponential with 0.8 for P and 3 for Q, where the export gives all of OpenDSS's model
/// 4 the exponents 1 and 2. It writes the charging of sequence line codes in GS/m, too.
void mend_loads_and_export(Feeder& feeder) {
    for (auto& model : feeder.load_models.rows())
        if (model.exponential) {
            model.p_exponent = 0.8;
            model.q_exponent = 3.0;
        }
    test::rate_loads_at(240.0, feeder);
    test::mend_export(feeder);
    take_positive_sequence_for_one_phase(feeder);
}

/// OpenDSS 0.14.5 holds SteamGen1 (model 3, at its lower limit) at another Q than it reports: the currents at its bus do not sum to
/// zero by 0.7037, 0.7067 and 0.7088 A (kcl_mismatch_a in the reference's summary.json), which is 9.646e-5 S at each phase.
void mend_machine_at_its_limit(Feeder& feeder) {
    test::mend_export(feeder);
    for (auto id : feeder.machines.ids())
        if (feeder.machines.name(id) == "steamgen1") {
            constexpr double b_s = -9.646e-5;
            feeder.capacitors.add({.bus = feeder.machines[id].bus,
                                   .phases = PhaseSet::abc(),
                                   .nominal_v = 12470.0,
                                   .b_per_section_s = {b_s, b_s, b_s},
                                   .sections = {1.0, 1.0, 1.0}},
                                  "what OpenDSS does not report");
        }
}

void nothing_to_mend(Feeder&) {}

struct Known {
    std::string feeder, reference;
    void (*mend)(Feeder&);   ///< what the CIM100 file does not carry, or carries wrongly
    double as_it_stands_pu;  ///< largest difference of |V| with the file as it is
    std::int64_t nodes;      ///< that are compared
    double source_kw, source_kvar, loads_kw, losses_kw;
    EarthModel earth = EarthModel::modified_carson;  ///< of the reference, which CIM does not carry
};

struct Differences {
    std::vector<double> sorted;  ///< of |V| to ground, pu; behind a floating delta too
    std::string worst;
};

Differences differences(test::AcAnswer const& ac, Feeder const& feeder,
                        std::map<std::string, test::Complex> const& reference) {
    Differences found;
    double largest = -1.0;
    for (auto id : feeder.buses.ids()) {
        if (!ac.is_energised(id)) continue;
        for (Phase p : ac.vertex(id).phases.list()) {
            auto const name = test::lower_case(feeder.buses.name(id)) + "." + std::string{to_text(p)};
            if (name.starts_with("seat of ")) continue;
            double const difference =
                std::abs(std::abs(ac.volts(id, p)) - std::abs(reference.at(name))) / feeder.buses[id].base_v;
            found.sorted.push_back(difference);
            if (difference <= largest) continue;
            largest = difference;
            found.worst = name;
        }
    }
    std::ranges::sort(found.sorted);
    return found;
}

}  // namespace

TEST_CASE("voltages and losses of public feeders are OpenDSS's", "[powerflow][opendss]") {
    auto const known = GENERATE(Known{"IEEE13.xml", "ieee13/cim.csv", test::rate_loads_at_2400_volts, 5e-5, 56,
                                      3235.847484, 1701.940287, 3476.267354, 97.580129},
                                Known{"IEEE37.xml", "ieee37/cim.csv", nothing_to_mend, 1e-7, 117, 2588.305845,
                                      1571.216907, 2436.048863, 152.256982},
                                Known{"IEEE123.xml", "ieee123_switches/cim.csv", test::rate_loads_at_2400_volts, 5e-5,
                                      274, 3615.264755, 1311.524935, 3519.287169, 95.977589},
                                Known{"IEEE123_PV.xml", "ieee123_pv/cim.csv", nothing_to_mend, 1e-6, 442, 269.260233,
                                      1266.533344, 3500.381288, 88.878946},
                                Known{"ieee8500.xml.gz", "ieee8500/cim.csv.gz", test::mend_export, 1.6e-4, 8531,
                                      12040.189124, 1440.24959, 10773.17, 1267.019267},
                                Known{"IEEE13_Assets.xml", "ieee13_assets/cim.csv", test::rate_loads_at_2400_volts,
                                      5e-5, 41, 3585.549391, 2387.598574, 3453.540931, 132.008459},
                                Known{"epri_ckt5.xml.gz", "epri_ckt5/cim.csv", mend_loads_and_export, 1.7e-3, 3437,
                                      7277.538426, 3576.966915, 7013.23072, 264.308371, EarthModel::deri},
                                Known{"ieee9500.xml.gz", "ieee9500/cim.csv.gz", mend_machine_at_its_limit, 4e-4, 9549,
                                      5574.06416, 872.631557, 13668.987174, 454.736143});
    auto const path = test::shared_path("feeders/cim/" + known.feeder);
    auto const reference = test::shared_path("reference/opendss/" + known.reference);
    if (!path || !reference) return;
    auto feeder = io::read_feeder(*path, {.earth = {known.earth}}).feeder;
    derive_areas(feeder);
    auto const volts = test::reference_phasors(*reference);
    powerflow::Settings const settings{.load_limits = powerflow::LoadLimits::wide};
    CAPTURE(known.feeder);

    auto const as_it_stands = differences(test::AcAnswer{feeder, settings}, feeder, volts);
    {
        CAPTURE(as_it_stands.worst);
        CHECK(static_cast<std::int64_t>(as_it_stands.sorted.size()) == known.nodes);
        CHECK(as_it_stands.sorted.back() < known.as_it_stands_pu);
    }

    known.mend(feeder);
    test::AcAnswer ac{feeder, settings};
    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const mended = differences(ac, feeder, volts);
    CAPTURE(mended.worst);
    CHECK(mended.sorted.back() < 1e-5);
    CHECK(mended.sorted[mended.sorted.size() / 2] < 3e-6);
    auto const balance = ac.flow().flows().balance;
    CHECK(balance.source.real() / 1e3 == Approx(known.source_kw).epsilon(2e-5));
    // the 18 regulators of ieee9500, 10 and 27.5 MVA, are declared with ppm=0, which CIM does not carry: here they draw 0.4 kvar
    CHECK(balance.source.imag() / 1e3 == Approx(known.source_kvar).epsilon(2e-4).margin(0.4));
    CHECK(balance.loads.real() / 1e3 == Approx(known.loads_kw).epsilon(1e-5));
    CHECK(balance.losses_w / 1e3 == Approx(known.losses_kw).epsilon(1e-4));
}

TEST_CASE("outside their voltage limits loads draw what OpenDSS's loads draw", "[powerflow][opendss]") {
    // With every tap at 1.0 the feeder sags to 0.9265 pu; the limits are OpenDSS's 0.95 to 1.05.
    auto const path = test::shared_path("feeders/cim/IEEE123.xml");
    auto const reference = test::shared_path("reference/opendss/ieee123_switches/snapshot_off.csv");
    if (!path || !reference) return;
    auto feeder = io::read_feeder(*path).feeder;
    set_taps_neutral(feeder);
    test::rate_loads_at_2400_volts(feeder);
    derive_areas(feeder);

    test::AcAnswer const ac{feeder, {.load_limits = powerflow::LoadLimits::file}};

    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const found = differences(ac, feeder, test::reference_phasors(*reference));
    CAPTURE(found.worst);
    CHECK(found.sorted.size() == 274);
    CHECK(found.sorted.back() < 1e-6);
}

namespace {

/// Taps and capacitors where OpenDSS has them in a case.
void set_positions(Feeder& feeder, core::Json const& state) {
    for (auto const& regulator : state["regulators"])
        for (auto id : feeder.tap_changers.ids())
            if (test::lower_case(feeder.tap_changers.name(id)) == regulator["name"].get<std::string>())
                feeder.tap_changers[id].step = regulator["tap_number"].get<double>();
    for (auto const& known : state["capacitors"])
        for (auto id : feeder.capacitors.ids()) {
            if (test::lower_case(feeder.capacitors.name(id)) != known["name"].get<std::string>()) continue;
            for (Phase p : feeder.capacitors[id].phases.list())
                feeder.capacitors[id].sections[slot(p)] = known["states"][0].get<double>();
        }
}

}  // namespace

TEST_CASE("other states of public feeders have OpenDSS's voltages", "[powerflow][opendss]") {
    // Loads of ieee8500 keep their model down to 0.88 pu, which CIM100 does not say: only what has wide limits is compared there.
    struct Case {
        std::string name;
        powerflow::LoadLimits limits;
        bool constant_power;
    };
    using enum powerflow::LoadLimits;
    auto const& [name, limits, constant_power] =
        GENERATE(Case{"snapshot_off", file, false}, Case{"snapshot_wide", wide, false}, Case{"snapshot_pq", wide, true},
                 Case{"settled_wide", wide, false}, Case{"controls_on", file, false});
    auto const [file_name, reference] =
        GENERATE(std::pair{std::string{"IEEE13.xml"}, std::string{"ieee13"}}, std::pair{"IEEE37.xml", "ieee37"},
                 std::pair{"IEEE123.xml", "ieee123_switches"}, std::pair{"IEEE123_PV.xml", "ieee123_pv"},
                 std::pair{"ieee8500.xml.gz", "ieee8500"});
    bool const is_8500 = reference == "ieee8500";
    if (is_8500 && limits == file) return;
    // Some of its exponential loads are below 0.95 pu, where OpenDSS's jump by 5 % of their power (95.1 to 99.8 kW of 100 kW at
    // 0.95 pu); ours do not.
    bool const jumps = reference == "ieee37" && limits == file;
    auto const folder = "reference/opendss/" + reference + "/";
    auto const path = test::shared_path("feeders/cim/" + file_name),
               summary_path = test::shared_path(folder + "summary.json");
    if (!path || !summary_path) return;
    std::ifstream summary_file{*summary_path};
    auto const summary = core::Json::parse(summary_file);
    auto feeder = io::read_feeder(*path).feeder;
    set_positions(feeder, summary["cases"][name]);
    if (is_8500) test::mend_export(feeder);
    else test::rate_loads_at_2400_volts(feeder);
    if (is_8500) test::give_switches_their_impedance(feeder);
    if (constant_power)
        for (auto& load : feeder.loads.rows()) load.model = {};
    derive_areas(feeder);
    bool const plain = std::filesystem::exists(std::filesystem::path{*summary_path}.parent_path() / (name + ".csv"));
    auto const volts = test::shared_path(folder + name + (plain ? ".csv" : ".csv.gz"));
    REQUIRE(volts);

    test::AcAnswer const ac{feeder, {.load_limits = limits}};

    CHECK(ac.outcome().status == powerflow::Status::converged);
    auto const found = differences(ac, feeder, test::reference_phasors(*volts));
    CAPTURE(reference, name, found.worst, found.sorted.size());
    CHECK(found.sorted.back() < (jumps ? 5e-4 : 1e-4));
    CHECK(found.sorted[found.sorted.size() / 2] < (jumps ? 2e-4 : 1e-5));
}
