#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>

#include "dec/core/error.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/core/output_file.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec::core;
using dec::test::TemporaryFolder;
namespace fs = std::filesystem;

Communicator world() { return Communicator{MPI_COMM_WORLD}; }

void wait_for_all() { MPI_Barrier(MPI_COMM_WORLD); }

std::string text_of_row(std::int64_t row) {
    switch (row % 4) {
        case 0: return {};
        case 1: return "l" + std::to_string(row);
        case 2: return "Straße " + std::to_string(row) + " ∠120°";
        default: return std::string(static_cast<std::size_t>(row % 300), 'x') + "é";
    }
}

/// Columns of every kind whose values are known from the row.
std::vector<Column> columns_for(std::vector<std::int64_t> const& rows) {
    std::vector<double> reals, pairs;
    std::vector<std::int64_t> integers;
    std::vector<std::string> texts;
    for (auto const row : rows) {
        reals.push_back(row % 5 == 0 ? std::nan("") : 0.1 * static_cast<double>(row));
        pairs.push_back(static_cast<double>(row));
        pairs.push_back(-static_cast<double>(row));
        integers.push_back(row * 1'000'000'007'000LL);
        texts.push_back(text_of_row(row));
    }
    return {{"v", "pu", reals, 1}, {"pair", "kW", pairs, 2}, {"count", "1", integers, 1}, {"name", "", texts, 1}};
}

/// Writes `total` rows of which this rank gives `rows`.
void write_rows(std::string const& path, std::int64_t total, std::vector<std::int64_t> const& rows) {
    Hdf5Writer writer{world(), path};
    writer.table("/nodes", total, rows, columns_for(rows));
    writer.attributes("/", {{"format", "dec-results"}, {"format_version", std::int64_t{1}}, {"alpha", 0.25}});
    writer.commit();
}

/// Rows dealt out at random, the same deal on every rank; some ranks may get none.
std::vector<std::int64_t> dealt_rows(std::int64_t total, unsigned seed) {
    std::mt19937 draw{seed};
    std::vector<std::int64_t> order(static_cast<std::size_t>(total));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::shuffle(order.begin(), order.end(), draw);
    auto const receivers = 1 + draw() % static_cast<unsigned>(world().size());
    std::vector<std::int64_t> own;
    for (auto const row : order)
        if (static_cast<int>(draw() % receivers) == world().rank()) own.push_back(row);
    return own;
}

std::vector<std::int64_t> all_rows_on_last_rank(std::int64_t total) {
    std::vector<std::int64_t> rows(world().rank() == world().size() - 1 ? static_cast<std::size_t>(total) : 0);
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    return rows;
}

