#include "dec/core/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "dec/core/text.hpp"

namespace dec::core {

void Log::write(char const* label, std::string_view text) const {
    if (!speaks_) return;
    static auto const logger = [] {
        auto made = std::make_shared<spdlog::logger>("dec", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        return made;
    }();
    logger->info("{}{}", label, printable(text));
    logger->flush();
}

void Log::warning(std::string_view text) const {
    if (verbosity_ != Verbosity::quiet) write("warning: ", text);
}

void Log::info(std::string_view text) const {
    if (verbosity_ != Verbosity::quiet) write("", text);
}

void Log::detail(std::string_view text) const {
    if (verbosity_ == Verbosity::verbose) write("", text);
}

}  // namespace dec::core
