/// \file naming.hpp
/// Nodes named on all ranks, and what may help them.
#pragma once

#include <string>

#include "dec/core/communicator.hpp"

namespace dec::coordination {

/// One rank's text on all ranks. Collective.
[[nodiscard]] std::string from_rank(core::Communicator const& comm, int rank, std::string text);

/// What a user can do about a limit, the upper or the lower one, that no curtailment meets.
[[nodiscard]] std::string what_helps(bool high);

}  // namespace dec::coordination
