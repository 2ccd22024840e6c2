/// \file contracts.hpp
/// What customers were promised, from a table.
#pragma once

#include <span>
#include <string>

#include "dec/core/communicator.hpp"
#include "dec/fairness/decisions.hpp"

namespace dec::fairness {

/// Reads a CSV table with the column `name` (name or mRID of a PV system) and any of `weight` (kW, in policies with weights, above
/// zero), `guaranteed_kw` (export that is never curtailed), `exempt` (yes or no) and `connected` (date, YYYY-MM-DD). Empty cells and PV
/// systems that are not named have no contract. The root reads. Collective.
/// \return one per row of the piece's pv_systems.
/// \throws core::InvalidInput on all ranks alike with every finding and its line, also for names that no PV system or several have.
[[nodiscard]] std::vector<Contract> read_contracts(core::Communicator const& comm, std::string const& path,
                                                   partition::Piece const& piece);

/// \throws core::InvalidInput on all ranks alike, naming the first PV systems that have power but no date. Collective.
void require_dates(core::Communicator const& comm, partition::Piece const& piece, std::span<double const> available_kw,
                   std::span<Contract const> contracts);

}  // namespace dec::fairness
