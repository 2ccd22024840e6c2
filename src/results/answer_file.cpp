#include "dec/results/answer_file.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "dec/coordination/ratings.hpp"
#include "dec/coordination/tradeoff.hpp"
#include "dec/core/archive.hpp"
#include "dec/results/schema.hpp"
#include "tables.hpp"

namespace dec::results {

namespace {

using coordination::Answer;
using feeder::Feeding;
using feeder::Phase;
using model::LinDist3Flow;
using partition::Piece;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double magnitude(double v_sq) { return std::sqrt(std::max(v_sq, 0.0)); }

/// \param ac null without a power flow.
void write_nodes(core::TableSink& file, LinDist3Flow const& flow, Answer const& answer,
                 powerflow::PowerFlow const* ac) {
    auto const& piece = flow.piece();
    auto const nodes = node_rows(piece);
    auto const rows = rows_of(nodes);
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) { return rows[i]; });
    auto const index_of = [&](std::int64_t row) {
        return *std::ranges::lower_bound(order, row, {}, [&](std::size_t i) { return rows[i]; });
    };
    std::vector<double> low(rows.size(), nan), high(rows.size(), nan), before(rows.size(), nan),
        after(rows.size(), nan);
    for (auto const& node : answer.nodes) {
        auto const i = index_of(node.row);
        if (node.low > 0.0) low[i] = std::sqrt(node.low);
        high[i] = std::sqrt(node.high);
        before[i] = magnitude(coordination::seen(piece, answer.uncurtailed, node));
        after[i] = magnitude(coordination::seen(piece, answer.curtailed, node));
    }
    auto const per_node = [&](std::vector<double> const& prices) {
        std::vector<double> all(rows.size(), nan);
        for (std::size_t k = 0; k < prices.size(); ++k) all[index_of(answer.nodes[k].row)] = prices[k];
        return all;
    };
    std::vector<double> const unknown(rows.size(), nan);
    auto table = identified_nodes(piece);
    table.add("v_limit_low", std::move(low));
    table.add("v_limit_high", std::move(high));
    table.add("v_uncurtailed", std::move(before));
    table.add("v", std::move(after));
    if (ac != nullptr) add_ac_voltages(table, *ac);
    else
        for (auto const* name : {"v_ac", "angle_deg"}) table.add(name, unknown);
    table.add("price_low", per_node(answer.price_low));
    table.add("price_high", per_node(answer.price_high));
    table.write(file, piece.totals.nodes, rows);
}

/// Objective per kVA, a row per branch and phase; a unit's is in the row of its first phase, NaN where no rating is a limit.
std::vector<double> prices_of_ratings(LinDist3Flow const& flow, Answer const& answer) {
    std::map<std::int64_t, double> of_row;
    for (std::size_t i = 0; i < answer.price_rating.size(); ++i)
        of_row[answer.ratings[i].row] += answer.price_rating[i];
    std::vector<double> prices;
    for (auto const& branch : flow.piece().branches)
        for (Phase p : branch.phases.list()) {
            auto const known = of_row.find(branch.first_row + static_cast<std::int64_t>(branch.phases.position(p)));
            prices.push_back(known == of_row.end() ? nan : known->second);
        }
    return prices;
}

/// What the linear model has of the branches.
void add_linear_flows(Columns& table, LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const& pu = flow.settings().per_unit;
    std::vector<double> p_kw, q_kvar, current, loading;
    for (auto const& branch : piece.branches) {
        for (Phase p : branch.phases.list()) {
            p_kw.push_back(nan);
            q_kvar.push_back(nan);
            current.push_back(nan);
            loading.push_back(nan);
            if (branch.vertex < 0) continue;
            auto const& vertex = piece.vertices[static_cast<std::size_t>(branch.vertex)];
            if (!vertex.phases.contains(p)) continue;
            double const share = coordination::carried_share(piece, vertex, branch.feeding, p);
            auto const at = static_cast<std::size_t>(branch.vertex);
            double const active = share * answer.curtailed.power[6 * at + feeder::slot(p)];
            double const reactive = share * answer.curtailed.power[6 * at + 3 + feeder::slot(p)];
            double const volts =
                magnitude(answer.curtailed.v_sq[3 * at + feeder::slot(p)]) * piece.feeder.buses[branch.to].base_v;
            p_kw.back() = pu.power_si(active) / 1000.0;
            q_kvar.back() = pu.power_si(reactive) / 1000.0;
            current.back() = volts > 0.0 ? pu.power_si(std::hypot(active, reactive)) / volts : nan;
            loading.back() = current.back() / normal_rating(piece, branch.feeding);
        }
    }
    std::vector<double> unknown(p_kw.size(), nan);
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
    table.add("current_a", std::move(current));
    table.add("loading", std::move(loading));
    table.add("loss_kw", std::move(unknown));
}

