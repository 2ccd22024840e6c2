/// Time of the AC power flow of a feeder, with and without its factorisations, as one line of JSON. Beside wall time (`_s`) what the
/// slowest rank computed (`_cpu_s`), which what others do on the machine changes less.
///
///     power_flow FEEDER [REPEATS [TOLERANCE]]      15 repeats, 1e-8 pu
///
/// Runs under mpirun, too. Controls stay off, loads keep their model (0.5 to 1.5 pu), every solution starts at no load. Beside
/// OpenDSS: benchmarks/power_flow_against_opendss.py.
#include "dec/powerflow/power_flow.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "dec/core/error.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/catalogue.hpp"

namespace {

double computed() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

int run(dec::core::Communicator const& comm, char const* path, int repeats, double tolerance) {
    using namespace dec;
    double const begin = MPI_Wtime();
    std::optional<partition::Whole> whole;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        feeder::Notes notes;
        whole.emplace();
        whole->feeder = io::read_feeder(path).feeder;
        whole->tree = feeder::validate(whole->feeder, notes);
        feeder::derive_areas(whole->feeder);
        whole->agents = partition::find_agents(whole->feeder, whole->tree);
        whole->partition =
            partition::split(whole->feeder, whole->tree, whole->agents, partition::Grain::secondary, comm.size());
    });
    auto const piece = partition::distribute(comm, whole);
    whole.reset();
    double const distributed = MPI_Wtime();
    double const began_to_build = computed();
    powerflow::PowerFlow flow{comm, piece, {.load_limits = powerflow::LoadLimits::wide, .tolerance_pu = tolerance}};
    double const built = MPI_Wtime(), build_cpu = comm.max(computed() - began_to_build);
    double best = 1e99, best_without = 1e99, best_cpu = 1e99;
    powerflow::Outcome outcome;
    for (int i = 0; i < repeats; ++i) {
        double const began = computed();
        outcome = flow.solve();
        best_cpu = std::min(best_cpu, comm.max(computed() - began));
        best = std::min(best, comm.max(outcome.seconds));
        best_without = std::min(best_without, comm.max(outcome.seconds - outcome.factor_seconds));
    }
    double highest = 0.0;
    for (std::size_t j = 0; j < piece.own; ++j)
        if (piece.vertices[j].bus.valid())
            for (auto p : piece.vertices[j].phases.list()) highest = std::max(highest, std::abs(flow.voltage(j, p)));
    highest = comm.max(highest);
    if (comm.is_root())
        std::printf(
            "{\"feeder\": \"%s\", \"nodes\": %lld, \"ranks\": %d, \"status\": \"%s\", \"iterations\": %lld, "
            "\"factorisations\": %lld, \"v_max\": %.8f, \"read_and_distribute_s\": %.3f, \"build_s\": %.4f, "
            "\"build_cpu_s\": %.4f, \"solve_s\": %.6f, \"solve_cpu_s\": %.6f, \"solve_without_factorisations_s\": "
            "%.6f}\n",
            piece.feeder.heading.name.c_str(), static_cast<long long>(piece.totals.nodes), comm.size(),
            outcome.status == powerflow::Status::converged ? "converged" : "NOT SOLVED",
            static_cast<long long>(outcome.iterations), static_cast<long long>(outcome.factorisations), highest,
            distributed - begin, built - distributed, build_cpu, best, best_cpu, best_without);
    return outcome.status == powerflow::Status::converged ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int code = 2;
    if (argc < 2) std::fprintf(stderr, "usage: power_flow FEEDER [REPEATS [TOLERANCE]]\n");
    else {
        try {
            code = run(dec::core::Communicator{MPI_COMM_WORLD}, argv[1], argc > 2 ? std::atoi(argv[2]) : 15,
                       argc > 3 ? std::atof(argv[3]) : 1e-8);
        } catch (dec::core::Error const& error) {
            std::fprintf(stderr, "%s\n", error.what());
        }
    }
    MPI_Finalize();
    return code;
}
