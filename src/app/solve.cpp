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

#include <memory>

#include "dec/core/memory.hpp"
#include "dec/core/output_file.hpp"
#include "dec/io/fleet.hpp"
#include "dec/results/agent_messages_file.hpp"
#include "dec/results/messages.hpp"
#include "plan.hpp"
#include "solve_feeder.hpp"
#include "solve_fleet.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

void print_plan(Context& context, Plan const& expected, SolveOptions const& options) {
    if (!context.comm.is_root()) return;
    if (options.json) fmt::print("{}\n", to_json(expected).dump(2));
    else if (!options.talk.quiet) fmt::print("{}", to_lines(expected));
}

/// Finds out before solving whether there is a place for the answer. Collective.
void require_places(core::Communicator const& comm, SolveOptions const& options) {
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

bool names_a_fleet(core::Communicator const& comm, std::string const& path) {
    std::int64_t fleet = 0;
    core::together(comm, [&] {
        if (comm.is_root() && io::is_fleet(path)) fleet = 1;
    });
    return comm.max(fleet) > 0;
}

core::ExitCode solve(Context& context, SolveOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    context.writes = !options.dry_run;
    Clock total, clock;
    Progress progress{options.progress, options.talk, comm, options.ac != "none"};

    // 1. Is what is asked possible, and is there a place for the answer?
    auto const question = question_of(options);
    if (!options.dry_run) require_places(comm, options);
    if (names_a_fleet(comm, options.feeder.path)) return solve_fleet(context, options, question, progress);

    // 2. Read, validate, hand out.
    auto opened = open_feeder(context, options, question, progress, clock);
    if (options.dry_run) {
        print_plan(context, plan(context, std::move(opened), options, question, clock), options);
        return core::ExitCode::solved;
    }

    // 3. to 6.: the model, the answer, a second opinion, what fairness costs.
    auto solved = solve_feeder(context, std::move(opened), options, question, progress, clock);

    // 7. Write, then tell.
    progress.begin(Phase::write);
    auto& summary = solved.summary;
    // The setpoints appear when the results are there: both or none.
    std::unique_ptr<core::OutputFile> setpoints_file;
    if (options.setpoints) setpoints_file = results::write_setpoints(comm, *options.setpoints, solved.points);
    {
        core::Hdf5Writer file{comm, options.output};
        results::write_answer(comm, file, *solved.flow, solved.answer, solved.ac.get(), summary, solved.run);
        file.commit();
    }
    if (solved.answer.messages)
        results::write_agent_messages(comm, *options.agent_messages, *solved.flow, solved.answer, summary, solved.run);
    core::together(comm, [&] {
        if (setpoints_file) setpoints_file->commit();
    });
    auto const about_messages = write_messages(context, solved, options, options.messages.value_or(""));
    summary.seconds.write = clock.lap();
    context.log.detail(core::spent_on("write", summary.seconds.write));
    summary.seconds.total = total.lap();
    progress.end();
    if (comm.is_root()) {
        if (options.json) fmt::print("{}\n", results::to_json(summary).dump(2));
        else if (!options.talk.quiet)
            fmt::print("{}\n{}results: {}\n", results::to_table(summary), about_messages, options.output);
    }
    return code_of(comm, solved.answer);
}

}  // namespace

Run add_solve(CLI::App& dec) {
    auto const options = std::make_shared<SolveOptions>();
    options->add_to(*dec.add_subcommand("solve", "setpoints that keep every voltage inside its limits"));
    return [options](Context& context) { return solve(context, *options); };
}

}  // namespace dec::app