/// \param ac null without a power flow. \param rated whether ratings are limits, on any rank. Collective.
void write_branches(core::TableSink& file, LinDist3Flow const& flow, Answer const& answer, powerflow::PowerFlow* ac,
                    bool rated) {
    auto const& piece = flow.piece();
    auto table = identified_branches(piece);
    if (ac != nullptr) add_ac_flows(table, piece, ac->flows());
    else add_linear_flows(table, flow, answer);
    if (rated) table.add("price", prices_of_ratings(flow, answer));
    table.write(file, piece.totals.branch_rows, branch_rows(piece));
}

void write_ders(core::TableSink& file, LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const points = setpoints(flow, answer);
    std::vector<std::string> name, mrid, bus, phases, agent, binding;
    std::vector<double> available, alpha, p_kw, q_kvar;
    for (std::size_t d = 0; d < points.size(); ++d) {
        auto const& inverter = piece.feeder.pv_systems.rows()[d].inverter;
        name.push_back(points[d].name);
        mrid.push_back(points[d].mrid);
        bus.push_back(points[d].bus);
        phases.push_back(feeder::to_text(inverter.phases));
        agent.emplace_back(piece.agents.name(core::Index<partition::Agent>{piece.agent_of_bus[inverter.bus.at()]}));
        available.push_back(points[d].available_kw);
        alpha.push_back(points[d].share);
        p_kw.push_back(points[d].allowed_kw);
        q_kvar.push_back(answer.reactive.empty()
                             ? std::accumulate(inverter.q_var.begin(), inverter.q_var.end(), 0.0) / 1000.0
                             : points[d].reactive_kvar);
        binding.push_back(points[d].binding_node);
    }
    Columns table{"/ders"};
    table.add("name", std::move(name));
    table.add("mrid", std::move(mrid));
    table.add("bus", std::move(bus));
    table.add("phases", std::move(phases));
    table.add("agent", std::move(agent));
    table.add("available_kw", std::move(available));
    table.add("alpha_linear", answer.ac ? answer.ac->alpha_linear : alpha);
    table.add("alpha", std::move(alpha));
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
    table.add("binding_node", std::move(binding));
    table.write(file, piece.totals.ders, piece.global.pv_systems);
}

/// One agent's totals on the rank that keeps them.
struct AgentTotals {
    std::int64_t row = 0;
    double available_kw = 0.0;
    std::vector<double> curtailed_kw;  // one per round
};

/// Brings the parts of every agent to the rank that keeps it, added in rank order. Collective.
std::vector<AgentTotals> gather_agents(core::Communicator const& comm, LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const rounds = answer.rounds.size();
    std::vector<double> available(piece.agents.size(), 0.0);
    for (std::size_t d = 0; d < flow.ders().size(); ++d) {
        auto const bus = piece.feeder.pv_systems.rows()[d].inverter.bus;
        available[static_cast<std::size_t>(piece.agent_of_bus[bus.at()])] +=
            flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0;
    }
    std::vector<core::Packer> packers(static_cast<std::size_t>(comm.size()));
    for (std::size_t a = 0; a < piece.agents.size(); ++a) {
        auto& pack = packers[static_cast<std::size_t>(piece.agent_rank[a])];
        pack(piece.agent_row[a]);
        pack(available[a]);
        std::vector<double> curtailed(rounds);
        for (std::size_t r = 0; r < rounds; ++r) curtailed[r] = answer.agent_curtailed_kw[r * piece.agents.size() + a];
        pack(curtailed);
    }
    std::vector<std::vector<char>> buffers;
    for (auto& pack : packers) buffers.push_back(pack.take());
    std::vector<AgentTotals> parts;
    for (auto const& bytes : comm.all_to_all(buffers)) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& part = parts.emplace_back();
            unpack(part.row);
            unpack(part.available_kw);
            unpack(part.curtailed_kw);
        }
    }
    std::ranges::stable_sort(parts, {}, &AgentTotals::row);
    std::vector<AgentTotals> totals;
    for (auto& part : parts) {
        if (totals.empty() || totals.back().row != part.row) {
            totals.push_back(std::move(part));
            continue;
        }
        totals.back().available_kw += part.available_kw;
        for (std::size_t r = 0; r < rounds; ++r) totals.back().curtailed_kw[r] += part.curtailed_kw[r];
    }
    return totals;
}

