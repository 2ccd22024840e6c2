#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "../../../src/io/files.hpp"
#include "dec/core/error.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;

std::string bytes_of(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string long_text() {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919) + "\n";
    return text;
}

}  // namespace

TEST_CASE("what is written is what is read, compressed or not", "[io][files]") {
    test::TemporaryFolder const folder;
    auto const ending = GENERATE(".xml", ".xml.gz", ".XML.GZ");
    auto const path = folder / std::string{"text"} + ending;
    auto const text = long_text();

    io::write_text_file(path, text);

    CHECK(io::read_text_file(path) == text);
    CHECK(io::has_ending(path, ".gz") == bytes_of(path).starts_with("\x1f\x8b"));
    CHECK(folder.files() == 1);
}

TEST_CASE("the same text is compressed to the same bytes", "[io][files]") {
    test::TemporaryFolder const folder;

    io::write_text_file(folder / "a.gz", long_text());
    io::write_text_file(folder / "b.gz", long_text());

    CHECK(bytes_of(folder / "a.gz") == bytes_of(folder / "b.gz"));
}

TEST_CASE("gzip files of several members are read to their end", "[io][files]") {
    test::TemporaryFolder const folder;
    io::write_text_file(folder / "a.gz", "first ");
    io::write_text_file(folder / "b.gz", "second");

    std::ofstream{folder / "both.gz", std::ios::binary} << bytes_of(folder / "a.gz") << bytes_of(folder / "b.gz");

    CHECK(io::read_text_file(folder / "both.gz") == "first second");
}

TEST_CASE("gzip data are recognised under any name", "[io][files]") {
    test::TemporaryFolder const folder;
    io::write_text_file(folder / "text.gz", "hello");

    std::filesystem::rename(folder / "text.gz", folder / "text.xml");

    CHECK(io::read_text_file(folder / "text.xml") == "hello");
}

TEST_CASE("a file that cannot be written leaves nothing behind and names its path", "[io][files]") {
    test::TemporaryFolder const folder;
    auto const path = folder / "absent/feeder.xml";
    std::filesystem::create_directory(folder / "taken.xml");
    std::ofstream{folder / "taken.xml/file"} << "so that it cannot be replaced";

    CHECK_THROWS_AS(io::write_text_file(path, "text"), core::SystemFailure);
    CHECK_THROWS_WITH(io::write_text_file(path, "text"), Catch::Contains(path));
    CHECK_THROWS_AS(io::write_text_file(folder / "taken.xml", "text"), core::SystemFailure);
    CHECK(folder.files() == 1);
}

TEST_CASE("an existing file is replaced only by a complete one", "[io][files]") {
    test::TemporaryFolder const folder;
    io::write_text_file(folder / "feeder.xml", "old");

    io::write_text_file(folder / "feeder.xml", "new");

    CHECK(io::read_text_file(folder / "feeder.xml") == "new");
    CHECK(folder.files() == 1);
}
