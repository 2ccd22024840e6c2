#include <algorithm>
#include <array>
#include <cmath>

#include "policies.hpp"

namespace dec::fairness {

namespace {

constexpr std::array<std::string_view, 3> scope_names{"agent", "area", "feeder"};

}  // namespace

std::span<Policy const> policies() {
    static std::array const all{proportional(), equal_kw(), min_curtailment(), quadratic(), nash(),
                                min_max(),      lifo(),     uniform_export()};
    return all;
}

std::string_view to_text(Scope scope) { return scope_names[static_cast<std::size_t>(scope)]; }

std::optional<Scope> scope_from_text(std::string_view text) {
    auto const found = std::ranges::find(scope_names, text);
    if (found == scope_names.end()) return std::nullopt;
    return static_cast<Scope>(found - scope_names.begin());
}

double Cost::of(double share) const {
    double const log = logarithmic > 0.0 ? logarithmic * std::log1p(-share) : 0.0;
    return (linear + quadratic * share) * share - log;
}

Policy const* find_policy(std::string_view name) {
    auto const all = policies();
    auto const found = std::ranges::find(all, name, &Policy::name);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace dec::fairness