std::string_view kind_name(feeder::Area::Kind kind) {
    static constexpr std::array<std::string_view, 3> names{"feeder", "area", "secondary"};
    return names[static_cast<std::size_t>(kind)];
}

void write_agents(core::Communicator const& comm, core::TableSink& file, Piece const& piece,
                  std::vector<AgentTotals> const& totals) {
    std::vector<std::int64_t> rows, nodes, ders, rank;
    std::vector<std::string> name, kind, parent;
    std::vector<double> alpha;
    std::vector<std::size_t> by_row(piece.agent_row.size());  // agents of the piece, in the order of the whole feeder
    std::iota(by_row.begin(), by_row.end(), std::size_t{0});
    std::ranges::sort(by_row, {}, [&](std::size_t agent) { return piece.agent_row[agent]; });
    for (auto const& total : totals) {
        auto const local =
            *std::ranges::lower_bound(by_row, total.row, {}, [&](std::size_t agent) { return piece.agent_row[agent]; });
        core::Index<partition::Agent> const id{local};
        auto const share = [&](double curtailed) {
            return total.available_kw > 0.0 ? curtailed / total.available_kw : nan;
        };
        rows.push_back(total.row);
        name.emplace_back(piece.agents.name(id));
        kind.emplace_back(kind_name(piece.agents[id].kind));
        parent.emplace_back(piece.agent_parents[local]);
        nodes.push_back(piece.agents[id].nodes);
        ders.push_back(piece.agents[id].ders);
        rank.push_back(comm.rank());
        alpha.push_back(total.curtailed_kw.empty() ? nan : share(total.curtailed_kw.back()));
    }
    Columns table{"/agents"};
    table.add("name", std::move(name));
    table.add("kind", std::move(kind));
    table.add("parent", std::move(parent));
    table.add("nodes", std::move(nodes));
    table.add("ders", std::move(ders));
    table.add("alpha", std::move(alpha));
    table.write(file, piece.totals.agents, rows);
    Columns ranks{"/partition"};
    ranks.add("agent_rank", std::move(rank));
    ranks.write(file, piece.totals.agents, rows);
}

/// Places of the PCC that have a phase.
std::array<bool, 3> places_of(Piece const& piece, partition::Boundary const& boundary) {
    std::array<bool, 3> present{};
    for (Phase p : piece.vertices[static_cast<std::size_t>(boundary.pcc)].phases.list())
        present[feeder::slot(p)] = true;
    return present;
}

/// The bus of a PCC; where the agent hangs on a star point, that of the winding that feeds it.
core::Index<feeder::Bus> bus_of(Piece const& piece, partition::Boundary const& boundary) {
    auto const& pcc = piece.vertices[static_cast<std::size_t>(boundary.pcc)];
    if (pcc.bus.valid() || !pcc.transformer.valid()) return pcc.bus;
    auto const& first = piece.vertices[static_cast<std::size_t>(boundary.vertex)];
    auto const& feeding = piece.feedings[static_cast<std::size_t>(first.first_feeding)];
    return piece.feeder.transformers[pcc.transformer].winding[feeding.fed_winding].bus;
}

