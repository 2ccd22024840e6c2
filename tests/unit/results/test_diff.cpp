#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <functional>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/output_file.hpp"
#include "dec/results/diff.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;
using results::differences;
using test::TemporaryFolder;

/// What a small file holds; a test changes one thing of it.
struct Content {
    std::vector<double> v{1.0, 1.02, std::nan("")};
    std::vector<std::string> bus{"150", "149", "é"};
    std::vector<std::int64_t> iteration{1, 2, 3};
    std::string unit = "pu";
    std::string v_name = "v";
    std::size_t width = 1;
    core::Attributes root{{"format", "dec-results"}, {"alpha_max", 0.25}, {"nodes", std::int64_t{3}}};
    core::Attributes timing{{"created", "2024-05-01"}};
    std::vector<std::int64_t> node_rank{0, 0, 0};
};

void write(std::string const& path, Content const& c) {
    core::Hdf5Writer writer{core::Communicator{MPI_COMM_SELF}, path};
    auto const rows_of = [](std::size_t count) {
        std::vector<std::int64_t> rows;
        for (std::size_t i = 0; i < count; ++i) rows.push_back(static_cast<std::int64_t>(i));
        return rows;
    };
    auto const table = [&](std::string_view group, std::size_t rows, std::vector<core::Column> const& columns) {
        writer.table(group, static_cast<std::int64_t>(rows), rows_of(rows), columns);
    };
    table("/nodes", c.v.size() / c.width, {{c.v_name, c.unit, c.v, c.width}});
    table("/names", c.bus.size(), {{"bus", "", c.bus, 1}});
    table("/convergence", c.iteration.size(), {{"iteration", "1", c.iteration, 1}});
    table("/partition", c.node_rank.size(), {{"node_rank", "1", c.node_rank, 1}});
    writer.attributes("/", c.root);
    writer.attributes("/timing", c.timing);
    writer.commit();
}

/// Differences between the small file and one in which `change` was made.
std::vector<std::string> after(std::function<void(Content&)> const& change) {
    TemporaryFolder const folder;
    Content content;
    write(folder / "a.h5", content);
    change(content);
    write(folder / "b.h5", content);
    auto lines = differences(folder / "a.h5", folder / "b.h5", 1e-9);
    for (auto& line : lines)
        for (auto at = line.find(folder.path().string()); at != std::string::npos;
             at = line.find(folder.path().string()))
            line.erase(at, folder.path().string().size() + 1);
    return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a file equals itself, also where it is not a number", "[results][diff]") {
    CHECK(after([](Content&) {}).empty());
}

TEST_CASE("floats may differ by the tolerance and not by more", "[results][diff]") {
    CHECK(after([](Content& c) { c.v[1] += 0.9e-9; }).empty());
    CHECK(after([](Content& c) { c.v[0] += 0.25, c.v[1] = 1.5; }) ==
          Lines{"/nodes/v: 2 of 3 values differ, first in row 0: 1 against 1.25; largest deviation 0.32"});
}

TEST_CASE("the tolerance is relative for large values and absolute for small ones", "[results][diff]") {
    auto const between = [](double a, double b) {
        TemporaryFolder const folder;
        Content content;
        content.v = {a};
        write(folder / "a.h5", content);
        content.v = {b};
        write(folder / "b.h5", content);
        return differences(folder / "a.h5", folder / "b.h5", 1e-9).size();
    };

    CHECK(between(1e6, 1e6 + 0.9e-3) == 0);
    CHECK(between(1e6, 1e6 + 1.1e-3) == 1);
    CHECK(between(0.0, 0.9e-9) == 0);
    CHECK(between(0.0, 1.1e-9) == 1);
    CHECK(between(INFINITY, INFINITY) == 0);
    CHECK(between(INFINITY, 1.0) == 1);
}

TEST_CASE("a number where there was none is a difference", "[results][diff]") {
    CHECK(after([](Content& c) { c.v[2] = 1.0; }) ==
          Lines{"/nodes/v: 1 of 3 values differ, first in row 2: nan against 1"});
}

