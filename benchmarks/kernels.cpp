/// The kernels that a solution is made of, by Google Benchmark, and the machine's own memory bandwidth (a triad as in STREAM) in the same
/// run. benchmarks/kernels starts it, draws it and explains it.
///
///     benchmark_kernels [VERTICES…] [OPTIONS OF GOOGLE BENCHMARK]      default: 10000 and 1000000 vertices
///
/// Counters: vertices; `per_vertex`, seconds per vertex and call (of the power flow: and iteration); `bytes_per_second`, where what a call
/// passes over is known.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "dec/feeder/areas.hpp"
#include "dec/model/lin_dist3_flow.hpp"
#include "dec/partition/prepare.hpp"
#include "dec/powerflow/power_flow.hpp"
#include "dec/synthesis/generate.hpp"
#include "solvers/tree_barrier.hpp"
#include "solvers/tree_presolve.hpp"
#include "synthetic_tree.hpp"

namespace {

using namespace dec;
using benchmark::Counter;
using benchmark::State;

/// `times`: how many of them one call of the loop stands for.
void count(State& state, double vertices, double bytes = 0.0, double times = 1.0) {
    state.counters["vertices"] = vertices;
    state.counters["per_vertex"] = Counter(vertices * times, Counter::kIsIterationInvariantRate | Counter::kInvert);
    if (bytes > 0.0) state.counters["bytes_per_second"] = Counter(bytes, Counter::kIsIterationInvariantRate);
}

/// a = b + s c over arrays of which none fits a cache; three streams, as STREAM counts them.
/// Source: McCalpin, IEEE TCCA Newsletter, December 1995.
void triad(State& state) {
    constexpr std::size_t size = std::size_t{1} << 24;
    std::vector<double> a(size, 0.0), b(size, 1.0), c(size, 2.0);
    for (auto step : state) {
        for (std::size_t i = 0; i < size; ++i) a[i] = b[i] + 3.0 * c[i];
        benchmark::ClobberMemory();
    }
    state.counters["bytes_per_second"] =
        Counter(3.0 * sizeof(double) * static_cast<double>(size), Counter::kIsIterationInvariantRate);
}

/// A tenth of its rows in danger.
solvers::TreeProgram program(std::int64_t vertices, bool reactive) {
    auto const size = static_cast<std::size_t>(vertices);
    return benchmarks::synthetic(size, reactive, benchmarks::level_for(size, reactive, 0.1));
}

/// Everything an iteration works on.
struct Tree {
    Tree(std::int64_t vertices, bool reactive)
        : program{::program(vertices, reactive)}, groups{program, links}, units{solvers::find_units(program, links,
                                                                                                    groups)},
          flow{program, links}, elimination{program, links, units.control_range}, barrier{program, units, elimination,
                                                                                          solvers::TreeSettings{}} {
        elimination.resize(model, step);
        barrier.start_cold(flow, groups);
        barrier.predict(0.0, step, model);
        elimination.factor(model);
        elimination.solve(model, step);
    }
    [[nodiscard]] double vertices() const { return static_cast<double>(program.vertices.size()); }

