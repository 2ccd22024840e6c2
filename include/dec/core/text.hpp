/// \file text.hpp
/// Bytes from outside: whether they are text, and how they are shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dec::core {

/// Place of the first byte that does not belong to UTF-8 (RFC 3629: no overlong forms, no surrogates); nothing if all do.
[[nodiscard]] std::optional<std::size_t> first_not_utf8(std::string_view text);

/// One line for a terminal whatever the text holds: control characters and bytes that are not UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace dec::core
