#include "tree_presolve.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

#include "tree_blocks.hpp"
#include "tree_branch.hpp"

namespace dec::solvers {

using namespace branch;

namespace {

constexpr double none = INFINITY;

// y = a x with a of rows x columns by columns.
template <std::size_t Out, std::size_t In>
void add(double const* a, std::size_t rows, std::size_t columns, std::array<double, In> const& x, double factor,
         std::array<double, Out>& y) {
    for (std::size_t k = 0; k < columns; ++k)
        for (std::size_t i = 0; i < rows; ++i) y[i] += factor * a[k * rows + i] * x[k];
}

// The inverse of an n x n matrix by columns (its transpose's by rows).
std::array<double, 9> inverse(std::array<double, 9> const& matrix, std::size_t n) {
    std::array<double, 9> result{};
    if (n == 1) blocks::invert<1>(matrix.data(), result.data());
    if (n == 2) blocks::invert<2>(matrix.data(), result.data());
    if (n == 3) blocks::invert<3>(matrix.data(), result.data());
    return result;
}

// Equal for numbers that differ by rounding only.
double rounded(double number) { return static_cast<double>(static_cast<float>(number)); }
bool same(double a, double b) { return std::abs(a - b) <= 1e-13 * std::max(std::abs(a), std::abs(b)); }

}  // namespace

TreePresolve::TreePresolve(TreeProgram const& program, TreeUnits const& units, TreeLinks& links, TreeFlow& flow)
    : keep_low(program.low.size(), 0),
      keep_high(program.low.size(), 0), program_{program}, units_{units}, links_{links}, flow_{flow} {
    for (std::size_t i = 0; i < program.low.size(); ++i)
        if (is_given(program.low[i], program.high[i])) keep_low[i] = keep_high[i] = 1;
    find_ranges();
}

TreeProgram TreePresolve::reduce() {
    drop_limits();
    drop_flow_limits();
    find_groups();
    collapse();
    join_chains();
    return write();
}

// Value at controls amid their bounds, and how far it can go from there.
void TreePresolve::find_ranges() {
    auto const& vertices = program_.vertices;
    std::vector<double> middle(program_.controls.size()), reach(program_.controls.size());
    for (std::size_t d = 0; d < middle.size(); ++d) {
        bool const fixed = units_.control_fixed[d] && program_.controls[d].role != TreeControl::Role::tied;
        reach[d] = fixed ? 0.0 : 0.5 * units_.control_range[d];
        middle[d] = units_.control_lower[d] + reach[d];
    }
    flow_.states(middle, state_, flow_value_);

    state_radius_.assign(program_.low.size(), 0.0);
    flow_radius_.assign(flow_.flows(), 0.0);
    TreeWaves waves(program_, links_);
    auto const magnitude = [](double const* a, std::size_t count) {
        std::array<double, 36> result{};
        for (std::size_t i = 0; i < count; ++i) result[i] = std::abs(a[i]);
        return result;
    };
    waves.leaf_to_root(
        6,
        [&](std::size_t j, double const* row) {
            for (std::size_t k = 0; k < vertices[j].flows; ++k) flow_radius_[flow_.first_flow(j) + k] += row[k];
        },
        [&](std::size_t j, double* row) {
            auto const& vertex = vertices[j];
            double* const own = flow_radius_.data() + flow_.first_flow(j);
            std::size_t const n = vertex.rows, m = vertex.flows;
            for (std::int32_t d = vertex.first_control; d < vertex.first_control + vertex.controls; ++d) {
                auto const i = static_cast<std::size_t>(d);
                double const* const gain = program_.gains.data() + program_.controls[i].first_gain;
                for (std::size_t k = 0; k < m; ++k) own[k] += std::abs(gain[k]) * reach[i];
            }
            if (vertex.root) return;
            auto const numbers = numbers_of(program_, vertex);
            Flows up{};
            std::copy(own, own + m, up.data());
            if (auto const* const B = flow_.response(j)) {
                // |I - (U B)'D|
                double const* const U = B + n * m;
                up = {};
                for (std::size_t k = 0; k < m; ++k) {
                    std::array<double, 3> UB{};
                    for (std::size_t i = 0; i < n; ++i)
                        for (std::size_t l = 0; l < n; ++l) UB[i] += U[i * n + l] * B[l * m + k];
                    for (std::size_t l = 0; l < m; ++l) {
                        double entry = k == l ? 1.0 : 0.0;
                        for (std::size_t i = 0; i < n; ++i) entry -= UB[i] * numbers.D[l * n + i];
                        up[k] += std::abs(entry) * own[l];
                    }
                }
            }
            double* const to =
                row != nullptr ? row : flow_radius_.data() + flow_.first_flow(static_cast<std::size_t>(vertex.parent));
            if (vertex.straight) {
                add_flows(vertex, numbers, up.data(), to);
            } else {
                auto const L = magnitude(numbers.L, std::size_t{vertex.parent_flows} * m);
                for (std::size_t i = 0; i < m; ++i)
                    for (std::size_t k = 0; k < vertex.parent_flows; ++k)
                        to[k] += L[i * vertex.parent_flows + k] * up[i];
            }
        });
    waves.root_to_leaf(
        3,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            if (vertex.root) return;
            std::size_t const n = vertex.rows, m = vertex.flows;
            auto const numbers = numbers_of(program_, vertex);
            double const* const above =
                row != nullptr ? row
                               : state_radius_.data() + vertices[static_cast<std::size_t>(vertex.parent)].first_row;
            double* const own = flow_radius_.data() + flow_.first_flow(j);
            double* const v = state_radius_.data() + vertex.first_row;
            auto const* const B = flow_.response(j);
            if (B == nullptr) {
                for (std::size_t i = 0; i < n; ++i) {
                    if (vertex.straight) {
                        v[i] = numbers.R[i] * above[vertex.place[i]];
                    } else {
                        for (std::size_t k = 0; k < vertex.parent_rows; ++k)
                            v[i] += std::abs(numbers.R[k * n + i]) * above[k];
                    }
                    for (std::size_t k = 0; k < m; ++k) v[i] += std::abs(numbers.D[k * n + i]) * own[k];
                }
                return;
            }
            // |U'R| and |U'D|, and the flow's own answer to its state.
            double const* const U = B + n * m;
            for (std::size_t i = 0; i < n; ++i) {
                std::array<double, 3> of_parent{};
                std::array<double, 6> of_flow{};
                for (std::size_t l = 0; l < n; ++l) {
                    if (vertex.straight) {
                        of_parent[vertex.place[l]] += U[l * n + i] * numbers.R[l];
                    } else {
                        for (std::size_t k = 0; k < vertex.parent_rows; ++k)
                            of_parent[k] += U[l * n + i] * numbers.R[k * n + l];
                    }
                    for (std::size_t k = 0; k < m; ++k) of_flow[k] += U[l * n + i] * numbers.D[k * n + l];
                }
                for (std::size_t k = 0; k < vertex.parent_rows; ++k) v[i] += std::abs(of_parent[k]) * above[k];
                for (std::size_t k = 0; k < m; ++k) v[i] += std::abs(of_flow[k]) * own[k];
            }
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t k = 0; k < m; ++k) own[k] += std::abs(B[i * m + k]) * v[i];
        },
        [&](std::size_t j, double* row) {
            std::copy_n(state_radius_.data() + vertices[j].first_row, vertices[j].rows, row);
        });
}

