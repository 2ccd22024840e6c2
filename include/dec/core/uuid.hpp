/// \file uuid.hpp
/// UUIDs (RFC 4122) that are the same in every run: names of version 5, version 4 with bits drawn from a seed, and version 8
/// (RFC 9562) with bits of somebody else's making.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace dec::core {

/// \param scope any text, usually the mRID of the owner. \param name what is named inside it.
/// \return 36 characters, lower case.
[[nodiscard]] std::string name_uuid(std::string_view scope, std::string_view name);

/// Version 4, for readers that insist on it; the "random" bits are the SHA-1 of `seed`.
/// \return 36 characters, lower case.
[[nodiscard]] std::string seeded_uuid(std::string_view seed);

/// Version 8: these 128 bits but for the six that say so. Distinct bits must make distinct UUIDs elsewhere.
/// \return 36 characters, lower case.
[[nodiscard]] std::array<char, 36> uuid_of_bits(std::uint64_t high, std::uint64_t low);

}  // namespace dec::core
