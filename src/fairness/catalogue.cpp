#include <algorithm>
#include <array>

#include "policies.hpp"

namespace dec::fairness {

std::span<Policy const> policies() {
    static std::array const all{proportional(), equal_kw(), min_curtailment(), quadratic(), nash(), min_max()};
    return all;
}

Policy const* find_policy(std::string_view name) {
    auto const all = policies();
    auto const found = std::ranges::find(all, name, &Policy::name);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace dec::fairness
