/// \file fleet.hpp
/// Many feeders under one name: a list of files, a folder of them, or one native file with a group for each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dec/core/error.hpp"

namespace dec::io {

/// Where one feeder of a fleet is.
struct FleetMember {
    std::string name;       ///< unique in the fleet; a name of a group of HDF5
    std::string path;       ///< of its file
    std::string group;      ///< in that file; empty: the whole file
    double buses = 0.0;     ///< about as many as it has, from the size of its file
    std::int64_t row = -1;  ///< which one of a region it is; -1: it is no part of one
};

struct Fleet {
    std::vector<FleetMember> members;   ///< in the order of the list, else by name
    std::vector<std::string> warnings;  ///< what was left out
};

/// Whether a path names many feeders by what it is: `.txt`, a folder, a native file with a group /feeders. Not collective.
[[nodiscard]] bool is_fleet(std::string const& path);

/// The feeders of a fleet; none of them is read. In a list a line is a path, from the list's folder on, or `name = path`;
/// what follows a # is a remark. Of a folder these are all feeder files but scripts of OpenDSS, which may be parts of each other.
/// Not collective. \throws core::InvalidInput if there are none, two have one name, or a file is not there.
[[nodiscard]] Fleet read_fleet(std::string const& path);

}  // namespace dec::io
