#include "policies.hpp"

namespace dec::fairness {

Policy proportional() {
    return {.name = "proportional",
            .description = "the same fraction of its available power from everybody",
            .shared_fraction = true,
            .cost = [](double available) { return Cost{.linear = available}; },
            .tie_break = true,
            .ramp =
                [](RampOf const& der) {
                    return Ramp{0.0, 1.0, der.reach};
                },
            .objective = [](double fraction, double available_sum) { return fraction * available_sum; }};
}

}  // namespace dec::fairness