// Root to leaf: limits that cannot be reached, or are implied by what is known of the parent's state.
void TreePresolve::drop_limits() {
    auto const& vertices = program_.vertices;
    auto const rows = program_.low.size();
    low_ = program_.low;
    high_ = program_.high;
    low_source_.resize(rows);
    high_source_.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) low_source_[i].row = high_source_[i].row = static_cast<std::int32_t>(i);
    std::vector<double> known(2 * rows);  // low, high of each state that the remaining limits ensure
    TreeWaves waves(program_, links_);
    waves.root_to_leaf(
        6,
        [&](std::size_t j, double const* row) {
            auto const& vertex = vertices[j];
            auto const numbers = numbers_of(program_, vertex);
            auto const first = static_cast<std::size_t>(vertex.first_row);
            std::size_t const n = vertex.rows;
            double const* const above =
                row != nullptr ? row
                : vertex.root  ? nullptr
                               : known.data() + 2 * vertices[static_cast<std::size_t>(vertex.parent)].first_row;
            for (std::size_t i = 0; i < n; ++i) {
                double& low = known[2 * (first + i)];
                double& high = known[2 * (first + i) + 1];
                low = state_[first + i] - state_radius_[first + i];
                high = state_[first + i] + state_radius_[first + i];
                if (vertex.root || !vertex.straight) continue;
                double drop = -numbers.e[i], radius = 0.0;
                for (std::size_t k = 0; k < vertex.flows; ++k) {
                    drop += numbers.D[k * n + i] * flow_value_[flow_.first_flow(j) + k];
                    radius += std::abs(numbers.D[k * n + i]) * flow_radius_[flow_.first_flow(j) + k];
                }
                low = std::max(low, numbers.R[i] * above[2 * vertex.place[i]] - drop - radius);
                high = std::min(high, numbers.R[i] * above[2 * vertex.place[i] + 1] - drop + radius);
            }
            for (std::size_t i = 0; i < n; ++i) {
                double least = known[2 * (first + i)], largest = known[2 * (first + i) + 1];
                if (vertex.mixed) {
                    double middle = 0.0, radius = 0.0;
                    for (std::size_t k = 0; k < n; ++k) {
                        middle += numbers.W[k * n + i] * state_[first + k];
                        radius += std::abs(numbers.W[k * n + i]) * state_radius_[first + k];
                    }
                    least = middle - radius;
                    largest = middle + radius;
                }
                if (least >= low_[first + i] && keep_low[first + i] == 0) low_[first + i] = -none;
                if (largest <= high_[first + i] && keep_high[first + i] == 0) high_[first + i] = none;
                if (vertex.mixed) continue;
                known[2 * (first + i)] = std::max(least, low_[first + i]);
                known[2 * (first + i) + 1] = std::min(largest, high_[first + i]);
            }
        },
        [&](std::size_t j, double* row) {
            std::copy_n(known.data() + 2 * vertices[j].first_row, 2 * vertices[j].rows, row);
        });
}

