/// \file solve.cpp
/// `dec solve FEEDER`: setpoints that keep every voltage inside its limits and share the burden.
///
///   dec solve inputs/ieee123_secondary.xml
///   mpirun --oversubscribe -n 4 dec solve inputs/ieee123_secondary.xml -o results.h5 --setpoints setpoints.csv
///   dec solve inputs/ieee123_secondary.xml --policy equal-kw --json --output equal.h5
///   dec solve inputs/ieee123_secondary.xml --messages messages --timestamp 1655321845 --output ordered.h5
///   dec solve inputs/ieee123_secondary.xml --method exchange --policy quadratic --tolerance 1e-4
///   dec solve inputs/ieee123_secondary.xml --policy quadratic --agent-messages told.h5 --output quadratic.h5
///   dec solve inputs/ieee123_secondary.xml --open sw3 --vmax 1.04 --dry-run
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include "clock.hpp"
#include "dec/coordination/check.hpp"
#include "dec/coordination/correction.hpp"
#include "dec/core/output_file.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/results/agent_messages_file.hpp"
#include "dec/results/answer_file.hpp"
#include "dec/results/messages.hpp"
#include "dec/results/start.hpp"
#include "open_feeder.hpp"
#include "plan.hpp"
#include "problem_options.hpp"
#include "settle_taps.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct SolveOptions : ProblemOptions {
    FeederOptions feeder;
    Talk talk;
    std::string output = "results.h5";
    std::string method = "exact";
    std::string ac = "correct";
    std::optional<std::int64_t> max_iterations;
    std::optional<double> tolerance;
    bool elastic = false;
    std::string presolve = "on";
    std::optional<std::string> warm_start;
    bool price_of_fairness = false;
    std::optional<std::string> setpoints, agent_messages;
    std::optional<std::string> messages, message_id;
    std::optional<std::int64_t> timestamp;
    std::string progress = "auto";
    bool dry_run = false;
    bool json = false;
};

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

void add_options(CLI::App& command, SolveOptions& options) {
    options.feeder.add_to(command);
    options.talk.add_to(command);
    command.add_option("-o,--output", options.output, "results file")->capture_default_str()->type_name("FILE.h5");
    command.add_option("--method", options.method, descriptions_of(coordination::methods()))
        ->capture_default_str()
        ->type_name("M");
    options.ProblemOptions::add_to(
        command, per_method([](auto const& m) { return fmt::format("{}", to_text(m.default_scope)); }));
    one_of(*command
                .add_option("--ac", options.ac,
                            "AC power flow after the linear answer: only checked, or corrected until AC voltages hold")
                ->capture_default_str(),
           {"none", "check", "correct"});
    command
        .add_option("--tolerance", options.tolerance,
                    "change at which the method stops; default: " + per_method([](auto const& m) {
                        return m.default_tolerance ? fmt::format("{}", *m.default_tolerance) : "none, it is exact";
                    }))
        ->type_name("X")
        ->check(positive_number());
    command
        .add_option("--max-iterations", options.max_iterations,
                    "of the method; default: " +
                        per_method([](auto const& m) { return fmt::format("{}", m.default_iterations); }))
        ->type_name("N")
        ->check(whole_number_from(1));
    command.add_flag("--elastic", options.elastic, "least violation where the limits cannot be met (method exact)");
    one_of(*command.add_option("--presolve", options.presolve, "leave out limits that cannot bind (method exact)")
                ->capture_default_str(),
           {"on", "off"});
    command.add_option("--warm-start", options.warm_start, "begin at an earlier answer (method exact)")
        ->type_name("FILE.h5");
    command.add_flag("--price-of-fairness", options.price_of_fairness,
                     "also solve min-curtailment and report what is exported less");
    command.add_option("--setpoints", options.setpoints, "also write one row per PV system as CSV")
        ->type_name("FILE.csv");
    command
        .add_option("--agent-messages", options.agent_messages,
                    "also write what every service transformer's agent told and was told (method exact)")
        ->type_name("FILE.h5");
    command
        .add_option("--messages", options.messages,
                    "also write the setpoints as CIM difference messages, one file per agent")
        ->type_name("DIR");
    one_of(
        *command.add_option("--message-id", options.message_id,
                            "whose mRID messages name a PV system by: its unit (default) or its converter connection"),
        {"unit", "connection"});
    command
        .add_option("--timestamp", options.timestamp,
                    "of the messages, Unix seconds; default: when the feeder's file was last changed")
        ->type_name("T")
        ->check(whole_number_from(0));
    one_of(*command.add_option("--progress", options.progress, "a line per round on standard error")
                ->capture_default_str(),
           {"auto", "on", "off"});
    command.add_flag("--dry-run", options.dry_run, "read, validate, partition, say what solving would take, and stop");
    command.add_flag("--json", options.json, "the summary as one JSON object on standard output");
}

