/// \file summary.hpp
/// The figures of one answer: what `--json` prints, what the table shows, the root attributes of a results file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dec/core/hdf5.hpp"
#include "dec/core/json.hpp"
#include "dec/results/setpoints.hpp"

namespace dec::results {

/// Field names are the keys of the `--json` contract (docs/design.md); what does not apply is empty and becomes null.
struct Summary {
    std::string feeder;
    std::int64_t buses = 0, nodes = 0, branches = 0, loads = 0, ders = 0, storages = 0, machines = 0, agents = 0,
                 areas = 0;
    int ranks = 1;
    std::string method, policy;
    std::optional<std::string> scope;
    std::string status;
    std::int64_t iterations = 0;
    std::optional<std::int64_t> levels;
    double objective = 0.0;
    std::optional<double> objective_optimal;  ///< of the same policy, where the method may end above it
    double alpha_min = 0.0, alpha_mean = 0.0, alpha_max = 0.0;
    double available_kw = 0.0, curtailed_kw = 0.0, curtailed_kw_linear = 0.0;
    double jain = 1.0, gini = 0.0;
    std::optional<double> price_of_fairness;
    double v_max_uncurtailed = 0.0, v_max = 0.0, v_min = 0.0;
    std::optional<double> v_max_ac, v_min_ac;
    std::optional<double> v_max_ac_linear;  ///< with the setpoints of the linear answer
    std::int64_t nodes_below_vmin = 0;
    double violation = 0.0;
    double violations = 0.0;  ///< of all nodes together; linear voltages, of answers just found
    std::int64_t violating_nodes = 0;
    std::int64_t ac_rounds = 0;
    std::vector<std::string> binding;
    std::vector<Setpoint> most_curtailed;  ///< of a few limits who gives up most because of it; on the root
    std::optional<double> primal_residual, dual_residual, duality_gap;
    std::int64_t edge_cut = 0;
    double imbalance = 0.0;
    double peak_memory_mb = 0.0;
    /// While solving (`seconds.solve`), over all ranks unless a rank is named; PETSc's own messages are not in it.
    struct Communication {
        std::int64_t messages = 0, bytes = 0;  ///< from rank to rank
        std::int64_t messages_of_busiest = 0, bytes_of_busiest = 0;
        std::int64_t exchanges = 0;         ///< rounds of such messages, one after the other
        std::int64_t collectives = 0;       ///< sums, largest values, broadcasts
        std::int64_t collective_bytes = 0;  ///< what a rank puts into them
        double seconds = 0.0;               ///< wall time of all this, waiting included; mean over the ranks
    } communication;
    struct Seconds {
        double read = 0.0, partition = 0.0, build = 0.0, solve = 0.0, check = 0.0, write = 0.0, total = 0.0;
    } seconds;
};

/// How far the objective is above the optimum, as a share of it; empty where that is not known.
[[nodiscard]] std::optional<double> optimality_gap(Summary const& summary);

/// All keys of the contract, in its order.
[[nodiscard]] core::Json to_json(Summary const& summary);
/// The scalars that do not depend on the number of ranks (no ranks, edge_cut, imbalance, peak_memory_mb, communication,
/// seconds). What is null in JSON is NaN here, or an empty text.
[[nodiscard]] core::Attributes rank_independent(Summary const& summary);
/// A table for a person: what was asked, what it costs whom, whether it holds, how long it took.
[[nodiscard]] std::string to_table(Summary const& summary);

}  // namespace dec::results
