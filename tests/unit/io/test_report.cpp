#include <catch2/catch.hpp>

#include "dec/io/report.hpp"

namespace {

using namespace dec::io;
using Catch::Matchers::Contains;

Report some_report() {
    Report report;
    report.add("Fuse", Use::read, {}, {}, 3);
    report.add("SwitchPhase", Use::assumed, "f1", "absent: three phases taken");
    report.add("SwitchPhase", Use::assumed, "f2", "absent: three phases taken");
    report.add("TopologicalNode", Use::ignored, "n1", "topology follows from the switches", 22);
    report.add("Fuse.retained", Use::ignored, "f1", "has no meaning here", 3);
    return report;
}

}  // namespace

TEST_CASE("an assumption is one warning with its count and its first element", "[io][report]") {
    auto const warnings = some_report().warnings();

    REQUIRE(warnings.size() == 2);
    CHECK_THAT(warnings[0], Contains("SwitchPhase of f1 and 1 more") && Contains("three phases taken"));
    CHECK_THAT(warnings[0], !Contains("f2"));
}

TEST_CASE("everything that is ignored is one warning", "[io][report]") {
    auto const warnings = some_report().warnings();

    CHECK_THAT(warnings.back(), Contains("22 TopologicalNode") && Contains("3 attributes"));
}

TEST_CASE("a file of which everything is read gives no warning", "[io][report]") {
    Report report;
    report.add("Fuse", Use::read, {}, {}, 3);

    CHECK(report.warnings().empty());
}

TEST_CASE("the table has a line for every class and attribute and no text on its right", "[io][report]") {
    auto const table = some_report().to_table();

    CHECK(std::count(table.begin(), table.end(), '\n') == 5);
    CHECK_THAT(table, Contains("Fuse.retained") && Contains("ignored") && Contains("has no meaning here; first: f1"));
    CHECK(table.find(" \n") == std::string::npos);
}