void TreePresolve::drop_flow_limits() {
    reduced_flow_.clear();
    flow_limited_.assign(program_.vertices.size(), 0);
    double first_farthest = 0.0;  // of a disc from its centre
    for (std::size_t i = 0; i < program_.flow_limits.size(); ++i) {
        auto const& limit = program_.flow_limits[i];
        auto const j = static_cast<std::size_t>(limit.vertex);
        double value = 0.0, radius = 0.0;
        for (std::size_t k = 0; k < program_.vertices[j].flows; ++k) {
            double const weight = program_.weights[static_cast<std::size_t>(limit.first_weight) + k];
            value += weight * flow_value_[flow_.first_flow(j) + k];
            radius += std::abs(weight) * flow_radius_[flow_.first_flow(j) + k];
        }
        double const farthest = std::abs(value - limit.bound) + radius;
        if (limit.side == TreeSide::first_of_disc) {
            first_farthest = farthest;
            continue;
        }
        bool const disc = limit.side == TreeSide::second_of_disc;
        if (disc ? std::hypot(first_farthest, farthest) <= 1.0 : value + radius <= limit.bound) continue;
        if (disc) reduced_flow_.push_back(i - 1);
        reduced_flow_.push_back(i);
        flow_limited_[j] = 1;
    }
}

void TreePresolve::find_groups() {
    auto const count = program_.vertices.size();
    alive_.assign(count, -1);
    top_.assign(count, -1);
    dissolved_.assign(program_.groups.size(), -1);
    if (program_.groups.empty()) return;
    for (std::size_t g = 0; g < program_.groups.size(); ++g)
        if (program_.groups[g].top >= 0) {
            top_[static_cast<std::size_t>(program_.groups[g].top)] = static_cast<std::int32_t>(g);
            alive_[static_cast<std::size_t>(program_.groups[g].top)] = static_cast<std::int32_t>(g);
        }
    for (auto const& control : program_.controls)
        if (control.group >= 0) alive_[static_cast<std::size_t>(control.vertex)] = control.group;
    for (auto const& cut : program_.below)
        if (cut.group >= 0) alive_[static_cast<std::size_t>(cut.vertex)] = cut.group;
    for (std::size_t j = count; j-- > 0;) {
        auto const parent = program_.vertices[j].parent;
        if (alive_[j] >= 0 && top_[j] != alive_[j] && parent >= 0) alive_[static_cast<std::size_t>(parent)] = alive_[j];
    }
}

bool TreePresolve::has_limits(std::size_t j) const {
    auto const first = static_cast<std::size_t>(program_.vertices[j].first_row);
    for (std::size_t i = first; i < first + program_.vertices[j].rows; ++i)
        if (std::isfinite(low_[i]) || std::isfinite(high_[i])) return true;
    return false;
}

bool TreePresolve::may_leave(std::size_t j) const {
    return anchored_[j] == 0 && children_[j] == 0 && flow_limited_[j] == 0;
}

void TreePresolve::collapse() {
    auto const& vertices = program_.vertices;
    auto const count = vertices.size();
    anchored_.assign(count, 0);
    gone_.assign(count, 0);
    children_.assign(count, 0);
    first_.assign(count, -1);
    next_.assign(program_.controls.size(), -1);
    gains_.resize(program_.controls.size());
    terms_.clear();
    group_of_.clear();
    role_.clear();
    constant_.assign(flow_.flows(), 0.0);
    slope_of_.assign(count, -1);
    slopes_.clear();
    offset_ = 0.0;
    implied_low_.assign(program_.low.size(), -none);
    implied_high_.assign(program_.low.size(), none);
    representative_.resize(program_.controls.size());
    pair_.assign(program_.controls.size(), 0);
    for (auto const& limit : program_.pair_limits) {
        pair_[static_cast<std::size_t>(limit.control)] = 1;
        pair_[static_cast<std::size_t>(limit.control) + 1] = 2;
    }
    for (std::size_t d = 0; d < program_.controls.size(); ++d) {
        terms_.push_back(program_.controls[d].term);
        group_of_.push_back(program_.controls[d].group);
        role_.push_back(program_.controls[d].role);
        representative_[d] = static_cast<std::int32_t>(d);
    }
    for (auto const& cut : program_.above) anchored_[static_cast<std::size_t>(cut.vertex)] = 1;
    for (auto const& cut : program_.below) anchored_[static_cast<std::size_t>(cut.vertex)] = 1;
    for (std::size_t j = 0; j < count; ++j) {
        auto const& vertex = vertices[j];
        auto const numbers = numbers_of(program_, vertex);
        double* const constant = constant_.data() + flow_.first_flow(j);
        std::copy_n(numbers.c, vertex.flows, constant);
        if (vertex.root) anchored_[j] = 1;
        if (vertex.sloped) {
            slope_of_[j] = static_cast<std::int32_t>(slopes_.size());
            std::copy_n(numbers.K, vertex.rows * vertex.flows, slopes_.emplace_back().data());
        }
        for (std::int32_t d = vertex.first_control + vertex.controls; d-- > vertex.first_control;) {
            auto const i = static_cast<std::size_t>(d);
            double const* const gain = program_.gains.data() + program_.controls[i].first_gain;
            gains_[i] = {};
            std::copy_n(gain, vertex.flows, gains_[i].data());
            if (units_.control_fixed[i] && role_[i] == TreeControl::Role::free && pair_[i] == 0) {
                for (std::size_t k = 0; k < vertex.flows; ++k) constant[k] += gain[k] * units_.control_lower[i];
                offset_ += value(terms_[i], units_.control_lower[i]);
                representative_[i] = -1;
                continue;
            }
            next_[i] = first_[j];
            first_[j] = d;
        }
    }
    for (std::size_t j = count; j-- > 0;) {
        auto const& vertex = vertices[j];
        drop_implied(j);
        bool const limits = has_limits(j);
        if (may_leave(j) && !limits) {
            if (top_[j] >= 0) dissolve_group(j);
            if (top_[j] < 0) {
                move_to_parent(j);
                gone_[j] = 1;
                continue;
            }
        }
        if (may_leave(j) && limits && first_[j] < 0 && top_[j] < 0 && slope_of_[j] < 0 && vertex.straight &&
            !vertex.mixed && !vertices[static_cast<std::size_t>(vertex.parent)].mixed) {
            move_limits_to_parent(j);
            move_to_parent(j);
            gone_[j] = 1;
            continue;
        }
        if (vertex.parent < 0) continue;
        ++children_[static_cast<std::size_t>(vertex.parent)];
        if (limits) imply_parent(j);
    }
}

