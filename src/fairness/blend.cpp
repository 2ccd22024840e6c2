#include "dec/fairness/policy.hpp"

namespace dec::fairness {

Policy blend(double blend, double common_share) {
    return {.name = "blend",
            .description = "between min-curtailment and proportional",
            .cost = [blend, common_share](double available) {
                return Cost{.linear = 2.0 * common_share * (1.0 - 2.0 * blend) * available,
                            .quadratic = blend * available};
            }};
}

}  // namespace dec::fairness
