#include "plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "dec/coordination/limits.hpp"
#include "dec/core/memory.hpp"
#include "dec/synthesis/generate.hpp"
#include "pv_target.hpp"

namespace dec::app {

namespace {

constexpr double bytes_per_megabyte = 1024.0 * 1024.0;

/// What building, solving, checking and writing add to a rank that holds its piece, MB. Measured on a generated feeder of 42,500
/// buses, policies proportional and quadratic; with these numbers the whole is within 10 % of what either takes.
double expected_growth_mb(double vertices, SolveOptions const& options) {
    constexpr double fixed_mb = 3.8;
    double bytes_per_vertex = 1200.0;
    if (options.ac == "check") bytes_per_vertex = 2800.0;
    if (options.ac == "correct") bytes_per_vertex = 5500.0;
    if (options.reactive != "none") bytes_per_vertex += 4100.0;
    return fixed_mb + bytes_per_vertex * vertices / bytes_per_megabyte;
}

/// Writing a file takes this much longer than keeping its tables in memory.
constexpr double write_over_record = 2.0;

/// Buses of the small feeder; enough that what is the same for feeders of any size hardly counts.
constexpr std::int64_t pilot_buses = 10000;

/// How much slower a vertex is than in the small feeder where a piece of so many does not fit the caches: from 42,500 to 170,000
/// buses the processor takes a tenth more for each.
double out_of_cache(double vertices) {
    constexpr double per_decade = 0.15;
    return 1.0 + per_decade * std::max(0.0, std::log10(vertices / static_cast<double>(pilot_buses)));
}

/// Highest voltage of the linear model with nothing curtailed, pu. Collective.
double highest_voltage(core::Communicator const& comm, model::LinDist3Flow& flow) {
    model::FlowState state;
    flow.solve(std::vector<double>(flow.ders().size(), 0.0), state);
    double highest = 0.0;
    for (auto const& node : coordination::limited_nodes(flow.piece(), {}, state))
        highest = std::max(highest, coordination::seen(flow.piece(), state, node));
    return std::sqrt(std::max(comm.max(highest), 0.0));
}

/// A generated feeder whose highest voltage is about this one, on this rank alone.
feeder::Feeder pilot_feeder(double highest_pu) {
    auto feeder = synthesis::generate({.buses = pilot_buses});
    try {
        core::Index<feeder::PvSystem> const first{0};
        scale_pv_from(feeder, first, pv_factor_for(feeder, first, highest_pu));
    } catch (core::InvalidInput const&) {
        // It is higher without any PV; then nothing binds in either.
    }
    return feeder;
}

/// Seconds per vertex from the model to the results of a small feeder with these options, with all ranks at it; the slowest
/// rank's. Collective.
double measure_pace(core::Communicator const& comm, double highest_pu, SolveOptions options, Question const& question) {
    options.contracts.reset();
    options.warm_start.reset();
    options.source_voltage.reset();
    options.feeder.taps = "file";
    core::Communicator const alone{MPI_COMM_SELF};
    std::vector<std::string> warnings;
    Context context{.comm = alone, .command_line = {}, .log = core::Log{warnings}};
    double pace = 0.0;
    auto const feeder = pilot_feeder(highest_pu);
    MPI_Barrier(comm.handle());
    try {
        Clock clock;
        Progress silent;
        Opened opened;
        opened.piece = std::make_unique<partition::Piece>(whole_on_one_rank(feeder));
        auto const own = static_cast<double>(opened.piece->own);
        clock.lap();
        auto const solved = solve_feeder(context, std::move(opened), options, question, silent, clock);
        Clock write;
        core::TableRecord tables;
        results::write_answer(alone, tables, *solved.flow, solved.answer, solved.ac.get(), solved.summary, solved.run);
        auto const& s = solved.run.seconds;
        pace = (s.solve + s.check + write_over_record * write.lap()) / own;
    } catch (core::Error const&) {
        // No answer is found as fast as an answer, about.
    }
    return comm.max(pace);
}

}  // namespace

Plan plan(Context& context, Opened opened, SolveOptions const& options, Question const& question, Clock& clock,
          std::optional<double> known_pace) {
    auto const& comm = context.comm;
    auto const& piece = *opened.piece;
    auto const& run = opened.run;
    auto const& t = piece.totals;
    auto const own = static_cast<double>(piece.own);
    auto const memory = core::measure_memory();
    double const expected_mb = std::max(memory.peak, memory.now - memory.free + expected_growth_mb(own, options));
    model::LinDist3Flow flow{comm, piece, {.source_voltage_pu = options.source_voltage}};
    double const build_seconds = clock.lap();
    double const highest = highest_voltage(comm, flow);
    auto const pace = known_pace ? *known_pace : measure_pace(comm, highest, options, question);
    double available_w = 0.0;
    for (auto const& pv : piece.feeder.pv_systems.rows())
        if (piece.vertex_of_bus[pv.inverter.bus.at()] >= 0)
            for (double const p : pv.inverter.p_w) available_w += p;
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
                        .v_max_uncurtailed = highest,
                        .edge_cut = piece.summary.edge_cut,
                        .imbalance = piece.summary.imbalance,
                        .peak_memory_mb = comm.max(expected_mb),
                        .seconds = run.seconds},
              .other_ranks_mb = comm.max(comm.is_root() ? 0.0 : expected_mb),
              .seconds_per_vertex = pace};
    plan.known.seconds.build = build_seconds;
    plan.known.seconds.total =
        run.seconds.read + run.seconds.partition + comm.max(build_seconds) + pace * out_of_cache(own) * comm.max(own);
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
                               "available_kw", "imbalance", "peak_memory_mb", "seconds",  "v_max_uncurtailed"};
    constexpr std::array known_seconds{"read", "partition", "build", "total"};
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
