#include "plan.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace dec::app {

namespace {

constexpr double bytes_per_megabyte = 1024.0 * 1024.0;

/// Largest so far, and now, of this process, MB.
struct Memory {
    double peak = 0.0, now = 0.0;
};

Memory measure_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    Memory memory{.peak = static_cast<double>(usage.ru_maxrss) * 1024.0 / bytes_per_megabyte};
    std::ifstream pages{"/proc/self/statm"};
    double size = 0.0, resident = 0.0;
    if (pages >> size >> resident)
        memory.now = resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / bytes_per_megabyte;
    return memory;
}

/// Measured on the demonstration feeder and on ieee8500, with and without PV, on 1 to 4 ranks: what building, solving and
/// writing add to a rank that holds its piece, within 10 % of its peak.
constexpr double megabytes_to_write = 5.5;
constexpr double bytes_per_vertex = 2600.0;
constexpr double seconds_to_write = 0.08;
constexpr double seconds_per_vertex = 1.2e-5;

}  // namespace

Plan plan(core::Communicator const& comm, partition::Piece const& piece, results::Run const& run) {
    auto const& t = piece.totals;
    auto const own = static_cast<double>(piece.own);
    auto const memory = measure_memory();
    double available_w = 0.0;
    for (auto const& pv : piece.feeder.pv_systems.rows())
        if (piece.vertex_of_bus[pv.inverter.bus.at()] >= 0)
            for (double const p : pv.inverter.p_w) available_w += p;
    double const expected_mb =
        std::max(memory.peak, memory.now + megabytes_to_write + bytes_per_vertex * own / bytes_per_megabyte);
    Plan plan{.known = {.feeder = piece.feeder.heading.name,
                        .buses = t.buses,
                        .nodes = t.nodes,
                        .branches = t.branches,
                        .loads = t.loads,
                        .ders = t.ders,
                        .storages = t.storages,
                        .machines = t.machines,
                        .agents = t.agents,
                        .areas = t.areas,
                        .ranks = comm.size(),
                        .method = run.method,
                        .policy = run.policy,
                        .scope = run.scope,
                        .available_kw = comm.sum(available_w) / 1e3,
                        .edge_cut = piece.summary.edge_cut,
                        .imbalance = piece.summary.imbalance,
                        .peak_memory_mb = comm.max(expected_mb),
                        .seconds = run.seconds},
              .other_ranks_mb = comm.max(comm.is_root() ? 0.0 : expected_mb)};
    plan.known.seconds.total =
        run.seconds.read + run.seconds.partition + seconds_to_write + seconds_per_vertex * comm.max(own);
    return plan;
}

std::string to_lines(Plan const& plan) {
    auto const& known = plan.known;
    auto const others = known.ranks > 1 ? fmt::format(", {:.0f} MB on each other", plan.other_ranks_mb) : std::string{};
    return fmt::format(
        "{}: {} buses, {} nodes, {} branches, {} loads, {} PV systems, {} agents\n"
        "{} rank{}, {} branches cut, imbalance {:.3f}\n"
        "solving would take about {:.0f} MB on the rank that reads{}; about {:.1f} s with a core for each rank\n"
        "dry run: nothing was solved or written\n",
        known.feeder, known.buses, known.nodes, known.branches, known.loads, known.ders, known.agents, known.ranks,
        known.ranks == 1 ? "" : "s", known.edge_cut, known.imbalance, known.peak_memory_mb, others,
        known.seconds.total);
}

core::Json to_json(Plan const& plan) {
    constexpr std::array known{"feeder",       "buses",     "nodes",          "branches", "loads",
                               "ders",         "storages",  "machines",       "agents",   "areas",
                               "ranks",        "method",    "policy",         "scope",    "edge_cut",
                               "available_kw", "imbalance", "peak_memory_mb", "seconds"};
    constexpr std::array known_seconds{"read", "partition", "total"};
    auto const keep = [](core::Json& object, auto const& names) {
        for (auto& [key, value] : object.items())
            if (std::ranges::find(names, key) == names.end()) value = nullptr;
    };
    auto json = results::to_json(plan.known);
    keep(json, known);
    keep(json["seconds"], known_seconds);
    return json;
}

}  // namespace dec::app
