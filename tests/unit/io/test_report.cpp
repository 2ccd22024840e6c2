#include <catch2/catch.hpp>

#include "dec/io/report.hpp"

namespace {

using namespace dec::io;
using Catch::Matchers::Contains;

Report some_report() {
    Report report;
    report.add("Fuse", Use::read, {}, {}, 3);
    report.add("Fuse without phases", Use::read, "f1", "three phases A, B, C", 2);
    report.add("Fuse.open", Use::assumed, "f1", "absent: taken as closed");
    report.add("Fuse.open", Use::assumed, "f2", "absent: taken as closed");
    report.add("TopologicalNode", Use::ignored, "n1", "topology follows from the switches", 22);
    report.add("WeatherStation", Use::unknown, "mast", "not known here");
    report.add("Fuse.colour", Use::unknown, "f1", "not known here", 3);
    return report;
}

}  // namespace

TEST_CASE("an assumption is one warning with its count and its first element", "[io][report]") {
    auto const warnings = some_report().warnings();

    REQUIRE(warnings.size() == 2);
    CHECK_THAT(warnings[0], Contains("Fuse.open of f1 and 1 more") && Contains("taken as closed"));
    CHECK_THAT(warnings[0], !Contains("f2"));
}

TEST_CASE("everything that is unknown is one warning", "[io][report]") {
    auto const warnings = some_report().warnings();

    CHECK_THAT(warnings.back(), Contains("1 WeatherStation") && Contains("3 attributes"));
}

TEST_CASE("a file of which everything is read, or ignored for a known reason, gives no warning", "[io][report]") {
    Report report;
    report.add("Fuse", Use::read, {}, {}, 3);
    report.add("Fuse without phases", Use::read, "f1", "three phases A, B, C");
    report.add("TopologicalNode", Use::ignored, "n1", "topology follows from the switches");

    CHECK(report.warnings().empty());
}

TEST_CASE("the table has a line for every class and attribute and no text on its right", "[io][report]") {
    auto const table = some_report().to_table();

    CHECK(std::count(table.begin(), table.end(), '\n') == 7);
    CHECK_THAT(table, Contains("TopologicalNode") && Contains("ignored") &&
                          Contains("topology follows from the switches; first: n1"));
    CHECK(table.find(" \n") == std::string::npos);
}
