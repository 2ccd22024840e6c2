#include "dss_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numbers>

#include "dec/core/text.hpp"
#include "files.hpp"

namespace dec::io::dss {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

constexpr std::string_view openers = "(\"'[{";
constexpr std::string_view closers = ")\"']}";

}  // namespace

std::string lower_case(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(), lower);
    return result;
}

bool starts_with(std::string_view text, std::string_view beginning) {
    return text.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), text.begin(),
                                                         [](char a, char b) { return lower(a) == lower(b); });
}

bool equal(std::string_view a, std::string_view b) { return a.size() == b.size() && starts_with(a, b); }

// ---- words

Words::Words(std::string_view line, bool rows) : line_{line}, rows_{rows} { skip_blanks(); }

void Words::skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
}

bool Words::is_comment() const {
    return line_[at_] == '!' || (line_[at_] == '/' && at_ + 1 < line_.size() && line_[at_ + 1] == '/');
}

Value Words::word(Stop& stop) {
    stop = Stop::blank;
    Value value;
    if (at_ >= line_.size()) return value;
    if (auto const bracket = openers.find(line_[at_]); bracket != std::string_view::npos) {
        auto const begin = ++at_;
        auto const end = line_.find(closers[bracket], begin);
        is_open_ = is_open_ || end == std::string_view::npos;
        value = {line_.substr(begin, end == std::string_view::npos ? end : end - begin), true};
        at_ = end == std::string_view::npos ? line_.size() : end + 1;
    } else {
        auto const begin = at_;
        while (at_ < line_.size() && !is_blank(line_[at_]) && line_[at_] != ',' && line_[at_] != '=' &&
               !(rows_ && line_[at_] == '|') && !is_comment())
            ++at_;
        value.text = line_.substr(begin, at_ - begin);
    }
    skip_blanks();
    if (at_ >= line_.size()) return value;
    if (is_comment()) {
        stop = Stop::comment;
        at_ = line_.size();
        return value;
    }
    char const c = line_[at_];
    if (c != ',' && c != '=' && !(rows_ && c == '|')) return value;
    stop = c == '=' ? Stop::equals : c == '|' ? Stop::row : Stop::delimiter;
    ++at_;
    skip_blanks();
    return value;
}

std::optional<Parameter> Words::next() {
    row_ends_ = false;
    if (at_ >= line_.size()) return std::nullopt;
    auto stop = Stop::blank;
    Parameter parameter{{}, word(stop)};
    if (stop == Stop::equals) {
        parameter.name = parameter.value.text;
        parameter.value = word(stop);
    }
    row_ends_ = stop == Stop::row;
    return parameter;
}

// ---- numbers

std::optional<double> plain_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0.0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool truth(std::string_view text) {
    return !text.empty() && std::string_view{"yYtT1"}.find(text.front()) != std::string_view::npos;
}

void Calculator::push(double value) {
    std::shift_right(stack_.begin(), stack_.end(), 1);
    stack_[0] = value;
}

void Calculator::drop() { std::shift_left(stack_.begin(), stack_.end(), 1); }

bool Calculator::apply(std::string_view operation) {
    constexpr double degree = std::numbers::pi / 180.0;
    auto& x = stack_[0];
    auto& y = stack_[1];
    auto const join = [&](double value) {
        y = value;
        drop();
        return true;
    };
    auto const replace = [&](double value) {
        x = value;
        return true;
    };
    auto const is = [&](std::string_view name) { return equal(operation, name); };
    if (is("+")) return join(y + x);
    if (is("-")) return join(y - x);
    if (is("*")) return join(y * x);
    if (is("/")) return join(y / x);
    if (is("^")) return join(std::pow(y, x));
    if (is("sqrt")) return replace(std::sqrt(x));
    if (is("sqr")) return replace(x * x);
    if (is("sin")) return replace(std::sin(x * degree));
    if (is("cos")) return replace(std::cos(x * degree));
    if (is("tan")) return replace(std::tan(x * degree));
    if (is("asin")) return replace(std::asin(x) / degree);
    if (is("acos")) return replace(std::acos(x) / degree);
    if (is("atan")) return replace(std::atan(x) / degree);
    if (is("atan2")) return join(std::atan2(y, x) / degree);
    if (is("ln")) return replace(std::log(x));
    if (is("log10")) return replace(std::log10(x));
    if (is("exp")) return replace(std::exp(x));
    if (is("inv")) return replace(1.0 / x);
    if (is("pi")) {
        push(std::numbers::pi);
        return true;
    }
    if (is("swap")) {
        std::swap(x, y);
        return true;
    }
    if (is("rollup")) {
        std::shift_right(stack_.begin(), stack_.end(), 1);
        return true;
    }
    if (is("rolldn")) {
        drop();
        return true;
    }
    return false;
}

std::optional<double> Calculator::evaluate(std::string_view expression) {
    Words words{expression};
    while (auto const word = words.next()) {
        if (word->value.text.empty()) continue;
        if (auto const number = plain_number(word->value.text)) push(*number);
        else if (!apply(word->value.text)) return std::nullopt;
    }
    return stack_[0];
}

// ---- files

namespace {

namespace fs = std::filesystem;

/// The entry of a folder that has this name in any case; the exact one first.
std::optional<fs::path> entry(fs::path const& folder, std::string const& name) {
    std::error_code error;
    auto const exact = folder / name;
    if (name == ".." || name == "." || fs::exists(exact, error)) return exact;
    for (auto const& candidate : fs::directory_iterator{folder.empty() ? fs::path{"."} : folder, error})
        if (equal(candidate.path().filename().string(), name)) return folder / candidate.path().filename();
    return std::nullopt;
}

std::optional<std::string> find_file(std::string_view name, std::string_view folder) {
    std::string portable{name};
    std::ranges::replace(portable, '\\', '/');
    fs::path const wanted{portable};
    fs::path found = wanted.is_absolute() ? wanted.root_path() : fs::path{folder};
    for (auto const& part : wanted.relative_path()) {
        if (part.empty()) continue;
        auto const step = entry(found, part.string());
        if (!step) return std::nullopt;
        found = *step;
    }
    std::error_code error;
    if (!fs::is_regular_file(found, error)) return std::nullopt;
    return found.string();
}

/// Scripts are often written in the code page of Windows; its letters above 127 are taken as Latin-1.
std::string as_utf8(std::string text) {
    if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
    if (!core::first_not_utf8(text)) return text;
    std::string result;
    result.reserve(text.size());
    for (char c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            result += c;
            continue;
        }
        result += static_cast<char>(0xc0U | (byte >> 6U));
        result += static_cast<char>(0x80U | (byte & 0x3fU));
    }
    return result;
}

}  // namespace

std::optional<std::uint32_t> Sources::open(std::string_view name, std::string_view folder) {
    auto const path = find_file(name, folder);
    if (!path) return std::nullopt;
    auto const [place, is_new] = by_path_.emplace(*path, static_cast<std::uint32_t>(paths_.size()));
    if (is_new) {
        texts_.push_back(fs::file_size(*path) == 0 ? std::string{} : as_utf8(read_text_file(*path)));
        paths_.push_back(*path);
    }
    return place->second;
}

std::string Sources::folder(std::uint32_t file) const { return fs::path{paths_[file]}.parent_path().string(); }

std::string Sources::describe(Place place) const {
    return fmt::format("{}:{}", fs::path{paths_[place.file]}.filename().string(), place.line);
}

}  // namespace dec::io::dss
