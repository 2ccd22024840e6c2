/// \file memory.hpp
/// What this process has taken of the machine.
#pragma once

#include <string>
#include <string_view>

namespace dec::core {

/// MB (2^20 bytes): resident at most so far, resident now, and what of that the heap has free.
struct Memory {
    double peak = 0.0, now = 0.0, free = 0.0;
};
[[nodiscard]] Memory measure_memory();

/// Seconds that the processor has worked for this process, the system's included.
[[nodiscard]] double computing_seconds();

/// What a step took on this rank, and what all until then have taken, as a line for --verbose.
[[nodiscard]] std::string spent_on(std::string_view step, double seconds);

}  // namespace dec::core
