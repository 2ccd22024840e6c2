#include "dec/synthesis/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "additions.hpp"
#include "dec/core/error.hpp"
#include "dec/core/uuid.hpp"
#include "draw.hpp"
#include "equipment.hpp"
#include "growth.hpp"

namespace dec::synthesis {

namespace {

using feeder::Feeder;
using feeder::PhaseSet;

constexpr double buses_per_feeder = 6000.0;
constexpr double smallest_feeder = 0.7, largest_feeder = 1.3;  // of the mean
constexpr std::int64_t feeders_per_place = 4;                  // of a network, on the map
constexpr double between_substations_m = 7000.0;               // on the map

void require_within(GenerateOptions const& options) {
    std::vector<core::Finding> findings;
    auto const find = [&](std::string_view option, std::string problem, std::string remedy) {
        findings.push_back({{}, std::string{option}, std::move(problem), std::move(remedy)});
    };
    if (options.buses < least_generated_buses || options.buses > most_generated_buses)
        find("--buses", fmt::format("{} cannot be generated", options.buses),
             fmt::format("give {} to {}", least_generated_buses, most_generated_buses));
    auto const most_feeders = options.buses / least_generated_buses;
    for (auto const& [option, count] :
         {std::pair{"--feeders", options.feeders}, {"--substations", options.substations}})
        if (count < 0 || count > most_feeders)
            find(option, fmt::format("{} do not fit {} buses", count, options.buses),
                 fmt::format("give at most {}: a feeder has at least {} buses", most_feeders, least_generated_buses));
    if (options.feeders > 0 && options.substations > options.feeders)
        find("--substations", fmt::format("{} are more than {} feeders", options.substations, options.feeders),
             "a substation has at least one");
    if (!(options.pv_penetration >= 0.0 && options.pv_penetration <= 1.0))
        find("--pv-penetration", fmt::format("{} is no share", options.pv_penetration), "give 0 to 1");
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

std::int64_t feeders_of(GenerateOptions const& options) {
    if (options.feeders > 0) return options.feeders;
    auto const usual = std::llround(static_cast<double>(options.buses) / buses_per_feeder);
    return std::max<std::int64_t>({1, options.substations, usual});
}

/// Where a feeder is: its substation (in a network, so many feeders at one place), and which of the substation's it is.
struct Position {
    std::int64_t substation = 0, feeder = 0, feeders = 1;
};
Position position_of(std::int64_t number, std::int64_t feeders, std::int64_t substations) {
    if (substations == 0) {
        auto const place = number / feeders_per_place, first = place * feeders_per_place;
        return {place, number - first, std::min(feeders_per_place, feeders - first)};
    }
    // Substation s has the feeders from ceil(s F / S) on.
    auto const first_of = [&](std::int64_t s) { return (s * feeders + substations - 1) / substations; };
    auto s = number * substations / feeders;
    while (first_of(s + 1) <= number) ++s;
    return {s, number - first_of(s), first_of(s + 1) - first_of(s)};
}

/// Substations fill a disc evenly; feeders leave them in all directions.
void put_on_the_map(Plot& plot, Position const& at, std::uint64_t seed) {
    static double const golden_angle = std::numbers::pi * (3.0 - std::sqrt(5.0));
    auto const number = static_cast<double>(at.substation);
    double const distance_m = between_substations_m * std::sqrt(number);
    plot.x = distance_m * std::cos(golden_angle * number);
    plot.y = distance_m * std::sin(golden_angle * number);
    double const turn = uniform(seed, "substation direction", fmt::format("{}", at.substation)) +
                        static_cast<double>(at.feeder) / static_cast<double>(at.feeders);
    plot.heading = 2.0 * std::numbers::pi * turn;
}

feeder::Heading name_within(feeder::Heading heading) {
    heading.origin = heading.name;
    heading.substation_mrid = core::name_uuid(heading.mrid, heading.substation);
    heading.subregion_mrid = core::name_uuid(heading.mrid, heading.subregion);
    heading.region_mrid = core::name_uuid(heading.mrid, heading.region);
    return heading;
}

/// What a network begins with: its source, as strong as so many feeders need, types and the area of the whole.
void begin_network(Feeder& network, double feeders) {
    auto const& mrid = network.heading.mrid;
    // Where rows of other networks are here already, this one counts from its own.
    core::Index<feeder::Bus> const bus{std::int32_t{0}};
    auto const name_row = [&](std::string_view kind) { return mrid_of(network, kind, "source"); };
    network.buses.add({PhaseSet::abc(), primary_line_v / std::sqrt(3.0), 0.0, 0.0}, "source", name_row("bus"));
    double const z = primary_line_v * primary_line_v / (short_circuit_va_per_feeder * feeders);
    double const r = z / std::hypot(1.0, source_x_over_r);
    network.sources.add({.bus = bus,
                         .nominal_v = primary_line_v,
                         .voltage_v = source_pu * primary_line_v,
                         .r_ohm = r,
                         .x_ohm = source_x_over_r * r,
                         .r0_ohm = r,
                         .x0_ohm = source_x_over_r * r,
                         .area = core::Index<feeder::Area>{std::int32_t{0}}},
                        "source", name_row("source"));
    add_types(network);
    network.areas.add({feeder::Area::Kind::feeder, {}}, mrid, core::name_uuid(mrid, "area " + mrid));
}

}  // namespace

void GrownBefore::add(GrownBefore const& more) {
    for (std::size_t table = 0; table < rows.size(); ++table) rows[table] += more.rows[table];
    switch_areas += more.switch_areas;
}

Generator::Generator(GenerateOptions const& options) : options_{options} {
    require_within(options);
    auto const feeders = feeders_of(options);
    std::vector<double> weight;
    double all = 0.0;
    for (std::int64_t f = 0; f < feeders; ++f) {
        weight.push_back(smallest_feeder + (largest_feeder - smallest_feeder) *
                                               uniform(options.seed, "feeder size", fmt::format("{}", f)));
        all += weight.back();
    }
    // Every feeder has its least, the rest is shared by weight.
    double before = 0.0;
    std::int64_t begin = 0;
    auto const to_share = options.buses - feeders * least_generated_buses;
    for (std::int64_t f = 0; f < feeders; ++f) {
        before += weight[static_cast<std::size_t>(f)];
        auto const share = f + 1 == feeders ? to_share : std::llround(before / all * static_cast<double>(to_share));
        auto const end = (f + 1) * least_generated_buses + share;
        shares_.push_back({f, is_region() ? 0 : begin, end - begin});
        begin = end;
    }
}

feeder::Heading Generator::heading() const {
    feeder::Heading heading;
    heading.name = is_region() ? fmt::format("synthetic_region_{}_{}", options_.buses, options_.seed)
                               : fmt::format("synthetic_{}_{}", options_.buses, options_.seed);
    heading.mrid = core::name_uuid("dec generate", heading.name);
    heading.substation = is_region() ? "" : "substation";
    heading.subregion = "subregion";
    heading.region = "region";
    return name_within(std::move(heading));
}

feeder::Heading Generator::heading(std::int64_t number) const {
    auto heading = this->heading();
    if (!is_region()) return heading;
    auto const at = position_of(number, feeders(), options_.substations);
    auto const region_mrid = heading.mrid;
    heading.name = fmt::format("substation_{}_feeder_{}", at.substation + 1, at.feeder + 1);
    heading.mrid = core::name_uuid(region_mrid, heading.name);
    heading.substation = fmt::format("substation_{}", at.substation + 1);
    heading.substation_mrid = core::name_uuid(region_mrid, heading.substation);
    heading.origin = heading.name;
    return heading;
}

GrownBefore Generator::grow(std::int64_t number, GrownBefore const& before, Feeder& into) const {
    auto const& share = shares_.at(static_cast<std::size_t>(number));
    into.heading = heading(number);
    auto const start = feeder::row_counts(into);
    Plot plot{.number = number, .first_bus = share.first, .buses = share.count};
    put_on_the_map(plot, position_of(number, feeders(), options_.substations), options_.seed);
    auto inside = before;
    if (share.first == 0) {
        begin_network(into, is_region() ? 1.0 : static_cast<double>(feeders()));
        auto const now = feeder::row_counts(into);
        for (std::size_t table = 0; table < now.size(); ++table) inside.rows[table] += now[table] - start[table];
        ++plot.first_bus;
        --plot.buses;
    }
    // Known without counting, so that names are right even where rows are only counted.
    inside.rows[feeder::place_of_table<feeder::Bus>()] = plot.first_bus;
    if (!is_region() && number > 0)
        plot.neighbour = std::max<std::int64_t>(1, shares_[static_cast<std::size_t>(number - 1)].first);
    GrownBefore added{{}, grow_feeder(options_, plot, inside, into)};
    added.rows = feeder::row_counts(into);
    for (std::size_t table = 0; table < start.size(); ++table) added.rows[table] -= start[table];
    return added;
}

Feeder Generator::alone(std::int64_t number) const {
    Feeder feeder;
    feeder.heading = heading(number);
    begin_network(feeder, 1.0);
    auto const& share = shares_.at(static_cast<std::size_t>(number));
    Plot plot{.number = number, .first_bus = 1, .buses = share.count - (share.first == 0 ? 1 : 0)};
    put_on_the_map(plot, position_of(number, feeders(), options_.substations), options_.seed);
    grow_feeder(options_, plot, {feeder::row_counts(feeder), 0}, feeder);
    return feeder;
}

Feeder generate(GenerateOptions const& options) {
    Generator const generator{options};
    if (generator.is_region())
        throw core::InvalidInput{core::Finding{{}, "--substations", "a region is no single feeder", "leave it out"}};
    Feeder network;
    GrownBefore before;
    for (std::int64_t number = 0; number < generator.feeders(); ++number)
        before.add(generator.grow(number, before, network));
    return network;
}

}  // namespace dec::synthesis
