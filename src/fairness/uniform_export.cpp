#include "policies.hpp"

namespace dec::fairness {

Policy uniform_export() {
    return {
        .name = "uniform-export",
        .description = "one limit for what every customer exports, as high as possible; below zero it asks for import",
        // The scalar is the limit with its sign changed, so that more of it curtails more.
        .ramp =
            [](RampOf const& der) {
                double const start = der.bus_load - der.bus_available;
                return Ramp{start, start + der.reach * der.bus_available, der.reach};
            },
        .objective = [](double scalar, double) { return -scalar; }};
}

}  // namespace dec::fairness
