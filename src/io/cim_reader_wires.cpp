#include "cim_reader_wires.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace dec::io::cim {

using core::Index;
using feeder::Cable;
using feeder::ConcentricNeutral;
using feeder::LineCode;
using feeder::LineGeometry;
using feeder::PlacedConductor;
using feeder::TapeShield;

namespace {

constexpr double frequency_hz = 60.0;

/// Absent: unknown, and the report says what follows from the rest.
double number_or_derived(Context& context, ObjectId id, std::string_view attribute, std::string_view derived) {
    if (auto const value = context.number(id, attribute)) return *value;
    context.assume(id, qualified(context.objects.class_name(id), attribute), fmt::format("absent: {} taken", derived));
    return feeder::unknown;
}

/// The AC resistance at a temperature that is usual for impedances; files give one value for all of them, or some.
double ac_resistance(Context& context, ObjectId id) {
    std::optional<double> first;
    for (auto const* attribute : {"WireInfo.rAC50", "WireInfo.rAC75", "WireInfo.rAC25"})
        if (auto const value = context.number(id, attribute); value && !first) first = value;
    if (first) return *first;
    context.assume(id, qualified(context.objects.class_name(id), "WireInfo.rAC50"), "absent: 1.02 rDC20 taken");
    return feeder::unknown;
}

ConcentricNeutral read_neutral(Context& context, ObjectId id) {
    ConcentricNeutral neutral;
    neutral.strands = context.integer(id, "ConcentricNeutralCableInfo.neutralStrandCount").value_or(0);
    neutral.strand_diameter_m = 2.0 * context.required_number(id, "ConcentricNeutralCableInfo.neutralStrandRadius");
    neutral.strand_gmr_m =
        number_or_derived(context, id, "ConcentricNeutralCableInfo.neutralStrandGmr", "0.7788 of the strand's radius");
    neutral.strand_r_ohm_m = context.required_number(id, "ConcentricNeutralCableInfo.neutralStrandRDC20");
    neutral.outer_diameter_m = context.required_number(id, "ConcentricNeutralCableInfo.diameterOverNeutral");
    return neutral;
}

TapeShield read_tape(Context& context, ObjectId id) {
    TapeShield tape;
    tape.thickness_m = context.required_number(id, "TapeShieldCableInfo.tapeThickness");
    tape.lap_percent = context.number_or(id, "TapeShieldCableInfo.tapeLap", tape.lap_percent);
    // the diameter over the screen is that under the shield (IEC 61968-11)
    tape.outer_diameter_m = context.required_number(id, "CableInfo.diameterOverScreen") + 2.0 * tape.thickness_m;
    return tape;
}

PlacedConductor read_conductor(Context& context, ObjectId id) {
    PlacedConductor conductor;
    conductor.wire.gmr_m = number_or_derived(context, id, "WireInfo.gmr", "0.7788 of the radius");
    conductor.wire.radius_m = number_or_derived(context, id, "WireInfo.radius", "gmr / 0.7788");
    conductor.wire.r_dc_ohm_m = number_or_derived(context, id, "WireInfo.rDC20", "AC resistance / 1.02");
    conductor.wire.r_ac_ohm_m = ac_resistance(context, id);
    auto const class_name = context.objects.class_name(id);
    if (class_name == "OverheadWireInfo") return conductor;
    Cable cable;
    cable.relative_permittivity = context.number_or(id, "CableInfo.relativePermittivity", cable.relative_permittivity);
    cable.insulation_outer_diameter_m = context.required_number(id, "CableInfo.diameterOverInsulation");
    cable.insulation_thickness_m = context.required_number(id, "WireInfo.insulationThickness");
    if (class_name == "ConcentricNeutralCableInfo") cable.shield = read_neutral(context, id);
    else cable.shield = read_tape(context, id);
    conductor.cable = cable;
    return conductor;
}

}  // namespace

std::vector<WireCodes::Use> WireCodes::uses(ObjectId line, std::size_t& without_wire) {
    std::vector<Use> found;
    std::int32_t place = 0;
    for (ObjectId phase : context_.linked_in_order(line, link::phases_of_line, "ACLineSegmentPhase.sequenceNumber")) {
        ++place;
        auto const wires = context_.datasheets(
            phase, link::wire_of_phase, {"OverheadWireInfo", "ConcentricNeutralCableInfo", "TapeShieldCableInfo"});
        if (wires.empty()) ++without_wire;
        if (wires.size() > 1)
            context_.finding(phase,
                             fmt::format("is both {} and {}", context_.describe(wires[0]), context_.describe(wires[1])),
                             "keep one WireInfo");
        auto const is_neutral = context_.text(phase, "ACLineSegmentPhase.phase").value_or("") == "N";
        found.push_back({context_.integer(phase, "ACLineSegmentPhase.sequenceNumber").value_or(place), is_neutral,
                         wires.empty() ? ObjectId{} : wires.front()});
    }
    return found;
}

