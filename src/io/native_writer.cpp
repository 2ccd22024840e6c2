#include <algorithm>
#include <array>
#include <numeric>
#include <type_traits>
#include <vector>

#include "dec/io/native.hpp"
#include "files.hpp"
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

std::string_view to_text(NativeOrder order) { return order == NativeOrder::depth_first ? "depth-first" : "free"; }

template <class Visit>
void for_each_name(feeder::Heading const& heading, Visit&& visit) {
    feeder::visit_fields<feeder::Heading>([&](std::string const& name, std::string_view, auto const& access) {
        if (&access(heading) != &heading.origin) visit(name, access(heading));
    });
}

core::Attributes attributes_of(feeder::Heading const& heading, std::string_view format, NativeOrder order) {
    core::Attributes attributes{{"format", std::string{format}},
                                {"format_version", native_format_version},
                                {"order", std::string{to_text(order)}}};
    for_each_name(heading, [&](std::string const& name, std::string const& text) { attributes.emplace(name, text); });
    return attributes;
}

/// Calls `visit(place, group, block, reals)` for every column of a feeder's tables, in the order of the file; the data of
/// the block are those of the feeder. `place` is that of the table in feeder::RowCounts.
template <class Visit>
void for_each_block(Feeder const& feeder, Visit&& visit) {
    std::size_t place = 0;
    feeder::for_each_table(feeder, [&]<class Row>(std::string_view label, Table<Row> const& table) {
        auto const group = native::group_of(label);
        native::visit_texts<Row>(
            table, feeder, [&](std::string_view name, std::string_view meaning, core::TextColumn const& texts) {
                visit(place, group,
                      core::Block{.name = std::string{name}, .meaning = std::string{meaning}, .data = texts});
            });
        native::visit_columns<Row>([&]<class Field>(std::type_identity<Field> type, std::string const& name,
                                                    std::string_view unit, std::string const& meaning,
                                                    auto const& access) {
            visit(place, group,
                  core::Block{.name = name,
                              .unit = std::string{unit},
                              .meaning = meaning,
                              .data = column_of(table, type, access),
                              .width = Flat<Field>::size});
        });
        ++place;
    });
}

/// Calls `visit(texts)` for every text column, in the order of NativeExtent::longest.
template <class Visit>
void for_each_text(Feeder const& feeder, Visit&& visit) {
    feeder::for_each_table(feeder, [&]<class Row>(std::string_view, Table<Row> const& table) {
        native::visit_texts<Row>(
            table, feeder, [&](std::string_view, std::string_view, core::TextColumn const& texts) { visit(texts); });
    });
}

/// Equal on all ranks: the rows of all, the longest text of each column. \return rows of lower ranks.
feeder::RowCounts put_together(core::Communicator const& comm, NativeExtent& extent) {
    std::vector<double> const mine(extent.rows.begin(), extent.rows.end());
    auto const all = comm.all_gather(mine);  // exact up to 2^53 rows
    feeder::RowCounts before{};
    extent.rows = {};
    for (int rank = 0; rank < comm.size(); ++rank) {
        if (rank == comm.rank()) before = extent.rows;
        for (std::size_t place = 0; place < mine.size(); ++place)
            extent.rows[place] += static_cast<std::int64_t>(all[static_cast<std::size_t>(rank) * mine.size() + place]);
    }
    extent.add({});  // a rank may have announced nothing
    for (auto& bytes : extent.longest) bytes = comm.max(bytes);
    return before;
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

bool is_native_name(std::string_view path) { return has_ending(path, ".h5"); }

void NativeExtent::add(Feeder const& part) {
    auto const counts = feeder::row_counts(part);
    for (std::size_t place = 0; place < counts.size(); ++place) rows[place] += counts[place];
    std::size_t column = 0;
    for_each_text(part, [&](core::TextColumn const& texts) {
        if (column == longest.size()) longest.push_back(1);
        auto& bytes = longest[column++];
        for (std::size_t row = 0; row < texts.size(); ++row)
            bytes = std::max(bytes, static_cast<std::int64_t>(texts[row].size()));
    });
}

NativeWriter::NativeWriter(core::Communicator const& comm, std::string const& path, NativeExtent const& mine)
    : comm_{comm}, file_{comm, path} {
    auto all = mine;
    next_ = first_ = put_together(comm, all);
    std::size_t text = 0;
    for_each_block({}, [&](std::size_t place, std::string_view group, core::Block const& block) {
        bool const is_text = std::holds_alternative<core::TextColumn>(block.data);
        file_.declare(group, block, all.rows[place], is_text ? static_cast<std::size_t>(all.longest[text++]) : 1);
    });
}

void NativeWriter::heading(feeder::Heading const& heading, NativeOrder order) {
    file_.attributes("/", attributes_of(heading, native_format_name, order));
}

void NativeWriter::feeders(feeder::Heading const& region, std::span<feeder::Heading const> headings,
                           std::span<feeder::RowCounts const> first, NativeOrder order) {
    file_.attributes("/", attributes_of(region, region_format_name, order));
    auto const counts = comm_.all_gather(std::array{static_cast<double>(headings.size())});
    std::int64_t begin = 0, total = 0;
    for (int rank = 0; rank < comm_.size(); ++rank) {
        if (rank == comm_.rank()) begin = total;
        total += static_cast<std::int64_t>(counts[static_cast<std::size_t>(rank)]);
    }
    std::vector<std::int64_t> rows(headings.size());
    std::iota(rows.begin(), rows.end(), begin);
    std::vector<core::Column> columns;
    for_each_name({}, [&](std::string const& name, std::string const&) {
        columns.push_back({.name = name, .unit = {}, .data = std::vector<std::string>{}});
    });
    for (auto const& heading : headings) {
        std::size_t column = 0;
        for_each_name(heading, [&](std::string const&, std::string const& text) {
            std::get<std::vector<std::string>>(columns[column++].data).push_back(text);
        });
    }
    std::size_t place = 0;
    for (auto const& [label, group] : native::groups) {
        std::vector<std::int64_t> begins;
        for (auto const& counted : first) begins.push_back(counted[place]);
        columns.push_back(
            {.name = fmt::format("first_{}", native::table_name(group)), .unit = "1", .data = std::move(begins)});
        ++place;
    }
    file_.table("/feeders", total, rows, columns);
}

void NativeWriter::append(Feeder const& part) {
    for_each_block(part, [&](std::size_t place, std::string_view group, core::Block const& block) {
        file_.fill(group, block, next_[place]);
    });
    auto const counts = feeder::row_counts(part);
    for (std::size_t place = 0; place < counts.size(); ++place) next_[place] += counts[place];
}

void NativeWriter::commit() { file_.commit(); }

void write_native(Feeder const& feeder, std::string const& path) {
    NativeExtent extent;
    extent.add(feeder);
    NativeWriter writer{core::Communicator{MPI_COMM_SELF}, path, extent};
    writer.heading(feeder.heading, is_depth_first(feeder) ? NativeOrder::depth_first : NativeOrder::free);
    writer.append(feeder);
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
