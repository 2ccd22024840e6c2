#include "dec/io/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dec/core/text.hpp"

namespace dec::io {

namespace {

std::string_view to_text(Use use) {
    switch (use) {
        case Use::read: return "read";
        case Use::assumed: return "assumed";
        case Use::ignored: return "ignored";
        case Use::unknown: return "unknown";
    }
    return {};
}

bool is_class(std::string const& what) { return what.find('.') == std::string::npos; }

}  // namespace

void Report::add(std::string_view what, Use use, std::string_view example, std::string_view note, std::int64_t count) {
    auto& entry = entries_[{std::string{what}, use}];
    if (entry.count == 0) {
        entry.example = example;
        entry.note = note;
    }
    entry.count += count;
}

std::vector<std::string> Report::warnings() const {
    std::vector<std::string> lines;
    std::string classes;
    std::int64_t attributes = 0;
    for (auto const& [key, entry] : entries_) {
        auto const& [what, use] = key;
        if (use == Use::assumed)
            lines.push_back(entry.count == 1 ? fmt::format("{} of {}: {}", what, entry.example, entry.note)
                                             : fmt::format("{} of {} and {} more: {}", what, entry.example,
                                                           entry.count - 1, entry.note));
        if (use != Use::unknown) continue;
        if (is_class(what)) classes += fmt::format("{}{} {}", classes.empty() ? "" : ", ", entry.count, what);
        else attributes += entry.count;
    }
    if (classes.empty() && attributes == 0) return lines;
    if (attributes > 0)
        classes += fmt::format("{}{} attributes of other objects", classes.empty() ? "" : ", and ", attributes);
    lines.push_back(fmt::format("not known here and left out: {} (dec inspect --report lists them)", classes));
    return lines;
}

std::string Report::to_table() const {
    std::size_t width = 20;
    for (auto const& [key, entry] : entries_) width = std::max(width, key.first.size());
    std::string table = fmt::format("{:<{}}  {:<8} {:>9}  {}\n", "class or attribute", width, "use", "count", "note");
    for (auto const& [key, entry] : entries_) {
        auto line =
            fmt::format("{:<{}}  {:<8} {:>9}  {}", key.first, width, to_text(key.second), entry.count, entry.note);
        if (key.second != Use::read && !entry.example.empty())
            line += fmt::format("{}first: {}", entry.note.empty() ? "" : "; ", entry.example);
        line.erase(line.find_last_not_of(' ') + 1);
        table += core::printable(line) + '\n';
    }
    return table;
}

}  // namespace dec::io
