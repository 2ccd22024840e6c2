#include <fmt/format.h>

#include "dec/solvers/solver.hpp"

namespace dec::solvers {

std::vector<core::Finding> Settings::validate() const {
    std::vector<core::Finding> findings;
    auto const within = [&](std::string_view field, double value, double low, double high) {
        if (value >= low && value <= high) return;
        findings.push_back({.element = fmt::format("solver setting {}", field),
                            .problem = fmt::format("is {}", value),
                            .remedy = fmt::format("between {} and {}", low, high)});
    };
    within("tolerance", tolerance, 1e-14, 1.0);
    within("certificate_tolerance", certificate_tolerance, 1e-14, 1e-2);
    within("max_iterations", max_iterations, 0, 1e6);
    within("regularisation", regularisation, 1e-13, 1e-4);
    return findings;
}

}  // namespace dec::solvers
