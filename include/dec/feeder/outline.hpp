/// \file outline.hpp
/// Validation in two steps of a feeder whose large tables are read in parts: the whole without texts and numbers, then each part.
#pragma once

#include <optional>

#include "dec/feeder/tree.hpp"

namespace dec::feeder {

/// As `validate` of a feeder of which buses, lines, transformers, loads and photovoltaic systems have empty texts and no numbers yet:
/// nothing where there is anything to say of it, be it wrong or worth a note, which takes the names.
[[nodiscard]] std::optional<Tree> hang_outline(Feeder const& outline, Loops loops = Loops::refused);

/// Whether `validate` finds nothing wrong in the single elements of a part of a feeder that hangs: texts that are too long, numbers
/// that are none, impedances. It does not look for names that stand twice.
[[nodiscard]] bool are_elements_sound(Feeder const& part);

}  // namespace dec::feeder
