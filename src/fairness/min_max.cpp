#include "policies.hpp"

namespace dec::fairness {

Policy min_max() {
    return {.name = "min-max",
            .description = "the largest share as small as possible, then the next, and so on",
            .levels = Levels::largest_first};
}

}  // namespace dec::fairness