// s and its part of the parent's become s = L (c + K v + gains u) with v = U'(R v_parent + e - D s).
void TreePresolve::move_to_parent(std::size_t j) {
    auto const& vertex = program_.vertices[j];
    auto const numbers = numbers_of(program_, vertex);
    auto const parent = static_cast<std::size_t>(vertex.parent);
    std::size_t const n = vertex.rows, m = vertex.flows;
    double* const to = constant_.data() + flow_.first_flow(parent);
    Flows own{};
    std::copy_n(constant_.data() + flow_.first_flow(j), m, own.data());
    std::array<double, 36> answer{};  // I - K U'D by columns
    if (slope_of_[j] >= 0) {
        auto const& K = slopes_[static_cast<std::size_t>(slope_of_[j])];
        std::array<double, 9> P{};  // I + D K by columns
        for (std::size_t k = 0; k < n; ++k)
            for (std::size_t i = 0; i < n; ++i) {
                P[k * n + i] = i == k ? 1.0 : 0.0;
                for (std::size_t l = 0; l < m; ++l) P[k * n + i] += numbers.D[l * n + i] * K[k * m + l];
            }
        auto const inverted = inverse(P, n);
        Slope KU{};
        for (std::size_t k = 0; k < n; ++k)
            for (std::size_t i = 0; i < m; ++i)
                for (std::size_t l = 0; l < n; ++l) KU[k * m + i] += K[l * m + i] * inverted[k * n + l];
        for (std::size_t k = 0; k < m; ++k)
            for (std::size_t i = 0; i < m; ++i) {
                answer[k * m + i] = i == k ? 1.0 : 0.0;
                for (std::size_t l = 0; l < n; ++l) answer[k * m + i] -= KU[l * m + i] * numbers.D[k * n + l];
            }
        Flows drawn{};
        add(answer.data(), m, m, own, 1.0, drawn);
        std::array<double, 3> e{};
        std::copy_n(numbers.e, n, e.data());
        add(KU.data(), m, n, e, 1.0, drawn);
        own = drawn;
        if (slope_of_[parent] < 0) {
            slope_of_[parent] = static_cast<std::int32_t>(slopes_.size());
            slopes_.emplace_back();
        }
        auto& above = slopes_[static_cast<std::size_t>(slope_of_[parent])];
        std::size_t const rows = vertex.parent_rows, flows = vertex.parent_flows;
        for (std::size_t q = 0; q < rows; ++q) {
            Flows column{}, lifted{};
            for (std::size_t l = 0; l < n; ++l) {
                double const ratio =
                    vertex.straight ? (vertex.place[l] == q ? numbers.R[l] : 0.0) : numbers.R[q * n + l];
                for (std::size_t i = 0; i < m; ++i) column[i] += KU[l * m + i] * ratio;
            }
            add_flows(vertex, numbers, column.data(), lifted.data());
            for (std::size_t i = 0; i < flows; ++i) above[q * flows + i] += lifted[i];
        }
    }
    add_flows(vertex, numbers, own.data(), to);
    for (auto d = first_[j]; d >= 0;) {
        auto const i = static_cast<std::size_t>(d);
        Flows gain = gains_[i];
        if (slope_of_[j] >= 0) {
            Flows answered{};
            add(answer.data(), m, m, gain, 1.0, answered);
            gain = answered;
        }
        gains_[i] = {};
        add_flows(vertex, numbers, gain.data(), gains_[i].data());
        d = next_[i];
        next_[i] = first_[parent];
        first_[parent] = static_cast<std::int32_t>(i);
    }
    first_[j] = -1;
}

// Without controls below, the state is the parent's but for a constant.
void TreePresolve::move_limits_to_parent(std::size_t j) {
    auto const& vertex = program_.vertices[j];
    auto const numbers = numbers_of(program_, vertex);
    auto const first = static_cast<std::size_t>(vertex.first_row);
    auto const parent_first =
        static_cast<std::size_t>(program_.vertices[static_cast<std::size_t>(vertex.parent)].first_row);
    std::size_t const n = vertex.rows;
    for (std::size_t i = 0; i < n; ++i) {
        double drop = -numbers.e[i];
        for (std::size_t k = 0; k < vertex.flows; ++k)
            drop += numbers.D[k * n + i] * constant_[flow_.first_flow(j) + k];
        double const ratio = numbers.R[i];
        auto const row = parent_first + vertex.place[i];
        double const high = (high_[first + i] + drop) / ratio, low = (low_[first + i] + drop) / ratio;
        if (high < high_[row]) {
            high_[row] = high;
            high_source_[row] = {high_source_[first + i].row, high_source_[first + i].share / ratio};
        }
        if (low > low_[row]) {
            low_[row] = low;
            low_source_[row] = {low_source_[first + i].row, low_source_[first + i].share / ratio};
        }
    }
}