    solvers::NoLinks links;
    solvers::TreeProgram program;
    solvers::TreeGroups groups;
    solvers::TreeUnits units;
    solvers::TreeFlow flow;
    solvers::TreeElimination elimination;
    solvers::TreeBarrier barrier;
    solvers::TreeModel model;
    solvers::TreeStep step;
};

void factor(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    for (auto call : state) tree.elimination.factor(tree.model);
    count(state, tree.vertices(), static_cast<double>(tree.elimination.streams(tree.model).factor));
}

void update_slopes(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    for (auto call : state) tree.elimination.update_slopes(tree.model);
    count(state, tree.vertices(), static_cast<double>(tree.elimination.streams(tree.model).update_slopes));
}

void substitution(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    for (auto call : state) tree.elimination.solve(tree.model, tree.step);
    count(state, tree.vertices(), static_cast<double>(tree.elimination.streams(tree.model).solve));
}

/// What an iteration does to controls, slacks and multipliers between two eliminations.
void barrier(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    for (auto call : state) {
        benchmark::DoNotOptimize(tree.barrier.predict(0.0, tree.step, tree.model));
        benchmark::DoNotOptimize(tree.barrier.reach_of_prediction(tree.step));
        tree.barrier.correct(1e-3, 1.0, tree.model);
        benchmark::DoNotOptimize(tree.barrier.reach_of_correction(tree.step));
    }
    count(state, tree.vertices());
}

void states(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    std::vector<double> const at_rest(tree.program.controls.size(), 0.0);
    std::vector<double> v, s;
    for (auto call : state) tree.flow.states(at_rest, v, s);
    count(state, tree.vertices());
}

void prices(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    std::vector<double> const of_state(tree.program.low.size(), 1.0), of_flow(tree.flow.flows(), 0.0);
    std::vector<double> price;
    for (auto call : state) tree.flow.prices(of_state, of_flow, price);
    count(state, tree.vertices());
}

void presolve(State& state, std::int64_t vertices, bool reactive) {
    Tree tree{vertices, reactive};
    for (auto call : state) {
        solvers::TreePresolve presolve{tree.program, tree.units, tree.links, tree.flow};
        benchmark::DoNotOptimize(presolve.reduce());
    }
    count(state, tree.vertices());
}

/// A generated feeder, 60 % of its houses with PV.
partition::Piece piece(std::int64_t buses) {
    feeder::Notes notes;
    core::Communicator const self{MPI_COMM_SELF};
    auto feeder = synthesis::generate({.buses = buses, .pv_penetration = 0.6});
    return partition::distribute(
        self, partition::prepare(std::move(feeder), partition::Grain::secondary, 1, feeder::Loops::refused, notes));
}

/// Two sweeps of the linear power flow.
void linear_power_flow(State& state, std::int64_t buses) {
    auto const piece = ::piece(buses);
    model::LinDist3Flow flow{core::Communicator{MPI_COMM_SELF}, piece, {}};
    std::vector<double> const nothing(flow.ders().size(), 0.0);
    model::FlowState found;
    for (auto call : state) flow.solve(nothing, found);
    count(state, static_cast<double>(piece.own));
}

/// Newton's method from no load to 1e-8 pu, with its factorisations; per iteration.
void ac_power_flow(State& state, std::int64_t buses) {
    auto const piece = ::piece(buses);
    powerflow::PowerFlow flow{
        core::Communicator{MPI_COMM_SELF}, piece, {.load_limits = powerflow::LoadLimits::wide, .tolerance_pu = 1e-8}};
    powerflow::Outcome outcome;
    for (auto call : state) outcome = flow.solve();
    if (outcome.status != powerflow::Status::converged) state.SkipWithError("the power flow did not converge");
    count(state, static_cast<double>(piece.own), 0.0, static_cast<double>(outcome.iterations));
}

void register_all(std::vector<std::int64_t> const& sizes) {
    auto const add = [](std::string const& name, auto&&... of) {
        benchmark::RegisterBenchmark(name.c_str(), of...)->Unit(benchmark::kMillisecond);
    };
    add("triad", triad);
    using OfTree = void (*)(State&, std::int64_t, bool);
    std::pair<char const*, OfTree> const of_tree[] = {
        {"elimination", factor}, {"slopes", update_slopes}, {"substitution", substitution}, {"barrier", barrier},
        {"states", states},      {"prices", prices},        {"presolve", presolve}};
    for (auto const size : sizes) {
        auto const end = "/" + std::to_string(size);
        for (bool const reactive : {false, true})
            for (auto const& [name, kernel] : of_tree)
                add(name + std::string{reactive ? "/PQ" : "/P"} + end, kernel, size, reactive);
        add("linear_power_flow/PQ" + end, linear_power_flow, size);
        add("ac_power_flow/PQ" + end, ac_power_flow, size);
    }
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    benchmark::Initialize(&argc, argv);
    std::vector<std::int64_t> sizes;
    bool understood = true;
    for (int i = 1; i < argc; ++i) {
        sizes.push_back(std::atoll(argv[i]));
        understood = understood && sizes.back() >= synthesis::least_generated_buses;
    }
    if (!understood) std::fprintf(stderr, "usage: benchmark_kernels [VERTICES...] [--benchmark_...]\n");
    else {
        register_all(sizes.empty() ? std::vector<std::int64_t>{10'000, 1'000'000} : sizes);
        benchmark::RunSpecifiedBenchmarks();
    }
    MPI_Finalize();
    return understood ? 0 : 2;
}
