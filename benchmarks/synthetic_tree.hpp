/// \file synthetic_tree.hpp
/// Programs on trees for benchmarks: a three-phase trunk, two- and one-phase laterals and one-phase services in the proportion
/// 10 : 20 : 70, and a control at every sixth vertex.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "dec/solvers/tree_interior_point.hpp"

namespace dec::benchmarks {

using namespace dec::solvers;

/// Builds it feeder by feeder.
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

/// About so many vertices, in feeders of 5000 at most. \param level of the states at the roots.
inline TreeProgram synthetic(std::size_t vertices, bool reactive, double level) {
    Maker maker;
    maker.reactive = reactive;
    maker.level = level;
    while (maker.program.vertices.size() < vertices)
        maker.add_feeder(std::min<std::size_t>(5000, vertices - maker.program.vertices.size()));
    maker.program.level_start = {0, static_cast<std::int32_t>(maker.program.vertices.size())};
    return std::move(maker.program);
}

/// Of rows that leave their limits if no control moves.
inline double share_in_danger(TreeProgram program) {
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

/// The roots' state at which that share of rows is in danger.
inline double level_for(std::size_t vertices, bool reactive, double danger) {
    double low = 0.95, high = 1.1;
    for (int i = 0; i < 14; ++i) {
        double const middle = 0.5 * (low + high);
        (share_in_danger(synthetic(std::min<std::size_t>(vertices, 20000), reactive, middle)) < danger ? low : high) =
            middle;
    }
    return 0.5 * (low + high);
}

}  // namespace dec::benchmarks
