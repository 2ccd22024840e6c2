#include "dec/feeder/feeder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace dec::feeder {

void Feeder::derive_bus_phases() {
    for (auto& bus : buses.rows()) bus.phases = {};
    auto const attach = [this](Index<Bus> bus, PhaseSet phases) {
        if (bus.valid()) buses[bus].phases = buses[bus].phases | phases;
    };
    auto const attach_branch = [&](auto const& branch, PhaseSet phases) {
        attach(branch.from, phases);
        attach(branch.to, phases);
    };
    for (auto const& line : lines.rows()) attach_branch(line, line.phase_set());
    for (auto const& s : switches.rows()) attach_branch(s, s.phases);
    for (auto const& c : series_compensators.rows()) attach_branch(c, c.phases);
    for (auto const& t : transformers.rows())
        for (std::size_t w = 0; w < t.winding.size(); ++w) attach(t.winding[w].bus, t.phases(w));
    for (auto const& s : sources.rows()) attach(s.bus, PhaseSet::abc());

    auto const attach_device = [&](Index<Bus> bus, Connection connection, PhaseSet phases) {
        if (connection != Connection::delta) return attach(bus, phases);
        for (Phase p : phases.list()) attach(bus, {delta_pair(p)[0], delta_pair(p)[1]});
    };
    for (auto const& load : loads.rows()) attach_device(load.bus, load.connection, load.phases);
    for (auto const& c : capacitors.rows()) attach_device(c.bus, c.connection, c.phases);
    for (auto const& pv : pv_systems.rows()) attach_device(pv.inverter.bus, pv.inverter.connection, pv.inverter.phases);
    for (auto const& b : batteries.rows()) attach_device(b.inverter.bus, b.inverter.connection, b.inverter.phases);
    for (auto const& m : machines.rows()) attach(m.bus, m.phases);
}

Index<PvSystem> add_pv(Feeder& feeder, PvSystem const& pv, std::string_view unit_name, std::string_view unit_mrid,
                       std::string_view connection_name, std::string_view connection_mrid) {
    feeder.pv_connection_names.push_back(connection_name);
    feeder.pv_connection_mrids.push_back(connection_mrid);
    return feeder.pv_systems.add(pv, unit_name, unit_mrid);
}

Index<Battery> add_battery(Feeder& feeder, Battery const& battery, std::string_view unit_name,
                           std::string_view unit_mrid, std::string_view connection_name,
                           std::string_view connection_mrid) {
    feeder.battery_connection_names.push_back(connection_name);
    feeder.battery_connection_mrids.push_back(connection_mrid);
    return feeder.batteries.add(battery, unit_name, unit_mrid);
}

std::string describe(std::string_view label, std::string_view name, std::string_view mrid) {
    return mrid.empty() ? fmt::format("{} {}", label, name) : fmt::format("{} {} ({})", label, name, mrid);
}

LineMatrices line_matrices(Feeder const& feeder, Index<Line> id) {
    LineMatrices result;
    auto const& line = feeder.lines[id];
    auto const& code = feeder.line_codes[line.code];
    double const length = code.form == LineCode::Form::whole_line ? 1.0 : line.length_m;
    for (std::size_t i = 0; i < line.conductors; ++i)
        for (std::size_t k = 0; k < line.conductors; ++k) {
            auto const row = slot(line.phases[i]);
            auto const column = slot(line.phases[k]);
            result.r_ohm[row][column] = code.r_ohm[i][k] * length;
            result.x_ohm[row][column] = code.x_ohm[i][k] * length;
            result.b_s[row][column] = code.b_s[i][k] * length;
            result.g_s[row][column] = code.g_s[i][k] * length;
        }
    return result;
}

Matrix3 from_sequence(double positive, double zero) {
    double const self = (zero + 2.0 * positive) / 3.0;
    double const mutual = (zero - positive) / 3.0;
    return {{{self, mutual, mutual}, {mutual, self, mutual}, {mutual, mutual, self}}};
}

