#include "dec/solvers/catalogue.hpp"

#include <algorithm>
#include <array>

#include "dec/solvers/interior_point.hpp"

namespace dec::solvers {

std::span<SolverEntry const> solvers() {
    static std::array const all{
        SolverEntry{.name = "interior-point",
                    .description = "primal-dual interior point with a sparse factorisation; any convex program",
                    .make = [](Settings const& settings) -> std::unique_ptr<Solver> {
                        return std::make_unique<InteriorPoint>(settings);
                    }},
    };
    return all;
}

SolverEntry const* find_solver(std::string_view name) {
    auto const all = solvers();
    auto const found = std::ranges::find(all, name, &SolverEntry::name);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace dec::solvers
