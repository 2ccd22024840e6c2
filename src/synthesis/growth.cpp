#include "growth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "additions.hpp"
#include "dec/core/uuid.hpp"
#include "dec/synthesis/triplex.hpp"
#include "draw.hpp"
#include "equipment.hpp"

namespace dec::synthesis {

namespace {

using core::Index;
using feeder::Area;
using feeder::Bank;
using feeder::Bus;
using feeder::Conductor;
using feeder::Feeder;
using feeder::Line;
using feeder::PerPhase;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::Switch;
using feeder::Transformer;

double const primary_v = primary_line_v / std::sqrt(3.0);
double const secondary_v = 208.0 / std::sqrt(3.0);

// Shape; docs/generate.md says where these are from.
constexpr double trunk_share = 0.10;      // of all buses
constexpr double trunk_branching = 0.04;  // chance at each bus
constexpr int trunk_sections = 4;         // between switches
constexpr double between_regulators_m = 5000.0;
constexpr double lateral_median = 16.0, lateral_sigma = 1.25;  // buses, secondaries included
constexpr std::int64_t smallest_lateral = 2, largest_lateral = 400;
constexpr std::int64_t recloser_from = 150, two_phases_from = 60, fuse_from = 12;  // buses
constexpr double two_phase_chance = 0.2;
constexpr double lateral_branching = 0.2;
constexpr double service_chance = 0.88;                     // of a bus of a lateral
constexpr std::int64_t fewest_houses = 1, most_houses = 8;  // behind a service transformer
constexpr double houses_beyond_first = 2.5;                 // mean, Poisson

// Lengths.
constexpr double trunk_short_chance = 0.12, lateral_short_chance = 0.18, shortest_m = 2.0, longest_short_m = 12.0;
constexpr double trunk_span_m = 58.0, trunk_sigma = 0.60;
constexpr double lateral_span_m = 66.0, lateral_span_sigma = 0.60;
constexpr double shortest_span_m = 5.0, longest_span_m = 400.0;
constexpr double shortest_drop_m = 15.0, longest_drop_m = 45.0;
constexpr double switch_m = 1.0, pole_offset_m = 10.0, head_m = 10.0;  // on the map

// Customers and equipment.
constexpr double kva_of_unit = 6.0, kva_per_house = 4.0;
constexpr double mean_house_w = 1230.0, house_sigma = 0.6, smallest_house_w = 200.0, largest_house_w = 6000.0;
constexpr double kvar_per_kw = 0.328684;    // power factor 0.95
constexpr double commercial_chance = 0.05;  // of a trunk bus
constexpr double smallest_commercial_w = 20e3, largest_commercial_w = 120e3;
constexpr double median_pv_w = 7400.0, pv_sigma = 0.45, smallest_pv_w = 2000.0, largest_pv_w = 15000.0;
constexpr double inverter_margin = 1.1;
constexpr std::int64_t buses_per_utility_pv = 3000;
constexpr double smallest_utility_w = 200e3, largest_utility_w = 600e3;
constexpr std::int64_t buses_per_capacitor = 2000;
constexpr double capacitor_var = 300e3;
constexpr double regulated_pu = 1.02;
constexpr double lowest_planned_pu = 0.985;  // on the primary: houses are up to 0.03 below
constexpr double pt_ratio = 60.0, ct_rating_a = 600.0, ct_secondary_a = 0.2;

constexpr std::array conductor_of{Conductor::a, Conductor::b, Conductor::c};

double to_tenth(double value) { return std::round(10.0 * value) / 10.0; }

/// "line_p123" in a buffer of its own.
class Label {
  public:
    Label(std::string_view kind, char level, std::int64_t row, std::string_view suffix = {}) {
        put(kind);
        if (!kind.empty()) put("_");
        put({&level, 1});
        end_ = static_cast<std::size_t>(std::to_chars(text_.data() + end_, text_.data() + text_.size(), row).ptr -
                                        text_.data());
        put(suffix);
    }
    operator std::string_view() const { return {text_.data(), end_}; }