// What limits that stay say of the parent's state.
void TreePresolve::imply_parent(std::size_t j) {
    auto const& vertex = program_.vertices[j];
    if (vertex.mixed || !vertex.straight) return;
    auto const numbers = numbers_of(program_, vertex);
    auto const first = static_cast<std::size_t>(vertex.first_row);
    auto const parent_first =
        static_cast<std::size_t>(program_.vertices[static_cast<std::size_t>(vertex.parent)].first_row);
    std::size_t const n = vertex.rows;
    for (std::size_t i = 0; i < n; ++i) {
        double drop = -numbers.e[i], radius = 0.0;
        for (std::size_t k = 0; k < vertex.flows; ++k) {
            drop += numbers.D[k * n + i] * flow_value_[flow_.first_flow(j) + k];
            radius += std::abs(numbers.D[k * n + i]) * flow_radius_[flow_.first_flow(j) + k];
        }
        auto const row = parent_first + vertex.place[i];
        double const high = std::min(high_[first + i], implied_high_[first + i]);
        double const low = std::max(low_[first + i], implied_low_[first + i]);
        implied_high_[row] = std::min(implied_high_[row], (high + drop + radius) / numbers.R[i]);
        implied_low_[row] = std::max(implied_low_[row], (low + drop - radius) / numbers.R[i]);
    }
}

void TreePresolve::drop_implied(std::size_t j) {
    auto const& vertex = program_.vertices[j];
    if (vertex.mixed) return;
    auto const first = static_cast<std::size_t>(vertex.first_row);
    for (std::size_t i = first; i < first + vertex.rows; ++i) {
        if (implied_high_[i] <= high_[i] && keep_high[static_cast<std::size_t>(high_source_[i].row)] == 0)
            high_[i] = none;
        if (implied_low_[i] >= low_[i] && keep_low[static_cast<std::size_t>(low_source_[i].row)] == 0) low_[i] = -none;
    }
}

// A group of tied controls all of which are at its top is one control.
void TreePresolve::dissolve_group(std::size_t j) {
    auto const g = static_cast<std::size_t>(top_[j]);
    if (units_.group_fixed[g] || first_[j] < 0) return;
    for (auto d = first_[j]; d >= 0; d = next_[static_cast<std::size_t>(d)])
        if (role_[static_cast<std::size_t>(d)] == TreeControl::Role::capped) return;
    std::int32_t kept = -1, others = -1;
    for (auto d = first_[j]; d >= 0;) {
        auto const i = static_cast<std::size_t>(d);
        auto const following = next_[i];
        if (role_[i] != TreeControl::Role::tied) {
            next_[i] = others;
            others = d;
        } else if (kept < 0) {
            kept = d;
            auto& term = terms_[i];
            auto const& own = program_.groups[g].term;
            term.cost += own.cost;
            term.curvature += own.curvature;
            term.log_weight += own.log_weight;
            term.lower = units_.group_lower[g];
            term.upper = units_.group_lower[g] + units_.group_range[g];
            role_[i] = TreeControl::Role::free;
            group_of_[i] = -1;
        } else {
            auto& term = terms_[static_cast<std::size_t>(kept)];
            term.cost += terms_[i].cost;
            term.curvature += terms_[i].curvature;
            term.log_weight += terms_[i].log_weight;
            for (std::size_t k = 0; k < 6; ++k) gains_[static_cast<std::size_t>(kept)][k] += gains_[i][k];
            representative_[i] = kept;
        }
        d = following;
    }
    if (kept < 0) {
        first_[j] = others;
        return;
    }
    next_[static_cast<std::size_t>(kept)] = others;
    first_[j] = kept;
    dissolved_[g] = kept;
    top_[j] = -1;
    alive_[j] = -1;
}

TreePresolve::Branch TreePresolve::branch_of(std::size_t j) const {
    if (branch_of_[j] >= 0) return branches_[static_cast<std::size_t>(branch_of_[j])];
    auto const& vertex = program_.vertices[j];
    auto const numbers = numbers_of(program_, vertex);
    Branch branch{.parent = vertex.parent,
                  .straight = vertex.straight,
                  .parent_rows = vertex.parent_rows,
                  .parent_flows = vertex.parent_flows,
                  .place = vertex.place};
    std::copy_n(numbers.e, vertex.rows, branch.e.data());
    if (vertex.root) return branch;
    if (vertex.straight) {
        std::copy_n(numbers.R, vertex.rows, branch.tau.data());
    } else {
        std::copy_n(numbers.R, vertex.rows * vertex.parent_rows, branch.R.data());
        std::copy_n(numbers.L, vertex.parent_flows * vertex.flows, branch.L.data());
    }
    std::copy_n(numbers.D, vertex.rows * vertex.flows, branch.D.data());
    return branch;
}

