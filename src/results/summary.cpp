#include "dec/results/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "dec/core/text.hpp"

namespace dec::results {

namespace {

template <class Value>
core::Json or_null(std::optional<Value> const& value) {
    return value ? core::Json(*value) : core::Json();
}

double or_nan(std::optional<double> const& value) { return value.value_or(std::numeric_limits<double>::quiet_NaN()); }

core::Json to_json(Summary::Seconds const& s) {
    return {{"read", s.read},   {"partition", s.partition}, {"build", s.build}, {"solve", s.solve},
            {"check", s.check}, {"write", s.write},         {"total", s.total}};
}

core::Json to_json(Summary::Communication const& c) {
    return {{"messages", c.messages},
            {"bytes", c.bytes},
            {"messages_of_busiest", c.messages_of_busiest},
            {"bytes_of_busiest", c.bytes_of_busiest},
            {"exchanges", c.exchanges},
            {"collectives", c.collectives},
            {"collective_bytes", c.collective_bytes},
            {"seconds", c.seconds}};
}

// --- the table for a person --------------------------------------------------------------------------------------

constexpr double small_violation_pu = 1e-6;  // a microvolt per volt: what nobody would call a violation
constexpr std::size_t most_binding_limits = 6;

bool known(double value) { return std::isfinite(value); }

std::string percent(double share) { return known(share) ? fmt::format("{:.2f} %", 100.0 * share) : "-"; }

std::string per_unit(double v) { return known(v) ? fmt::format("{:.4f}", v) : "-"; }

/// "84.2 kW"; more digits where there is less of it.
std::string kilowatts(double kw) {
    if (!known(kw)) return "-";
    return fmt::format("{:.{}f} kW", kw, std::abs(kw) < 10.0 ? 3 : 1);
}

std::string seconds(double s) { return s < 0.01 ? fmt::format("{:.1f} ms", 1e3 * s) : fmt::format("{:.2f} s", s); }

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// "label   value", indented; the labels make one column.
class Lines {
  public:
    void add(std::string_view label, std::string const& value) {
        text_ += fmt::format("  {:<17}{}\n", label, core::printable(value));
    }
    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

std::string heading(Summary const& s) {
    auto const scope = s.scope ? fmt::format(" over the {}", *s.scope) : std::string{};
    return fmt::format("{}: {} ({}{}, {})\n\n", core::printable(s.feeder), s.status, s.policy, scope, s.method);
}

std::string curtailment(Summary const& s) {
    auto const share = s.available_kw > 0.0 ? s.curtailed_kw / s.available_kw : 0.0;
    return fmt::format("{} of {} available, {}", kilowatts(s.curtailed_kw), kilowatts(s.available_kw), percent(share));
}

std::string burden(Summary const& s) {
    if (s.ders == 0) return "no DERs";
    return fmt::format("smallest {}, mean {}, largest {} over {}", percent(s.alpha_min), percent(s.alpha_mean),
                       percent(s.alpha_max), counted(s.ders, "DER", "DERs"));
}

std::string fairness_indices(Summary const& s) {
    auto text = fmt::format("Jain {:.4f} (1 is equal), Gini {:.4f} (0 is equal)", s.jain, s.gini);
    if (s.price_of_fairness) text += fmt::format(", price of fairness {}", percent(*s.price_of_fairness));
    return text;
}

std::string optimum(Summary const& s) {
    auto const gap = optimality_gap(s);
    return fmt::format("{:.6g} is the least there is under the limits, {:.6g} reached{}", *s.objective_optimal,
                       s.objective, gap ? fmt::format(": {} more", percent(*gap)) : "");
}

std::string highest_voltage(Summary const& s) {
    return fmt::format("{} pu uncurtailed, {} pu with these setpoints", per_unit(s.v_max_uncurtailed),
                       per_unit(s.v_max));
}

std::string lowest_voltage(Summary const& s) { return fmt::format("{} pu with these setpoints", per_unit(s.v_min)); }

std::string limits(Summary const& s) {
    if (!known(s.violation)) return "not checked";
    auto text = s.violation <= small_violation_pu ? "hold" : fmt::format("violated by {:.2g} pu", s.violation);
    if (s.violation > small_violation_pu && s.violating_nodes > 0)
        text += fmt::format(" at most, by {:.2g} pu in all at {}", s.violations,
                            counted(s.violating_nodes, "node", "nodes"));
    if (s.nodes_below_vmin > 0)
        text += fmt::format("; {} below the lower one with nothing curtailed",
                            counted(s.nodes_below_vmin, "node is", "nodes are"));
    return text;
}

std::string ac_check(Summary const& s) {
    if (!s.v_max_ac && !s.v_min_ac) return "not done: the voltages above are those of the linear model";
    return fmt::format("highest {} pu, lowest {} pu after {}", per_unit(or_nan(s.v_max_ac)),
                       per_unit(or_nan(s.v_min_ac)), counted(s.ac_rounds, "round", "rounds"));
}

/// What the linear answer would have cost, and what it would have come to.
std::string correction(Summary const& s) {
    double const back = s.curtailed_kw_linear - s.curtailed_kw;
    return fmt::format("{} {}: the linear answer curtails {}, highest AC voltage {} pu", kilowatts(std::abs(back)),
                       back < 0.0 ? "more" : "given back", kilowatts(s.curtailed_kw_linear),
                       per_unit(or_nan(s.v_max_ac_linear)));
}

std::string binding_limits(std::vector<std::string> const& names) {
    if (names.empty()) return "none";
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), most_binding_limits); ++i)
        text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > most_binding_limits) text += fmt::format(" and {} more", names.size() - most_binding_limits);
    return text;
}

