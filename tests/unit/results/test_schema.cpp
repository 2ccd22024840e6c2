#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>

#include "dec/results/schema.hpp"

namespace {

using namespace dec::results;

std::vector<std::string> dataset_rows_of_documentation() {
    char const* source = std::getenv("DEC_SOURCE");
    REQUIRE(source != nullptr);
    std::ifstream page{std::string{source} + "/docs/results.md"};
    REQUIRE(page);
    std::vector<std::string> rows;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `/")) rows.push_back(line);
    return rows;
}

}  // namespace

TEST_CASE("docs/results.md has the schema's datasets, word for word", "[results][schema]") {
    std::vector<std::string> expected;
    for (auto const& f : schema())
        expected.push_back(
            fmt::format("| `{}` | {} | {} | {} | {} |", f.path, to_text(f.kind), f.axes, f.unit, f.meaning));

    CHECK(dataset_rows_of_documentation() == expected);
}

TEST_CASE("every dataset stands once in the schema, its unit fitting its kind", "[results][schema]") {
    std::set<std::string_view> paths;
    for (auto const& field : schema()) {
        CAPTURE(field.path);
        CHECK(paths.insert(field.path).second);
        CHECK(field.unit.empty() == (field.kind == Kind::text));
    }
}

TEST_CASE("a column of the schema has the schema's name and unit", "[results][schema]") {
    auto const v = column("/nodes/v", std::vector{1.0, 1.01});

    CHECK(v.name == "v");
    CHECK(v.unit == "pu");
    CHECK(v.width == 1);
}

TEST_CASE("what is not in the schema, or of another kind, is a bug that names it", "[results][schema]") {
    CHECK_THROWS_WITH(column("/nodes/voltage", std::vector{1.0}), Catch::Contains("/nodes/voltage"));
    CHECK_THROWS_WITH(column("/nodes/v", std::vector<std::string>{"1"}), Catch::Contains("float64, not text"));
}
