#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dec/core/error.hpp"
#include "dec/core/output_file.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec::core;
using dec::test::TemporaryFolder;
namespace fs = std::filesystem;

std::string content_of(std::string const& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("a file written at once replaces the old one and leaves nothing beside it", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / "table.csv";

    write_file(path, "old and longer\n");
    write_file(path, "new\n");

    CHECK(content_of(path) == "new\n");
    CHECK(folder.files() == 1);
}

TEST_CASE("an output given up leaves the old file alone", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / "table.csv";
    write_file(path, "old\n");

    {
        OutputFile const output{path};
        std::ofstream{output.temporary()} << "half";
    }

    CHECK(content_of(path) == "old\n");
    CHECK(folder.files() == 1);
}

TEST_CASE("an output has the permissions the user's mask leaves", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / "table.csv";
    auto const before = umask(027);

    write_file(path, "text");
    umask(before);

    CHECK(fs::status(path).permissions() == static_cast<fs::perms>(0640));
}

TEST_CASE("a symbolic link is followed, also to a file that is not there yet", "[core][output_file]") {
    TemporaryFolder const folder;
    fs::create_symlink("real.csv", folder.path() / "link.csv");

    write_file(folder / "link.csv", "text");

    CHECK(fs::is_symlink(folder.path() / "link.csv"));
    CHECK(content_of(folder / "real.csv") == "text");
}

TEST_CASE("two outputs of one target do not disturb each other", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / "table.csv";
    OutputFile first{path};
    OutputFile second{path};
    std::ofstream{first.temporary()} << "first";
    std::ofstream{second.temporary()} << "second";

    second.commit();
    first.commit();

    CHECK(content_of(path) == "first");
    CHECK(folder.files() == 1);
}

TEST_CASE("a name of 255 bytes can be written", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / std::string(255, 'n');

    write_file(path, "text");

    CHECK(content_of(path) == "text");
}

TEST_CASE("a refused target is named with the reason and what to do", "[core][output_file]") {
    TemporaryFolder const folder;
    auto const path = folder / "missing/table.csv";

    try {
        write_file(path, "text");
        FAIL("written into a folder that does not exist");
    } catch (SystemFailure const& failure) {
        REQUIRE(failure.findings().size() == 1);
        CHECK(failure.findings()[0].file == path);
        CHECK_THAT(failure.findings()[0].problem, Catch::Contains("No such file or directory"));
        CHECK(failure.findings()[0].remedy == "create the folder first");
    }
}

TEST_CASE("room that no disk has cannot be reserved", "[core][output_file]") {
    TemporaryFolder const folder;
    OutputFile output{folder / "large.h5"};

    CHECK_THROWS_AS(output.reserve(std::int64_t{1} << 60), SystemFailure);
}
