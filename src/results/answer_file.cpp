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
    std::vector<std::int32_t> first_of_vertex(piece.own, -1);  // its first entry
    for (std::size_t i = nodes.size(); i-- > 0;)
        if (nodes[i].vertex >= 0)
            first_of_vertex[static_cast<std::size_t>(nodes[i].vertex)] = static_cast<std::int32_t>(i);
    auto const index_of = [&](coordination::Node const& node) {
        auto const first = static_cast<std::size_t>(first_of_vertex[static_cast<std::size_t>(node.vertex)]);
        return first + static_cast<std::size_t>(node.row - nodes[first].row);
    };
    auto const of_limited = [&](auto const& value_of) {
        std::vector<double> values(nodes.size(), nan);
        for (std::size_t k = 0; k < answer.nodes.size(); ++k) values[index_of(answer.nodes[k])] = value_of(k);
        return values;
    };
    auto const voltages = [&](model::FlowState const& state) {
        return of_limited([&](std::size_t k) { return magnitude(coordination::seen(piece, state, answer.nodes[k])); });
    };
    auto const prices = [&](std::vector<double> const& of_nodes) -> core::ColumnData {
        if (of_nodes.empty()) return std::vector<double>(nodes.size(), nan);
        return of_limited([&](std::size_t k) { return of_nodes[k]; });
    };
    auto table = identified_nodes(file, piece, nodes);
    table.add("v_limit_low", of_limited([&](std::size_t k) {
                  return answer.nodes[k].low > 0.0 ? std::sqrt(answer.nodes[k].low) : nan;
              }));
    table.add("v_limit_high", of_limited([&](std::size_t k) { return std::sqrt(answer.nodes[k].high); }));
    table.add("v_uncurtailed", voltages(answer.uncurtailed));
    table.add("v", voltages(answer.curtailed));
    if (ac != nullptr) add_ac_voltages(table, *ac);
    else
        for (auto const* name : {"v_ac", "angle_deg"}) table.add(name, core::Unknown{});
    table.add("price_low", prices(answer.price_low));
    table.add("price_high", prices(answer.price_high));
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
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
    table.add("current_a", std::move(current));
    table.add("loading", std::move(loading));
    table.add("loss_kw", core::Unknown{});
}

/// \param ac null without a power flow. \param rated whether ratings are limits, on any rank. Collective.
void write_branches(core::TableSink& file, LinDist3Flow const& flow, Answer const& answer, powerflow::PowerFlow* ac,
                    bool rated) {
    auto const& piece = flow.piece();
    auto table = identified_branches(file, piece);
    if (ac != nullptr) add_ac_flows(table, piece, ac->flows());
    else add_linear_flows(table, flow, answer);
    if (rated) table.add("price", prices_of_ratings(flow, answer));
}

/// What a DER may inject.
struct Allowed {
    double available_kw = 0.0, share = 0.0;
    /// What it injects, and in the file; NaN where reactive power is not asked for.
    double reactive_kvar = nan, file_reactive_kvar = nan;
    [[nodiscard]] double allowed_kw() const { return available_kw * (1.0 - share); }
};
Allowed allowed(LinDist3Flow const& flow, Answer const& answer, core::Index<feeder::PvSystem> id) {
    auto const kilo = [&](double pu) { return flow.settings().per_unit.power_si(pu) / 1000.0; };
    Allowed result{.available_kw = kilo(flow.ders()[id.at()].available)};
    result.share = result.available_kw > 0.0 ? answer.alpha[id.at()] : 0.0;
    if (answer.reactive.empty()) return result;
    auto const& q_var = flow.piece().feeder.pv_systems[id].inverter.q_var;
    result.file_reactive_kvar = std::accumulate(q_var.begin(), q_var.end(), 0.0) / 1000.0;
    result.reactive_kvar =
        std::isnan(answer.reactive[id.at()]) ? result.file_reactive_kvar : kilo(answer.reactive[id.at()]);
    return result;
}

