/// Laws of the whole: what must not change an answer.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "dec/coordination/bisection.hpp"
#include "dec/feeder/areas.hpp"
#include "reference/brute_force.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using namespace dec::feeder;

namespace {

/// Voltages by name of node and shares by name of photovoltaic system.
struct Named {
    std::map<std::string, double> v_sq, alpha;
    std::string binding;
    coordination::Status status = coordination::Status::optimal;
};

Named solve(Feeder const& feeder, std::string_view policy, double v_max_pu, double base_va = 1e6) {
    core::Communicator const alone{MPI_COMM_SELF};
    auto const spread = test::distributed(alone, feeder, {.per_unit = {.base_va = base_va}});
    auto const answer = coordination::bisection(alone, *spread->flow, *fairness::find_policy(policy),
                                                {.limits = {.v_max_pu = v_max_pu}}, {});
    Named named{.binding = answer.binding_node, .status = answer.status};
    auto const v_sq = test::all_voltages(alone, spread->piece, answer.curtailed);
    std::size_t node = 0;
    for (auto id : feeder.buses.ids())
        for (Phase p : feeder.buses[id].phases.list())
            named.v_sq[std::string{feeder.buses.name(id)} + "." + std::string{to_text(p)}] = v_sq[node++];
    auto const alpha = test::all_ders(alone, spread->piece, answer.alpha);
    for (auto id : feeder.pv_systems.ids()) named.alpha[std::string{feeder.pv_systems.name(id)}] = alpha[id.at()];
    return named;
}

void check_same(std::map<std::string, double> const& a, std::map<std::string, double> const& b, double tolerance) {
    REQUIRE(a.size() == b.size());
    for (auto const& [name, value] : a) {
        CAPTURE(name);
        auto const other = b.at(name);
        CHECK(((std::isnan(value) && std::isnan(other)) || std::abs(value - other) < tolerance));
    }
}

double half_way(Feeder const& feeder) { return test::limit_between(test::DenseTwin{feeder}, 0.5); }

// --- the same feeder written in another order ------------------------------------------------------------------------

template <class Row>
std::vector<std::size_t> shuffle(Table<Row>& table, std::mt19937& generator) {
    std::vector<std::size_t> order(table.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), generator);
    Table<Row> mixed;
    std::vector<std::size_t> new_row(table.size());
    for (auto old : order) {
        Index<Row> const id{old};
        new_row[old] = mixed.add(table[id], table.name(id), table.mrid(id)).at();
    }
    table = std::move(mixed);
    return new_row;
}

Feeder in_another_order(Feeder feeder, unsigned seed) {
    std::mt19937 generator{seed};
    auto const moved_bus = shuffle(feeder.buses, generator);
    auto const to_new = [&](Index<Bus>& bus) {
        if (bus.valid()) bus = Index<Bus>{moved_bus[bus.at()]};
    };
    feeder.areas = {};
    auto const forget = [](auto& table) {
        for (auto& row : table.rows()) row.area = {};
    };
    auto const two_ended = [&](auto& table) {
        for (auto& row : table.rows()) {
            to_new(row.from);
            to_new(row.to);
        }
        forget(table);
        shuffle(table, generator);
    };
    auto const at_bus = [&](auto& table) {
        for (auto& row : table.rows()) to_new(row.bus);
        forget(table);
    };
    two_ended(feeder.lines);
    two_ended(feeder.switches);
    two_ended(feeder.series_compensators);
    for (auto& unit : feeder.transformers.rows())
        for (auto& winding : unit.winding) to_new(winding.bus);
    forget(feeder.transformers);
    auto const moved_unit = shuffle(feeder.transformers, generator);
    for (auto& tap : feeder.tap_changers.rows()) tap.transformer = Index<Transformer>{moved_unit[tap.transformer.at()]};
    shuffle(feeder.tap_changers, generator);
    at_bus(feeder.loads);
    shuffle(feeder.loads, generator);
    at_bus(feeder.capacitors);
    shuffle(feeder.capacitors, generator);
    at_bus(feeder.machines);
    at_bus(feeder.sources);
    for (auto& pv : feeder.pv_systems.rows()) to_new(pv.inverter.bus);
    forget(feeder.pv_systems);
    shuffle(feeder.pv_systems, generator);
    for (auto& battery : feeder.batteries.rows()) to_new(battery.inverter.bus);
    forget(feeder.batteries);
    derive_areas(feeder);
    return feeder;
}

// --- the same feeder with A called B, B called C, C called A ---------------------------------------------------------

Phase next(Phase p) { return is_leg(p) ? p : static_cast<Phase>((slot(p) + 1) % 3); }
PhaseSet next(PhaseSet set) {
    PhaseSet turned;
    for (Phase p : set.list()) turned.insert(next(p));
    return turned;
}
PerPhase next(PhaseSet set, PerPhase const& values) {
    if (set.has_legs()) return values;
    return {values[2], values[0], values[1]};
}

