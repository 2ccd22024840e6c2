#include "tree_elimination.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "tree_blocks.hpp"
#include "tree_link.hpp"

namespace dec::solvers {
namespace {

// A kind is a number of rows and whether there are two flows per row.
constexpr std::uint8_t kind_of(int rows, int flows) {
    return static_cast<std::uint8_t>(2 * (rows - 1) + (flows > rows ? 1 : 0));
}
constexpr int rows_of(std::uint8_t kind) { return kind / 2 + 1; }
constexpr int flows_of(std::uint8_t kind) { return rows_of(kind) * (kind % 2 + 1); }

// The sum of messages at a vertex: a, b | A | B | C | column (its a, b, curvature, slope), with all matrices by rows.
constexpr int matrix_at(int n, int m) { return n + m; }
constexpr int column_at(int n, int m) { return n + m + n * n + n * m + m * m; }
constexpr int curvature_at(int n, int m) { return column_at(n, m) + n + m; }
constexpr int slope_at(int n, int m) { return curvature_at(n, m) + 1; }
constexpr int slot_size(int n, int m) { return slope_at(n, m) + 1; }
constexpr int slot_size(std::uint8_t kind) { return slot_size(rows_of(kind), flows_of(kind)); }
// x = (dv, price) and dy of the group.
// What a vertex with a limited flow keeps: G, B, C, W, b, n, and b of the column.
constexpr int rating_size(int n, int m) { return 3 * m * m + n * m + 3 * m; }
constexpr int x_size(std::uint8_t kind) { return rows_of(kind) + flows_of(kind) + 1; }

// The price inside such a vertex at zero outside, W n + G b.
template <int N, int M>
void rating_price(double const* rating, double* price) {
    double const* const W = rating + 2 * M * M + N * M;
    double const* const b = W + M * M;
    std::fill(price, price + M, 0.0);
    blocks::add_product<M, M>(W, b + M, 1.0, price);
    blocks::add_product<M, M>(rating, b, 1.0, price);
}

template <class Visitor>
void with_sizes(std::uint8_t kind, bool is_plain, Visitor&& visit) {
    switch (2 * kind + (is_plain ? 1 : 0)) {
        case 0: visit.template operator()<false, 1, 1>(); break;
        case 1: visit.template operator()<true, 1, 1>(); break;
        case 2: visit.template operator()<false, 1, 2>(); break;
        case 3: visit.template operator()<true, 1, 2>(); break;
        case 4: visit.template operator()<false, 2, 2>(); break;
        case 5: visit.template operator()<true, 2, 2>(); break;
        case 6: visit.template operator()<false, 2, 4>(); break;
        case 7: visit.template operator()<true, 2, 4>(); break;
        case 8: visit.template operator()<false, 3, 3>(); break;
        case 9: visit.template operator()<true, 3, 3>(); break;
        case 10: visit.template operator()<false, 3, 6>(); break;
        default: visit.template operator()<true, 3, 6>(); break;
    }
}

}  // namespace

TreeElimination::TreeElimination(TreeProgram const& program, TreeLinks& links, std::span<double const> units)
    : links_{links}, level_start_{program.level_start}, above_{program.above}, below_{program.below} {
    groups_ = program.groups.size();
    lay_out_cuts(program);
    lay_out(program);
    mark_columns(program);
    mark_shapes(program);
    copy_numbers(program, units);
}

void TreeElimination::lay_out_cuts(TreeProgram const& program) {
    std::array<double, 2> sizes{0.0, 0.0};
    for (auto const& cut : program.above) {
        sizes[0] = std::max(sizes[0], static_cast<double>(cut.parent_rows + cut.parent_flows));
        if (cut.group >= 0) sizes[1] = 1.0;
    }
    links_.max(sizes);
    cut_size_ = static_cast<std::size_t>(sizes[0]);
    column_cut_ = sizes[1] > 0.0;
    auto const in_order = [](std::vector<TreeCut> const& cuts) {
        std::vector<std::size_t> order(cuts.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(order, {}, [&](std::size_t i) { return cuts[i].vertex; });
        return order;
    };
    above_order_ = in_order(above_);
    below_order_ = in_order(below_);
    above_rows_.assign(above_.size() * message_width(true), 0.0);
    below_rows_.assign(below_.size() * message_width(true), 0.0);
    cut_slot_.assign(static_cast<std::size_t>(slot_size(3, 6)), 0.0);
}

void TreeElimination::lay_out(TreeProgram const& program) {
    auto const count = program.vertices.size();
    places_.resize(count);
    // Stacks, in which a vertex comes after its parent. Sums above the last level have places of their own, before: what
    // belongs to them comes at different times.
    std::size_t slots = 0, x = 0, own_slots = 0, own_x = 0;
    auto const levels = program.level_start.size() - 1;
    auto const last_level = static_cast<std::size_t>(levels > 1 ? program.level_start[levels - 1] : 0);
    for (std::size_t j = 0; j < count; ++j) {
        auto const& vertex = program.vertices[j];
        auto& place = places_[j];
        place.kind = kind_of(vertex.rows, vertex.flows);
        place.controls = vertex.controls;
        place.slot = static_cast<std::int32_t>(own_slots);
        place.x_slot = static_cast<std::int32_t>(own_x);
        bool const is_apart = j < last_level || static_cast<std::size_t>(vertex.parent) < last_level;
        if (vertex.parent >= 0) {
            auto& parent = places_[static_cast<std::size_t>(vertex.parent)];
            parent.flags |= has_children;
            place.flags |= has_parent;
            if (is_apart) {
                place.flags |= apart;
                apart_.push_back({parent.slot, parent.x_slot});
            } else {
                place.slot = parent.slot + slot_size(parent.kind);
                place.x_slot = parent.x_slot + x_size(parent.kind);
            }
        }
        if (j < last_level) {
            own_slots += static_cast<std::size_t>(slot_size(place.kind));
            own_x += static_cast<std::size_t>(x_size(place.kind));
        }
        if (!vertex.root) {
            place.parent_kind = kind_of(vertex.parent_rows, vertex.parent_flows);
            if (!vertex.straight) place.flags |= dense;
            bool selects = vertex.straight;
            for (std::size_t i = 0; vertex.straight && i < vertex.rows; ++i) {
                place.place = static_cast<std::uint8_t>(place.place | (vertex.place[i] << (2 * i)));
                selects = selects && program.numbers[static_cast<std::size_t>(vertex.first_number) + i] == 1.0;
            }
            if (selects) place.flags |= unit;
        }
        if (vertex.sloped) place.flags |= sloped;
        if (vertex.mixed) place.flags |= mixed;
        for (std::int32_t i = vertex.first_row; i < vertex.first_row + vertex.rows; ++i)
            if (std::isfinite(program.low[static_cast<std::size_t>(i)]) ||
                std::isfinite(program.high[static_cast<std::size_t>(i)]))
                place.flags |= watched_rows;
        if ((place.flags & watched_rows) != 0)
            for (std::int32_t i = 0; i < vertex.rows; ++i) watched_.push_back(vertex.first_row + i);
        slots = std::max(slots, static_cast<std::size_t>(place.slot + slot_size(place.kind)));
        x = std::max(x, static_cast<std::size_t>(place.x_slot + x_size(place.kind)));
    }
    for (auto const& limit : program.flow_limits) {
        auto& place = places_[static_cast<std::size_t>(limit.vertex)];
        place.flags |= rated;
        ++place.flow_limits;
        discs_ += limit.side == TreeSide::first_of_disc ? 1 : 0;
    }
    for (auto const& limit : program.pair_limits) {
        auto const& control = program.controls[static_cast<std::size_t>(limit.control)];
        places_[static_cast<std::size_t>(control.vertex)].flags |= paired;
        ++pair_limits_;
        discs_ += limit.side == TreeSide::first_of_disc ? 1 : 0;
    }
    for (auto const& cut : above_) places_[static_cast<std::size_t>(cut.vertex)].flags |= is_cut;
    for (auto const& cut : below_) places_[static_cast<std::size_t>(cut.vertex)].flags |= has_cuts;
    slots_.assign(slots, 0.0);
    x_.assign(x, 0.0);
}

void TreeElimination::mark_columns(TreeProgram const& program) {
    for (std::size_t g = 0; g < program.groups.size(); ++g) {
        auto const vertex = program.groups[g].top;
        if (vertex < 0) continue;
        tops_.push_back(static_cast<std::int32_t>(g));
        places_[static_cast<std::size_t>(vertex)].flags |= top | column_in;
    }
    std::ranges::sort(tops_, {}, [&](std::int32_t g) { return program.groups[static_cast<std::size_t>(g)].top; });
    for (auto const& control : program.controls)
        if (control.group >= 0) places_[static_cast<std::size_t>(control.vertex)].flags |= grouped | column_in;
    for (auto const& cut : below_)
        if (cut.group >= 0) places_[static_cast<std::size_t>(cut.vertex)].flags |= column_in;
    for (std::size_t j = places_.size(); j-- > 0;) {
        auto& place = places_[j];
        if ((place.flags & column_in) == 0 || (place.flags & top) != 0) continue;
        place.flags |= column_out;
        auto const parent = program.vertices[j].parent;
        if (parent >= 0) places_[static_cast<std::size_t>(parent)].flags |= column_in;
    }
}

void TreeElimination::mark_shapes(TreeProgram const& program) {
    constexpr std::uint32_t responds = has_cuts | sloped | column_in | grouped | rated | paired;
    std::vector<std::uint8_t> active(places_.size(), 0);  // a control at it or below
    for (auto j = places_.size(); j-- > 0;) {
        auto& place = places_[j];
        bool const is_root = (place.flags & (has_parent | is_cut)) == 0;
        if (active[j] == 0 && (place.flags & responds) == 0 && !is_root && place.controls < 2) {
            place.flags |= lone;
            if (place.controls == 0) place.flags |= passive;
        }
        if ((place.flags & passive) == 0 && program.vertices[j].parent >= 0)
            active[static_cast<std::size_t>(program.vertices[j].parent)] = 1;
        std::uint8_t in_order = 0;
        for (int i = 0; i < rows_of(place.kind); ++i) in_order = static_cast<std::uint8_t>(in_order | (i << (2 * i)));
        if ((place.flags & ~(has_children | watched_rows | mixed | lone | passive)) == (has_parent | unit) &&
            place.kind == place.parent_kind && place.place == in_order)
            place.flags |= plain;
    }
}

void TreeElimination::copy_numbers(TreeProgram const& program, std::span<double const> units) {
    // Given by columns, kept by rows.
    double const* from = nullptr;
    auto const copy = [&](int rows, int columns) {
        for (int i = 0; i < rows; ++i)
            for (int j = 0; j < columns; ++j) data_.push_back(from[j * rows + i]);
        from += rows * columns;
    };
    std::size_t factors = 0, rights = 0, columns = 0, ratings = 0;
    for (auto const& limit : program.flow_limits) {
        auto const* const weight = program.weights.data() + limit.first_weight;
        weights_.insert(weights_.end(), weight,
                        weight + program.vertices[static_cast<std::size_t>(limit.vertex)].flows);
    }
    for (std::size_t j = 0; j < places_.size(); ++j) {
        auto const& vertex = program.vertices[j];
        auto const& place = places_[j];
        int const n = vertex.rows, m = vertex.flows;
        from = program.numbers.data() + vertex.first_number;
        if (!vertex.root) {
            if ((place.flags & unit) != 0) {
                from += n;
            } else if (vertex.straight) {
                copy(n, 1);
            } else {
                copy(n, vertex.parent_rows);
                copy(vertex.parent_flows, m);
            }
            if ((place.flags & lone) == 0) {
                copy(n, m);
                factors += static_cast<std::size_t>(2 * n * n + 2 * n * m);
                rights += static_cast<std::size_t>(2 * n);
            } else if (vertex.controls == 0) {
                from += n * m;
            } else {
                // D times the gain of the control.
                auto const d = static_cast<std::size_t>(vertex.first_control);
                double const* const gain = program.gains.data() + program.controls[d].first_gain;
                for (int i = 0; i < n; ++i) {
                    double drop = 0.0;
                    for (int k = 0; k < m; ++k) drop += from[k * n + i] * gain[k] * units[d];
                    data_.push_back(drop);
                }
                from += n * m;
                factors += static_cast<std::size_t>(n + 2);
                rights += 2;
            }
        }
        from += n + m;
        if (vertex.sloped) copy(m, n);
        if (vertex.mixed) copy(n, n);
        if ((place.flags & column_in) != 0) columns += static_cast<std::size_t>(n + m);
        if ((place.flags & column_out) != 0) columns += static_cast<std::size_t>(2 * n);
        if ((place.flags & top) != 0) columns += 2;
        if ((place.flags & rated) != 0) ratings += static_cast<std::size_t>(rating_size(n, m));
        for (std::int32_t d = vertex.first_control; d < vertex.first_control + vertex.controls; ++d) {
            auto const* const gain = program.gains.data() + program.controls[static_cast<std::size_t>(d)].first_gain;
            for (int k = 0; k < m; ++k) gains_.push_back(gain[k] * units[static_cast<std::size_t>(d)]);
        }
    }
    factor_.assign(factors, 0.0);
    right_.assign(rights, 0.0);
    column_.assign(columns, 0.0);
    rating_.assign(ratings, 0.0);
}

TreeElimination::Streams TreeElimination::streams(TreeModel const& model) const {
    auto const bytes = [](auto const&... columns) { return (0 + ... + (columns.size() * sizeof columns[0])); };
    auto const& controls = model.control_slope;
    auto const& rows = model.row_slope;
    auto const passed = bytes(places_, data_, gains_, weights_, factor_, rating_, right_, column_);
    return {.factor = passed + bytes(rows, rows, controls, controls),
            .update_slopes = passed + bytes(rows, controls, controls),
            .solve = passed + bytes(rows, controls, controls, controls, controls)};
}

void TreeElimination::resize(TreeModel& model, TreeStep& step) const {
    std::size_t controls = 0, rows = watched_.size() + pair_limits_ + discs_;
    for (auto const& place : places_) {
        controls += static_cast<std::size_t>(place.controls);
        rows += static_cast<std::size_t>(place.flow_limits);
    }
    model.row_curvature.assign(rows, 0.0);
    model.row_slope.assign(rows, 0.0);
    model.row_cross.assign(discs_ > 0 ? rows : 0, 0.0);
    model.control_inverse.assign(controls, 0.0);
    model.control_slope.assign(controls, 0.0);
    step.row.assign(rows, 0.0);
    model.control_cross.assign(pair_limits_ > 0 ? controls : 0, 0.0);
    step.control.assign(controls, 0.0);
    step.price.assign(controls, 0.0);
    model.group_curvature.assign(groups_, 0.0);
    model.group_slope.assign(groups_, 0.0);
    step.group.assign(groups_, 0.0);
    if (groups_ > 0) {
        model.share.assign(controls, 0.0);
        model.shared_curvature.assign(controls, 0.0);
        model.shared_slope.assign(controls, 0.0);
        step.of_group.assign(controls, 0.0);
    }
}

std::size_t TreeElimination::message_width(bool factor) const {
    auto const k = cut_size_;
    if (!factor) return k + (column_cut_ ? 1 : 0);
    return k + k * (k + 1) / 2 + (column_cut_ ? k + 2 : 0);
}

// A row between ranks: f, [slope of the group], [column, its curvature], upper triangle of F.
template <bool Factor>
void TreeElimination::write_message(double const* slot, std::uint8_t kind, double* row) const {
    int const n = rows_of(kind), m = flows_of(kind);
    row = std::copy(slot, slot + n + m, row);
    if (column_cut_) {
        *row++ = slot[slope_at(n, m)];
        if constexpr (Factor) row = std::copy(slot + column_at(n, m), slot + slope_at(n, m), row);
    }
    if constexpr (Factor) {
        auto const* const A = slot + matrix_at(n, m);
        auto const* const B = A + n * n;
        auto const* const C = B + n * m;
        for (int i = 0; i < n; ++i) {
            for (int j = i; j < n; ++j) *row++ = A[i * n + j];
            for (int j = 0; j < m; ++j) *row++ = B[i * m + j];
        }
        for (int i = 0; i < m; ++i)
            for (int j = i; j < m; ++j) *row++ = C[i * m + j];
    }
}

template <bool Factor>
void TreeElimination::add_message(double const* row, std::uint8_t kind, double* slot) const {
    int const n = rows_of(kind), m = flows_of(kind);
    for (int i = 0; i < n + m; ++i) slot[i] += *row++;
    if (column_cut_) {
        slot[slope_at(n, m)] += *row++;
        if constexpr (Factor)
            for (int i = column_at(n, m); i < slope_at(n, m); ++i) slot[i] += *row++;
    }
    if constexpr (Factor) {
        auto* const A = slot + matrix_at(n, m);
        auto* const B = A + n * n;
        auto* const C = B + n * m;
        auto const add_symmetric = [&](double* matrix, int size, int i, int j) {
            matrix[i * size + j] += *row;
            if (i != j) matrix[j * size + i] += *row;
            ++row;
        };
        for (int i = 0; i < n; ++i) {
            for (int j = i; j < n; ++j) add_symmetric(A, n, i, j);
            for (int j = 0; j < m; ++j) B[i * m + j] += *row++;
        }
        for (int i = 0; i < m; ++i)
            for (int j = i; j < m; ++j) add_symmetric(C, m, i, j);
    }
}

template <bool Factor>
void TreeElimination::leaf_to_root(TreeModel const& model) {
    Cursor at{.data = data_.data() + data_.size(),
              .factor = factor_.data() + factor_.size(),
              .right = right_.data() + right_.size(),
              .column = column_.data() + column_.size(),
              .gains = gains_.data() + gains_.size(),
              .weights = weights_.data() + weights_.size(),
              .rating = rating_.data() + rating_.size(),
              .row = watched_.size(),
              .flow_limit = model.row_slope.size() - pair_limits_ - discs_,
              .control = model.control_slope.size(),
              .top = tops_.size(),
              .above = above_order_.size(),
              .below = below_order_.size(),
              .apart = apart_.size()};
    auto const width = message_width(Factor);
    for (int level = links_.levels(); level-- > 0;) {
        if (static_cast<std::size_t>(level) + 1 < level_start_.size()) {
            auto const first = static_cast<std::size_t>(level_start_[static_cast<std::size_t>(level)]);
            for (auto j = static_cast<std::size_t>(level_start_[static_cast<std::size_t>(level) + 1]); j-- > first;) {
                auto const& place = places_[j];
                with_sizes(place.kind, (place.flags & plain) != 0, [&]<bool Plain, int N, int M>() {
                    if ((place.flags & lone) != 0) eliminate_lone<Factor, Plain, N, M>(place, model, at);
                    else eliminate<Factor, Plain, N, M>(place, model, at);
                });
            }
        }
        if (level > 0)
            links_.up(level, std::span{above_rows_}.first(above_.size() * width),
                      std::span{below_rows_}.first(below_.size() * width), width);
    }
}

template <bool Factor, bool Plain, int N, int M>
void TreeElimination::eliminate(Place const& place, TreeModel const& model, Cursor& at) {
    auto const flags = known_flags<Plain>(place.flags);
    double* const slot = slots_.data() + place.slot;
    if ((flags & has_cuts) != 0)
        for (auto const j = static_cast<std::int32_t>(&place - places_.data());
             at.below > 0 && below_[below_order_[at.below - 1]].vertex == j;)
            add_message<Factor>(below_rows_.data() + below_order_[--at.below] * message_width(Factor), place.kind,
                                slot);

    // What came from below; the slot is left empty for the next sweep.
    blocks::Value<N, M> below;
    double a[N], b[M], column[N + M] = {}, shared_curvature = 0.0, shared_slope = 0.0;
    if ((flags & (has_children | has_cuts)) != 0) {
        std::copy(slot, slot + N, a);
        std::copy(slot + N, slot + N + M, b);
        if constexpr (Factor) {
            auto const* const matrix = slot + matrix_at(N, M);
            std::copy(matrix, matrix + N * N, below.A);
            std::copy(matrix + N * N, matrix + N * N + N * M, below.B);
            std::copy(matrix + N * N + N * M, matrix + N * N + N * M + M * M, below.C);
        }
        std::fill(slot, slot + (Factor ? column_at(N, M) : matrix_at(N, M)), 0.0);
        if ((flags & column_in) != 0) {
            shared_slope = std::exchange(slot[slope_at(N, M)], 0.0);
            if constexpr (Factor) {
                shared_curvature = slot[curvature_at(N, M)];
                std::copy(slot + column_at(N, M), slot + column_at(N, M) + N + M, column);
                std::fill(slot + column_at(N, M), slot + slot_size(N, M), 0.0);
            }
        }
    } else {
        std::fill(a, a + N, 0.0);
        std::fill(b, b + M, 0.0);
        if constexpr (Factor) below = {};
    }

    // Where this vertex's numbers begin: link, D, K, W.
    bool const root = (flags & (has_parent | is_cut)) == 0;
    auto const size_of_link = root ? 0 : link_of<Plain, N, M>(place, nullptr).size();
    at.data -=
        size_of_link + (root ? 0 : N * M) + ((flags & sloped) != 0 ? N * M : 0) + ((flags & mixed) != 0 ? N * N : 0);
    auto const link = link_of<Plain, N, M>(place, at.data);
    double const* const D = at.data + size_of_link;
    double const* const K = D + (root ? 0 : N * M);
    double const* const W = K + ((flags & sloped) != 0 ? N * M : 0);

    if ((flags & watched_rows) != 0) {
        at.row -= N;
        add_rows<Factor, N>((flags & mixed) != 0 ? W : nullptr, model, at.row, a, below.A);
    }
    if constexpr (Factor)
        if ((flags & sloped) != 0)
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < M; ++j) below.B[i * M + j] += K[j * N + i];

    for (std::int32_t d = 0; d < place.controls; ++d) {
        --at.control;
        at.gains -= M;
        double const inverse = model.control_inverse[at.control];
        double const move = model.control_slope[at.control] * inverse;
        for (int i = 0; i < M; ++i) b[i] -= at.gains[i] * move;
        if constexpr (Factor)
            for (int i = 0; i < M; ++i) {
                double const scaled = inverse * at.gains[i];
                for (int j = 0; j < M; ++j) below.C[i * M + j] += scaled * at.gains[j];
            }
        if ((flags & paired) != 0 && model.control_cross[at.control] != 0.0) {
            double const cross = model.control_cross[at.control];
            double const* const next = at.gains + M;
            double const own_move = cross * model.control_slope[at.control + 1];
            double const next_move = cross * model.control_slope[at.control];
            for (int i = 0; i < M; ++i) b[i] -= at.gains[i] * own_move + next[i] * next_move;
            if constexpr (Factor)
                for (int i = 0; i < M; ++i)
                    for (int j = 0; j < M; ++j)
                        below.C[i * M + j] += cross * (at.gains[i] * next[j] + next[i] * at.gains[j]);
        }
        if ((flags & grouped) != 0) {
            shared_slope += model.shared_slope[at.control];
            if constexpr (Factor) {
                shared_curvature += model.shared_curvature[at.control];
                for (int i = 0; i < M; ++i) column[N + i] += model.share[at.control] * at.gains[i];
            }
        }
    }

    // A group's scalar is one more control at its top.
    double* column_numbers = nullptr;
    if ((flags & column_in) != 0) {
        at.column -= N + M + ((flags & column_out) != 0 ? 2 * N : 0) + ((flags & top) != 0 ? 2 : 0);
        column_numbers = at.column;
        if constexpr (Factor) std::copy(column, column + N + M, column_numbers);
        else std::copy(column_numbers, column_numbers + N + M, column);
        if ((flags & top) != 0) {
            auto const group = static_cast<std::size_t>(tops_[--at.top]);
            double* const scalar = column_numbers + N + M;
            if constexpr (Factor) {
                double const total = shared_curvature + model.group_curvature[group];
                scalar[0] = total > 0.0 && std::isfinite(total) ? 1.0 / total : 0.0;
                for (int i = 0; i < N + M; ++i) {
                    double const scaled = column[i] * scalar[0];
                    for (int j = 0; j < N && i < N; ++j) below.A[i * N + j] -= scaled * column[j];
                    for (int j = 0; j < M && i < N; ++j) below.B[i * M + j] -= scaled * column[N + j];
                    for (int j = 0; j < M && i >= N; ++j) below.C[(i - N) * M + j] += scaled * column[N + j];
                }
            }
            scalar[1] = shared_slope + model.group_slope[group];
            double const move = scalar[0] * scalar[1];
            for (int i = 0; i < N; ++i) a[i] -= column[i] * move;
            for (int i = 0; i < M; ++i) b[i] -= column[N + i] * move;
        }
    }
    if ((flags & rated) != 0) {
        at.rating -= rating_size(N, M);
        at.weights -= place.flow_limits * M;
        at.flow_limit -= static_cast<std::size_t>(place.flow_limits);
        double* const own = at.rating;  // of the column
        double* const column_b = own + 3 * M * M + N * M + 2 * M;
        if constexpr (Factor) std::copy(column + N, column + N + M, column_b);
        pass_rating<Factor, N, M>(place, model, at, a, b, below.A, below.B, below.C);
        if ((flags & column_out) != 0) {
            double const* const G = own;
            double const* const B0 = G + M * M;
            // The price inside at zero outside, of f and of the column.
            double price[M], column_price[M] = {};
            rating_price<N, M>(own, price);
            blocks::add_product<M, M>(G, column_b, 1.0, column_price);
            for (int i = 0; i < M; ++i) shared_slope += column_b[i] * price[i];
            if constexpr (Factor) {
                for (int i = 0; i < M; ++i) shared_curvature += column_b[i] * column_price[i];
                blocks::add_product<N, M>(B0, column_price, 1.0, column);
                std::fill(column + N, column + N + M, 0.0);
                blocks::add_transposed_product<M, M>(B0 + N * M + M * M, column_b, 1.0, column + N);
                std::copy(column, column + N + M, column_numbers);
            }
        }
    }
    if (root) return;

    // The branch.
    at.factor -= 2 * N * N + 2 * N * M;
    double* const X = at.factor;
    double* const H = X + N * N;
    double* const A = H + N * M;
    double* const B = A + N * N;
    blocks::Value<N, M> above;
    if constexpr (Factor) {
        blocks::Passage<N, M> passage;
        blocks::pass_branch<N, M>(D, below, above, passage);
        std::copy(passage.X, passage.X + N * N, X);
        std::copy(passage.H, passage.H + N * M, H);
        std::copy(above.A, above.A + N * N, A);
        std::copy(above.B, above.B + N * M, B);
    }
    // f <- G'f; v and its dual at x = 0 above.
    auto const pass = [&](double* of_v, double* of_price, double* v, double* dual) {
        double Db[N] = {}, Da[M] = {}, up[N] = {}, flow[M];
        blocks::add_product<N, M>(D, of_price, 1.0, Db);
        blocks::add_transposed_product<N, M>(D, of_v, 1.0, Da);
        std::fill(v, v + N, 0.0);
        blocks::add_product<N, N>(X, Db, -1.0, v);
        blocks::add_product<N, M>(H, Da, -1.0, v);
        blocks::add_transposed_product<N, N>(X, of_v, 1.0, up);
        blocks::add_product<N, N>(A, Db, -1.0, up);
        std::copy(of_price, of_price + M, flow);
        blocks::add_transposed_product<N, M>(H, of_v, 1.0, flow);
        blocks::add_transposed_product<N, M>(B, Db, -1.0, flow);
        std::copy(up, up + N, dual);
        std::copy(up, up + N, of_v);
        std::copy(flow, flow + M, of_price);
    };
    at.right -= 2 * N;
    pass(a, b, at.right, at.right + N);
    if ((flags & column_out) != 0) {
        // x = (v, -D' dual) at x = 0 above, times the column.
        auto const meet = [&](double const* v, double const* dual) {
            double price[M] = {};
            blocks::add_transposed_product<N, M>(D, dual, -1.0, price);
            double sum = 0.0;
            for (int i = 0; i < N; ++i) sum += column_numbers[i] * v[i];
            for (int i = 0; i < M; ++i) sum += column_numbers[N + i] * price[i];
            return sum;
        };
        double* const own = column_numbers + N + M;
        if constexpr (Factor) {
            pass(column, column + N, own, own + N);
            shared_curvature += meet(own, own + N);
        }
        shared_slope += meet(at.right, at.right + N);
    }

    // Onto the parent's sum, or into the row for the rank that has it.
    int const parent_rows = link.rows_above(), parent_flows = link.flows_above();
    double* const target = sum_above(slot, flags, slot_size(parent_rows, parent_flows), at);
    if ((flags & is_cut) != 0) std::fill(cut_slot_.begin(), cut_slot_.end(), 0.0);
    link.lift(a, b, target);
    if constexpr (Factor) link.lift(above, false, target + matrix_at(parent_rows, parent_flows));
    if ((flags & column_out) != 0) {
        target[slope_at(parent_rows, parent_flows)] += shared_slope;
        if constexpr (Factor) {
            target[curvature_at(parent_rows, parent_flows)] += shared_curvature;
            link.lift(column, column + N, target + column_at(parent_rows, parent_flows));
        }
    }
    if ((flags & is_cut) != 0)
        write_message<Factor>(cut_slot_.data(), place.parent_kind,
                              above_rows_.data() + above_order_[--at.above] * message_width(Factor));
}

// Limits of W v: A += W' curvature W, a += W' slope.
template <bool Factor, int N>
void TreeElimination::add_rows(double const* W, TreeModel const& model, std::size_t row, double* a, double* A) {
    double const* const curvature = model.row_curvature.data() + row;
    double const* const slope = model.row_slope.data() + row;
    if (W == nullptr) {
        for (int i = 0; i < N; ++i) a[i] += slope[i];
        if constexpr (Factor)
            for (int i = 0; i < N; ++i) A[i * N + i] += curvature[i];
        return;
    }
    blocks::add_transposed_product<N, N>(W, slope, 1.0, a);
    if constexpr (Factor)
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j)
                for (int k = 0; k < N; ++k) A[i * N + j] += W[k * N + i] * curvature[k] * W[k * N + j];
}

