#include "local_program.hpp"

#include <algorithm>
#include <cmath>

namespace dec::coordination {

namespace {

using solvers::Index;

/// A squared voltage that changes by less than this, pu^2, when all is curtailed is nothing an agent can do anything about.
constexpr double no_effect = 1e-12;

}  // namespace

LocalProgram::LocalProgram(model::AgentFlow& agents, model::LinDist3Flow const& flow, model::AgentPart const& part,
                           std::span<Node const> nodes, fairness::Policy const& policy)
    : ders_{part.ders}, shared_fraction_{policy.shared_fraction} {
    auto const& piece = flow.piece();
    std::vector<std::size_t> own;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (piece.vertices[static_cast<std::size_t>(nodes[i].vertex)].agent == part.agent) own.push_back(i);

    // One column for each share.
    shares_ = shared_fraction_ ? 1 : static_cast<Index>(ders_.size());
    Eigen::MatrixXd effect{static_cast<Index>(own.size()), shares_};
    std::vector<double> alpha(flow.ders().size(), 0.0);
    std::vector<double> available(static_cast<std::size_t>(shares_), 0.0);
    model::FlowState change{.v_sq = std::vector<double>(3 * piece.vertices.size(), 0.0), .power = {}};
    for (Index k = 0; k < shares_; ++k) {
        auto const of_share = shared_fraction_ ? std::span<std::int32_t const>{ders_}
                                               : std::span<std::int32_t const>{ders_}.subspan(static_cast<std::size_t>(k), 1);
        for (auto const d : of_share) {
            alpha[static_cast<std::size_t>(d)] = 1.0;
            available[static_cast<std::size_t>(k)] +=
                flow.settings().per_unit.power_si(flow.ders()[static_cast<std::size_t>(d)].available) / 1000.0;
        }
        agents.solve_change(part, alpha, change.v_sq);
        for (std::size_t i = 0; i < own.size(); ++i)
            effect(static_cast<Index>(i), k) = seen(piece, change, nodes[own[i]]);
        for (auto const d : of_share) alpha[static_cast<std::size_t>(d)] = 0.0;
    }

    std::vector<Index> row_of_node;
    for (std::size_t i = 0; i < own.size(); ++i)
        if (effect.row(static_cast<Index>(i)).cwiseAbs().sum() > no_effect) {
            nodes_.push_back(own[i]);
            row_of_node.push_back(static_cast<Index>(i));
        }

    auto const count = static_cast<Index>(nodes_.size());
    cost_ = solvers::QuadraticProgram::of_size(shares_ + 1, 0, 2 * count);
    std::vector<Eigen::Triplet<double>> rows, squares;
    for (Index i = 0; i < count; ++i) {
        for (Index k = 0; k < shares_; ++k)
            if (double const e = effect(row_of_node[static_cast<std::size_t>(i)], k); e != 0.0) {
                rows.emplace_back(2 * i, k, e);
                rows.emplace_back(2 * i + 1, k, e);
            }
        rows.emplace_back(2 * i, shares_, -1.0);
        rows.emplace_back(2 * i + 1, shares_, 1.0);
    }
    cost_.G.setFromTriplets(rows.begin(), rows.end());
    for (Index k = 0; k < shares_; ++k) {
        auto const cost = policy.cost(available[static_cast<std::size_t>(k)]);
        squares.emplace_back(k, k, 2.0 * cost.quadratic);
        cost_.q(k) = cost.linear;
        cost_.lb(k) = 0.0;
        cost_.ub(k) = 1.0;
    }
    cost_.P.setFromTriplets(squares.begin(), squares.end());
    cost_.lb(shares_) = cost_.ub(shares_) = 0.0;
    solver_.setup(cost_);
}

/// Upper limit of node i in row 2i, effect x - violation <= room above; lower limit in row 2i + 1.
void LocalProgram::set_room(std::span<Room const> room, double violation) {
    for (std::size_t i = 0; i < room.size(); ++i) {
        auto const row = static_cast<Index>(2 * i);
        cost_.h_high(row) = room[i].above + violation;
        cost_.h_low(row + 1) = -(room[i].below + violation);
    }
}

solvers::Outcome LocalProgram::minimise_cost() {
    solver_.update(cost_);
    return solver_.solve();
}

double LocalProgram::least_violation() {
    auto program = cost_;
    program.q.setZero();
    program.q(shares_) = 1.0;
    program.P *= 0.0;
    program.ub(shares_) = solvers::infinity;
    solver_.update(program);
    auto const outcome = solver_.solve();
    return outcome.x.size() > 0 ? outcome.x(shares_) : solvers::infinity;
}

void LocalProgram::decide(std::span<Room const> room, std::span<double> alpha) {
    auto const hand_out = [&](solvers::Vector const& x) {
        for (std::size_t d = 0; d < ders_.size(); ++d)
            alpha[static_cast<std::size_t>(ders_[d])] =
                std::clamp(x(shared_fraction_ ? 0 : static_cast<Index>(d)), 0.0, 1.0);
    };
    // Nothing costs less than nothing.
    if (std::ranges::all_of(room, [](Room const& r) { return r.above >= 0.0 && r.below >= 0.0; }))
        return hand_out(solvers::Vector::Zero(shares_));
    set_room(room, 0.0);
    if (auto const outcome = minimise_cost(); outcome.status == solvers::Status::optimal) return hand_out(outcome.x);
    // Beyond rounding, so that the least violation is no edge that a solver may just miss.
    constexpr double beyond = 1e-9;
    set_room(room, least_violation() + beyond);
    if (auto const outcome = minimise_cost(); outcome.x.size() > 0) hand_out(outcome.x);
}

}  // namespace dec::coordination
