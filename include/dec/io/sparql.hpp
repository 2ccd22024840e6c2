/// \file sparql.hpp
/// Feeders in a triple store, asked for by the SPARQL 1.1 protocol (W3C), as the GridAPPS-D platform keeps them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dec/io/catalogue.hpp"

namespace dec::io {

/// A feeder as an endpoint lists it.
struct ListedFeeder {
    std::string name, mrid, substation;
};

/// True for "sparql+http://…" and "sparql+https://…": an endpoint instead of a path.
[[nodiscard]] bool is_endpoint(std::string_view path);
/// Whether the address of an endpoint also says which feeder ("?mrid=…").
[[nodiscard]] bool names_feeder(std::string_view address);

/// Reads the feeder an address names, or the only one there is, into the same objects as CIM XML: a fixed number of questions, each in pages.
/// What no equipment of the feeder refers to is not part of it. Not collective.
/// \throws core::InvalidInput an address that is none, no such feeder, or what read_feeder finds wrong in it.
/// \throws core::SystemFailure no answer, or one that is not the result of a query.
[[nodiscard]] ReadFeeder read_endpoint(std::string const& address, ReadOptions const& options = {});

/// All feeders of a store, by name. \throws as above.
[[nodiscard]] std::vector<ListedFeeder> list_feeders(std::string const& address, ReadOptions const& options = {});

}  // namespace dec::io
