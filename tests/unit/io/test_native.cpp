/// Native feeder files: nothing is lost, nothing wrong gets in, and docs/native.md lists what is in them.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/output_file.hpp"
#include "dec/io/native.hpp"
#include "dec/synthesis/generate.hpp"
#include "support/complete_feeder.hpp"
#include "support/places.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;
using test::TemporaryFolder;
namespace fs = std::filesystem;

core::Communicator alone() { return core::Communicator{MPI_COMM_SELF}; }

std::vector<std::string> problems_with(std::string const& path) {
    try {
        static_cast<void>(io::read_feeder(path));
    } catch (core::InvalidInput const& error) {
        std::vector<std::string> lines;
        for (auto const& finding : error.findings()) lines.push_back(one_line(finding));
        return lines;
    }
    return {};
}

std::string content(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// A copy of a native file in which one dataset, or its rows, are other ones.
void write_changed(std::string const& from, std::string const& to, std::string const& path,
                   std::function<void(core::Block&)> const& change) {
    core::Hdf5Reader const reader{from};
    core::Hdf5Writer writer{alone(), to};
    writer.attributes("/", reader.attributes("/"));
    for (auto const& field : io::native_schema()) {
        auto const last = field.path.rfind('/');
        auto const width = static_cast<std::size_t>(field.shape == "row" ? 1 : std::stoi(field.shape.substr(7)));
        auto const kind = field.type == "float64" ? core::BlockKind::real
                          : field.type == "int32" ? core::BlockKind::int32
                          : field.type == "uint8" ? core::BlockKind::uint8
                                                  : core::BlockKind::text;
        core::Block block{.name = field.path.substr(last + 1),
                          .unit = field.unit,
                          .data = reader.block(field.path, kind, width, 0, reader.rows(field.path)),
                          .width = width};
        if (field.path == path) change(block);
        auto const values = std::visit([](auto const& data) { return data.size(); }, block.data);
        if (!block.name.empty())
            writer.block(field.path.substr(0, last), block, static_cast<std::int64_t>(values / block.width), 0);
    }
    writer.commit();
}

}  // namespace

TEST_CASE("a native file gives back every row, name and field of a feeder that has everything, in its order",
          "[io][native]") {
    TemporaryFolder const folder;
    auto const feeder = test::complete_feeder();

    io::write_feeder(feeder, folder / "complete.h5");
    auto const read = io::read_feeder(folder / "complete.h5");

    CHECK(feeder::differences(feeder, read.feeder, 0.0) == std::vector<std::string>{});
    feeder::for_each_table(feeder, [&]<class Row>(std::string_view label, feeder::Table<Row> const& table) {
        CAPTURE(label);
        CHECK_FALSE(table.empty());
        feeder::for_each_table(read.feeder, [&]<class Other>(std::string_view, feeder::Table<Other> const& other) {
            if constexpr (std::same_as<Row, Other>) {
                CHECK(table.names().bytes() == other.names().bytes());
                CHECK(table.mrids().bytes() == other.mrids().bytes());
            }
        });
    });
    CHECK(read.feeder.heading.mrid == feeder.heading.mrid);
    CHECK(read.feeder.heading.origin == folder / "complete.h5");
    CHECK(read.report.warnings().empty());
}

TEST_CASE("a feeder without any element is a native file too", "[io][native]") {
    TemporaryFolder const folder;
    feeder::Feeder none;
    none.heading.name = "nothing yet";

    io::write_feeder(none, folder / "none.h5");
    auto const read = io::read_feeder(folder / "none.h5").feeder;

    CHECK(read.heading.name == "nothing yet");
    CHECK(feeder::differences(none, read).empty());
}

TEST_CASE("the same feeder gives the same bytes", "[io][native]") {
    TemporaryFolder const folder;
    io::write_feeder(test::complete_feeder(), folder / "a.h5");
    io::write_feeder(test::complete_feeder(), folder / "b.h5");

    CHECK(content(folder / "a.h5") == content(folder / "b.h5"));
    CHECK(folder.files() == 2);
}

