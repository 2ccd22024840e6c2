#include "problem_options.hpp"

#include <fmt/format.h>

#include "usage.hpp"

namespace dec::app {

void ProblemOptions::add_to(CLI::App& command, std::string const& default_scope) {
    command.add_option("--policy", policy, descriptions_of(fairness::policies()))
        ->capture_default_str()
        ->type_name("P");
    one_of(*command.add_option("--scope", scope,
                               "who shares one fraction (policy proportional); default: " + default_scope),
           {"agent", "area", "feeder"});
    add_limits_to(command);
}

void ProblemOptions::add_limits_to(CLI::App& command) {
    command
        .add_option("--source-voltage", source_voltage,
                    "voltage of the ideal source, pu of its nominal; default: the file's")
        ->type_name("PU")
        ->check(positive_number());
    command.add_option("--vmin", vmin, "lowest voltage, pu")
        ->capture_default_str()
        ->type_name("PU")
        ->check(any_number());
    command.add_option("--vmax", vmax, "highest voltage, pu")
        ->capture_default_str()
        ->type_name("PU")
        ->check(any_number());
    one_of(*command
                .add_option("--vmin-relax", vmin_relax,
                            "no lower limit for nodes that are below it with nothing curtailed")
                ->capture_default_str(),
           {"on", "off"});
    command
        .add_option("--contracts", contracts,
                    "weight, guaranteed export, exemption and connection date per PV system (method exact)")
        ->type_name("FILE.csv");
}

fairness::Policy const* ProblemOptions::check(std::vector<core::Finding>& findings) const {
    auto const wrong = [&](std::string what, std::string problem, std::string remedy) {
        findings.push_back({{}, std::move(what), std::move(problem), std::move(remedy)});
    };
    if (!(vmin >= 0.0) || !(vmax > vmin))
        wrong(fmt::format("--vmin {} --vmax {}", vmin, vmax), "no voltage is between the limits",
              "--vmin must be at least 0 and below --vmax");
    auto const* const found = fairness::find_policy(policy);
    if (found == nullptr)
        wrong("--policy " + policy, "there is no such policy", "one of " + names_of(fairness::policies()));
    else if (scope && !found->shared_fraction)
        wrong("--scope " + *scope, "only policy proportional has a scope", "leave --scope out");
    return found;
}

fairness::Scope ProblemOptions::scope_or(fairness::Scope otherwise) const {
    return scope ? *fairness::scope_from_text(*scope) : otherwise;
}

}  // namespace dec::app
