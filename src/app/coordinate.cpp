/// \file coordinate.cpp
/// `dec coordinate FEEDER`: follows a running simulation. Its output messages come in as JSON lines, setpoints go out as JSON lines.
///
///   dec coordinate inputs/ieee123_secondary.xml < /dev/null
///   mpirun --oversubscribe -n 2 dec coordinate inputs/ieee123_secondary.xml --policy quadratic --max-age 60 < /dev/null
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "dec/platform/follow.hpp"
#include "open_feeder.hpp"
#include "problem_options.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct CoordinateOptions : ProblemOptions {
    FeederOptions feeder;
    Talk talk;
    std::string ac = "correct";
    std::string message_id = "unit";
    double max_age = 300.0;
    bool every = false;
};

/// Method exact for all policies: the only one that takes the answer before as a start.
platform::Settings settings_of(CoordinateOptions const& options) {
    std::vector<core::Finding> findings;
    auto const* const policy = options.check(findings);
    auto const* const method = coordination::find_method("exact");
    auto const scope = options.scope_or(method->default_scope);
    if (policy != nullptr && !method->can_do(*policy, scope))
        findings.push_back(
            {{}, "--scope " + options.scope.value_or(""), "is nothing that method exact can do", "leave --scope out"});
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    platform::Settings settings{
        .policy = policy,
        .method = method,
        .coordination = options.settings(),
        .correct = options.ac == "correct",
        .source_voltage_pu = options.source_voltage,
        .contracts = options.contracts,
        .message_id = options.message_id == "unit" ? results::MessageId::unit : results::MessageId::connection,
        .max_age_s = options.max_age};
    settings.coordination.scope = scope;
    settings.coordination.max_iterations = method->default_iterations;
    settings.coordination.tolerance = method->default_tolerance.value_or(0.0);
    return settings;
}

void write_line(std::string const& line) {
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fputc('\n', stdout) == EOF ||
        std::fflush(stdout) != 0)
        throw core::SystemFailure{{{}, "standard output", "cannot be written", "see who reads it, and the disk"}};
}

core::ExitCode coordinate(Context& context, CoordinateOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    context.writes = false;
    std::signal(SIGPIPE, SIG_IGN);  // who read the setpoints is gone: an error with a message, not a silent end

    auto const settings = settings_of(options);
    auto feeder = read_on_root(context, options.feeder);
    stop_if_asked(comm, "reading");
    if (comm.is_root() && feeder->measurements.size() == 0)
        context.log.warning("the feeder has no measurements: nothing of a simulation can be understood");
    platform::Coordinator coordinator{comm, std::move(feeder), settings, context.log};
    context.log.info("listening");
    platform::follow(comm, coordinator,
                     {.descriptor = STDIN_FILENO,
                      .every = options.every,
                      .stop = [] { return signal_received() != 0; },
                      .write = write_line});
    bool const interrupted = comm.max(static_cast<std::int64_t>(signal_received())) != 0;
    return interrupted ? interrupted_code(comm) : core::ExitCode::solved;
}

}  // namespace

Run add_coordinate(CLI::App& dec) {
    auto const options = std::make_shared<CoordinateOptions>();
    auto& command = *dec.add_subcommand("coordinate", "follow a running simulation: measurements in, setpoints out");
    options->feeder.add_to(command);
    options->talk.add_to(command);
    options->ProblemOptions::add_to(command, "feeder");
    one_of(*command.add_option("--ac", options->ac, "AC power flow after the linear answer, until AC voltages hold")
                ->capture_default_str(),
           {"none", "correct"});
    one_of(*command
                .add_option("--message-id", options->message_id,
                            "whose mRID messages name a PV system by: its unit or its converter connection")
                ->capture_default_str(),
           {"unit", "connection"});
    command.add_option("--max-age", options->max_age, "of a measurement that is acted on, seconds")
        ->capture_default_str()
        ->type_name("S")
        ->check(number_from_zero());
    command.add_flag("--every", options->every, "answer every message, also those overtaken by newer ones");
    return [options](Context& context) { return coordinate(context, *options); };
}

}  // namespace dec::app
