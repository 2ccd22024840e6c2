/// \file uuid.hpp
/// Name-based UUIDs (RFC 4122, version 5): the same name in the same namespace is always the same UUID.
#pragma once

#include <string>
#include <string_view>

namespace dec::core {

/// \param scope any text, usually the mRID of the owner. \param name what is named inside it.
/// \return 36 characters, lower case.
[[nodiscard]] std::string name_uuid(std::string_view scope, std::string_view name);

}  // namespace dec::core
