#include "dec/results/power_flow_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dec/core/archive.hpp"
#include "tables.hpp"

namespace dec::results {

namespace {

using feeder::Phase;
using partition::Piece;
using powerflow::Flows;
using powerflow::Outcome;
using powerflow::PowerFlow;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Extreme {
    double value = nan;
    std::string name;
};

/// The largest of all ranks' values, and the name of the first in the feeder's order that is within 1e-9 of it. Collective.
/// \param values NaN where there is none. \param rows of the whole feeder, for each value. \param name of a value's place here.
Extreme largest(core::Communicator const& comm, std::vector<double> const& values,
                std::vector<std::int64_t> const& rows, auto const& name) {
    constexpr double lowest = std::numeric_limits<double>::lowest();
    constexpr double tie = 1e-9;
    double own = lowest;
    for (double v : values)
        if (v > own) own = v;
    Extreme extreme{comm.max(own), {}};
    std::int64_t first = -1;
    std::size_t place = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] >= extreme.value - tie && (first < 0 || rows[i] < first)) {
            first = rows[i];
            place = i;
        }
    core::Packer pack;
    if (first >= 0) {
        pack(first);
        pack(std::string{name(place)});
    }
    auto const gathered = comm.gather(pack.take());
    std::vector<char> chosen;
    std::int64_t first_of_all = -1;
    for (auto const& bytes : gathered) {
        if (bytes.empty()) continue;
        core::Unpacker unpack{bytes};
        std::int64_t row = 0;
        std::string text;
        unpack(row);
        unpack(text);
        if (first_of_all >= 0 && row > first_of_all) continue;
        first_of_all = row;
        chosen.assign(text.begin(), text.end());
    }
    comm.broadcast(chosen);
    extreme.name.assign(chosen.begin(), chosen.end());
    if (extreme.value == lowest) extreme.value = nan;
    return extreme;
}

/// As results name a node: behind a floating delta by the pair its voltage is of.
std::string node_name(Piece const& piece, NodeRow const& node) {
    auto const& vertex = piece.vertices[static_cast<std::size_t>(node.vertex)];
    auto name = fmt::format("{}.{}", piece.feeder.buses.name(vertex.bus), feeder::to_text(node.phase));
    if (vertex.floating_delta) name += feeder::to_text(feeder::delta_pair(node.phase)[1]);
    return name;
}

void write_nodes(core::Hdf5Writer& file, PowerFlow const& flow) {
    auto const& piece = flow.piece();
    auto const nodes = node_rows(piece);
    auto table = identified_nodes(file, piece, nodes);
    for (auto const* name : {"v_limit_low", "v_limit_high", "v_uncurtailed", "v"}) table.add(name, core::Unknown{});
    add_ac_voltages(table, flow);
    table.add("price_low", core::Unknown{});
    table.add("price_high", core::Unknown{});
}

void write_branches(core::Hdf5Writer& file, Piece const& piece, Flows const& flows) {
    auto table = identified_branches(file, piece);
    add_ac_flows(table, piece, flows);
}

void write_ders(core::Hdf5Writer& file, Piece const& piece, Flows const& flows, double pv_scale) {
    auto const& systems = piece.feeder.pv_systems;
    core::TextColumn name, mrid, bus, phases, agent;
    std::vector<double> available_kw, alpha, p_kw, q_kvar;
    for (auto id : systems.ids()) {
        auto const& inverter = systems[id].inverter;
        name.push_back(systems.name(id));
        mrid.push_back(systems.mrid(id));
        bus.push_back(piece.feeder.buses.name(inverter.bus));
        phases.push_back(feeder::to_text(inverter.phases));
        agent.push_back(piece.agents.name(core::Index<partition::Agent>{piece.agent_of_bus[inverter.bus.at()]}));
        available_kw.push_back(pv_scale * std::accumulate(inverter.p_w.begin(), inverter.p_w.end(), 0.0) / 1000.0);
        p_kw.push_back(flows.pv_va[id.at()].real() / 1000.0);
        q_kvar.push_back(flows.pv_va[id.at()].imag() / 1000.0);
        alpha.push_back(available_kw.back() > 0.0 ? std::clamp(1.0 - p_kw.back() / available_kw.back(), 0.0, 1.0)
                                                  : 0.0);
    }
    std::vector<std::string> const no_node(name.size());
    Columns table{file, "/ders", piece.totals.ders, piece.global.pv_systems};
    table.add("name", std::move(name));
    table.add("mrid", std::move(mrid));
    table.add("bus", std::move(bus));
    table.add("phases", std::move(phases));
    table.add("agent", std::move(agent));
    table.add("available_kw", std::move(available_kw));
    table.add("alpha", std::move(alpha));
    table.add("alpha_linear", core::Unknown{});
    table.add("p_kw", std::move(p_kw));
    table.add("q_kvar", std::move(q_kvar));
    table.add("binding_node", no_node);
}

