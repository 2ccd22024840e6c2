#include "dec/core/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

#include "dec/core/text.hpp"

namespace dec::core {

namespace {

/// Whether the terminal's last line is a status; of the process, as standard error is.
bool status_shown = false;

void clear_status() {
    if (!status_shown) return;
    constexpr auto to_the_left_and_empty = "\r\x1b[K";
    std::fputs(to_the_left_and_empty, stderr);
    status_shown = false;
}

}  // namespace

void Log::status(std::string_view text) const {
    if (!speaks_) return;
    clear_status();
    if (!text.empty()) {
        auto const line = printable(text);
        status_shown = isatty(STDERR_FILENO) != 0;
        std::fprintf(stderr, status_shown ? "%s" : "%s\n", line.c_str());
    }
    std::fflush(stderr);
}

void Log::write(char const* label, std::string_view text) const {
    if (!speaks_) return;
    clear_status();
    static auto const logger = [] {
        auto made = std::make_shared<spdlog::logger>("dec", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        return made;
    }();
    logger->info("{}{}", label, printable(text));
    logger->flush();
}

void Log::warning(std::string_view text) const {
    if (warnings_ != nullptr) warnings_->emplace_back(text);
    if (verbosity_ != Verbosity::quiet) write("warning: ", text);
}

void Log::info(std::string_view text) const {
    if (verbosity_ != Verbosity::quiet) write("", text);
}

void Log::detail(std::string_view text) const {
    if (verbosity_ == Verbosity::verbose) write("", text);
}

}  // namespace dec::core
