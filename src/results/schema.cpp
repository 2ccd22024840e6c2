#include "dec/results/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace dec::results {

namespace {

using enum Kind;
constexpr auto with_agents = Presence::with_agents;

constexpr std::array fields{
    Field{"/nodes/bus", text, "node", "", "Name of the bus"},
    Field{"/nodes/phase", text, "node", "", "`A`, `B`, `C`, or the leg `s1`, `s2` of a split-phase secondary"},
    Field{"/nodes/base_kv", real, "node", "kV", "Base voltage to neutral"},
    Field{"/nodes/x", real, "node", "1", "Coordinate of the bus as the feeder's file has it; NaN if it has none"},
    Field{"/nodes/y", real, "node", "1", "Coordinate of the bus as the feeder's file has it; NaN if it has none"},
    Field{"/nodes/distance_km", real, "node", "km", "Length of line between the substation and the bus"},
    Field{"/nodes/v_limit_low", real, "node", "pu", "Lowest voltage allowed; NaN where there is no limit"},
    Field{"/nodes/v_limit_high", real, "node", "pu", "Highest voltage allowed; NaN where there is no limit"},
    Field{"/nodes/v_uncurtailed", real, "node", "pu", "Voltage with nothing curtailed, linear model"},
    Field{"/nodes/v", real, "node", "pu", "Voltage with the setpoints of `/ders`, linear model"},
    Field{"/nodes/v_ac", real, "node", "pu", "Voltage with the setpoints of `/ders`, AC power flow"},
    Field{"/nodes/angle_deg", real, "node", "deg", "Voltage angle, AC power flow"},
    Field{"/nodes/price_low", real, "node", "1/pu", "What the lower limit costs: objective per pu of limit"},
    Field{"/nodes/price_high", real, "node", "1/pu", "What the upper limit costs: objective per pu of limit"},

    Field{"/branches/name", text, "branch", "", "Name of the line, switch or transformer"},
    Field{"/branches/mrid", text, "branch", "", "mRID of the line, switch or transformer"},
    Field{"/branches/from", text, "branch", "", "Bus on the side of the substation"},
    Field{"/branches/to", text, "branch", "", "Bus away from the substation"},
    Field{"/branches/phase", text, "branch", "", "Phase or leg at the bus `to`"},
    Field{"/branches/p_kw", real, "branch", "kW", "Active power into `to`, positive away from the substation"},
    Field{"/branches/q_kvar", real, "branch", "kvar", "Reactive power into `to`, positive away from the substation"},
    Field{"/branches/current_a", real, "branch", "A", "Current into `to`"},
    Field{"/branches/loading", real, "branch", "1", "Share of the normal rating in use; NaN without a rating"},
    Field{"/branches/loss_kw", real, "branch", "kW", "Active power lost, AC power flow"},
    Field{
        "/branches/price", real, "branch", "1/kVA",
        "What the rating costs: objective per kVA, a transformer's in the row of its first phase; NaN without a limit",
        Presence::with_ratings},

    Field{"/ders/name", text, "der", "", "Name of the photovoltaic unit"},
    Field{"/ders/mrid", text, "der", "", "mRID of the photovoltaic unit"},
    Field{"/ders/bus", text, "der", "", "Bus it is connected to"},
    Field{"/ders/phases", text, "der", "", "Its phases in the order A, B, C, s1, s2, written together: `ABC`, `s1s2`"},
    Field{"/ders/agent", text, "der", "", "Name of the agent it belongs to: the innermost area around it"},
    Field{"/ders/available_kw", real, "der", "kW", "What it could inject"},
    Field{"/ders/alpha", real, "der", "1", "Share of the available power that is curtailed, 0 to 1"},
    Field{"/ders/alpha_linear", real, "der", "1", "The same before any AC correction; NaN without linear answer"},
    Field{"/ders/p_kw", real, "der", "kW", "Setpoint of the active power, injection positive"},
    Field{"/ders/q_kvar", real, "der", "kvar", "Setpoint of the reactive power, injection positive"},
    Field{"/ders/binding_node", text, "der", "",
          "What curtails it: the node of a voltage limit, as `bus.phase`, or the branch of a rating, as `line l12.A`; "
          "empty if none does"},

    Field{"/taps/name", text, "tap", "", "Name of the tap changer"},
    Field{"/taps/mrid", text, "tap", "", "mRID of the tap changer"},
    Field{"/taps/transformer", text, "tap", "", "Name of the transformer it is on"},
    Field{"/taps/winding", integer, "tap", "1", "Which of its windings, from 1"},
    Field{"/taps/step", real, "tap", "1", "Where it stands, in its own steps"},
    Field{"/taps/ratio", real, "tap", "1", "Factor on the voltage of the winding"},

    Field{"/capacitors/name", text, "capacitor", "", "Name of the capacitor"},
    Field{"/capacitors/mrid", text, "capacitor", "", "mRID of the capacitor"},
    Field{"/capacitors/bus", text, "capacitor", "", "Bus it is connected to"},
    Field{"/capacitors/sections", real, "capacitor × place", "1",
          "Sections switched in, in the places A, B, C; zero where it has no such phase"},

    Field{"/agents/name", text, "agent", "", "Name of the area", with_agents},
    Field{"/agents/kind", text, "agent", "", "`feeder`, `area` (between switches) or `secondary`", with_agents},
    Field{"/agents/parent", text, "agent", "", "Name of the agent that feeds it; empty for the feeder", with_agents},
    Field{"/agents/nodes", integer, "agent", "1", "Nodes of its own, without those of inner agents", with_agents},
    Field{"/agents/ders", integer, "agent", "1", "DERs of its own, without those of inner agents", with_agents},
    Field{"/agents/alpha", real, "agent", "1", "Curtailed share of its own DERs' available power; NaN without DERs",
          with_agents},

    Field{"/boundaries/upstream_agent", text, "boundary_phase", "", "Name of the agent that feeds the other",
          with_agents},
    Field{"/boundaries/downstream_agent", text, "boundary_phase", "", "Name of the agent that is fed", with_agents},
    Field{"/boundaries/bus", text, "boundary_phase", "", "Where they meet: the bus of the upstream agent, the PCC",
          with_agents},
    Field{"/boundaries/phase", text, "boundary_phase", "", "Phase or leg at the PCC", with_agents},
    Field{"/boundaries/v", real, "boundary_phase", "pu", "Voltage at the PCC, linear model", with_agents},
    Field{"/boundaries/p_kw", real, "boundary_phase", "kW", "Active power the downstream agent draws from the phase",
          with_agents},
    Field{"/boundaries/q_kvar", real, "boundary_phase", "kvar",
          "Reactive power the downstream agent draws from the phase", with_agents},

    Field{"/convergence/iteration", integer, "iteration", "1",
          "Number of the iteration; 0 is the start, with nothing curtailed"},
    Field{"/convergence/objective", real, "iteration", "1", "Objective of the policy after the iteration"},
    Field{"/convergence/primal_residual", real, "iteration", "1", "How far the answer is from its constraints"},
    Field{"/convergence/dual_residual", real, "iteration", "1", "How far the answer is from optimality"},
    Field{"/convergence/max_alpha_change", real, "iteration", "1", "Largest change of any DER's alpha"},
    Field{"/convergence/total_injection_kw", real, "iteration", "kW", "Active power of all DERs"},
    Field{"/convergence/ac_round", integer, "iteration", "1",
          "Round of AC correction, with the residual of AC voltages; 0 for iterations of the method itself"},
    Field{"/convergence/agent_alpha", real, "iteration × agent", "1", "Curtailed share of every agent's own DERs",
          with_agents},
    Field{"/convergence/boundary_v", real, "iteration × boundary × place", "pu",
          "Voltage at the PCC in the places A, B, C or s1, s2, -; NaN where the PCC has no such phase", with_agents},

    Field{"/partition/node_rank", integer, "node", "1", "Rank that owns the node"},
    Field{"/partition/agent_rank", integer, "agent", "1", "Rank that owns the agent", with_agents},

    Field{"/timing/seconds", real, "rank × step", "s",
          "Wall time of read, partition, build, solve, check: what ends before the file is written"},
    Field{"/timing/iteration_seconds", real, "iteration", "s", "Wall time of the iteration, slowest rank"},
    Field{"/timing/iteration_bytes", real, "iteration", "B", "Sent in the iteration from rank to rank, all of them"},
    Field{"/timing/messages_sent", real, "rank", "1", "Messages to other ranks while solving"},
    Field{"/timing/bytes_sent", real, "rank", "B", "What was in them"},
    Field{"/timing/communication_seconds", real, "rank", "s",
          "Wall time spent with messages, sums and the like while solving, waiting for other ranks included"},
    Field{"/timing/peak_memory", real, "rank", "MB", "Largest resident memory of the process"},
};

Kind kind_of(core::ColumnData const& data) {
    if (std::holds_alternative<std::vector<double>>(data) || std::holds_alternative<core::Unknown>(data)) return real;
    return std::holds_alternative<std::vector<std::int64_t>>(data) ? integer : text;
}

}  // namespace

