/// \file files.hpp
/// Whole files in memory, and files that appear under their name only when they are complete.
#pragma once

#include <string>
#include <string_view>

namespace dec::io {

/// \throws core::InvalidInput if it is absent or a directory; core::SystemFailure if that cannot be found out.
void require_file(std::string const& path);

/// The content of a file; gzip is recognised by its first bytes and unpacked.
/// \throws core::InvalidInput absent, a directory, empty, named .gz and not gzip, damaged or truncated gzip.
/// \throws core::SystemFailure it exists and cannot be read.
[[nodiscard]] std::string read_text_file(std::string const& path);

/// Writes beside the target and renames; compressed when the path ends in .gz. The same text gives the same bytes.
/// \throws core::SystemFailure naming the path and the system's reason; nothing is left behind.
void write_text_file(std::string const& path, std::string_view text);

/// Whether `path` ends in `ending`, upper or lower case.
[[nodiscard]] bool has_ending(std::string_view path, std::string_view ending);

/// What a download or an endpoint gives when it is not what was asked for but a page about it.
[[nodiscard]] bool is_html(std::string_view text);

}  // namespace dec::io
