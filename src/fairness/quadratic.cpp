#include "policies.hpp"

namespace dec::fairness {

Policy quadratic() {
    return {.name = "quadratic",
            .description = "squared shares, weighted by the available power or by contract",
            .term = [](double, double weight) { return Term{.curvature = 2.0 * weight}; }};
}

}  // namespace dec::fairness
