/// \file start.hpp
/// An earlier answer, as something to begin at.
#pragma once

#include <string>

#include "dec/coordination/answer.hpp"

namespace dec::results {

/// Shares by mRID and prices by node from a results file, also of another state of the feeder; what it does not have is
/// zero. The prices of another policy are left out. Every rank reads. Collective.
/// \param group of a file of a fleet, where the answer of this feeder lies ("/feeders/NAME"); empty: the whole file is one.
/// \throws core::InvalidInput on all ranks alike if it is no results file, or of another feeder.
[[nodiscard]] coordination::Settings::Start read_start(core::Communicator const& comm, std::string const& path,
                                                       partition::Piece const& piece, std::string const& policy,
                                                       std::string const& group = {});

}  // namespace dec::results
