/// \file power_flow_file.hpp
/// An AC power flow becomes a summary, a table for a person and a results file (docs/results.md, docs/power_flow.md).
#pragma once

#include <string>

#include "dec/powerflow/controls.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::results {

/// The figures of a power flow. Of `common` only what a power flow knows is set; the rest is NaN, zero or empty.
struct PowerFlowSummary {
    Summary common;                                          ///< v_max_ac, v_min_ac, sizes, status, iterations, seconds
    double source_kw = 0.0, source_kvar = 0.0;               ///< delivered at the source bus
    double load_kw = 0.0, load_kvar = 0.0;                   ///< consumed at these voltages
    double pv_kw = 0.0, storage_kw = 0.0, machine_kw = 0.0;  ///< injected
    double loss_kw = 0.0;
    double max_loading = 0.0;  ///< largest share of a normal rating; NaN if no branch has one
    std::string max_loading_branch;
    std::string v_max_node, v_min_node;                              ///< "bus.phase"
    std::string solver;                                              ///< "tree" or "sparse"
    std::int64_t control_rounds = 0, tap_steps = 0, switchings = 0;  ///< of regulators and switched capacitors
    double mismatch_kva = 0.0;
    std::string mismatch_node;
};

/// Collective; equal on all ranks.
[[nodiscard]] PowerFlowSummary summarise(core::Communicator const& comm, powerflow::PowerFlow const& flow,
                                         powerflow::ControlOutcome const& outcome, powerflow::Flows const& flows,
                                         Run const& run);

/// All keys of `--json`: those of every summary, then those of a power flow.
[[nodiscard]] core::Json to_json(PowerFlowSummary const& summary);
/// For a person.
[[nodiscard]] std::string to_table(PowerFlowSummary const& summary);

/// Collective. \throws core::SystemFailure on all ranks alike; then no file is left.
void write_power_flow(core::Communicator const& comm, std::string const& path, powerflow::PowerFlow const& flow,
                      powerflow::Outcome const& outcome, powerflow::Flows const& flows, PowerFlowSummary const& summary,
                      Run const& run);

}  // namespace dec::results
