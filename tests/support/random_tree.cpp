#include "support/random_tree.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace dec::testing {

using solvers::TreeControl;
using solvers::TreeCut;
using solvers::TreeGroup;
using solvers::TreeProgram;
using solvers::TreeVertex;

namespace {

// A pre-order of vertices with parents before children, of random shape: chains, bushes and all between.
std::vector<int> random_parents(int count, int roots, std::mt19937& random) {
    std::vector<int> parents, path;
    for (int j = 0; j < count; ++j) {
        if (j * roots % count < roots || path.empty()) {
            path.assign(1, j);
            parents.push_back(-1);
            continue;
        }
        std::uniform_int_distribution<std::size_t> back(0, 3);
        auto const drop = std::min(path.size() - 1, std::size_t{back(random) / 2 * back(random)});
        path.resize(path.size() - drop);
        parents.push_back(path.back());
        path.push_back(j);
    }
    return parents;
}

// Groups whose members with what lies between do not meet: subtrees of tops none of which is within another.
void add_groups(TreeProgram& program, RandomTree const& wanted, std::mt19937& random) {
    std::uniform_real_distribution<double> unit(0.0, 1.0);
    std::vector<int> group_of(program.vertices.size(), -1);
    bool const all = unit(random) < 0.3;
    for (std::size_t j = 0; j < program.vertices.size(); ++j) {
        auto const& vertex = program.vertices[j];
        int const of_parent = vertex.parent >= 0 ? group_of[static_cast<std::size_t>(vertex.parent)] : -1;
        if (of_parent >= 0) {
            group_of[j] = of_parent;
        } else if (all ? vertex.root && program.groups.empty() : unit(random) < 0.2) {
            group_of[j] = static_cast<int>(program.groups.size());
            program.groups.push_back(
                {.term = {.cost = wanted.groups == RandomTree::Groups::capped ? 1.0 + unit(random) : 0.0,
                          .curvature = wanted.linear ? 0.0 : unit(random)},
                 .number = static_cast<std::int64_t>(program.groups.size()),
                 .top = static_cast<std::int32_t>(j)});
        }
    }
    for (auto& control : program.controls) {
        auto const group = group_of[static_cast<std::size_t>(control.vertex)];
        if (group < 0 || unit(random) < 0.2) continue;
        control.group = group;
        control.role = wanted.groups == RandomTree::Groups::tied ? TreeControl::Role::tied : TreeControl::Role::capped;
        // Ties must leave a choice.
        if (control.role == TreeControl::Role::tied) control.term.lower = std::min(control.term.lower, 0.0);
        if (control.role == TreeControl::Role::capped && unit(random) < 0.8)
            control.term.cost = 0.01 * control.term.cost;
    }
}

}  // namespace

