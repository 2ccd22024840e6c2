/// \file answerable.hpp
/// With which options `dec solve` has an answer for a feeder.
#pragma once

#include <optional>
#include <string>

#include "dec/feeder/feeder.hpp"

namespace dec::app {

/// The first of a short list of ways to ask, from none ("") to neutral taps, a lower source voltage and no lower limit, that
/// policy proportional has an answer for; nothing when none of them has. On this rank alone, not collective.
/// \throws core::InvalidInput if the feeder is not valid.
[[nodiscard]] std::optional<std::string> options_with_an_answer(feeder::Feeder const& feeder);

}  // namespace dec::app