/// What curtails a DER; empty where nothing does.
std::string_view binding_of(Answer const& answer, core::Index<feeder::PvSystem> id, double share) {
    if (share <= 0.0) return {};
    return answer.binding.empty() ? answer.binding_node : answer.binding[id.at()];
}

void write_ders(core::TableSink& file, LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const& systems = piece.feeder.pv_systems;
    auto const each = [&](auto const& value_of) {
        std::vector<std::decay_t<decltype(value_of(core::Index<feeder::PvSystem>{}))>> values;
        values.reserve(systems.size());
        for (auto id : systems.ids()) values.push_back(value_of(id));
        return values;
    };
    auto const of = [&](auto id) { return allowed(flow, answer, id); };
    auto const agent_of = [&](auto id) {
        return core::Index<partition::Agent>{piece.agent_of_bus[systems[id].inverter.bus.at()]};
    };
    auto alpha = each([&](auto id) { return of(id).share; });
    Columns table{file, "/ders", piece.totals.ders, piece.global.pv_systems};
    table.add("name", each([&](auto id) { return systems.name(id); }));
    table.add("mrid", each([&](auto id) { return systems.mrid(id); }));
    table.add("bus", each([&](auto id) { return piece.feeder.buses.name(systems[id].inverter.bus); }));
    table.add("phases", each([&](auto id) { return feeder::to_text(systems[id].inverter.phases); }));
    table.add("agent", each([&](auto id) { return piece.agents.name(agent_of(id)); }));
    table.add("available_kw", each([&](auto id) { return of(id).available_kw; }));
    table.add("alpha_linear", answer.ac ? answer.ac->alpha_linear : alpha);
    table.add("alpha", std::move(alpha));
    table.add("p_kw", each([&](auto id) { return of(id).allowed_kw(); }));
    table.add("q_kvar", each([&](auto id) {
                  auto const& q_var = systems[id].inverter.q_var;
                  return answer.reactive.empty() ? std::accumulate(q_var.begin(), q_var.end(), 0.0) / 1000.0
                                                 : of(id).reactive_kvar;
              }));
    table.add("binding_node", each([&](auto id) { return binding_of(answer, id, of(id).share); }));
}

/// Totals of the agents that this rank keeps, in the order of the whole feeder.
struct AgentTotals {
    std::vector<std::size_t> local;  ///< row of the piece's agents
    std::vector<std::int64_t> rows;  ///< of the whole feeder's
    std::vector<double> available_kw;
    std::vector<double> curtailed_kw;  ///< round after round, in each one per agent
    [[nodiscard]] double alpha(std::size_t round, std::size_t agent) const {
        return available_kw[agent] > 0.0 ? curtailed_kw[round * rows.size() + agent] / available_kw[agent] : nan;
    }
};

