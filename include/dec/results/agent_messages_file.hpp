/// \file agent_messages_file.hpp
/// What agents behind service transformers tell, and are told, as HDF5 (docs/agent_messages.md).
#pragma once

#include <string>

#include "dec/coordination/answer.hpp"
#include "dec/results/answer_file.hpp"

namespace dec::results {

inline constexpr std::string_view messages_format_name = "dec-agent-messages";
inline constexpr std::int64_t messages_format_version = 1;

/// \pre the answer has messages. Collective. \throws core::SystemFailure on all ranks alike; then no file is left.
void write_agent_messages(core::Communicator const& comm, std::string const& path, model::LinDist3Flow const& flow,
                          coordination::Answer const& answer, Summary const& summary, Run const& run);

}  // namespace dec::results