template <bool Plain, int N, int M>
auto TreeElimination::link_of(Place const& place, double const* numbers) {
    return TreeLink<Plain, N, M>{.numbers = numbers,
                                 .place = place.place,
                                 .dense = (place.flags & dense) != 0,
                                 .unit = (place.flags & unit) != 0,
                                 .parent_rows = rows_of(place.parent_kind),
                                 .parent_flows = flows_of(place.parent_kind)};
}

// Where the sum above a vertex is, here or for another rank.
double* TreeElimination::sum_above(double* slot, std::uint32_t flags, int size, Cursor& at) {
    if ((flags & apart) != 0) return slots_.data() + apart_[--at.apart].slot;
    return (flags & has_parent) != 0 ? slot - size : cut_slot_.data();
}

// x above a vertex, here or in the row that came from another rank.
double const* TreeElimination::above_of(double const* x, std::uint32_t flags, int size, Cursor& at) const {
    if ((flags & apart) != 0) return x_.data() + apart_[at.apart++].x;
    if ((flags & has_parent) != 0) return x - (size + 1);
    return above_rows_.data() + above_order_[at.above++] * (cut_size_ + (column_cut_ ? 1 : 0));
}

// With one control, of which the flow is g, and B = C = 0 below: the step is du = - t - k (g' price - w'v) of what is above, where
// p = D g, w = A p, q = p'w and
//
//     k = 1 / (h + q)   t = k (slope - p'a)   A <- A - k w w'   B <- k w g'   C <- k g g'   a <- a + t w   b <- - t g
//
// Kept are k, q, w and t, p'a.
template <bool Factor, bool Plain, int N, int M>
void TreeElimination::eliminate_lone(Place const& place, TreeModel const& model, Cursor& at) {
    auto const flags = known_flags<Plain>(place.flags);
    double* const slot = slots_.data() + place.slot;
    double a[N] = {};
    blocks::Value<N, M> value{};
    if ((flags & has_children) != 0) {
        std::copy(slot, slot + N, a);
        std::fill(slot, slot + N, 0.0);
        if constexpr (Factor) {
            double* const matrix = slot + matrix_at(N, M);
            std::copy(matrix, matrix + N * N, value.A);
            std::fill(matrix, matrix + N * N, 0.0);
        }
    }
    bool const has_control = place.controls != 0;
    at.data -= (has_control ? N : 0) + ((flags & mixed) != 0 ? N * N : 0) + link_of<Plain, N, M>(place, nullptr).size();
    auto const link = link_of<Plain, N, M>(place, at.data);
    double const* const p = at.data + link.size();
    if ((flags & watched_rows) != 0) {
        at.row -= N;
        add_rows<Factor, N>((flags & mixed) != 0 ? p + (has_control ? N : 0) : nullptr, model, at.row, a, value.A);
    }
    double b[M] = {};
    if (has_control) {
        --at.control;
        at.gains -= M;
        at.factor -= N + 2;
        at.right -= 2;
        double const* const g = at.gains;
        double* const w = at.factor + 2;
        if constexpr (Factor) {
            double const inverse = model.control_inverse[at.control];
            std::fill(w, w + N, 0.0);
            blocks::add_product<N, N>(value.A, p, 1.0, w);
            double q = 0.0;
            for (int i = 0; i < N; ++i) q += p[i] * w[i];
            double const k = inverse / (1.0 + inverse * q);
            at.factor[0] = k;
            at.factor[1] = q;
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) value.A[i * N + j] -= k * w[i] * w[j];
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < M; ++j) value.B[i * M + j] = k * w[i] * g[j];
            for (int i = 0; i < M; ++i)
                for (int j = 0; j < M; ++j) value.C[i * M + j] = k * g[i] * g[j];
        }
        double met = 0.0;
        for (int i = 0; i < N; ++i) met += p[i] * a[i];
        double const t = at.factor[0] * (model.control_slope[at.control] - met);
        at.right[0] = t;
        at.right[1] = met;
        for (int i = 0; i < N; ++i) a[i] += t * w[i];
        for (int i = 0; i < M; ++i) b[i] = -t * g[i];
    }
    int const matrix = matrix_at(link.rows_above(), link.flows_above());
    double* const target = sum_above(slot, flags, slot_size(link.rows_above(), link.flows_above()), at);
    if ((flags & is_cut) != 0) std::fill(cut_slot_.begin(), cut_slot_.end(), 0.0);
    link.lift(a, b, target);
    if constexpr (Factor) link.lift(value, !has_control, target + matrix);
    if ((flags & is_cut) != 0)
        write_message<Factor>(cut_slot_.data(), place.parent_kind,
                              above_rows_.data() + above_order_[--at.above] * message_width(Factor));
}

