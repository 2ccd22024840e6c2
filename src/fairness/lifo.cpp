#include "policies.hpp"

namespace dec::fairness {

Policy lifo() {
    return {.name = "lifo",
            .description = "last in, first out: the last connected is curtailed first; dates by --contracts",
            .cost = [](double available) { return Cost{.linear = available}; },
            .tie_break = true,
            .levels = Levels::oldest_first};
}

}  // namespace dec::fairness
