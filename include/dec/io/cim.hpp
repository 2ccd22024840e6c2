/// \file cim.hpp
/// CIM100 RDF/XML (IEC 61970-301, -552; the profile of the GridAPPS-D platform). Facts: docs/cim100.md of the shared folder.
#pragma once

#include <string>
#include <string_view>

#include "dec/io/catalogue.hpp"

namespace dec::io {

/// Reads `.xml` and `.xml.gz`. See catalogue.hpp for errors.
[[nodiscard]] ReadFeeder read_cim_xml(std::string const& path, ReadOptions const& options = {});

/// The same from text already in memory; `origin` names it in messages.
[[nodiscard]] ReadFeeder parse_cim_xml(std::string_view text, std::string const& origin,
                                       ReadOptions const& options = {});

/// The whole feeder as CIM100 RDF/XML. Sub-objects without an identity of their own (terminals, phases, ends, tests,
/// positions) get name-based UUIDs of their owner, so that the same feeder always gives the same file.
[[nodiscard]] std::string to_cim_xml(feeder::Feeder const& feeder);

/// `.xml`, or `.xml.gz` compressed. Written beside the target and renamed. \throws core::SystemFailure
void write_cim_xml(feeder::Feeder const& feeder, std::string const& path);

}  // namespace dec::io
