#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "dec/feeder/areas.hpp"
#include "dec/io/catalogue.hpp"
#include "support/places.hpp"

using namespace dec;
using feeder::Area;

namespace {

/// Which elements lie together, without the names of the areas: kind of area, and the names of the elements in it.
using Grouping = std::set<std::pair<Area::Kind, std::set<std::string>>>;

template <class Visitor>
void for_each_area_member(feeder::Feeder& feeder, Visitor&& visit) {
    auto const all = [&](std::string const& label, auto& table) {
        for (auto id : table.ids()) visit(label + std::string{table.name(id)}, table[id]);
    };
    all("line ", feeder.lines);
    all("switch ", feeder.switches);
    all("series compensator ", feeder.series_compensators);
    all("bank ", feeder.banks);
    all("transformer ", feeder.transformers);
    all("load ", feeder.loads);
    all("capacitor ", feeder.capacitors);
    all("pv ", feeder.pv_systems);
    all("battery ", feeder.batteries);
    all("machine ", feeder.machines);
    all("source ", feeder.sources);
}

Grouping grouping(feeder::Feeder& feeder) {
    std::map<std::int32_t, std::set<std::string>> members;
    for_each_area_member(feeder,
                         [&](std::string const& name, auto const& row) { members[row.area.value()].insert(name); });
    Grouping groups;
    for (auto const& [area, names] : members) {
        REQUIRE(area >= 0);
        groups.emplace(feeder.areas[core::Index<Area>{area}].kind, names);
    }
    return groups;
}

std::size_t count(feeder::Feeder const& feeder, Area::Kind kind) {
    std::size_t found = 0;
    for (auto const& area : feeder.areas.rows()) found += area.kind == kind ? 1 : 0;
    return found;
}

void forget_areas(feeder::Feeder& feeder) {
    feeder.areas = {};
    for_each_area_member(feeder, [](std::string const&, auto& row) { row.area = {}; });
}

}  // namespace

TEST_CASE("derived areas hold the equipment that the platform's files put together", "[feeder][shared]") {
    std::string const file = GENERATE("IEEE123.xml", "IEEE123_PV.xml", "IEEE13.xml");
    auto const path = test::shared_path("feeders/cim/" + file);
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    auto const written = grouping(feeder);
    auto const switch_areas = count(feeder, Area::Kind::switch_delimited);
    auto const secondary_areas = count(feeder, Area::Kind::secondary);

    forget_areas(feeder);
    feeder::derive_areas(feeder);

    CAPTURE(file);
    CHECK(grouping(feeder) == written);
    CHECK(count(feeder, Area::Kind::switch_delimited) == switch_areas);
    CHECK(count(feeder, Area::Kind::secondary) == secondary_areas);
}

TEST_CASE("areas that a file names stay as they are", "[feeder][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    auto const before = feeder;

    feeder::derive_areas(feeder);

    CHECK(feeder::differences(before, feeder).empty());
}

TEST_CASE("a feeder with some areas gets only those it lacks", "[feeder][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE123_PV.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;
    auto const written = grouping(feeder);
    auto const areas = feeder.areas.size();
    std::set<std::int32_t> forgotten;
    for_each_area_member(feeder, [&](std::string const& name, auto& row) {
        if (name.ends_with("s1a")) {
            forgotten.insert(row.area.value());
            row.area = {};
        }
    });
    REQUIRE(forgotten.size() == 1);

    feeder::derive_areas(feeder);

    CHECK(grouping(feeder) == written);
    CHECK(feeder.areas.size() == areas + 1);
}

TEST_CASE("without switches everything on the primary is the feeder's own area", "[feeder][shared]") {
    auto const path = test::shared_path("feeders/cim/IEEE37.xml");
    if (!path) return;
    auto feeder = io::read_feeder(*path).feeder;

    feeder::derive_areas(feeder);

    CHECK(count(feeder, Area::Kind::switch_delimited) == 0);
    CHECK(count(feeder, Area::Kind::feeder) == 1);
    for (auto const& load : feeder.loads.rows())
        CHECK((feeder.areas[load.area].kind == Area::Kind::feeder) != feeder::is_secondary(feeder.buses[load.bus]));
}
