/// \file tradeoff.cpp
/// `dec tradeoff FEEDER`: total curtailment against fairness, over all policies and along a curve between two of them.
///
///   dec tradeoff inputs/ieee123_secondary.xml
///   mpirun --oversubscribe -n 4 dec tradeoff inputs/ieee123_secondary.xml -o tradeoff.h5 --table tradeoff.csv
///   dec tradeoff inputs/ieee123_secondary.xml --policies quadratic,nash --points 5 --json
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "clock.hpp"
#include "dec/core/output_file.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/results/tradeoff_file.hpp"
#include "hand_out.hpp"
#include "problem_options.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct TradeoffOptions : ProblemOptions {
    FeederOptions feeder;
    Talk talk;
    std::string output = "tradeoff.h5";
    std::optional<std::string> table;
    std::vector<std::string> policies;
    int points = 21;
    bool json = false;
};

/// Those asked for, or all, in the catalogue's order; with the one that everything is measured against.
std::vector<fairness::Policy const*> chosen_policies(TradeoffOptions const& options) {
    std::vector<core::Finding> findings;
    static_cast<void>(options.check(findings));
    for (auto const& name : options.policies)
        if (fairness::find_policy(name) == nullptr)
            findings.push_back(
                {{}, "--policies " + name, "there is no such policy", "some of " + names_of(fairness::policies())});
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    std::vector<fairness::Policy const*> chosen;
    for (auto const& policy : fairness::policies()) {
        bool const asked = options.policies.empty() || std::ranges::count(options.policies, policy.name) > 0;
        if (asked || policy.name == "min-curtailment") chosen.push_back(&policy);
    }
    return chosen;
}

/// A policy that needs dates is left out where it was not asked for by name and not every DER has one.
void leave_out_what_cannot_be_done(Context& context, TradeoffOptions const& options, model::LinDist3Flow const& flow,
                                   coordination::TradeoffSettings& settings) {
    auto const needs_dates = [](auto const* policy) { return policy->levels == fairness::Levels::oldest_first; };
    auto const named = [&](auto const* policy) { return std::ranges::count(options.policies, policy->name) > 0; };
    double missing = 0.0;
    for (std::size_t d = 0; d < flow.ders().size(); ++d)
        if (flow.ders()[d].available > 0.0 && (settings.contracts.empty() || !settings.contracts[d].connected))
            missing += 1.0;
    if (context.comm.sum(missing) == 0.0) return;
    std::erase_if(settings.policies, [&](auto const* policy) {
        bool const out = needs_dates(policy) && !named(policy);
        if (out)
            context.log.info(
                fmt::format("{} is left out: it needs a date of connection for every DER (--contracts)", policy->name));
        return out;
    });
}

core::ExitCode code_of(Context& context, coordination::Tradeoff const& tradeoff) {
    if (tradeoff.interrupted) return interrupted_code(context.comm);
    auto code = core::ExitCode::solved;
    for (auto const* answers : {&tradeoff.policies, &tradeoff.curve})
        for (auto const& answer : *answers) code = std::max(code, coordination::exit_code(answer.status));
    return code;
}

core::ExitCode trade_off(Context& context, TradeoffOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    Clock total, clock;
    results::Run run{.version = DEC_VERSION,
                     .command_line = context.command_line,
                     .created = now_in_iso_8601(),
                     .machine = machine_name(),
                     .method = "exact"};
    coordination::TradeoffSettings settings{
        .limits = options.limits(), .policies = chosen_policies(options), .points = options.points};
    require_different_files(comm, {{"FEEDER", options.feeder.path},
                                   {"--output", options.output},
                                   {"--table", options.table.value_or("")},
                                   {"--contracts", options.contracts.value_or("")}});
    core::require_writable(comm, options.output);
    if (options.table) core::require_writable(comm, *options.table);

    auto feeder = open_feeder(context, options.feeder);
    stop_if_asked(comm, "reading");
    run.seconds.read = clock.lap();
    auto const piece = hand_out(context, std::move(feeder), partition::Grain::secondary);
    run.seconds.partition = clock.lap();
    model::LinDist3Flow flow{comm, piece, {.source_voltage_pu = options.source_voltage}};
    run.seconds.build = clock.lap();
    if (options.contracts) settings.contracts = fairness::read_contracts(comm, *options.contracts, piece);
    leave_out_what_cannot_be_done(context, options, flow, settings);

    auto const tell = [&](coordination::Alternative const& answer) {
        auto const name = answer.blend   ? fmt::format("blend {:.3f}", *answer.blend)
                          : answer.scope ? fmt::format("{} ({})", answer.policy, fairness::to_text(*answer.scope))
                                         : answer.policy;
        context.log.detail(
            fmt::format("{}: {} after {} iterations", name, coordination::to_text(answer.status), answer.iterations));
    };
    auto const before = comm.traffic();
    auto const tradeoff = coordination::trade_off(comm, flow, settings, tell, [] { return signal_received() != 0; });
    run.seconds.solve = clock.lap();
    run.traffic = comm.traffic() - before;

    auto sizes = results::summary_of(comm, flow, run);
    // Both files or none.
    std::unique_ptr<core::OutputFile> table;
    core::together(comm, [&] {
        if (!options.table || !comm.is_root()) return;
        table = std::make_unique<core::OutputFile>(*options.table);
        table->write(results::to_csv(tradeoff));
    });
    results::write_tradeoff(comm, options.output, flow, tradeoff, sizes, run);
    core::together(comm, [&] {
        if (table) table->commit();
    });
    sizes.seconds.write = clock.lap();
    sizes.seconds.total = total.lap();
    if (comm.is_root()) {
        if (options.json) fmt::print("{}\n", results::to_json(tradeoff, sizes).dump(2));
        else if (!options.talk.quiet)
            fmt::print("{}\nresults: {}\n", results::to_table(tradeoff, sizes), options.output);
    }
    return code_of(context, tradeoff);
}

}  // namespace

Run add_tradeoff(CLI::App& dec) {
    auto const options = std::make_shared<TradeoffOptions>();
    auto& command = *dec.add_subcommand("tradeoff", "total curtailment against fairness, over all policies");
    options->feeder.add_to(command);
    options->talk.add_to(command);
    command.add_option("-o,--output", options->output, "results file")->capture_default_str()->type_name("FILE.h5");
    add_names(command, "--policies", options->policies,
              "which; default: all that can be done. min-curtailment always is, proportional with every scope");
    options->add_limits_to(command);
    command.add_option("--points", options->points, "of the curve, between min-curtailment and proportional")
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number_from(2));
    command.add_option("--table", options->table, "also write one row per answer as CSV")->type_name("FILE.csv");
    command.add_flag("--json", options->json, "everything as one JSON object on standard output");
    return [options](Context& context) { return trade_off(context, *options); };
}

}  // namespace dec::app
