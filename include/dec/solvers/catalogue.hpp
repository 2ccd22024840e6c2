/// \file catalogue.hpp
/// Every solver of quadratic programs there is; a new one is a file and one line in src/solvers/catalogue.cpp.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "dec/solvers/solver.hpp"

namespace dec::solvers {

struct SolverEntry {
    std::string_view name;         ///< as on the command line and in results
    std::string_view description;  ///< one line for `--help`
    /// \throws core::InvalidInput with the findings of Settings::validate.
    std::unique_ptr<Solver> (*make)(Settings const& settings) = nullptr;
};

[[nodiscard]] std::span<SolverEntry const> solvers();
[[nodiscard]] SolverEntry const* find_solver(std::string_view name);

}  // namespace dec::solvers
