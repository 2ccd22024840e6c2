#include "dec/core/memory.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace dec::core {

Memory measure_memory() {
    constexpr double bytes_per_megabyte = 1024.0 * 1024.0;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    Memory memory{.peak = static_cast<double>(usage.ru_maxrss) * 1024.0 / bytes_per_megabyte,
                  .free = static_cast<double>(mallinfo2().fordblks) / bytes_per_megabyte};
    std::ifstream pages{"/proc/self/statm"};
    double size = 0.0, resident = 0.0;
    if (pages >> size >> resident)
        memory.now = resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / bytes_per_megabyte;
    return memory;
}

double computing_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto const seconds = [](timeval time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string spent_on(std::string_view step, double seconds) {
    auto const memory = measure_memory();
    return fmt::format("{}: {:.3f} s; so far {:.3f} s of computing, {:.0f} MB now and {:.0f} MB at most", step, seconds,
                       computing_seconds(), memory.now, memory.peak);
}

}  // namespace dec::core