/// "pv_s48c_3 31.00 % because of 66.C".
std::string reason(Setpoint const& point) {
    auto const why = point.binding_node.empty() ? std::string{} : " because of " + point.binding_node;
    return fmt::format("{} {}{}", point.name, percent(point.share), why);
}

/// Who gives up most and why.
void add_reasons(Lines& lines, Summary const& s) {
    auto const& most = s.most_curtailed;
    for (std::size_t i = 0; i < most.size(); ++i) lines.add(i == 0 ? "Given up most" : "", reason(most[i]));
}

std::string size_of_feeder(Summary const& s) {
    auto text = fmt::format("{}, {}, {}, {}", counted(s.buses, "bus", "buses"), counted(s.nodes, "node", "nodes"),
                            counted(s.branches, "branch", "branches"), counted(s.loads, "load", "loads"));
    if (s.storages > 0) text += ", " + counted(s.storages, "storage", "storages");
    if (s.machines > 0) text += ", " + counted(s.machines, "machine", "machines");
    if (s.areas > 0) text += ", " + counted(s.areas, "area", "areas");
    return text;
}

std::string effort(Summary const& s) {
    auto text = counted(s.iterations, "iteration", "iterations");
    if (s.primal_residual && known(*s.primal_residual))
        text += fmt::format(", primal residual {:.1e}", *s.primal_residual);
    if (s.dual_residual && known(*s.dual_residual)) text += fmt::format(", dual residual {:.1e}", *s.dual_residual);
    if (s.duality_gap && known(*s.duality_gap)) text += fmt::format(", duality gap {:.1e}", *s.duality_gap);
    return text;
}

std::string times(Summary::Seconds const& s) {
    return fmt::format("{} (read {}, partition {}, build {}, solve {}, check {}, write {})", seconds(s.total),
                       seconds(s.read), seconds(s.partition), seconds(s.build), seconds(s.solve), seconds(s.check),
                       seconds(s.write));
}

std::string machine(Summary const& s) {
    auto text = counted(s.ranks, "rank", "ranks");
    if (s.ranks > 1) text += fmt::format(", edge cut {}, imbalance {:.2f}", s.edge_cut, s.imbalance);
    return text + fmt::format(", at most {:.0f} MB each", s.peak_memory_mb);
}

}  // namespace

