/// \file native.hpp
/// Native feeder files: HDF5, a column per field, for feeders of any size. Everything a feeder::Feeder holds, in SI; the
/// tables are listed in docs/native.md. Rows are in the feeder's order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dec/io/catalogue.hpp"

namespace dec::io {

inline constexpr std::string_view native_format_name = "dec-feeder";
inline constexpr std::int64_t native_format_version = 2;

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

/// Whether a path is that of a native file by its ending.
[[nodiscard]] bool is_native(std::string_view path);

/// Reads `.h5`. \throws core::InvalidInput one finding: damaged, no feeder file (a results file is named as such), of
/// another version; or one finding for each column that is missing or holds what cannot be.
[[nodiscard]] ReadFeeder read_native(std::string const& path);

/// Reads what it takes to hang a feeder and to split it: of buses, lines, transformers, banks, loads and photovoltaic systems only
/// references, codes, nominal voltages and lengths, no texts and no other numbers; all else whole. No measurements.
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

/// True if buses are numbered depth-first from the source, and every other table with a bus is sorted by it (branches by
/// the later of their buses).
[[nodiscard]] bool is_depth_first(feeder::Feeder const& feeder);

}  // namespace dec::io
