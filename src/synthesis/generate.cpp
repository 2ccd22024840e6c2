#include "dec/synthesis/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "additions.hpp"
#include "dec/core/error.hpp"
#include "dec/core/uuid.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/synthesis/triplex.hpp"
#include "draw.hpp"
#include "overhead.hpp"

namespace dec::synthesis {

namespace {

using feeder::Bus;
using feeder::Conductor;
using feeder::Feeder;
using feeder::Line;
using feeder::LineCode;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::Switch;
using feeder::Transformer;
using feeder::TransformerCode;

constexpr double buses_per_feeder = 6000.0;
constexpr double smallest_feeder = 0.7, largest_feeder = 1.3;  // of the mean

constexpr double primary_line_v = 12470.0;
constexpr double rated_primary_v = 7200.0;
constexpr double source_pu = 1.03;
constexpr double short_circuit_va_per_feeder = 100e6;
constexpr double source_x_over_r = 15.0;
double const primary_v = primary_line_v / std::sqrt(3.0);
double const secondary_v = 208.0 / std::sqrt(3.0);

constexpr double trunk_share = 0.10;      // of all buses
constexpr double trunk_branching = 0.04;  // chance at each bus
constexpr double trunk_span_m = 45.0, lateral_span_m = 55.0, span_sigma = 0.7;
constexpr double shortest_span_m = 5.0, longest_span_m = 350.0;
constexpr int trunk_sections = 4;  // between switches
constexpr double between_regulators_m = 5000.0;
constexpr double lateral_median = 60.0, lateral_sigma = 0.9;  // buses, secondaries included
constexpr std::int64_t smallest_lateral = 5, largest_lateral = 250;
constexpr std::int64_t recloser_from = 150, two_phase_from = 60;  // buses
constexpr double two_phase_chance = 0.2;
constexpr double lateral_branching = 0.2;
constexpr double service_chance = 0.7;  // of a bus of a lateral
constexpr std::int64_t fewest_houses = 1, most_houses = 7;
constexpr double shortest_drop_m = 15.0, longest_drop_m = 45.0;
constexpr double pole_offset_m = 10.0;  // on the map

constexpr std::array service_kva{10.0, 15.0, 25.0, 37.5, 50.0};
constexpr double kva_per_house = 5.0;
constexpr double mean_house_w = 1230.0, house_sigma = 0.6, smallest_house_w = 200.0, largest_house_w = 6000.0;
constexpr double kvar_per_kw = 0.328684;    // power factor 0.95
constexpr double commercial_chance = 0.05;  // of a trunk bus
constexpr double smallest_commercial_w = 20e3, largest_commercial_w = 120e3;
constexpr std::int64_t smallest_pv_hw = 30, largest_pv_hw = 100;  // hundreds of W per house
constexpr double inverter_margin = 1.1;
constexpr std::int64_t buses_per_utility_pv = 3000;
constexpr double smallest_utility_w = 200e3, largest_utility_w = 600e3;
constexpr std::int64_t buses_per_capacitor = 2000;
constexpr double capacitor_var = 300e3;
constexpr double regulator_va = 1e6, regulated_pu = 1.02;
constexpr double pt_ratio = 60.0, ct_rating_a = 600.0, ct_secondary_a = 0.2;

constexpr std::array conductor_of{Conductor::a, Conductor::b, Conductor::c};

double to_tenth(double value) { return std::round(10.0 * value) / 10.0; }

/// Which buses of the region are a feeder's: the rows after `first`, `count` of them.
struct Share {
    std::int64_t number = 0, first = 0, count = 0;
};

std::vector<Share> shares_of(GenerateOptions const& options) {
    auto const feeders = generated_feeders(options);
    std::vector<double> weight;
    double all = 0.0;
    for (std::int64_t f = 0; f < feeders; ++f) {
        weight.push_back(smallest_feeder + (largest_feeder - smallest_feeder) *
                                               uniform(options.seed, "feeder size", fmt::format("{}", f)));
        all += weight.back();
    }
    std::vector<Share> shares;
    double before = 0.0;
    std::int64_t first = 1;  // the substation's bus is nobody's
    for (std::int64_t f = 0; f < feeders; ++f) {
        before += weight[static_cast<std::size_t>(f)];
        auto const end =
            f + 1 == feeders ? options.buses : 1 + std::llround(before / all * static_cast<double>(options.buses - 1));
        shares.push_back({f, first, end - first});
        first = end;
    }
    return shares;
}

/// The types that all feeders share.
struct Types {
    std::vector<Index<LineCode>> overhead;  // as overhead_lines()
    Index<LineCode> drop;
    std::array<Index<TransformerCode>, service_kva.size()> service;
    Index<TransformerCode> regulator;
};

Types add_types(Feeder& feeder) {
    Types types;
    for (auto const& line : overhead_lines())
        types.overhead.push_back(feeder.line_codes.add(line.code, line.name, mrid_of(feeder, "line code", line.name)));
    std::string_view const drop = "triplex_1_0_aluminium";
    types.drop =
        feeder.line_codes.add(triplex_line_code(triplex_1_0_aluminium()), drop, mrid_of(feeder, "line code", drop));
    auto const add = [&](TransformerCode const& code, std::string const& name) {
        return feeder.transformer_codes.add(code, name, mrid_of(feeder, "transformer code", name));
    };
    for (std::size_t i = 0; i < service_kva.size(); ++i)
        types.service[i] =
            add(centre_tapped(service_kva[i], rated_primary_v), fmt::format("centre_tapped_{}kva", service_kva[i]));
    TransformerCode regulator;
    for (std::size_t w = 0; w < 2; ++w)
        regulator.winding[w] = {feeder::Connection::single, rated_primary_v, regulator_va, 1.5 * regulator_va};
    types.regulator = add(regulator, "regulator_32_steps");
    return types;
}

/// Grows one feeder into a region, bus after bus in depth-first order.
class Growth {
  public:
    Growth(Feeder& region, Types const& types, GenerateOptions const& options, Share const& share, std::int64_t feeders)
        : feeder_{region}, types_{types}, options_{options}, share_{share}, feeders_{feeders},
          draw_{options.seed, "feeder", fmt::format("{}", share.number)} {}

