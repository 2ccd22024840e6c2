#include "tree_flow.hpp"

#include <algorithm>
#include <array>

#include "tree_blocks.hpp"

namespace dec::solvers {
namespace {

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

Numbers numbers_of(TreeProgram const& program, TreeVertex const& vertex) {
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

std::size_t flow_above(TreeVertex const& vertex, std::size_t i) {
    return i < vertex.rows ? vertex.place[i] : std::size_t{vertex.parent_rows} + vertex.place[i - vertex.rows];
}

// to += R x, R'x, L x, L'x of a branch.
void add_states(TreeVertex const& vertex, Numbers const& numbers, double const* above, double* to) {
    for (std::size_t i = 0; i < vertex.rows; ++i) {
        if (vertex.straight) {
            to[i] += numbers.R[i] * above[vertex.place[i]];
        } else {
            for (std::size_t j = 0; j < vertex.parent_rows; ++j) to[i] += numbers.R[j * vertex.rows + i] * above[j];
        }
    }
}
void add_duals(TreeVertex const& vertex, Numbers const& numbers, double const* own, double* to) {
    for (std::size_t i = 0; i < vertex.rows; ++i) {
        if (vertex.straight) {
            to[vertex.place[i]] += numbers.R[i] * own[i];
        } else {
            for (std::size_t j = 0; j < vertex.parent_rows; ++j) to[j] += numbers.R[j * vertex.rows + i] * own[i];
        }
    }
}
void add_flows(TreeVertex const& vertex, Numbers const& numbers, double const* own, double* to) {
    for (std::size_t i = 0; i < vertex.flows; ++i) {
        if (vertex.straight) {
            to[flow_above(vertex, i)] += own[i];
        } else {
            for (std::size_t j = 0; j < vertex.parent_flows; ++j)
                to[j] += numbers.L[i * vertex.parent_flows + j] * own[i];
        }
    }
}
void add_prices(TreeVertex const& vertex, Numbers const& numbers, double const* above, double* to) {
    for (std::size_t i = 0; i < vertex.flows; ++i) {
        if (vertex.straight) {
            to[i] += above[flow_above(vertex, i)];
        } else {
            for (std::size_t j = 0; j < vertex.parent_flows; ++j)
                to[i] += numbers.L[i * vertex.parent_flows + j] * above[j];
        }
    }
}

using Block = std::array<double, 18>;

}  // namespace

TreeFlow::TreeFlow(TreeProgram const& program, TreeLinks& links) : program_{program}, links_{links} {
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

    cut_above_.assign(program.vertices.size(), -1);
    for (std::size_t i = 0; i < program.above.size(); ++i)
        cut_above_[static_cast<std::size_t>(program.above[i].vertex)] = static_cast<std::int32_t>(i);
    below_of_level_.resize(static_cast<std::size_t>(links_.levels()) + 1);
    for (std::size_t i = 0; i < program.below.size(); ++i)
        below_of_level_[static_cast<std::size_t>(program.below[i].level)].push_back(i);
    auto const widest = std::max(width_, response_width_);
    above_rows_.assign(program.above.size() * widest, 0.0);
    below_rows_.assign(program.below.size() * widest, 0.0);
    response_.assign(program.vertices.size(), -1);
    if (sizes[2] > 0.0) find_response();
}

template <class Receive, class Visit>
void TreeFlow::leaf_to_root(std::size_t width, Receive&& receive, Visit&& visit) {
    std::ranges::fill(above_rows_, 0.0);
    for (int level = links_.levels(); level-- > 0;) {
        for (auto const i : below_of_level_[static_cast<std::size_t>(level) + 1])
            receive(vertex_below(i), below_rows_.data() + i * width);
        if (level < program_.levels()) {
            auto const first = static_cast<std::size_t>(program_.level_start[static_cast<std::size_t>(level)]);
            for (auto j = static_cast<std::size_t>(program_.level_start[static_cast<std::size_t>(level) + 1]);
                 j-- > first;)
                visit(j, cut_above_[j] < 0 ? nullptr
                                           : above_rows_.data() + static_cast<std::size_t>(cut_above_[j]) * width);
        }
        if (level > 0)
            links_.up(level, std::span{above_rows_}.first(program_.above.size() * width),
                      std::span{below_rows_}.first(program_.below.size() * width), width);
    }
}

template <class Visit, class Send>
void TreeFlow::root_to_leaf(std::size_t width, Visit&& visit, Send&& send) {
    for (int level = 0; level < links_.levels(); ++level) {
        if (level > 0)
            links_.down(level, std::span{below_rows_}.first(program_.below.size() * width),
                        std::span{above_rows_}.first(program_.above.size() * width), width);
        if (level < program_.levels()) {
            auto const last = static_cast<std::size_t>(program_.level_start[static_cast<std::size_t>(level) + 1]);
            for (auto j = static_cast<std::size_t>(program_.level_start[static_cast<std::size_t>(level)]); j < last;
                 ++j)
                visit(j, cut_above_[j] < 0 ? nullptr
                                           : above_rows_.data() + static_cast<std::size_t>(cut_above_[j]) * width);
        }
        for (auto const i : below_of_level_[static_cast<std::size_t>(level) + 1])
            send(vertex_below(i), below_rows_.data() + i * width);
    }
}

void TreeFlow::find_response() {
    auto const& vertices = program_.vertices;
    std::vector<Block> B(vertices.size(), Block{});
    std::vector<std::uint8_t> responds(vertices.size(), 0);
    leaf_to_root(
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
    leaf_to_root(
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
    root_to_leaf(
        width_,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            auto const numbers = numbers_of(program_, vertex);
            double* const own = s.data() + first_flow_[j];
            double* const v_own = v.data() + vertex.first_row;
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

void TreeFlow::prices(std::span<double const> of_state, std::vector<double>& price) {
    auto const& vertices = program_.vertices;
    dual_.assign(of_state.begin(), of_state.end());
    price.assign(flows_, 0.0);
    // U (B price_above + own).
    auto const dual_above = [&](std::size_t j, double const* own, std::array<double, 6> const& above) {
        std::size_t const n = vertices[j].rows, m = vertices[j].flows;
        std::array<double, 3> y{};
        std::copy(own, own + n, y.data());
        if (response_[j] < 0) return y;
        double const* const B = responses_.data() + response_[j];
        double const* const U = B + n * m;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < m; ++k) y[i] += B[i * m + k] * above[k];
        std::array<double, 3> Uy{};
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t k = 0; k < n; ++k) Uy[i] += U[i * n + k] * y[k];
        return Uy;
    };
    leaf_to_root(
        width_,
        [&](std::size_t j, double const* row) {
            for (std::size_t i = 0; i < vertices[j].rows; ++i)
                dual_[static_cast<std::size_t>(vertices[j].first_row) + i] += row[i];
        },
        [&](std::size_t j, double* row) {
            auto const& vertex = vertices[j];
            if (vertex.root) return;
            auto const up = dual_above(j, dual_.data() + vertex.first_row, {});
            add_duals(
                vertex, numbers_of(program_, vertex), up.data(),
                row != nullptr ? row : dual_.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row);
        });
    root_to_leaf(
        width_,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            if (vertex.root) return;
            auto const numbers = numbers_of(program_, vertex);
            std::array<double, 6> own{};
            add_prices(vertex, numbers,
                       row != nullptr ? row : price.data() + first_flow_[static_cast<std::size_t>(vertex.parent)],
                       own.data());
            auto const y = dual_above(j, dual_.data() + vertex.first_row, own);
            for (std::size_t k = 0; k < vertex.flows; ++k)
                for (std::size_t i = 0; i < vertex.rows; ++i) own[k] -= numbers.D[k * vertex.rows + i] * y[i];
            std::copy_n(own.data(), vertex.flows, price.data() + first_flow_[j]);
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
