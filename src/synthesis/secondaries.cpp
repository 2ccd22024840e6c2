#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "additions.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/synthesis/triplex.hpp"
#include "draw.hpp"

namespace dec::synthesis {

namespace {

using feeder::Bus;
using feeder::Conductor;
using feeder::Connection;
using feeder::Feeder;
using feeder::Line;
using feeder::LineCode;
using feeder::Load;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::Transformer;
using feeder::TransformerCode;

constexpr std::array service_kva{25.0, 50.0, 75.0, 100.0};
constexpr double highest_loading = 0.8;  // nominal kW per kVA
constexpr double rounding = 1.0 + 1e-9;  // 40 kW on 50 kVA is 80 %, whatever the last bit says
constexpr int shortest_drop_dm = 150, longest_drop_dm = 450;
double const leg_base_v = 208.0 / std::sqrt(3.0);
constexpr double pole_offset_m = 10.0;  // on the map, from the primary bus to its service transformer

bool becomes_secondary(Feeder const& feeder, FloatingBuses const& floating, Load const& load) {
    double p = 0.0;
    for (double value : load.p_w) p += value;
    return load.connection != Connection::delta && load.phases.size() == 1 && !load.phases.has_legs() && p > 0.0 &&
           !feeder::is_secondary(feeder.buses[load.bus]) && !floating.contains(load.bus);
}

/// As few transformers as keep the most loaded within what the largest may carry.
std::int64_t transformers_for(double p_w, std::int64_t houses) {
    double const largest_w = 1000.0 * highest_loading * service_kva.back() * rounding;
    double const per_house_w = p_w / static_cast<double>(houses);
    std::int64_t units = 1;
    while (units<houses&& static_cast<double>((houses + units - 1) / units) * per_house_w> largest_w) ++units;
    return units;
}

double smallest_kva(double p_w) {
    auto const fits = [p_w](double kva) { return p_w <= 1000.0 * highest_loading * kva * rounding; };
    auto const found = std::ranges::find_if(service_kva, fits);
    return found == service_kva.end() ? service_kva.back() : *found;
}

/// Units of the map per metre of line: the median over lines whose ends have coordinates; 1 without any.
double map_scale(Feeder const& feeder) {
    std::vector<double> ratios;
    for (auto const& line : feeder.lines.rows()) {
        auto const& a = feeder.buses[line.from];
        auto const& b = feeder.buses[line.to];
        double const distance = std::hypot(a.x - b.x, a.y - b.y);
        if (distance > 0.0 && line.length_m > 0.0) ratios.push_back(distance / line.length_m);
    }
    if (ratios.empty()) return 1.0;
    auto const middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
    std::ranges::nth_element(ratios, middle);
    return *middle;
}

/// Builds the secondaries; the loads of the feeder are handed over to it and come back with houses in their place.
class Secondaries {
  public:
    Secondaries(Feeder& feeder, FloatingBuses const& floating, std::uint64_t seed, Populated& added)
        : feeder_{feeder}, floating_{floating}, seed_{seed}, added_{added}, map_scale_{map_scale(feeder)},
          bus_names_{feeder.buses.names()}, line_names_{feeder.lines.names()}, bank_names_{feeder.banks.names()},
          transformer_names_{feeder.transformers.names()}, load_names_{feeder.loads.names()} {}

    void run() {
        auto const before = std::exchange(feeder_.loads, {});
        row_after_.assign(before.size(), -1);
        for (auto id : before.ids()) {
            if (becomes_secondary(feeder_, floating_, before[id])) {
                replace(before[id], before.name(id));
                continue;
            }
            auto const kept = feeder_.loads.add(before[id], before.name(id), before.mrid(id));
            row_after_[id.at()] = kept.value();
        }
        follow_moved_loads();
    }

  private:
    void replace(Load const& load, std::string_view name) {
        auto const phase = *load.phases.list().begin();
        double const p_w = load.p_w[slot(phase)];
        auto const houses = houses_of(p_w);
        auto const units = transformers_for(p_w, houses);
        for (std::int64_t unit = 0, first = 0; unit < units; ++unit) {
            auto const end = houses * (unit + 1) / units;
            add_unit({load, name, phase, houses, unit, first, end});
            first = end;
        }
    }