// A vertex with one child and nothing of its own: R_k R_j, L_j L_k, D_k + R_k D_j L_k.
void TreePresolve::join_chains() {
    auto const& vertices = program_.vertices;
    auto const count = vertices.size();
    branch_of_.assign(count, -1);
    branches_.clear();
    std::vector<std::int32_t> child(count, -1);
    for (std::size_t j = 0; j < count; ++j)
        if (gone_[j] == 0 && vertices[j].parent >= 0)
            child[static_cast<std::size_t>(vertices[j].parent)] = static_cast<std::int32_t>(j);
    for (std::size_t j = 0; j < count; ++j) {
        if (gone_[j] != 0 || anchored_[j] != 0 || children_[j] != 1 || first_[j] >= 0 || top_[j] >= 0 ||
            slope_of_[j] >= 0 || flow_limited_[j] != 0 || has_limits(j))
            continue;
        auto const k = static_cast<std::size_t>(child[j]);
        auto const upper = branch_of(j);
        auto lower = branch_of(k);
        std::size_t const nj = vertices[j].rows, mj = vertices[j].flows, nk = vertices[k].rows, mk = vertices[k].flows;
        std::size_t const rows = upper.parent_rows, flows = upper.parent_flows;
        // Entries of R_k and L_k, R_j and L_j, whichever way they are kept.
        auto const ratio = [](Branch const& branch, std::size_t n, std::size_t i, std::size_t q) {
            return branch.straight ? (branch.place[i] == q ? branch.tau[i] : 0.0) : branch.R[q * n + i];
        };
        auto const lift = [](Branch const& branch, std::size_t n, std::size_t i, std::size_t q) {
            if (!branch.straight) return branch.L[i * branch.parent_flows + q];
            auto const to =
                i < n ? std::size_t{branch.place[i]} : std::size_t{branch.parent_rows} + branch.place[i - n];
            return to == q ? 1.0 : 0.0;
        };
        // R_k (e_j - D_j c_j), R_k D_j L_k
        Flows own{};
        std::copy_n(constant_.data() + flow_.first_flow(j), mj, own.data());
        for (std::size_t i = 0; i < nk; ++i)
            for (std::size_t l = 0; l < nj; ++l) {
                double const r = ratio(lower, nk, i, l);
                if (r == 0.0) continue;
                lower.e[i] += r * upper.e[l];
                for (std::size_t q = 0; q < mj; ++q) {
                    double const entry = r * upper.D[q * nj + l];
                    lower.e[i] -= entry * own[q];
                    for (std::size_t p = 0; p < mk; ++p) lower.D[p * nk + i] += entry * lift(lower, nk, p, q);
                }
            }
        Branch joined = lower;
        joined.parent = upper.parent;
        joined.parent_rows = upper.parent_rows;
        joined.parent_flows = upper.parent_flows;
        joined.straight = upper.straight && lower.straight;
        if (joined.straight) {
            for (std::size_t i = 0; i < nk; ++i) {
                joined.place[i] = upper.place[lower.place[i]];
                joined.tau[i] = lower.tau[i] * upper.tau[lower.place[i]];
            }
        } else {
            joined.R = {};
            joined.L = {};
            for (std::size_t q = 0; q < rows; ++q)
                for (std::size_t i = 0; i < nk; ++i)
                    for (std::size_t l = 0; l < nj; ++l)
                        joined.R[q * nk + i] += ratio(lower, nk, i, l) * ratio(upper, nj, l, q);
            for (std::size_t p = 0; p < mk; ++p)
                for (std::size_t q = 0; q < flows; ++q)
                    for (std::size_t l = 0; l < mj; ++l)
                        joined.L[p * flows + q] += lift(upper, nj, l, q) * lift(lower, nk, p, l);
        }
        double* const to = constant_.data() + flow_.first_flow(static_cast<std::size_t>(upper.parent));
        for (std::size_t q = 0; q < flows; ++q)
            for (std::size_t l = 0; l < mj; ++l) to[q] += lift(upper, nj, l, q) * own[l];
        branch_of_[k] = static_cast<std::int32_t>(branches_.size());
        branches_.push_back(joined);
        gone_[j] = 1;
        auto const parent = static_cast<std::size_t>(upper.parent);
        if (child[parent] == static_cast<std::int32_t>(j)) child[parent] = static_cast<std::int32_t>(k);
    }
}

// Controls with the same term per unit of gain, the same bounds and gains in one direction take the same value.
void TreePresolve::merge_controls(std::size_t j, std::vector<std::size_t>& kept) {
    kept.clear();
    std::vector<std::size_t> pairs;
    for (auto d = first_[j]; d >= 0; d = next_[static_cast<std::size_t>(d)]) {
        auto const i = static_cast<std::size_t>(d);
        if (pair_[i] == 0) kept.push_back(i);
        if (pair_[i] == 1) pairs.insert(pairs.end(), {i, i + 1});
    }
    merge_singles(kept);
    kept.insert(kept.end(), pairs.begin(), pairs.end());
}