  private:
    void put(std::string_view part) { end_ += part.copy(text_.data() + end_, text_.size() - end_); }
    std::array<char, 48> text_;
    std::size_t end_ = 0;
};

/// A table of the network of which only the rows from some row on are here.
template <class Row>
class Growing {
  public:
    Growing(feeder::Table<Row>& table, feeder::RowCounts const& before)
        : table_{table}, ahead_{before[feeder::place_of_table<Row>()] - static_cast<std::int64_t>(table.size())},
          kind_{feeder::place_of_table<Row>()} {}
    [[nodiscard]] Row& operator[](Index<Row> id) { return table_.rows()[id.at() - static_cast<std::size_t>(ahead_)]; }
    [[nodiscard]] std::int64_t next() const { return ahead_ + static_cast<std::int64_t>(table_.size()); }
    Index<Row> add(Row const& row, std::string_view name, std::uint64_t network) {
        auto const id = next();
        auto const mrid = generated_mrid(network, kind_, static_cast<std::uint64_t>(id));
        table_.add(row, name, {mrid.data(), mrid.size()});
        return Index<Row>{static_cast<std::int32_t>(id)};
    }

  private:
    feeder::Table<Row>& table_;
    std::int64_t ahead_;  // rows of the network before the table's first
    std::size_t kind_;
};

class Growth {
  public:
    Growth(GenerateOptions const& options, Plot const& plot, GrownBefore const& before, Feeder& into)
        : options_{options}, plot_{plot}, before_{before}, feeder_{into}, network_{key_of(into.heading.mrid)},
          draw_{options.seed, "feeder", fmt::format("{}", plot.number)}, buses_{into.buses, before.rows},
          lines_{into.lines, before.rows}, switches_{into.switches, before.rows}, banks_{into.banks, before.rows},
          transformers_{into.transformers, before.rows}, taps_{into.tap_changers, before.rows}, loads_{into.loads,
                                                                                                       before.rows},
          capacitors_{into.capacitors, before.rows}, pv_{into.pv_systems, before.rows}, areas_{into.areas, before.rows},
          base_heading_{plot.heading} {}

