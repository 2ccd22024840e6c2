/// \file dss_vocabulary.hpp
/// Words that OpenDSS knows beside classes and properties, and the patterns of batchedit.
#pragma once

#include <string_view>

namespace dec::io::dss {

/// The command, or the option of "set", that a word is or begins, in lower case; empty for what OpenDSS does not know.
[[nodiscard]] std::string_view known_command(std::string_view word);
[[nodiscard]] std::string_view known_option(std::string_view word);

/// Whether a text holds what a pattern describes: letters of any case, "." for any, "*", "+" and "?" after one, "^" and "$"
/// for the ends.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

}  // namespace dec::io::dss
