#include "dec/solvers/sparse_form.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cassert>

namespace dec::solvers {

namespace {

using Matrix = Eigen::MatrixXd;
using Entries = std::vector<Eigen::Triplet<double>>;

/// The numbers of one vertex as matrices.
struct Blocks {
    Matrix R, L, D, K, W;
    Vector e, c;

    Blocks(TreeProgram const& program, TreeVertex const& v) {
        auto const* next = program.numbers.data() + v.first_number;
        auto const take = [&next](Index rows, Index columns) {
            Matrix m = Eigen::Map<Matrix const>(next, rows, columns);
            next += rows * columns;
            return m;
        };
        Index const n = v.rows, m = v.flows;
        if (!v.root) {
            if (v.straight) {
                R = Matrix::Zero(n, v.parent_rows);
                L = Matrix::Zero(v.parent_flows, m);
                Vector const tau = take(n, 1);
                for (Index r = 0; r < n; ++r) {
                    Index const up = v.place[static_cast<std::size_t>(r)];
                    R(r, up) = tau(r);
                    for (Index half = 0; half < m / n; ++half) L(up + half * v.parent_rows, r + half * n) = 1.0;
                }
            } else {
                R = take(n, v.parent_rows);
                L = take(v.parent_flows, m);
            }
            D = take(n, m);
        }
        e = take(n, 1);
        c = take(m, 1);
        K = v.sloped ? take(m, n) : Matrix::Zero(m, n);
        W = v.mixed ? take(n, n) : Matrix::Identity(n, n);
    }
};

void add(Entries& entries, Index row, Index column, Matrix const& block) {
    for (Index c = 0; c < block.cols(); ++c)
        for (Index r = 0; r < block.rows(); ++r)
            if (block(r, c) != 0.0)
                entries.emplace_back(static_cast<int>(row + r), static_cast<int>(column + c), block(r, c));
}

/// Cost and bounds of one variable.
void set_term(SparseForm& form, Entries& curvature, Index variable, TreeTerm const& term) {
    form.program.q(variable) = term.cost;
    form.program.lb(variable) = term.lower;
    form.program.ub(variable) = term.upper;
    if (term.curvature != 0.0)
        curvature.emplace_back(static_cast<int>(variable), static_cast<int>(variable), term.curvature);
    if (term.log_weight > 0.0) form.logs.push_back({variable, term.log_weight});
}

std::vector<Index> first_flows(TreeProgram const& program, Index first) {
    std::vector<Index> result;
    for (auto const& v : program.vertices) {
        result.push_back(first);
        first += v.flows;
    }
    result.push_back(first);
    return result;
}

}  // namespace

SparseForm sparse_form(TreeProgram const& program) {
    assert(program.above.empty() && program.below.empty());
    auto const controls = static_cast<Index>(program.controls.size());
    auto const groups = static_cast<Index>(program.groups.size());
    auto const rows = static_cast<Index>(program.low.size());
    SparseForm form{.first_group = controls, .first_state = controls + groups, .first_flow = controls + groups + rows};
    auto const flow = first_flows(program, form.first_flow);
    auto const flows = flow.back() - form.first_flow;

    Index ties = 0, caps = 0;
    for (auto const& control : program.controls) {
        ties += control.role == TreeControl::Role::tied ? 1 : 0;
        caps += control.role == TreeControl::Role::capped ? 1 : 0;
    }
    for (Index r = 0; r < rows; ++r) {
        auto const i = static_cast<std::size_t>(r);
        if (program.low[i] > -infinity || program.high[i] < infinity)
            form.limited_rows.push_back(static_cast<std::int32_t>(r));
    }
    auto const limited = static_cast<Index>(form.limited_rows.size());
    std::vector<Index> inequality(static_cast<std::size_t>(rows), -1);
    for (Index k = 0; k < limited; ++k)
        inequality[static_cast<std::size_t>(form.limited_rows[static_cast<std::size_t>(k)])] = k;

    auto& qp = form.program;
    auto const of_flows = static_cast<Index>(program.flow_limits.size());
    auto const of_pairs = static_cast<Index>(program.pair_limits.size());
    qp = QuadraticProgram::of_size(form.first_flow + flows, flows + rows + ties, limited + of_flows + of_pairs + caps);
    Entries P, A, G;
    for (Index k = 0; k < controls; ++k) set_term(form, P, k, program.controls[static_cast<std::size_t>(k)].term);
    for (Index k = 0; k < groups; ++k)
        set_term(form, P, form.first_group + k, program.groups[static_cast<std::size_t>(k)].term);

    // s - K v - gain u - sum of L s_k = c, then v + D s - R v_parent = e.
    for (std::size_t j = 0; j < program.vertices.size(); ++j) {
        auto const& v = program.vertices[j];
        Blocks const block{program, v};
        Index const balance = flow[j] - form.first_flow;
        Index const drop = flows + v.first_row;
        Index const state = form.first_state + v.first_row;
        add(A, balance, flow[j], Matrix::Identity(v.flows, v.flows));
        add(A, balance, state, -block.K);
        qp.b.segment(balance, v.flows) = block.c;
        for (std::int32_t k = 0; k < v.controls; ++k) {
            auto const& control = program.controls[static_cast<std::size_t>(v.first_control + k)];
            add(A, balance, v.first_control + k,
                -Eigen::Map<Vector const>(program.gains.data() + control.first_gain, v.flows));
        }
        add(A, drop, state, Matrix::Identity(v.rows, v.rows));
        qp.b.segment(drop, v.rows) = block.e;
        if (!v.root) {
            auto const parent = static_cast<std::size_t>(v.parent);
            add(A, flow[parent] - form.first_flow, flow[j], -block.L);
            add(A, drop, flow[j], block.D);
            add(A, drop, form.first_state + program.vertices[parent].first_row, -block.R);
        }
        for (Index r = 0; r < v.rows; ++r) {
            auto const i = static_cast<std::size_t>(v.first_row + r);
            if (inequality[i] < 0) continue;
            add(G, inequality[i], state, block.W.row(r));
            qp.h_low(inequality[i]) = program.low[i];
            qp.h_high(inequality[i]) = program.high[i];
        }
    }
    for (Index k = 0; k < of_flows; ++k) {
        auto const& limit = program.flow_limits[static_cast<std::size_t>(k)];
        auto const j = static_cast<std::size_t>(limit.vertex);
        Eigen::Map<Vector const> const weights{program.weights.data() + limit.first_weight, program.vertices[j].flows};
        add(G, limited + k, flow[j], weights.transpose());
        qp.h_high(limited + k) = limit.bound;
    }
    for (Index k = 0; k < of_pairs; ++k) {
        auto const& limit = program.pair_limits[static_cast<std::size_t>(k)];
        auto const row = static_cast<int>(limited + of_flows + k);
        G.emplace_back(row, limit.control, limit.first);
        G.emplace_back(row, limit.control + 1, limit.second);
        qp.h_high(row) = limit.bound;
    }
    Index tie = flows + rows, cap = limited + of_flows + of_pairs;
    for (Index k = 0; k < controls; ++k) {
        auto const& control = program.controls[static_cast<std::size_t>(k)];
        auto const group = static_cast<int>(form.first_group + control.group);
        if (control.role == TreeControl::Role::free) continue;
        bool const tied = control.role == TreeControl::Role::tied;
        auto& entries = tied ? A : G;
        auto const row = static_cast<int>(tied ? tie++ : cap++);
        entries.emplace_back(row, static_cast<int>(k), 1.0);
        entries.emplace_back(row, group, -1.0);
        if (!tied) qp.h_high(row) = 0.0;
    }
    qp.P.setFromTriplets(P.begin(), P.end());
    qp.A.setFromTriplets(A.begin(), A.end());
    qp.G.setFromTriplets(G.begin(), G.end());
    return form;
}

}  // namespace dec::solvers