TreeProgram random_tree(RandomTree const& wanted) {
    std::mt19937 random(wanted.seed);
    std::uniform_real_distribution<double> unit(0.0, 1.0);
    auto const between = [&](double a, double b) { return a + (b - a) * unit(random); };
    auto const chance = [&](double p) { return unit(random) < p; };

    TreeProgram program;
    auto const parents = random_parents(wanted.vertices, wanted.roots, random);
    for (int j = 0; j < wanted.vertices; ++j) {
        TreeVertex vertex;
        vertex.parent = parents[static_cast<std::size_t>(j)];
        vertex.root = vertex.parent < 0;
        vertex.first_row = static_cast<std::int32_t>(program.low.size());
        vertex.first_control = static_cast<std::int32_t>(program.controls.size());
        vertex.first_number = static_cast<std::int64_t>(program.numbers.size());
        bool twofold = wanted.reactive;
        if (vertex.root) {
            vertex.rows = static_cast<std::uint8_t>(chance(0.6) ? 3 : 1 + static_cast<int>(3 * unit(random)));
        } else {
            auto const& parent = program.vertices[static_cast<std::size_t>(vertex.parent)];
            vertex.parent_rows = parent.rows;
            vertex.parent_flows = parent.flows;
            twofold = parent.flows > parent.rows && !chance(0.1);
            vertex.straight = !(wanted.dense && chance(0.3));
            vertex.rows =
                chance(0.6) ? parent.rows : static_cast<std::uint8_t>(1 + static_cast<int>(parent.rows * unit(random)));
            std::vector<std::uint8_t> rows;
            for (std::uint8_t i = 0; i < parent.rows; ++i) rows.push_back(i);
            std::shuffle(rows.begin(), rows.end(), random);
            rows.resize(vertex.rows);
            std::sort(rows.begin(), rows.end());
            if (parent.rows == 1 && wanted.ratios && chance(0.15)) {
                vertex.rows = 2;
                rows = {0, 0};
            }
            for (std::size_t i = 0; i < rows.size(); ++i) vertex.place[i] = rows[i];
        }
        int const n = vertex.rows;
        int const m = twofold ? 2 * n : n;
        vertex.flows = static_cast<std::uint8_t>(m);
        auto const put = [&](double number) { program.numbers.push_back(number); };
        if (!vertex.root) {
            bool const ratio = wanted.ratios && chance(0.2);
            if (vertex.straight) {
                for (int i = 0; i < n; ++i) put(ratio ? between(0.95, 1.05) : 1.0);
            } else {
                for (int j2 = 0; j2 < vertex.parent_rows; ++j2)
                    for (int i = 0; i < n; ++i)
                        put(vertex.place[static_cast<std::size_t>(i)] == j2 ? between(0.45, 0.65)
                                                                            : between(0.1, 0.5) / n);
                for (int i = 0; i < m; ++i)
                    for (int k = 0; k < vertex.parent_flows; ++k)
                        put((k % vertex.parent_rows == vertex.place[static_cast<std::size_t>(i % n)] ? 0.7 : 0.0) +
                            between(-0.2, 0.2));
            }
            double const length = chance(0.1) ? 0.0 : between(0.2, 1.0);
            for (int k = 0; k < m; ++k)
                for (int i = 0; i < n; ++i)
                    put(length * (k % n == i ? between(0.01, 0.02) : between(-0.004, 0.007)) * (k < n ? 1.0 : 0.7));
        }
        for (int i = 0; i < n; ++i) put(vertex.root ? between(1.03, 1.07) : chance(0.1) ? between(-0.001, 0.001) : 0.0);
        std::vector<double> drawn;
        for (int k = 0; k < m; ++k) drawn.push_back(between(0.0, 0.05) * (k < n ? 1.0 : 0.5));
        if (chance(wanted.control_share)) {
            vertex.controls = 1 + static_cast<int>(2.0 * unit(random) * unit(random) + 0.2);
            for (int d = 0; d < vertex.controls; ++d) {
                bool const spread = n > 1 && chance(0.3);
                bool const second = m > n && chance(0.3);
                auto const at = static_cast<int>(n * unit(random));
                double const size = wanted.stress * between(0.1, 1.0);
                TreeControl control{.term = {.cost = between(0.5, 2.0) * size,
                                             .curvature = wanted.linear ? 0.0 : between(0.2, 2.0) * size},
                                    .first_gain = static_cast<std::int64_t>(program.gains.size()),
                                    .vertex = j};
                if (second) {
                    control.term = {.curvature = wanted.linear ? 0.0 : 0.1 * size, .lower = -0.4, .upper = 0.5};
                    if (wanted.linear) control.term.cost = 0.01 * between(-1.0, 1.0);
                } else if (chance(0.1)) {
                    control.term.upper = between(0.3, 0.9);
                    if (chance(0.3)) control.term.lower = control.term.upper;
                }
                for (int k = 0; k < m; ++k) {
                    bool const own = second ? k >= n && (k - n == at || spread) : k < n && (k == at || spread);
                    double const gain = own ? size * (spread ? between(0.1, 0.5) : 1.0) : 0.0;
                    program.gains.push_back(gain);
                    if (!second) drawn[static_cast<std::size_t>(k)] -= gain;
                }
                program.controls.push_back(control);
            }
        }
        for (auto const number : drawn) put(number);
        vertex.sloped = wanted.sloped && chance(0.2);
        if (vertex.sloped)
            for (int i = 0; i < n; ++i)
                for (int k = 0; k < m; ++k)
                    put(k % n == i ? between(0.0, 0.2) * (k < n ? 1.0 : -1.0) : between(-0.02, 0.02));
        vertex.mixed = wanted.mixed && n > 1 && chance(0.3);
        if (vertex.mixed)
            for (int k = 0; k < n; ++k)
                for (int i = 0; i < n; ++i) put(k == i || k == (i + 1) % n ? 0.5 : 0.0);
        bool const limited = !vertex.root && chance(0.8);
        for (int i = 0; i < n; ++i) {
            program.low.push_back(limited && chance(0.7) ? 0.85 : -INFINITY);
            program.high.push_back(limited && chance(0.9) ? 1.10 : INFINITY);
        }
        program.vertices.push_back(vertex);
    }
    program.level_start = {0, wanted.vertices};
    // Drawn last, so that programs without them stay what they are. Mostly against flow towards the root.
    for (std::int32_t j = 0; wanted.rated && j < wanted.vertices; ++j) {
        if (!chance(0.2)) continue;
        auto const& vertex = program.vertices[static_cast<std::size_t>(j)];
        for (int sides = 1 + static_cast<int>(3 * unit(random)); sides > 0; --sides) {
            program.flow_limits.push_back({.vertex = j,
                                           .first_weight = static_cast<std::int64_t>(program.weights.size()),
                                           .bound = between(0.1, 1.0)});
            for (int k = 0; k < vertex.flows; ++k) program.weights.push_back(between(-1.0, 0.3));
        }
    }
    if (wanted.groups != RandomTree::Groups::none) add_groups(program, wanted, random);
    return program;
}

