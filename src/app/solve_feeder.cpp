#include "solve_feeder.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "dec/coordination/check.hpp"
#include "dec/coordination/correction.hpp"
#include "dec/core/memory.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/io/sparql.hpp"
#include "dec/results/messages.hpp"
#include "dec/results/start.hpp"
#include "hand_out.hpp"
#include "settle_taps.hpp"
#include "signals.hpp"

namespace dec::app {

namespace {

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
    // Shares answer to voltages a hundredfold.
    constexpr double tolerance_pu = 1e-12;
    try {
        auto ac =
            std::make_unique<powerflow::PowerFlow>(context.comm, flow.piece(),
                                                   powerflow::Settings{.per_unit = flow.settings().per_unit,
                                                                       .source_voltage_pu = options.source_voltage,
                                                                       .tolerance_pu = tolerance_pu});
        static_cast<void>(ac->solve());
        return ac;
    } catch (core::InvalidInput const& error) {
        for (auto const& finding : error.findings()) context.log.warning("no AC power flow: " + one_line(finding));
        return nullptr;
    }
}

/// A method's answer as `--ac` wants it, and what the linear one took.
struct Timed {
    coordination::Answer answer;
    double linear_seconds = 0.0;
    core::Traffic traffic;  ///< meanwhile
};
/// \param ac left at the setpoints; null where there is none. Collective.
Timed answer_under(Context& context, model::LinDist3Flow& flow, powerflow::PowerFlow* ac,
                   coordination::Method const& method, fairness::Policy const& policy, coordination::Settings settings,
                   coordination::Observer const& observer, SolveOptions const& options) {
    bool const correct = ac != nullptr && options.ac == "correct";
    if (correct) settings.nodes = coordination::limits_to_start_with(context.comm, flow, *ac, settings.limits);
    Clock clock;
    auto const before = context.comm.traffic();
    auto answer = method.run(context.comm, flow, policy, settings, observer);
    double const seconds = clock.lap();
    auto const traffic = context.comm.traffic() - before;
    bool const solved = exit_code(answer.status) == core::ExitCode::solved;
    if (correct && (solved || answer.status == coordination::Status::infeasible))
        answer =
            coordination::correct_to_ac(context.comm, flow, *ac, method, policy, settings, observer, std::move(answer));
    else if (ac != nullptr && (solved || answer.status == coordination::Status::iteration_limit))
        coordination::check_ac(context.comm, flow, *ac, settings, answer);
    return {std::move(answer), seconds, traffic};
}

/// Why there is nothing to hand out; on the root.
std::vector<core::Finding> without_setpoints(Context const& context, coordination::Answer const& answer,
                                             SolveOptions const& options) {
    std::vector<core::Finding> findings;
    for (auto const& note : answer.ac_notes)
        findings.push_back({options.feeder.path,
                            {},
                            note,
                            "another policy or wider limits may have an answer; --ac check writes the linear one"});
    if (!context.comm.is_root()) findings.clear();
    return findings;
}

/// When the feeder's file was last changed, Unix seconds, or now where it comes from an endpoint; known to the root.
std::int64_t time_of(core::Communicator const& comm, std::string const& path) {
    std::int64_t seconds = 0;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        auto const changed = io::is_endpoint(path)
                                 ? std::chrono::system_clock::now()
                                 : std::chrono::file_clock::to_sys(std::filesystem::last_write_time(path));
        seconds = std::chrono::floor<std::chrono::seconds>(changed).time_since_epoch().count();
    });
    return seconds;
}

/// How long a step took, since the last one ended.
double finished(Context const& context, char const* step, Clock& clock) {
    double const seconds = clock.lap();
    context.log.detail(core::spent_on(step, seconds));
    return seconds;
}

/// What is exported less for the sake of fairness, as a share of the most there is under the same limits and contracts; empty,
/// after saying why, where that is not known. Collective.
std::optional<double> price_of_fairness(Context& context, model::LinDist3Flow& flow, coordination::Settings settings,
                                        results::Summary const& summary, SolveOptions const& options) {
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
    bool const known = least.status == coordination::Status::optimal || least.status == coordination::Status::converged;
    if (!known)
        context.log.warning(fmt::format("no price of fairness: min-curtailment ends as {}", to_text(least.status)));
    return known && most > 0.0 ? std::optional{(summary.curtailed_kw - least.objective) / most} : std::nullopt;
}

}  // namespace

Opened open_feeder(Context& context, SolveOptions const& options, Question const& question, Progress& progress,
                   Clock& clock) {
    auto const& comm = context.comm;
    Opened opened{.run = {.version = DEC_VERSION,
                          .command_line = context.command_line,
                          .created = now_in_iso_8601(),
                          .machine = machine_name(),
                          .method = options.method,
                          .policy = options.policy}};
    if (question.policy->shared_fraction) opened.run.scope = to_text(question.scope);
    progress.begin(Phase::read);
    auto feeder = open_feeder(context, options.feeder);
    stop_if_asked(comm, "reading");
    opened.run.seconds.read = finished(context, "read", clock);
    progress.begin(Phase::partition);
    opened.piece = std::make_unique<partition::Piece>(hand_out(context, std::move(feeder), question.method->grain));
    stop_if_asked(comm, "partitioning");
    opened.run.seconds.partition = finished(context, "partition", clock);
    return opened;
}