void write_boundaries(core::Communicator const& comm, core::TableSink& file, LinDist3Flow const& flow,
                      Answer const& answer) {
    auto const& piece = flow.piece();
    auto const& pu = flow.settings().per_unit;
    auto const boundaries = partition::boundaries(piece);
    // A row for each phase the downstream agent draws from; how many there are before it is known only to all together.
    auto const draws = [&](partition::Boundary const& boundary, std::size_t place) {
        return !flow.blocks()[static_cast<std::size_t>(boundary.vertex)]
                    .lift.row(static_cast<Eigen::Index>(place))
                    .isZero();
    };
    std::vector<double> known;
    for (auto const& boundary : boundaries) {
        known.push_back(static_cast<double>(boundary.row));
        known.push_back(static_cast<double>(draws(boundary, 0) + draws(boundary, 1) + draws(boundary, 2)));
    }
    std::vector<std::int64_t> first(static_cast<std::size_t>(piece.totals.boundaries) + 1, 0);
    auto const all = comm.all_gather(known);
    for (std::size_t i = 0; i < all.size(); i += 2)
        first[static_cast<std::size_t>(all[i]) + 1] = static_cast<std::int64_t>(all[i + 1]);
    std::partial_sum(first.begin(), first.end(), first.begin());

    std::vector<std::int64_t> rows;
    std::vector<std::string> upstream, downstream, bus, phase;
    std::vector<double> v, p_kw, q_kvar;
    for (auto const& boundary : boundaries) {
        auto const at = static_cast<std::size_t>(boundary.vertex);
        model::Vector6 const drawn =
            flow.blocks()[at].lift * Eigen::Map<model::Vector6 const>{answer.curtailed.power.data() + 6 * at};
        auto const& pcc = piece.vertices[static_cast<std::size_t>(boundary.pcc)];
        auto row = first[static_cast<std::size_t>(boundary.row)];
        for (std::size_t place = 0; place < 3; ++place) {
            if (!draws(boundary, place)) continue;
            rows.push_back(row++);
            upstream.emplace_back(piece.agents.name(core::Index<partition::Agent>{boundary.upstream}));
            downstream.emplace_back(piece.agents.name(core::Index<partition::Agent>{boundary.downstream}));
            auto const meeting = bus_of(piece, boundary);
            bus.emplace_back(meeting.valid() ? piece.feeder.buses.name(meeting) : std::string_view{});
            phase.emplace_back(feeder::to_text(pcc.phases.has_legs() ? (place == 0 ? Phase::s1 : Phase::s2)
                                                                     : static_cast<Phase>(place)));
            v.push_back(magnitude(answer.curtailed.v_sq[3 * static_cast<std::size_t>(boundary.pcc) + place]));
            p_kw.push_back(pu.power_si(drawn(static_cast<Eigen::Index>(place))) / 1000.0);
            q_kvar.push_back(pu.power_si(drawn(static_cast<Eigen::Index>(place) + 3)) / 1000.0);
        }
    }
    Columns table{"/boundaries"};
    table.add("upstream_agent", std::move(upstream));
    table.add("downstream_agent", std::move(downstream));
    table.add("bus", std::move(bus));
    table.add("phase", std::move(phase));
    table.add("v", std::move(v));
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
    table.write(file, first.back(), rows);
}

/// Voltages at the PCCs, round after round, on the root; empty elsewhere. Collective.
std::vector<double> boundary_history(core::Communicator const& comm, Piece const& piece, Answer const& answer) {
    auto const own = partition::boundaries(piece);
    core::Packer pack;
    for (std::size_t b = 0; b < own.size(); ++b) {
        auto const present = places_of(piece, own[b]);
        std::vector<double> v;
        for (std::size_t r = 0; r < answer.rounds.size(); ++r)
            for (std::size_t place = 0; place < 3; ++place)
                v.push_back(present[place] ? magnitude(answer.boundary_v_sq[3 * (r * own.size() + b) + place]) : nan);
        pack(own[b].row);
        pack(v);
    }
    auto const boundaries = static_cast<std::size_t>(piece.totals.boundaries);
    auto const gathered = comm.gather(pack.take());
    std::vector<double> history(comm.is_root() ? 3 * boundaries * answer.rounds.size() : 0, nan);
    for (auto const& bytes : gathered) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            std::int64_t row = 0;
            std::vector<double> v;
            unpack(row);
            unpack(v);
            for (std::size_t r = 0; r < answer.rounds.size(); ++r)
                std::copy_n(v.begin() + static_cast<std::ptrdiff_t>(3 * r), 3,
                            history.begin() +
                                static_cast<std::ptrdiff_t>(3 * (r * boundaries + static_cast<std::size_t>(row))));
        }
    }
    return history;
}

