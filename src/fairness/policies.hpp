/// \file policies.hpp
/// One declaration per policy file.
#pragma once

#include "dec/fairness/policy.hpp"

namespace dec::fairness {

[[nodiscard]] Policy proportional();
[[nodiscard]] Policy equal_kw();
[[nodiscard]] Policy quadratic();

}  // namespace dec::fairness