template <bool Plain, int N, int M>
void TreeElimination::recover_lone(Place const& place, TreeStep& step, Cursor& at) {
    auto const flags = known_flags<Plain>(place.flags);
    double* const x = x_.data() + place.x_slot;
    auto const link = link_of<Plain, N, M>(place, at.data);
    double price[M];
    link.look_up(above_of(x, flags, link.rows_above() + link.flows_above(), at), x, price);
    at.data += link.size();
    if (place.controls != 0) {
        double const* const p = at.data;
        double const* const w = at.factor + 2;
        double push = 0.0;  // g' price - w'v
        for (int i = 0; i < M; ++i) push += at.gains[i] * price[i];
        for (int i = 0; i < N; ++i) push -= w[i] * x[i];
        double const du = -at.right[0] - at.factor[0] * push;
        for (int i = 0; i < N; ++i) x[i] -= p[i] * du;
        step.control[at.control] = du;
        step.price[at.control] = push - at.right[1] + at.factor[1] * du;
        ++at.control;
        at.gains += M;
        at.factor += N + 2;
        at.right += 2;
        at.data += N;
    }
    // Nobody below asks for a price.
    if ((flags & has_children) != 0) std::fill(x + N, x + N + M + 1, 0.0);
    if ((flags & watched_rows) != 0) {
        double* const row = step.row.data() + at.row;
        std::fill(row, row + N, 0.0);
        if ((flags & mixed) == 0) std::copy(x, x + N, row);
        else blocks::add_product<N, N>(at.data, x, 1.0, row);
        at.row += N;
    }
    if ((flags & mixed) != 0) at.data += N * N;
}

