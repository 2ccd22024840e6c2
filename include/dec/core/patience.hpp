/// \file patience.hpp
/// Waiting for something that may take hours without keeping a core busy.
#pragma once

#include <vector>

#include "dec/core/communicator.hpp"

namespace dec::core {

/// As Communicator::broadcast, for messages that the root sends when it has them: until then the others sleep, at most a millisecond
/// at a time, where MPI's own broadcast would spin. Collective.
void broadcast_patiently(Communicator const& comm, std::vector<char>& bytes);

}  // namespace dec::core