std::string_view to_text(Kind kind) {
    switch (kind) {
        case real: return "float64";
        case integer: return "int64";
        case text: return "text";
    }
    return {};
}

std::span<Field const> schema() { return fields; }

namespace {

Field const& field_of(std::string_view path, Kind kind) {
    auto const field = std::find_if(fields.begin(), fields.end(), [&](Field const& f) { return f.path == path; });
    if (field == fields.end()) throw std::logic_error{fmt::format("{} is not in the schema of results files", path)};
    if (field->kind != kind)
        throw std::logic_error{fmt::format("{} is {}, not {}", path, to_text(field->kind), to_text(kind))};
    return *field;
}

std::string last_part(std::string_view path) { return std::string{path.substr(path.rfind('/') + 1)}; }

}  // namespace

core::Column column(std::string_view path, core::ColumnData data, std::vector<std::size_t> extents) {
    auto const& field = field_of(path, kind_of(data));
    auto const width = std::accumulate(extents.begin(), extents.end(), std::size_t{1}, std::multiplies{});
    return {last_part(path), std::string{field.unit}, std::move(data), width, std::move(extents)};
}

core::Series series(std::string_view path, std::size_t steps, std::vector<std::size_t> extents,
                    std::function<std::vector<double>(std::size_t, std::size_t)> values) {
    auto const& field = field_of(path, real);
    return {last_part(path), std::string{field.unit}, steps, std::move(extents), std::move(values)};
}

}  // namespace dec::results
