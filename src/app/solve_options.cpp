#include "solve_options.hpp"

#include <fmt/format.h>

#include "usage.hpp"

namespace dec::app {

namespace {

/// "bisection: 1000, exchange: 100"
template <class ValueOf>
std::string per_method(ValueOf const& value_of) {
    std::string text;
    for (auto const& method : coordination::methods())
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", method.name, value_of(method));
    return text;
}

/// What a method can do, and who else can do the policy: "bisection does proportional (scope feeder), equal-kw; …"
std::string what_is_possible() {
    std::string text;
    for (auto const& method : coordination::methods()) {
        std::string possible;
        auto const add = [&](std::string const& what) { possible += (possible.empty() ? "" : ", ") + what; };
        for (auto const& policy : fairness::policies()) {
            if (!policy.shared_fraction) {
                if (method.can_do(policy, {})) add(std::string{policy.name});
                continue;
            }
            for (auto scope : {fairness::Scope::agent, fairness::Scope::area, fairness::Scope::feeder})
                if (method.can_do(policy, scope)) add(fmt::format("{} (scope {})", policy.name, to_text(scope)));
        }
        text += fmt::format("{}{} does {}", text.empty() ? "" : "; ", method.name, possible);
    }
    return text;
}

}  // namespace

void SolveOptions::add_to(CLI::App& command) {
    feeder.add_to(command);
    talk.add_to(command);
    command.add_option("-o,--output", output, "results file")->capture_default_str()->type_name("FILE.h5");
    command.add_option("--method", method, descriptions_of(coordination::methods()))
        ->capture_default_str()
        ->type_name("M");
    ProblemOptions::add_to(command,
                           per_method([](auto const& m) { return fmt::format("{}", to_text(m.default_scope)); }));
    one_of(*command
                .add_option("--ac", ac,
                            "AC power flow after the linear answer: only checked, or corrected until AC voltages hold")
                ->capture_default_str(),
           {"none", "check", "correct"});
    command
        .add_option("--tolerance", tolerance,
                    "change at which the method stops; default: " + per_method([](auto const& m) {
                        return m.default_tolerance ? fmt::format("{}", *m.default_tolerance) : "none, it is exact";
                    }))
        ->type_name("X")
        ->check(positive_number());
    command
        .add_option("--max-iterations", max_iterations, "of the method; default: " + per_method([](auto const& m) {
                                                            return fmt::format("{}", m.default_iterations);
                                                        }))
        ->type_name("N")
        ->check(whole_number_from(1));
    command.add_flag("--elastic", elastic, "least violation where the limits cannot be met (method exact)");
    one_of(*command.add_option("--presolve", presolve, "leave out limits that cannot bind (method exact)")
                ->capture_default_str(),
           {"on", "off"});
    command.add_option("--warm-start", warm_start, "begin at an earlier answer (method exact)")->type_name("FILE.h5");
    command.add_flag("--price-of-fairness", price_of_fairness,
                     "also solve min-curtailment and report what is exported less");
    command.add_option("--setpoints", setpoints, "also write one row per PV system as CSV")->type_name("FILE.csv");
    command
        .add_option("--agent-messages", agent_messages,
                    "also write what every service transformer's agent told and was told (method exact)")
        ->type_name("FILE.h5");
    command
        .add_option("--messages", messages, "also write the setpoints as CIM difference messages, one file per agent")
        ->type_name("DIR");
    one_of(
        *command.add_option("--message-id", message_id,
                            "whose mRID messages name a PV system by: its unit (default) or its converter connection"),
        {"unit", "connection"});
    command
        .add_option(
            "--timestamp", timestamp,
            "of the messages, Unix seconds; default: when the feeder's file was last changed, now for an endpoint")
        ->type_name("T")
        ->check(whole_number_from(0));
    one_of(*command
                .add_option("--progress", progress,
                            "on standard error: step, round, residual, time left; auto: on a terminal")
                ->capture_default_str(),
           {"auto", "on", "off"});
    command.add_flag("--dry-run", dry_run, "read, validate, partition, say what solving would take, and stop");
    command.add_flag("--json", json, "the summary as one JSON object on standard output");
}

Question question_of(SolveOptions const& options) {
    std::vector<core::Finding> findings;
    auto const wrong = [&](std::string what, std::string problem, std::string remedy) {
        findings.push_back({{}, std::move(what), std::move(problem), std::move(remedy)});
    };
    auto const* const policy = options.check(findings);
    auto const* const method = coordination::find_method(options.method);
    if (method == nullptr)
        wrong("--method " + options.method, "there is no such method", "one of " + names_of(coordination::methods()));
    if (policy != nullptr && method != nullptr && !(options.scope && !policy->shared_fraction) &&
        !method->can_do(*policy, options.scope_or(method->default_scope)))
        wrong(
            "--method " + options.method,
            fmt::format("cannot do policy {}{}", options.policy, options.scope ? " with scope " + *options.scope : ""),
            what_is_possible());
    if (method != nullptr && options.tolerance && !method->default_tolerance)
        wrong("--tolerance", fmt::format("method {} is exact and has none", options.method), "leave --tolerance out");
    // Above it an answer is none, below it rounding decides.
    constexpr double least_tolerance = 1e-12, largest_tolerance = 1e-2;
    if (options.tolerance && (*options.tolerance > largest_tolerance || *options.tolerance < least_tolerance))
        wrong(fmt::format("--tolerance {}", *options.tolerance),
              *options.tolerance > largest_tolerance ? "an answer as far off as that is none"
                                                     : "rounding does not allow for it",
              fmt::format("between {} and {}", least_tolerance, largest_tolerance));
    auto const only_exact = [&](bool asked, std::string option) {
        if (asked && method != nullptr && !method->general)
            wrong(std::move(option), fmt::format("method {} knows nothing of it", options.method), "--method exact");
    };
    only_exact(options.elastic, "--elastic");
    only_exact(options.presolve == "off", "--presolve off");
    only_exact(options.warm_start.has_value(), "--warm-start");
    only_exact(options.contracts.has_value(), "--contracts");
    only_exact(options.agent_messages.has_value(), "--agent-messages");
    if (options.agent_messages && policy != nullptr && (policy->cost == nullptr || policy->shared_fraction))
        wrong("--agent-messages", fmt::format("policy {} has a number that agents share", options.policy),
              "--policy min-curtailment, quadratic, nash or lifo");
    only_exact(options.reactive != "none", "--reactive " + options.reactive);
    only_exact(options.ratings != "none", "--ratings " + options.ratings);
    if (options.elastic && options.reactive != "none")
        wrong("--elastic --reactive", "what an inverter is built for is no limit that can be exceeded",
              "leave one of them out");
    if (options.elastic && policy != nullptr && policy->cost == nullptr && policy->levels == fairness::Levels::none)
        wrong("--elastic", fmt::format("policy {} walks along its scalar and needs limits that hold", options.policy),
              "leave --elastic out, or another policy");
    if (options.elastic && policy != nullptr && policy->levels == fairness::Levels::oldest_first)
        wrong("--elastic", fmt::format("policy {} goes from date to date and needs limits that hold", options.policy),
              "leave --elastic out, or another policy");
    for (auto const& [option, given] :
         {std::pair{"--message-id", options.message_id.has_value()}, {"--timestamp", options.timestamp.has_value()}})
        if (given && !options.messages)
            wrong(option, "no messages are asked for", "add --messages DIR, or leave it out");
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    return {policy, method, options.scope_or(method->default_scope)};
}

}  // namespace dec::app
