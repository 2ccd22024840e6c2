/// \file places.hpp
/// Where tests find the checkout and the shared public feeders.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

namespace dec::test {

/// A file or folder of the checkout.
inline std::string source_path(std::string const& relative) {
    char const* const source = std::getenv("DEC_SOURCE");
    return (std::filesystem::path{source != nullptr ? source : "."} / relative).string();
}

/// A file of the shared folder; nothing, and a loud line, where that is absent.
inline std::optional<std::string> shared_path(std::string const& relative) {
    char const* const shared = std::getenv("DEC_SHARED");
    auto const path = std::filesystem::path{shared != nullptr ? shared : source_path("../shared")} / relative;
    if (std::filesystem::exists(path)) return path.string();
    std::cerr << "SKIPPED: " << path.string() << " is absent\n";
    return std::nullopt;
}

}  // namespace dec::test
