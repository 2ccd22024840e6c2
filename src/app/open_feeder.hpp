/// \file open_feeder.hpp
/// From a path to a piece of feeder on every rank.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/partition/piece.hpp"

namespace dec::app {

/// An option with values NAME,… that may be given again.
void add_names(CLI::App& command, std::string const& option, std::vector<std::string>& names, std::string const& what);

/// What the command line changes in a feeder before it is looked at.
struct FeederOptions {
    std::string path;
    double load_scale = 1.0, pv_scale = 1.0;
    std::string taps = "file";
    std::vector<std::string> open, close;
    io::ReadOptions reading;

    void add_to(CLI::App& command);
};

/// What a reader has to be told of a feeder.
void add_read_options(CLI::App& command, io::ReadOptions& options);

/// Reads the feeder on the root and applies the options; empty elsewhere. What was assumed or left out is logged.
/// Collective. \throws core::Error on all ranks alike.
[[nodiscard]] std::optional<feeder::Feeder> read_on_root(Context& context, FeederOptions const& options);

/// Finds out before the work that a feeder could be written to `path`. Collective.
/// \throws core::Error on all ranks alike.
void require_writable_feeder(core::Communicator const& comm, std::string const& path);

/// Validates, finds the agents and splits the feeder over the ranks; only the root's feeder is read. Collective.
/// \throws core::Error on all ranks alike.
[[nodiscard]] partition::Piece hand_out(Context& context, std::optional<feeder::Feeder> feeder, partition::Grain grain,
                                        feeder::Loops loops = feeder::Loops::refused);

/// Validates and gives the whole feeder as the one piece of this rank. Not collective.
/// \throws core::InvalidInput if the feeder is not valid.
[[nodiscard]] partition::Piece whole_on_one_rank(feeder::Feeder feeder);

}  // namespace dec::app
