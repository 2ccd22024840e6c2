#include "tree_flow.hpp"

#include <algorithm>
#include <array>

#include "tree_blocks.hpp"
#include "tree_branch.hpp"

namespace dec::solvers {

using namespace branch;

namespace {

using Block = std::array<double, 18>;

// Most vertices hang on their parents row by row and do not respond to states: the same with sizes known to the compiler.
template <class Visitor>
void with_sizes(TreeVertex const& vertex, Visitor&& visit) {
    bool const twice = vertex.flows > vertex.rows;
    if (vertex.rows == 1) twice ? visit.template operator()<1, 2>() : visit.template operator()<1, 1>();
    if (vertex.rows == 2) twice ? visit.template operator()<2, 4>() : visit.template operator()<2, 2>();
    if (vertex.rows == 3) twice ? visit.template operator()<3, 6>() : visit.template operator()<3, 3>();
}

template <int N>
std::size_t flow_above(TreeVertex const& vertex, int i) {
    return i < N ? vertex.place[static_cast<std::size_t>(i)]
                 : vertex.parent_rows + std::size_t{vertex.place[static_cast<std::size_t>(i - N)]};
}

template <int N, int M>
void add_flows(TreeVertex const& vertex, double const* own, double* parent) {
    for (int i = 0; i < M; ++i) parent[flow_above<N>(vertex, i)] += own[i];
}

template <int N, int M>
void take_states(TreeVertex const& vertex, double const* numbers, double const* own, double const* parent, double* v) {
    double const* const D = numbers + N;
    double const* const e = D + N * M;
    for (int i = 0; i < N; ++i) {
        v[i] = e[i] + numbers[i] * parent[vertex.place[static_cast<std::size_t>(i)]];
        for (int k = 0; k < M; ++k) v[i] -= D[k * N + i] * own[k];
    }
}

template <int N>
void add_duals(TreeVertex const& vertex, double const* numbers, double const* own, double* parent) {
    for (int i = 0; i < N; ++i) parent[vertex.place[static_cast<std::size_t>(i)]] += numbers[i] * own[i];
}

template <int N, int M>
void take_prices(TreeVertex const& vertex, double const* numbers, double const* y, double const* parent,
                 double const* of_flow, double* price) {
    double const* const D = numbers + N;
    for (int k = 0; k < M; ++k) {
        double sum = parent[flow_above<N>(vertex, k)];
        for (int i = 0; i < N; ++i) sum -= D[k * N + i] * y[i];
        price[k] = sum + of_flow[k];
    }
}

}  // namespace

TreeFlow::TreeFlow(TreeProgram const& program, TreeLinks& links)
    : program_{program}, links_{links}, waves_{program, links} {
    first_flow_.reserve(program.vertices.size());
    for (auto const& vertex : program.vertices) {
        first_flow_.push_back(flows_);
        flows_ += vertex.flows;
    }
    std::array<double, 3> sizes{0.0, 0.0, 0.0};
    for (auto const& cut : program.above) {
        sizes[0] = std::max(sizes[0], static_cast<double>(std::max(cut.parent_rows, cut.parent_flows)));
        sizes[1] = std::max(sizes[1], static_cast<double>(cut.parent_rows * cut.parent_flows));
    }
    if (std::ranges::any_of(program.vertices, &TreeVertex::sloped)) sizes[2] = 1.0;
    links_.max(sizes);
    width_ = static_cast<std::size_t>(sizes[0]);
    response_width_ = static_cast<std::size_t>(sizes[1]) + 1;

    response_.assign(program.vertices.size(), -1);
    if (sizes[2] > 0.0) find_response();
}

void TreeFlow::find_response() {
    auto const& vertices = program_.vertices;
    std::vector<Block> B(vertices.size(), Block{});
    std::vector<std::uint8_t> responds(vertices.size(), 0);
    waves_.leaf_to_root(
        response_width_,
        [&](std::size_t j, double const* row) {
            if (row[0] == 0.0) return;
            responds[j] = 1;
            for (std::size_t k = 0; k < std::size_t{vertices[j].rows} * vertices[j].flows; ++k) B[j][k] += row[1 + k];
        },
        [&](std::size_t j, double* row) {
            auto const& vertex = vertices[j];
            auto const numbers = numbers_of(program_, vertex);
            std::size_t const n = vertex.rows, m = vertex.flows;
            if (vertex.sloped) {
                responds[j] = 1;
                for (std::size_t k = 0; k < n * m; ++k) B[j][k] += numbers.K[k];
            }
            if (responds[j] == 0) return;
            response_[j] = static_cast<std::ptrdiff_t>(responses_.size());
            responses_.insert(responses_.end(), B[j].begin(), B[j].begin() + static_cast<std::ptrdiff_t>(n * m));
            if (vertex.root) return;
            std::array<double, 9> P{}, U{};
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t k = 0; k < n; ++k) {
                    P[i * n + k] = i == k ? 1.0 : 0.0;
                    for (std::size_t l = 0; l < m; ++l) P[i * n + k] += B[j][i * m + l] * numbers.D[l * n + k];
                }
            if (n == 1) blocks::invert<1>(P.data(), U.data());
            if (n == 2) blocks::invert<2>(P.data(), U.data());
            if (n == 3) blocks::invert<3>(P.data(), U.data());
            responses_.insert(responses_.end(), U.begin(), U.begin() + static_cast<std::ptrdiff_t>(n * n));

            // R' (U B) L' to the parent.
            double* const to = row != nullptr ? row + 1 : B[static_cast<std::size_t>(vertex.parent)].data();
            if (row != nullptr) row[0] = 1.0;
            if (row == nullptr) responds[static_cast<std::size_t>(vertex.parent)] = 1;
            std::size_t const parent_flows = vertex.parent_flows;
            Block right{};
            for (std::size_t i = 0; i < n; ++i) {
                std::array<double, 6> UB{};
                for (std::size_t k = 0; k < m; ++k)
                    for (std::size_t l = 0; l < n; ++l) UB[k] += U[i * n + l] * B[j][l * m + k];
                add_flows(vertex, numbers, UB.data(), right.data() + i * parent_flows);
            }
            for (std::size_t k = 0; k < parent_flows; ++k) {
                std::array<double, 3> own{}, lifted{};
                for (std::size_t i = 0; i < n; ++i) own[i] = right[i * parent_flows + k];
                add_duals(vertex, numbers, own.data(), lifted.data());
                for (std::size_t i = 0; i < vertex.parent_rows; ++i) to[i * parent_flows + k] += lifted[i];
            }
        });
}