// Limits of a flow cost 1/2 s'N s + n's on it: the price inside is that outside plus N s + n. With W = (I + N C)^-1,
// N = L L', K = (I + L'C L)^-1 and G = L K L' (which is W N)
//
//     A <- A + B G B'   B <- B W   C <- W'C W + (C L K)(C L K)'   a <- a + B (W n + G b)   b <- W'b - C W n
//
// N is huge where a limit is met and C where controls are free. W = I - G C, but what is left of directions that are limited,
// W L = L K, would be the small difference of two such.
template <bool Factor, int N, int M>
void TreeElimination::pass_rating(Place const& place, TreeModel const& model, Cursor& at, double* a, double* b,
                                  double* A, double* B, double* C) {
    double* const G = at.rating;
    double* const B0 = G + M * M;
    double* const C0 = B0 + N * M;
    double* const W = C0 + M * M;
    double* const b0 = W + M * M;
    double* const n0 = b0 + M;
    if constexpr (Factor) {
        std::copy(B, B + N * M, B0);
        std::copy(C, C + M * M, C0);
        double S[M * M] = {};  // N
        for (int r = 0; r < place.flow_limits; ++r) {
            double const curvature = model.row_curvature[at.flow_limit + static_cast<std::size_t>(r)];
            double const* const weight = at.weights + r * M;
            for (int i = 0; i < M; ++i)
                for (int j = 0; j < M; ++j) S[i * M + j] += curvature * weight[i] * weight[j];
            double const cross =
                model.row_cross.empty() ? 0.0 : model.row_cross[at.flow_limit + static_cast<std::size_t>(r)];
            if (cross == 0.0) continue;
            double const* const other = weight + M;
            for (int i = 0; i < M; ++i)
                for (int j = 0; j < M; ++j) S[i * M + j] += cross * (weight[i] * other[j] + other[i] * weight[j]);
        }
        double L[M * M];
        std::copy(S, S + M * M, L);
        blocks::factor_semidefinite<M>(L);
        double CL[M * M], T[M * M], K[M * M], LK[M * M], GC[M * M], CLK[M * M], BG[N * M];
        blocks::multiply<M, M, M>(C0, L, CL);
        for (int i = 0; i < M; ++i)
            for (int j = i; j < M; ++j) {
                double sum = i == j ? 1.0 : 0.0;
                for (int k = 0; k < M; ++k) sum += L[k * M + i] * CL[k * M + j];
                T[i * M + j] = T[j * M + i] = sum;
            }
        blocks::invert<M>(T, K);
        blocks::multiply<M, M, M>(L, K, LK);
        blocks::multiply_transposed<M, M, M>(LK, L, G);
        for (int i = 0; i < M; ++i)
            for (int j = 0; j < i; ++j) G[i * M + j] = G[j * M + i] = 0.5 * (G[i * M + j] + G[j * M + i]);
        blocks::multiply<M, M, M>(G, C0, GC);
        for (int i = 0; i < M; ++i)
            for (int j = 0; j < M; ++j) W[i * M + j] = (i == j ? 1.0 : 0.0) - GC[i * M + j];
        blocks::impose<M>(L, LK, W);
        blocks::multiply<N, M, M>(B0, G, BG);
        for (int i = 0; i < N; ++i)
            for (int j = i; j < N; ++j) {
                double sum = 0.0;
                for (int k = 0; k < M; ++k) sum += BG[i * M + k] * B0[j * M + k];
                A[i * N + j] += sum;
                if (j != i) A[j * N + i] += sum;
            }
        blocks::multiply<N, M, M>(B0, W, B);
        double CW[M * M];
        blocks::multiply<M, M, M>(C0, W, CW);
        blocks::multiply<M, M, M>(CL, K, CLK);
        for (int i = 0; i < M; ++i)
            for (int j = i; j < M; ++j) {
                double sum = 0.0;
                for (int k = 0; k < M; ++k) sum += W[k * M + i] * CW[k * M + j] + CLK[i * M + k] * CLK[j * M + k];
                C[i * M + j] = C[j * M + i] = sum;
            }
    }
    std::copy(b, b + M, b0);
    std::fill(n0, n0 + M, 0.0);
    for (int r = 0; r < place.flow_limits; ++r)
        for (int i = 0; i < M; ++i)
            n0[i] += model.row_slope[at.flow_limit + static_cast<std::size_t>(r)] * at.weights[r * M + i];
    double price[M], Wn[M] = {};
    rating_price<N, M>(at.rating, price);
    blocks::add_product<N, M>(B0, price, 1.0, a);
    blocks::add_product<M, M>(W, n0, 1.0, Wn);
    std::fill(b, b + M, 0.0);
    blocks::add_transposed_product<M, M>(W, b0, 1.0, b);
    blocks::add_product<M, M>(C0, Wn, -1.0, b);
}

