#include "record.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dec::coordination {

std::vector<double> violations(partition::Piece const& piece, std::span<Node const> nodes,
                               model::FlowState const& state) {
    std::vector<double> badness;
    badness.reserve(nodes.size());
    for (auto const& node : nodes) {
        double const v = seen(piece, state, node);
        badness.push_back(std::max(v - node.high, node.low - v));
    }
    return badness;
}

double worst_violation(core::Communicator const& comm, partition::Piece const& piece, Answer const& answer) {
    auto const badness = violations(piece, answer.nodes, answer.curtailed);
    return comm.max(badness.empty() ? 0.0 : std::ranges::max(badness));
}

double total_objective(core::Communicator const& comm, fairness::Policy const& policy, Settings const& settings,
                       std::span<double const> available_kw, std::span<double const> alpha) {
    double const own = fairness::objective(policy, available_kw, alpha, settings.contracts);
    return policy.levels == fairness::Levels::largest_first ? comm.max(own) : comm.sum(own);
}

bool record(core::Communicator const& comm, model::LinDist3Flow const& flow, Progress const& progress,
            Observer const& observer, Answer& answer) {
    auto const& piece = flow.piece();
    auto const first = answer.agent_curtailed_kw.size();
    answer.agent_curtailed_kw.resize(first + piece.agents.size(), 0.0);
    double injection = 0.0;
    for (std::size_t d = 0; d < answer.alpha.size(); ++d) {
        double const available = flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0;
        double const curtailed = answer.alpha[d] * available;
        injection += available - curtailed;
        auto const bus = piece.feeder.pv_systems.rows()[d].inverter.bus;
        answer.agent_curtailed_kw[first + static_cast<std::size_t>(piece.agent_of_bus[bus.at()])] += curtailed;
    }
    if (answer.rounds.empty()) {
        answer.boundary_places.clear();
        for (auto const& boundary : partition::boundaries(piece))
            for (feeder::Phase p : piece.vertices[static_cast<std::size_t>(boundary.pcc)].phases.list())
                answer.boundary_places.push_back(3 * boundary.pcc + static_cast<std::int32_t>(feeder::slot(p)));
    }
    bool const known = progress.known || answer.rounds.empty();
    for (auto const place : answer.boundary_places)
        answer.boundary_v_sq.push_back(known ? progress.state.v_sq[static_cast<std::size_t>(place)]
                                             : std::numeric_limits<double>::quiet_NaN());
    Round const round{.iteration = static_cast<std::int64_t>(answer.rounds.size()),
                      .objective = answer.objective,
                      .primal_residual = std::max(0.0, progress.violation),
                      .dual_residual = progress.dual_residual,
                      .max_alpha_change = progress.max_alpha_change,
                      .total_injection_kw = comm.sum(injection),
                      .ac_round = progress.ac_round};
    answer.rounds.push_back(round);
    answer.iterations = round.iteration;
    double const stop = observer && observer(round) ? 1.0 : 0.0;
    return comm.max(stop) > 0.0;
}

}  // namespace dec::coordination
