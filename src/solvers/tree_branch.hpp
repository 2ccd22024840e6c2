/// \file tree_branch.hpp
/// The numbers of one vertex of a program on a tree, and what its link to its parent does to vectors.
#pragma once

#include "dec/solvers/tree_program.hpp"

namespace dec::solvers::branch {

// Views of a vertex's numbers, by columns as the program has them.
struct Numbers {
    double const* R = nullptr;  // straight: tau
    double const* L = nullptr;
    double const* D = nullptr;
    double const* e = nullptr;
    double const* c = nullptr;
    double const* K = nullptr;
    double const* W = nullptr;
};

inline Numbers numbers_of(TreeProgram const& program, TreeVertex const& vertex) {
    Numbers numbers;
    double const* at = program.numbers.data() + vertex.first_number;
    if (!vertex.root) {
        numbers.R = at;
        at += vertex.straight ? vertex.rows : vertex.rows * vertex.parent_rows;
        if (!vertex.straight) {
            numbers.L = at;
            at += vertex.parent_flows * vertex.flows;
        }
        numbers.D = at;
        at += vertex.rows * vertex.flows;
    }
    numbers.e = at;
    numbers.c = at + vertex.rows;
    at += vertex.rows + vertex.flows;
    if (vertex.sloped) {
        numbers.K = at;
        at += vertex.flows * vertex.rows;
    }
    if (vertex.mixed) numbers.W = at;
    return numbers;
}

inline std::size_t flow_above(TreeVertex const& vertex, std::size_t i) {
    return i < vertex.rows ? vertex.place[i] : std::size_t{vertex.parent_rows} + vertex.place[i - vertex.rows];
}

// to += R x, R'x, L x, L'x of a branch.
inline void add_states(TreeVertex const& vertex, Numbers const& numbers, double const* above, double* to) {
    for (std::size_t i = 0; i < vertex.rows; ++i) {
        if (vertex.straight) {
            to[i] += numbers.R[i] * above[vertex.place[i]];
        } else {
            for (std::size_t j = 0; j < vertex.parent_rows; ++j) to[i] += numbers.R[j * vertex.rows + i] * above[j];
        }
    }
}
inline void add_duals(TreeVertex const& vertex, Numbers const& numbers, double const* own, double* to) {
    for (std::size_t i = 0; i < vertex.rows; ++i) {
        if (vertex.straight) {
            to[vertex.place[i]] += numbers.R[i] * own[i];
        } else {
            for (std::size_t j = 0; j < vertex.parent_rows; ++j) to[j] += numbers.R[j * vertex.rows + i] * own[i];
        }
    }
}
inline void add_flows(TreeVertex const& vertex, Numbers const& numbers, double const* own, double* to) {
    for (std::size_t i = 0; i < vertex.flows; ++i) {
        if (vertex.straight) {
            to[flow_above(vertex, i)] += own[i];
        } else {
            for (std::size_t j = 0; j < vertex.parent_flows; ++j)
                to[j] += numbers.L[i * vertex.parent_flows + j] * own[i];
        }
    }
}
inline void add_prices(TreeVertex const& vertex, Numbers const& numbers, double const* above, double* to) {
    for (std::size_t i = 0; i < vertex.flows; ++i) {
        if (vertex.straight) {
            to[i] += above[flow_above(vertex, i)];
        } else {
            for (std::size_t j = 0; j < vertex.parent_flows; ++j)
                to[i] += numbers.L[i * vertex.parent_flows + j] * above[j];
        }
    }
}

}  // namespace dec::solvers::branch
