/// \file dss_voltages.cpp
/// What only the whole network shows: which conductors are fed, and the base voltages that "calcvoltagebases" gives.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "dec/feeder/windings.hpp"
#include "dss_context.hpp"

namespace dec::io::dss {

using feeder::Bus;
using feeder::Connection;
using feeder::Feeder;
using feeder::Transformer;

namespace {

/// Calls `visit(bus, other)` for whatever joins two buses at one voltage, and `visit_unit` for transformers, until nothing
/// is new: each returns whether the other bus changed.
struct Network {
    struct Wire {
        Index<Bus> a, b;
        PhaseSet phases;
    };
    std::vector<Wire> wires;
    std::vector<std::vector<std::int32_t>> wires_at, units_at;

    explicit Network(Feeder const& f) : wires_at(f.buses.size()), units_at(f.buses.size()) {
        auto const add = [&](auto const& row, PhaseSet phases) {
            for (auto bus : {row.from, row.to}) wires_at[bus.at()].push_back(static_cast<std::int32_t>(wires.size()));
            wires.push_back({row.from, row.to, phases});
        };
        for (auto const& row : f.lines.rows()) add(row, row.phase_set());
        for (auto const& row : f.switches.rows()) add(row, row.phases);
        for (auto const& row : f.series_compensators.rows()) add(row, row.phases);
        for (auto id : f.transformers.ids())
            for (std::size_t w = 0; w < f.transformer_codes[f.transformers[id].code].windings; ++w)
                units_at[f.transformers[id].winding[w].bus.at()].push_back(id.value());
    }
};

/// Phases that reach each bus by any way when every switch conducts.
std::vector<PhaseSet> reached_phases(Feeder const& f, Network const& net) {
    std::vector<PhaseSet> reached(f.buses.size());
    std::vector<Index<Bus>> grown;
    auto const add = [&](Index<Bus> bus, PhaseSet phases) {
        auto const more = reached[bus.at()] | phases;
        if (more == reached[bus.at()]) return;
        reached[bus.at()] = more;
        grown.push_back(bus);
    };
    for (auto const& source : f.sources.rows()) add(source.bus, PhaseSet::abc());
    while (!grown.empty()) {
        auto const bus = grown.back();
        grown.pop_back();
        auto const here = reached[bus.at()];
        for (auto w : net.wires_at[bus.at()]) {
            auto const& wire = net.wires[static_cast<std::size_t>(w)];
            add(wire.a == bus ? wire.b : wire.a, wire.phases & here);
        }
        for (auto u : net.units_at[bus.at()]) {
            auto const& unit = f.transformers[Index<Transformer>{u}];
            std::size_t const windings = f.transformer_codes[unit.code].windings;
            for (std::size_t w = 0; w < windings; ++w) {
                if (unit.winding[w].bus != bus || !here.contains(unit.phases(w))) continue;
                for (std::size_t k = 0; k < windings; ++k)
                    if (k != w) add(unit.winding[k].bus, unit.phases(k));
            }
        }
    }
    return reached;
}

/// Volts across a coil of a winding when the bus has `to_neutral`, and the other way round.
double coil_per_neutral(Feeder const& f, Transformer const& unit, std::size_t w) {
    auto const& code = f.transformer_codes[unit.code].winding[w];
    if (code.connection == Connection::delta) return std::numbers::sqrt3;
    auto const phases = unit.phases(w);
    if (code.connection == Connection::wye || code.connection == Connection::series || phases.size() < 2) return 1.0;
    return phases.has_legs() ? 2.0 : std::numbers::sqrt3;
}
double coil_per_line(Feeder const& f, Transformer const& unit, std::size_t w) {
    bool const to_neutral = f.transformer_codes[unit.code].winding[w].connection != Connection::delta;
    return unit.phases(w).size() == 3 && to_neutral ? 1.0 / std::numbers::sqrt3 : 1.0;
}

/// Volts to neutral at every bus without load; zero where nothing leads from the source.
/// \param as_it_stands with the source's voltage and the taps, else nominal values all the way.
std::vector<double> no_load_voltages(Feeder const& f, Network const& net, bool as_it_stands) {
    std::vector<double> steps;
    if (as_it_stands)
        for (auto const& tap : f.tap_changers.rows()) steps.push_back(tap.step);
    auto const taps = taps_of(f, steps);
    std::vector<double> volts(f.buses.size(), 0.0);
    std::vector<Index<Bus>> grown;
    auto const set = [&](Index<Bus> bus, double to_neutral) {
        if (volts[bus.at()] != 0.0) return;
        volts[bus.at()] = to_neutral;
        grown.push_back(bus);
    };
    for (auto const& source : f.sources.rows())
        set(source.bus, (as_it_stands ? source.voltage_v : source.nominal_v) / std::numbers::sqrt3);
    for (std::size_t next = 0; next < grown.size(); ++next) {
        auto const bus = grown[next];
        double const here = volts[bus.at()];
        for (auto w : net.wires_at[bus.at()]) {
            auto const& wire = net.wires[static_cast<std::size_t>(w)];
            set(wire.a == bus ? wire.b : wire.a, here);
        }
        for (auto u : net.units_at[bus.at()]) {
            auto const& unit = f.transformers[Index<Transformer>{u}];
            auto const& code = f.transformer_codes[unit.code];
            std::size_t const windings = code.windings;
            feeder::Windings const turns{code, false, taps[static_cast<std::size_t>(u)]};
            // Volts to neutral at the bus per volt of the core.
            auto const ratio = [&](std::size_t w) {
                return turns.volts(w) * coil_per_line(f, unit, w) / coil_per_neutral(f, unit, w);
            };
            for (std::size_t w = 0; w < windings; ++w) {
                if (unit.winding[w].bus != bus) continue;
                for (std::size_t k = 0; k < windings; ++k)
                    if (k != w) set(unit.winding[k].bus, here / ratio(w) * ratio(k));
            }
        }
    }
    return volts;
}

/// The base nearest to a voltage, both line to line in kV; the first of equals.
double nearest(std::vector<double> const& bases_kv, double kv) {
    double best = bases_kv.front(), least = std::numeric_limits<double>::infinity();
    for (double base : bases_kv)
        if (double const difference = std::abs(1.0 - kv / base); difference < least) {
            least = difference;
            best = base;
        }
    return best;
}

/// The rows and columns of a code that stay.
Index<feeder::LineCode> part_of_code(Context& context, Index<feeder::Line> line, std::vector<std::size_t> const& kept) {
    auto& f = context.feeder;
    auto const whole = f.line_codes[f.lines[line].code];
    feeder::LineCode part;
    part.form = whole.form == feeder::LineCode::Form::sequence ? feeder::LineCode::Form::matrix : whole.form;
    part.conductors = static_cast<std::uint8_t>(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i)
        for (std::size_t k = 0; k < kept.size(); ++k) {
            part.r_ohm[i][k] = whole.r_ohm[kept[i]][kept[k]];
            part.x_ohm[i][k] = whole.x_ohm[kept[i]][kept[k]];
            part.b_s[i][k] = whole.b_s[kept[i]][kept[k]];
            part.g_s[i][k] = whole.g_s[kept[i]][kept[k]];
        }
    auto const name = fmt::format("{} of {}", f.line_codes.name(f.lines[line].code), f.lines.name(line));
    return f.line_codes.add(part, name, context.mrid("code part " + name));
}

}  // namespace

void drop_dead_conductors(Context& context) {
    auto& f = context.feeder;
    if (f.sources.empty()) return;
    auto const reached = reached_phases(f, Network{f});
    auto const report = [&](std::string_view what, std::string_view name) {
        context.circuit.report.add("dead conductors", Use::assumed, fmt::format("{} {}", what, name),
                                   "nothing feeds them: left out, in OpenDSS they float");
    };
    for (auto id : f.lines.ids()) {
        auto& line = f.lines[id];
        auto const live = reached[line.from.at()] & reached[line.to.at()];
        std::vector<std::size_t> kept;
        for (std::size_t i = 0; i < line.conductors; ++i)
            if (live.contains(line.phases[i])) kept.push_back(i);
        if (kept.empty() || kept.size() == line.conductors) continue;  // an island is for the validation to name
        auto const code = part_of_code(context, id, kept);
        auto& row = f.lines[id];
        row.code = code;
        auto const phases = row.phases;
        row.phases = {};
        for (std::size_t i = 0; i < kept.size(); ++i) row.phases[i] = phases[kept[i]];
        row.conductors = static_cast<std::uint8_t>(kept.size());
        report("line", f.lines.name(id));
    }
    auto const trim = [&](std::string_view what, auto& table, auto const& set) {
        for (auto id : table.ids()) {
            auto& row = table[id];
            auto const live = row.phases & reached[row.from.at()] & reached[row.to.at()];
            if (live.empty() || live == row.phases) continue;
            set(row, live);
            report(what, table.name(id));
        }
    };
    trim("switch", f.switches, [](auto& row, PhaseSet live) {
        row.phases = live;
        row.closed = row.closed & live;
    });
    trim("series compensator", f.series_compensators, [](auto& row, PhaseSet live) { row.phases = live; });
}

void name_islands(Context& context) {
    auto const& f = context.feeder;
    if (f.sources.empty()) return;
    Network const net{f};
    auto const reached = reached_phases(f, net);
    std::vector<bool> named(f.buses.size(), false);
    for (auto id : f.buses.ids()) {
        if (named[id.at()] || !reached[id.at()].empty()) continue;
        std::vector<Index<Bus>> grown{id};
        std::size_t members = 0;
        named[id.at()] = true;
        auto const add = [&](Index<Bus> bus) {
            if (named[bus.at()] || !reached[bus.at()].empty()) return;
            named[bus.at()] = true;
            grown.push_back(bus);
        };
        while (!grown.empty()) {
            auto const bus = grown.back();
            grown.pop_back();
            ++members;
            for (auto w : net.wires_at[bus.at()])
                for (auto end : {net.wires[static_cast<std::size_t>(w)].a, net.wires[static_cast<std::size_t>(w)].b})
                    add(end);
            for (auto u : net.units_at[bus.at()]) {
                auto const& unit = f.transformers[Index<Transformer>{u}];
                for (std::size_t w = 0; w < f.transformer_codes[unit.code].windings; ++w) add(unit.winding[w].bus);
            }
        }
        context.finding(context.first_at(id),
                        fmt::format("no phase leads from the source to bus {}{}", f.buses.name(id),
                                    members == 1 ? std::string{} : fmt::format(" and {} more behind it", members - 1)),
                        "correct the name of the bus, its nodes, or connect it");
    }
}

void find_base_voltages(Context& context) {
    auto& f = context.feeder;
    auto const& options = context.circuit.options;
    auto const volts = no_load_voltages(f, Network{f}, options.has_calculated_bases);
    double const source_v = f.sources.empty() ? 0.0 : f.sources.rows()[0].nominal_v / std::numbers::sqrt3;
    for (auto id : f.buses.ids()) {
        // An island has any voltage: the validation names it.
        double const kv = (volts[id.at()] > 0.0 ? volts[id.at()] : source_v) * std::numbers::sqrt3 / 1e3;
        double const base_kv = options.has_calculated_bases && kv > 0.0 ? nearest(options.voltage_bases_kv, kv) : kv;
        f.buses[id].base_v = base_kv * 1e3 / std::numbers::sqrt3;
        if (auto const forced = context.circuit.forced_base_kv.find(f.buses.name(id));
            forced != context.circuit.forced_base_kv.end())
            f.buses[id].base_v = forced->second * 1e3;
    }
    if (!options.has_calculated_bases)
        context.circuit.report.add(
            "base voltages", Use::assumed, context.circuit.name,
            "no calcvoltagebases in the script: taken from the source and the transformers' ratings");
    for (auto const& [name, kv] : context.circuit.forced_base_kv) {
        bool found = false;
        for (auto id : f.buses.ids()) found = found || f.buses.name(id) == name;
        if (!found) context.circuit.report.add("setkvbase", Use::assumed, name, "there is no such bus: left out");
    }
}

}  // namespace dec::io::dss
