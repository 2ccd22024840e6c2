#include "policies.hpp"

namespace dec::fairness {

Policy quadratic() {
    return {.name = "quadratic",
            .description = "the sum of squared shares, weighted by available power, as small as possible",
            .cost = [](double available) { return Cost{.quadratic = available}; },
            .weighted = true};
}

}  // namespace dec::fairness
