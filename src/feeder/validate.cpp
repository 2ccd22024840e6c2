#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checks.hpp"
#include "dec/feeder/outline.hpp"

namespace dec::feeder {

namespace {

/// Texts stand in fixed width in results, so that one of them costs every row; the longest names of practice have some
/// dozens of bytes.
constexpr std::size_t longest_name = 255;

std::string shortened(std::string_view text) {
    constexpr std::size_t shown = 40;
    if (text.size() <= longest_name) return std::string{text};
    auto end = shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // not inside a character
    return fmt::format("{}...", text.substr(0, end));
}

void check_length(std::string_view label, std::string_view name, std::string_view mrid, Findings& findings) {
    for (auto const& [kind, text] : {std::pair{"name", name}, std::pair{"mRID", mrid}})
        if (text.size() > longest_name)
            findings.add(describe(label, shortened(name), shortened(mrid)),
                         fmt::format("its {} has {} bytes", kind, text.size()),
                         fmt::format("give it one of at most {}", longest_name));
}

template <class Row>
void check_lengths(std::string_view label, Table<Row> const& table, Findings& findings) {
    for (auto id : table.ids()) check_length(label, table.name(id), table.mrid(id), findings);
}

/// Rows by name: an open-addressing table of row numbers, because a node for each name of a million costs more than
/// everything else here together.
template <class Row>
void check_names(std::string_view label, Table<Row> const& table, Findings& findings) {
    check_lengths(label, table, findings);
    std::vector<std::int32_t> place(std::bit_ceil(2 * table.size() + 1), -1);
    std::map<Index<Row>, std::size_t> times;  // of names that stand more than once, by their first row
    for (auto id : table.ids()) {
        auto const name = table.name(id);
        auto at = std::hash<std::string_view>{}(name) & (place.size() - 1);
        while (place[at] >= 0 && table.name(Index<Row>{place[at]}) != name) at = (at + 1) & (place.size() - 1);
        if (place[at] < 0) place[at] = id.value();
        else ++times.try_emplace(Index<Row>{place[at]}, 1).first->second;
    }
    for (auto const& [id, count] : times)
        findings.add(describe(label, table, id), fmt::format("the name stands {} times", count),
                     "give every element of a kind its own name");
}

template <class Values>
bool all_finite(Values const& values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

template <class Row>
void check_ends(std::string_view label, Table<Row> const& table, Findings& findings) {
    for (auto id : table.ids())
        if (!table[id].from.valid() || !table[id].to.valid())
            findings.add(describe(label, table, id), "has no bus at one of its ends", "connect both terminals");
        else if (table[id].from == table[id].to)
            findings.add(describe(label, table, id), "both ends are at the same bus",
                         "remove it or mend its terminals");
}

template <class Row, class BusOf>
void check_place(std::string_view label, Table<Row> const& table, BusOf const& bus_of, Findings& findings) {
    for (auto id : table.ids())
        if (!bus_of(table[id]).valid())
            findings.add(describe(label, table, id), "is connected to no bus", "give it a terminal with a node");
}

template <class Row, class PowersOf>
void check_powers(std::string_view label, Table<Row> const& table, PowersOf const& powers_of, Findings& findings) {
    for (auto id : table.ids()) {
        auto const [p, q] = powers_of(table[id]);
        if (!all_finite(p) || !all_finite(q))
            findings.add(describe(label, table, id), "its power is not a number", "give p in W and q in var");
    }
}

void check_sources(Feeder const& feeder, Findings& findings) {
    if (feeder.sources.empty())
        findings.add("source", "the feeder has none", "add the EnergySource (or circuit) that feeds it");
    for (auto id : feeder.sources.ids()) {
        auto const& source = feeder.sources[id];
        auto const element = describe("source", feeder.sources, id);
        if (id.value() > 0) findings.add(element, "is a second source", "a feeder has one; open the tie or remove it");
        if (!(source.voltage_v > 0.0) || !std::isfinite(source.voltage_v))
            findings.add(element, fmt::format("voltage {} V", source.voltage_v), "must be positive");
        if (!all_finite(std::array{source.r_ohm, source.x_ohm, source.r0_ohm, source.x0_ohm, source.angle_rad}))
            findings.add(element, "its impedance or angle is not a number", "give r, x, r0, x0 in ohm");
        else if (source.r_ohm < 0.0 || source.r0_ohm < 0.0)
            findings.add(element, "its resistance is negative", "r and r0 must be at least zero");
    }
}

/// Names of tables that have as many rows as a feeder has buses are left out where they have not been read.
enum class Names : std::uint8_t { all, of_small_tables };

void check_names(Feeder const& feeder, Findings& findings, Names names) {
    bool const all = names == Names::all;
    if (all) check_names("bus", feeder.buses, findings);
    if (all) check_names("line", feeder.lines, findings);
    check_names("switch", feeder.switches, findings);
    check_names("series compensator", feeder.series_compensators, findings);
    if (all) check_names("transformer", feeder.transformers, findings);
    if (all) check_names("load", feeder.loads, findings);
    check_names("capacitor", feeder.capacitors, findings);
    if (all) check_names("pv", feeder.pv_systems, findings);
    check_names("battery", feeder.batteries, findings);
    check_names("machine", feeder.machines, findings);
    check_length("feeder", feeder.heading.name, feeder.heading.mrid, findings);
    for (auto id : feeder.areas.ids()) check_length("area", feeder.areas.name(id), feeder.areas.mrid(id), findings);
    for (auto id : feeder.sources.ids())
        check_length("source", feeder.sources.name(id), feeder.sources.mrid(id), findings);
}

void check_connections(Feeder const& feeder, Findings& findings) {
    check_ends("line", feeder.lines, findings);
    check_ends("switch", feeder.switches, findings);
    check_ends("series compensator", feeder.series_compensators, findings);
    auto const bus = [](auto const& row) { return row.bus; };
    auto const inverter_bus = [](auto const& row) { return row.inverter.bus; };
    check_place("load", feeder.loads, bus, findings);
    check_place("capacitor", feeder.capacitors, bus, findings);
    check_place("machine", feeder.machines, bus, findings);
    check_place("source", feeder.sources, bus, findings);
    check_place("pv", feeder.pv_systems, inverter_bus, findings);
    check_place("battery", feeder.batteries, inverter_bus, findings);
    for (auto id : feeder.transformers.ids()) {
        auto const& unit = feeder.transformers[id];
        std::size_t const windings = unit.code.valid() ? feeder.transformer_codes[unit.code].windings : 2;
        for (std::size_t w = 0; w < windings; ++w)
            if (!unit.winding[w].bus.valid())
                findings.add(describe("transformer", feeder.transformers, id),
                             fmt::format("winding {} is connected to no bus", w + 1), "give it a terminal with a node");
    }
}

void check_numbers(Feeder const& feeder, Findings& findings) {
    auto const of_inverter = [](auto const& row) { return std::pair{row.inverter.p_w, row.inverter.q_var}; };
    check_powers(
        "load", feeder.loads,
        [](auto const& row) {
            return std::pair{row.p_w, row.q_var};
        },
        findings);
    check_powers("pv", feeder.pv_systems, of_inverter, findings);
    check_powers("battery", feeder.batteries, of_inverter, findings);
    check_powers(
        "capacitor", feeder.capacitors,
        [](auto const& row) {
            return std::pair{row.b_per_section_s, row.sections};
        },
        findings);
    for (auto id : feeder.load_models.ids()) {
        auto const& m = feeder.load_models[id];
        if (!all_finite(std::array{m.p_impedance, m.p_current, m.p_power, m.q_impedance, m.q_current, m.q_power,
                                   m.p_exponent, m.q_exponent}))
            findings.add(describe("load response", feeder.load_models, id), "a share or exponent is not a number",
                         "give shares of impedance, current and power, or exponents");
    }
    check_powers(
        "machine", feeder.machines,
        [](auto const& row) {
            return std::pair{std::array{row.p_w}, std::array{row.q_var}};
        },
        findings);
    for (auto id : feeder.buses.ids())
        if (!(feeder.buses[id].base_v > 0.0) || !std::isfinite(feeder.buses[id].base_v))
            findings.add(describe("bus", feeder.buses, id), "has no nominal voltage",
                         "give one of its elements a base voltage");
    for (auto id : feeder.pv_systems.ids())
        for (double p : feeder.pv_systems[id].inverter.p_w)
            if (p < 0.0)
                findings.add(describe("pv", feeder.pv_systems, id), fmt::format("its power is {} W", p),
                             "p injects and is at least zero");
}

}  // namespace

void check_references(Feeder const& feeder, Findings& findings) {
    check_names(feeder, findings, Names::all);
    check_connections(feeder, findings);
    check_numbers(feeder, findings);
    check_sources(feeder, findings);
}

namespace {

/// True if every terminal has a bus, every transformer its type and there is a source: enough to hang a tree. What a
/// tree would say of less is noise.
bool can_hang(Feeder const& feeder) {
    auto const has_ends = [](auto const& row) { return row.from.valid() && row.to.valid(); };
    auto const has_bus = [](auto const& row) { return row.bus.valid(); };
    auto const inverter_has_bus = [](auto const& row) { return row.inverter.bus.valid(); };
    auto const has_windings = [&](Transformer const& unit) {
        if (!unit.code.valid()) return false;
        std::size_t const windings = feeder.transformer_codes[unit.code].windings;
        return (windings == 2 || windings == 3) &&
               std::all_of(unit.winding.begin(), unit.winding.begin() + static_cast<std::ptrdiff_t>(windings), has_bus);
    };
    return !feeder.sources.empty() && std::ranges::all_of(feeder.sources.rows(), has_bus) &&
           std::ranges::all_of(feeder.lines.rows(), has_ends) &&
           std::ranges::all_of(feeder.switches.rows(), has_ends) &&
           std::ranges::all_of(feeder.series_compensators.rows(), has_ends) &&
           std::ranges::all_of(feeder.transformers.rows(), has_windings) &&
           std::ranges::all_of(feeder.loads.rows(), has_bus) &&
           std::ranges::all_of(feeder.capacitors.rows(), has_bus) &&
           std::ranges::all_of(feeder.machines.rows(), has_bus) &&
           std::ranges::all_of(feeder.pv_systems.rows(), inverter_has_bus) &&
           std::ranges::all_of(feeder.batteries.rows(), inverter_has_bus);
}

}  // namespace

Tree validate(Feeder const& feeder, Notes& notes, Loops loops) {
    Findings findings{feeder};
    check_references(feeder, findings);
    check_impedances(feeder, findings);
    Tree tree;
    if (can_hang(feeder)) {
        auto hung = hang_tree(feeder, findings, notes, loops);
        check_devices(feeder, hung, findings, notes);
        tree = std::move(hung.tree);
    }
    findings.throw_if_any();
    return tree;
}

std::optional<Tree> hang_outline(Feeder const& outline, Loops loops) {
    Findings findings{outline};
    Notes notes;
    check_names(outline, findings, Names::of_small_tables);
    check_connections(outline, findings);
    check_sources(outline, findings);
    if (!findings.empty() || !can_hang(outline)) return std::nullopt;
    auto hung = hang_tree(outline, findings, notes, loops);
    if (findings.empty()) check_devices(outline, hung, findings, notes);
    if (!findings.empty() || !notes.warnings.empty()) return std::nullopt;
    return std::move(hung.tree);
}

bool are_elements_sound(Feeder const& part) {
    Findings findings{part};
    check_lengths("bus", part.buses, findings);
    check_lengths("line", part.lines, findings);
    check_lengths("transformer", part.transformers, findings);
    check_lengths("load", part.loads, findings);
    check_lengths("pv", part.pv_systems, findings);
    check_numbers(part, findings);
    check_impedances(part, findings);
    return findings.empty();
}

std::vector<core::Finding> further_findings(Feeder const& feeder, bool has_holes) {
    Findings findings{feeder};
    if (has_holes) {
        check_names(feeder, findings, Names::all);
        return findings.take();
    }
    try {
        Notes notes;
        static_cast<void>(validate(feeder, notes));
    } catch (core::InvalidInput const& error) {
        return error.findings();
    }
    return {};
}

}  // namespace dec::feeder
