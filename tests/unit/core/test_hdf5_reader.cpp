#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/output_file.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec::core;
using dec::test::TemporaryFolder;
namespace fs = std::filesystem;

void write_small_file(std::string const& path) {
    Hdf5Writer writer{Communicator{MPI_COMM_SELF}, path};
    writer.table("/nodes", 2, std::vector<std::int64_t>{0, 1},
                 std::vector<Column>{{"v", "pu", std::vector{1.0, 1.02}, 1}});
    writer.commit();
}

std::string problem_with(std::string const& path) {
    try {
        Hdf5Reader const reader{path};
    } catch (InvalidInput const& error) {
        return error.findings().at(0).problem;
    }
    return {};
}

}  // namespace

TEST_CASE("what is no complete HDF5 file is refused with the reason", "[core][hdf5]") {
    TemporaryFolder const folder;
    write_small_file(folder / "whole.h5");
    write_small_file(folder / "cut.h5");
    fs::resize_file(folder.path() / "cut.h5", fs::file_size(folder.path() / "cut.h5") / 2);
    write_file(folder / "empty.h5", "");
    write_file(folder / "page.h5", "<!DOCTYPE html><html></html>");

    CHECK(problem_with(folder / "whole.h5").empty());
    CHECK_THAT(problem_with(folder / "cut.h5"), Catch::StartsWith("is damaged or incomplete"));
    CHECK(problem_with(folder / "empty.h5") == "is not an HDF5 file");
    CHECK(problem_with(folder / "page.h5") == "is not an HDF5 file");
    CHECK(problem_with(folder / "absent.h5") == "cannot be read: No such file or directory");
    CHECK(problem_with(folder.path().string()) == "is not a file");
}

TEST_CASE("a dataset or group that is not there is named", "[core][hdf5]") {
    TemporaryFolder const folder;
    write_small_file(folder / "small.h5");
    Hdf5Reader const reader{folder / "small.h5"};

    CHECK_THROWS_WITH(reader.column("/nodes/price"), Catch::Contains("/nodes/price: there is no such dataset"));
    CHECK_THROWS_AS(reader.column("/nodes"), InvalidInput);
    CHECK_THROWS_AS(reader.attributes("/ders"), InvalidInput);
    CHECK_FALSE(reader.contains("/nodes/price"));
    CHECK(reader.contains("/nodes/v"));
    CHECK(reader.contains("/"));
}
