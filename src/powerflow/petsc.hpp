/// \file petsc.hpp
/// PETSc's own start, end and errors.
#pragma once

#include <petscsnes.h>

#include <stdexcept>
#include <string>

namespace dec::powerflow {

/// Starts PETSc on this rank alone if it does not run yet; it ends with MPI. Not collective.
void require_petsc();

/// What PETSc reports is a bug of ours: it is asked nothing that may go wrong.
inline void check(PetscErrorCode code) {
    if (code == 0) return;
    char const* text = nullptr;
    PetscErrorMessage(code, &text, nullptr);
    throw std::runtime_error{"PETSc: " + std::string{text == nullptr ? "unknown error" : text}};
}

}  // namespace dec::powerflow
