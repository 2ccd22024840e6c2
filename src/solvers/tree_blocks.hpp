/// \file tree_blocks.hpp
/// Small dense blocks by rows: the arithmetic of one branch, with sizes known to the compiler.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace dec::solvers::blocks {

/// Row by column product, c = a b, with a of R x K and b of K x C.
template <int R, int K, int C>
inline void multiply(double const* a, double const* b, double* c) {
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < C; ++j) {
            double sum = 0.0;
            for (int k = 0; k < K; ++k) sum += a[i * K + k] * b[k * C + j];
            c[i * C + j] = sum;
        }
}

/// c = a b' with a of R x K and b of C x K.
template <int R, int K, int C>
inline void multiply_transposed(double const* a, double const* b, double* c) {
    for (int i = 0; i < R; ++i)
        for (int j = 0; j < C; ++j) {
            double sum = 0.0;
            for (int k = 0; k < K; ++k) sum += a[i * K + k] * b[j * K + k];
            c[i * C + j] = sum;
        }
}

/// y += factor a x with a of R x C.
template <int R, int C>
inline void add_product(double const* a, double const* x, double factor, double* y) {
    for (int i = 0; i < R; ++i) {
        double sum = 0.0;
        for (int j = 0; j < C; ++j) sum += a[i * C + j] * x[j];
        y[i] += factor * sum;
    }
}

/// y += factor a' x with a of R x C.
template <int R, int C>
inline void add_transposed_product(double const* a, double const* x, double factor, double* y) {
    for (int i = 0; i < R; ++i) {
        double const scaled = factor * x[i];
        for (int j = 0; j < C; ++j) y[j] += scaled * a[i * C + j];
    }
}

/// Inverse of a square matrix of which no column is zero. Columns may differ in size by many orders of magnitude: rows are
/// exchanged, so their scale does not matter.
template <int N>
inline void invert(double const* a, double* inverse) {
    if constexpr (N == 1) {
        inverse[0] = 1.0 / a[0];
    } else if constexpr (N == 2) {
        double const reciprocal = 1.0 / (a[0] * a[3] - a[1] * a[2]);
        inverse[0] = reciprocal * a[3];
        inverse[1] = -reciprocal * a[1];
        inverse[2] = -reciprocal * a[2];
        inverse[3] = reciprocal * a[0];
    } else if constexpr (N == 3) {
        double const c0 = a[4] * a[8] - a[5] * a[7];
        double const c1 = a[5] * a[6] - a[3] * a[8];
        double const c2 = a[3] * a[7] - a[4] * a[6];
        double const reciprocal = 1.0 / (a[0] * c0 + a[1] * c1 + a[2] * c2);
        inverse[0] = reciprocal * c0;
        inverse[1] = reciprocal * (a[2] * a[7] - a[1] * a[8]);
        inverse[2] = reciprocal * (a[1] * a[5] - a[2] * a[4]);
        inverse[3] = reciprocal * c1;
        inverse[4] = reciprocal * (a[0] * a[8] - a[2] * a[6]);
        inverse[5] = reciprocal * (a[2] * a[3] - a[0] * a[5]);
        inverse[6] = reciprocal * c2;
        inverse[7] = reciprocal * (a[1] * a[6] - a[0] * a[7]);
        inverse[8] = reciprocal * (a[0] * a[4] - a[1] * a[3]);
    } else {
        std::array<double, static_cast<std::size_t>(N * N)> work;
        for (int i = 0; i < N * N; ++i) work[static_cast<std::size_t>(i)] = a[i];
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) inverse[i * N + j] = i == j ? 1.0 : 0.0;
        auto const at = [&](int i, int j) -> double& { return work[static_cast<std::size_t>(i * N + j)]; };
        for (int k = 0; k < N; ++k) {
            int pivot = k;
            for (int i = k + 1; i < N; ++i)
                if (std::abs(at(i, k)) > std::abs(at(pivot, k))) pivot = i;
            for (int j = 0; j < N && pivot != k; ++j) {
                std::swap(at(k, j), at(pivot, j));
                std::swap(inverse[k * N + j], inverse[pivot * N + j]);
            }
            double const reciprocal = 1.0 / at(k, k);
            for (int j = 0; j < N; ++j) {
                at(k, j) *= reciprocal;
                inverse[k * N + j] *= reciprocal;
            }
            for (int i = 0; i < N; ++i) {
                if (i == k) continue;
                double const factor = at(i, k);
                for (int j = 0; j < N; ++j) {
                    at(i, j) -= factor * at(k, j);
                    inverse[i * N + j] -= factor * inverse[k * N + j];
                }
            }
        }
    }
}

/// Lower L with L L' = a, a semidefinite and given by its lower triangle; in place. Columns of pivots that are rounding are zero.
template <int N>
inline void factor_semidefinite(double* a) {
    for (int k = 0; k < N; ++k) {
        double pivot = a[k * N + k];
        double const whole = pivot;
        for (int j = 0; j < k; ++j) pivot -= a[k * N + j] * a[k * N + j];
        double const root = pivot > 1e-15 * whole ? std::sqrt(pivot) : 0.0;
        a[k * N + k] = root;
        for (int i = k + 1; i < N; ++i) {
            double sum = a[i * N + k];
            for (int j = 0; j < k; ++j) sum -= a[i * N + j] * a[k * N + j];
            a[i * N + k] = root > 0.0 ? sum / root : 0.0;
            a[k * N + i] = 0.0;
        }
    }
}

