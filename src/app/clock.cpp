#include "clock.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>

namespace dec::app {

std::string now_in_iso_8601() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

std::string machine_name() {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    return name.data();
}

}  // namespace dec::app