void write_convergence(core::Communicator const& comm, core::Hdf5Writer& file, Outcome const& outcome) {
    auto const count = comm.is_root() ? outcome.changes.size() : 0;
    std::vector<std::int64_t> rows(count), iteration(count);
    std::iota(rows.begin(), rows.end(), 0);
    std::iota(iteration.begin(), iteration.end(), 1);
    std::vector<double> const unknown(count, nan);
    Columns table{file, "/convergence", static_cast<std::int64_t>(outcome.changes.size()), rows};
    table.add("iteration", std::move(iteration));
    table.add("objective", unknown);
    table.add("primal_residual", count > 0 ? outcome.changes : std::vector<double>{});
    for (auto const* name : {"dual_residual", "max_alpha_change", "total_injection_kw"}) table.add(name, unknown);
    table.add("ac_round", std::vector<std::int64_t>(count, 0));
}

/// Keys that only a power flow has.
core::Json own_json(PowerFlowSummary const& s) {
    return {{"source_kw", s.source_kw},
            {"source_kvar", s.source_kvar},
            {"load_kw", s.load_kw},
            {"load_kvar", s.load_kvar},
            {"pv_kw", s.pv_kw},
            {"storage_kw", s.storage_kw},
            {"machine_kw", s.machine_kw},
            {"loss_kw", s.loss_kw},
            {"max_loading", s.max_loading},
            {"max_loading_branch", s.max_loading_branch},
            {"v_max_node", s.v_max_node},
            {"v_min_node", s.v_min_node},
            {"solver", s.solver},
            {"control_rounds", s.control_rounds},
            {"tap_steps", s.tap_steps},
            {"capacitor_switchings", s.switchings},
            {"mismatch_kva", s.mismatch_kva},
            {"mismatch_node", s.mismatch_node}};
}

std::string kilowatts(double kw, double kvar) { return fmt::format("{:.3f} kW, {:.3f} kvar", kw, kvar); }

}  // namespace

PowerFlowSummary summarise(core::Communicator const& comm, PowerFlow const& flow,
                           powerflow::ControlOutcome const& settled, Flows const& flows, Run const& run) {
    auto const& outcome = settled.flow;
    auto const& piece = flow.piece();
    auto const nodes = node_rows(piece);
    std::vector<double> high, low;
    for (auto const& node : nodes) {
        high.push_back(
            node.vertex < 0 ? nan : std::abs(seen_voltage(flow, static_cast<std::size_t>(node.vertex), node.phase)));
        low.push_back(-high.back());
    }
    auto const named_node = [&](std::size_t i) { return node_name(piece, nodes[i]); };
    auto const highest = largest(comm, high, rows_of(nodes), named_node);
    auto const lowest = largest(comm, low, rows_of(nodes), named_node);
    std::vector<double> loadings;
    std::vector<std::string> branch_names;
    for (std::size_t i = 0; i < piece.branches.size(); ++i)
        for (Phase p : piece.branches[i].phases.list()) {
            loadings.push_back(loading(piece, piece.branches[i], flows.branches[i], p));
            branch_names.push_back(fmt::format("{}.{}", branch_name(piece, piece.branches[i]), feeder::to_text(p)));
        }
    auto const fullest = largest(comm, loadings, branch_rows(piece), [&](std::size_t i) { return branch_names[i]; });

    auto const& b = flows.balance;
    PowerFlowSummary s;
    s.common = summary_of_piece(comm, piece, run);
    s.common.method = run.method;
    s.common.status = powerflow::to_text(outcome.status);
    s.common.iterations = outcome.iterations;
    for (double* unknown :
         {&s.common.objective, &s.common.alpha_min, &s.common.alpha_mean, &s.common.alpha_max, &s.common.available_kw,
          &s.common.curtailed_kw, &s.common.curtailed_kw_linear, &s.common.jain, &s.common.gini,
          &s.common.v_max_uncurtailed, &s.common.v_max, &s.common.v_min, &s.common.violation})
        *unknown = nan;
    s.common.v_max_ac = highest.value;
    s.common.v_min_ac = -lowest.value;
    s.common.primal_residual = outcome.change_pu;
    s.v_max_node = highest.name;
    s.v_min_node = lowest.name;
    s.source_kw = b.source.real() / 1e3;
    s.source_kvar = b.source.imag() / 1e3;
    s.load_kw = b.loads.real() / 1e3;
    s.load_kvar = b.loads.imag() / 1e3;
    s.pv_kw = b.pv.real() / 1e3;
    s.storage_kw = b.batteries.real() / 1e3;
    s.machine_kw = b.machines.real() / 1e3;
    s.loss_kw = b.losses_w / 1e3;
    s.max_loading = fullest.value;
    s.max_loading_branch = fullest.name;
    s.solver = powerflow::to_text(outcome.solver);
    s.control_rounds = settled.rounds;
    s.tap_steps = settled.tap_steps;
    s.switchings = settled.switchings;
    s.mismatch_kva = outcome.mismatch_kva;
    s.mismatch_node = outcome.mismatch_node;
    return s;
}

