/// \file uuid.hpp
/// UUIDs (RFC 4122) that are the same in every run: names of version 5, and version 4 with bits drawn from a seed.
#pragma once

#include <string>
#include <string_view>

namespace dec::core {

/// \param scope any text, usually the mRID of the owner. \param name what is named inside it.
/// \return 36 characters, lower case.
[[nodiscard]] std::string name_uuid(std::string_view scope, std::string_view name);

/// Version 4, for readers that insist on it; the "random" bits are the SHA-1 of `seed`.
/// \return 36 characters, lower case.
[[nodiscard]] std::string seeded_uuid(std::string_view seed);

}  // namespace dec::core
