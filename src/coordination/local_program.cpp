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
    // In an order that does not depend on the cuts: rounding is the same on any number of ranks.
    std::ranges::stable_sort(
        own, {}, [&](std::size_t i) { return piece.vertices[static_cast<std::size_t>(nodes[i].vertex)].global; });

    // One column for each share.
    shares_ = shared_fraction_ ? 1 : static_cast<Index>(ders_.size());
    Eigen::MatrixXd effect{static_cast<Index>(own.size()), shares_};
    std::vector<double> alpha(flow.ders().size(), 0.0);
    std::vector<double> available(static_cast<std::size_t>(shares_), 0.0);
    model::FlowState change{.v_sq = std::vector<double>(3 * piece.vertices.size(), 0.0), .power = {}};
    for (Index k = 0; k < shares_; ++k) {
        auto const of_share = shared_fraction_
                                  ? std::span<std::int32_t const>{ders_}
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
    cost_ = solvers::QuadraticProgram::of_size(shares_, 0, 2 * count);
    std::vector<Eigen::Triplet<double>> rows, squares;
    for (Index i = 0; i < count; ++i) {
        for (Index k = 0; k < shares_; ++k)
            if (double const e = effect(row_of_node[static_cast<std::size_t>(i)], k); e != 0.0) {
                rows.emplace_back(2 * i, k, e);
                rows.emplace_back(2 * i + 1, k, e);
            }
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
    solver_.setup(cost_);
}

/// The excess is measured by half its sum of squares: what one node cannot have takes nothing from the others, and the answer
/// follows the voltages without jumps.
void LocalProgram::set_up_soft() {
    auto const count = static_cast<Index>(nodes_.size());
    auto program = solvers::QuadraticProgram::of_size(shares_ + count, 0, 4 * count);
    std::vector<Eigen::Triplet<double>> rows, squares;
    for (Index k = 0; k < cost_.G.outerSize(); ++k)
        for (solvers::SparseMatrix::InnerIterator it{cost_.G, k}; it; ++it) {
            rows.emplace_back(it.row(), it.col(), it.value());
            rows.emplace_back(2 * count + it.row(), it.col(), it.value());
        }
    for (Index i = 0; i < count; ++i) {
        rows.emplace_back(2 * count + 2 * i, shares_ + i, -1.0);
        rows.emplace_back(2 * count + 2 * i + 1, shares_ + i, 1.0);
        squares.emplace_back(shares_ + i, shares_ + i, 1.0);
    }
    program.G.setFromTriplets(rows.begin(), rows.end());
    program.P.setFromTriplets(squares.begin(), squares.end());
    program.lb.setZero();
    program.ub.head(shares_).setOnes();
    soft_.emplace();
    soft_->program = std::move(program);
    soft_->solver.setup(soft_->program);
}

solvers::Vector LocalProgram::least_excess() {
    soft_->solver.update(soft_->program);
    auto const outcome = soft_->solver.solve();
    if (outcome.x.size() == 0) return {};
    // Beyond rounding, so that the least excess is no edge that the next program may just miss.
    constexpr double beyond = 1e-9;
    return outcome.x.tail(static_cast<Index>(nodes_.size())).array() + beyond;
}

void LocalProgram::hand_out(solvers::Outcome const& outcome, std::span<double> alpha,
                            std::span<std::int32_t> binding) const {
    solvers::Vector const price = outcome.multipliers.row_high - outcome.multipliers.row_low;
    for (std::size_t d = 0; d < ders_.size(); ++d) {
        auto const share = shared_fraction_ ? Index{0} : static_cast<Index>(d);
        auto const der = static_cast<std::size_t>(ders_[d]);
        alpha[der] = std::clamp(outcome.x(share), 0.0, 1.0);
        binding[der] = -1;
        constexpr double least = 1e-9;  // less is the solver's rounding
        if (alpha[der] <= least) continue;
        double most = 0.0;
        for (solvers::SparseMatrix::InnerIterator it{cost_.G, share}; it; ++it)
            if (double const pull = std::abs(it.value() * price(it.row())); pull > most) {
                most = pull;
                binding[der] = static_cast<std::int32_t>(nodes_[static_cast<std::size_t>(it.row() / 2)]);
            }
    }
}

void LocalProgram::decide(std::span<Room const> room, std::span<double> alpha, std::span<std::int32_t> binding) {
    // Nothing costs less than nothing.
    if (std::ranges::all_of(room, [](Room const& r) { return r.asked >= 0.0 && r.below >= 0.0; })) {
        for (auto const d : ders_) {
            alpha[static_cast<std::size_t>(d)] = 0.0;
            binding[static_cast<std::size_t>(d)] = -1;
        }
        return;
    }

    auto const count = static_cast<Index>(nodes_.size());
    solvers::Vector above{count}, below{count}, asked{count};
    for (Index i = 0; i < count; ++i) {
        auto const& r = room[static_cast<std::size_t>(i)];
        above(i) = r.above;
        below(i) = r.below;
        asked(i) = r.asked;
    }
    auto const rows_of = [count](solvers::Vector& limits, Index first, Index odd) {
        return Eigen::Map<solvers::Vector, 0, Eigen::InnerStride<2>>{limits.data() + first + odd, count};
    };
    auto const cheapest = [&](solvers::Vector const& high, solvers::Vector const& low) {
        rows_of(cost_.h_high, 0, 0) = high;
        rows_of(cost_.h_low, 0, 1) = -low;
        solver_.update(cost_);
        return solver_.solve();
    };
    if (auto const outcome = cheapest(asked, below); outcome.status == solvers::Status::optimal)
        return hand_out(outcome, alpha, binding);

    if (!soft_) set_up_soft();
    auto& program = soft_->program;
    auto const hard = [&](solvers::Vector const& high, solvers::Vector const& low) {
        rows_of(program.h_high, 0, 0) = high;
        rows_of(program.h_low, 0, 1) = -low;
    };
    auto const soft = [&](solvers::Vector const& high, solvers::Vector const& low) {
        rows_of(program.h_high, 2 * count, 0) = high;
        rows_of(program.h_low, 2 * count, 1) = -low;
    };
    solvers::Vector const none = solvers::Vector::Constant(count, solvers::infinity);
    // What the limits must be loosened by, then how near to what is asked the agent can come under them.
    hard(none, none);
    soft(above, below);
    if (auto const excess = least_excess(); excess.size() > 0) {
        above += excess;
        below += excess;
    }
    hard(above, below);
    soft(asked, none);
    if (auto const excess = least_excess(); excess.size() > 0) asked += excess;
    if (auto const outcome = cheapest(above.cwiseMin(asked), below); outcome.x.size() > 0)
        hand_out(outcome, alpha, binding);
}

}  // namespace dec::coordination