TEST_CASE("texts and integers must be equal", "[results][diff]") {
    CHECK(after([](Content& c) { c.bus[2] = "e"; }) ==
          Lines{"/names/bus: 1 of 3 values differ, first in row 2: 'é' against 'e'"});
    CHECK(after([](Content& c) { c.iteration[1] = 9; }) ==
          Lines{"/convergence/iteration: 1 of 3 values differ, first in row 1: 2 against 9"});
}

TEST_CASE("a dataset that only one file has is named with the file", "[results][diff]") {
    CHECK(after([](Content& c) { c.v_name = "v_ac"; }) == Lines{"/nodes/v: only in a.h5", "/nodes/v_ac: only in b.h5"});
}

TEST_CASE("another shape is a difference", "[results][diff]") {
    CHECK(after([](Content& c) { c.v.push_back(1.0); }) == Lines{"/nodes/v: shape 3 against 4"});
    CHECK(after([](Content& c) { c.width = 3; }) == Lines{"/nodes/v: shape 3 against 1 x 3"});
}

TEST_CASE("another unit is a difference", "[results][diff]") {
    CHECK(after([](Content& c) { c.unit = "kV"; }) == Lines{"/nodes/v attribute unit: 'pu' against 'kV'"});
}

TEST_CASE("attributes are compared by kind and value", "[results][diff]") {
    CHECK(after([](Content& c) { c.root["alpha_max"] = 0.5; }) == Lines{"/ attribute alpha_max: 0.25 against 0.5"});
    CHECK(after([](Content& c) { c.root["alpha_max"] = 0.25 + 1e-12; }).empty());
    CHECK(after([](Content& c) { c.root["nodes"] = 3.0; }) == Lines{"/ attribute nodes: int64 against float64"});
    CHECK(after([](Content& c) { c.root.erase("nodes"); }) == Lines{"/ attribute nodes: only in a.h5"});
    CHECK(after([](Content& c) { c.root["more"] = "x"; }) == Lines{"/ attribute more: only in b.h5"});
}

TEST_CASE("how the work was spread and how long it took is no difference", "[results][diff]") {
    CHECK(after([](Content& c) { c.node_rank = {0, 1, 1}; }).empty());
    CHECK(after([](Content& c) { c.timing["created"] = "later"; }).empty());
}

TEST_CASE("a results file is told from everything else", "[results][diff]") {
    TemporaryFolder const folder;
    Content content;
    write(folder / "results.h5", content);
    content.root["format"] = "dec-feeder";
    write(folder / "feeder.h5", content);
    content.root.erase("format");
    write(folder / "bare.h5", content);
    core::write_file(folder / "feeder.xml", "<rdf:RDF/>");

    CHECK(results::is_results_file(folder / "results.h5"));
    CHECK_FALSE(results::is_results_file(folder / "feeder.h5"));
    CHECK_FALSE(results::is_results_file(folder / "bare.h5"));
    CHECK_FALSE(results::is_results_file(folder / "feeder.xml"));
    CHECK_FALSE(results::is_results_file(folder.path().string()));
    CHECK_THROWS_AS(results::is_results_file(folder / "absent.h5"), core::InvalidInput);
    std::filesystem::resize_file(folder.path() / "results.h5", 5000);
    CHECK_THROWS_WITH(results::is_results_file(folder / "results.h5"), Catch::Contains("is damaged or incomplete"));
}

TEST_CASE("a description names every dataset with shape, unit and meaning", "[results][diff]") {
    TemporaryFolder const folder;
    Content content;
    content.root["v_max"] = 0.1 + 0.2;
    content.root["v_max_ac"] = std::nan("");
    write(folder / "results.h5", content);

    auto const text = results::describe_file(folder / "results.h5");

    CHECK_THAT(text, Catch::Matches("[^]*  v_max +0.3\n[^]*  v_max_ac +-\n[^]*"));
    CHECK_THAT(text, Catch::Contains("alpha_max") && Catch::Contains("0.25"));
    CHECK_THAT(text, Catch::Matches("[^]*/nodes/v +float64 +3  pu    Voltage with the setpoints[^]*"));
    CHECK_THAT(text, Catch::Matches("[^]*/names/bus +text +3 [^]*"));
}
