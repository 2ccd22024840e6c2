#include "policies.hpp"

namespace dec::fairness {

Policy min_curtailment() {
    return {.name = "min-curtailment",
            .description = "as few kilowatts as possible, whoever they come from",
            .term = [](double available, double) { return Term{.cost = available}; },
            .tie_break = true};
}

}  // namespace dec::fairness
