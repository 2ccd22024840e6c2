/// \file problem_options.hpp
/// What is to be decided, and under which limits: options that all commands with a program share.
#pragma once

#include <optional>
#include <string>

#include "command.hpp"
#include "dec/coordination/answer.hpp"
#include "dec/core/log.hpp"

namespace dec::app {

struct ProblemOptions {
    std::string policy = "proportional";
    std::optional<std::string> scope;
    std::optional<double> source_voltage;
    double vmin = 0.95, vmax = 1.05;
    std::string vmin_relax = "on";
    std::optional<std::string> contracts;
    std::string reactive = "none";
    std::optional<double> power_factor;
    std::string ratings = "none";

    /// \param default_scope as the help tells it.
    void add_to(CLI::App& command, std::string const& default_scope);
    /// All but policy and scope.
    void add_limits_to(CLI::App& command);
    /// Appends what is wrong with limits, policy and scope. \return the policy; null if there is none of that name.
    fairness::Policy const* check(std::vector<core::Finding>& findings) const;
    [[nodiscard]] fairness::Scope scope_or(fairness::Scope otherwise) const;
    [[nodiscard]] coordination::VoltageLimits limits() const { return {vmin, vmax, vmin_relax == "on"}; }
    [[nodiscard]] bool limits_powers() const { return reactive != "none" || ratings != "none"; }
    /// Limits, reactive power and ratings; the rest is the command's.
    [[nodiscard]] coordination::Settings settings() const;
};

/// Says what was assumed where the feeder does not tell what inverters and branches can carry. Collective.
void warn_of_assumptions(core::Communicator const& comm, core::Log const& log, model::LinDist3Flow const& flow,
                         coordination::Settings const& settings);

/// "one, two, three" of a catalogue.
template <class Catalogue>
std::string names_of(Catalogue const& catalogue) {
    std::string text;
    for (auto const& entry : catalogue) text += (text.empty() ? "" : ", ") + std::string{entry.name};
    return text;
}
/// "one: what it is; two: …"
template <class Catalogue>
std::string descriptions_of(Catalogue const& catalogue) {
    std::string text;
    for (auto const& entry : catalogue)
        text += (text.empty() ? "" : "; ") + std::string{entry.name} + ": " + std::string{entry.description};
    return text;
}

}  // namespace dec::app
