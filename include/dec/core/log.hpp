/// \file log.hpp
/// Messages for the person at the terminal: warnings and progress, on standard error, from the first rank only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dec::core {

enum class Verbosity { quiet, normal, verbose };

/// Hands each message to one sink. Not collective; a rank that is not the root stays silent.
class Log {
  public:
    Log() = default;  ///< swallows everything
    Log(Verbosity verbosity, bool is_root) : verbosity_{verbosity}, speaks_{is_root} {}
    /// Keeps warnings for somebody else to say, and swallows the rest.
    explicit Log(std::vector<std::string>& warnings) : warnings_{&warnings} {}

    /// Something was assumed or left out; shown unless quiet.
    void warning(std::string_view text) const;
    /// One line that the next message or status takes the place of on a terminal; elsewhere a line like others. Not written
    /// as a message: neither labelled nor subject to verbosity. An empty one only takes the last away.
    void status(std::string_view text) const;
    /// What is being done; shown unless quiet.
    void info(std::string_view text) const;
    /// How it is being done; shown when verbose.
    void detail(std::string_view text) const;
    [[nodiscard]] Verbosity verbosity() const { return verbosity_; }

  private:
    void write(char const* label, std::string_view text) const;
    Verbosity verbosity_ = Verbosity::quiet;
    bool speaks_ = false;
    std::vector<std::string>* warnings_ = nullptr;
};

}  // namespace dec::core