namespace {

/// Edit distance (Levenshtein 1966), for "did you mean".
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t k = 0; k < row.size(); ++k) row[k] = k;
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t k = 0; k < b.size(); ++k) {
            std::size_t const replaced = diagonal + (a[i] == b[k] ? 0 : 1);
            diagonal = row[k + 1];
            row[k + 1] = std::min({replaced, row[k] + 1, diagonal + 1});
        }
    }
    return row.back();
}

std::string nearest_names(core::TextColumn const& names, std::string_view wanted) {
    std::vector<std::string_view> all;
    for (std::size_t i = 0; i < names.size(); ++i) all.push_back(names[i]);
    std::ranges::stable_sort(all, {}, [&](std::string_view name) { return edit_distance(name, wanted); });
    all.resize(std::min<std::size_t>(all.size(), 3));
    return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

void set_switches(Feeder& feeder, std::vector<std::string> const& open, std::vector<std::string> const& close) {
    std::unordered_map<std::string_view, Index<Switch>> by_name;
    for (auto id : feeder.switches.ids()) by_name.emplace(feeder.switches.name(id), id);
    std::vector<core::Finding> findings;
    auto const apply = [&](std::vector<std::string> const& names, bool closed) {
        for (auto const& name : names) {
            auto const found = by_name.find(name);
            if (found == by_name.end()) {
                findings.push_back({feeder.heading.origin, "switch " + name, "there is no such switch",
                                    feeder.switches.empty()
                                        ? std::string{"the feeder has no switches"}
                                        : "nearest names: " + nearest_names(feeder.switches.names(), name)});
                continue;
            }
            auto& row = feeder.switches[found->second];
            row.closed = closed ? row.phases : PhaseSet{};
        }
    };
    for (auto const& name : open)
        if (std::ranges::find(close, name) != close.end())
            findings.push_back({{}, "switch " + name, "is asked to be open and closed", "choose one"});
    apply(open, false);
    apply(close, true);
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

void set_taps_neutral(Feeder& feeder) {
    for (auto& tap : feeder.tap_changers.rows()) tap.step = tap.neutral_step;
}

void scale(Feeder& feeder, double load_scale, double pv_scale) {
    auto const multiply = [](PerPhase& values, double factor) {
        for (auto& value : values) value *= factor;
    };
    for (auto& load : feeder.loads.rows()) {
        multiply(load.p_w, load_scale);
        multiply(load.q_var, load_scale);
    }
    for (auto& pv : feeder.pv_systems.rows()) {
        multiply(pv.inverter.p_w, pv_scale);
        multiply(pv.inverter.q_var, pv_scale);
    }
}

Totals totals(Feeder const& feeder) {
    Totals sum;
    auto const add = [](double& total, PerPhase const& values) {
        for (double value : values) total += value;
    };
    for (auto const& bus : feeder.buses.rows()) sum.nodes += bus.phases.size();
    for (auto const& load : feeder.loads.rows()) {
        add(sum.load_w, load.p_w);
        add(sum.load_var, load.q_var);
    }
    for (auto const& pv : feeder.pv_systems.rows()) add(sum.pv_w, pv.inverter.p_w);
    for (auto const& battery : feeder.batteries.rows()) add(sum.battery_w, battery.inverter.p_w);
    for (auto const& machine : feeder.machines.rows()) sum.machine_w += machine.p_w;
    for (auto const& c : feeder.capacitors.rows()) {
        // b is the wye equivalent in either connection, at the voltage to neutral
        bool const line_to_line = c.phases.size() == 3 || c.connection == Connection::delta;
        double const to_neutral = line_to_line ? c.nominal_v / std::sqrt(3.0) : c.nominal_v;
        for (Phase p : c.phases.list())
            sum.capacitor_var += c.b_per_section_s[slot(p)] * c.sections[slot(p)] * to_neutral * to_neutral;
    }
    return sum;
}

}  // namespace dec::feeder