    /// Houses [first, end) of a load, behind its transformer number `unit`.
    struct Share {
        Load const& load;
        std::string_view name;
        Phase phase;
        std::int64_t houses, unit, first, end;
        [[nodiscard]] double part() const { return static_cast<double>(end - first) / static_cast<double>(houses); }
    };

    void add_unit(Share const& share) {
        auto const number = share.unit == 0 ? std::string{} : fmt::format("{}", share.unit + 1);
        auto const pole = add_pole(share, fmt::format("sec{}_{}", number, share.name));
        add_transformer(share, pole, fmt::format("xf{}_{}", number, share.name));
        for (auto house = share.first; house < share.end; ++house) add_house(share, pole, house);
    }

    Index<Bus> add_pole(Share const& share, std::string const& name) {
        auto const& primary = feeder_.buses[share.load.bus];
        // Phases and units of one bus in directions of their own.
        double const angle = std::numbers::pi * (0.5 + 2.0 / 3.0 * static_cast<double>(slot(share.phase)) +
                                                 0.2 * static_cast<double>(share.unit));
        return add_bus(primary, angle, pole_offset_m, name);
    }

    Index<Bus> add_bus(Bus const& from, double angle, double distance_m, std::string const& wanted) {
        double const distance = distance_m * map_scale_;
        auto const to_tenth = [](double value) { return std::round(10.0 * value) / 10.0; };
        Bus const bus{.phases = PhaseSet::split(),
                      .base_v = leg_base_v,
                      .x = to_tenth(from.x + distance * std::cos(angle)),
                      .y = to_tenth(from.y + distance * std::sin(angle))};
        return add_named(feeder_, feeder_.buses, bus_names_, bus, "bus", wanted);
    }

    void add_transformer(Share const& share, Index<Bus> pole, std::string const& wanted) {
        double const p_w = share.load.p_w[slot(share.phase)] * share.part();
        double const base_v = feeder_.buses[share.load.bus].base_v;
        auto const code = code_for(smallest_kva(p_w), base_v);
        auto const& rated = feeder_.transformer_codes[code].winding[0];
        double const rated_a = rated.rated_va / rated.rated_v;

        Transformer unit;
        auto const name = transformer_names_.take(wanted);
        unit.bank = add_named(feeder_, feeder_.banks, bank_names_, feeder::Bank{}, "transformer bank", name);
        unit.code = code;
        static constexpr std::array phase_conductors{Conductor::a, Conductor::b, Conductor::c};
        unit.winding[0] = {.bus = share.load.bus,
                           .conductors = {phase_conductors[slot(share.phase)], Conductor::neutral},
                           .grounded = true,
                           .rating = {1.1 * rated_a, 1.5 * rated_a}};
        unit.winding[1] = {.bus = pole, .conductors = {Conductor::s1, Conductor::neutral}, .grounded = true};
        unit.winding[2] = {.bus = pole, .conductors = {Conductor::neutral, Conductor::s2}, .grounded = true};
        feeder_.transformers.add(unit, name, mrid_of(feeder_, "transformer", name));
        ++added_.service_transformers;
    }

    /// One code for each size and primary voltage; the primary is rated at the bus's voltage to the next 10 V.
    Index<TransformerCode> code_for(double kva, double base_v) {
        double const primary_v = 10.0 * std::round(base_v / 10.0);
        auto const name = fmt::format("centre_tapped_{}kva_{}v", kva, primary_v);
        for (auto id : feeder_.transformer_codes.ids())
            if (feeder_.transformer_codes.name(id) == name) return id;
        return feeder_.transformer_codes.add(centre_tapped(kva, primary_v), name,
                                             mrid_of(feeder_, "transformer code", name));
    }

    Index<LineCode> drop_code() {
        static constexpr std::string_view name = "triplex_1_0_aluminium";
        if (!drop_code_.valid())
            for (auto id : feeder_.line_codes.ids())
                if (feeder_.line_codes.name(id) == name) drop_code_ = id;
        if (!drop_code_.valid())
            drop_code_ = feeder_.line_codes.add(triplex_line_code(triplex_1_0_aluminium()), name,
                                                mrid_of(feeder_, "line code", name));
        return drop_code_;
    }

