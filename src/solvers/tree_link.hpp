/// \file tree_link.hpp
/// What the link of a vertex to its parent, R and L, does to the values and steps of an elimination. Matrices by rows.
#pragma once

#include <cstdint>

#include "tree_blocks.hpp"

namespace dec::solvers {

/// Of N rows and M flows to a parent. `Plain`: rows and flows are those of the parent, in its order.
template <bool Plain, int N, int M>
struct TreeLink {
    /// R and L if dense, else diagonal of R; nothing if that is one.
    double const* numbers;
    std::uint8_t place;  ///< if not dense: two bits per row
    bool dense, unit;
    int parent_rows, parent_flows;

    [[nodiscard]] int rows_above() const { return Plain ? N : parent_rows; }
    [[nodiscard]] int flows_above() const { return Plain ? M : parent_flows; }
    [[nodiscard]] int row(int i) const { return Plain ? i : (place >> (2 * i)) & 3; }
    [[nodiscard]] int flow(int i) const { return i < N ? row(i) : rows_above() + row(i - N); }
    [[nodiscard]] double ratio(int i) const { return Plain || unit ? 1.0 : numbers[i]; }
    [[nodiscard]] bool is_dense() const { return !Plain && dense; }
    /// How many there are.
    [[nodiscard]] int size() const {
        if (Plain || unit) return 0;
        return dense ? N * parent_rows + parent_flows * M : N;
    }

    /// v = R v_above, price = L' price_above, with x_above = (v, price).
    void look_up(double const* x_above, double* v, double* price) const {
        if (!is_dense()) {
            for (int i = 0; i < N; ++i) v[i] = ratio(i) * x_above[row(i)];
            for (int i = 0; i < M; ++i) price[i] = x_above[rows_above() + flow(i)];
            return;
        }
        double const* const L = numbers + N * parent_rows;
        for (int i = 0; i < N; ++i) {
            v[i] = 0.0;
            for (int j = 0; j < parent_rows; ++j) v[i] += numbers[i * parent_rows + j] * x_above[j];
        }
        for (int i = 0; i < M; ++i) price[i] = 0.0;
        for (int j = 0; j < parent_flows; ++j)
            for (int i = 0; i < M; ++i) price[i] += L[j * M + i] * x_above[parent_rows + j];
    }

    /// Adds (R' of_v, L of_flow).
    void lift(double const* of_v, double const* of_flow, double* to) const {
        if (!is_dense()) {
            for (int i = 0; i < N; ++i) to[row(i)] += ratio(i) * of_v[i];
            for (int i = 0; i < M; ++i) to[rows_above() + flow(i)] += of_flow[i];
            return;
        }
        double const* const L = numbers + N * parent_rows;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < parent_rows; ++j) to[j] += numbers[i * parent_rows + j] * of_v[i];
        for (int j = 0; j < parent_flows; ++j)
            for (int i = 0; i < M; ++i) to[parent_rows + j] += L[j * M + i] * of_flow[i];
    }

    /// Adds R' A R, R' B L', L C L' to the matrices that follow each other at `to`. \param only_states B and C are zero.
    void lift(blocks::Value<N, M> const& value, bool only_states, double* to) const {
        int const n = rows_above(), m = flows_above();
        double* const A = to;
        double* const B = A + n * n;
        double* const C = B + n * m;
        if (!is_dense()) {
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) A[row(i) * n + row(j)] += ratio(i) * ratio(j) * value.A[i * N + j];
            if (only_states) return;
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < M; ++j) B[row(i) * m + flow(j)] += ratio(i) * value.B[i * M + j];
            for (int i = 0; i < M; ++i)
                for (int j = 0; j < M; ++j) C[flow(i) * m + flow(j)] += value.C[i * M + j];
            return;
        }
        double const* const R = numbers;
        double const* const L = R + N * n;
        for (int p = 0; p < n; ++p)
            for (int i = 0; i < N; ++i) {
                double const left = R[i * n + p];
                if (left == 0.0) continue;
                for (int j = 0; j < N; ++j)
                    for (int q = 0; q < n; ++q) A[p * n + q] += left * value.A[i * N + j] * R[j * n + q];
                for (int j = 0; j < M && !only_states; ++j)
                    for (int q = 0; q < m; ++q) B[p * m + q] += left * value.B[i * M + j] * L[q * M + j];
            }
        for (int p = 0; p < m && !only_states; ++p)
            for (int i = 0; i < M; ++i) {
                double const left = L[p * M + i];
                if (left == 0.0) continue;
                for (int j = 0; j < M; ++j)
                    for (int q = 0; q < m; ++q) C[p * m + q] += left * value.C[i * M + j] * L[q * M + j];
            }
    }
};

}  // namespace dec::solvers
