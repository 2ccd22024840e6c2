#include "policies.hpp"

namespace dec::fairness {

Policy nash() {
    return {.name = "nash",
            .description = "the largest product of what everybody keeps (Nash bargaining)",
            .term = [](double, double) { return Term{.log_weight = 1.0}; }};
}

}  // namespace dec::fairness
