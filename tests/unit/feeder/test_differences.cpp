#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

#include "dec/feeder/fields.hpp"
#include "support/complete_feeder.hpp"

using namespace dec;
using core::Index;
using feeder::Feeder;

namespace {

// ---- another order of the same things

template <class Row>
Index<Row> mirrored(Feeder const& feeder, Index<Row> row) {
    auto const size = static_cast<std::int32_t>(feeder::table_of<Row>(feeder).size());
    return row.valid() ? Index<Row>{size - 1 - row.value()} : row;
}

template <class Field>
void mirror(Feeder const&, Field&) {}

template <class Row>
void mirror(Feeder const& feeder, Index<Row>& row) {
    row = mirrored(feeder, row);
}

template <class T, std::size_t N>
void mirror(Feeder const& feeder, std::array<T, N>& values) {
    for (auto& value : values) mirror(feeder, value);
}

void mirror(Feeder const& feeder, feeder::TerminalRef& at) {
    at.bus = mirrored(feeder, at.bus);
    feeder::for_each_table(feeder, [&]<class Row>(std::string_view label, core::Table<Row> const&) {
        if (at.kind != feeder::ElementKind::none && label == feeder::literal(at.kind))
            at.element = mirrored(feeder, Index<Row>{at.element}).value();
    });
}

core::TextColumn mirrored(core::TextColumn const& texts) {
    core::TextColumn result;
    for (std::size_t i = texts.size(); i-- > 0;) result.push_back(texts[i]);
    return result;
}

/// The same feeder with every table upside down.
Feeder upside_down(Feeder const& original) {
    Feeder result;
    result.heading = original.heading;
    feeder::for_each_table(result, [&]<class Row>(std::string_view, core::Table<Row>& table) {
        auto const& from = feeder::table_of<Row>(original);
        for (std::size_t i = from.size(); i-- > 0;) {
            Index<Row> const id{i};
            auto row = from[id];
            feeder::visit_fields<Row>(
                [&](std::string const&, std::string_view, auto const& access) { mirror(original, access(row)); });
            table.add(row, from.name(id), from.mrid(id));
        }
    });
    result.pv_connection_names = mirrored(original.pv_connection_names);
    result.pv_connection_mrids = mirrored(original.pv_connection_mrids);
    result.battery_connection_names = mirrored(original.battery_connection_names);
    result.battery_connection_mrids = mirrored(original.battery_connection_mrids);
    return result;
}

// ---- another value of a field

void change(double& value) { value = std::isnan(value) ? 1.0 : value + 1.0; }
void change(bool& value) { value = !value; }
void change(std::int32_t& value) { ++value; }
void change(std::uint8_t& value) { ++value; }
void change(std::int8_t& value) { ++value; }
void change(std::string& value) { value += "!"; }
void change(feeder::PhaseSet& value) {
    using feeder::Phase;
    value = value.contains(Phase::a) ? value - feeder::PhaseSet{Phase::a} : value | feeder::PhaseSet{Phase::a};
}
template <class Enum>
    requires std::is_enum_v<Enum>
void change(Enum& value) { value = static_cast<Enum>(value == Enum{} ? 1 : 0); }
template <class Row>
void change(Index<Row>& value) {
    value = value.valid() ? Index<Row>{} : Index<Row>{0};
}

/// Calls `visit(field)` once for each change that can be made to a field, which is undone afterwards.
template <class Field, class Visit>
void for_each_change(Field& field, Visit const& visit) {
    auto const before = field;
    change(field);
    visit();
    field = before;
}
template <class T, std::size_t N, class Visit>
void for_each_change(std::array<T, N>& field, Visit const& visit) {
    for (auto& value : field) for_each_change(value, visit);
}
template <class Visit>
void for_each_change(feeder::TerminalRef& field, Visit const& visit) {
    for_each_change(field.terminal, visit);
    for_each_change(field.bus, visit);
    auto const before = field;
    field.element = field.element == 0 ? -1 : 0;
    if (field.kind != feeder::ElementKind::none) visit();
    field = before;
    field = {field.kind == feeder::ElementKind::line ? feeder::ElementKind::switch_ : feeder::ElementKind::line, 0,
             field.terminal, field.bus};
    visit();
    field = before;
}

bool is_one_line_about(std::vector<std::string> const& lines, std::string_view element, std::string_view field) {
    return lines.size() == 1 && lines[0].find(element) != std::string::npos &&
           lines[0].find(": " + std::string{field} + " is ") != std::string::npos;
}

std::vector<std::string> differences_after(Feeder const& original, void (*change_feeder)(Feeder&)) {
    auto changed = original;
    change_feeder(changed);
    return feeder::differences(original, changed);
}

}  // namespace

