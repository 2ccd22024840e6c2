#include "policies.hpp"

namespace dec::fairness {

Policy min_curtailment() {
    return {.name = "min-curtailment",
            .description = "as few kilowatts as possible, whoever they come from",
            .cost = [](double available) { return Cost{.linear = available}; },
            .tie_break = true};
}

}  // namespace dec::fairness
