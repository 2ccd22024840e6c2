/// \file sparse_newton.hpp
/// The same equations as one sparse system: unknown are all voltages and the currents of all coils, so that loops are branches
/// like others. PETSc (SNES) does Newton's method with a line search, MUMPS factors the exact Jacobian, over all ranks.
#pragma once

#include <memory>
#include <vector>

#include "equations.hpp"

namespace dec::powerflow {

class PowerFlow::SparseNewton {
  public:
    /// Numbers the unknowns and assembles what is linear. Keeps a reference to `equations`. Collective.
    explicit SparseNewton(Equations& equations);
    SparseNewton(SparseNewton const&) = delete;
    SparseNewton& operator=(SparseNewton const&) = delete;
    ~SparseNewton();

    /// Assembles anew what is linear, after taps or capacitors moved. Collective.
    void rebuild();
    /// Leaves the voltages, and the currents of ties, in the equations. Collective.
    /// \throws core::Error (bad input) on all ranks alike where nothing determines the voltages.
    [[nodiscard]] Outcome solve(Start start);

  private:
    struct System;
    std::unique_ptr<System> system_;
};

}  // namespace dec::powerflow
