/// \file encoding.hpp
/// The bytes of an XML file as UTF-8, from whatever encoding they are in.
#pragma once

#include <string>

namespace dec::io {

/// A byte order mark decides, else what the XML declaration says, else it is UTF-8. Everything the C library's iconv knows is
/// decoded.
/// \param origin names the file in messages.
/// \throws core::InvalidInput bytes that are not text in that encoding, with line and byte; an encoding nobody knows, or one
/// that the declaration itself is not written in.
[[nodiscard]] std::string xml_as_utf8(std::string bytes, std::string const& origin);

}  // namespace dec::io