    void add_house(Share const& share, Index<Bus> pole, std::int64_t house) {
        auto const label = fmt::format("{}_{}", share.name, house + 1);
        auto const length_dm = uniform_integer(seed_, "drop length", label, shortest_drop_dm, longest_drop_dm);
        double const length_m = static_cast<double>(length_dm) / 10.0;
        double const turn = static_cast<double>(house - share.first) / static_cast<double>(share.end - share.first);
        auto const bus = add_bus(feeder_.buses[pole], 2.0 * std::numbers::pi * turn, length_m, label);

        Line const drop{.from = pole,
                        .to = bus,
                        .phases = {Phase::s1, Phase::s2},
                        .conductors = 2,
                        .code = drop_code(),
                        .length_m = length_m,
                        .rating = {.normal_a = triplex_1_0_aluminium().ampacity_a}};
        add_named(feeder_, feeder_.lines, line_names_, drop, "line", "drop_" + label);

        double const per_leg = 0.5 / static_cast<double>(share.houses);
        double const p_w = share.load.p_w[slot(share.phase)] * per_leg;
        double const q_var = share.load.q_var[slot(share.phase)] * per_leg;
        Load const load{.bus = bus,
                        .phases = PhaseSet::split(),
                        .p_w = {p_w, p_w},
                        .q_var = {q_var, q_var},
                        .model = share.load.model};
        add_named(feeder_, feeder_.loads, load_names_, load, "load", "house_" + label);
        ++added_.houses;
    }

    /// What is measured or monitored at a load that is gone is gone too.
    void follow_moved_loads() {
        auto const moved = [this](feeder::TerminalRef at) {
            if (at.kind == feeder::ElementKind::load && at.element >= 0)
                at.element = row_after_[static_cast<std::size_t>(at.element)];
            return at;
        };
        auto const follow = [&](feeder::RegulatorControl& control) {
            auto const at = moved(control.monitored);
            control.monitored = at.element < 0 && control.monitored.element >= 0
                                    ? feeder::TerminalRef{.bus = control.monitored.bus}
                                    : at;
        };
        for (auto& tap : feeder_.tap_changers.rows()) follow(tap.control);
        for (auto& capacitor : feeder_.capacitors.rows()) follow(capacitor.control);

        auto const before = std::exchange(feeder_.measurements, {});
        for (auto id : before.ids()) {
            auto row = before[id];
            row.at = moved(row.at);
            if (row.at.element < 0 && before[id].at.element >= 0) continue;
            feeder_.measurements.add(row, before.name(id), before.mrid(id));
        }
    }

    Feeder& feeder_;
    FloatingBuses const& floating_;
    std::uint64_t seed_;
    Populated& added_;
    double map_scale_;
    Names bus_names_, line_names_, bank_names_, transformer_names_, load_names_;
    Index<LineCode> drop_code_;
    std::vector<std::int32_t> row_after_;  // of every load, where it is now; -1: replaced by houses
};

}  // namespace

/// Winding data of the centre-tapped units of the platform's IEEE 123 feeder, in per unit alike for every size:
/// r 0.6, 1.2, 1.2 %, x 1.36, 0.68, 0.68 %, no load 0.2 % and 0.5 %.
TransformerCode centre_tapped(double kva, double primary_v) {
    double const va = 1000.0 * kva;
    double const primary_ohm = primary_v * primary_v / va;
    double const leg_ohm = leg_v * leg_v / va;
    auto const winding = [&](double rated_v, double r_ohm, std::int8_t clock) {
        return TransformerCode::Winding{Connection::single, rated_v, va, 1.5 * va, r_ohm, clock};
    };
    TransformerCode code;
    code.form = TransformerCode::Form::tank_tests;
    code.windings = 3;
    code.phases = 1;
    code.winding = {winding(primary_v, 0.006 * primary_ohm, 0), winding(leg_v, 0.012 * leg_ohm, 0),
                    winding(leg_v, 0.012 * leg_ohm, 6)};
    code.short_circuit = {{{0, 1, 0.018 * primary_ohm, 0.0204 * primary_ohm},
                           {0, 2, 0.018 * primary_ohm, 0.0204 * primary_ohm},
                           {1, 2, 0.024 * leg_ohm, 0.0136 * leg_ohm}}};
    code.no_load_w = 0.002 * va;
    code.no_load_var = 0.005 * va;
    return code;
}

void add_secondaries(Feeder& feeder, FloatingBuses const& floating, PopulateOptions const& options, Populated& added) {
    Secondaries{feeder, floating, options.seed, added}.run();
}

}  // namespace dec::synthesis