TEST_CASE("a feeder differs in nothing from itself, in whatever order its tables are", "[feeder]") {
    auto const original = test::complete_feeder();

    CHECK(feeder::differences(original, original, 0.0).empty());
    CHECK(feeder::differences(original, upside_down(original), 0.0).empty());
}

TEST_CASE("a changed field is found and named, whichever it is", "[feeder][property]") {
    auto const original = test::complete_feeder();
    auto changed = original;
    std::size_t changes = 0;

    feeder::for_each_table(changed, [&]<class Row>(std::string_view, core::Table<Row>& table) {
        REQUIRE_FALSE(table.empty());
        for (auto id : table.ids())
            feeder::visit_fields<Row>([&](std::string const& field, std::string_view, auto const& access) {
                for_each_change(access(table[id]), [&] {
                    auto const found = feeder::differences(original, changed);
                    ++changes;
                    CAPTURE(table.name(id), field, found);
                    CHECK(is_one_line_about(found, table.name(id), field));
                });
            });
    });
    feeder::visit_fields<feeder::Heading>([&](std::string const& field, std::string_view, auto const& access) {
        if (field == "origin") return;  // the same network may be read from two places
        for_each_change(access(changed.heading), [&] {
            CAPTURE(field);
            CHECK(is_one_line_about(feeder::differences(original, changed), "feeder", field));
        });
    });

    CHECK(changes > 1000);
    CHECK(feeder::differences(original, changed, 0.0).empty());
}

TEST_CASE("the list of fields names every place of a row once", "[feeder]") {
    Feeder const empty;
    feeder::for_each_table(empty, [&]<class Row>(std::string_view label, core::Table<Row> const&) {
        Row row;
        std::set<std::string> names;
        std::set<void const*> places;
        std::size_t fields = 0;

        feeder::visit_fields<Row>([&](std::string const& name, std::string_view, auto const& access) {
            names.insert(name);
            places.insert(&access(row));
            ++fields;
        });

        CAPTURE(label);
        CHECK(names.size() == fields);
        CHECK(places.size() == fields);
    });
}

TEST_CASE("a difference says which element, which field and both values with their unit", "[feeder]") {
    auto const original = test::complete_feeder();

    CHECK(
        differences_after(original, [](Feeder& f) { f.lines.rows()[0].length_m = 610.0; }) ==
        std::vector<std::string>{"line 650632 (45395C84-F20A-4F5A-977F-B80348256421): length is 609.6 m in the first, "
                                 "610 m in the second"});
    CHECK(differences_after(original, [](Feeder& f) { f.lines.rows()[3].to = Index<feeder::Bus>{0}; }) ==
          std::vector<std::string>{"line 671684: to is 684 in the first, source <115 kV> in the second"});
    CHECK(differences_after(original, [](Feeder& f) { f.switches.rows()[0].kind = feeder::Switch::Kind::fuse; }) ==
          std::vector<std::string>{"switch sw1: kind is load_break_switch in the first, fuse in the second"});
    CHECK(differences_after(original, [](Feeder& f) { f.loads.rows()[4].p_w[1] = 0.0; }) ==
          std::vector<std::string>{"load kitchen: p is [900, 600, 0] W in the first, [900, 0, 0] W in the second"});
    CHECK(
        differences_after(original, [](Feeder& f) { f.capacitors.rows()[0].control.monitored.terminal = 1; }) ==
        std::vector<std::string>{
            "capacitor cap1 (A9DE8829-58CB-4750-B2A2-672846A89753): control_monitored is line 650632 terminal 2 at bus "
            "632 in the first, line 650632 terminal 1 at bus 632 in the second"});
}