void write_convergence(core::Communicator const& comm, core::TableSink& file, Piece const& piece, Answer const& answer,
                       std::vector<AgentTotals> const& totals) {
    auto const rounds = answer.rounds.size();
    auto const agents = static_cast<std::size_t>(piece.totals.agents);
    // A row of the history runs over all agents, so it is put together on the root.
    core::Packer pack;
    for (auto const& total : totals) {
        pack(total.row);
        pack(total.available_kw);
        pack(total.curtailed_kw);
    }
    std::vector<double> history;
    auto const gathered = comm.gather(pack.take());
    if (comm.is_root()) history.assign(rounds * agents, nan);
    for (auto const& bytes : gathered) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            AgentTotals total;
            unpack(total.row);
            unpack(total.available_kw);
            unpack(total.curtailed_kw);
            for (std::size_t r = 0; r < rounds && total.available_kw > 0.0; ++r)
                history[r * agents + static_cast<std::size_t>(total.row)] = total.curtailed_kw[r] / total.available_kw;
        }
    }
    std::vector<std::int64_t> rows, iteration, ac_round;
    std::vector<double> objective, primal, dual, change, injection;
    if (comm.is_root())
        for (auto const& round : answer.rounds) {
            rows.push_back(static_cast<std::int64_t>(rows.size()));
            iteration.push_back(round.iteration);
            ac_round.push_back(round.ac_round);
            objective.push_back(round.objective);
            primal.push_back(round.primal_residual);
            dual.push_back(round.dual_residual);
            change.push_back(round.max_alpha_change);
            injection.push_back(round.total_injection_kw);
        }
    Columns table{"/convergence"};
    table.add("iteration", std::move(iteration));
    table.add("objective", std::move(objective));
    table.add("primal_residual", std::move(primal));
    table.add("dual_residual", std::move(dual));
    table.add("max_alpha_change", std::move(change));
    table.add("total_injection_kw", std::move(injection));
    table.add("ac_round", std::move(ac_round));
    table.add("agent_alpha", std::move(history), {agents});
    table.add("boundary_v", boundary_history(comm, piece, answer),
              {static_cast<std::size_t>(piece.totals.boundaries), 3});
    table.write(file, static_cast<std::int64_t>(rounds), rows);
}

}  // namespace

std::vector<Setpoint> setpoints(LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const kilo = [&](double pu) { return flow.settings().per_unit.power_si(pu) / 1000.0; };
    std::vector<Setpoint> points;
    for (auto id : piece.feeder.pv_systems.ids()) {
        double const available = flow.settings().per_unit.power_si(flow.ders()[id.at()].available) / 1000.0;
        double const share = available > 0.0 ? answer.alpha[id.at()] : 0.0;
        points.push_back({.row = piece.global.pv_systems[id.at()],
                          .name = std::string{piece.feeder.pv_systems.name(id)},
                          .mrid = std::string{piece.feeder.pv_systems.mrid(id)},
                          .bus = std::string{piece.feeder.buses.name(piece.feeder.pv_systems[id].inverter.bus)},
                          .available_kw = available,
                          .allowed_kw = available * (1.0 - share),
                          .share = share,
                          .binding_node = share <= 0.0             ? std::string{}
                                          : answer.binding.empty() ? answer.binding_node
                                                                   : answer.binding[id.at()]});
        if (answer.reactive.empty()) continue;
        auto const& q_var = piece.feeder.pv_systems[id].inverter.q_var;
        points.back().file_reactive_kvar = std::accumulate(q_var.begin(), q_var.end(), 0.0) / 1000.0;
        points.back().reactive_kvar =
            std::isnan(answer.reactive[id.at()]) ? points.back().file_reactive_kvar : kilo(answer.reactive[id.at()]);
    }
    return points;
}