/// What the option parser cannot know.
void check_options(SolveOptions const& options, fairness::Policy const*& policy, coordination::Method const*& method) {
    std::vector<core::Finding> findings;
    auto const wrong = [&](std::string what, std::string problem, std::string remedy) {
        findings.push_back({{}, std::move(what), std::move(problem), std::move(remedy)});
    };
    policy = options.check(findings);
    method = coordination::find_method(options.method);
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
    if (options.limits_powers() && policy != nullptr && policy->cost == nullptr &&
        policy->levels == fairness::Levels::none)
        wrong("--policy " + options.policy, "walks along its scalar and knows neither reactive power nor ratings",
              "another policy, or leave --reactive and --ratings out");
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
}

void print_plan(Context& context, partition::Piece const& piece, results::Run const& run, SolveOptions const& options) {
    auto const expected = plan(context.comm, piece, run);
    if (!context.comm.is_root()) return;
    if (options.json) fmt::print("{}\n", to_json(expected).dump(2));
    else if (!options.talk.quiet) fmt::print("{}", to_lines(expected));
}

void warn_of_low_voltages(Context& context, results::Summary const& summary, SolveOptions const& options) {
    auto const count = summary.nodes_below_vmin;
    if (count == 0 || options.vmin_relax == "off") return;
    double const lowest = options.ac == "correct" && summary.v_min_ac ? *summary.v_min_ac : summary.v_min;
    context.log.warning(
        fmt::format("{} below {} pu with nothing curtailed and so without a lower limit (--vmin-relax on); the "
                    "lowest voltage with the setpoints is {:.4f} pu",
                    count == 1 ? "1 node is" : fmt::format("{} nodes are", count), options.vmin, lowest));
}

/// Collective.
void warn_of_overloads(Context& context, coordination::Answer const& answer) {
    double const count = context.comm.sum(answer.beyond_help);
    if (count > 0.0)
        context.log.warning(
            fmt::format("{:.0f} branch{} over the rating both with nothing curtailed and by the loads alone: "
                        "no curtailment helps, and the rating is no limit there",
                        count, count == 1.0 ? " is" : "es are"));
}

/// Two derivations of the same voltages; a difference is a bug of ours, the same on all ranks.
void require_agreement(coordination::Check const& check) {
    constexpr double agreement_pu = 1e-9;
    if (check.converged && check.largest_difference <= agreement_pu) return;
    throw core::Error{core::ExitCode::bug,
                      {{{},
                        "internal error",
                        fmt::format("the two linear power flows differ by {:.2e} pu after {} sweeps",
                                    check.largest_difference, check.sweeps),
                        "please report it with the input"}}};
}

/// The AC power flow of the feeder, solved with nothing curtailed; null, after saying why, where the feeder has what it cannot
/// take. Collective.
std::unique_ptr<powerflow::PowerFlow> power_flow_of(Context& context, model::LinDist3Flow const& flow,
                                                    SolveOptions const& options) {
    try {
        auto ac = std::make_unique<powerflow::PowerFlow>(
            context.comm, flow.piece(),
            powerflow::Settings{.per_unit = flow.settings().per_unit, .source_voltage_pu = options.source_voltage});
        static_cast<void>(ac->solve());
        return ac;
    } catch (core::InvalidInput const& error) {
        for (auto const& finding : error.findings()) context.log.warning("no AC power flow: " + one_line(finding));
        return nullptr;
    }
}

/// A method's answer as `--ac` wants it, and how long the linear one took.
struct Timed {
    coordination::Answer answer;
    double linear_seconds = 0.0;
};
/// \param ac left at the setpoints; null where there is none. Collective.
Timed answer_under(Context& context, model::LinDist3Flow& flow, powerflow::PowerFlow* ac,
                   coordination::Method const& method, fairness::Policy const& policy, coordination::Settings settings,
                   coordination::Observer const& observer, SolveOptions const& options) {
    bool const correct = ac != nullptr && options.ac == "correct";
    if (correct) settings.nodes = coordination::limits_to_start_with(context.comm, flow, *ac, settings.limits);
    Clock clock;
    auto answer = method.run(context.comm, flow, policy, settings, observer);
    double const seconds = clock.lap();
    bool const solved = exit_code(answer.status) == core::ExitCode::solved;
    if (correct && (solved || answer.status == coordination::Status::infeasible))
        answer =
            coordination::correct_to_ac(context.comm, flow, *ac, method, policy, settings, observer, std::move(answer));
    else if (ac != nullptr && (solved || answer.status == coordination::Status::iteration_limit))
        coordination::check_ac(context.comm, flow, *ac, settings, answer);
    return {std::move(answer), seconds};
}