std::string WireCodes::unused_name(Construction const& construction) {
    std::string name{context_.name(construction.first)};
    if (names_.contains(name))
        for (auto const& use : construction.second) name.append(" ").append(context_.name(use.wire));
    for (std::size_t i = 2; !names_.insert(name).second; ++i) name += fmt::format(" ({})", i);
    return name;
}

Index<LineCode> WireCodes::calculated(ObjectId line, Construction const& construction) {
    auto const& [spacing, wires] = construction;
    std::map<std::int32_t, ObjectId> positions;
    for (ObjectId position :
         context_.linked_in_order(spacing, link::positions_of_spacing, "WirePosition.sequenceNumber"))
        positions[context_.integer(position, "WirePosition.sequenceNumber")
                      .value_or(static_cast<std::int32_t>(positions.size()) + 1)] = position;
    auto const count = context_.integer(spacing, "WireSpacingInfo.phaseWireCount").value_or(1);
    auto const apart_m = context_.number(spacing, "WireSpacingInfo.phaseWireSpacing").value_or(0.0);

    LineGeometry geometry;
    for (bool const neutrals : {false, true})
        for (auto const& use : wires) {
            if (use.is_neutral != neutrals) continue;
            auto const position = positions.find(use.number);
            if (position == positions.end()) {
                context_.finding(
                    spacing, fmt::format("has no position for conductor {} of {}", use.number, context_.describe(line)),
                    "add a WirePosition with its sequenceNumber");
                return {};
            }
            if (!conductors_.contains(use.wire)) conductors_[use.wire] = read_conductor(context_, use.wire);
            auto conductor = conductors_.at(use.wire);
            conductor.x_m = context_.required_number(position->second, "WirePosition.xCoord");
            conductor.y_m = context_.required_number(position->second, "WirePosition.yCoord");
            if (!neutrals && count > 1) {
                if (conductor.cable || !(apart_m > 0.0)) {
                    context_.finding(spacing, fmt::format("bundles {} wires of a phase {} m apart", count, apart_m),
                                     "bare wires some way apart can be bundled");
                    return {};
                }
                conductor.wire = feeder::bundle(conductor.wire, count, apart_m);
            }
            geometry.conductors.push_back(conductor);
            if (!neutrals) ++geometry.phases;
        }
    if (positions.size() > wires.size()) {
        context_.finding(spacing,
                         fmt::format("has {} positions for the {} conductors of {}", positions.size(), wires.size(),
                                     context_.describe(line)),
                         "name the wire of every position; a neutral is an ACLineSegmentPhase of phase N");
        return {};
    }
    if (auto const problem = feeder::geometry_problem(geometry); !problem.empty()) {
        context_.finding(spacing, fmt::format("{}, for example in {}", problem, context_.describe(line)),
                         "correct the wires or their positions");
        return {};
    }
    auto const code = feeder::line_constants(geometry, context_.options.earth, frequency_hz);
    return context_.feeder.line_codes.add(code, unused_name(construction), {});
}

Index<LineCode> WireCodes::code_of(ObjectId line) {
    auto const spacings = context_.datasheets(line, link::spacing_of_line, {"WireSpacingInfo"});
    std::size_t without_wire = 0;
    auto const wires = uses(line, without_wire);
    if (spacings.empty() && without_wire == wires.size()) return {};
    if (spacings.size() != 1 || without_wire > 0) {
        context_.finding(line,
                         spacings.size() == 1
                             ? fmt::format("has {} of {} conductors without a wire", without_wire, wires.size())
                             : fmt::format("has wires and {} spacings", spacings.size()),
                         "give it one WireSpacingInfo, and each of its phases a WireInfo");
        return {};
    }
    context_.assume(line, "ACLineSegment.WireSpacingInfo",
                    fmt::format("impedance calculated by the {} earth model with {:g} ohm m at {:g} Hz",
                                feeder::to_text(context_.options.earth.model), context_.options.earth.resistivity_ohm_m,
                                frequency_hz));
    auto const [place, is_new] = codes_.try_emplace({spacings.front(), wires});
    if (is_new) place->second = calculated(line, place->first);
    return place->second;
}

}  // namespace dec::io::cim