    /// \param tie bus of a neighbouring feeder that a normally open switch leads to, if any.
    void run(Index<Bus> tie) {
        add_head();
        auto const trunk = std::max<std::int64_t>(2, std::llround(trunk_share * static_cast<double>(share_.count)));
        auto const others = share_.count - trunk;
        std::int64_t grown = 0;
        for (std::int64_t i = 0; i < trunk; ++i) {
            if (i > 0) extend_trunk(i, trunk);
            auto const place = trunk_.back();
            if (i > 0) equip(place, i, trunk);
            if (i + 1 == trunk && tie.valid()) add_tie(tie, places_[place].bus);
            // What is due here and not enough for a whole lateral is left to the next bus, but for the last.
            auto const due = i + 1 == trunk ? others : others * (i + 1) / trunk;
            while (grown < due) {
                if (next_lateral_ == 0) next_lateral_ = draw_lateral();
                if (i + 1 < trunk && grown + next_lateral_ > due) break;
                auto const size = std::min(next_lateral_, due - grown);
                next_lateral_ = 0;
                grow_lateral(place, size);
                grown += size;
            }
        }
        plan();
    }

  private:
    /// A bus of the primary while its feeder grows.
    struct Place {
        Index<Bus> bus;
        std::int32_t parent = -1;     // place; -1 for the head
        Index<Line> line;             // that feeds it, if one does
        std::int32_t first_tap = -1;  // of a regulator that feeds it, one tap changer per phase
        PhaseSet phases;
        double heading = 0.0;           // on the map
        double regulated_m = 0.0;       // length since the last regulator
        double p_w = 0.0, q_var = 0.0;  // drawn here, later with everything below
    };
    using PlaceId = std::size_t;

    // ---- one element each -------------------------------------------------------------------------------------

    std::string mrid(std::string_view kind, std::string_view name) const { return mrid_of(feeder_, kind, name); }

    template <class Row>
    Index<Row> add(feeder::Table<Row>& table, Row const& row, std::string_view kind, std::string const& name) {
        return table.add(row, name, mrid(kind, name));
    }

