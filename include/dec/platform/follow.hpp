/// \file follow.hpp
/// The loop around a coordinator: lines in, lines out, until the simulation ends.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dec/platform/coordinator.hpp"

namespace dec::platform {

/// Lines of a pipe or file, in which a signal can interrupt the waiting. Does not own the descriptor.
class LineReader {
  public:
    explicit LineReader(int descriptor) : descriptor_{descriptor} {}

    /// The next line without its end; waits for it. Nothing at the end of the input, or when `stop` says so.
    /// \throws core::SystemFailure if it cannot be read.
    [[nodiscard]] std::optional<std::string> next(std::function<bool()> const& stop);
    /// Whether `next` would give a line, or the end, without waiting.
    [[nodiscard]] bool is_ready();

  private:
    /// Reads what is there. \param wait for something to be there. \return false if nothing came.
    bool read_more(bool wait);

    int descriptor_;
    std::string buffer_;
    std::size_t begin_ = 0;    ///< of the next line in the buffer
    std::size_t scanned_ = 0;  ///< before it there is no further end of a line
    bool ended_ = false;
};

struct FollowSettings {
    int descriptor = 0;                             ///< of the input; read on the root
    bool every = false;                             ///< answer all messages, also those overtaken by newer ones
    std::function<bool()> stop;                     ///< asked on the root, whenever a signal may have come
    std::function<void(std::string const&)> write;  ///< takes an answer, a line without its end; called on the root
};

/// Until a line says stop, the input ends or `stop` asks for it. Collective. \throws core::Error on all ranks alike.
void follow(core::Communicator const& comm, Coordinator& coordinator, FollowSettings const& settings);

}  // namespace dec::platform
