/// \file dss_text.hpp
/// The text of OpenDSS scripts: files found without regard to case, lines cut into parameters, numbers in any of the ways
/// they may be written. Nothing here knows a command or a class. Source: OpenDSS manual, "Command language syntax".
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dec::io::dss {

/// A line of a file.
struct Place {
    std::uint32_t file = 0;
    std::uint32_t line = 0;  ///< from 1
};

/// What stands after "=", or alone: without its brackets or quotes, which make numbers expressions and texts arrays.
struct Value {
    std::string_view text;
    bool bracketed = false;
};

/// name = value, or a value alone (empty name).
struct Parameter {
    std::string_view name;
    Value value;
};

[[nodiscard]] std::string lower_case(std::string_view text);
/// Letters of either case are the same.
[[nodiscard]] bool equal(std::string_view a, std::string_view b);
[[nodiscard]] bool starts_with(std::string_view text, std::string_view beginning);

/// One command line, cut at blanks, commas and "="; "!" and "//" outside of brackets begin a comment.
class Words {
  public:
    explicit Words(std::string_view line, bool rows = false);
    /// Nothing at the end of the line.
    [[nodiscard]] std::optional<Parameter> next();
    /// True if a bracket or quote was opened and not closed.
    [[nodiscard]] bool is_open() const { return is_open_; }
    /// True if a "|" follows what was read last; only where rows are asked for.
    [[nodiscard]] bool row_ends() const { return row_ends_; }
    /// What was not read yet.
    [[nodiscard]] std::string_view rest() const { return line_.substr(at_); }

  private:
    enum class Stop : std::uint8_t { blank, delimiter, equals, row, comment };
    [[nodiscard]] bool is_comment() const;
    Value word(Stop& stop);
    void skip_blanks();

    std::string_view line_;
    std::size_t at_ = 0;
    bool rows_;
    bool is_open_ = false;
    bool row_ends_ = false;
};

/// Inline arithmetic in reverse Polish notation, "(8 1000 /)". Ten registers; they are zero at first, and one expression
/// leaves them to the next as OpenDSS does.
class Calculator {
  public:
    /// The value of an expression; nothing if a word is neither a number nor an operation.
    [[nodiscard]] std::optional<double> evaluate(std::string_view expression);

  private:
    [[nodiscard]] bool apply(std::string_view operation);
    void push(double value);
    void drop();
    std::array<double, 10> stack_{};
};

/// A plain number as OpenDSS writes it (no expression).
[[nodiscard]] std::optional<double> plain_number(std::string_view text);
/// y, yes, t, true, 1 and what begins with them.
[[nodiscard]] bool truth(std::string_view text);

/// All files of a model, in memory as long as it is being read.
class Sources {
  public:
    /// Reads a file. \return its number; nothing if there is no such file, whatever the case of its name.
    /// \throws core::Error as read_text_file does.
    [[nodiscard]] std::optional<std::uint32_t> open(std::string_view name, std::string_view folder);
    [[nodiscard]] std::string_view text(std::uint32_t file) const { return texts_[file]; }
    [[nodiscard]] std::string const& path(std::uint32_t file) const { return paths_[file]; }
    [[nodiscard]] std::string folder(std::uint32_t file) const;
    /// "lines.dss:12".
    [[nodiscard]] std::string describe(Place place) const;
    /// Keeps a text that was made on the way.
    std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

  private:
    std::deque<std::string> texts_, kept_;
    std::vector<std::string> paths_;
    std::map<std::string, std::uint32_t> by_path_;
};

}  // namespace dec::io::dss