    Index<Bus> add_bus(char level, PhaseSet phases, double base_v, double x, double y) {
        auto const name = fmt::format("{}{}", level, feeder_.buses.size());
        return add(feeder_.buses, {phases, base_v, to_tenth(x), to_tenth(y)}, "bus", name);
    }
    std::string name_after(std::string_view kind, Index<Bus> bus) const {
        return fmt::format("{}_{}", kind, feeder_.buses.name(bus));
    }

    PlaceId add_place(Place place, double length_m) {
        auto const& from = feeder_.buses[places_[static_cast<PlaceId>(place.parent)].bus];
        place.bus = add_bus('p', place.phases, primary_v, from.x + length_m * std::cos(place.heading),
                            from.y + length_m * std::sin(place.heading));
        places_.push_back(place);
        return places_.size() - 1;
    }
    Place below(PlaceId parent) const {
        auto const& above = places_[parent];
        return {.parent = static_cast<std::int32_t>(parent),
                .phases = above.phases,
                .heading = above.heading,
                .regulated_m = above.regulated_m};
    }

    /// The smallest conductor; `plan` knows better.
    PlaceId add_line(Place place, double median_m) {
        double const length_m =
            std::max(shortest_span_m, to_tenth(draw_.lognormal(median_m, span_sigma, shortest_span_m, longest_span_m)));
        place.regulated_m += length_m;
        auto const id = add_place(place, length_m);
        auto& placed = places_[id];
        Line line{.from = places_[static_cast<PlaceId>(placed.parent)].bus, .to = placed.bus, .length_m = length_m};
        for (auto phase : placed.phases.list()) line.phases[line.conductors++] = phase;
        placed.line = add(feeder_.lines, line, "line", name_after("line", placed.bus));
        return id;
    }

    PlaceId add_switch(Place const& place, Switch::Kind kind, std::string_view name) {
        auto const id = add_place(place, 1.0);
        auto const& placed = places_[id];
        Switch const row{.kind = kind,
                         .from = places_[static_cast<PlaceId>(placed.parent)].bus,
                         .to = placed.bus,
                         .phases = placed.phases,
                         .closed = placed.phases};
        add(feeder_.switches, row, "switch", name_after(name, placed.bus));
        return id;
    }

    /// Three single-phase regulators; `plan` sets their taps.
    PlaceId add_regulator(Place place) {
        place.regulated_m = 0.0;
        place.first_tap = static_cast<std::int32_t>(feeder_.tap_changers.size());
        auto const id = add_place(place, 1.0);
        auto const& placed = places_[id];
        auto const bank_name = name_after("reg", placed.bus);
        auto const bank = add(feeder_.banks, feeder::Bank{}, "transformer bank", bank_name);
        double const rated_a = regulator_va / rated_primary_v;
        for (auto phase : placed.phases.list()) {
            auto const name = fmt::format("{}{}", bank_name, feeder::to_text(phase));
            Transformer unit{.bank = bank, .code = types_.regulator};
            for (std::size_t w = 0; w < 2; ++w)
                unit.winding[w] = {.bus = w == 0 ? places_[static_cast<PlaceId>(placed.parent)].bus : placed.bus,
                                   .conductors = {conductor_of[slot(phase)], Conductor::neutral},
                                   .grounded = true};
            unit.winding[0].rating = {1.1 * rated_a, 1.5 * rated_a};
            auto const transformer = add(feeder_.transformers, unit, "transformer", name);
            feeder::TapChanger tap{.transformer = transformer,
                                   .neutral_v = rated_primary_v,
                                   .control_enabled = true,
                                   .initial_delay_s = 30.0,
                                   .subsequent_delay_s = 2.0,
                                   .pt_ratio = pt_ratio,
                                   .ct_rating_a = ct_rating_a,
                                   .ct_ratio = ct_rating_a / ct_secondary_a};
            tap.control = {.present = true,
                           .enabled = true,
                           .monitored_phase = phase,
                           .has_monitored_phase = true,
                           .monitored = {feeder::ElementKind::bank, bank.value(), 2, placed.bus},
                           .target = std::round(regulated_pu * primary_v / pt_ratio),
                           .deadband = 2.0};
            add(feeder_.tap_changers, tap, "tap changer", "tap_" + name);
        }
        return id;
    }

