#include "options_file.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <sstream>

#include "dec/core/error.hpp"
#include "dec/core/text.hpp"

namespace dec::app {

namespace {

bool is_section_mark(CLI::ConfigItem const& item) { return item.name == "++" || item.name == "--"; }

bool knows(CLI::App const& command, std::string const& option) {
    return command.get_option_no_throw("--" + option) != nullptr ||
           command.get_option_no_throw("-" + option) != nullptr || command.get_option_no_throw(option) != nullptr;
}

/// A bare key of TOML; anything else is what the parser makes of a line that is no option.
bool is_key(std::string const& name) {
    return std::ranges::all_of(
        name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '+'; });
}

std::string content(std::istream& input, std::string const& path) {
    std::string text{std::istreambuf_iterator<char>{input}, {}};
    bool const binary =
        std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
    if (binary || core::first_not_utf8(text))
        throw core::InvalidInput{{path, {}, "is no text in UTF-8", "give a TOML file of lines like  vmax = 1.05"}};
    return text;
}

/// What benchmarks know about the problem the file describes, and no command reads.
constexpr auto about_the_file = "scenario";
/// What every command that asks for voltages reads; its own section wins.
constexpr auto for_all_that_ask = "problem";
bool asks(CLI::App const& command) { return knows(command, "source-voltage"); }

bool is_command(CLI::App const& dec, std::string const& name) {
    return !dec.get_subcommands([&](CLI::App const* command) { return command->get_name() == name; }).empty();
}

}  // namespace

std::vector<CLI::ConfigItem> OptionsFile::from_config(std::istream& input) const {
    auto const chosen = dec_.get_subcommands();
    if (chosen.empty()) return {};
    auto const& command = *chosen.front();
    auto const path = dec_.get_config_ptr()->as<std::string>();
    std::vector<core::Finding> findings;
    std::set<std::string> unknown_sections;
    std::vector<CLI::ConfigItem> wanted, common;
    std::istringstream text{content(input, path)};
    for (auto& item : CLI::ConfigBase::from_config(text)) {
        std::string section = item.parents.empty() ? command.get_name() : item.parents.front();
        bool const shared = section == for_all_that_ask;
        if (section == about_the_file || (shared && (!asks(command) || is_section_mark(item)))) continue;
        if (shared) section = command.get_name();
        if (!is_key(item.name) && !is_section_mark(item)) {
            findings.push_back({path, item.name, "is not TOML", "write lines like  vmax = 1.05"});
        } else if (!is_command(dec_, section)) {
            if (unknown_sections.insert(section).second)
                findings.push_back({path, "section " + section, "there is no such command", "see dec --help"});
        } else if (section != command.get_name() || is_section_mark(item)) {
            continue;
        } else if (item.parents.size() > 1 || !knows(command, item.name)) {
            findings.push_back({path, item.name, "there is no such option", "see dec " + section + " --help"});
        } else {
            item.parents = {section};
            (shared ? common : wanted).push_back(std::move(item));
        }
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    for (auto& item : common)
        if (std::ranges::find(wanted, item.name, &CLI::ConfigItem::name) == wanted.end())
            wanted.push_back(std::move(item));
    return wanted;
}

}  // namespace dec::app
