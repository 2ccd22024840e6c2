/// \file inverter_options.hpp
/// Which curves inverters follow, as the command line says it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "dec/powerflow/inverter_curves.hpp"

namespace dec::app {

struct InverterOptions {
    std::string volt_var = "none";
    std::string volt_watt = "none";
    std::string priority = "reactive";

    void add_to(CLI::App& command);
    /// \pre the options were parsed.
    [[nodiscard]] powerflow::InverterCurves curves() const;
};

}  // namespace dec::app