std::string bytes_of(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

/// The exit code of the error every rank must get; nothing if one got none.
std::optional<ExitCode> code_everywhere(std::function<void()> const& work) {
    int code = -1;
    try {
        work();
    } catch (Error const& error) {
        code = static_cast<int>(error.code());
    }
    int lowest = 0, highest = 0;
    MPI_Allreduce(&code, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Allreduce(&code, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    if (lowest != highest || code == -1) return {};
    return static_cast<ExitCode>(code);
}

/// Limits the length of files, as a full disk would.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        rlimit const limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("a table reads back as written wherever its rows lay", "[core][hdf5]") {
    TemporaryFolder const folder;
    auto const total = GENERATE(std::int64_t{1}, std::int64_t{3}, std::int64_t{1000});
    auto const seed = GENERATE(range(0U, 4U));
    auto const path = folder / "results.h5";

    write_rows(path, total, dealt_rows(total, seed));

    std::vector<std::int64_t> rows(static_cast<std::size_t>(total));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    auto const expected = columns_for(rows);
    Hdf5Reader const reader{path};
    CHECK(reader.datasets() == std::vector<std::string>{"/nodes/count", "/nodes/name", "/nodes/pair", "/nodes/v"});
    for (auto const& column : expected) {
        CAPTURE(total, seed, column.name);
        auto const read = reader.column("/nodes/" + column.name);
        CHECK(read.name == column.name);
        CHECK(read.unit == column.unit);
        CHECK(read.width == column.width);
        if (column.name != "v") CHECK(read.data == column.data);
    }
    auto const v = std::get<std::vector<double>>(reader.column("/nodes/v").data);
    auto const v_expected = std::get<std::vector<double>>(expected[0].data);
    REQUIRE(v.size() == v_expected.size());
    for (std::size_t i = 0; i < v.size(); ++i)
        CHECK((v[i] == v_expected[i] || (std::isnan(v[i]) && std::isnan(v_expected[i]))));
}

TEST_CASE("the same content gives the same bytes for any number of ranks and any owners", "[core][hdf5]") {
    TemporaryFolder const folder;
    constexpr std::int64_t total = 777;

    write_rows(folder / "dealt.h5", total, dealt_rows(total, 11));
    write_rows(folder / "last.h5", total, all_rows_on_last_rank(total));
    wait_for_all();

    auto const bytes = bytes_of(folder / "dealt.h5");
    CHECK(bytes.size() > 10'000);
    CHECK(bytes == bytes_of(folder / "last.h5"));
    // One rank writing alone makes the file that all ranks together must make.
    if (world().is_root()) {
        std::vector<std::int64_t> rows(total);
        std::iota(rows.begin(), rows.end(), std::int64_t{0});
        Hdf5Writer writer{Communicator{MPI_COMM_SELF}, folder / "alone.h5"};
        writer.table("/nodes", total, rows, columns_for(rows));
        writer.attributes("/", {{"format", "dec-results"}, {"format_version", std::int64_t{1}}, {"alpha", 0.25}});
        writer.commit();
        CHECK(bytes == bytes_of(folder / "alone.h5"));
    }
    wait_for_all();
}

TEST_CASE("a table without rows has datasets without rows", "[core][hdf5]") {
    TemporaryFolder const folder;

    write_rows(folder / "empty.h5", 0, {});

    Hdf5Reader const reader{folder / "empty.h5"};
    CHECK(std::get<std::vector<double>>(reader.column("/nodes/v").data).empty());
    CHECK(std::get<std::vector<std::string>>(reader.column("/nodes/name").data).empty());
    CHECK(reader.column("/nodes/pair").width == 2);
}

TEST_CASE("texts of 100 kB and texts that are all empty survive", "[core][hdf5]") {
    TemporaryFolder const folder;
    std::string const long_text(100'000, 'q');
    bool const mine = world().rank() == world().size() - 1;
    std::vector<std::int64_t> const rows = mine ? std::vector<std::int64_t>{1, 0} : std::vector<std::int64_t>{};
    auto const here = [&](std::vector<std::string> texts) { return mine ? texts : std::vector<std::string>{}; };
    std::vector<Column> const columns{{"long", "", here({long_text, "short"}), 1}, {"none", "", here({"", ""}), 1}};

    {
        Hdf5Writer writer{world(), folder / "texts.h5"};
        writer.table("/t", 2, rows, columns);
        writer.commit();
    }

    Hdf5Reader const reader{folder / "texts.h5"};
    CHECK(reader.column("/t/long").data == ColumnData{std::vector<std::string>{"short", long_text}});
    CHECK(reader.column("/t/none").data == ColumnData{std::vector<std::string>{"", ""}});
}

TEST_CASE("attributes keep their kind and the last value given", "[core][hdf5]") {
    TemporaryFolder const folder;
    std::string const long_text = "ü" + std::string(100'000, 'a');
    {
        Hdf5Writer writer{world(), folder / "attributes.h5"};
        writer.attributes("/", {{"text", "first"}, {"long", long_text}, {"empty", ""}});
        writer.attributes("/", {{"text", "second"}});
        writer.attributes("/methods/exact", {{"cut", std::int64_t{1} << 60}, {"share", -0.125}});
        writer.commit();
    }

    Hdf5Reader const reader{folder / "attributes.h5"};
    CHECK(reader.attributes("/") == Attributes{{"text", "second"}, {"long", long_text}, {"empty", ""}});
    CHECK(reader.attributes("/methods/exact") == Attributes{{"cut", std::int64_t{1} << 60}, {"share", -0.125}});
    CHECK(reader.groups() == std::vector<std::string>{"/", "/methods", "/methods/exact"});
    CHECK(reader.contains("/methods/exact"));
    CHECK_FALSE(reader.contains("/methods/admm/iteration"));
}

TEST_CASE("the target appears with commit and not before", "[core][hdf5]") {
    TemporaryFolder const folder;
    auto const path = folder / "results.h5";
    Hdf5Writer writer{world(), path};
    writer.table("/nodes", world().size(), std::vector<std::int64_t>{world().rank()}, columns_for({world().rank()}));
    wait_for_all();
    CHECK_FALSE(fs::exists(path));
    wait_for_all();

    writer.commit();
    wait_for_all();

    CHECK(fs::exists(path));
    CHECK(folder.files() == 1);
}

TEST_CASE("a writer that is given up leaves what was there before", "[core][hdf5]") {
    TemporaryFolder const folder;
    auto const path = folder / "results.h5";
    write_rows(path, 5, all_rows_on_last_rank(5));
    wait_for_all();
    auto const before = bytes_of(path);
    wait_for_all();

    {
        Hdf5Writer writer{world(), path};
        auto const rows = all_rows_on_last_rank(50);
        writer.table("/nodes", 50, rows, columns_for(rows));
    }
    wait_for_all();

    CHECK(bytes_of(path) == before);
    CHECK(folder.files() == 1);
}

TEST_CASE("a target that cannot be written fails on all ranks alike and leaves nothing", "[core][hdf5]") {
    TemporaryFolder const folder;
    if (world().is_root()) {
        fs::create_directory(folder.path() / "folder.h5");
        std::ofstream{folder / "file"} << "text";
        fs::create_symlink("loop", folder.path() / "loop");
    }
    wait_for_all();
    for (auto const& target :
         {folder / "missing/results.h5", folder / "folder.h5", folder / "file/results.h5", folder / "loop",
          std::string{"/dev/null"}, std::string{}, folder / std::string(300, 'n')}) {
        CAPTURE(target);
        CHECK(code_everywhere([&] { Hdf5Writer const writer{world(), target}; }) == ExitCode::system);
        CHECK(code_everywhere([&] { require_writable(world(), target); }) == ExitCode::system);
    }
    wait_for_all();

    CHECK(folder.files() == 3);
    CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("what can be written is found writable without a trace", "[core][hdf5]") {
    TemporaryFolder const folder;

    CHECK_NOTHROW(require_writable(world(), folder / "results.h5"));
    wait_for_all();

    CHECK(folder.files() == 0);
}

TEST_CASE("a full disk is an error on all ranks and leaves nothing", "[core][hdf5]") {
    TemporaryFolder const folder;
    auto const rows = all_rows_on_last_rank(20'000);

    {
        FileSizeLimit const limit{1 << 20};
        CHECK(code_everywhere([&] { write_rows(folder / "results.h5", 20'000, rows); }) == ExitCode::system);
    }
    wait_for_all();

    CHECK(folder.files() == 0);
}

TEST_CASE("rows missing, given twice or out of range are reported as a bug on all ranks", "[core][hdf5]") {
    TemporaryFolder const folder;
    auto rows = all_rows_on_last_rank(10);
    bool const mine = !rows.empty();
    auto const fault = GENERATE(0, 1, 2);
    if (mine && fault == 0) rows.pop_back();
    if (mine && fault == 1) rows[3] = 4;
    if (mine && fault == 2) rows[3] = 10;
    CAPTURE(fault);

    CHECK(code_everywhere([&] { write_rows(folder / "results.h5", 10, rows); }) == ExitCode::bug);
    wait_for_all();

    CHECK(folder.files() == 0);
}

TEST_CASE("texts side by side in one buffer are written like texts of their own", "[hdf5]") {
    TemporaryFolder const folder;
    auto const rows = dealt_rows(200, 11);
    TextColumn texts;
    for (auto const row : rows) texts.push_back(text_of_row(row));

    Hdf5Writer writer{world(), folder / "texts.h5"};
    writer.table("/t", 200, rows, std::vector<Column>{{"name", "", texts, 1}});
    writer.commit();

    Hdf5Reader const reader{folder / "texts.h5"};
    auto const column = reader.column("/t/name");
    auto const& read = std::get<std::vector<std::string>>(column.data);
    REQUIRE(read.size() == 200);
    for (std::size_t row = 0; row < read.size(); ++row) CHECK(read[row] == text_of_row(static_cast<std::int64_t>(row)));
}

TEST_CASE("consecutive rows of every rank become one dataset, of which every rank reads any part", "[hdf5]") {
    TemporaryFolder const folder;
    auto const total = GENERATE(std::int64_t{0}, 1, 7, 1000);
    auto const ranks = static_cast<std::int64_t>(world().size());
    // The last ranks come first in the file, and the first rank has nothing where there are several.
    auto const begin_of = [&](std::int64_t turn) { return ranks == 1 ? turn * total : total * turn / (ranks - 1); };
    auto const turn = ranks - 1 - world().rank();
    auto const first = std::min(begin_of(turn), total), end = std::min(begin_of(turn + 1), total);
    std::vector<double> reals;
    std::vector<std::int32_t> integers;
    std::vector<std::uint8_t> codes;
    TextColumn texts;
    for (auto row = first; row < end; ++row) {
        reals.insert(reals.end(), {0.5 * static_cast<double>(row), std::nan("")});
        integers.push_back(static_cast<std::int32_t>(-row));
        codes.push_back(static_cast<std::uint8_t>(row % 251));
        texts.push_back(text_of_row(row));
    }

    Hdf5Writer writer{world(), folder / "blocks.h5"};
    writer.block("/a/b", {.name = "real", .unit = "W", .data = reals, .width = 2}, total, first);
    writer.block("/a/b", {.name = "integer", .meaning = "a row", .data = integers}, total, first);
    writer.block("/a/b", {.name = "code", .data = codes}, total, first);
    writer.block("/a/b", {.name = "text", .data = texts}, total, first);
    writer.commit();

    CAPTURE(total, ranks);
    Hdf5Reader const reader{folder / "blocks.h5"};
    CHECK(std::get<std::string>(reader.attributes("/a/b/real").at("unit")) == "W");
    CHECK(std::get<std::string>(reader.attributes("/a/b/integer").at("meaning")) == "a row");
    CHECK_FALSE(reader.attributes("/a/b/code").contains("meaning"));
    auto const from = total / 3, count = total - total / 3 - total / 4;
    auto const part = [&](std::string const& name, BlockKind kind, std::size_t width) {
        CHECK(reader.rows("/a/b/" + name) == total);
        return reader.block("/a/b/" + name, kind, width, from, count);
    };
    auto const real = std::get<std::vector<double>>(part("real", BlockKind::real, 2));
    auto const integer = std::get<std::vector<std::int32_t>>(part("integer", BlockKind::int32, 1));
    auto const code = std::get<std::vector<std::uint8_t>>(part("code", BlockKind::uint8, 1));
    auto const text = std::get<TextColumn>(part("text", BlockKind::text, 1));
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        auto const row = from + static_cast<std::int64_t>(i);
        CHECK(real[2 * i] == 0.5 * static_cast<double>(row));
        CHECK(std::isnan(real[2 * i + 1]));
        CHECK(integer[i] == -row);
        CHECK(code[i] == row % 251);
        CHECK(text[i] == text_of_row(row));
    }
    CHECK_THROWS_AS(reader.block("/a/b/real", BlockKind::real, 1, 0, total), InvalidInput);
    CHECK_THROWS_AS(reader.block("/a/b/real", BlockKind::text, 2, 0, total), InvalidInput);
    CHECK_THROWS_AS(reader.block("/a/b/code", BlockKind::uint8, 1, 0, total + 1), InvalidInput);
    CHECK_THROWS_WITH(reader.rows("/a/b/none"), Catch::Contains("there is no such dataset"));
}
