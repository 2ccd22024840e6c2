/// \file dss_geometry.cpp
/// Conductors and where they hang: wiredata, cndata, tsdata, linespacing and linegeometry become cross sections whose
/// constants feeder/line_constants.hpp works out.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dec/feeder/line_constants.hpp"
#include "dss_context.hpp"

namespace dec::io::dss {

using feeder::unknown;

namespace {

struct Conductor {
    feeder::Wire wire;
    std::optional<feeder::Cable> cable;
    double normal_a = -1.0, emergency_a = -1.0;
};

/// Units may come after the values, and one of GMR and radius takes the other's.
Conductor read_conductor(Context& context, Object const& object) {
    Conductor conductor;
    double r_dc = unknown, r_ac = unknown, gmr = unknown, radius = unknown, capacitance_radius = unknown;
    std::optional<double> r_unit, gmr_unit, radius_unit;
    feeder::Cable cable;
    feeder::ConcentricNeutral strands{.strands = 2};
    feeder::TapeShield tape;
    double over_cable = unknown;
    context.replay(object, [&](Said const& said) {
        if (said.is("rdc")) r_dc = said.number();
        else if (said.is("rac")) r_ac = said.number();
        else if (said.is("runits")) r_unit = metres_of(said.text());
        else if (said.is("gmrac")) gmr = said.number();
        else if (said.is("gmrunits")) gmr_unit = metres_of(said.text());
        else if (said.is("radius")) radius = said.number();
        else if (said.is("diam")) radius = 0.5 * said.number();
        else if (said.is("capradius")) capacitance_radius = said.number();
        else if (said.is("radunits")) radius_unit = metres_of(said.text());
        else if (said.is("normamps")) conductor.normal_a = said.number();
        else if (said.is("emergamps")) conductor.emergency_a = said.number();
        else if (said.is("epsr")) cable.relative_permittivity = said.number();
        else if (said.is("inslayer")) cable.insulation_thickness_m = said.number();
        else if (said.is("diains")) cable.insulation_outer_diameter_m = said.number();
        else if (said.is("diacable")) over_cable = said.number();
        else if (said.is("k")) strands.strands = said.integer();
        else if (said.is("diastrand")) strands.strand_diameter_m = said.number();
        else if (said.is("gmrstrand")) strands.strand_gmr_m = said.number();
        else if (said.is("rstrand")) strands.strand_r_ohm_m = said.number();
        else if (said.is("diashield")) tape.outer_diameter_m = said.number();
        else if (said.is("tapelayer")) tape.thickness_m = said.number();
        else if (said.is("tapelap")) tape.lap_percent = said.number();
    });
    if (conductor.normal_a < 0.0 && conductor.emergency_a >= 0.0) conductor.normal_a = conductor.emergency_a / 1.5;
    if (conductor.emergency_a < 0.0 && conductor.normal_a >= 0.0) conductor.emergency_a = 1.5 * conductor.normal_a;
    if (!radius_unit) radius_unit = gmr_unit;
    if (!gmr_unit) gmr_unit = radius_unit;
    double const per_metre = 1.0 / r_unit.value_or(1.0), of_radius = radius_unit.value_or(1.0);
    conductor.wire = {.radius_m = radius * of_radius,
                      .gmr_m = gmr * gmr_unit.value_or(1.0),
                      .r_dc_ohm_m = (std::isnan(r_dc) ? r_ac / 1.02 : r_dc) * per_metre,
                      .r_ac_ohm_m = (std::isnan(r_ac) ? 1.02 * r_dc : r_ac) * per_metre,
                      .capacitance_radius_m = capacitance_radius * of_radius};
    if (std::isnan(radius)) conductor.wire.radius_m = conductor.wire.gmr_m / 0.7788;
    if (object.kind == Class::wire_data) return conductor;
    // All diameters of a cable are in the unit of its radius.
    cable.insulation_thickness_m *= of_radius;
    cable.insulation_outer_diameter_m *= of_radius;
    if (object.kind == Class::cn_data) {
        strands.strand_diameter_m *= of_radius;
        strands.strand_gmr_m *= gmr_unit.value_or(1.0);
        strands.strand_r_ohm_m *= per_metre;
        strands.outer_diameter_m = over_cable * of_radius;
        cable.shield = strands;
    } else {
        tape.outer_diameter_m *= of_radius;
        tape.thickness_m *= of_radius;
        cable.shield = tape;
    }
    conductor.cable = cable;
    return conductor;
}

struct Spacing {
    std::size_t conductors = 3, phases = 3;
    std::vector<double> x, h;
    double metres = 0.3048;
};

Spacing read_spacing(Context& context, Object const& object) {
    Spacing spacing;
    context.replay(object, [&](Said const& said) {
        if (said.is("nconds")) spacing.conductors = static_cast<std::size_t>(std::clamp(said.integer(), 1, 12));
        else if (said.is("nphases")) spacing.phases = static_cast<std::size_t>(std::clamp(said.integer(), 1, 12));
        else if (said.is("x")) spacing.x = said.numbers();
        else if (said.is("h")) spacing.h = said.numbers();
        else if (said.is("units")) spacing.metres = metres_of(said.text()).value_or(1.0);
    });
    spacing.x.resize(spacing.conductors);
    spacing.h.resize(spacing.conductors);
    return spacing;
}

/// One conductor of a geometry as far as it was said.
struct Hung {
    Object const* conductor = nullptr;
    double x = 0.0, h = 0.0;
    std::optional<double> metres;
};

std::optional<Constants> work_out(Context& context, Object const& line, std::vector<Hung> const& hung,
                                  std::size_t phases, EarthModel earth, double resistivity) {
    feeder::LineGeometry geometry{.phases = phases};
    Constants result{.phases = phases};
    for (auto const& place : hung) {
        if (place.conductor == nullptr) {
            context.finding(line, "has a conductor of which nothing is known", "give each place a wire or a cable");
            return std::nullopt;
        }
        auto const conductor = read_conductor(context, *place.conductor);
        double const metres = place.metres.value_or(0.3048);
        geometry.conductors.push_back({conductor.wire, conductor.cable, place.x * metres, place.h * metres});
        if (geometry.conductors.size() > 1) continue;
        result.normal_a = conductor.normal_a;
        result.emergency_a = conductor.emergency_a;
    }
    if (phases > 3) {
        context.finding(line, fmt::format("has {} phases", phases), "a line here has one to three");
        return std::nullopt;
    }
    if (auto const problem = feeder::geometry_problem(geometry); !problem.empty()) {
        context.finding(line, problem, "correct its linegeometry, its spacing or its wires");
        return std::nullopt;
    }
    result.code = feeder::line_constants(geometry, {earth, resistivity}, context.circuit.options.frequency_hz);
    return result;
}

}  // namespace

std::pair<std::size_t, std::size_t> size_of_spacing(Context& context, Object const& spacing) {
    auto const read = read_spacing(context, spacing);
    return {read.conductors, read.phases};
}

void read_conductors(Context& context, Said const& said, Class kind, std::size_t first,
                     std::vector<Object const*>& conductors) {
    auto place = first;
    for (auto const name : said.texts()) {
        auto const* const found = context.circuit.find(kind, name);
        if (found == nullptr)
            said.finding(fmt::format("{} names {}, which is not there", said.name(), name),
                         "define it, or correct the name");
        if (place >= conductors.size()) {
            said.finding(fmt::format("{} names more than {} conductors", said.name(), conductors.size() - first),
                         "give as many as there are places, and their number before");
            return;
        }
        conductors[place++] = found;
    }
}

std::optional<Constants> constants_of_geometry(Context& context, Object const& line, Object const& geometry,
                                               EarthModel earth, double resistivity) {
    std::vector<Hung> hung;
    std::size_t phases = 0, at = 0;
    double normal_a = unknown, emergency_a = unknown;
    std::optional<double> last_unit = 0.3048;
    bool has_cables = false, reduces = false;
    context.replay(geometry, [&](Said const& said) {
        if (said.is("nconds")) hung.assign(static_cast<std::size_t>(std::clamp(said.integer(), 1, 12)), {});
        else if (said.is("nphases")) phases = static_cast<std::size_t>(std::clamp(said.integer(), 1, 12));
        else if (said.is("reduce")) reduces = said.flag();
        else if (said.is("normamps")) normal_a = said.number();
        else if (said.is("emergamps")) emergency_a = said.number();
        else if (said.is("cond")) {
            at = static_cast<std::size_t>(std::clamp(said.integer(), 1, 12)) - 1;
            if (at >= hung.size()) {
                said.finding(fmt::format("has no conductor {}", at + 1), "give nconds before");
                hung.resize(at + 1);
            }
            if (!hung[at].metres) hung[at].metres = last_unit;
        } else if (said.is("spacing")) {
            auto const* const found = context.reference(said, Class::line_spacing);
            if (found == nullptr) return;
            auto const spacing = read_spacing(context, *found);
            if (spacing.conductors != hung.size())
                return said.finding(fmt::format("has {} conductors, its spacing {}", hung.size(), spacing.conductors),
                                    "use a spacing for as many");
            for (std::size_t i = 0; i < hung.size(); ++i) {
                hung[i].x = spacing.x[i];
                hung[i].h = spacing.h[i];
                hung[i].metres = spacing.metres;
            }
        } else if (said.is("wires") || said.is("cncables") || said.is("tscables")) {
            std::vector<Object const*> conductors(hung.size());
            auto const kind = said.is("wires")      ? Class::wire_data
                              : said.is("cncables") ? Class::cn_data
                                                    : Class::ts_data;
            auto const first = kind == Class::wire_data && has_cables ? phases : 0;
            read_conductors(context, said, kind, first, conductors);
            for (std::size_t i = first; i < hung.size(); ++i)
                if (conductors[i] != nullptr) hung[i].conductor = conductors[i];
            has_cables = has_cables || kind != Class::wire_data;
        } else if (hung.empty()) {
            said.finding("has places before it has conductors", "give nconds first");
        } else if (said.is("wire") || said.is("cncable") || said.is("tscable")) {
            auto const kind = said.is("wire") ? Class::wire_data : said.is("cncable") ? Class::cn_data : Class::ts_data;
            hung[at].conductor = context.reference(said, kind);
            has_cables = has_cables || kind != Class::wire_data;
        } else if (said.is("x")) {
            hung[at].x = said.number();
        } else if (said.is("h")) {
            hung[at].h = said.number();
        } else if (said.is("units")) {
            hung[at].metres = last_unit = metres_of(said.text());
        }
    });
    if (!reduces && hung.size() > phases)
        context.assume("neutral conductor", geometry, "not reduced in the file: taken as grounded everywhere");
    auto result = work_out(context, line, hung, phases, earth, resistivity);
    if (result && normal_a > 0.0) result->normal_a = normal_a;
    if (result && emergency_a > 0.0) result->emergency_a = emergency_a;
    return result;
}

std::optional<Constants> constants_of_spacing(Context& context, Object const& line, Object const& spacing,
                                              std::vector<Object const*> const& conductors, EarthModel earth,
                                              double resistivity) {
    auto const places = read_spacing(context, spacing);
    std::vector<Hung> hung;
    for (std::size_t i = 0; i < places.conductors; ++i)
        hung.push_back({i < conductors.size() ? conductors[i] : nullptr, places.x[i], places.h[i], places.metres});
    return work_out(context, line, hung, places.phases, earth, resistivity);
}

}  // namespace dec::io::dss