void TreeFlow::states(std::span<double const> controls, std::vector<double>& v, std::vector<double>& s) {
    auto const& vertices = program_.vertices;
    v.assign(program_.low.size(), 0.0);
    s.assign(flows_, 0.0);
    // U'(v_above - D s) with what is drawn at v = 0.
    auto const state = [&](std::size_t j, Numbers const& numbers, double const* own, std::array<double, 3> free) {
        std::size_t const n = vertices[j].rows, m = vertices[j].flows;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < m; ++k) free[i] -= numbers.D[k * n + i] * own[k];
        if (response_[j] < 0) return free;
        double const* const U = responses_.data() + response_[j] + n * m;
        std::array<double, 3> v_own{};
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < n; ++k) v_own[i] += U[k * n + i] * free[k];
        return v_own;
    };
    auto const add_response = [&](std::size_t j, double const* v_own, double* to) {
        std::size_t const n = vertices[j].rows, m = vertices[j].flows;
        if (response_[j] < 0) return;
        double const* const B = responses_.data() + response_[j];
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < m; ++k) to[k] += B[i * m + k] * v_own[i];
    };
    waves_.leaf_to_root(
        width_,
        [&](std::size_t j, double const* row) {
            for (std::size_t k = 0; k < vertices[j].flows; ++k) s[first_flow_[j] + k] += row[k];
        },
        [&](std::size_t j, double* row) {
            auto const& vertex = vertices[j];
            auto const numbers = numbers_of(program_, vertex);
            double* const own = s.data() + first_flow_[j];
            for (std::size_t k = 0; k < vertex.flows; ++k) own[k] += numbers.c[k];
            for (std::int32_t d = vertex.first_control; d < vertex.first_control + vertex.controls; ++d) {
                double const* const gain =
                    program_.gains.data() + program_.controls[static_cast<std::size_t>(d)].first_gain;
                for (std::size_t k = 0; k < vertex.flows; ++k)
                    own[k] += gain[k] * controls[static_cast<std::size_t>(d)];
            }
            if (is_simple(j)) {
                double* const parent = s.data() + first_flow_[static_cast<std::size_t>(vertex.parent)];
                with_sizes(vertex, [&]<int N, int M>() { solvers::add_flows<N, M>(vertex, own, parent); });
                return;
            }
            if (vertex.root) return;
            std::array<double, 6> up{};
            std::copy(own, own + vertex.flows, up.data());
            if (response_[j] >= 0) {
                std::array<double, 3> e{};
                std::copy(numbers.e, numbers.e + vertex.rows, e.data());
                add_response(j, state(j, numbers, own, e).data(), up.data());
            }
            add_flows(vertex, numbers, up.data(),
                      row != nullptr ? row : s.data() + first_flow_[static_cast<std::size_t>(vertex.parent)]);
        });
    waves_.root_to_leaf(
        width_,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            double* const own = s.data() + first_flow_[j];
            double* const v_own = v.data() + vertex.first_row;
            if (is_simple(j)) {
                double const* const parent = v.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row;
                with_sizes(vertex, [&]<int N, int M>() {
                    take_states<N, M>(vertex, program_.numbers.data() + vertex.first_number, own, parent, v_own);
                });
                return;
            }
            auto const numbers = numbers_of(program_, vertex);
            std::array<double, 3> above{};
            std::copy(numbers.e, numbers.e + vertex.rows, above.data());
            if (!vertex.root) {
                add_states(
                    vertex, numbers,
                    row != nullptr ? row : v.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row,
                    above.data());
                above = state(j, numbers, own, above);
            }
            std::copy(above.data(), above.data() + vertex.rows, v_own);
            add_response(j, v_own, own);
        },
        [&](std::size_t j, double* row) { std::copy_n(v.data() + vertices[j].first_row, vertices[j].rows, row); });
}

