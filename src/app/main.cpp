/// \file main.cpp
/// The `dec` command: reads the command line on every rank, runs one subcommand on all, ends all with one exit code.
#include <fmt/format.h>
#include <mpi.h>

#include <memory>
#include <new>
#include <sstream>
#include <vector>

#include "command.hpp"
#include "dec/core/text.hpp"
#include "options_file.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace {

using namespace dec;
using core::ExitCode;

constexpr auto footer = R"(
  --config FILE               options from a TOML file, named as here without the dashes; the command line wins

Exit codes:
  0 solved   1 a bug of ours (diff: they differ)   2 bad usage or input   3 no feasible setpoint exists
  4 not converged   5 permission, disk, network or a lost rank   6 no setpoints keep the limits by AC power flow
  130, 143 stopped by SIGINT, SIGTERM
  (under mpirun send SIGUSR1: code 143; after the others mpirun ends with code 1)
Every command runs alone or under "mpirun -n P"; P changes only the time, never the answer.)";

void print_error(core::Communicator const& comm, core::Error const& error, bool writes) {
    if (!comm.is_root()) return;
    auto const& findings = error.findings();
    for (auto const& finding : findings) fmt::print(stderr, "error: {}\n", core::printable(one_line(finding)));
    std::int64_t problems = 0;
    for (auto const& finding : findings) problems += finding.problems;
    auto const outcome = error.code() == ExitCode::infeasible ? "no feasible setpoint exists and nothing was written"
                                                              : "nothing was written";
    if (problems > 1)
        fmt::print(stderr, "error: {} problems{}\n", problems, writes ? fmt::format("; {}", outcome) : "");
}

/// \return true if there is a command to run; false after help or the version.
/// \throws core::InvalidInput on all ranks alike, also if only one of them cannot read the file of --config.
bool parse(core::Communicator const& comm, CLI::App& dec, int argc, char** argv) {
    bool runs = true;
    core::together(comm, [&] {
        try {
            dec.parse(argc, argv);
        } catch (CLI::Success const& question) {
            runs = false;
            std::ostringstream out, err;
            dec.exit(question, out, err);
            if (comm.is_root()) fmt::print("{}", out.str());
        } catch (CLI::ParseError const& stop) {
            throw app::misuse(dec, stop);
        }
    });
    return runs;
}

/// A full disk or a closed pipe behind standard output must not look like success.
void require_heard(core::Communicator const& comm) {
    core::together(comm, [] {
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            throw core::SystemFailure{{{}, "standard output", "cannot be written", "see whether the disk is full"}};
    });
}

ExitCode run(app::Context& context, int argc, char** argv) {
    auto const& comm = context.comm;
    for (int i = 0; i < argc; ++i) context.command_line += (i > 0 ? " " : "") + std::string{argv[i]};

    CLI::App dec{
        "Distributed Energy Coordinator: how much may each PV system export, so that every voltage holds and the "
        "burden is shared fairly",
        "dec"};
    dec.footer(footer);
    dec.set_help_flag("-h,--help", "show this help");
    dec.set_version_flag("--version", std::string{"dec "} + DEC_VERSION, "show the version");
    dec.require_subcommand(1);
    dec.set_config("--config")->group("");
    dec.config_formatter(std::make_shared<app::OptionsFile>(dec));
    dec.fallthrough();
    std::vector<std::pair<CLI::App*, app::Run>> commands;
    for (auto* add : {app::add_solve, app::add_powerflow, app::add_tradeoff, app::add_inspect, app::add_convert,
                      app::add_generate, app::add_populate, app::add_diff, app::add_export_qp, app::add_coordinate}) {
        auto run_it = add(dec);
        commands.emplace_back(dec.get_subcommands({}).back(), std::move(run_it));
    }
    auto code = ExitCode::solved;
    if (parse(comm, dec, argc, argv))
        for (auto const& [command, run_it] : commands)
            if (command->parsed()) code = run_it(context);
    require_heard(comm);
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    dec::app::listen_for_signals();
    MPI_Init(&argc, &argv);
    core::Communicator const world{MPI_COMM_WORLD};
    auto code = ExitCode::bug;
    app::Context context{.comm = world, .command_line = {}, .log = {}};
    try {
        code = run(context, argc, argv);
    } catch (core::Error const& error) {
        // Thrown on all ranks alike.
        print_error(world, error, context.writes);
        code = error.code();
    } catch (std::bad_alloc const&) {
        fmt::print(stderr, "error: rank {}: out of memory; use more ranks on more machines\n", world.rank());
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::system));
    } catch (std::exception const& error) {
        // On this rank alone, perhaps between two collectives of the others: only an abort ends them all.
        fmt::print(stderr, "error: internal error on rank {}: {}; please report it with the input\n", world.rank(),
                   error.what());
        MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::bug));
    }
    MPI_Finalize();
    return static_cast<int>(code);
}
