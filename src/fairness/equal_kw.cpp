#include "policies.hpp"

namespace dec::fairness {

Policy equal_kw() {
    return {.name = "equal-kw",
            .description = "the same kilowatts from everybody, and all from those who have less",
            .ramp =
                [](double available) {
                    return Ramp{0.0, available};
                },
            .objective = [](double power, double) { return power; }};
}

}  // namespace dec::fairness