core::Json to_json(PowerFlowSummary const& s) {
    auto json = to_json(s.common);
    auto const own = own_json(s);
    for (auto const& [key, value] : own.items()) json[key] = value;
    return json;
}

std::string to_table(PowerFlowSummary const& s) {
    auto const& c = s.common;
    std::string text = fmt::format("{}: {} after {} iteration{}{}\n\n", c.feeder, c.status, c.iterations,
                                   c.iterations == 1 ? "" : "s", s.solver == "sparse" ? " of the sparse solver" : "");
    auto const line = [&](std::string_view label, std::string const& value) {
        text += fmt::format("  {:<17}{}\n", label, value);
    };
    line("Highest voltage", fmt::format("{:.5f} pu at {}", c.v_max_ac.value_or(nan), s.v_max_node));
    line("Lowest voltage", fmt::format("{:.5f} pu at {}", c.v_min_ac.value_or(nan), s.v_min_node));
    line("Source delivers", kilowatts(s.source_kw, s.source_kvar));
    line("Loads consume", kilowatts(s.load_kw, s.load_kvar));
    if (c.ders > 0) line("PV injects", fmt::format("{:.3f} kW", s.pv_kw));
    if (c.storages > 0) line("Storages inject", fmt::format("{:.3f} kW", s.storage_kw));
    if (c.machines > 0) line("Machines inject", fmt::format("{:.3f} kW", s.machine_kw));
    line("Losses", fmt::format("{:.3f} kW", s.loss_kw));
    if (std::isfinite(s.max_loading))
        line("Highest loading",
             fmt::format("{:.1f} % of the normal rating at {}", 100.0 * s.max_loading, s.max_loading_branch));
    if (s.control_rounds > 0)
        line("Controls", fmt::format("at rest after {} rounds: {} tap steps, {} capacitor switchings", s.control_rounds,
                                     s.tap_steps, s.switchings));
    line("Mismatch", fmt::format("at most {:.1e} kVA, at {}", s.mismatch_kva,
                                 s.mismatch_node.empty() ? "no node" : s.mismatch_node));
    line("Feeder", fmt::format("{} buses, {} nodes, {} branches, {} loads, {} PV systems", c.buses, c.nodes, c.branches,
                               c.loads, c.ders));
    line("Time",
         fmt::format("{:.3f} s (read {:.3f}, partition {:.3f}, build {:.3f}, solve {:.3f}, write {:.3f}) on {} rank{}",
                     c.seconds.total, c.seconds.read, c.seconds.partition, c.seconds.build, c.seconds.solve,
                     c.seconds.write, c.ranks, c.ranks == 1 ? "" : "s"));
    return text;
}

void write_power_flow(core::Communicator const& comm, std::string const& path, PowerFlow const& flow,
                      Outcome const& outcome, Flows const& flows, PowerFlowSummary const& s, Run const& run) {
    core::Hdf5Writer file{comm, path};
    auto attributes = rank_independent(s.common);
    attributes["format"] = std::string{format_name};
    attributes["format_version"] = format_version;
    attributes["dec_version"] = run.version;
    auto const own = own_json(s);
    for (auto const& [key, value] : own.items()) {
        // How far rounding leaves the last iteration from zero is no part of the answer.
        if (key.starts_with("mismatch")) continue;
        if (value.is_string()) attributes[key] = value.get<std::string>();
        else if (value.is_number_integer()) attributes[key] = value.get<std::int64_t>();
        else attributes[key] = value.is_number() ? value.get<double>() : nan;
    }
    attributes["primal_residual"] = nan;
    file.attributes("/", attributes);
    write_nodes(file, flow);
    write_branches(file, flow.piece(), flows);
    write_ders(file, flow.piece(), flows, flow.settings().pv_scale);
    write_convergence(comm, file, outcome);
    write_positions(file, flow.piece(), flow.positions());
    write_node_ranks(comm, file, flow.piece());
    write_timing(comm, file, run);
    file.commit();
}

}  // namespace dec::results
