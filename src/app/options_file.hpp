/// \file options_file.hpp
/// Options from a TOML file. Names are those of the command line without the dashes:
///
///   policy = "equal-kw"      # for the command that is run
///   open = ["sw1", "sw2"]
///
///   [solve]                  # only for dec solve
///   vmax = 1.04
///
///   [problem]                # for every command that asks the same question: solve, tradeoff, export-qp, powerflow
///   source-voltage = 1.02
///
///   [scenario]               # for benchmarks/, not for dec
///   nodes = 1986
#pragma once

#include <CLI/CLI.hpp>

namespace dec::app {

class OptionsFile : public CLI::ConfigTOML {
  public:
    /// \param dec the whole command line; it must outlive this object.
    explicit OptionsFile(CLI::App const& dec) : dec_{dec} {}

    /// What is for the command that was chosen. \throws core::InvalidInput naming every option it does not have, and every
    /// section but [problem] and [scenario] that is no command.
    [[nodiscard]] std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  private:
    CLI::App const& dec_;
};

}  // namespace dec::app
