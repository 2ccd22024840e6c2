/// \file check.hpp
/// A second opinion: a linear power flow that shares no elimination with the one that decided.
#pragma once

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

struct Check {
    bool converged = false;
    std::int64_t sweeps = 0;
    double largest_difference = 0.0;        ///< of |V| in pu against the answer's
    double v_max_pu = 0.0, v_min_pu = 0.0;  ///< over all limited nodes
    double violation_pu = 0.0;              ///< how far the worst |V| is outside the limits in force
    double overload = 0.0;                  ///< by how much of it the worst rated branch exceeds what it may carry
    double violations_pu = 0.0;             ///< of all nodes together
    double violating_nodes = 0.0;           ///< by more than a millionth
};

/// Backward and forward sweeps repeated until voltages stand still, with exactly the powers in `export_kw` (one per row of
/// pv_systems, as they are handed out) and reactive powers in `export_kvar` (likewise, NaN or none at all: the file's). Source: Shirmohammadi et al., IEEE Trans. Power Syst. 3(2), 1988. Collective.
[[nodiscard]] Check check_linear(core::Communicator const& comm, model::LinDist3Flow& flow, Answer const& answer,
                                 std::span<double const> export_kw, std::span<double const> export_kvar = {});

}  // namespace dec::coordination
