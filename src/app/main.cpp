/// \file main.cpp
/// The `dec` command: reads the command line on every rank, runs one subcommand on all, ends all with one exit code.
#include <fmt/format.h>
#include <mpi.h>

#include <iostream>
#include <vector>

#include "command.hpp"
#include "signals.hpp"

namespace {

using namespace dec;
using core::ExitCode;

constexpr auto exit_codes = R"(
Exit codes:
  0 solved   1 a bug of ours (diff: they differ)   2 bad usage or input   3 no feasible setpoint exists
  4 not converged   5 permission, disk, network or a lost rank   130, 143 stopped by SIGINT, SIGTERM
Every command runs alone or under "mpirun -n P"; P changes only the time, never the answer.)";

void print_error(core::Communicator const& comm, core::Error const& error) {
    if (!comm.is_root()) return;
    auto const& findings = error.findings();
    for (auto const& finding : findings) fmt::print(stderr, "error: {}\n", one_line(finding));
    if (findings.size() > 1) fmt::print(stderr, "error: {} problems; nothing was written\n", findings.size());
}

/// Help, version and mistakes of usage; said by the root alone.
ExitCode explain(core::Communicator const& comm, CLI::App const& dec, CLI::ParseError const& stop) {
    if (stop.get_exit_code() == 0) {
        std::ostringstream out, err;
        dec.exit(stop, out, err);
        if (comm.is_root()) std::cout << out.str() << std::flush;
        return ExitCode::solved;
    }
    std::string command = "dec";
    for (auto const* sub : dec.get_subcommands()) command += " " + sub->get_name();
    print_error(comm, core::InvalidInput{core::Finding{{}, {}, stop.what(), "see " + command + " --help"}});
    return ExitCode::bad_input;
}

ExitCode run(core::Communicator const& comm, int argc, char** argv) {
    app::Context context{comm, {}};
    for (int i = 0; i < argc; ++i) context.command_line += (i > 0 ? " " : "") + std::string{argv[i]};

    CLI::App dec{"Distributed Energy Coordinator: how much may each PV system export, so that every voltage holds and the "
                 "burden is shared fairly",
                 "dec"};
    dec.footer(exit_codes);
    dec.set_version_flag("--version", std::string{"dec "} + DEC_VERSION);
    dec.require_subcommand(1);
    dec.set_config("--config", "", "read options from a TOML file; the command line wins");
    std::vector<std::pair<CLI::App*, app::Run>> commands;
    for (auto* add : {app::add_solve, app::add_inspect, app::add_convert, app::add_populate, app::add_diff}) {
        auto run_it = add(dec);
        commands.emplace_back(dec.get_subcommands({}).back(), std::move(run_it));
    }
    dec.fallthrough();
    try {
        dec.parse(argc, argv);
    } catch (CLI::ParseError const& stop) {
        return explain(comm, dec, stop);
    }
    for (auto const& [command, run_it] : commands)
        if (command->parsed()) return run_it(context);
    return ExitCode::bug;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    core::Communicator const world{MPI_COMM_WORLD};
    app::listen_for_signals();
    auto code = ExitCode::bug;
    try {
        code = run(world, argc, argv);
    } catch (core::Error const& error) {
        // Thrown on all ranks alike.
        print_error(world, error);
        code = error.code();
    } catch (std::exception const& error) {
        // On this rank alone, perhaps between two collectives of the others: only an abort ends them all.
        fmt::print(stderr, "error: internal error on rank {}: {}; please report it with the input\n", world.rank(), error.what());
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::bug));
    }
    MPI_Finalize();
    return static_cast<int>(code);
}