solvers::QuadraticProgram as_quadratic(TreeProgram const& program) {
    using Triplet = Eigen::Triplet<double>;
    using solvers::Index;
    std::vector<Index> first_flow;
    Index flows = 0;
    for (auto const& vertex : program.vertices) {
        first_flow.push_back(flows);
        flows += vertex.flows;
    }
    auto const controls = static_cast<Index>(program.controls.size()),
               groups = static_cast<Index>(program.groups.size());
    auto const rows = static_cast<Index>(program.low.size());
    Index const of_v = controls + groups, of_s = of_v + rows;
    Index ties = 0, caps = 0;
    for (auto const& control : program.controls) {
        ties += control.role == TreeControl::Role::tied ? 1 : 0;
        caps += control.role == TreeControl::Role::capped ? 1 : 0;
    }
    auto qp = solvers::QuadraticProgram::of_size(of_s + flows, rows + flows + ties,
                                                 rows + caps + static_cast<Index>(program.flow_limits.size()));
    std::vector<Triplet> P, A, G;
    auto const term = [&](Index x, solvers::TreeTerm const& of) {
        qp.q(x) = of.cost;
        if (of.curvature > 0.0) P.emplace_back(x, x, of.curvature);
        qp.lb(x) = of.lower;
        qp.ub(x) = of.upper;
    };
    Index equality = 0, inequality = 0;
    for (Index g = 0; g < groups; ++g) term(controls + g, program.groups[static_cast<std::size_t>(g)].term);
    for (std::size_t j = 0; j < program.vertices.size(); ++j) {
        auto const& vertex = program.vertices[j];
        Index const n = vertex.rows, m = vertex.flows, v = of_v + vertex.first_row, s = of_s + first_flow[j];
        double const* at = program.numbers.data() + vertex.first_number;
        Index const parent = vertex.parent;
        Index const state = equality, flow = equality + n;
        equality += n + m;
        for (Index i = 0; i < n; ++i) A.emplace_back(state + i, v + i, 1.0);
        for (Index k = 0; k < m; ++k) A.emplace_back(flow + k, s + k, 1.0);
        if (!vertex.root) {
            auto const& above = program.vertices[static_cast<std::size_t>(parent)];
            Index const v_parent = of_v + above.first_row;
            // The parent's balance of flows has its rows of A where its own loop put them.
            Index const flow_parent = above.first_row + first_flow[static_cast<std::size_t>(parent)] + above.rows;
            if (vertex.straight) {
                for (Index i = 0; i < n; ++i)
                    A.emplace_back(state + i, v_parent + vertex.place[static_cast<std::size_t>(i)], -*at++);
                for (Index k = 0; k < m; ++k)
                    A.emplace_back(
                        flow_parent + (k < n ? 0 : above.rows) + vertex.place[static_cast<std::size_t>(k % n)], s + k,
                        -1.0);
            } else {
                for (Index k = 0; k < above.rows; ++k)
                    for (Index i = 0; i < n; ++i) A.emplace_back(state + i, v_parent + k, -*at++);
                for (Index k = 0; k < m; ++k)
                    for (Index i = 0; i < above.flows; ++i) A.emplace_back(flow_parent + i, s + k, -*at++);
            }
            for (Index k = 0; k < m; ++k)
                for (Index i = 0; i < n; ++i) A.emplace_back(state + i, s + k, *at++);
        }
        for (Index i = 0; i < n; ++i) qp.b(state + i) = *at++;
        for (Index k = 0; k < m; ++k) qp.b(flow + k) = *at++;
        if (vertex.sloped)
            for (Index i = 0; i < n; ++i)
                for (Index k = 0; k < m; ++k) A.emplace_back(flow + k, v + i, -*at++);
        for (Index i = 0; i < n; ++i) {
            if (vertex.mixed) continue;
            G.emplace_back(inequality + i, v + i, 1.0);
        }
        if (vertex.mixed)
            for (Index k = 0; k < n; ++k)
                for (Index i = 0; i < n; ++i) G.emplace_back(inequality + i, v + k, *at++);
        for (Index i = 0; i < n; ++i) {
            qp.h_low(inequality + i) = program.low[static_cast<std::size_t>(vertex.first_row + i)];
            qp.h_high(inequality + i) = program.high[static_cast<std::size_t>(vertex.first_row + i)];
        }
        inequality += n;
        for (Index d = vertex.first_control; d < vertex.first_control + vertex.controls; ++d) {
            auto const& control = program.controls[static_cast<std::size_t>(d)];
            term(d, control.term);
            for (Index k = 0; k < m; ++k)
                A.emplace_back(flow + k, d, -program.gains[static_cast<std::size_t>(control.first_gain + k)]);
        }
    }
    for (Index d = 0; d < controls; ++d) {
        auto const& control = program.controls[static_cast<std::size_t>(d)];
        if (control.role == TreeControl::Role::tied) {
            A.emplace_back(equality, d, 1.0);
            A.emplace_back(equality, controls + control.group, -1.0);
            qp.b(equality++) = 0.0;
        } else if (control.role == TreeControl::Role::capped) {
            G.emplace_back(inequality, d, 1.0);
            G.emplace_back(inequality, controls + control.group, -1.0);
            qp.h_high(inequality++) = 0.0;
        }
    }
    for (auto const& limit : program.flow_limits) {
        auto const j = static_cast<std::size_t>(limit.vertex);
        for (Index k = 0; k < program.vertices[j].flows; ++k)
            G.emplace_back(inequality, of_s + first_flow[j] + k,
                           program.weights[static_cast<std::size_t>(limit.first_weight + k)]);
        qp.h_high(inequality++) = limit.bound;
    }
    qp.P.setFromTriplets(P.begin(), P.end());
    qp.A.setFromTriplets(A.begin(), A.end());
    qp.G.setFromTriplets(G.begin(), G.end());
    return qp;
}