/// When the feeder's file was last changed, Unix seconds; known to the root.
std::int64_t time_of(core::Communicator const& comm, std::string const& path) {
    std::int64_t seconds = 0;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        auto const changed = std::chrono::file_clock::to_sys(std::filesystem::last_write_time(path));
        seconds = std::chrono::floor<std::chrono::seconds>(changed).time_since_epoch().count();
    });
    return seconds;
}

/// \return a line about them; empty if there are none. Collective.
std::string write_messages(Context& context, partition::Piece const& piece, coordination::Answer const& answer,
                           std::vector<results::Setpoint> const& points, SolveOptions const& options) {
    if (!options.messages) return {};
    // A message says nothing of how far the run got, and whoever forwards it need not see the exit code.
    if (answer.status == coordination::Status::interrupted || exit_code(answer.status) != core::ExitCode::solved) {
        context.log.warning("the run ended before the setpoints were found; no messages are written");
        return {};
    }
    auto const id = options.message_id == "connection" ? results::MessageId::connection : results::MessageId::unit;
    auto const count = results::write_messages(
        context.comm,
        {*options.messages, options.timestamp ? *options.timestamp : time_of(context.comm, options.feeder.path)},
        results::orders(piece, points, id));
    return fmt::format("messages: {} ({} {})\n", *options.messages, count, count == 1 ? "agent" : "agents");
}