    void add_tie(Index<Bus> other, Index<Bus> bus) {
        Switch const row{.from = other, .to = bus, .phases = PhaseSet::abc(), .normally_open = true};
        add(feeder_.switches, row, "switch", name_after("tie", bus));
    }

    void add_load(Place& place, Index<Bus> bus, PhaseSet phases, double p_w) {
        double const q_var = std::round(kvar_per_kw * p_w);
        feeder::Load load{.bus = bus, .phases = phases};
        auto const count = static_cast<double>(phases.size());
        for (auto phase : phases.list()) {
            load.p_w[slot(phase)] = p_w / count;
            load.q_var[slot(phase)] = q_var / count;
        }
        add(feeder_.loads, load, "load", name_after("load", bus));
        place.p_w += p_w;
        place.q_var += q_var;
    }

    void add_pv(Index<Bus> bus, PhaseSet phases, double p_w) {
        p_w *= options_.pv_scale;
        feeder::PvSystem pv;
        pv.inverter = inverter(bus, phases, feeder_.buses[bus].base_v, p_w, inverter_margin * p_w);
        pv.max_p_w = p_w;
        auto const name = name_after("pv", bus);
        feeder::add_pv(feeder_, pv, name, mrid("pv unit", name), name, mrid("pv connection", name));
    }

    // ---- trunk ------------------------------------------------------------------------------------------------

    /// The breaker at the substation. Feeders start further out the more there are, so that their maps do not meet.
    void add_head() {
        static double const golden_angle = std::numbers::pi * (3.0 - std::sqrt(5.0));
        double const angle = golden_angle * static_cast<double>(share_.number);
        double const distance_m = feeders_ == 1 ? 10.0 : 5000.0 * std::sqrt(static_cast<double>(share_.number) + 1.0);
        Place head{.phases = PhaseSet::abc(), .heading = angle};
        head.bus = add_bus('p', head.phases, primary_v, distance_m * std::cos(angle), distance_m * std::sin(angle));
        Switch const breaker{.kind = Switch::Kind::breaker,
                             .from = Index<Bus>{0},
                             .to = head.bus,
                             .phases = head.phases,
                             .closed = head.phases};
        add(feeder_.switches, breaker, "switch", name_after("breaker", head.bus));
        places_.push_back(head);
        trunk_.push_back(0);
    }

    /// The next bus of the trunk: mostly further along, sometimes back at an earlier bus as a branch.
    void extend_trunk(std::int64_t i, std::int64_t trunk) {
        double turn = 0.15 * draw_.normal();
        if (trunk_.size() > 2 && draw_.chance(trunk_branching)) {
            auto const back = draw_.integer(1, static_cast<std::int64_t>(trunk_.size()) - 2);
            trunk_.resize(trunk_.size() - static_cast<std::size_t>(back));
            turn = draw_.chance(0.5) ? 0.5 * std::numbers::pi : -0.5 * std::numbers::pi;
        }
        auto place = below(trunk_.back());
        place.heading += turn;
        bool const divides = i * trunk_sections / trunk != (i - 1) * trunk_sections / trunk && trunk > 40;
        if (place.regulated_m > between_regulators_m) trunk_.push_back(add_regulator(place));
        else if (divides) trunk_.push_back(add_switch(place, Switch::Kind::load_break_switch, "sw"));
        else trunk_.push_back(add_line(place, trunk_span_m));
    }