TEST_CASE("public feeders and the demonstration feeder go through a native file unchanged", "[io][native]") {
    TemporaryFolder const folder;
    std::vector<std::string> paths{test::source_path("inputs/ieee123_secondary.xml")};
    if (auto const shared = test::shared_path("feeders/cim"))
        for (auto const& entry : fs::directory_iterator{*shared}) paths.push_back(entry.path().string());

    std::size_t compared = 0;
    for (auto const& path : paths) {
        CAPTURE(path);
        std::optional<feeder::Feeder> feeder;
        try {
            feeder = io::read_feeder(path).feeder;
        } catch (core::InvalidInput const&) {
            continue;  // not yet readable, and not this test's business
        }
        io::write_feeder(*feeder, folder / "copy.h5");
        CHECK(feeder::differences(*feeder, io::read_feeder(folder / "copy.h5").feeder, 0.0).empty());
        ++compared;
    }
    CHECK(compared >= 1);
}

TEST_CASE("docs/native.md has the datasets of native files, word for word, and the files have no other",
          "[io][native]") {
    std::ifstream page{test::source_path("docs/native.md")};
    REQUIRE(page);
    std::vector<std::string> documented;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `/")) documented.push_back(line);

    std::vector<std::string> expected, paths;
    for (auto const& f : io::native_schema()) {
        expected.push_back(fmt::format("| `{}` | {} | {} | {} | {} |", f.path, f.type, f.shape, f.unit, f.meaning));
        paths.push_back(f.path);
    }
    CHECK(documented == expected);

    TemporaryFolder const folder;
    io::write_feeder(test::complete_feeder(), folder / "complete.h5");
    core::Hdf5Reader const file{folder / "complete.h5"};
    std::ranges::sort(paths);
    CHECK(file.datasets() == paths);
    for (auto const& f : io::native_schema()) {
        auto const attributes = file.attributes(f.path);
        CAPTURE(f.path);
        CHECK(std::get<std::string>(attributes.at("unit")) == f.unit);
        CHECK(attributes.contains("meaning") == !f.meaning.empty());
    }
}

TEST_CASE("what is no native feeder file is refused in one line that says what it is", "[io][native]") {
    TemporaryFolder const folder;
    io::write_feeder(test::complete_feeder(), folder / "whole.h5");
    fs::copy_file(folder.path() / "whole.h5", folder.path() / "cut.h5");
    fs::resize_file(folder.path() / "cut.h5", fs::file_size(folder.path() / "cut.h5") / 2);
    core::write_file(folder / "page.h5", "<!DOCTYPE html>");
    core::write_file(folder / "empty.h5", "");
    auto const with_attributes = [&](std::string const& name, core::Attributes const& attributes) {
        core::Hdf5Writer writer{alone(), folder / name};
        writer.attributes("/", attributes);
        writer.commit();
    };
    with_attributes("results.h5", {{"format", std::string{"dec-results"}}});
    with_attributes("foreign.h5", {});
    with_attributes("newer.h5", {{"format", std::string{"dec-feeder"}}, {"format_version", std::int64_t{99}}});
    with_attributes("odd.h5", {{"format", std::string{"dec-feeder"}}, {"format_version", std::string{"1"}}});

    std::vector<std::pair<std::string, std::string>> const cases{
        {"cut.h5", "is damaged or incomplete"},
        {"page.h5", "is not an HDF5 file"},
        {"empty.h5", "is not an HDF5 file"},
        {"results.h5", "is a results file, not a feeder"},
        {"foreign.h5", "no feeder of dec"},
        {"newer.h5", "has format_version 99; this dec reads 3"},
        {"odd.h5", "does not say its format_version"},
    };
    for (auto const& [name, problem] : cases) {
        auto const lines = problems_with(folder / name);
        CAPTURE(name);
        REQUIRE(lines.size() == 1);
        CHECK_THAT(lines.front(), Catch::Contains(name) && Catch::Contains(problem));
    }
    CHECK(problems_with(folder / "whole.h5").empty());
}

TEST_CASE("a column that is missing, too short, of another type or holds what cannot be is named with its row",
          "[io][native]") {
    TemporaryFolder const folder;
    io::write_feeder(test::complete_feeder(), folder / "whole.h5");
    struct Case {
        std::string path, problem;
        std::function<void(core::Block&)> change;
    };
    auto const integers = [](core::Block & block) -> auto& { return std::get<std::vector<std::int32_t>>(block.data); };
    auto const codes = [](core::Block & block) -> auto& { return std::get<std::vector<std::uint8_t>>(block.data); };
    std::vector<Case> const cases{
        {"/loads/p", "there is no such dataset", [](core::Block& block) { block.name.clear(); }},
        {"/loads/mrid", "rows of 1 where", [](core::Block& block) { block.data = core::TextColumn{}; }},
        {"/loads/p", "is of another type",
         [](core::Block& block) {
             block.data = std::vector<std::int32_t>(std::get<std::vector<double>>(block.data).size(), 1);
         }},
        {"/loads/bus", "row 0 refers to row 1000000", [&](core::Block& block) { integers(block)[0] = 1000000; }},
        {"/loads/bus", "row 0 holds -2", [&](core::Block& block) { integers(block)[0] = -2; }},
        {"/branches/lines/code", "row 0 refers to row 77", [&](core::Block& block) { integers(block)[0] = 77; }},
        {"/switches/kind", "row 0 holds 200", [&](core::Block& block) { codes(block)[0] = 200; }},
        {"/buses/phases", "row 0 holds 32", [&](core::Block& block) { codes(block)[0] = 32; }},
        {"/switches/normally_open", "row 0 holds 2", [&](core::Block& block) { codes(block)[0] = 2; }},
        {"/branches/lines/conductors", "row 0 holds what cannot be", [&](core::Block& block) { codes(block)[0] = 9; }},
        {"/impedances/transformer_codes/winding_1_clock", "row 0 holds 300",
         [&](core::Block& block) { integers(block)[0] = 300; }},
        {"/measurements/at_element", "row 0 holds what cannot be",
         [&](core::Block& block) { integers(block)[0] = 1 << 30; }},
    };
    for (auto const& [path, problem, change] : cases) {
        write_changed(folder / "whole.h5", folder / "changed.h5", path, change);
        auto const lines = problems_with(folder / "changed.h5");
        CAPTURE(path, problem);
        REQUIRE(lines.size() == 1);
        CHECK_THAT(lines.front(), Catch::Contains(path) && Catch::Contains(problem));
    }
    write_changed(folder / "whole.h5", folder / "changed.h5", "", [](core::Block&) {});
    CHECK(problems_with(folder / "changed.h5").empty());
}

TEST_CASE("depth-first order is what generated feeders have, and any swap loses it", "[io][native]") {
    auto const generated = synthesis::generate({.buses = 500});
    CHECK(io::is_depth_first(generated));
    CHECK_FALSE(io::is_depth_first(feeder::Feeder{}));

    auto const swapped = [&](auto const& change) {
        auto feeder = generated;
        change(feeder);
        return feeder;
    };
    CHECK_FALSE(io::is_depth_first(swapped([](auto& f) { std::swap(f.loads.rows()[0], f.loads.rows()[9]); })));
    CHECK_FALSE(io::is_depth_first(swapped([](auto& f) { std::swap(f.lines.rows()[0], f.lines.rows()[40]); })));
    CHECK_FALSE(io::is_depth_first(swapped([](auto& f) {
        // The bus of row 400 hangs on one that the path has left long ago.
        for (auto& line : f.lines.rows())
            if (line.to.value() == 400) line.from = core::Index<feeder::Bus>{399};
            else if (line.to.value() == 401) line.from = core::Index<feeder::Bus>{3};
            else if (line.to.value() == 402) line.from = core::Index<feeder::Bus>{399};
    })));
}

TEST_CASE("a rank reads rows of its own out of the middle of a native file", "[io][native]") {
    TemporaryFolder const folder;
    auto const feeder = synthesis::generate({.buses = 300});
    io::write_feeder(feeder, folder / "feeder.h5");
    core::Hdf5Reader const file{folder / "feeder.h5"};
    REQUIRE(file.rows("/buses/name") == 300);

    auto const names = std::get<core::TextColumn>(file.block("/buses/name", core::BlockKind::text, 1, 100, 50));
    auto const powers = std::get<std::vector<double>>(file.block("/loads/p", core::BlockKind::real, 3, 10, 2));

    REQUIRE(names.size() == 50);
    for (std::size_t i = 0; i < names.size(); ++i)
        CHECK(names[i] == feeder.buses.name(core::Index<feeder::Bus>{100 + i}));
    REQUIRE(powers.size() == 6);
    CHECK(powers[0] == feeder.loads.rows()[10].p_w[0]);
    CHECK(powers[5] == feeder.loads.rows()[11].p_w[2]);
    CHECK_THROWS_AS(file.block("/buses/name", core::BlockKind::text, 1, 290, 11), core::InvalidInput);
}
