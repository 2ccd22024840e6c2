#include "policies.hpp"

namespace dec::fairness {

Policy nash() {
    return {.name = "nash",
            .description = "the largest product of what everybody keeps (Nash bargaining)",
            .cost = [](double) { return Cost{.logarithmic = 1.0}; }};
}

}  // namespace dec::fairness
