/// \file export_qp.cpp
/// `dec export-qp FEEDER -o problem.npz`: the program that `dec solve --method exact` solves, for other solvers.
///
///   dec export-qp inputs/ieee123_secondary.xml -o problem.npz
///   dec export-qp inputs/ieee123_secondary.xml --policy min-curtailment --lean -o problem.mps
#include <fmt/format.h>

#include <memory>

#include "dec/core/output_file.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/results/exported_program.hpp"
#include "open_feeder.hpp"
#include "problem_options.hpp"
#include "settle_taps.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct ExportOptions {
    FeederOptions feeder;
    ProblemOptions problem;
    Talk talk;
    std::string output = "problem.npz";
    bool lean = false;
};

core::ExitCode export_qp(Context& context, ExportOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    bool const mps = options.output.ends_with(".mps");
    std::vector<core::Finding> findings;
    auto const* const found = options.problem.check(findings);
    if (found == nullptr) throw core::InvalidInput{std::move(findings)};
    auto const& policy = *found;
    if (policy.cost == nullptr && policy.levels == fairness::Levels::none)
        findings.push_back(
            {{}, "--policy " + options.problem.policy, "is no convex program", "dec solve walks along its scalar"});
    if (policy.levels == fairness::Levels::oldest_first)
        findings.push_back({{},
                            "--policy " + options.problem.policy,
                            "is a sequence of programs, one for each date of connection",
                            "dec solve goes through them"});
    if (!mps && !options.output.ends_with(".npz"))
        findings.push_back({{}, "--output " + options.output, "has no known ending", ".npz or .mps"});
    if (mps && policy.cost != nullptr && policy.cost(1.0).logarithmic > 0.0)
        findings.push_back(
            {{}, "--policy " + options.problem.policy, "has logarithms, which MPS has not", "write .npz"});
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    require_different_files(comm, {{"FEEDER", options.feeder.path}, {"--output", options.output}});
    core::require_writable(comm, options.output);

    // One rank writes one file: the others have nothing to do.
    auto feeder = read_on_root(context, options.feeder);
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        Context alone{core::Communicator{MPI_COMM_SELF}, context.command_line, context.log};
        auto piece = hand_out(alone, std::move(feeder), partition::Grain::secondary);
        if (options.feeder.taps == "settle") settle_taps(alone, piece, options.problem.source_voltage);
        model::LinDist3Flow flow{alone.comm, piece, {.source_voltage_pu = options.problem.source_voltage}};
        auto settings = options.problem.settings();
        settings.scope = options.problem.scope_or(fairness::Scope::feeder);
        warn_of_assumptions(alone.comm, context.log, flow, settings);
        if (options.problem.contracts)
            settings.contracts = fairness::read_contracts(alone.comm, *options.problem.contracts, piece);
        auto program = results::export_program(alone.comm, flow, policy, settings, mps);
        if (options.lean) program = results::without_fixed(program);
        auto const& qp = program.form.program;
        if (mps) results::write_mps(program, options.output);
        else results::write_npz(program, options.output);
        context.log.info(fmt::format("{}: {} variables, {} equalities, {} inequalities", options.output, qp.variables(),
                                     qp.equalities(), qp.inequalities()));
    });
    return core::ExitCode::solved;
}

}  // namespace

Run add_export_qp(CLI::App& dec) {
    auto const options = std::make_shared<ExportOptions>();
    auto& command = *dec.add_subcommand("export-qp", "the program of method exact, for other solvers (.npz, .mps)");
    options->feeder.add_to(command);
    options->problem.add_to(command, "feeder");
    options->talk.add_to(command);
    command.add_option("-o,--output", options->output, "file to write: .npz or .mps")->capture_default_str();
    command.add_flag("--lean", options->lean, "without what is fixed");
    return [options](Context& context) { return export_qp(context, *options); };
}

}  // namespace dec::app
