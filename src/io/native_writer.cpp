#include <algorithm>
#include <type_traits>
#include <vector>

#include "dec/io/native.hpp"
#include "native_columns.hpp"

namespace dec::io {

namespace {

using feeder::Bus;
using feeder::Feeder;
using feeder::Table;
using native::Coding;
using native::Flat;

template <class Row, class Field, class Access>
core::BlockData column_of(Table<Row> const& table, std::type_identity<Field>, Access const& access) {
    using Code = Coding<typename Flat<Field>::Value>;
    std::vector<typename Code::Stored> values;
    values.reserve(table.size() * Flat<Field>::size);
    for (auto const& row : table.rows())
        Flat<Field>::visit(access(row), [&](auto const& value) { values.push_back(Code::encode(value)); });
    return values;
}

core::Attributes heading_of(Feeder const& feeder) {
    core::Attributes attributes{{"format", std::string{native_format_name}},
                                {"format_version", native_format_version},
                                {"order", std::string{is_depth_first(feeder) ? "depth-first" : "free"}}};
    feeder::visit_fields<feeder::Heading>([&](std::string const& name, std::string_view, auto const& access) {
        if (&access(feeder.heading) != &feeder.heading.origin) attributes.emplace(name, access(feeder.heading));
    });
    return attributes;
}

/// Both ends of everything that joins two buses, open switches included: `visit(a, b)`, -1 where there is no bus.
template <class Visit>
void for_each_branch(Feeder const& feeder, Visit&& visit) {
    auto const two_ended = [&](auto const& table) {
        for (auto const& row : table.rows()) visit(row.from.value(), row.to.value());
    };
    two_ended(feeder.lines);
    two_ended(feeder.switches);
    two_ended(feeder.series_compensators);
    for (auto const& unit : feeder.transformers.rows())
        for (std::size_t w = 1; w < unit.winding.size(); ++w)
            visit(unit.winding[0].bus.value(), unit.winding[w].bus.value());
}

bool sorted_by_bus(Feeder const& feeder) {
    auto const sorted = [](auto const& table, auto const& bus_of) {
        return std::ranges::is_sorted(table.rows(), {}, bus_of);
    };
    auto const later_end = [](auto const& row) { return std::max(row.from, row.to); };
    auto const bus = [](auto const& row) { return row.bus; };
    auto const inverter_bus = [](auto const& row) { return row.inverter.bus; };
    auto const last_winding = [](feeder::Transformer const& unit) {
        return std::max({unit.winding[0].bus, unit.winding[1].bus, unit.winding[2].bus});
    };
    return sorted(feeder.lines, later_end) && sorted(feeder.switches, later_end) &&
           sorted(feeder.series_compensators, later_end) && sorted(feeder.transformers, last_winding) &&
           sorted(feeder.loads, bus) && sorted(feeder.capacitors, bus) && sorted(feeder.machines, bus) &&
           sorted(feeder.pv_systems, inverter_bus) && sorted(feeder.batteries, inverter_bus);
}

}  // namespace

bool is_depth_first(Feeder const& feeder) {
    auto const buses = feeder.buses.size();
    if (buses == 0 || feeder.sources.size() != 1 || feeder.sources.rows()[0].bus.value() != 0) return false;
    if (!sorted_by_bus(feeder)) return false;
    // A bus hangs on the nearest of its earlier neighbours: an open tie leads further back.
    std::vector<std::int32_t> above(buses, -1);
    for_each_branch(feeder, [&](std::int32_t a, std::int32_t b) {
        auto const low = std::min(a, b), high = std::max(a, b);
        if (low < 0 || low == high) return;
        auto& parent = above[static_cast<std::size_t>(high)];
        parent = std::max(parent, low);
    });
    std::vector<std::int32_t> path{0};
    for (std::size_t bus = 1; bus < buses; ++bus) {
        while (!path.empty() && path.back() != above[bus]) path.pop_back();
        if (path.empty()) return false;
        path.push_back(static_cast<std::int32_t>(bus));
    }
    return true;
}

void write_native(Feeder const& feeder, std::string const& path) {
    core::Hdf5Writer writer{core::Communicator{MPI_COMM_SELF}, path};
    writer.attributes("/", heading_of(feeder));
    feeder::for_each_table(feeder, [&]<class Row>(std::string_view label, Table<Row> const& table) {
        auto const group = native::group_of(label);
        auto const rows = static_cast<std::int64_t>(table.size());
        native::visit_texts<Row>(
            table, feeder, [&](std::string_view name, std::string_view meaning, core::TextColumn const& texts) {
                writer.block(group, {.name = std::string{name}, .meaning = std::string{meaning}, .data = texts}, rows,
                             0);
            });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field> type, std::string const& name,
                                                    std::string_view unit, std::string const& meaning,
                                                    auto const& access) {
            writer.block(group,
                         {.name = name,
                          .unit = std::string{unit},
                          .meaning = meaning,
                          .data = column_of(table, type, access),
                          .width = Flat<Field>::size},
                         rows, 0);
        });
    });
    writer.commit();
}

std::vector<NativeField> native_schema() {
    std::vector<NativeField> schema;
    Feeder const none;
    feeder::for_each_table(none, [&]<class Row>(std::string_view label, Table<Row> const& table) {
        auto const group = native::group_of(label);
        native::visit_texts<Row>(
            table, none, [&](std::string_view name, std::string_view meaning, core::TextColumn const&) {
                schema.push_back({fmt::format("{}/{}", group, name), "text", "row", {}, std::string{meaning}});
            });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field>, std::string const& name,
                                                    std::string_view unit, std::string const& meaning, auto const&) {
            using Stored = typename Coding<typename Flat<Field>::Value>::Stored;
            constexpr std::array types{"float64", "int32", "uint8"};
            schema.push_back({fmt::format("{}/{}", group, name),
                              types[static_cast<std::size_t>(native::kind_of<Stored>())],
                              Flat<Field>::size == 1 ? "row" : fmt::format("row × {}", Flat<Field>::size),
                              std::string{unit}, meaning});
        });
    });
    return schema;
}

}  // namespace dec::io