/// Brings the parts of every agent to the rank that keeps it, added in rank order. Collective.
AgentTotals gather_agents(core::Communicator const& comm, LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    auto const rounds = answer.rounds.size();
    auto const agents = piece.agents.size();
    std::vector<double> available(agents, 0.0);
    for (std::size_t d = 0; d < flow.ders().size(); ++d) {
        auto const bus = piece.feeder.pv_systems.rows()[d].inverter.bus;
        available[static_cast<std::size_t>(piece.agent_of_bus[bus.at()])] +=
            flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0;
    }
    AgentTotals totals;
    std::vector<core::Packer> packers(static_cast<std::size_t>(comm.size()));
    for (std::size_t a = 0; a < agents; ++a) {
        if (piece.agent_rank[a] == comm.rank()) {
            totals.local.push_back(a);
            continue;
        }
        auto& pack = packers[static_cast<std::size_t>(piece.agent_rank[a])];
        pack(piece.agent_row[a]);
        pack(available[a]);
        for (std::size_t r = 0; r < rounds; ++r) pack(answer.agent_curtailed_kw[r * agents + a]);
    }
    std::ranges::sort(totals.local, {}, [&](std::size_t agent) { return piece.agent_row[agent]; });
    for (auto const a : totals.local) totals.rows.push_back(piece.agent_row[a]);
    totals.available_kw.assign(totals.rows.size(), 0.0);
    totals.curtailed_kw.assign(rounds * totals.rows.size(), 0.0);

    std::vector<std::vector<char>> buffers;
    for (auto& pack : packers) buffers.push_back(pack.take());
    auto const arrived = comm.all_to_all(buffers);
    for (std::size_t rank = 0; rank < arrived.size(); ++rank) {
        if (static_cast<int>(rank) == comm.rank())
            for (std::size_t k = 0; k < totals.local.size(); ++k) {
                totals.available_kw[k] += available[totals.local[k]];
                for (std::size_t r = 0; r < rounds; ++r)
                    totals.curtailed_kw[r * totals.rows.size() + k] +=
                        answer.agent_curtailed_kw[r * agents + totals.local[k]];
            }
        core::Unpacker unpack{arrived[rank]};
        while (!unpack.exhausted()) {
            std::int64_t row = 0;
            double kw = 0.0;
            unpack(row);
            auto const k = static_cast<std::size_t>(std::ranges::lower_bound(totals.rows, row) - totals.rows.begin());
            unpack(kw);
            totals.available_kw[k] += kw;
            for (std::size_t r = 0; r < rounds; ++r) {
                unpack(kw);
                totals.curtailed_kw[r * totals.rows.size() + k] += kw;
            }
        }
    }
    return totals;
}

std::string_view kind_name(feeder::Area::Kind kind) {
    static constexpr std::array<std::string_view, 3> names{"feeder", "area", "secondary"};
    return names[static_cast<std::size_t>(kind)];
}

void write_agents(core::Communicator const& comm, core::TableSink& file, Piece const& piece, AgentTotals const& totals,
                  std::size_t rounds) {
    auto const each = [&](auto const& value_of) {
        std::vector<std::decay_t<decltype(value_of(std::size_t{0}))>> values;
        values.reserve(totals.local.size());
        for (auto const local : totals.local) values.push_back(value_of(local));
        return values;
    };
    auto const agent = [&](std::size_t local) { return piece.agents[core::Index<partition::Agent>{local}]; };
    std::vector<double> alpha(totals.rows.size(), nan);
    for (std::size_t k = 0; k < alpha.size() && rounds > 0; ++k) alpha[k] = totals.alpha(rounds - 1, k);
    {
        Columns table{file, "/agents", piece.totals.agents, totals.rows};
        table.add("name",
                  each([&](std::size_t local) { return piece.agents.name(core::Index<partition::Agent>{local}); }));
        table.add("kind", each([&](std::size_t local) { return kind_name(agent(local).kind); }));
        table.add("parent", each([&](std::size_t local) { return piece.agent_parents[local]; }));
        table.add("nodes", each([&](std::size_t local) { return agent(local).nodes; }));
        table.add("ders", each([&](std::size_t local) { return agent(local).ders; }));
        table.add("alpha", std::move(alpha));
    }
    Columns ranks{file, "/partition", piece.totals.agents, totals.rows};
    ranks.add("agent_rank", std::vector<std::int64_t>(totals.rows.size(), comm.rank()));
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
    std::vector<std::string_view> upstream, downstream, bus, phase;
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
    Columns table{file, "/boundaries", first.back(), rows};
    table.add("upstream_agent", std::move(upstream));
    table.add("downstream_agent", std::move(downstream));
    table.add("bus", std::move(bus));
    table.add("phase", std::move(phase));
    table.add("v", std::move(v));
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
}

