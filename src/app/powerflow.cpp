/// \file powerflow.cpp
/// `dec powerflow FEEDER`: the AC power flow of a feeder as it stands.
///
///   dec powerflow inputs/ieee123_secondary.xml
///   mpirun --oversubscribe -n 4 dec powerflow inputs/ieee123_secondary.xml -o power_flow.h5
///   dec powerflow inputs/ieee123_secondary.xml --pv-scale 0 --load-limits wide --json
///   dec powerflow inputs/ieee123_secondary.xml --volt-var b --volt-watt default
///   dec powerflow inputs/ieee123_secondary.xml --controls off --solver sparse
#include <fmt/format.h>

#include <memory>

#include "clock.hpp"
#include "dec/core/output_file.hpp"
#include "dec/powerflow/controls.hpp"
#include "dec/results/power_flow_file.hpp"
#include "hand_out.hpp"
#include "inverter_options.hpp"
#include "settle_taps.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct PowerFlowOptions {
    FeederOptions feeder;
    Talk talk;
    std::string output = "results.h5";
    std::optional<double> source_voltage;
    std::string controls = "on";
    double hour = 0.0;
    InverterOptions inverters;
    std::string solver = "auto";
    std::string load_limits = "file";
    double tolerance = 1e-10;
    std::int64_t max_iterations = 100;
    bool json = false;
};

void add_options(CLI::App& command, PowerFlowOptions& options) {
    options.feeder.add_to(command);
    options.talk.add_to(command);
    command.add_option("-o,--output", options.output, "results file")->capture_default_str()->type_name("FILE.h5");
    command
        .add_option("--source-voltage", options.source_voltage,
                    "voltage of the ideal source, pu of its nominal; default: the file's")
        ->type_name("PU")
        ->check(positive_number());
    one_of(*command
                .add_option("--controls", options.controls,
                            "regulators, switched capacitors and inverter curves act, or stay as they are")
                ->capture_default_str(),
           {"on", "off"});
    command.add_option("--hour", options.hour, "time of day, for capacitors that are switched by the clock")
        ->capture_default_str()
        ->type_name("H")
        ->check(hour_of_day());
    options.inverters.add_to(command);
    one_of(
        *command
             .add_option(
                 "--solver", options.solver,
                 "tree: elimination on the tree of a radial feeder; sparse: PETSc, loops or not; auto: the first, and "
                 "the second where there are loops or it finds no solution")
             ->capture_default_str(),
        {"auto", "tree", "sparse"});
    one_of(
        *command
             .add_option(
                 "--load-limits", options.load_limits,
                 "voltages outside which a load is an impedance: the file's (where it gives none 0.95 to 1.05 pu, 0.9 "
                 "to 1.1 pu for what injects), or 0.5 to 1.5 pu for all")
             ->capture_default_str(),
        {"file", "wide"});
    command.add_option("--tolerance", options.tolerance, "largest change of a voltage in the last iteration, pu")
        ->capture_default_str()
        ->type_name("X")
        ->check(positive_number());
    command.add_option("--max-iterations", options.max_iterations, "before it is given up")
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number_from(1));
    command.add_flag("--json", options.json, "the summary as one JSON object on standard output");
}

powerflow::SolverChoice solver_from(std::string const& word) {
    if (word == "tree") return powerflow::SolverChoice::tree;
    return word == "sparse" ? powerflow::SolverChoice::sparse : powerflow::SolverChoice::automatic;
}

core::ExitCode power_flow(Context& context, PowerFlowOptions const& options) {
    auto const& comm = context.comm;
    context.log = options.talk.log(comm);
    Clock total, clock;
    results::Run run{.version = DEC_VERSION,
                     .command_line = context.command_line,
                     .created = now_in_iso_8601(),
                     .machine = machine_name(),
                     .method = "newton"};

    // 1. Is there a place for the answer?
    require_different_files(comm, {{"FEEDER", options.feeder.path}, {"--output", options.output}});
    core::require_writable(comm, options.output);

    // 2. Read, validate, hand out.
    auto feeder = open_feeder(context, options.feeder);
    stop_if_asked(comm, "reading");
    run.seconds.read = clock.lap();
    auto piece = hand_out(context, std::move(feeder), partition::Grain::secondary, feeder::Loops::allowed);
    stop_if_asked(comm, "partitioning");
    run.seconds.partition = clock.lap();
    if (options.feeder.taps == "settle") settle_taps(context, piece, options.source_voltage);

    // 3. Build the equations of every rank's piece, and solve them; with controls, until these come to rest.
    bool const controls = options.controls == "on";
    powerflow::PowerFlow flow{
        comm,
        piece,
        {.source_voltage_pu = options.source_voltage,
         .load_limits = options.load_limits == "wide" ? powerflow::LoadLimits::wide : powerflow::LoadLimits::file,
         .curves = controls ? options.inverters.curves() : powerflow::InverterCurves{},
         .solver = solver_from(options.solver),
         .tolerance_pu = options.tolerance,
         .max_iterations = options.max_iterations}};
    run.seconds.build = clock.lap();
    auto const before = comm.traffic();
    powerflow::ControlOutcome settled;
    if (controls) settled = powerflow::settle(comm, flow, {.hour = options.hour});
    else settled.flow = flow.solve();
    auto const& outcome = settled.flow;
    run.seconds.solve = clock.lap();
    run.traffic = comm.traffic() - before;
    stop_if_asked(comm, "solving");
    warn_of_inactive(context, settled.inactive);
    context.log.detail(fmt::format("{} iterations, {} factorisations, {:.1f} of {:.1f} ms for them", outcome.iterations,
                                   outcome.factorisations, 1e3 * outcome.factor_seconds, 1e3 * outcome.seconds));
    if (outcome.status == powerflow::Status::diverged)
        context.log.warning(
            fmt::format("the power flow did not converge in {} iterations: voltages still move by {:.1e} pu, and the "
                        "largest mismatch, {:.3g} kVA, is at {}; look there for a load, a generation or an "
                        "impedance that cannot be",
                        outcome.iterations, outcome.change_pu, outcome.mismatch_kva, outcome.mismatch_node));
    if (outcome.status == powerflow::Status::iteration_limit)
        context.log.warning(
            fmt::format("regulators and capacitors still act after {} rounds; their settings work against "
                        "each other, or their bands are narrower than their steps",
                        settled.rounds));

    // 4. What flows, what is lost; write, then tell.
    auto const flows = flow.flows();
    run.seconds.check = clock.lap();
    auto summary = results::summarise(comm, flow, settled, flows, run);
    results::write_power_flow(comm, options.output, flow, outcome, flows, summary, run);
    summary.common.seconds.write = clock.lap();
    summary.common.seconds.total = total.lap();
    if (comm.is_root()) {
        if (options.json) fmt::print("{}\n", results::to_json(summary).dump(2));
        else if (!options.talk.quiet) fmt::print("{}\nresults: {}\n", results::to_table(summary), options.output);
    }
    return powerflow::exit_code(outcome.status);
}

}  // namespace

Run add_powerflow(CLI::App& dec) {
    auto const options = std::make_shared<PowerFlowOptions>();
    add_options(*dec.add_subcommand("powerflow", "AC power flow of a feeder as it stands"), *options);
    return [options](Context& context) { return power_flow(context, *options); };
}

}  // namespace dec::app
