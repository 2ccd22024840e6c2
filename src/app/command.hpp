/// \file command.hpp
/// What every subcommand gets and gives back.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "dec/core/communicator.hpp"
#include "dec/core/error.hpp"
#include "dec/core/log.hpp"

namespace dec::app {

struct Context {
    core::Communicator comm;
    std::string command_line;
    core::Log log;
    bool writes = true;  ///< the command leaves files, so that after an error it is of interest that it left none
};

/// Runs a subcommand on all ranks. \throws core::Error on all ranks alike.
using Run = std::function<core::ExitCode(Context&)>;

/// Options of how much is said, shared by all subcommands.
struct Talk {
    bool quiet = false;
    bool verbose = false;
    void add_to(CLI::App& command);
    /// Messages go to standard error; standard output belongs to what was asked for.
    [[nodiscard]] core::Log log(core::Communicator const& comm) const;
};

// One file each; adds the subcommand to the command line and returns what runs it.
Run add_solve(CLI::App& dec);
Run add_powerflow(CLI::App& dec);
Run add_inspect(CLI::App& dec);
Run add_convert(CLI::App& dec);
Run add_populate(CLI::App& dec);
Run add_generate(CLI::App& dec);
Run add_diff(CLI::App& dec);
Run add_export_qp(CLI::App& dec);
Run add_tradeoff(CLI::App& dec);
Run add_coordinate(CLI::App& dec);

}  // namespace dec::app