std::vector<TreePiece> cut(TreeProgram const& program, std::vector<int> const& owner, int ranks) {
    auto const count = program.vertices.size();
    std::vector<int> level(count, 0);
    for (std::size_t j = 0; j < count; ++j)
        if (auto const parent = program.vertices[j].parent; parent >= 0)
            level[j] =
                level[static_cast<std::size_t>(parent)] + (owner[static_cast<std::size_t>(parent)] != owner[j] ? 1 : 0);
    // Groups alive above each vertex.
    std::vector<int> alive(count, -1), through(count, -1);
    std::vector<int> top(count, -1);
    for (std::size_t g = 0; g < program.groups.size(); ++g)
        top[static_cast<std::size_t>(program.groups[g].top)] = static_cast<int>(g);
    for (auto const& control : program.controls)
        if (control.group >= 0) alive[static_cast<std::size_t>(control.vertex)] = control.group;
    for (std::size_t j = count; j-- > 0;) {
        if (alive[j] < 0 || top[j] == alive[j]) continue;
        through[j] = alive[j];
        alive[static_cast<std::size_t>(program.vertices[j].parent)] = alive[j];
    }

    std::vector<TreePiece> pieces(static_cast<std::size_t>(ranks));
    std::vector<std::int32_t> local(count, -1);
    for (int rank = 0; rank < ranks; ++rank) {
        auto& piece = pieces[static_cast<std::size_t>(rank)];
        auto& own = piece.program;
        for (std::size_t j = 0; j < count; ++j)
            if (owner[j] == rank) piece.vertices.push_back(j);
        std::ranges::stable_sort(piece.vertices, {}, [&](std::size_t j) { return level[j]; });
        std::map<int, std::int32_t> group_here;
        auto const here = [&](int group) {
            if (group < 0) return std::int32_t{-1};
            auto const [entry, is_new] = group_here.try_emplace(group, static_cast<std::int32_t>(own.groups.size()));
            if (is_new) {
                own.groups.push_back(program.groups[static_cast<std::size_t>(group)]);
                own.groups.back().top = -1;
                piece.groups.push_back(static_cast<std::size_t>(group));
            }
            return entry->second;
        };
        own.level_start = {0};
        for (auto const j : piece.vertices) {
            auto const& vertex = program.vertices[j];
            auto const position = static_cast<std::int32_t>(own.vertices.size());
            local[j] = position;
            while (static_cast<int>(own.level_start.size()) <= level[j]) own.level_start.push_back(position);
            auto copy = vertex;
            bool const is_cut = vertex.parent >= 0 && owner[static_cast<std::size_t>(vertex.parent)] != rank;
            copy.parent = vertex.parent < 0 || is_cut ? -1 : local[static_cast<std::size_t>(vertex.parent)];
            copy.first_row = static_cast<std::int32_t>(own.low.size());
            copy.first_control = static_cast<std::int32_t>(own.controls.size());
            for (std::int32_t i = 0; i < vertex.rows; ++i) {
                own.low.push_back(program.low[static_cast<std::size_t>(vertex.first_row + i)]);
                own.high.push_back(program.high[static_cast<std::size_t>(vertex.first_row + i)]);
            }
            for (std::int32_t d = vertex.first_control; d < vertex.first_control + vertex.controls; ++d) {
                auto control = program.controls[static_cast<std::size_t>(d)];
                control.vertex = position;
                control.group = here(control.group);
                own.controls.push_back(control);
                piece.controls.push_back(static_cast<std::size_t>(d));
            }
            if (top[j] >= 0) own.groups[static_cast<std::size_t>(here(top[j]))].top = position;
            if (is_cut) {
                own.above.push_back({.vertex = position,
                                     .level = level[j],
                                     .parent_rows = vertex.parent_rows,
                                     .parent_flows = vertex.parent_flows,
                                     .group = here(through[j])});
                piece.above_rank.push_back(owner[static_cast<std::size_t>(vertex.parent)]);
            }
            own.vertices.push_back(copy);
        }
        while (own.level_start.size() < 2 || own.level_start.back() != static_cast<std::int32_t>(own.vertices.size()))
            own.level_start.push_back(static_cast<std::int32_t>(own.vertices.size()));
        own.numbers = program.numbers;
        own.weights = program.weights;
        for (std::size_t position = 0; position < piece.vertices.size(); ++position)
            for (auto limit : program.flow_limits) {
                if (static_cast<std::size_t>(limit.vertex) != piece.vertices[position]) continue;
                limit.vertex = static_cast<std::int32_t>(position);
                own.flow_limits.push_back(limit);
            }
        own.gains = program.gains;
        // Rows arrive in the order in which each rank sends them.
        for (int from = 0; from < ranks; ++from) {
            std::vector<std::size_t> children;
            for (std::size_t j = 0; j < count; ++j)
                if (owner[j] == from && program.vertices[j].parent >= 0 && from != rank &&
                    owner[static_cast<std::size_t>(program.vertices[j].parent)] == rank)
                    children.push_back(j);
            std::ranges::stable_sort(children, {}, [&](std::size_t j) { return level[j]; });
            for (auto const j : children) {
                auto const& vertex = program.vertices[j];
                own.below.push_back({.vertex = local[static_cast<std::size_t>(vertex.parent)],
                                     .level = level[j],
                                     .parent_rows = vertex.parent_rows,
                                     .parent_flows = vertex.parent_flows,
                                     .group = here(through[j])});
                piece.below_rank.push_back(from);
            }
        }
    }
    return pieces;
}

}  // namespace dec::testing
