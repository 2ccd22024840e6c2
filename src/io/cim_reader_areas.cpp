/// \file cim_reader_areas.cpp
/// Areas, measurements, coordinates.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cim_context.hpp"

namespace dec::io::cim {

using core::Index;
using feeder::Area;
using feeder::Measurement;

namespace {

struct AreaClass {
    std::string_view name;
    Area::Kind kind;
    Association parent;
};
/// Parents before children.
constexpr std::array area_classes{
    AreaClass{"FeederArea", Area::Kind::feeder, link::feeder_of_area},
    AreaClass{"SwitchArea", Area::Kind::switch_delimited, link::feeder_area_of_area},
    AreaClass{"SecondaryArea", Area::Kind::secondary, link::switch_area_of_area},
};

}  // namespace

void read_areas(Context& context) {
    for (auto const& [class_name, kind, parent_link] : area_classes)
        for (ObjectId id : context.objects.of_class(class_name)) {
            Area row;
            row.kind = kind;
            auto const parent = context.linked_one(id, parent_link);
            if (kind != Area::Kind::feeder) {
                if (parent.valid()) row.parent = context.area_of[parent.at()];
                if (!row.parent.valid())
                    context.finding(id, "lies in no other area", fmt::format("add {}", parent_link.here));
            }
            context.area_of[id.at()] = context.add(context.feeder.areas, row, id);
        }
}

// ---- measurements

namespace {

void read_measurement(Context& context, ObjectId id, bool discrete) {
    auto const type = from_cim(measurement_types, context.text(id, "Measurement.measurementType").value_or(""));
    if (!type) return context.ignore(id, "measures something else than PNV, VA, A, Pos or SoC");
    Measurement row;
    row.type = *type;
    row.discrete = discrete;
    if (auto const terminal = context.linked_one(id, link::terminal_of_measurement); terminal.valid())
        row.at = context.terminal_ref(terminal);
    if (auto const resource = context.linked_one(id, link::resource_of_measurement); resource.valid()) {
        auto const element = context.element_of[resource.at()];
        if (element.kind != feeder::ElementKind::none) {
            row.at.kind = element.kind;
            row.at.element = element.row;
        }
    }
    if (row.at.kind == feeder::ElementKind::none && !row.at.bus.valid())
        return context.ignore(id, "measures at something that is not read");
    auto const written = context.text(id, "Measurement.phases");
    auto const phases = Context::phase_code(written.value_or("none"));
    if (!phases)
        context.finding(id, fmt::format("phases = \"{}\" is no phase code", *written), "name A, B, C, s1 or s2");
    row.phases = phases.value_or(feeder::PhaseSet{});
    (void)context.add(context.feeder.measurements, row, id);
}

}  // namespace

void read_measurements(Context& context) {
    for (ObjectId id : context.objects.of_class("Analog")) read_measurement(context, id, false);
    for (ObjectId id : context.objects.of_class("Discrete")) read_measurement(context, id, true);
}

// ---- coordinates

namespace {

/// The point of an equipment's location that belongs to one of its terminals: the one with the terminal's number.
ObjectId point_of_terminal(Context& context, ObjectId equipment, std::int32_t number) {
    auto const location = context.linked_one(equipment, link::location_of_resource);
    if (!location.valid()) return {};
    for (ObjectId point : context.linked(location, link::points_of_location))
        if (context.integer(point, "PositionPoint.sequenceNumber").value_or(1) == number) return point;
    return {};
}

bool is_at_origin(feeder::Bus const& bus) { return bus.x == 0.0 && bus.y == 0.0; }

/// Exporters write (0, 0) for a place they do not know. One bus may lie there, not several.
void forget_unknown_places(Context& context) {
    auto const buses = context.feeder.buses.rows();
    if (std::ranges::count_if(buses, is_at_origin) < 2) return;
    for (auto id : context.feeder.buses.ids()) {
        auto& bus = context.feeder.buses[id];
        if (!is_at_origin(bus)) continue;
        bus.x = bus.y = feeder::unknown;
        context.report.add("PositionPoint.xPosition", Use::assumed, context.feeder.buses.name(id),
                           "several buses at (0, 0): place taken as unknown");
    }
}

}  // namespace

void read_coordinates(Context& context) {
    for (ObjectId terminal : context.objects.of_class("Terminal")) {
        auto const place = context.bus_of[terminal.at()];
        if (!place.valid()) continue;
        auto& bus = context.feeder.buses[place];
        if (!std::isnan(bus.x) && !is_at_origin(bus)) continue;
        auto const equipment = context.linked_one(terminal, link::equipment_of_terminal);
        if (!equipment.valid()) continue;
        auto const number = context.integer(terminal, "ACDCTerminal.sequenceNumber").value_or(1);
        auto const point = point_of_terminal(context, equipment, number);
        if (!point.valid()) continue;
        auto const x = context.number(point, "PositionPoint.xPosition");
        auto const y = context.number(point, "PositionPoint.yPosition");
        if (!x || !y) continue;
        bus.x = *x;
        bus.y = *y;
    }
    forget_unknown_places(context);
}

}  // namespace dec::io::cim
