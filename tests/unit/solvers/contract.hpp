/// \file contract.hpp
/// What every solver of the catalogue is tested with.
#pragma once

#include <catch2/catch.hpp>

#include "dec/solvers/catalogue.hpp"

namespace dec::test {

/// The tolerance solvers are asked for unless a test says otherwise, and what the independent check holds them to.
constexpr double exact = 1e-9;

/// Each solver of the catalogue in turn: the rest of the test case runs once for each.
inline solvers::SolverEntry const& each_solver() {
    auto const all = solvers::solvers();
    return all[static_cast<std::size_t>(GENERATE_COPY(range(0, static_cast<int>(all.size()))))];
}

inline solvers::Outcome solve(solvers::SolverEntry const& entry, solvers::QuadraticProgram const& program,
                              solvers::Settings const& settings = {}) {
    auto const solver = entry.make(settings);
    solver->setup(program);
    return solver->solve();
}

}  // namespace dec::test