/// Changes W on the range of L alone, so that W L = LK. Columns of L that are zero, or that others make up, are left out.
template <int N>
inline void impose(double const* L, double const* LK, double* W) {
    double Q[N * N], WQ[N * N];  // an orthonormal basis of the range, by rows, and W times it
    int rank = 0;
    for (int column = 0; column < N; ++column) {
        double* const q = Q + rank * N;
        double* const wq = WQ + rank * N;
        double whole = 0.0;
        for (int i = 0; i < N; ++i) {
            q[i] = L[i * N + column];
            wq[i] = LK[i * N + column];
            whole += q[i] * q[i];
        }
        for (int repeat = 0; repeat < 2; ++repeat)
            for (int r = 0; r < rank; ++r) {
                double part = 0.0;
                for (int i = 0; i < N; ++i) part += Q[r * N + i] * q[i];
                for (int i = 0; i < N; ++i) {
                    q[i] -= part * Q[r * N + i];
                    wq[i] -= part * WQ[r * N + i];
                }
            }
        double left = 0.0;
        for (int i = 0; i < N; ++i) left += q[i] * q[i];
        if (!(left > 1e-20 * whole)) continue;
        double const length = std::sqrt(left);
        for (int i = 0; i < N; ++i) {
            q[i] /= length;
            wq[i] /= length;
        }
        ++rank;
    }
    for (int r = 0; r < rank; ++r)
        for (int i = 0; i < N; ++i) {
            double now = 0.0;
            for (int k = 0; k < N; ++k) now += W[i * N + k] * Q[r * N + k];
            for (int k = 0; k < N; ++k) W[i * N + k] += (WQ[r * N + i] - now) * Q[r * N + k];
        }
}

/// The value of a subtree, 1/2 x'F x with F = [A B; B' -C] and x = (v, lambda) of its top.
template <int N, int M>
struct Value {
    double A[N * N];
    double B[N * M];
    double C[M * M];
};

/// What a branch makes of x above it, x = G (T x_above + J f): the parts of G that cannot be had from the rest.
///
///     G = [X, H; -D' A, I - D' B]      with A, B of `above`
template <int N, int M>
struct Passage {
    double X[N * N];
    double H[N * M];
};

/// Takes a value from below a branch with v = v_above - D s to above it (without the link R, L). With U = (I + B D')^-1,
/// C1 = (I - D'U B)' C (I - D'U B) and E = (I + D C1 D' A)^-1:
///
///     X = E U'   H = E D C1   A <- U A E U'   B <- U (B + A E D C1)   C <- C1 - (D C1)' A E D C1
template <int N, int M>
inline void pass_branch(double const* D, Value<N, M> const& below, Value<N, M>& above, Passage<N, M>& passage) {
    if constexpr (N == 1 && M == 1) {
        // The same with one division.
        double const A = below.A[0], B = below.B[0], C = below.C[0];
        double const P = 1.0 + D[0] * B, DC = D[0] * C;
        double const reciprocal = 1.0 / (P * P + D[0] * DC * A);
        passage.X[0] = P * reciprocal;
        passage.H[0] = DC * reciprocal;
        above.A[0] = A * reciprocal;
        above.B[0] = (P * B + DC * A) * reciprocal;
        above.C[0] = C * reciprocal;
        return;
    }
    double P[N * N], U[N * N], UB[N * M], Q[M * M], CQ[M * M], C1[M * M];
    multiply_transposed<N, M, N>(below.B, D, P);
    for (int i = 0; i < N; ++i) P[i * N + i] += 1.0;
    invert<N>(P, U);
    multiply<N, N, M>(U, below.B, UB);
    for (int i = 0; i < M; ++i)
        for (int j = 0; j < M; ++j) {
            double sum = i == j ? 1.0 : 0.0;
            for (int k = 0; k < N; ++k) sum -= D[k * M + i] * UB[k * M + j];
            Q[i * M + j] = sum;
        }
    multiply<M, M, M>(below.C, Q, CQ);
    for (int i = 0; i < M; ++i)
        for (int j = i; j < M; ++j) {
            double sum = 0.0;
            for (int k = 0; k < M; ++k) sum += Q[k * M + i] * CQ[k * M + j];
            C1[i * M + j] = C1[j * M + i] = sum;
        }

    double DC[N * M], DCD[N * N], V[N * N], E[N * N];
    multiply<N, M, M>(D, C1, DC);
    multiply_transposed<N, M, N>(DC, D, DCD);
    multiply<N, N, N>(DCD, below.A, V);
    for (int i = 0; i < N; ++i) V[i * N + i] += 1.0;
    invert<N>(V, E);
    multiply_transposed<N, N, N>(E, U, passage.X);
    multiply<N, N, M>(E, DC, passage.H);

    double UA[N * N];
    multiply<N, N, N>(U, below.A, UA);
    for (int i = 0; i < N; ++i)
        for (int j = i; j < N; ++j) {
            double sum = 0.0;
            for (int k = 0; k < N; ++k) sum += UA[i * N + k] * passage.X[k * N + j];
            above.A[i * N + j] = above.A[j * N + i] = sum;
        }
    multiply<N, N, M>(UA, passage.H, above.B);
    for (int i = 0; i < N * M; ++i) above.B[i] += UB[i];
    double AH[N * M];
    multiply<N, N, M>(below.A, passage.H, AH);
    for (int i = 0; i < M; ++i)
        for (int j = i; j < M; ++j) {
            double sum = C1[i * M + j];
            for (int k = 0; k < N; ++k) sum -= DC[k * M + i] * AH[k * M + j];
            above.C[i * M + j] = above.C[j * M + i] = sum;
        }
}

}  // namespace dec::solvers::blocks
