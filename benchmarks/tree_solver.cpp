/// Computing time of the tree interior point per vertex and iteration on synthetic trees, beside the memory bandwidth of the machine.
///
///     tree_solver [VERTICES [DANGER]]      default: 10000, 100000, 1000000 vertices; 1, 10 and 40 % of rows in danger
///
/// Trees are those of synthetic_tree.hpp. DANGER is the share of rows that leave their limits if no control moves.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include "synthetic_tree.hpp"

using namespace dec::benchmarks;

namespace {

// Seconds this process has computed: what others do on the machine counts as little as can be.
double now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Bytes per second of a sum over an array that fits no cache.
double memory_bandwidth() {
    std::vector<double> numbers(std::size_t{1} << 25, 1.0);
    double best = 0.0;
    for (int repeat = 0; repeat < 3; ++repeat) {
        double const start = now();
        double sum[8] = {};
        for (std::size_t i = 0; i < numbers.size(); i += 8)
            for (std::size_t k = 0; k < 8; ++k) sum[k] += numbers[i + k];
        double const seconds = now() - start;
        for (auto const part : sum) numbers[0] += 1e-30 * part;
        best = std::max(best, 8.0 * static_cast<double>(numbers.size()) / seconds);
    }
    return best;
}

void measure(std::size_t vertices, bool reactive, double danger) {
    auto const level = level_for(vertices, reactive, danger);
    auto const program = synthetic(vertices, reactive, level);
    double const count = static_cast<double>(program.vertices.size());
    double const share = share_in_danger(program);
    for (bool const presolve : {false, true}) {
        TreeSettings settings;
        settings.tolerance = 1e-8;
        settings.presolve = presolve;
        NoLinks links;
        // The first round begins the iterations, the last one ends them.
        double first = 0.0, last = 0.0;
        double const start = now();
        auto const outcome = solve(program, links, settings, nullptr, [&](TreeRound const& round) {
            (round.iteration == 0 ? first : last) = now();
            return false;
        });
        double const total = now() - start;
        double const iterations = last - first;

        auto changed = program;
        std::mt19937 random(7);
        for (std::size_t i = 0; i < changed.gains.size(); ++i)
            changed.gains[i] *= std::uniform_real_distribution<double>(0.995, 1.005)(random);
        TreeStart const from{
            .u = outcome.u, .y = outcome.y, .price_low = outcome.price_low, .price_high = outcome.price_high};
        auto const warm = solve(changed, links, settings, &from);
        std::printf("%9zu %-4s %7.1f %% %-9s %3d %9.1f %10.3f %10.3f %5d   %.6g%s\n", program.vertices.size(),
                    reactive ? "P Q" : "P", 100.0 * share, presolve ? "presolved" : "as it is", outcome.iterations,
                    1e9 * iterations / count / std::max(outcome.iterations, 1), iterations, total, warm.iterations,
                    outcome.objective,
                    outcome.status == TreeStatus::optimal && warm.status == TreeStatus::optimal ? "" : "  NOT SOLVED");
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::printf("memory %.1f GB/s\n", 1e-9 * memory_bandwidth());
    std::printf(" vertices flows  danger           it  ns/vertex/it iterations s   total s  warm   objective\n");
    std::vector<std::size_t> sizes{10000, 100000, 1000000};
    std::vector<double> dangers{0.01, 0.1, 0.4};
    if (argc > 1) sizes = {static_cast<std::size_t>(std::strtoull(argv[1], nullptr, 10))};
    if (argc > 2) dangers = {0.01 * std::strtod(argv[2], nullptr)};
    for (auto const size : sizes)
        for (auto const danger : dangers)
            for (bool const reactive : {false, true}) measure(size, reactive, danger);
    return 0;
}
