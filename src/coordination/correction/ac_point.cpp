#include "ac_point.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

namespace dec::coordination {

namespace {

using feeder::Phase;
using feeder::slot;

/// Squared voltages of one vertex by place.
model::Vector3 squared_voltages(powerflow::PowerFlow const& flow, std::size_t at) {
    auto const& vertex = flow.piece().vertices[at];
    model::Vector3 v = model::Vector3::Zero();
    if (!vertex.floating_delta || vertex.phases.size() == 1) {
        for (Phase p : vertex.phases.list()) v(static_cast<Eigen::Index>(slot(p))) = std::norm(flow.voltage(at, p));
        return v;
    }
    model::Vector3 pairs = model::Vector3::Zero();
    for (Phase p : vertex.phases.list()) {
        auto const [m, n] = feeder::delta_pair(p);
        if (!vertex.phases.contains(n)) continue;
        double const u = std::norm(seen_voltage(flow, at, p));
        pairs(static_cast<Eigen::Index>(slot(p))) = u;
        v(static_cast<Eigen::Index>(slot(m))) = v(static_cast<Eigen::Index>(slot(n))) = u;
    }
    return vertex.phases.size() == 3 ? model::Vector3{model::line_to_line().inverse() * pairs} : v;
}

}  // namespace

bool AcPoint::solve(std::span<double const> alpha, std::span<double const> reactive) {
    flow_.curtail(alpha, reactive);
    return solve_from(true);
}

bool AcPoint::solve_afresh(std::span<double const> alpha, std::span<double const> reactive) {
    flow_.curtail(alpha, reactive);
    return solve_from(false);
}

bool AcPoint::solve_from(bool present) {
    using Start = powerflow::PowerFlow::Start;
    auto outcome = flow_.solve(present ? Start::present : Start::no_load);
    if (present && outcome.status != powerflow::Status::converged) outcome = flow_.solve(Start::no_load);
    if (outcome.status != powerflow::Status::converged) {
        why_ = fmt::format("AC power flow does not converge: the largest mismatch, {:.3g} kVA, is at {}",
                           outcome.mismatch_kva, outcome.mismatch_node);
        return false;
    }
    state_.v_sq.resize(3 * piece_.vertices.size());
    for (std::size_t j = 0; j < piece_.vertices.size(); ++j)
        Eigen::Map<model::Vector3>{state_.v_sq.data() + 3 * j} = squared_voltages(flow_, j);
    return true;
}

std::vector<model::OperatingPoint> AcPoint::operating_points() {
    auto const flows = flow_.flows();
    std::vector<model::OperatingPoint> points(piece_.own);
    for (std::size_t j = 0; j < piece_.own; ++j) {
        auto const& vertex = piece_.vertices[j];
        for (Phase p : vertex.phases.list()) {
            auto const place = static_cast<Eigen::Index>(slot(p));
            points[j].voltage(place) = flow_.voltage(j, p);
            points[j].current(place) = flows.into_vertex[j][vertex.phases.position(p)];
        }
    }
    return points;
}

std::vector<model::LoadPoint> AcPoint::load_points() const {
    std::vector<model::LoadPoint> points;
    for (auto const& parts : flow_.load_parts()) {
        auto& point = points.emplace_back();
        for (std::size_t k = 0; k < parts.size(); ++k) {
            point.slope[k] = parts[k].slope;
            point.constant[k] = parts[k].power - parts[k].slope * parts[k].v_sq;
        }
    }
    return points;
}

std::vector<double> AcPoint::gradient(std::span<Node const> nodes, std::vector<double> const& low,
                                      std::vector<double> const& high) {
    std::vector<double> weight(3 * piece_.vertices.size(), 0.0), of_share(piece_.feeder.pv_systems.size());
    for (std::size_t i = 0; i < nodes.size(); ++i)
        weight[static_cast<std::size_t>(3 * nodes[i].vertex + nodes[i].place)] += high[i] - low[i];
    flow_.gradient(weight, of_share);
    return of_share;
}

std::vector<double> AcPoint::room_before_steps(std::span<Node const> limits) const {
    constexpr double before = 0.1 * ac_tolerance_pu;
    auto const steps = flow_.steps_above();
    std::vector<double> room;
    for (auto const& node : limits)
        room.push_back(std::max(0.0, std::sqrt(node.high) - steps[static_cast<std::size_t>(node.vertex)] + before));
    return room;
}

double AcPoint::violation_pu(std::span<Node const> limits) const {
    return worst_violation_pu(comm_, piece_, limits, state_);
}

void AcPoint::describe(std::span<Node const> limits, AcRecord& record) const {
    double high = 0.0, low = std::numeric_limits<double>::infinity();
    for (auto const& node : limits) {
        double const v = std::sqrt(std::max(0.0, seen(piece_, state_, node)));
        high = std::max(high, v);
        low = std::min(low, v);
    }
    record.state = state_;
    record.v_max_pu = comm_.max(high);
    record.v_min_pu = comm_.min(low);
    record.violation_pu = violation_pu(limits);
}

double worst_violation_pu(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> limits,
                          model::FlowState const& state) {
    double worst = 0.0;
    for (auto const& node : limits) {
        double const v = std::sqrt(std::max(0.0, seen(piece, state, node)));
        worst = std::max(worst, v - std::sqrt(node.high));
        if (node.low > 0.0) worst = std::max(worst, std::sqrt(node.low) - v);
    }
    return comm.max(worst);
}

std::string named(core::Communicator const& comm, partition::Piece const& piece, std::span<Node const> nodes,
                  std::vector<char> const& chosen) {
    constexpr std::size_t most = 5;
    auto const names = node_names(comm, piece, nodes, chosen);
    std::string text;
    for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
    return text;
}

}  // namespace dec::coordination
