/// \file json.hpp
/// JSON text; the one home of the JSON library.
#pragma once

#include <nlohmann/json.hpp>

namespace dec::core {

/// Keys keep the order in which they were written.
using Json = nlohmann::ordered_json;

}  // namespace dec::core