    std::int64_t run() {
        add_head();
        auto const trunk = std::max<std::int64_t>(2, std::llround(trunk_share * static_cast<double>(plot_.buses)));
        auto const others = plot_.buses - trunk;
        std::int64_t grown = 0;
        for (std::int64_t i = 0; i < trunk; ++i) {
            if (i > 0) extend_trunk(i, trunk);
            auto const place = trunk_.back();
            if (i > 0) equip(place, i, trunk);
            if (i + 1 == trunk && plot_.neighbour >= 0) add_tie(places_[place].bus);
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
        return switch_areas_;
    }

  private:
    /// Where elements are coordinated: a part of the primary between switches, or a secondary.
    struct Zone {
        Index<Area> area;
        std::int64_t number = 0;       // of a part between switches, in its network
        std::int64_t secondaries = 0;  // below it so far
    };
    using ZoneId = std::size_t;

    /// A bus of the primary while its feeder grows.
    struct Place {
        Index<Bus> bus;
        std::int32_t parent = -1;             // place; -1 for the head
        Index<Line> line;                     // that feeds it, if one does
        Index<feeder::TapChanger> first_tap;  // of a regulator that feeds it, one tap changer per phase
        ZoneId zone = 0;
        PhaseSet phases;
        double heading = 0.0;      // on the map
        double regulated_m = 0.0;  // length since the last regulator
        PerPhase p_w{}, q_var{};   // drawn here, later with everything below
    };
    using PlaceId = std::size_t;

    static std::uint64_t key_of(std::string_view mrid) { return Stream{0, "mrid", mrid}.bits(); }

    // ---- one element each -------------------------------------------------------------------------------------

    Index<Bus> add_bus(char level, PhaseSet phases, double base_v, double x, double y) {
        return buses_.add({phases, base_v, to_tenth(x), to_tenth(y)}, Label{{}, level, buses_.next()}, network_);
    }

    PlaceId add_place(Place place, double length_m) {
        auto const& from = buses_[places_[static_cast<PlaceId>(place.parent)].bus];
        place.bus = add_bus('p', place.phases, primary_v, from.x + length_m * std::cos(place.heading),
                            from.y + length_m * std::sin(place.heading));
        places_.push_back(place);
        return places_.size() - 1;
    }
    Place below(PlaceId parent) const {
        auto const& above = places_[parent];
        return {.parent = static_cast<std::int32_t>(parent),
                .zone = above.zone,
                .phases = above.phases,
                .heading = above.heading,
                .regulated_m = above.regulated_m};
    }
    Place const& above(Place const& place) const { return places_[static_cast<PlaceId>(place.parent)]; }
    Index<Area> area_of(Place const& place) const { return zones_[place.zone].area; }

    /// Names as feeder::derive_areas gives them.
    Index<Area> add_area(Area::Kind kind, Index<Area> parent, std::string const& name) {
        auto const id = areas_.next();
        feeder_.areas.add({kind, parent}, name, core::name_uuid(feeder_.heading.mrid, "area " + name));
        return Index<Area>{static_cast<std::int32_t>(id)};
    }
    ZoneId add_zone() {
        auto const number = before_.switch_areas + switch_areas_++;
        auto const name = fmt::format("{}.{}", feeder_.heading.mrid, number);
        zones_.push_back({add_area(Area::Kind::switch_delimited, own_area, name), number});
        return zones_.size() - 1;
    }
    Index<Area> add_secondary_area(Place const& place) {
        auto& zone = zones_[place.zone];
        return add_area(Area::Kind::secondary, zone.area,
                        fmt::format("{}.{}.{}", feeder_.heading.mrid, zone.number, zone.secondaries++));
    }

    double draw_span(double median_m, double sigma, double short_chance) {
        double const length_m = draw_.chance(short_chance)
                                    ? draw_.uniform(shortest_m, longest_short_m)
                                    : draw_.lognormal(median_m, sigma, shortest_span_m, longest_span_m);
        return to_tenth(length_m);
    }

    /// The smallest conductor; `plan` knows better.
    PlaceId add_line(Place place, double length_m) {
        place.regulated_m += length_m;
        auto const id = add_place(place, length_m);
        auto& placed = places_[id];
        Line line{.from = above(placed).bus, .to = placed.bus, .length_m = length_m, .area = area_of(placed)};
        for (auto phase : placed.phases.list()) line.phases[line.conductors++] = phase;
        placed.line = lines_.add(line, Label{"line", 'p', placed.bus.value()}, network_);
        return id;
    }

    PlaceId add_switch(Place place, Switch::Kind kind, std::string_view name) {
        bool const bounds = kind != Switch::Kind::fuse;
        if (bounds) place.zone = add_zone();
        auto const id = add_place(place, switch_m);
        auto const& placed = places_[id];
        Switch const row{.kind = kind,
                         .from = above(placed).bus,
                         .to = placed.bus,
                         .phases = placed.phases,
                         .closed = placed.phases,
                         .area = bounds ? own_area : area_of(placed)};
        switches_.add(row, Label{name, 'p', placed.bus.value()}, network_);
        return id;
    }

    /// Three single-phase regulators; `plan` sets their taps.
    PlaceId add_regulator(Place place) {
        place.regulated_m = 0.0;
        auto const id = add_place(place, switch_m);
        auto& placed = places_[id];
        auto const row = placed.bus.value();
        auto const bank = banks_.add(Bank{area_of(placed)}, Label{"reg", 'p', row}, network_);
        double const rated_a = regulator_va / rated_primary_v;
        for (auto phase : placed.phases.list()) {
            Transformer unit{.bank = bank, .code = types().regulator, .area = area_of(placed)};
            for (std::size_t w = 0; w < 2; ++w)
                unit.winding[w] = {.bus = w == 0 ? above(placed).bus : placed.bus,
                                   .conductors = {conductor_of[slot(phase)], Conductor::neutral},
                                   .grounded = true};
            unit.winding[0].rating = {1.1 * rated_a, 1.5 * rated_a};
            auto const transformer = transformers_.add(unit, Label{"reg", 'p', row, feeder::to_text(phase)}, network_);
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
            auto const added = taps_.add(tap, Label{"tap_reg", 'p', row, feeder::to_text(phase)}, network_);
            if (!placed.first_tap.valid()) placed.first_tap = added;
        }
        return id;
    }

    void add_tie(Index<Bus> bus) {
        Switch const row{.from = Index<Bus>{static_cast<std::int32_t>(plot_.neighbour)},
                         .to = bus,
                         .phases = PhaseSet::abc(),
                         .normally_open = true,
                         .area = own_area};
        switches_.add(row, Label{"tie", 'p', bus.value()}, network_);
    }

    static void draw_from(Place& place, PhaseSet primary, double p_w, double q_var) {
        auto const count = static_cast<double>(primary.size());
        for (auto phase : primary.list()) {
            place.p_w[slot(phase)] += p_w / count;
            place.q_var[slot(phase)] += q_var / count;
        }
    }

    /// \param primary phases that it is fed from.
    void add_load(Place& place, PhaseSet primary, char level, Index<Bus> bus, PhaseSet phases, double p_w,
                  Index<Area> area) {
        double const q_var = std::round(kvar_per_kw * p_w);
        feeder::Load load{.bus = bus, .phases = phases, .area = area};
        auto const count = static_cast<double>(phases.size());
        for (auto phase : phases.list()) {
            load.p_w[slot(phase)] = p_w / count;
            load.q_var[slot(phase)] = q_var / count;
        }
        loads_.add(load, Label{"load", level, bus.value()}, network_);
        draw_from(place, primary, p_w, q_var);
    }

    void add_pv(char level, Index<Bus> bus, PhaseSet phases, double p_w, Index<Area> area) {
        p_w *= options_.pv_scale;
        feeder::PvSystem pv;
        pv.inverter = inverter(bus, phases, buses_[bus].base_v, p_w, inverter_margin * p_w);
        pv.max_p_w = p_w;
        pv.area = area;
        Label const name{"pv", level, bus.value()};
        auto const mrid = generated_mrid(network_, feeder::table_count, static_cast<std::uint64_t>(pv_.next()));
        feeder_.pv_connection_names.push_back(name);
        feeder_.pv_connection_mrids.push_back({mrid.data(), mrid.size()});
        pv_.add(pv, name, network_);
    }

    // ---- trunk ------------------------------------------------------------------------------------------------

    /// The breaker at the substation.
    void add_head() {
        Place head{.zone = add_zone(), .phases = PhaseSet::abc(), .heading = plot_.heading};
        head.bus = add_bus('p', head.phases, primary_v, plot_.x + head_m * std::cos(plot_.heading),
                           plot_.y + head_m * std::sin(plot_.heading));
        Switch const breaker{.kind = Switch::Kind::breaker,
                             .from = Index<Bus>{0},
                             .to = head.bus,
                             .phases = head.phases,
                             .closed = head.phases,
                             .area = own_area};
        switches_.add(breaker, Label{"breaker", 'p', head.bus.value()}, network_);
        places_.push_back(head);
        trunk_.push_back(0);
    }

    /// The next bus of the trunk: mostly further along, sometimes back at an earlier bus as a branch.
    void extend_trunk(std::int64_t i, std::int64_t trunk) {
        auto place = below(trunk_.back());
        if (trunk_.size() > 2 && draw_.chance(trunk_branching)) {
            auto const back = draw_.integer(1, static_cast<std::int64_t>(trunk_.size()) - 2);
            trunk_.resize(trunk_.size() - static_cast<std::size_t>(back));
            place = below(trunk_.back());
            base_heading_ = place.heading + right_angle();
            place.heading = base_heading_;
        } else {
            // Wanders about its direction, as roads do.
            place.heading +=
                0.12 * draw_.normal() - 0.06 * std::remainder(place.heading - base_heading_, 2.0 * std::numbers::pi);
        }
        bool const divides = i * trunk_sections / trunk != (i - 1) * trunk_sections / trunk && trunk > 40;
        if (place.regulated_m > between_regulators_m) trunk_.push_back(add_regulator(place));
        else if (divides) trunk_.push_back(add_switch(place, Switch::Kind::load_break_switch, "sw"));
        else trunk_.push_back(add_line(place, draw_span(trunk_span_m, trunk_sigma, trunk_short_chance)));
    }

    double right_angle() { return draw_.chance(0.5) ? 0.5 * std::numbers::pi : -0.5 * std::numbers::pi; }

    /// Commercial customers, utility photovoltaics and capacitors of the trunk.
    void equip(PlaceId id, std::int64_t i, std::int64_t trunk) {
        auto const evenly = [&](std::int64_t buses_each) {
            auto const wanted = plot_.buses / buses_each;
            return wanted > 0 && (2 * i + trunk / wanted) * wanted / (2 * trunk) !=
                                     (2 * (i - 1) + trunk / wanted) * wanted / (2 * trunk);
        };
        auto const bus = places_[id].bus;
        auto const area = area_of(places_[id]);
        if (draw_.chance(commercial_chance))
            add_load(places_[id], PhaseSet::abc(), 'p', bus, PhaseSet::abc(),
                     1000.0 * std::round(draw_.uniform(smallest_commercial_w, largest_commercial_w) / 1000.0), area);
        double const utility_w = 1000.0 * std::round(draw_.uniform(smallest_utility_w, largest_utility_w) / 1000.0);
        if (evenly(buses_per_utility_pv) && options_.pv_penetration > 0.0)
            add_pv('p', bus, PhaseSet::abc(), utility_w, area);
        if (evenly(buses_per_capacitor)) {
            double const b_s = capacitor_var / (primary_line_v * primary_line_v);
            feeder::Capacitor const bank{.bus = bus,
                                         .phases = PhaseSet::abc(),
                                         .nominal_v = primary_line_v,
                                         .b_per_section_s = {b_s, b_s, b_s},
                                         .sections = {1.0, 1.0, 1.0},
                                         .area = area};
            capacitors_.add(bank, Label{"cap", 'p', bus.value()}, network_);
            draw_from(places_[id], PhaseSet::abc(), 0.0, -capacitor_var);
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

    PlaceId add_lateral_head(PlaceId trunk, std::int64_t size) {
        auto head = below(trunk);
        head.phases = choose_phases(size >= two_phases_from && draw_.chance(two_phase_chance) ? 2 : 1, size);
        head.heading += right_angle();
        if (size >= recloser_from) return add_switch(head, Switch::Kind::recloser, "recloser");
        if (size >= fuse_from) return add_switch(head, Switch::Kind::fuse, "fuse");
        return add_line(head, draw_span(lateral_span_m, lateral_span_sigma, lateral_short_chance));
    }

    void grow_lateral(PlaceId trunk, std::int64_t size) {
        path_.assign(1, add_lateral_head(trunk, size));
        auto left = size - 1;
        if (places_[path_.back()].line.valid()) left -= serve(path_.back(), left);
        while (left > 0) {
            double turn = 0.2 * draw_.normal();
            bool const branches = path_.size() > 2 && draw_.chance(lateral_branching);
            if (branches) {
                auto const back =
                    draw_.integer(1, std::min<std::int64_t>(6, static_cast<std::int64_t>(path_.size()) - 2));
                path_.resize(path_.size() - static_cast<std::size_t>(back));
                turn = right_angle();
            }
            auto place = below(path_.back());
            place.heading += turn;
            if (branches && place.phases.size() > 1) place.phases = {pick(place.phases)};
            path_.push_back(add_line(place, draw_span(lateral_span_m, lateral_span_sigma, lateral_short_chance)));
            --left;
            left -= serve(path_.back(), left);
        }
    }

    /// Perhaps a service transformer with its houses. \return buses it took of those left.
    std::int64_t serve(PlaceId id, std::int64_t left) {
        if (left < 2 || !draw_.chance(service_chance)) return 0;
        auto const houses = std::min(draw_houses(), left - 1);
        grow_secondary(id, houses);
        return 1 + houses;
    }

    std::int64_t draw_houses() {
        std::int64_t more = 0;
        double chance = std::exp(-houses_beyond_first), sum = chance;
        for (double const drawn = draw_.uniform(); drawn >= sum && fewest_houses + more < most_houses; sum += chance)
            chance *= houses_beyond_first / static_cast<double>(++more);
        return fewest_houses + more;
    }

    Phase pick(PhaseSet phases) {
        auto const wanted = draw_.integer(0, static_cast<std::int64_t>(phases.size()) - 1);
        return *(phases.list().begin() + wanted);
    }

    void grow_secondary(PlaceId id, std::int64_t houses) {
        auto& place = places_[id];
        auto const& primary = buses_[place.bus];
        double const aside = place.heading + 0.5 * std::numbers::pi;
        double const x = primary.x + pole_offset_m * std::cos(aside), y = primary.y + pole_offset_m * std::sin(aside);
        auto const pole = add_bus('s', PhaseSet::split(), secondary_v, x, y);
        auto const needed = kva_of_unit + kva_per_house * static_cast<double>(houses);
        auto const size = static_cast<std::size_t>(std::ranges::lower_bound(service_kva, needed) - service_kva.begin());
        double const rated_a = 1000.0 * service_kva[size] / rated_primary_v;
        auto const area = add_secondary_area(place);
        Label const name{"xf", 's', pole.value()};
        Transformer unit{.bank = banks_.add(Bank{area}, name, network_), .code = types().service[size], .area = area};
        auto const phase = pick(place.phases);
        unit.winding[0] = {.bus = place.bus,
                           .conductors = {conductor_of[slot(phase)], Conductor::neutral},
                           .grounded = true,
                           .rating = {1.1 * rated_a, 1.5 * rated_a}};
        unit.winding[1] = {.bus = pole, .conductors = {Conductor::s1, Conductor::neutral}, .grounded = true};
        unit.winding[2] = {.bus = pole, .conductors = {Conductor::neutral, Conductor::s2}, .grounded = true};
        transformers_.add(unit, name, network_);
        for (std::int64_t house = 0; house < houses; ++house)
            add_house(place, phase, pole, area,
                      2.0 * std::numbers::pi * static_cast<double>(house) / static_cast<double>(houses));
    }

    void add_house(Place& place, Phase phase, Index<Bus> pole, Index<Area> area, double angle) {
        double const length_m = to_tenth(draw_.uniform(shortest_drop_m, longest_drop_m));
        auto const& at = buses_[pole];
        auto const bus = add_bus('h', PhaseSet::split(), secondary_v, at.x + length_m * std::cos(angle),
                                 at.y + length_m * std::sin(angle));
        static double const ampacity_a = triplex_1_0_aluminium().ampacity_a;
        Line const drop{.from = pole,
                        .to = bus,
                        .phases = {Phase::s1, Phase::s2},
                        .conductors = 2,
                        .code = types().drop,
                        .length_m = length_m,
                        .rating = {.normal_a = ampacity_a},
                        .area = area};
        lines_.add(drop, Label{"drop", 'h', bus.value()}, network_);
        // The median of a lognormal distribution with this mean.
        static double const median_w = mean_house_w * std::exp(-0.5 * house_sigma * house_sigma);
        add_load(place, {phase}, 'h', bus, PhaseSet::split(),
                 std::round(draw_.lognormal(median_w, house_sigma, smallest_house_w, largest_house_w)), area);
        // Drawn whether there is PV or not: a larger share adds systems and changes none.
        bool const has_pv = draw_.uniform() < options_.pv_penetration;
        double const pv_w =
            100.0 * std::round(draw_.lognormal(median_pv_w, pv_sigma, smallest_pv_w, largest_pv_w) / 100.0);
        if (has_pv) add_pv('h', bus, PhaseSet::split(), pv_w, area);
    }

    // ---- what an engineer would choose once the loads are known -----------------------------------------------

    /// Conductors and taps. Where the voltage would fall too low conductors are chosen for twice as much, as often as needed.
    void plan() {
        for (auto id = places_.size() - 1; id > 0; --id) {
            auto& above = places_[static_cast<PlaceId>(places_[id].parent)];
            for (std::size_t phase = 0; phase < 3; ++phase) {
                above.p_w[phase] += places_[id].p_w[phase];
                above.q_var[phase] += places_[id].q_var[phase];
            }
        }
        constexpr double most_reserve = 64.0;
        for (double reserve = 1.0; reserve <= most_reserve && string_all(reserve) < lowest_planned_pu; reserve *= 2.0) {
        }
    }

    /// \return the lowest voltage on the primary, pu.
    double string_all(double reserve) {
        std::vector<PerPhase> v_pu(places_.size());
        auto const& head = places_.front();
        double const per_phase_va = short_circuit_va_per_feeder / 3.0;
        for (std::size_t phase = 0; phase < 3; ++phase)
            v_pu[0][phase] = source_pu - (head.p_w[phase] / source_x_over_r + head.q_var[phase]) / per_phase_va;
        double lowest = source_pu;
        for (PlaceId id = 1; id < places_.size(); ++id) {
            auto const& place = places_[id];
            auto& v = v_pu[id];
            v = v_pu[static_cast<PlaceId>(place.parent)];
            if (place.line.valid()) string_line(place, reserve, v);
            if (place.first_tap.valid()) set_taps(place, v);
            for (auto phase : place.phases.list()) lowest = std::min(lowest, v[slot(phase)]);
        }
        return lowest;
    }

    /// Chooses the conductor and takes the drop along the line off the voltage, as the linear model has it
    /// (docs/equations.md#lindist3flow) at voltages near nominal.
    void string_line(Place const& place, double reserve, PerPhase& v_pu) {
        auto& line = lines_[place.line];
        auto const& lines = overhead_lines();
        double p_w = 0.0, q_var = 0.0;
        for (std::size_t phase = 0; phase < 3; ++phase) {
            p_w += place.p_w[phase];
            q_var += place.q_var[phase];
        }
        double const va = reserve * std::hypot(p_w, q_var);
        auto const fits = [&](OverheadLine const& candidate) {
            return candidate.code.conductors == line.conductors && (line.conductors < 3 || va <= candidate.largest_va);
        };
        auto const chosen = std::ranges::find_if(lines, fits);
        line.code = types().overhead[static_cast<std::size_t>(chosen - lines.begin())];
        line.rating.normal_a = chosen->ampacity_a;
        for (std::size_t i = 0; i < line.conductors; ++i) {
            auto const m = slot(line.phases[i]);
            double drop = 0.0;
            for (std::size_t k = 0; k < line.conductors; ++k) {
                auto const n = slot(line.phases[k]);
                double const r = chosen->code.r_ohm[i][k], x = chosen->code.x_ohm[i][k];
                // Phase n lags m by 120 degrees, or leads it.
                double const turn = m == n ? 0.0 : (n + 3 - m) % 3 == 1 ? 0.5 * std::sqrt(3.0) : -0.5 * std::sqrt(3.0);
                double const along = m == n ? 1.0 : -0.5;
                drop += (along * r + turn * x) * place.p_w[n] + (along * x - turn * r) * place.q_var[n];
            }
            v_pu[m] -= line.length_m * drop / (primary_v * primary_v);
        }
    }

    /// Brings every phase back to what is regulated.
    void set_taps(Place const& place, PerPhase& v_pu) {
        for (std::size_t i = 0; i < place.phases.size(); ++i) {
            auto& tap = taps_[Index<feeder::TapChanger>{place.first_tap.at() + i}];
            auto& v = v_pu[i];  // of three phases
            tap.step = std::clamp(std::round((regulated_pu / v - 1.0) / (tap.increment_percent / 100.0)),
                                  static_cast<double>(tap.low_step), static_cast<double>(tap.high_step));
            v *= tap.ratio();
        }
    }

    static constexpr Index<Area> own_area{std::int32_t{0}};  // the feeder's own

    GenerateOptions const& options_;
    Plot const& plot_;
    GrownBefore const& before_;
    Feeder& feeder_;
    std::uint64_t network_;
    Stream draw_;
    Growing<Bus> buses_;
    Growing<Line> lines_;
    Growing<Switch> switches_;
    Growing<Bank> banks_;
    Growing<Transformer> transformers_;
    Growing<feeder::TapChanger> taps_;
    Growing<feeder::Load> loads_;
    Growing<feeder::Capacitor> capacitors_;
    Growing<feeder::PvSystem> pv_;
    Growing<Area> areas_;
    std::vector<Zone> zones_;
    std::vector<Place> places_;
    std::vector<PlaceId> trunk_;  // from the head to the newest bus
    std::vector<PlaceId> path_;   // likewise of a lateral
    double base_heading_;
    std::array<double, 3> buses_on_{};  // of laterals, per phase
    std::int64_t next_lateral_ = 0;     // drawn and not yet grown; 0: none
    std::int64_t switch_areas_ = 0;
};

}  // namespace

std::array<char, 36> generated_mrid(std::uint64_t network, std::uint64_t kind, std::uint64_t row) {
    auto const bits = mix(network ^ mix(kind << 32U | row));
    return core::uuid_of_bits(bits, mix(bits ^ network));
}

std::int64_t grow_feeder(GenerateOptions const& options, Plot const& plot, GrownBefore const& before, Feeder& into) {
    return Growth{options, plot, before, into}.run();
}

}  // namespace dec::synthesis
