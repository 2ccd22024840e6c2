/// The least that has to be curtailed so that AC voltages hold, by successive linearisation with differences of whole AC power flows
/// (tests/reference), beginning at setpoints of `dec solve`; as one line of JSON. For benchmarks/correction.py.
///
///     ac_optimum FEEDER RESULTS POLICY [SOURCE_VOLTAGE [LOAD_SCALE [PV_SCALE [TAPS]]]]     TAPS: file, neutral
#include "reference/ac_optimum.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "dec/feeder/feeder.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/results/start.hpp"
#include "support/corrected.hpp"

namespace {

int run(int count, char** arguments) {
    using namespace dec;
    core::Communicator const alone{MPI_COMM_SELF};
    auto const number = [&](int k, double otherwise) { return k < count ? std::atof(arguments[k]) : otherwise; };
    auto const* policy = fairness::find_policy(arguments[3]);
    if (policy == nullptr || policy->cost == nullptr)
        throw core::InvalidInput{{arguments[3], {}, "is no policy with a cost", "choose quadratic or min-curtailment"}};
    auto feeder = io::read_feeder(arguments[1]).feeder;
    if (count > 7 && std::string_view{arguments[7]} == "neutral") feeder::set_taps_neutral(feeder);
    feeder::scale(feeder, number(5, 1.0), number(6, 1.0));
    std::optional<double> source;
    if (count > 4) source = number(4, 1.0);
    auto const piece = test::spread(alone, feeder);
    auto const start = results::read_start(alone, arguments[2], piece, arguments[3]);

    coordination::VoltageLimits const limits;
    auto const best = test::ac_optimum(feeder, *policy, limits, start.alpha, source);

    // As somebody else sees it: devices as they are, from no load.
    powerflow::PowerFlow flow{alone, piece, {.source_voltage_pu = source}};
    flow.curtail(best.alpha);
    bool const known = flow.solve().status == powerflow::Status::converged;
    model::FlowState flat;
    flat.v_sq.assign(3 * piece.vertices.size(), 1.0);
    double highest = 0.0, curtailed_kw = 0.0;
    for (auto const& node : coordination::limited_nodes(piece, limits, flat)) {
        auto const at = static_cast<std::size_t>(node.vertex);
        auto const legs = static_cast<std::size_t>(piece.vertices[at].phases.has_legs() ? 3 : 0);
        auto const phase = static_cast<feeder::Phase>(static_cast<std::size_t>(node.place) + legs);
        highest = std::max(highest, std::abs(powerflow::seen_voltage(flow, at, phase)));
    }
    for (std::size_t d = 0; d < best.alpha.size(); ++d)
        for (double const p : piece.feeder.pv_systems.rows()[d].inverter.p_w) curtailed_kw += best.alpha[d] * p / 1e3;
    std::printf(R"({"objective": %.12g, "curtailed_kw": %.12g, "violation": %.3g, "v_max_ac": %.9f, "ders": %zu})"
                "\n",
                best.objective, curtailed_kw, best.violation_pu, known ? highest : 0.0, best.alpha.size());
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) {
        std::fprintf(stderr, "ac_optimum FEEDER RESULTS POLICY [SOURCE_VOLTAGE [LOAD_SCALE [PV_SCALE [TAPS]]]]\n");
        return 2;
    }
    MPI_Init(&count, &arguments);
    int code = 1;
    try {
        code = run(count, arguments);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "ac_optimum: %s\n", error.what());
    }
    MPI_Finalize();
    return code;
}