void TreePresolve::merge_singles(std::vector<std::size_t>& kept) {
    if (kept.size() < 2) return;
    auto const size = [this](std::size_t d) {
        double sum = 0.0;
        for (auto const gain : gains_[d]) sum += std::abs(gain);
        return sum;
    };
    struct Key {
        std::size_t control;
        double size;
        std::array<double, 11> numbers;
        [[nodiscard]] bool matches(Key const& other, bool exactly) const {
            for (std::size_t i = 0; i < numbers.size(); ++i)
                if (exactly ? !same(numbers[i], other.numbers[i]) : rounded(numbers[i]) != rounded(other.numbers[i]))
                    return false;
            return true;
        }
    };
    std::vector<Key> keys;
    for (auto const d : kept) {
        bool const tied = role_[d] == TreeControl::Role::tied;
        Key key{.control = d, .size = size(d), .numbers = {}};
        double const per = key.size > 0.0 && !tied ? 1.0 / key.size : 0.0;
        auto const& term = terms_[d];
        key.numbers = {static_cast<double>(group_of_[d] + 1) * 4.0 + static_cast<double>(role_[d]),
                       tied ? 0.0 : term.lower,
                       tied ? 0.0 : term.upper,
                       term.cost * per,
                       term.curvature * per,
                       gains_[d][0] * per,
                       gains_[d][1] * per,
                       gains_[d][2] * per,
                       gains_[d][3] * per,
                       gains_[d][4] * per,
                       gains_[d][5] * per};
        keys.push_back(key);
    }
    std::ranges::stable_sort(keys, [](Key const& a, Key const& b) {
        for (std::size_t i = 0; i < a.numbers.size(); ++i)
            if (rounded(a.numbers[i]) != rounded(b.numbers[i])) return rounded(a.numbers[i]) < rounded(b.numbers[i]);
        return false;
    });
    kept.clear();
    std::size_t leader = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        auto const d = keys[i].control;
        auto const of = keys[leader].control;
        bool const tied = role_[d] == TreeControl::Role::tied;
        bool const log_alike = same(terms_[d].log_weight * keys[leader].size, terms_[of].log_weight * keys[i].size);
        if (i == 0 || !keys[i].matches(keys[leader], true) || (!tied && (!log_alike || keys[i].size == 0.0))) {
            leader = i;
            kept.push_back(d);
            continue;
        }
        auto& term = terms_[of];
        term.cost += terms_[d].cost;
        term.curvature += terms_[d].curvature;
        term.log_weight += terms_[d].log_weight;
        for (std::size_t k = 0; k < 6; ++k) gains_[of][k] += gains_[d][k];
        representative_[d] = static_cast<std::int32_t>(of);
    }
}

TreeProgram TreePresolve::write() {
    TreeProgram reduced;
    auto const& vertices = program_.vertices;
    std::vector<std::int32_t> vertex_to(vertices.size(), -1);
    control_to_.assign(program_.controls.size(), -1);
    group_to_.assign(program_.groups.size(), -1);
    reduced_low_.clear();
    reduced_pair_.clear();
    reduced_high_.clear();
    reduced.level_start.assign(1, 0);
    for (std::size_t g = 0; g < program_.groups.size(); ++g) {
        if (dissolved_[g] >= 0) continue;
        group_to_[g] = static_cast<std::int32_t>(reduced.groups.size());
        reduced.groups.push_back(program_.groups[g]);
        // Bounds of tied controls count here, as those may be merged.
        auto& term = reduced.groups.back().term;
        term.lower = units_.group_lower[g];
        term.upper = units_.group_lower[g] + (units_.group_fixed[g] ? 0.0 : units_.group_range[g]);
    }
    std::vector<std::size_t> kept;
    int level = 0;
    for (std::size_t j = 0; j < vertices.size(); ++j) {
        while (static_cast<std::int32_t>(j) >= program_.level_start[static_cast<std::size_t>(level) + 1]) {
            reduced.level_start.push_back(static_cast<std::int32_t>(reduced.vertices.size()));
            ++level;
        }
        if (gone_[j] != 0) continue;
        vertex_to[j] = static_cast<std::int32_t>(reduced.vertices.size());
        auto vertex = vertices[j];
        auto const branch = branch_of(j);
        auto const numbers = numbers_of(program_, vertex);
        std::size_t const n = vertex.rows, m = vertex.flows;
        vertex.parent = branch.parent < 0 ? -1 : vertex_to[static_cast<std::size_t>(branch.parent)];
        vertex.parent_rows = branch.parent_rows;
        vertex.parent_flows = branch.parent_flows;
        vertex.straight = branch.straight;
        vertex.place = branch.place;
        vertex.first_row = static_cast<std::int32_t>(reduced.low.size());
        vertex.first_control = static_cast<std::int32_t>(reduced.controls.size());
        vertex.first_number = static_cast<std::int64_t>(reduced.numbers.size());
        vertex.sloped = slope_of_[j] >= 0;
        vertex.mixed = vertex.mixed && has_limits(j);
        auto const put = [&](double const* from, std::size_t size) {
            reduced.numbers.insert(reduced.numbers.end(), from, from + size);
        };
        if (!vertex.root) {
            if (vertex.straight) {
                put(branch.tau.data(), n);
            } else {
                put(branch.R.data(), n * branch.parent_rows);
                put(branch.L.data(), branch.parent_flows * m);
            }
            put(branch.D.data(), n * m);
        }
        put(branch.e.data(), n);
        put(constant_.data() + flow_.first_flow(j), m);
        if (vertex.sloped) put(slopes_[static_cast<std::size_t>(slope_of_[j])].data(), m * n);
        if (vertex.mixed) put(numbers.W, n * n);
        auto const first = static_cast<std::size_t>(vertices[j].first_row);
        for (std::size_t i = first; i < first + n; ++i) {
            reduced.low.push_back(low_[i]);
            reduced.high.push_back(high_[i]);
            reduced_low_.push_back(low_source_[i]);
            reduced_high_.push_back(high_source_[i]);
        }
        merge_controls(j, kept);
        for (auto const d : kept) {
            control_to_[d] = static_cast<std::int32_t>(reduced.controls.size());
            reduced.controls.push_back(
                {.term = terms_[d],
                 .first_gain = static_cast<std::int64_t>(reduced.gains.size()),
                 .vertex = vertex_to[j],
                 .group = group_of_[d] < 0 ? -1 : group_to_[static_cast<std::size_t>(group_of_[d])],
                 .role = role_[d]});
            reduced.gains.insert(reduced.gains.end(), gains_[d].begin(),
                                 gains_[d].begin() + static_cast<std::ptrdiff_t>(m));
        }
        vertex.controls = static_cast<std::int32_t>(kept.size());
        reduced.vertices.push_back(vertex);
    }
    while (static_cast<int>(reduced.level_start.size()) <= program_.levels())
        reduced.level_start.push_back(static_cast<std::int32_t>(reduced.vertices.size()));
    for (auto const i : reduced_flow_) {
        reduced.flow_limits.push_back(program_.flow_limits[i]);
        auto& vertex = reduced.flow_limits.back().vertex;
        vertex = vertex_to[static_cast<std::size_t>(vertex)];
    }
    reduced.weights = program_.weights;
    for (std::size_t i = 0; i < program_.pair_limits.size(); ++i) {
        reduced.pair_limits.push_back(program_.pair_limits[i]);
        auto& control = reduced.pair_limits.back().control;
        control = control_to_[static_cast<std::size_t>(control)];
        reduced_pair_.push_back(i);
    }
    std::ranges::stable_sort(reduced_pair_, {}, [&](std::size_t i) { return reduced.pair_limits[i].control; });
    std::ranges::stable_sort(reduced.pair_limits, {}, &TreePairLimit::control);
    for (auto& group : reduced.groups)
        if (group.top >= 0) group.top = vertex_to[static_cast<std::size_t>(group.top)];
    auto const cuts = [&](std::vector<TreeCut> const& from, std::vector<TreeCut>& to) {
        to = from;
        for (auto& cut : to) {
            cut.vertex = vertex_to[static_cast<std::size_t>(cut.vertex)];
            if (cut.group >= 0) cut.group = group_to_[static_cast<std::size_t>(cut.group)];
        }
    };
    cuts(program_.above, reduced.above);
    cuts(program_.below, reduced.below);
    return reduced;
}

