#include "dec/platform/follow.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "dec/core/error.hpp"
#include "dec/core/patience.hpp"

namespace dec::platform {

bool LineReader::read_more(bool wait) {
    pollfd descriptor{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (poll(&descriptor, 1, wait ? -1 : 0) <= 0) return false;  // nothing there, or a signal
    std::array<char, 1 << 16> block{};
    auto const count = read(descriptor_, block.data(), block.size());
    if (count < 0) {
        if (errno == EINTR || errno == EAGAIN) return false;
        throw core::SystemFailure{{{}, "standard input", std::string{"cannot be read: "} + std::strerror(errno), {}}};
    }
    if (count == 0) ended_ = true;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    return true;
}

bool LineReader::is_ready() {
    do {
        auto const end = buffer_.find('\n', scanned_);
        if (end != std::string::npos || ended_) return true;
        scanned_ = buffer_.size();
    } while (read_more(false));
    return false;
}

std::optional<std::string> LineReader::next(std::function<bool()> const& stop) {
    while (!stop()) {
        if (auto const end = buffer_.find('\n', scanned_); end != std::string::npos) {
            auto line = buffer_.substr(begin_, end - begin_);
            begin_ = scanned_ = end + 1;
            return line;
        }
        buffer_.erase(0, begin_);
        begin_ = 0;
        scanned_ = buffer_.size();
        if (ended_) {
            if (buffer_.empty()) return std::nullopt;
            scanned_ = 0;
            return std::exchange(buffer_, {});
        }
        read_more(true);
    }
    return std::nullopt;
}

namespace {

/// Takes lines in until there is something to do. On the root.
bool next_to_answer(Coordinator& coordinator, LineReader& reader, FollowSettings const& settings) {
    bool waiting = false;  // for an answer
    while (!waiting || (!settings.every && reader.is_ready())) {
        auto const line = reader.next(settings.stop);
        if (!line) return waiting && !settings.stop();
        switch (coordinator.take(*line)) {
            case Coordinator::Next::answer: waiting = true; break;
            case Coordinator::Next::stop: return false;
            case Coordinator::Next::wait: break;
        }
    }
    return true;
}

}  // namespace

void follow(core::Communicator const& comm, Coordinator& coordinator, FollowSettings const& settings) {
    LineReader reader{settings.descriptor};
    while (true) {
        std::optional<core::Error> failure;
        std::vector<char> go(1);
        if (comm.is_root()) {
            try {
                go[0] = next_to_answer(coordinator, reader, settings) ? 1 : 0;
            } catch (core::Error const& error) {
                failure = error;
            }
        }
        core::broadcast_patiently(comm, go);
        core::together(comm, [&] {
            if (failure) throw *failure;
        });
        if (go[0] == 0) return;
        auto const answer = coordinator.answer();
        core::together(comm, [&] {
            if (comm.is_root()) settings.write(answer.dump());
        });
    }
}

}  // namespace dec::platform