    /// Commercial customers, utility photovoltaics and capacitors of the trunk.
    void equip(PlaceId id, std::int64_t i, std::int64_t trunk) {
        auto const evenly = [&](std::int64_t buses_each) {
            auto const wanted = share_.count / buses_each;
            return wanted > 0 && (2 * i + trunk / wanted) * wanted / (2 * trunk) !=
                                     (2 * (i - 1) + trunk / wanted) * wanted / (2 * trunk);
        };
        auto const bus = places_[id].bus;
        if (draw_.chance(commercial_chance))
            add_load(places_[id], bus, PhaseSet::abc(),
                     1000.0 * std::round(draw_.uniform(smallest_commercial_w, largest_commercial_w) / 1000.0));
        double const utility_w = 1000.0 * std::round(draw_.uniform(smallest_utility_w, largest_utility_w) / 1000.0);
        if (evenly(buses_per_utility_pv) && options_.pv_penetration > 0.0) add_pv(bus, PhaseSet::abc(), utility_w);
        if (evenly(buses_per_capacitor)) {
            double const b_s = capacitor_var / (primary_line_v * primary_line_v);
            feeder::Capacitor const bank{.bus = bus,
                                         .phases = PhaseSet::abc(),
                                         .nominal_v = primary_line_v,
                                         .b_per_section_s = {b_s, b_s, b_s},
                                         .sections = {1.0, 1.0, 1.0}};
            add(feeder_.capacitors, bank, "capacitor", name_after("cap", bus));
            places_[id].q_var -= capacitor_var;
        }
    }

    // ---- laterals and what hangs on them ----------------------------------------------------------------------

    std::int64_t draw_lateral() {
        return std::llround(draw_.lognormal(lateral_median, lateral_sigma, static_cast<double>(smallest_lateral),
                                            static_cast<double>(largest_lateral)));
    }

    /// The phases with the fewest buses so far.
    PhaseSet choose_phases(std::size_t count, std::int64_t buses) {
        PhaseSet chosen;
        while (chosen.size() < count) {
            Phase best = Phase::a;
            double fewest = -1.0;
            for (auto phase : {Phase::a, Phase::b, Phase::c})
                if (!chosen.contains(phase) && (fewest < 0.0 || buses_on_[slot(phase)] < fewest)) {
                    best = phase;
                    fewest = buses_on_[slot(phase)];
                }
            chosen.insert(best);
        }
        for (auto phase : chosen.list())
            buses_on_[slot(phase)] += static_cast<double>(buses) / static_cast<double>(count);
        return chosen;
    }

    void grow_lateral(PlaceId trunk, std::int64_t size) {
        bool const two = size >= two_phase_from && draw_.chance(two_phase_chance);
        auto head = below(trunk);
        head.phases = choose_phases(two ? 2 : 1, size);
        head.heading += draw_.chance(0.5) ? 0.5 * std::numbers::pi : -0.5 * std::numbers::pi;
        auto const kind = size >= recloser_from ? Switch::Kind::recloser : Switch::Kind::fuse;
        std::vector<PlaceId> path{add_switch(head, kind, size >= recloser_from ? "recloser" : "fuse")};
        for (auto left = size - 1; left > 0;) {
            double turn = 0.2 * draw_.normal();
            bool const branches = path.size() > 2 && draw_.chance(lateral_branching);
            if (branches) {
                auto const back =
                    draw_.integer(1, std::min<std::int64_t>(6, static_cast<std::int64_t>(path.size()) - 2));
                path.resize(path.size() - static_cast<std::size_t>(back));
                turn = draw_.chance(0.5) ? 0.5 * std::numbers::pi : -0.5 * std::numbers::pi;
            }
            auto place = below(path.back());
            place.heading += turn;
            if (branches && place.phases.size() > 1) place.phases = {pick(place.phases)};
            path.push_back(add_line(place, lateral_span_m));
            --left;
            if (left >= 2 && draw_.chance(service_chance)) {
                auto const houses = std::min(draw_.integer(fewest_houses, most_houses), left - 1);
                grow_secondary(path.back(), houses);
                left -= 1 + houses;
            }
        }
    }

    Phase pick(PhaseSet phases) {
        auto const wanted = draw_.integer(0, static_cast<std::int64_t>(phases.size()) - 1);
        return *(phases.list().begin() + wanted);
    }