std::optional<double> optimality_gap(Summary const& s) {
    if (!s.objective_optimal) return std::nullopt;
    // Both are known to rounding only: beside what is available, that much is nothing.
    double const nothing = 1e-9 * s.available_kw;
    double const above = s.objective - *s.objective_optimal;
    if (above <= nothing) return 0.0;
    return *s.objective_optimal > nothing ? std::optional<double>{above / *s.objective_optimal} : std::nullopt;
}

core::Json to_json(Summary const& s) {
    return {
        {"feeder", s.feeder},
        {"buses", s.buses},
        {"nodes", s.nodes},
        {"branches", s.branches},
        {"loads", s.loads},
        {"ders", s.ders},
        {"storages", s.storages},
        {"machines", s.machines},
        {"agents", s.agents},
        {"areas", s.areas},
        {"ranks", s.ranks},
        {"method", s.method},
        {"policy", s.policy},
        {"scope", or_null(s.scope)},
        {"status", s.status},
        {"iterations", s.iterations},
        {"levels", or_null(s.levels)},
        {"objective", s.objective},
        {"objective_optimal", or_null(s.objective_optimal)},
        {"optimality_gap", or_null(optimality_gap(s))},
        {"alpha_min", s.alpha_min},
        {"alpha_mean", s.alpha_mean},
        {"alpha_max", s.alpha_max},
        {"available_kw", s.available_kw},
        {"curtailed_kw", s.curtailed_kw},
        {"curtailed_kw_linear", s.curtailed_kw_linear},
        {"jain", s.jain},
        {"gini", s.gini},
        {"price_of_fairness", or_null(s.price_of_fairness)},
        {"v_max_uncurtailed", s.v_max_uncurtailed},
        {"v_max", s.v_max},
        {"v_min", s.v_min},
        {"v_max_ac", or_null(s.v_max_ac)},
        {"v_min_ac", or_null(s.v_min_ac)},
        {"v_max_ac_linear", or_null(s.v_max_ac_linear)},
        {"nodes_below_vmin", s.nodes_below_vmin},
        {"violation", s.violation},
        {"ac_rounds", s.ac_rounds},
        {"binding", core::Json(s.binding)},
        {"primal_residual", or_null(s.primal_residual)},
        {"dual_residual", or_null(s.dual_residual)},
        {"duality_gap", or_null(s.duality_gap)},
        {"edge_cut", s.edge_cut},
        {"imbalance", s.imbalance},
        {"peak_memory_mb", s.peak_memory_mb},
        {"communication", to_json(s.communication)},
        {"seconds", to_json(s.seconds)},
    };
}

core::Attributes rank_independent(Summary const& s) {
    static std::set<std::string> const left_out{"ranks",         "edge_cut", "imbalance", "peak_memory_mb",
                                                "communication", "seconds",  "binding"};
    auto const json = to_json(s);
    core::Attributes attributes;
    for (auto const& [key, value] : json.items()) {
        if (left_out.contains(key)) continue;
        if (value.is_string()) attributes[key] = value.get<std::string>();
        else if (value.is_number_integer()) attributes[key] = value.get<std::int64_t>();
        else if (value.is_number_float()) attributes[key] = value.get<double>();
        else if (key == "scope")  // the one text that may be null
            attributes[key] = std::string{};
        else attributes[key] = std::numeric_limits<double>::quiet_NaN();
    }
    return attributes;
}

std::string to_table(Summary const& s) {
    Lines lines;
    lines.add("Curtailed", curtailment(s));
    lines.add("Share of each", burden(s));
    add_reasons(lines, s);
    lines.add("Fairness", fairness_indices(s));
    if (s.objective_optimal) lines.add("Optimum", optimum(s));
    lines.add("Highest voltage", highest_voltage(s));
    lines.add("Lowest voltage", lowest_voltage(s));
    lines.add("Voltage limits", limits(s));
    lines.add("AC check", ac_check(s));
    if (s.ac_rounds > 0) lines.add("AC correction", correction(s));
    lines.add("Binding limits", binding_limits(s.binding));
    lines.add("Feeder", size_of_feeder(s));
    lines.add("Effort", effort(s));
    lines.add("Time", times(s.seconds));
    lines.add("Machine", machine(s));
    return heading(s) + lines.take();
}

}  // namespace dec::results
