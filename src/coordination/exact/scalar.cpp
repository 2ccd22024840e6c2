#include <algorithm>
#include <cmath>

#include "../conflicts.hpp"
#include "scalar_proof.hpp"
#include "search.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

/// The straight piece of all ramps that a scalar lies in, or that begins there: from one corner of any ramp to the next.
ExactSearch::Piece ExactSearch::piece_at(double scalar) const {
    Piece piece{ramps_.first, ramps_.last};
    for (auto const& ramp : ramps_.ders) {
        if (ramp.end == infinity) continue;
        for (double const corner : {ramp.start, ramp.end}) {
            if (corner <= scalar) piece.from = std::max(piece.from, corner);
            else piece.to = std::min(piece.to, corner);
        }
    }
    return {comm_.max(piece.from), comm_.min(piece.to)};
}

/// All shares follow one scalar along this piece.
void ExactSearch::tie_to_scalar(Piece const& piece) {
    on_way_ = piece;
    decisions_.group_cost = {.linear = piece.to - piece.from};
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        double const before = ramps_.ders[d].share(piece.from), after = ramps_.ders[d].share(piece.to);
        auto& what = decisions_.ders[d];
        what = {.fixed = before, .reach = after - before};
        if (after > before) {
            what.role = Decision::Role::tied;
            what.group = 0;
        }
    }
}

/// Of the multipliers of the last program.
ScalarProof ExactSearch::proof_of_last() {
    constexpr double rounding = 1e-12;
    auto const reactive = answer_.reactive;
    std::vector<double> none(answer_.alpha.size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t d = 0; d < none.size(); ++d)
        if (powers_.decides(d)) none[d] = 0.0;
    model::FlowState at_rest;
    flow_.set_reactive(std::move(none));
    flow_.solve(std::vector<double>(answer_.alpha.size(), 0.0), at_rest);
    flow_.set_reactive(reactive);

    double sum = 0.0, size = 0.0;
    std::vector<double> of_voltage(3 * piece_.vertices.size(), 0.0), of_power(6 * piece_.vertices.size(), 0.0);
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        double const v = seen(piece_, at_rest, node);
        if (high_[i] > 0.0) sum += high_[i] * (v - node.high);
        if (low_[i] > 0.0) sum += low_[i] * (node.low - v);
        size += high_[i] + low_[i];
        Eigen::Map<model::Vector3>{of_voltage.data() + static_cast<std::ptrdiff_t>(node.vertex)* 3} +=
            (high_[i] - low_[i]) * seen_weight(piece_, node);
    }
    auto const forces = rating_forces(powers_, assembled_, outcome_);
    for (std::size_t b = 0; b < forces.size(); ++b) {
        auto const& branch = powers_.branches[b];
        model::Vector6 weight;
        weight << forces[b].x() * branch.weight, forces[b].y() * branch.weight;
        auto const at = 6 * static_cast<std::ptrdiff_t>(branch.vertex);
        sum += weight.dot(Eigen::Map<model::Vector6 const>{at_rest.power.data() + at});
        Eigen::Map<model::Vector6>{of_power.data() + at} += weight;
    }
    auto const& limits = assembled_.program.flow_limits;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (assembled_.rated[i] < 0 || limits[i].side == solvers::TreeSide::first_of_disc) continue;
        bool const disc = limits[i].side == solvers::TreeSide::second_of_disc;
        double const bound = disc ? std::hypot(outcome_.price_flow[i - 1], outcome_.price_flow[i])
                                  : outcome_.price_flow[i] * limits[i].bound;
        sum -= bound;
        size += std::abs(bound);
    }
    std::vector<double> of_share(answer_.alpha.size()), of_reactive(answer_.alpha.size());
    flow_.gradient(of_voltage, of_share, of_power, of_reactive);
    return {comm_,
            ramps_,
            flow_,
            powers_.ders,
            sum,
            std::move(of_share),
            std::move(of_reactive),
            rounding * comm_.sum(size)};
}

/// The smallest scalar at which there are reactive powers that meet all limits, or at which the limits hold by themselves: on one
/// straight piece of all ramps after the other a program in the scalar and the reactive powers. A piece without an answer leaves multipliers
/// that rule out what comes after it, too, up to where they say nothing more.
void ExactSearch::along_the_scalar() {
    ramps_ = ramps_of(comm_, flow_, policy_, settings_.contracts);
    bool undecided = false;
    double at = ramps_.first;
    scalar_ = at;
    while (true) {
        auto const piece = piece_at(at);
        tie_to_scalar(piece);
        answer_.conflicts.clear();
        answer_.status = Status::optimal;
        if (solve(nullptr)) break;
        bool const may_go_on = answer_.status == Status::infeasible || answer_.status == Status::iteration_limit ||
                               answer_.status == Status::diverged;
        if (!may_go_on || answer_.iterations >= settings_.max_iterations) return;
        auto const proof = proof_of_last();
        bool const proven = answer_.status == Status::infeasible || proof.excludes(piece.from, piece.to);
        undecided = undecided || !proven;
        if (proven && answer_.status != Status::infeasible)
            report_conflict(comm_, flow_, settings_, answer_, low_, high_,
                            rating_forces(powers_, assembled_, outcome_));
        at = proven ? std::max(piece.to, proof.next(piece.from)) : piece.to;
        if (at < ramps_.last) continue;
        answer_.status = undecided ? Status::iteration_limit : Status::infeasible;
        return;
    }
    take_prices();
    if (undecided) leave_open("smaller scalars may meet the limits as well, too narrowly to tell");
}

}  // namespace dec::coordination
