/// \file hdf5.hpp
/// The one home of HDF5: files written and read by all ranks together, tables whose rows lie on any rank.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dec/core/archive.hpp"
#include "dec/core/communicator.hpp"
#include "dec/core/table.hpp"

namespace dec::core {

/// Nothing known: NaN in every row, which takes no room in a file.
struct Unknown {
    bool operator==(Unknown const&) const = default;
};

/// Files are read as one of the first three; the others are written like what they stand for. Views are of texts that stay where they
/// are until the column is written.
using ColumnData = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>, TextColumn,
                                std::vector<std::string_view>, Unknown>;

/// One dataset. `width` > 1 makes it two-dimensional: `data` then holds `width` values for each row.
struct Column {
    std::string name;
    std::string unit;  ///< becomes the attribute "unit"; "1" for pure numbers, "" for texts
    ColumnData data;
    std::size_t width = 1;
    /// Shape of a row where it is not just `width`, whose product is `width`; {1} keeps the second dimension of one column.
    std::vector<std::size_t> extents = {};
};

/// Values of one kind as they lie in a large file: small kinds stay small, texts lie in one buffer.
using BlockData = std::variant<std::vector<double>, std::vector<std::int32_t>, std::vector<std::uint8_t>, TextColumn,
                               std::vector<std::int64_t>>;
/// The alternatives of BlockData, in their order.
enum class BlockKind : std::uint8_t { real, int32, uint8, text, int64 };

/// Consecutive rows of one dataset. `width` as in Column; texts have width 1.
struct Block {
    std::string name;
    std::string unit;     ///< becomes the attribute "unit"; "1" for pure numbers, "" for whatever is no number
    std::string meaning;  ///< becomes the attribute "meaning" unless empty
    BlockData data;
    std::size_t width = 1;
};

/// A dataset with time as its first axis, the rows of a table as its second and `extents` behind them.
struct Series {
    std::string name;
    std::string unit;
    std::size_t steps = 0;
    std::vector<std::size_t> extents = {};
    /// Steps [first, first + count) of this rank's rows: step after step, in each row after row. Not collective.
    std::function<std::vector<double>(std::size_t first, std::size_t count)> values;
};

using AttributeValue = std::variant<double, std::int64_t, std::string>;
using Attributes = std::map<std::string, AttributeValue>;

/// Where tables go: a file, or memory for a while.
class TableSink {
  public:
    virtual ~TableSink() = default;
    /// Begins a table of `total` rows in a group. Each rank gives any rows it has; `rows[i]` is the place of its i-th entry of every
    /// column in the whole table; every row must be given exactly once over all ranks. Collective.
    virtual void begin(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows) = 0;
    /// Adds a dataset to the table begun last. Texts become UTF-8 of fixed length, the longest over all ranks. An empty table gives
    /// datasets of zero rows. Collective.
    virtual void add(Column const& column) = 0;
    virtual void add(Series const& series) = 0;
    /// A table whose columns are all there. Collective.
    void table(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows,
               std::span<Column const> columns) {
        begin(group, total, rows);
        for (auto const& column : columns) add(column);
    }
    /// Attributes of a group ("/" for the topmost); values must be equal on all ranks. Texts of variable length. Collective.
    virtual void attributes(std::string_view group, Attributes const& values) = 0;
};

/// Tables of one rank as they would lie in a file, kept in memory until Hdf5Writer::replay writes them, perhaps elsewhere.
class TableRecord final : public TableSink {
  public:
    TableRecord();
    ~TableRecord() override;
    void begin(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows) override;
    void add(Column const& column) override;
    void add(Series const& series) override;
    void attributes(std::string_view group, Attributes const& values) override;
    /// What was given so far; for Hdf5Writer::replay of the same run, not a file format.
    [[nodiscard]] std::vector<char> take() { return pack_.take(); }