void TreeFlow::prices(std::span<double const> of_state, std::span<double const> of_flow, std::vector<double>& price) {
    auto const& vertices = program_.vertices;
    dual_.assign(of_state.begin(), of_state.end());
    price.assign(flows_, 0.0);
    // U (B (price_above + of_flow) + own).
    auto const dual_above = [&](std::size_t j, double const* own, std::array<double, 6> const& above) {
        std::size_t const n = vertices[j].rows, m = vertices[j].flows;
        std::array<double, 3> y{};
        std::copy(own, own + n, y.data());
        if (response_[j] < 0) return y;
        double const* const B = responses_.data() + response_[j];
        double const* const U = B + n * m;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < m; ++k) y[i] += B[i * m + k] * (above[k] + of_flow[first_flow_[j] + k]);
        std::array<double, 3> Uy{};
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < n; ++k) Uy[i] += U[i * n + k] * y[k];
        return Uy;
    };
    waves_.leaf_to_root(
        width_,
        [&](std::size_t j, double const* row) {
            for (std::size_t i = 0; i < vertices[j].rows; ++i)
                dual_[static_cast<std::size_t>(vertices[j].first_row) + i] += row[i];
        },
        [&](std::size_t j, double* row) {
            auto const& vertex = vertices[j];
            if (is_simple(j)) {
                double* const parent = dual_.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row;
                with_sizes(vertex, [&]<int N, int>() {
                    solvers::add_duals<N>(vertex, program_.numbers.data() + vertex.first_number,
                                          dual_.data() + vertex.first_row, parent);
                });
                return;
            }
            if (vertex.root) return;
            auto const up = dual_above(j, dual_.data() + vertex.first_row, {});
            add_duals(
                vertex, numbers_of(program_, vertex), up.data(),
                row != nullptr ? row : dual_.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row);
        });
    waves_.root_to_leaf(
        width_,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            if (is_simple(j)) {
                with_sizes(vertex, [&]<int N, int M>() {
                    take_prices<N, M>(vertex, program_.numbers.data() + vertex.first_number,
                                      dual_.data() + vertex.first_row,
                                      price.data() + first_flow_[static_cast<std::size_t>(vertex.parent)],
                                      of_flow.data() + first_flow_[j], price.data() + first_flow_[j]);
                });
                return;
            }
            if (vertex.root) {
                std::copy_n(of_flow.data() + first_flow_[j], vertex.flows, price.data() + first_flow_[j]);
                return;
            }
            auto const numbers = numbers_of(program_, vertex);
            std::array<double, 6> own{};
            add_prices(vertex, numbers,
                       row != nullptr ? row : price.data() + first_flow_[static_cast<std::size_t>(vertex.parent)],
                       own.data());
            auto const y = dual_above(j, dual_.data() + vertex.first_row, own);
            for (std::size_t k = 0; k < vertex.flows; ++k)
                for (std::size_t i = 0; i < vertex.rows; ++i) own[k] -= numbers.D[k * vertex.rows + i] * y[i];
            for (std::size_t k = 0; k < vertex.flows; ++k)
                price[first_flow_[j] + k] = own[k] + of_flow[first_flow_[j] + k];
        },
        [&](std::size_t j, double* row) { std::copy_n(price.data() + first_flow_[j], vertices[j].flows, row); });
}

void TreeFlow::observe(std::vector<double> const& v, std::vector<double>& observed) const {
    observed = v;
    for (auto const& vertex : program_.vertices) {
        if (!vertex.mixed) continue;
        auto const* const W = numbers_of(program_, vertex).W;
        auto const first = static_cast<std::size_t>(vertex.first_row);
        for (std::size_t i = 0; i < vertex.rows; ++i) {
            observed[first + i] = 0.0;
            for (std::size_t k = 0; k < vertex.rows; ++k) observed[first + i] += W[k * vertex.rows + i] * v[first + k];
        }
    }
}

void TreeFlow::spread(std::vector<double> const& of_limits, std::vector<double>& of_state) const {
    of_state = of_limits;
    for (auto const& vertex : program_.vertices) {
        if (!vertex.mixed) continue;
        auto const* const W = numbers_of(program_, vertex).W;
        auto const first = static_cast<std::size_t>(vertex.first_row);
        for (std::size_t k = 0; k < vertex.rows; ++k) {
            of_state[first + k] = 0.0;
            for (std::size_t i = 0; i < vertex.rows; ++i)
                of_state[first + k] += W[k * vertex.rows + i] * of_limits[first + i];
        }
    }
}

}  // namespace dec::solvers
