/// \file policies.hpp
/// One declaration per policy file.
#pragma once

#include "dec/fairness/policy.hpp"

namespace dec::fairness {

[[nodiscard]] Policy proportional();
[[nodiscard]] Policy equal_kw();
[[nodiscard]] Policy min_curtailment();
[[nodiscard]] Policy quadratic();
[[nodiscard]] Policy nash();
[[nodiscard]] Policy min_max();
[[nodiscard]] Policy lifo();
[[nodiscard]] Policy uniform_export();

}  // namespace dec::fairness