core::ExitCode solve(Context& context, SolveOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    context.writes = !options.dry_run;
    Clock total, clock;
    results::Run run{.version = DEC_VERSION,
                     .command_line = context.command_line,
                     .created = now_in_iso_8601(),
                     .machine = machine_name(),
                     .method = options.method,
                     .policy = options.policy};

    auto const finished = [&](char const* step, double& seconds) {
        seconds = clock.lap();
        context.log.detail(fmt::format("{}: {:.3f} s", step, seconds));
    };

    // 1. Is what is asked possible, and is there a place for the answer?
    fairness::Policy const* policy = nullptr;
    coordination::Method const* method = nullptr;
    check_options(options, policy, method);
    auto const scope = options.scope_or(method->default_scope);
    if (policy->shared_fraction) run.scope = to_text(scope);
    if (!options.dry_run) {
        require_different_files(comm, {{"FEEDER", options.feeder.path},
                                       {"--output", options.output},
                                       {"--setpoints", options.setpoints.value_or("")},
                                       {"--messages", options.messages.value_or("")},
                                       {"--agent-messages", options.agent_messages.value_or("")},
                                       {"--warm-start", options.warm_start.value_or("")},
                                       {"--contracts", options.contracts.value_or("")}});
        core::require_writable(comm, options.output);
        if (options.setpoints) core::require_writable(comm, *options.setpoints);
        if (options.agent_messages) core::require_writable(comm, *options.agent_messages);
        if (options.messages) results::require_message_folder(comm, *options.messages);
    }

    // 2. Read, validate, hand out.
    auto feeder = open_feeder(context, options.feeder);
    stop_if_asked(comm, "reading");
    finished("read", run.seconds.read);
    auto piece = hand_out(context, std::move(feeder), method->grain);
    stop_if_asked(comm, "partitioning");
    finished("partition", run.seconds.partition);
    if (options.dry_run) {
        print_plan(context, piece, run, options);
        return core::ExitCode::solved;
    }
    if (options.feeder.taps == "settle") settle_taps(context, piece, options.source_voltage);

    // 3. Build the linear model of every rank's piece.
    model::LinDist3Flow flow{comm, piece, {.source_voltage_pu = options.source_voltage}};
    stop_if_asked(comm, "building the model");
    finished("build", run.seconds.build);

    // 4. Coordinate.
    auto settings = options.settings();
    settings.max_iterations = options.max_iterations.value_or(method->default_iterations);
    settings.tolerance = options.tolerance.value_or(method->default_tolerance.value_or(0.0));
    settings.scope = scope;
    settings.presolve = options.presolve == "on";
    settings.elastic = options.elastic;
    settings.disclose = options.agent_messages.has_value();
    warn_of_assumptions(comm, context.log, flow, settings);
    if (options.contracts) settings.contracts = fairness::read_contracts(comm, *options.contracts, piece);
    if (options.warm_start) settings.start = results::read_start(comm, *options.warm_start, piece, options.policy);
    bool const show =
        options.progress == "on" || (options.progress == "auto" && isatty(STDERR_FILENO) != 0 && !options.talk.quiet);
    Clock round_clock;
    coordination::Observer const observer = [&](coordination::Round const& round) {
        run.iteration_seconds.push_back(round_clock.lap());
        if (show && comm.is_root())
            fmt::print(stderr, "round {:4}  objective {:12.4f} kW  violation {:9.2e} pu^2\n", round.iteration,
                       round.objective, round.primal_residual);
        return signal_received() != 0;
    };
    // The grid is not linear: AC power flow, and the same again until its voltages hold.
    std::unique_ptr<powerflow::PowerFlow> ac;
    if (options.ac != "none") ac = power_flow_of(context, flow, options);
    auto [answer, linear_seconds] =
        answer_under(context, flow, ac.get(), *method, *policy, settings, observer, options);
    if (!ac && options.ac != "none" && exit_code(answer.status) == core::ExitCode::solved)
        answer.status = coordination::Status::not_ac_feasible;
    run.seconds.check = clock.lap() - linear_seconds;
    run.seconds.solve = linear_seconds;
    context.log.detail(fmt::format("solve: {:.3f} s", run.seconds.solve));
    coordination::require_finite(comm, piece, answer.nodes, answer.uncurtailed);
    if (answer.status == coordination::Status::infeasible)
        throw core::Error{core::ExitCode::infeasible, answer.conflicts};
    coordination::require_finite(comm, piece, answer.nodes, answer.curtailed);
    coordination::require_no_collapse(comm, piece, answer.nodes, answer.curtailed);

    // 5. A second opinion on exactly the setpoints that are handed out.
    std::vector<double> export_kw, export_kvar;
    auto const points = results::setpoints(flow, answer);
    for (auto const& point : points) {
        export_kw.push_back(point.allowed_kw);
        export_kvar.push_back(point.reactive_kvar);
    }
    auto const check = coordination::check_linear(comm, flow, answer, export_kw, export_kvar);
    require_agreement(check);
    run.seconds.check += clock.lap();
    context.log.detail(fmt::format("check: {:.3f} s", run.seconds.check));

    // 6. What fairness costs: what is exported at most under the same limits and contracts.
    auto summary = results::summarise(comm, flow, answer, check, settings.limits, run);
    if (options.price_of_fairness) {
        auto const& exact = *coordination::find_method("exact");
        settings.start.reset();
        settings.disclose = false;
        settings.max_iterations = exact.default_iterations;
        settings.tolerance = *exact.default_tolerance;
        auto const& least_of_all = *fairness::find_policy("min-curtailment");
        // Both linear, or both corrected; the power flow of the answer itself stays at its setpoints.
        auto const beside = options.ac == "correct" ? power_flow_of(context, flow, options) : nullptr;
        auto const least = answer_under(context, flow, beside.get(), exact, least_of_all, settings, {}, options).answer;
        double const most = summary.available_kw - least.objective;
        bool const known =
            least.status == coordination::Status::optimal || least.status == coordination::Status::converged;
        if (known && most > 0.0) summary.price_of_fairness = (summary.curtailed_kw - least.objective) / most;
        else
            context.log.warning(fmt::format("no price of fairness: min-curtailment ends as {}", to_text(least.status)));
        double seconds = 0.0;
        finished("price of fairness", seconds);
        run.seconds.check += seconds;
        summary.seconds.check += seconds;
    }

    // 7. Write, then tell.
    warn_of_low_voltages(context, summary, options);
    warn_of_overloads(context, answer);
    if (!answer.open.empty()) context.log.warning(answer.open);
    for (auto const& note : answer.ac_notes) context.log.warning(note);
    // The setpoints appear when the results are there: both or none.
    std::unique_ptr<core::OutputFile> setpoints_file;
    if (options.setpoints) setpoints_file = results::write_setpoints(comm, *options.setpoints, points);
    results::write_answer(comm, options.output, flow, answer, ac.get(), summary, run);
    if (answer.messages) results::write_agent_messages(comm, *options.agent_messages, flow, answer, summary, run);
    core::together(comm, [&] {
        if (setpoints_file) setpoints_file->commit();
    });
    auto const about_messages = write_messages(context, piece, answer, points, options);
    finished("write", summary.seconds.write);
    summary.seconds.total = total.lap();
    if (comm.is_root()) {
        if (options.json) fmt::print("{}\n", results::to_json(summary).dump(2));
        else if (!options.talk.quiet)
            fmt::print("{}\n{}results: {}\n", results::to_table(summary), about_messages, options.output);
    }
    return answer.status == coordination::Status::interrupted ? interrupted_code(comm)
                                                              : coordination::exit_code(answer.status);
}

}  // namespace

Run add_solve(CLI::App& dec) {
    auto const options = std::make_shared<SolveOptions>();
    add_options(*dec.add_subcommand("solve", "setpoints that keep every voltage inside its limits"), *options);
    return [options](Context& context) { return solve(context, *options); };
}

}  // namespace dec::app
