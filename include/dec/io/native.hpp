/// \file native.hpp
/// Native feeder files: HDF5, a column per field, for feeders of any size. Everything a feeder::Feeder holds, in SI; the
/// tables are listed in docs/native.md. Rows are in the feeder's order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/hdf5.hpp"
#include "dec/feeder/row_counts.hpp"
#include "dec/io/catalogue.hpp"

namespace dec::io {

inline constexpr std::string_view native_format_name = "dec-feeder";
inline constexpr std::int64_t native_format_version = 3;
/// Of a file with many feeders, each a range of consecutive rows of every table.
inline constexpr std::string_view region_format_name = "dec-region";

/// True if a file of this name is a native one, by its ending.
[[nodiscard]] bool is_native_name(std::string_view path);

/// One dataset of a native file.
struct NativeField {
    std::string path;     ///< "/loads/p"
    std::string type;     ///< "float64", "int32", "uint8", "text"
    std::string shape;    ///< "row", "row × 3"
    std::string unit;     ///< "1" for pure numbers, "" for texts, references and codes
    std::string meaning;  ///< of codes and references
};

/// All datasets in the order of the file; docs/native.md is the same table for readers. Generated from feeder/fields.hpp.
[[nodiscard]] std::vector<NativeField> native_schema();

/// Reads `.h5`. \throws core::InvalidInput one finding: damaged, no feeder file (a results file is named as such), of
/// another version; or one finding for each column that is missing or holds what cannot be.
/// \param group of a file of several feeders, the one to read; empty: the whole file is one.
/// \param member of a region, which of its feeders has that name; -1: it is looked for.
[[nodiscard]] ReadFeeder read_native(std::string const& path, std::string const& group = {}, std::int64_t member = -1);

/// Reads what it takes to hang a feeder and to split it: of buses, lines, transformers, banks, loads and photovoltaic systems only
/// references, codes, nominal voltages and lengths, empty texts and no other numbers; all else whole. No measurements.
/// \throws core::InvalidInput as read_native.
[[nodiscard]] ReadFeeder read_native_outline(std::string const& path);

/// Where the elements of a part of a feeder are in its file: one row for each of the part's.
struct NativeRows {
    std::span<std::int64_t const> buses, lines, transformers, banks, loads, pv_systems;
};
/// Reads for a part of a feeder what its outline leaves out. Each rank may do so for its own at the same time. Not collective.
/// \throws core::InvalidInput as read_native.
void complete_from_native(std::string const& path, feeder::Feeder& part, NativeRows const& rows);

/// Written beside the target and renamed. The same feeder gives the same bytes. The attribute `order` says
/// "depth-first" when a rank that wants consecutive buses finds all that hangs on them in consecutive rows.
/// \throws core::SystemFailure
void write_native(feeder::Feeder const& feeder, std::string const& path);

/// What has to be known of the rows a rank will write before any rank writes.
struct NativeExtent {
    feeder::RowCounts rows{};
    std::vector<std::int64_t> longest;  ///< bytes of the longest text of every text column
    void add(feeder::Feeder const& part);
};

/// Order of rows in a file, as the attribute `order` says it.
enum class NativeOrder : std::uint8_t { depth_first, free };

/// Writes the tables of a native file piece by piece; no rank needs to hold more than a piece.
class NativeWriter {
  public:
    /// Rows come rank after rank, of each rank in the order it writes them. \param mine what this rank will write.
    /// Collective. \throws core::SystemFailure on all ranks alike if the file cannot be created.
    NativeWriter(core::Communicator const& comm, std::string const& path, NativeExtent const& mine);

    /// Rows of lower ranks: where this rank's begin.
    [[nodiscard]] feeder::RowCounts const& first() const { return first_; }
    /// Says that this is one feeder, and its names. Collective.
    void heading(feeder::Heading const& heading, NativeOrder order);
    /// Says that this is a region, and which rows each of its feeders has. References count within their own feeder.
    /// \param headings of the feeders that begin on this rank. \param first of each, in the whole file. Collective.
    void feeders(feeder::Heading const& region, std::span<feeder::Heading const> headings,
                 std::span<feeder::RowCounts const> first, NativeOrder order);
    /// The next rows of this rank; only tables and texts of `part` count. Not collective.
    /// \throws core::SystemFailure on this rank alone
    void append(feeder::Feeder const& part);
    /// Every rank has appended what it announced. Collective. \throws core::SystemFailure
    void commit();

  private:
    core::Communicator comm_;
    core::Hdf5Writer file_;
    feeder::RowCounts first_{}, next_{};
};

/// True if buses are numbered depth-first from the source, and every other table with a bus is sorted by it (branches by
/// the later of their buses).
[[nodiscard]] bool is_depth_first(feeder::Feeder const& feeder);

}  // namespace dec::io
