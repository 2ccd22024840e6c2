/// \file catalogue.hpp
/// Every feeder format there is; a new one is one line in catalogue.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "dec/feeder/feeder.hpp"
#include "dec/feeder/line_constants.hpp"
#include "dec/io/report.hpp"

namespace dec::io {

/// What a reader needs to know where the file does not say it.
struct ReadOptions {
    /// Of lines that are described by their wires. CIM says nothing of the earth; the simulator of the GridAPPS-D platform
    /// (GridLAB-D) computes the same files by modified Carson.
    feeder::Earth earth{feeder::EarthModel::modified_carson, 100.0};
    /// Where the feeder lies in a native file of several ("/feeders/NAME"); empty: it is the whole file.
    std::string group;
    std::int64_t member = -1;           ///< which one of a region it is, if that is known already
    double endpoint_patience_s = 60.0;  ///< how long a SPARQL endpoint may be silent
};

struct ReadFeeder {
    feeder::Feeder feeder;
    Report report;
};

/// Reads a feeder from a path by its ending, or from a SPARQL endpoint ("sparql+http://…"). One rank reads a text format and holds the whole feeder. Not collective.
/// \throws core::InvalidInput absent, empty, truncated, not of the format, dangling references, unsupported content:
///   every finding with file, element and remedy. \throws core::SystemFailure unreadable file, endpoint that gives no answer.
[[nodiscard]] ReadFeeder read_feeder(std::string const& path, ReadOptions const& options = {});

/// Writes a feeder in the format of the ending; beside the target first, then renamed.
/// \throws core::SystemFailure, core::InvalidInput for an ending that cannot be written.
void write_feeder(feeder::Feeder const& feeder, std::string const& path);

/// Finds out before a long computation that the ending is one that can be written. \throws core::InvalidInput
void require_writable_ending(std::string const& path);

/// "…, .xml, .xml.gz": endings that can be read, for messages and help.
[[nodiscard]] std::string readable_formats();
/// The same of those that can be written.
[[nodiscard]] std::string writable_formats();

}  // namespace dec::io
