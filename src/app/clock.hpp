/// \file clock.hpp
/// How long things take, when and where they were done.
#pragma once

#include <chrono>
#include <string>

namespace dec::app {

class Clock {
  public:
    /// Seconds since the last call, or since the beginning.
    double lap() {
        auto const now = std::chrono::steady_clock::now();
        double const seconds = std::chrono::duration<double>(now - last_).count();
        last_ = now;
        return seconds;
    }
    /// The same, and the lap goes on.
    [[nodiscard]] double elapsed() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - last_).count();
    }

  private:
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

[[nodiscard]] std::string now_in_iso_8601();
[[nodiscard]] std::string machine_name();

}  // namespace dec::app
