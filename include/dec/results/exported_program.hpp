/// \file exported_program.hpp
/// The program that method `exact` solves, as a file for other solvers.
#pragma once

#include <string>

#include "dec/coordination/answer.hpp"
#include "dec/solvers/sparse_form.hpp"

namespace dec::results {

struct ExportedProgram {
    /// With names: "alpha:<mRID>" (the name where there is none), "q:<mRID>" of an inverter in parts of its rated apparent power,
    /// "fraction:<agent>", "v:<bus>.<phase>", "p:…", "q:…"
    solvers::SparseForm form;
    /// Limits of apparent power: each pair of entries of circles x + centres has a length of at most 1. None where polygons in
    /// the circles are among the inequalities.
    solvers::SparseMatrix circles;
    solvers::Vector centres;
};

/// All of the feeder is on this rank. Of a policy with levels the first one; without the tie-break. A tied DER's variable is its
/// group's fraction. Shares are of what exceeds the guarantee of a contract under policies with a fraction.
/// \param polygons instead of circles. \pre the policy has a cost or levels.
[[nodiscard]] ExportedProgram export_program(core::Communicator const& alone, model::LinDist3Flow& flow,
                                             fairness::Policy const& policy, coordination::Settings const& settings,
                                             bool polygons = false);

/// Takes out variables that an equality by itself, one after the other, gives a value, and inequalities that are left
/// without a variable and hold. The optimum stays the same.
[[nodiscard]] ExportedProgram without_fixed(ExportedProgram const& program);

/// numpy archive; keys in docs/exported_program.md. \throws core::SystemFailure
void write_npz(ExportedProgram const& program, std::string const& path);
/// Free MPS with a QUADOBJ section. What is not allowed in its names becomes "_". \throws core::SystemFailure
void write_mps(ExportedProgram const& program, std::string const& path);

}  // namespace dec::results