Summary summarise(core::Communicator const& comm, LinDist3Flow const& flow, Answer const& answer,
                  coordination::Check const& check, coordination::VoltageLimits const& limits, Run const& run) {
    auto const& piece = flow.piece();
    Summary s = summary_of_piece(comm, piece, run);
    s.method = run.method;
    s.policy = run.policy;
    s.scope = run.scope;
    s.status = coordination::to_text(answer.status);
    s.iterations = answer.iterations;
    s.levels = answer.levels;
    s.objective = answer.objective;
    s.objective_optimal = answer.objective_optimal;

    std::vector<double> available_kw, share;
    auto const points = setpoints(flow, answer);
    for (auto const& point : points) {
        available_kw.push_back(point.available_kw);
        share.push_back(point.share);
    }
    s.most_curtailed = most_curtailed(comm, points, 5);
    auto const burden = coordination::burden(comm, available_kw, share);
    s.alpha_min = burden.alpha_min;
    s.alpha_mean = burden.alpha_mean;
    s.alpha_max = burden.alpha_max;
    s.jain = burden.jain;
    s.gini = burden.gini;
    s.available_kw = burden.available_kw;
    s.curtailed_kw = s.curtailed_kw_linear = burden.curtailed_kw;
    if (answer.ac) {
        double before = 0.0;
        for (std::size_t d = 0; d < flow.ders().size(); ++d)
            before += answer.ac->alpha_linear[d] * flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0;
        s.curtailed_kw_linear = comm.sum(before);
        s.v_max_ac = answer.ac->v_max_pu;
        s.v_min_ac = answer.ac->v_min_pu;
        s.v_max_ac_linear = answer.ac->v_max_linear_pu;
        s.ac_rounds = answer.ac->rounds;
    }
    bool const by_ac = answer.ac && answer.ac->corrected;

    double highest_before = 0.0, highest = 0.0, lowest = std::numeric_limits<double>::infinity();
    std::int64_t below = 0;
    std::vector<char> binds;
    for (auto const& node : answer.nodes) {
        double const before = magnitude(coordination::seen(piece, answer.uncurtailed, node));
        double const after_sq = coordination::seen(piece, answer.curtailed, node);
        highest_before = std::max(highest_before, before);
        highest = std::max(highest, magnitude(after_sq));
        lowest = std::min(lowest, magnitude(after_sq));
        below += before < limits.v_min_pu ? 1 : 0;
        double const v_sq = by_ac ? coordination::seen(piece, answer.ac->state, node) : after_sq;
        bool const is_at_limit =
            std::abs(v_sq - node.high) <= answer.at_limit || std::abs(v_sq - node.low) <= answer.at_limit;
        binds.push_back(is_at_limit ? 1 : 0);
    }
    s.v_max_uncurtailed = comm.max(highest_before);
    s.v_max = comm.max(highest);
    s.v_min = comm.min(lowest);
    s.nodes_below_vmin = by_ac ? answer.ac->nodes_below_vmin : comm.sum(below);
    s.binding = coordination::node_names(comm, piece, answer.nodes, binds);
    std::ranges::move(coordination::loaded_branches(comm, answer.ratings, answer.curtailed),
                      std::back_inserter(s.binding));
    s.violation = by_ac ? answer.ac->violation_pu : check.violation_pu;
    if (!by_ac) {
        s.violations = check.violations_pu;
        s.violating_nodes = static_cast<std::int64_t>(check.violating_nodes);
    }
    if (!answer.rounds.empty()) {
        s.primal_residual = answer.rounds.back().primal_residual;
        if (!std::isnan(answer.rounds.back().dual_residual)) s.dual_residual = answer.rounds.back().dual_residual;
    }
    s.duality_gap = answer.duality_gap;
    return s;
}

void write_answer(core::Communicator const& comm, core::TableSink& file, LinDist3Flow& flow, Answer const& answer,
                  powerflow::PowerFlow* ac, Summary const& summary, Run const& run) {
    if (!answer.ac) ac = nullptr;
    auto attributes = rank_independent(summary);
    attributes["format"] = std::string{format_name};
    attributes["format_version"] = format_version;
    attributes["dec_version"] = run.version;
    file.attributes("/", attributes);
    write_nodes(file, flow, answer, ac);
    write_branches(file, flow, answer, ac, comm.max(answer.price_rating.empty() ? 0.0 : 1.0) > 0.0);
    write_ders(file, flow, answer);
    auto const agents = gather_agents(comm, flow, answer);
    write_agents(comm, file, flow.piece(), agents);
    write_boundaries(comm, file, flow, answer);
    write_convergence(comm, file, flow.piece(), answer, agents);
    write_positions(file, flow.piece(), powerflow::positions_of(flow.piece().feeder));
    write_node_ranks(comm, file, flow.piece());
    write_timing(comm, file, run);
}

}  // namespace dec::results