void TreeElimination::solve(TreeModel const& model, TreeStep& step) {
    Cursor at{.data = data_.data(),
              .factor = factor_.data(),
              .right = right_.data(),
              .column = column_.data(),
              .gains = gains_.data(),
              .weights = weights_.data(),
              .rating = rating_.data(),
              .row = 0,
              .flow_limit = watched_.size(),
              .control = 0,
              .top = 0,
              .above = 0,
              .below = 0,
              .apart = 0};
    auto const width = cut_size_ + (column_cut_ ? 1 : 0);
    for (int level = 0; level < links_.levels(); ++level) {
        if (level > 0)
            links_.down(level, std::span{below_rows_}.first(below_.size() * width),
                        std::span{above_rows_}.first(above_.size() * width), width);
        if (static_cast<std::size_t>(level) + 1 >= level_start_.size()) continue;
        auto const last = static_cast<std::size_t>(level_start_[static_cast<std::size_t>(level) + 1]);
        for (auto j = static_cast<std::size_t>(level_start_[static_cast<std::size_t>(level)]); j < last; ++j) {
            auto const& place = places_[j];
            with_sizes(place.kind, (place.flags & plain) != 0, [&]<bool Plain, int N, int M>() {
                if ((place.flags & lone) != 0) recover_lone<Plain, N, M>(place, step, at);
                else recover<Plain, N, M>(place, model, step, at);
            });
        }
    }
}