    void grow_secondary(PlaceId id, std::int64_t houses) {
        auto& place = places_[id];
        auto const& primary = feeder_.buses[place.bus];
        double const aside = place.heading + 0.5 * std::numbers::pi;
        double const x = primary.x + pole_offset_m * std::cos(aside), y = primary.y + pole_offset_m * std::sin(aside);
        auto const pole = add_bus('s', PhaseSet::split(), secondary_v, x, y);
        auto const fits = [&](double kva) { return kva >= kva_per_house * static_cast<double>(houses); };
        auto const size = static_cast<std::size_t>(std::ranges::find_if(service_kva, fits) - service_kva.begin());
        auto const& code = types_.service[size];
        double const rated_a = 1000.0 * service_kva[size] / rated_primary_v;
        auto const name = name_after("xf", pole);
        Transformer unit{.bank = add(feeder_.banks, feeder::Bank{}, "transformer bank", name), .code = code};
        unit.winding[0] = {.bus = place.bus,
                           .conductors = {conductor_of[slot(pick(place.phases))], Conductor::neutral},
                           .grounded = true,
                           .rating = {1.1 * rated_a, 1.5 * rated_a}};
        unit.winding[1] = {.bus = pole, .conductors = {Conductor::s1, Conductor::neutral}, .grounded = true};
        unit.winding[2] = {.bus = pole, .conductors = {Conductor::neutral, Conductor::s2}, .grounded = true};
        add(feeder_.transformers, unit, "transformer", name);
        for (std::int64_t house = 0; house < houses; ++house)
            add_house(place, pole, 2.0 * std::numbers::pi * static_cast<double>(house) / static_cast<double>(houses));
    }

    void add_house(Place& place, Index<Bus> pole, double angle) {
        double const length_m = to_tenth(draw_.uniform(shortest_drop_m, longest_drop_m));
        auto const& at = feeder_.buses[pole];
        auto const bus = add_bus('h', PhaseSet::split(), secondary_v, at.x + length_m * std::cos(angle),
                                 at.y + length_m * std::sin(angle));
        Line const drop{.from = pole,
                        .to = bus,
                        .phases = {Phase::s1, Phase::s2},
                        .conductors = 2,
                        .code = types_.drop,
                        .length_m = length_m,
                        .rating = {.normal_a = triplex_1_0_aluminium().ampacity_a}};
        add(feeder_.lines, drop, "line", name_after("drop", bus));
        // The median of a lognormal distribution with this mean.
        static double const median_w = mean_house_w * std::exp(-0.5 * house_sigma * house_sigma);
        add_load(place, bus, PhaseSet::split(),
                 std::round(draw_.lognormal(median_w, house_sigma, smallest_house_w, largest_house_w)));
        // Drawn whether there is PV or not: a larger share adds systems and changes none.
        bool const has_pv = draw_.uniform() < options_.pv_penetration;
        double const pv_w = 100.0 * static_cast<double>(draw_.integer(smallest_pv_hw, largest_pv_hw));
        if (has_pv) add_pv(bus, PhaseSet::split(), pv_w);
    }

    // ---- what an engineer would choose once the loads are known -----------------------------------------------

    void plan() {
        for (auto id = places_.size() - 1; id > 0; --id) {
            auto& above = places_[static_cast<PlaceId>(places_[id].parent)];
            above.p_w += places_[id].p_w;
            above.q_var += places_[id].q_var;
        }
        std::vector<double> v_pu(places_.size(), source_pu);
        for (PlaceId id = 1; id < places_.size(); ++id) {
            auto const& place = places_[id];
            auto& v = v_pu[id];
            v = v_pu[static_cast<PlaceId>(place.parent)];
            if (place.line.valid()) v -= string_line(place);
            if (place.first_tap >= 0) v *= set_taps(place, v);
        }
    }

    /// Chooses the conductor. \return drop along the line in pu, as if all phases carried the same.
    double string_line(Place const& place) {
        auto& line = feeder_.lines[place.line];
        auto const& lines = overhead_lines();
        double const va = std::hypot(place.p_w, place.q_var);
        auto const fits = [&](OverheadLine const& candidate) {
            return candidate.code.conductors == line.conductors && (line.conductors < 3 || va <= candidate.largest_va);
        };
        auto const chosen = std::ranges::find_if(lines, fits);
        line.code = types_.overhead[static_cast<std::size_t>(chosen - lines.begin())];
        line.rating.normal_a = chosen->ampacity_a;
        auto const n = static_cast<double>(line.conductors);
        double const mutual = n > 2.0 ? 1.0 : 0.0;
        double const r = chosen->code.r_ohm[0][0] - mutual * chosen->code.r_ohm[0][1];
        double const x = chosen->code.x_ohm[0][0] - mutual * chosen->code.x_ohm[0][1];
        return line.length_m * (r * place.p_w + x * place.q_var) / (n * primary_v * primary_v);
    }