  private:
    struct Table;
    std::unique_ptr<Table> table_;
    Packer pack_;
};

/// Writes a file under a temporary name beside it; the name the user asked for appears only with `commit`. Members throw
/// SystemFailure on all ranks alike.
class Hdf5Writer final : public TableSink {
  public:
    /// Collective. \throws SystemFailure on all ranks alike if the file cannot be created.
    Hdf5Writer(Communicator const& comm, std::string path);
    Hdf5Writer(Hdf5Writer const&) = delete;
    Hdf5Writer& operator=(Hdf5Writer const&) = delete;
    /// Without commit the temporary file is removed. Collective.
    ~Hdf5Writer() override;

    /// All groups that follow lie below this one; "" for those of the file itself. Not collective; the same on all ranks.
    void below(std::string group);
    /// From here on the root writes alone, and nothing of it is collective but the destructor; the others have no file any
    /// more. Collective.
    void continue_on_root(Communicator const& root_alone);
    /// Writes what a record of one rank holds. Of files with one rank.
    void replay(std::vector<char> const& record);

    /// Rows are brought into contiguous blocks, one per rank, a column at a time.
    void begin(std::string_view group, std::int64_t total, std::span<std::int64_t const> rows) override;
    void add(Column const& column) override;
    void add(Series const& series) override;
    /// Writes one dataset of `total` rows of which each rank has those from `first` on; over all ranks every row is given
    /// exactly once. Nothing is sent between ranks but the length of the longest text. Texts as in `table`. Collective.
    void block(std::string_view group, Block const& block, std::int64_t total, std::int64_t first);
    /// Makes a dataset that `fill` writes: of `like` only the name, unit, meaning, width and kind count. Every row has to be
    /// filled. \param text_size bytes of the longest text. All arguments must be equal on all ranks. Collective.
    void declare(std::string_view group, Block const& like, std::int64_t total, std::size_t text_size = 1);
    /// Writes the rows from `first` on of a declared dataset. Not collective: whoever has rows writes them, in any order.
    /// \throws SystemFailure on this rank alone
    void fill(std::string_view group, Block const& block, std::int64_t first);
    void attributes(std::string_view group, Attributes const& values) override;
    /// Closes the file and moves it to its name. Collective. \throws SystemFailure
    void commit();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Whether a file begins as HDF5 does; it may still be damaged. False for everything else, also for what is not there.
[[nodiscard]] bool is_hdf5(std::string const& path);

/// Reads a file on one rank. Not collective: every rank may open the same file and read rows of its own.
class Hdf5Reader {
  public:
    /// \throws InvalidInput if the file is absent, or is no complete HDF5 file; SystemFailure if reading it is forbidden.
    explicit Hdf5Reader(std::string path);
    Hdf5Reader(Hdf5Reader const&) = delete;
    Hdf5Reader& operator=(Hdf5Reader const&) = delete;
    ~Hdf5Reader();

    /// All paths that follow, but those of `datasets` and `groups`, lie below this group; "" for the file itself. Not checked.
    void below(std::string group);
    /// Paths ("/nodes/v") of all datasets, of all groups (with "/"), in alphabetical order.
    [[nodiscard]] std::vector<std::string> datasets() const;
    [[nodiscard]] std::vector<std::string> groups() const;
    /// A dataset with its unit; `name` is the last part of the path, `width` the product of all extents but the first.
    /// \throws InvalidInput if there is none or it holds neither numbers nor texts.
    [[nodiscard]] Column column(std::string const& path) const;
    /// Rows of a dataset as it is shaped: its first extent. \throws InvalidInput if there is none.
    [[nodiscard]] std::int64_t rows(std::string const& path) const;
    /// Rows [first, first + count) of a dataset of `width` values per row, without passing through single texts.
    /// \throws InvalidInput if there is none, or it is of another kind, width or length, or is damaged.
    [[nodiscard]] BlockData block(std::string const& path, BlockKind kind, std::size_t width, std::int64_t first,
                                  std::int64_t count) const;
    /// Names of the groups in a group, in alphabetical order; none if there is no such group.
    [[nodiscard]] std::vector<std::string> groups_in(std::string const& path) const;
    /// Attributes of a group ("/" for the file itself) or of a dataset. \throws InvalidInput if there is no such object,
    /// or an attribute is no single number or text.
    [[nodiscard]] Attributes attributes(std::string const& path) const;
    [[nodiscard]] bool contains(std::string const& path) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dec::core