Feeder relabelled(Feeder feeder) {
    for (auto& line : feeder.lines.rows())
        for (auto& p : line.phases) p = next(p);
    for (auto& s : feeder.switches.rows()) {
        s.phases = next(s.phases);
        s.closed = next(s.closed);
    }
    for (auto& unit : feeder.transformers.rows())
        for (auto& winding : unit.winding)
            for (auto& c : winding.conductors)
                if (auto const p = phase_of(c); p && !is_leg(*p))
                    c = static_cast<Conductor>(static_cast<int>(next(*p)) + 1);
    auto const turn = [](auto& device) {
        device.p_w = next(device.phases, device.p_w);
        device.q_var = next(device.phases, device.q_var);
        device.phases = next(device.phases);
    };
    for (auto& load : feeder.loads.rows()) turn(load);
    for (auto& pv : feeder.pv_systems.rows()) turn(pv.inverter);
    for (auto& battery : feeder.batteries.rows()) turn(battery.inverter);
    for (auto& c : feeder.capacitors.rows()) {
        c.b_per_section_s = next(c.phases, c.b_per_section_s);
        c.sections = next(c.phases, c.sections);
        c.phases = next(c.phases);
    }
    for (auto& machine : feeder.machines.rows()) machine.phases = next(machine.phases);
    feeder.derive_bus_phases();
    return feeder;
}

}  // namespace

TEST_CASE("the order in which a file lists its elements changes nothing", "[property]") {
    auto const seed = GENERATE(range(0U, 25U));
    auto const policy = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = test::random_feeder({.seed = seed});
    double const limit = half_way(feeder);

    auto const as_written = solve(feeder, policy, limit);
    auto const in_other_order = solve(in_another_order(feeder, seed), policy, limit);

    CAPTURE(seed, policy);
    CHECK(as_written.status == in_other_order.status);
    check_same(as_written.v_sq, in_other_order.v_sq, 1e-12);
    check_same(as_written.alpha, in_other_order.alpha, 1e-10);
}

TEST_CASE("calling A B, B C and C A in the whole feeder changes nothing but the names", "[property]") {
    auto const seed = GENERATE(range(0U, 25U));
    auto const feeder = test::random_feeder({.seed = seed});
    double const limit = half_way(feeder);

    auto const as_named = solve(feeder, "equal-kw", limit);
    auto const renamed = solve(relabelled(feeder), "equal-kw", limit);

    std::map<std::string, double> turned;
    for (auto const& [name, value] : as_named.v_sq) {
        auto other = name;
        if (auto& letter = other.back(); letter >= 'A' && letter <= 'C')
            letter = static_cast<char>(letter == 'C' ? 'A' : letter + 1);
        turned[other] = value;
    }
    CAPTURE(seed);
    CHECK(as_named.status == renamed.status);
    check_same(turned, renamed.v_sq, 1e-12);
    check_same(as_named.alpha, renamed.alpha, 1e-10);
}

TEST_CASE("the per-unit base changes no setpoint and no voltage", "[property]") {
    auto const seed = GENERATE(range(0U, 10U));
    auto const policy = GENERATE(as<std::string>{}, "proportional", "equal-kw");
    auto const feeder = test::random_feeder({.seed = seed});
    double const limit = half_way(feeder);

    auto const usual = solve(feeder, policy, limit);
    auto const other = solve(feeder, policy, limit, 33.33e6);

    CAPTURE(seed, policy);
    CHECK(usual.binding == other.binding);
    check_same(usual.v_sq, other.v_sq, 1e-12);
    check_same(usual.alpha, other.alpha, 1e-10);
}

TEST_CASE("splitting a line in two changes no voltage at its ends", "[property]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const feeder = test::random_feeder({.seed = seed});
    auto split = feeder;
    std::mt19937 generator{seed};
    Index<Line> const id{
        std::uniform_int_distribution<std::int32_t>{0, static_cast<std::int32_t>(feeder.lines.size()) - 1}(generator)};
    auto const middle = split.buses.add({.base_v = feeder.buses[feeder.lines[id].from].base_v}, "middle");
    auto row = split.lines[id];
    auto code = split.line_codes[row.code];
    for (auto* matrix : {&code.r_ohm, &code.x_ohm})
        for (auto& values : *matrix)
            for (auto& value : values) value *= 0.5;
    row.code = split.line_codes.add(code, "half");
    split.lines[id] = row;
    split.lines[id].to = middle;
    row.from = middle;
    split.lines.add(row, "second half");
    split.derive_bus_phases();

    // A limit that nobody reaches: the middle of a line may be higher than both of its ends.
    auto const whole = solve(feeder, "proportional", 2.0);
    auto halves = solve(split, "proportional", 2.0);

    std::erase_if(halves.v_sq, [](auto const& node) { return node.first.starts_with("middle."); });
    CAPTURE(seed);
    check_same(whole.v_sq, halves.v_sq, 1e-12);
}
