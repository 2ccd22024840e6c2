/// \file naming.hpp
/// Nodes named on all ranks, and what may help them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dec/coordination/answer.hpp"

namespace dec::coordination {

/// One rank's text on all ranks. Collective.
[[nodiscard]] std::string from_rank(core::Communicator const& comm, int rank, std::string text);

/// Names of all ranks in the order of the rows that come with them; on the root, elsewhere none. Collective.
[[nodiscard]] std::vector<std::string> names_in_order(core::Communicator const& comm,
                                                      std::vector<std::pair<std::int64_t, std::string>> const& own);

/// What a user can do about limits that no curtailment meets, without what has been done already.
class Remedies {
  public:
    /// Collective.
    Remedies(core::Communicator const& comm, partition::Piece const& piece, VoltageLimits const& limits);
    [[nodiscard]] std::string against(bool high) const;

  private:
    bool taps_neutral_, v_min_relaxed_;
};

}  // namespace dec::coordination
