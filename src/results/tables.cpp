#include "tables.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "dec/core/memory.hpp"

namespace dec::results {

namespace {

using feeder::Feeding;
using feeder::Phase;
using partition::Piece;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Identity {
    std::string_view name, mrid;
};
Identity identity(Piece const& piece, Feeding const& feeding) {
    auto const of = [&](auto const& table) {
        typename std::decay_t<decltype(table)>::Id const id{feeding.element};
        return Identity{table.name(id), table.mrid(id)};
    };
    switch (feeding.kind) {
        case Feeding::Kind::line: return of(piece.feeder.lines);
        case Feeding::Kind::switch_: return of(piece.feeder.switches);
        case Feeding::Kind::series_compensator: return of(piece.feeder.series_compensators);
        default: return of(piece.feeder.transformers);
    }
}

}  // namespace

std::vector<NodeRow> node_rows(Piece const& piece) {
    std::vector<NodeRow> nodes;
    for (auto id : piece.own_buses) {
        auto const phases = piece.feeder.buses[id].phases;
        for (Phase p : phases.list())
            nodes.push_back({piece.global.first_node[id.at()] + static_cast<std::int64_t>(phases.position(p)),
                             piece.vertex_of_bus[id.at()], id, p});
    }
    return nodes;
}

std::vector<std::int64_t> rows_of(std::vector<NodeRow> const& nodes) {
    std::vector<std::int64_t> rows;
    for (auto const& node : nodes) rows.push_back(node.row);
    return rows;
}

namespace {

/// A column with one value for each entry of a list.
template <class Entries, class ValueOf>
auto each(Entries const& entries, ValueOf const& value_of) {
    std::vector<std::decay_t<decltype(value_of(*entries.begin()))>> values;
    values.reserve(entries.size());
    for (auto const& entry : entries) values.push_back(value_of(entry));
    return values;
}

/// A column with one value for each phase of each branch.
template <class ValueOf>
auto each_phase(Piece const& piece, ValueOf const& value_of) {
    std::vector<std::decay_t<decltype(value_of(piece.branches[0], Phase::a))>> values;
    values.reserve(piece.branches.size());
    for (auto const& branch : piece.branches)
        for (Phase p : branch.phases.list()) values.push_back(value_of(branch, p));
    return values;
}

}  // namespace

Columns identified_nodes(core::TableSink& file, Piece const& piece, std::vector<NodeRow> const& nodes) {
    auto const& buses = piece.feeder.buses;
    Columns table{file, "/nodes", piece.totals.nodes, rows_of(nodes)};
    table.add("bus", each(nodes, [&](NodeRow const& node) { return buses.name(node.bus); }));
    table.add("phase", each(nodes, [](NodeRow const& node) { return std::string_view{feeder::to_text(node.phase)}; }));
    table.add("base_kv", each(nodes, [&](NodeRow const& node) { return buses[node.bus].base_v / 1000.0; }));
    table.add("x", each(nodes, [&](NodeRow const& node) { return buses[node.bus].x; }));
    table.add("y", each(nodes, [&](NodeRow const& node) { return buses[node.bus].y; }));
    table.add("distance_km", each(nodes, [&](NodeRow const& node) {
                  return node.vertex < 0 ? nan
                                         : piece.vertices[static_cast<std::size_t>(node.vertex)].distance_m / 1000.0;
              }));
    return table;
}

std::vector<std::int64_t> branch_rows(Piece const& piece) {
    std::vector<std::int64_t> rows;
    for (auto const& branch : piece.branches)
        for (std::size_t k = 0; k < branch.phases.size(); ++k)
            rows.push_back(branch.first_row + static_cast<std::int64_t>(k));
    return rows;
}

Columns identified_branches(core::TableSink& file, Piece const& piece) {
    using Branch = partition::BranchRows;
    auto const& buses = piece.feeder.buses;
    Columns table{file, "/branches", piece.totals.branch_rows, branch_rows(piece)};
    table.add("name", each_phase(piece, [&](Branch const& b, Phase) { return identity(piece, b.feeding).name; }));
    table.add("mrid", each_phase(piece, [&](Branch const& b, Phase) { return identity(piece, b.feeding).mrid; }));
    table.add("from", each_phase(piece, [&](Branch const& b, Phase) { return buses.name(b.from); }));
    table.add("to", each_phase(piece, [&](Branch const& b, Phase) { return buses.name(b.to); }));
    table.add("phase", each_phase(piece, [](Branch const&, Phase p) { return std::string_view{feeder::to_text(p)}; }));
    return table;
}

std::string_view branch_name(Piece const& piece, partition::BranchRows const& branch) {
    return identity(piece, branch.feeding).name;
}

double normal_rating(Piece const& piece, Feeding const& feeding) {
    auto const& f = piece.feeder;
    switch (feeding.kind) {
        case Feeding::Kind::line: return f.lines[core::Index<feeder::Line>{feeding.element}].rating.normal_a;
        case Feeding::Kind::switch_: return f.switches[core::Index<feeder::Switch>{feeding.element}].rating.normal_a;
        case Feeding::Kind::series_compensator:
            return f.series_compensators[core::Index<feeder::SeriesCompensator>{feeding.element}].rating.normal_a;
        case Feeding::Kind::transformer: {
            std::size_t const down = feeding.upstream == 0 ? 1 : 0;
            return f.transformers[core::Index<feeder::Transformer>{feeding.element}].winding[down].rating.normal_a;
        }
        case Feeding::Kind::star_member:
            return f.transformers[core::Index<feeder::Transformer>{feeding.element}]
                .winding[feeding.winding]
                .rating.normal_a;
        case Feeding::Kind::source_impedance: break;
    }
    return nan;
}

void add_ac_voltages(Columns& table, powerflow::PowerFlow const& flow) {
    std::vector<double> v, angle;
    for (auto const& node : node_rows(flow.piece())) {
        auto const volts = node.vertex < 0 ? powerflow::Complex{nan, nan}
                                           : seen_voltage(flow, static_cast<std::size_t>(node.vertex), node.phase);
        v.push_back(std::abs(volts));
        angle.push_back(std::arg(volts) * 180.0 / std::numbers::pi);
    }
    table.add("v_ac", std::move(v));
    table.add("angle_deg", std::move(angle));
}

double loading(Piece const& piece, partition::BranchRows const& branch, powerflow::BranchFlow const& flow, Phase p) {
    return flow.current_a[feeder::slot(p)] / normal_rating(piece, branch.feeding);
}

void add_ac_flows(Columns& table, Piece const& piece, powerflow::Flows const& flows) {
    auto const of_flow = [&](auto const& value_of) {
        return each_phase(piece, [&](partition::BranchRows const& branch, Phase p) {
            return value_of(branch, flows.branches[static_cast<std::size_t>(&branch - piece.branches.data())], p);
        });
    };
    using Branch = partition::BranchRows;
    using Flow = powerflow::BranchFlow;
    table.add("p_kw", of_flow([](Branch const&, Flow const& flow, Phase p) {
                  return flow.into_va[feeder::slot(p)].real() / 1000.0;
              }));
    table.add("q_kvar", of_flow([](Branch const&, Flow const& flow, Phase p) {
                  return flow.into_va[feeder::slot(p)].imag() / 1000.0;
              }));
    table.add("current_a",
              of_flow([](Branch const&, Flow const& flow, Phase p) { return flow.current_a[feeder::slot(p)]; }));
    table.add("loading", of_flow([&](Branch const& branch, Flow const& flow, Phase p) {
                  return loading(piece, branch, flow, p);
              }));
    table.add("loss_kw",
              of_flow([](Branch const&, Flow const& flow, Phase p) { return flow.loss_w[feeder::slot(p)] / 1000.0; }));
}

Summary summary_of_piece(core::Communicator const& comm, Piece const& piece, Run const& run) {
    Summary s;
    s.feeder = piece.feeder.heading.name;
    s.buses = piece.totals.buses;
    s.nodes = piece.totals.nodes;
    s.branches = piece.totals.branches;
    s.loads = piece.totals.loads;
    s.ders = piece.totals.ders;
    s.storages = piece.totals.storages;
    s.machines = piece.totals.machines;
    s.agents = piece.totals.agents;
    s.areas = piece.totals.areas;
    s.ranks = comm.size();
    s.edge_cut = piece.summary.edge_cut;
    s.imbalance = piece.summary.imbalance;
    auto const& sent = run.traffic;
    s.communication = {.messages = comm.sum(sent.messages),
                       .bytes = comm.sum(sent.bytes),
                       .messages_of_busiest = comm.max(sent.messages),
                       .bytes_of_busiest = comm.max(sent.bytes),
                       .exchanges = sent.exchanges,
                       .collectives = sent.collectives,
                       .collective_bytes = comm.max(sent.collective_bytes),
                       .seconds = comm.sum(sent.seconds) / comm.size()};
    s.peak_memory_mb = comm.max(core::measure_memory().peak);
    s.seconds = run.seconds;
    return s;
}

void write_positions(core::TableSink& file, Piece const& piece, powerflow::Positions const& positions) {
    auto const& f = piece.feeder;
    std::vector<std::int64_t> rows, winding;
    core::TextColumn name, mrid, transformer;
    std::vector<double> step, ratio;
    for (auto id : f.tap_changers.ids()) {
        auto const row = piece.global.tap_changers[id.at()];
        if (row < 0) continue;
        auto tap = f.tap_changers[id];
        tap.step = positions.tap_steps[id.at()];
        rows.push_back(row);
        name.push_back(f.tap_changers.name(id));
        mrid.push_back(f.tap_changers.mrid(id));
        transformer.push_back(f.transformers.name(tap.transformer));
        winding.push_back(tap.winding + 1);
        step.push_back(tap.step);
        ratio.push_back(tap.ratio());
    }
    Columns taps{file, "/taps", piece.totals.tap_changers, rows};
    taps.add("name", std::move(name));
    taps.add("mrid", std::move(mrid));
    taps.add("transformer", std::move(transformer));
    taps.add("winding", std::move(winding));
    taps.add("step", std::move(step));
    taps.add("ratio", std::move(ratio));

    core::TextColumn capacitor, capacitor_mrid, bus;
    std::vector<double> sections;
    for (auto id : f.capacitors.ids()) {
        capacitor.push_back(f.capacitors.name(id));
        capacitor_mrid.push_back(f.capacitors.mrid(id));
        bus.push_back(f.buses.name(f.capacitors[id].bus));
        auto const& of_places = positions.capacitor_sections[id.at()];
        sections.insert(sections.end(), of_places.begin(), of_places.end());
    }
    Columns capacitors{file, "/capacitors", piece.totals.capacitors, piece.global.capacitors};
    capacitors.add("name", std::move(capacitor));
    capacitors.add("mrid", std::move(capacitor_mrid));
    capacitors.add("bus", std::move(bus));
    capacitors.add("sections", std::move(sections), {3});
}

void write_node_ranks(core::Communicator const& comm, core::TableSink& file, Piece const& piece) {
    auto const rows = rows_of(node_rows(piece));
    Columns table{file, "/partition", piece.totals.nodes, rows};
    table.add("node_rank", std::vector<std::int64_t>(rows.size(), comm.rank()));
    file.attributes("/partition", {{"edge_cut", piece.summary.edge_cut}, {"imbalance", piece.summary.imbalance}});
}

void write_timing(core::Communicator const& comm, core::TableSink& file, Run const& run) {
    auto const& s = run.seconds;
    std::vector<std::int64_t> const row{comm.rank()};
    Columns ranks{file, "/timing", comm.size(), row};
    ranks.add("seconds", std::vector<double>{s.read, s.partition, s.build, s.solve, s.check}, {5});
    ranks.add("messages_sent", std::vector<double>{static_cast<double>(run.traffic.messages)});
    ranks.add("bytes_sent", std::vector<double>{static_cast<double>(run.traffic.bytes)});
    ranks.add("communication_seconds", std::vector<double>{run.traffic.seconds});
    ranks.add("peak_memory", std::vector<double>{core::measure_memory().peak});
    std::vector<std::int64_t> rounds;
    if (comm.is_root())
        for (std::size_t r = 0; r < run.iteration_seconds.size(); ++r) rounds.push_back(static_cast<std::int64_t>(r));
    auto sent = run.iteration_bytes;
    comm.sum(sent);
    Columns iterations{file, "/timing", static_cast<std::int64_t>(run.iteration_seconds.size()), rounds};
    iterations.add("iteration_seconds", comm.is_root() ? run.iteration_seconds : std::vector<double>{});
    iterations.add("iteration_bytes", comm.is_root() ? std::move(sent) : std::vector<double>{});
    file.attributes("/timing", {{"created", run.created},
                                {"command_line", run.command_line},
                                {"ranks", static_cast<std::int64_t>(comm.size())},
                                {"machine", run.machine}});
}

}  // namespace dec::results