void write_convergence(core::Communicator const& comm, core::TableSink& file, Piece const& piece, Answer const& answer,
                       AgentTotals const& totals) {
    auto const rounds = answer.rounds.size();
    std::vector<std::int64_t> rows;
    for (std::size_t r = 0; comm.is_root() && r < rounds; ++r) rows.push_back(static_cast<std::int64_t>(r));
    auto const each = [&](auto member) {
        std::vector<std::decay_t<decltype(answer.rounds[0].*member)>> values;
        if (comm.is_root())
            for (auto const& round : answer.rounds) values.push_back(round.*member);
        return values;
    };
    {
        using coordination::Round;
        Columns table{file, "/convergence", static_cast<std::int64_t>(rounds), rows};
        table.add("iteration", each(&Round::iteration));
        table.add("objective", each(&Round::objective));
        table.add("primal_residual", each(&Round::primal_residual));
        table.add("dual_residual", each(&Round::dual_residual));
        table.add("max_alpha_change", each(&Round::max_alpha_change));
        table.add("total_injection_kw", each(&Round::total_injection_kw));
        table.add("ac_round", each(&Round::ac_round));
    }
    file.begin("/convergence", piece.totals.agents, totals.rows);
    file.add(series("/convergence/agent_alpha", rounds, {}, [&](std::size_t first, std::size_t count) {
        std::vector<double> alpha;
        alpha.reserve(count * totals.rows.size());
        for (std::size_t r = first; r < first + count; ++r)
            for (std::size_t k = 0; k < totals.rows.size(); ++k) alpha.push_back(totals.alpha(r, k));
        return alpha;
    }));
    auto const own = partition::boundaries(piece);
    std::vector<std::int64_t> boundary_rows;
    for (auto const& boundary : own) boundary_rows.push_back(boundary.row);
    std::vector<std::size_t> places;  // of what is recorded among three for each boundary
    for (std::size_t b = 0; b < own.size(); ++b)
        for (Phase p : piece.vertices[static_cast<std::size_t>(own[b].pcc)].phases.list())
            places.push_back(3 * b + feeder::slot(p));
    file.begin("/convergence", piece.totals.boundaries, boundary_rows);
    file.add(series("/convergence/boundary_v", rounds, {3}, [&](std::size_t first, std::size_t count) {
        std::vector<double> v(3 * count * own.size(), nan);
        for (std::size_t r = 0; r < count; ++r)
            for (std::size_t i = 0; i < places.size(); ++i)
                v[3 * r * own.size() + places[i]] = magnitude(answer.boundary_v_sq[(first + r) * places.size() + i]);
        return v;
    }));
}

}  // namespace

std::vector<Setpoint> setpoints(LinDist3Flow const& flow, Answer const& answer) {
    auto const& piece = flow.piece();
    std::vector<Setpoint> points;
    points.reserve(piece.feeder.pv_systems.size());
    for (auto id : piece.feeder.pv_systems.ids()) {
        auto const power = allowed(flow, answer, id);
        points.push_back({.row = piece.global.pv_systems[id.at()],
                          .name = std::string{piece.feeder.pv_systems.name(id)},
                          .mrid = std::string{piece.feeder.pv_systems.mrid(id)},
                          .bus = std::string{piece.feeder.buses.name(piece.feeder.pv_systems[id].inverter.bus)},
                          .available_kw = power.available_kw,
                          .allowed_kw = power.allowed_kw(),
                          .share = power.share,
                          .binding_node = std::string{binding_of(answer, id, power.share)},
                          .reactive_kvar = power.reactive_kvar,
                          .file_reactive_kvar = power.file_reactive_kvar});
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
    write_agents(comm, file, flow.piece(), agents, answer.rounds.size());
    write_boundaries(comm, file, flow, answer);
    write_convergence(comm, file, flow.piece(), answer, agents);
    write_positions(file, flow.piece(), powerflow::positions_of(flow.piece().feeder));
    write_node_ranks(comm, file, flow.piece());
    write_timing(comm, file, run);
}

}  // namespace dec::results
