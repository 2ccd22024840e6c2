#include <algorithm>
#include <array>

#include "dec/coordination/bisection.hpp"
#include "dec/coordination/exact.hpp"
#include "dec/coordination/exchange.hpp"

namespace dec::coordination {

std::span<Method const> methods() {
    static std::array const all{
        Method{.name = "exact",
               .description =
                   "the optimum of any policy; value functions travel between the pieces, and prices come with it",
               .default_iterations = 1000,
               .default_tolerance = 1e-9,
               .general = true,
               .can_do = [](fairness::Policy const&, fairness::Scope) { return true; },
               .run = exact},
        Method{.name = "bisection",
               .description = "exact for policies with one shared scalar, on a distributed linear power flow",
               .can_do =
                   [](fairness::Policy const& policy, fairness::Scope scope) {
                       return policy.ramp != nullptr && (!policy.shared_fraction || scope == fairness::Scope::feeder);
                   },
               .run = bisection},
        Method{.name = "exchange",
               .description = "agents decide by themselves and exchange voltages and powers at their boundaries",
               .default_scope = fairness::Scope::agent,
               .default_iterations = 100,  // the 30 of the original end many feeders early: docs/equations.md
               .default_tolerance = 1e-3,
               .grain = partition::Grain::agent,
               .can_do =
                   [](fairness::Policy const& policy, fairness::Scope scope) {
                       return policy.cost != nullptr && policy.cost(1.0).logarithmic == 0.0 &&
                              policy.levels == fairness::Levels::none &&
                              (policy.shared_fraction ? scope == fairness::Scope::agent : !policy.tie_break);
                   },
               .run = exchange},
    };
    return all;
}

Method const* find_method(std::string_view name) {
    auto const all = methods();
    auto const found = std::ranges::find(all, name, &Method::name);
    return found == all.end() ? nullptr : &*found;
}

std::string_view to_text(Status status) {
    static constexpr std::array<std::string_view, 8> names{"optimal",    "converged",       "relaxed",
                                                           "infeasible", "iteration_limit", "not_ac_feasible",
                                                           "diverged",   "interrupted"};
    return names[static_cast<std::size_t>(status)];
}

core::ExitCode exit_code(Status status) {
    switch (status) {
        case Status::infeasible: return core::ExitCode::infeasible;
        case Status::iteration_limit:
        case Status::diverged: return core::ExitCode::not_converged;
        case Status::not_ac_feasible: return core::ExitCode::not_ac_feasible;
        case Status::interrupted: return core::ExitCode::interrupted;
        default: return core::ExitCode::solved;
    }
}

}  // namespace dec::coordination