Solved solve_feeder(Context& context, Opened opened, SolveOptions const& options, Question const& question,
                    Progress& progress, Clock& clock) {
    auto const& comm = context.comm;
    Solved solved{.piece = std::move(opened.piece), .run = std::move(opened.run)};
    auto& run = solved.run;
    auto& piece = *solved.piece;
    auto const& method = *question.method;
    if (options.feeder.taps == "settle") settle_taps(context, piece, options.source_voltage);

    // 3. Build the linear model of every rank's piece.
    progress.begin(Phase::build);
    solved.flow = std::make_unique<model::LinDist3Flow>(
        comm, piece, model::LinearSettings{.source_voltage_pu = options.source_voltage});
    auto& flow = *solved.flow;
    stop_if_asked(comm, "building the model");
    run.seconds.build = finished(context, "build", clock);

    // 4. Coordinate.
    auto settings = options.settings();
    settings.max_iterations = options.max_iterations.value_or(method.default_iterations);
    settings.tolerance = options.tolerance.value_or(method.default_tolerance.value_or(0.0));
    settings.scope = question.scope;
    settings.presolve = options.presolve == "on";
    settings.elastic = options.elastic;
    settings.disclose = options.agent_messages.has_value();
    warn_of_assumptions(comm, context.log, flow, settings);
    if (options.contracts) settings.contracts = fairness::read_contracts(comm, *options.contracts, piece);
    if (options.warm_start)
        settings.start =
            results::read_start(comm, *options.warm_start, piece, options.policy, options.warm_start_group);
    progress.begin(Phase::solve);
    Clock round_clock;
    auto sent = comm.traffic().bytes;
    coordination::Observer const observer = [&](coordination::Round const& round) {
        run.iteration_seconds.push_back(round_clock.lap());
        run.iteration_bytes.push_back(static_cast<double>(comm.traffic().bytes - sent));
        sent = comm.traffic().bytes;
        progress.round(round, settings.tolerance);
        return signal_received() != 0;
    };
    // The grid is not linear: AC power flow, and the same again until its voltages hold.
    if (options.ac != "none") solved.ac = power_flow_of(context, flow, options);
    auto timed = answer_under(context, flow, solved.ac.get(), method, *question.policy, settings, observer, options);
    auto& answer = solved.answer = std::move(timed.answer);
    if (!solved.ac && options.ac != "none" && exit_code(answer.status) == core::ExitCode::solved)
        answer.status = coordination::Status::not_ac_feasible;
    run.seconds.check = clock.lap() - timed.linear_seconds;
    run.seconds.solve = timed.linear_seconds;
    run.traffic = timed.traffic;
    context.log.detail(core::spent_on("solve", run.seconds.solve));
    coordination::require_finite(comm, piece, answer.nodes, answer.uncurtailed);
    if (answer.status == coordination::Status::infeasible)
        throw core::Error{core::ExitCode::infeasible, answer.conflicts};
    if (!answer.has_setpoints)
        throw core::Error{core::ExitCode::not_ac_feasible, without_setpoints(context, answer, options)};
    coordination::require_finite(comm, piece, answer.nodes, answer.curtailed);
    coordination::require_no_collapse(comm, piece, answer.nodes, answer.curtailed);

    // 5. A second opinion on exactly the setpoints that are handed out.
    progress.begin(Phase::check);
    std::vector<double> export_kw, export_kvar;
    solved.points = results::setpoints(flow, answer);
    for (auto const& point : solved.points) {
        export_kw.push_back(point.allowed_kw);
        export_kvar.push_back(point.reactive_kvar);
    }
    auto const check = coordination::check_linear(comm, flow, answer, export_kw, export_kvar);
    require_agreement(check);
    run.seconds.check += clock.lap();
    context.log.detail(core::spent_on("check", run.seconds.check));

    // 6. What fairness costs: what is exported at most under the same limits and contracts.
    auto& summary = solved.summary = results::summarise(comm, flow, answer, check, settings.limits, run);
    if (options.price_of_fairness) {
        summary.price_of_fairness = price_of_fairness(context, flow, settings, summary, options);
        double const seconds = finished(context, "price of fairness", clock);
        run.seconds.check += seconds;
        summary.seconds.check += seconds;
    }
    warn_of_low_voltages(context, summary, options);
    warn_of_overloads(context, answer);
    if (!answer.open.empty()) context.log.warning(answer.open);
    for (auto const& note : answer.ac_notes) context.log.warning(note);
    return solved;
}

std::string write_messages(Context& context, Solved const& solved, SolveOptions const& options,
                           std::string const& folder) {
    if (!options.messages) return {};
    auto const& answer = solved.answer;
    // A message says nothing of how far the run got, and whoever forwards it need not see the exit code.
    if (answer.status == coordination::Status::interrupted || exit_code(answer.status) != core::ExitCode::solved) {
        context.log.warning("the run ended before the setpoints were found; no messages are written");
        return {};
    }
    auto const id = options.message_id == "connection" ? results::MessageId::connection : results::MessageId::unit;
    auto const count = results::write_messages(
        context.comm, {folder, options.timestamp ? *options.timestamp : time_of(context.comm, options.feeder.path)},
        results::orders(*solved.piece, solved.points, id));
    return fmt::format("messages: {} ({} {})\n", folder, count, count == 1 ? "agent" : "agents");
}

core::ExitCode code_of(core::Communicator const& comm, coordination::Answer const& answer) {
    return answer.status == coordination::Status::interrupted ? interrupted_code(comm)
                                                              : coordination::exit_code(answer.status);
}

}  // namespace dec::app
