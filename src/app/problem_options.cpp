#include "problem_options.hpp"

#include <fmt/format.h>

#include "dec/core/archive.hpp"
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
    one_of(*command
                .add_option("--reactive", reactive,
                            "capability: inverters use reactive power before they curtail, within their apparent power "
                            "(method exact)")
                ->capture_default_str(),
           {"none", "capability"});
    command.add_option("--power-factor", power_factor, "of inverters that use reactive power, at least; default: any")
        ->type_name("X")
        ->check(fraction());
    one_of(
        *command
             .add_option("--ratings", ratings, "what lines and transformers may carry is a limit, too (method exact)")
             ->capture_default_str(),
        {"none", "normal", "emergency"});
}

fairness::Policy const* ProblemOptions::check(std::vector<core::Finding>& findings) const {
    auto const wrong = [&](std::string what, std::string problem, std::string remedy) {
        findings.push_back({{}, std::move(what), std::move(problem), std::move(remedy)});
    };
    if (!(vmin >= 0.0) || !(vmax > vmin))
        wrong(fmt::format("--vmin {} --vmax {}", vmin, vmax), "no voltage is between the limits",
              "--vmin must be at least 0 and below --vmax");
    if (power_factor && reactive == "none")
        wrong("--power-factor", "no inverter is asked for reactive power",
              "add --reactive capability, or leave it out");
    auto const* const found = fairness::find_policy(policy);
    if (found == nullptr)
        wrong("--policy " + policy, "there is no such policy", "one of " + names_of(fairness::policies()));
    else if (scope && !found->shared_fraction)
        wrong("--scope " + *scope, "only policy proportional has a scope", "leave --scope out");
    return found;
}

coordination::Settings ProblemOptions::settings() const {
    using coordination::Ratings;
    return {.limits = limits(),
            .reactive = reactive == "capability",
            .power_factor = power_factor.value_or(0.0),
            .ratings = ratings == "normal"      ? Ratings::normal
                       : ratings == "emergency" ? Ratings::emergency
                                                : Ratings::none};
}

void warn_of_assumptions(core::Communicator const& comm, core::Log const& log, model::LinDist3Flow const& flow,
                         coordination::Settings const& settings) {
    // A name of the first rank that has one.
    auto const warn = [&](double own, std::string const& first, auto const& text) {
        double const count = comm.sum(own);
        if (count == 0.0) return;
        core::Packer pack;
        if (own > 0.0) pack(first);
        std::string name;
        for (auto const& bytes : comm.gather(pack.take()))
            if (name.empty() && !bytes.empty()) core::Unpacker{bytes}(name);
        log.warning(text(count, name));
    };
    if (settings.reactive) {
        auto const assumed = coordination::assumed_ratings(flow);
        warn(assumed.count, assumed.first, [](double count, std::string const& name) {
            return fmt::format(
                "{:.0f} PV system{} no rated apparent power, or one below the available power (such as {}): "
                "the available power is taken, so that reactive power comes with curtailment only",
                count, count == 1.0 ? " has" : "s have", name);
        });
    }
    if (settings.ratings == coordination::Ratings::none) return;
    auto const missing = coordination::missing_ratings(flow.piece(), settings.ratings);
    warn(missing.none, missing.first_without, [](double count, std::string const& name) {
        return fmt::format("{:.0f} branch{} no rating (such as {}): nothing limits what flows there", count,
                           count == 1.0 ? " has" : "es have", name);
    });
    warn(missing.normal_only, missing.first_normal, [](double count, std::string const& name) {
        return fmt::format("{:.0f} branch{} no emergency rating (such as {}): the normal one is taken", count,
                           count == 1.0 ? " has" : "es have", name);
    });
}

fairness::Scope ProblemOptions::scope_or(fairness::Scope otherwise) const {
    return scope ? *fairness::scope_from_text(*scope) : otherwise;
}

}  // namespace dec::app