template <bool Plain, int N, int M>
void TreeElimination::recover(Place const& place, TreeModel const& model, TreeStep& step, Cursor& at) {
    auto const flags = known_flags<Plain>(place.flags);
    bool const root = (flags & (has_parent | is_cut)) == 0;
    double* const x = x_.data() + place.x_slot;
    double of_group = 0.0;
    if (root) {
        std::fill(x, x + N + M, 0.0);
    } else {
        auto const link = link_of<Plain, N, M>(place, at.data);
        double const* const x_above = above_of(x, flags, link.rows_above() + link.flows_above(), at);
        of_group = (flags & column_out) == 0
                       ? 0.0
                       : x_above[(flags & has_parent) != 0 ? link.rows_above() + link.flows_above()
                                                           : static_cast<int>(cut_size_)];
        double v_above[N], price_above[M];
        link.look_up(x_above, v_above, price_above);
        at.data += link.size();
        double const* const D = at.data;
        double const* const X = at.factor;
        double const* const H = X + N * N;
        double const* const A = H + N * M;
        double const* const B = A + N * N;
        double dual[N];
        for (int i = 0; i < N; ++i) {
            x[i] = at.right[i];
            dual[i] = at.right[N + i];
        }
        if ((flags & column_out) != 0) {
            double const* const own = at.column + N + M;
            for (int i = 0; i < N; ++i) {
                x[i] += of_group * own[i];
                dual[i] += of_group * own[N + i];
            }
        }
        blocks::add_product<N, N>(X, v_above, 1.0, x);
        blocks::add_product<N, M>(H, price_above, 1.0, x);
        blocks::add_product<N, N>(A, v_above, 1.0, dual);
        blocks::add_product<N, M>(B, price_above, 1.0, dual);
        std::copy(price_above, price_above + M, x + N);
        blocks::add_transposed_product<N, M>(D, dual, -1.0, x + N);
        at.data += N * M;
        at.factor += 2 * N * N + 2 * N * M;
        at.right += 2 * N;
    }
    if ((flags & rated) != 0) {
        // The price inside, W (outside + n) + G (B'v + b), and s = W' (B'v + b - C (outside + n)).
        double const* const G = at.rating;
        double const* const B = G + M * M;
        double const* const C = B + N * M;
        double const* const W = C + M * M;
        double const* const b = W + M * M;
        double const* const n = b + M;
        double const* const column_b = n + M;
        double drawn[M], outside[M], flow[M], s[M] = {};
        for (int i = 0; i < M; ++i) {
            drawn[i] = b[i] + ((flags & column_out) != 0 ? of_group * column_b[i] : 0.0);
            outside[i] = x[N + i] + n[i];
        }
        blocks::add_transposed_product<N, M>(B, x, 1.0, drawn);
        std::copy(drawn, drawn + M, flow);
        blocks::add_product<M, M>(C, outside, -1.0, flow);
        blocks::add_transposed_product<M, M>(W, flow, 1.0, s);
        std::fill(x + N, x + N + M, 0.0);
        blocks::add_product<M, M>(W, outside, 1.0, x + N);
        blocks::add_product<M, M>(G, drawn, 1.0, x + N);
        for (int r = 0; r < place.flow_limits; ++r) {
            double moved = 0.0;
            for (int i = 0; i < M; ++i) moved += at.weights[r * M + i] * s[i];
            step.row[at.flow_limit++] = moved;
        }
        at.weights += place.flow_limits * M;
        at.rating += rating_size(N, M);
    }
    if ((flags & top) != 0) {
        double const* const scalar = at.column + N + M;
        of_group = scalar[1];
        for (int i = 0; i < N + M; ++i) of_group += at.column[i] * x[i];
        of_group *= -scalar[0];
        step.group[static_cast<std::size_t>(tops_[at.top++])] = of_group;
    }
    if ((flags & column_in) != 0)
        at.column += N + M + ((flags & column_out) != 0 ? 2 * N : 0) + ((flags & top) != 0 ? 2 : 0);
    x[N + M] = of_group;

    if ((flags & sloped) != 0) at.data += N * M;
    if ((flags & watched_rows) != 0) {
        double* const row = step.row.data() + at.row;
        if ((flags & mixed) == 0) {
            std::copy(x, x + N, row);
        } else {
            std::fill(row, row + N, 0.0);
            blocks::add_product<N, N>(at.data, x, 1.0, row);
        }
        at.row += N;
    }
    if ((flags & mixed) != 0) at.data += N * N;

    for (std::int32_t d = 0; d < place.controls; ++d, ++at.control, at.gains += M) {
        double price = 0.0;
        for (int i = 0; i < M; ++i) price += at.gains[i] * x[N + i];
        step.price[at.control] = price;
        step.control[at.control] = -(model.control_slope[at.control] + price) * model.control_inverse[at.control];
        if ((flags & grouped) != 0) {
            step.control[at.control] += model.share[at.control] * of_group;
            step.of_group[at.control] = of_group;
        }
    }

    if ((flags & paired) != 0)
        for (auto d = at.control - static_cast<std::size_t>(place.controls); d + 1 < at.control; ++d) {
            double const cross = model.control_cross[d];
            if (cross == 0.0) continue;
            step.control[d] -= cross * (model.control_slope[d + 1] + step.price[d + 1]);
            step.control[d + 1] -= cross * (model.control_slope[d] + step.price[d]);
        }

    if ((flags & has_cuts) != 0)
        for (auto const j = static_cast<std::int32_t>(&place - places_.data());
             at.below < below_order_.size() && below_[below_order_[at.below]].vertex == j; ++at.below) {
            double* const row = below_rows_.data() + below_order_[at.below] * (cut_size_ + (column_cut_ ? 1 : 0));
            std::copy(x, x + N + M, row);
            if (column_cut_) row[cut_size_] = of_group;
        }
}

template void TreeElimination::leaf_to_root<true>(TreeModel const&);
template void TreeElimination::leaf_to_root<false>(TreeModel const&);

}  // namespace dec::solvers
