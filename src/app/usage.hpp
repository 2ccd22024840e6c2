/// \file usage.hpp
/// What the command line may say, and one line for what it may not.
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/error.hpp"

namespace dec::app {

// Checks of one value; not-a-number and infinity never pass.
[[nodiscard]] CLI::Validator any_number();
[[nodiscard]] CLI::Validator number_from_zero();
[[nodiscard]] CLI::Validator positive_number();
[[nodiscard]] CLI::Validator fraction();
[[nodiscard]] CLI::Validator hour_of_day();
/// Integers that a double holds exactly.
[[nodiscard]] CLI::Validator whole_number_from(double least);

/// Makes an option accept these words only; the help shows them.
void one_of(CLI::Option& option, std::vector<std::string> words);

/// What the option parser has to say about a command line, in our words.
[[nodiscard]] core::InvalidInput misuse(CLI::App const& dec, CLI::ParseError const& stop);

/// A file as an option names it.
struct NamedFile {
    std::string option, path;
};

/// No file may be written over another one of the same command. Empty paths are left out. Collective.
/// \throws core::InvalidInput on all ranks alike.
void require_different_files(core::Communicator const& comm, std::initializer_list<NamedFile> files);

}  // namespace dec::app