void TreePresolve::expand(std::span<double const> u, std::span<double const> y, std::vector<double>& full_u,
                          std::vector<double>& full_y) const {
    full_u.resize(program_.controls.size());
    for (std::size_t d = 0; d < full_u.size(); ++d) {
        auto of = representative_[d];
        while (of >= 0 && representative_[static_cast<std::size_t>(of)] != of)
            of = representative_[static_cast<std::size_t>(of)];
        full_u[d] =
            of < 0 ? units_.control_lower[d] : u[static_cast<std::size_t>(control_to_[static_cast<std::size_t>(of)])];
    }
    full_y.resize(program_.groups.size());
    for (std::size_t g = 0; g < full_y.size(); ++g)
        full_y[g] = dissolved_[g] >= 0 ? full_u[static_cast<std::size_t>(dissolved_[g])]
                                       : y[static_cast<std::size_t>(group_to_[g])];
}

void TreePresolve::expand(TreeStart const& reduced, TreeStart& full) const {
    expand(reduced.u, reduced.y, full.u, full.y);
    auto const spread = [](std::vector<double> const& prices, std::vector<Source> const& sources, std::size_t rows,
                           std::vector<double>& to) {
        to.assign(rows, 0.0);
        for (std::size_t i = 0; i < prices.size(); ++i)
            to[static_cast<std::size_t>(sources[i].row)] += sources[i].share * prices[i];
    };
    spread(reduced.price_low, reduced_low_, program_.low.size(), full.price_low);
    spread(reduced.price_high, reduced_high_, program_.low.size(), full.price_high);
    full.price_pair.assign(program_.pair_limits.size(), 0.0);
    for (std::size_t i = 0; i < reduced_pair_.size(); ++i) full.price_pair[reduced_pair_[i]] = reduced.price_pair[i];
    full.price_flow.assign(program_.flow_limits.size(), 0.0);
    for (std::size_t i = 0; i < reduced_flow_.size(); ++i) full.price_flow[reduced_flow_[i]] = reduced.price_flow[i];
}

TreeStart TreePresolve::restrict(TreeStart const& full) const {
    TreeStart start;
    for (std::size_t d = 0; d < control_to_.size(); ++d)
        if (control_to_[d] >= 0) start.u.push_back(0.0);
    for (std::size_t d = 0; d < control_to_.size(); ++d)
        if (control_to_[d] >= 0) start.u[static_cast<std::size_t>(control_to_[d])] = full.u[d];
    for (std::size_t g = 0; g < group_to_.size(); ++g)
        if (group_to_[g] >= 0) start.y.push_back(full.y[g]);
    for (auto const& source : reduced_low_)
        start.price_low.push_back(full.price_low[static_cast<std::size_t>(source.row)] / source.share);
    for (auto const& source : reduced_high_)
        start.price_high.push_back(full.price_high[static_cast<std::size_t>(source.row)] / source.share);
    if (!full.price_pair.empty())
        for (auto const i : reduced_pair_) start.price_pair.push_back(full.price_pair[i]);
    if (!full.price_flow.empty())
        for (auto const i : reduced_flow_) start.price_flow.push_back(full.price_flow[i]);
    return start;
}

}  // namespace dec::solvers
