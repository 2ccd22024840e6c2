#include "policies.hpp"

namespace dec::fairness {

Policy equal_kw() {
    return {.name = "equal-kw",
            .description = "the same kilowatts from everybody, and all from those who have less",
            .ramp =
                [](RampOf const& der) {
                    return Ramp{0.0, der.reach * der.available, der.reach};
                },
            .objective = [](double power, double) { return power; }};
}

}  // namespace dec::fairness
