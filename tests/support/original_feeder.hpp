/// \file original_feeder.hpp
/// The IEEE 123 primary as the original coordination's tables hold it: 94 DERs on 84 buses, ideal regulators,
/// constant power, 4.16 kV. Read from the shared folder; nothing of it is in the project.
#pragma once

#include <optional>

#include "dec/feeder/feeder.hpp"

namespace dec::test {

/// Switches sw7 and sw8 (the ties 151-300 and 54-94) are open. \return nothing, after saying so loudly, where the shared
/// folder is absent.
[[nodiscard]] std::optional<feeder::Feeder> original_feeder();

}  // namespace dec::test