TEST_CASE("what only one of two feeders has is named, and what refers to it", "[feeder]") {
    auto const original = test::complete_feeder();
    auto renamed = original;
    renamed.load_models.names() = {};
    for (auto const* name : {"Constant kVA", "Constant Z", "ZIP", "Engine"})
        renamed.load_models.names().push_back(name);
    auto larger = original;
    larger.machines.add({}, "wind mill", "m-1");

    CHECK(feeder::differences(original, larger) ==
          std::vector<std::string>{"machine wind mill (m-1): only in the second"});
    CHECK(feeder::differences(larger, original) ==
          std::vector<std::string>{"machine wind mill (m-1): only in the first"});
    CHECK(feeder::differences(original, renamed) ==
          std::vector<std::string>{"load model Motor: only in the first", "load model Engine: only in the second",
                                   "load 611 | lamp: model is Motor in the first, Engine in the second"});
}

TEST_CASE("numbers may differ by the relative tolerance and not by more", "[feeder]") {
    auto const original = test::complete_feeder();
    auto changed = original;
    auto& length_m = changed.lines.rows()[0].length_m;

    length_m *= 1.0 + 5e-13;
    CHECK(feeder::differences(original, changed).empty());
    CHECK(feeder::differences(original, changed, 0.0).size() == 1);
    length_m *= 1.0 + 5e-12;
    CHECK(feeder::differences(original, changed).size() == 1);
    CHECK(feeder::differences(original, changed, 1e-9).empty());
    length_m = original.lines.rows()[0].length_m;
    changed.buses.rows()[0].x = feeder::unknown;
    CHECK(feeder::differences(original, changed, 1e9).size() == 1);
}

TEST_CASE("elements that share a name are told apart by their mRIDs", "[feeder]") {
    Feeder first;
    for (auto const* mrid : {"m1", "m2", "m3"}) {
        feeder::PvSystem pv;
        pv.max_p_w = 1000.0 * (mrid[1] - '0');
        feeder::add_pv(first, pv, "house", mrid, "house", std::string{"c"} + mrid);
    }
    auto const second = upside_down(first);
    auto third = second;
    third.pv_systems.rows()[0].max_p_w = 0.0;

    CHECK(feeder::differences(first, second).empty());
    CHECK(feeder::differences(first, third) ==
          std::vector<std::string>{"pv house (m3): max_p is 3000 W in the first, 0 W in the second"});
}

TEST_CASE("another mRID is a difference, an mRID that one side leaves open is none", "[feeder]") {
    auto const original = test::complete_feeder();
    auto const with_mrid = [&](std::string_view mrid) {
        auto changed = original;
        changed.sources.mrids() = {};
        changed.sources.mrids().push_back(mrid);
        changed.battery_connection_mrids = {};
        for (std::size_t i = 0; i < changed.batteries.size(); ++i) changed.battery_connection_mrids.push_back(mrid);
        return feeder::differences(original, changed);
    };

    CHECK(with_mrid("").empty());
    CHECK(
        with_mrid("other") ==
        std::vector<std::string>{
            "source source (8B452737-CA3D-4C10-A99D-6865506437C8): mRID is 8B452737-CA3D-4C10-A99D-6865506437C8 in the "
            "first, other in the second"});
}

TEST_CASE("a converter's own name is compared", "[feeder]") {
    auto const original = test::complete_feeder();
    auto changed = original;
    changed.pv_connection_names = {};
    for (auto const* name : {"school", "inverter 2", "house"}) changed.pv_connection_names.push_back(name);

    CHECK(
        feeder::differences(original, changed) ==
        std::vector<std::string>{"pv roof: connection name is roof's inverter in the first, inverter 2 in the second"});
}
