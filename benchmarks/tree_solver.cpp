/// Computing time of the tree interior point per vertex and iteration on synthetic trees, beside the memory bandwidth of the machine.
///
///     tree_solver [VERTICES [DANGER]]      default: 10000, 100000, 1000000 vertices; 1, 10 and 40 % of rows in danger
///
/// Trees have a three-phase trunk, two- and one-phase laterals and one-phase services in the proportion 10 : 20 : 70, and a
/// control at every sixth vertex. DANGER is the share of rows that leave their limits if no control moves.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include "dec/solvers/tree_interior_point.hpp"

using namespace dec::solvers;

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

struct Maker {
    TreeProgram program;
    std::mt19937 random{1};
    bool reactive = false;
    double level = 1.0;  // of the states at the root

    double between(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random); }

    std::int32_t add(std::int32_t parent, int rows, std::array<std::uint8_t, 3> place, double impedance, double load,
                     double available) {
        TreeVertex vertex;
        vertex.parent = parent;
        vertex.root = parent < 0;
        vertex.rows = static_cast<std::uint8_t>(rows);
        vertex.flows = static_cast<std::uint8_t>(reactive ? 2 * rows : rows);
        vertex.place = place;
        vertex.first_row = static_cast<std::int32_t>(program.low.size());
        vertex.first_control = static_cast<std::int32_t>(program.controls.size());
        vertex.first_number = static_cast<std::int64_t>(program.numbers.size());
        auto const j = static_cast<std::int32_t>(program.vertices.size());
        int const m = vertex.flows;
        auto const put = [this](double number) { program.numbers.push_back(number); };
        if (!vertex.root) {
            auto const& above = program.vertices[static_cast<std::size_t>(parent)];
            vertex.parent_rows = above.rows;
            vertex.parent_flows = above.flows;
            for (int i = 0; i < rows; ++i) put(1.0);
            for (int k = 0; k < m; ++k)
                for (int i = 0; i < rows; ++i) put(impedance * (k % rows == i ? 1.0 : 0.3) * (k < rows ? 1.0 : 0.7));
        }
        for (int i = 0; i < rows; ++i) put(vertex.root ? level : 0.0);
        for (int k = 0; k < m; ++k) put(k < rows ? load - available : 0.3 * load);
        if (available > 0.0) {
            // Curtailment of one phase, then reactive power there.
            program.controls.push_back({.term = {.curvature = available},
                                        .first_gain = static_cast<std::int64_t>(program.gains.size()),
                                        .vertex = j});
            for (int k = 0; k < m; ++k) program.gains.push_back(k < rows ? available : 0.0);
            if (reactive) {
                program.controls.push_back({.term = {.curvature = 0.1 * available, .lower = -0.5, .upper = 0.5},
                                            .first_gain = static_cast<std::int64_t>(program.gains.size()),
                                            .vertex = j});
                for (int k = 0; k < m; ++k) program.gains.push_back(k < rows ? 0.0 : available);
            }
            vertex.controls = reactive ? 2 : 1;
        }
        for (int i = 0; i < rows; ++i) {
            program.low.push_back(vertex.root ? -INFINITY : 0.9025);
            program.high.push_back(vertex.root ? INFINITY : 1.1025);
        }
        program.vertices.push_back(vertex);
        return j;
    }

    // One feeder of about 5000 vertices.
    void add_feeder(std::size_t vertices) {
        auto const last = program.vertices.size() + vertices;
        double const loading = between(0.6, 1.4);
        auto trunk = add(-1, 3, {0, 1, 2}, 0.0, 0.0, 0.0);
        while (program.vertices.size() < last) {
            trunk = add(trunk, 3, {0, 1, 2}, 4e-7, 0.0, 0.0);
            auto lateral = trunk;
            auto const first = static_cast<std::uint8_t>(random() % 2);
            int rows = 2;
            for (int i = 0; i < 3; ++i) {
                auto const at = lateral == trunk
                                    ? std::array<std::uint8_t, 3>{first, static_cast<std::uint8_t>(first + 1), 0}
                                    : std::array<std::uint8_t, 3>{0, 1, 0};
                if (i == 2) rows = 1;
                lateral = add(lateral, rows, rows == 2 ? at : std::array<std::uint8_t, 3>{}, 3e-3, 0.0, 0.0);
                auto const phase = static_cast<std::uint8_t>(random() % static_cast<unsigned>(rows));
                auto service = add(lateral, 1, {phase, 0, 0}, 6e-3, 0.05, 0.0);
                service = add(service, 1, {}, 6e-3, 0.1, loading * (random() % 2 == 0 ? between(0.5, 1.5) : 0.0));
            }
        }
    }
};

TreeProgram synthetic(std::size_t vertices, bool reactive, double level) {
    Maker maker;
    maker.reactive = reactive;
    maker.level = level;
    while (maker.program.vertices.size() < vertices)
        maker.add_feeder(std::min<std::size_t>(5000, vertices - maker.program.vertices.size()));
    maker.program.level_start = {0, static_cast<std::int32_t>(maker.program.vertices.size())};
    return std::move(maker.program);
}

double share_in_danger(TreeProgram program) {
    for (auto& control : program.controls) {
        double const at = control.term.lower < 0.0 ? 0.0 : control.term.lower;
        control.term.lower = control.term.upper = at;
    }
    auto const high = program.high;
    std::fill(program.high.begin(), program.high.end(), INFINITY);
    std::fill(program.low.begin(), program.low.end(), -INFINITY);
    NoLinks links;
    auto const outcome = solve(program, links, {});
    std::size_t count = 0;
    for (std::size_t i = 0; i < high.size(); ++i) count += outcome.state[i] > high[i] ? 1 : 0;
    return static_cast<double>(count) / static_cast<double>(high.size());
}

// The root's state at which the share wanted is in danger.
double level_for(std::size_t vertices, bool reactive, double danger) {
    double low = 0.95, high = 1.1;
    for (int i = 0; i < 14; ++i) {
        double const middle = 0.5 * (low + high);
        (share_in_danger(synthetic(std::min<std::size_t>(vertices, 20000), reactive, middle)) < danger ? low : high) =
            middle;
    }
    return 0.5 * (low + high);
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