    /// \return the ratio.
    double set_taps(Place const& place, double v_pu) {
        auto const first = static_cast<std::size_t>(place.first_tap);
        auto const taps = feeder_.tap_changers.rows().subspan(first, place.phases.size());
        auto const& any = taps.front();
        for (auto& tap : taps)
            tap.step = std::clamp(std::round((regulated_pu / v_pu - 1.0) / (any.increment_percent / 100.0)),
                                  static_cast<double>(any.low_step), static_cast<double>(any.high_step));
        return any.ratio();
    }

    Feeder& feeder_;
    Types const& types_;
    GenerateOptions const& options_;
    Share share_;
    std::int64_t feeders_;
    Stream draw_;
    std::vector<Place> places_;
    std::vector<PlaceId> trunk_;        // from the head to the newest bus
    std::array<double, 3> buses_on_{};  // of laterals, per phase
    std::int64_t next_lateral_ = 0;     // drawn and not yet grown; 0: none
};

void check(GenerateOptions const& options) {
    std::vector<core::Finding> findings;
    if (options.buses < least_generated_buses || options.buses > most_generated_buses)
        findings.push_back({{},
                            "--buses",
                            fmt::format("{} cannot be generated", options.buses),
                            fmt::format("give {} to {}", least_generated_buses, most_generated_buses)});
    if (!(options.pv_penetration >= 0.0 && options.pv_penetration <= 1.0))
        findings.push_back(
            {{}, "--pv-penetration", fmt::format("{} is no share", options.pv_penetration), "give 0 to 1"});
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

/// The substation: a source that is as strong as so many feeders need.
Feeder substation(GenerateOptions const& options, double feeders) {
    Feeder region;
    region.heading.name = fmt::format("synthetic_{}_{}", options.buses, options.seed);
    region.heading.mrid = core::name_uuid("dec generate", region.heading.name);
    region.heading.origin = region.heading.name;
    region.heading.substation = "substation";
    region.heading.subregion = "subregion";
    region.heading.region = "region";
    region.heading.substation_mrid = core::name_uuid(region.heading.mrid, region.heading.substation);
    region.heading.subregion_mrid = core::name_uuid(region.heading.mrid, region.heading.subregion);
    region.heading.region_mrid = core::name_uuid(region.heading.mrid, region.heading.region);
    auto const bus =
        region.buses.add({PhaseSet::abc(), primary_v, 0.0, 0.0}, "source", mrid_of(region, "bus", "source"));
    double const z = primary_line_v * primary_line_v / (short_circuit_va_per_feeder * feeders);
    double const r = z / std::hypot(1.0, source_x_over_r);
    region.sources.add({.bus = bus,
                        .nominal_v = primary_line_v,
                        .voltage_v = source_pu * primary_line_v,
                        .r_ohm = r,
                        .x_ohm = source_x_over_r * r,
                        .r0_ohm = r,
                        .x0_ohm = source_x_over_r * r},
                       "source", mrid_of(region, "source", "source"));
    return region;
}

}  // namespace

std::int64_t generated_feeders(GenerateOptions const& options) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(options.buses) / buses_per_feeder));
}

Feeder generate(GenerateOptions const& options) {
    check(options);
    auto const shares = shares_of(options);
    auto region = substation(options, static_cast<double>(shares.size()));
    auto const types = add_types(region);
    Index<Bus> neighbour;
    for (auto const& share : shares) {
        Growth{region, types, options, share, static_cast<std::int64_t>(shares.size())}.run(neighbour);
        neighbour = Index<Bus>{static_cast<std::size_t>(share.first)};
    }
    feeder::derive_areas(region);
    return region;
}

Feeder generate_one(GenerateOptions const& options, std::int64_t number) {
    check(options);
    auto const shares = shares_of(options);
    auto alone = substation(options, 1.0);
    auto const types = add_types(alone);
    Growth{alone, types, options, shares.at(static_cast<std::size_t>(number)), static_cast<std::int64_t>(shares.size())}
        .run({});
    feeder::derive_areas(alone);
    return alone;
}

}  // namespace dec::synthesis
