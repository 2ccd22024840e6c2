#include "options_file.hpp"

#include <set>

#include "dec/core/error.hpp"

namespace dec::app {

namespace {

bool is_section_mark(CLI::ConfigItem const& item) { return item.name == "++" || item.name == "--"; }

bool knows(CLI::App const& command, std::string const& option) {
    return command.get_option_no_throw("--" + option) != nullptr ||
           command.get_option_no_throw("-" + option) != nullptr || command.get_option_no_throw(option) != nullptr;
}

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
    std::vector<CLI::ConfigItem> wanted;
    for (auto& item : CLI::ConfigBase::from_config(input)) {
        std::string const section = item.parents.empty() ? command.get_name() : item.parents.front();
        if (!is_command(dec_, section)) {
            if (unknown_sections.insert(section).second)
                findings.push_back({path, "section " + section, "there is no such command", "see dec --help"});
        } else if (section != command.get_name() || is_section_mark(item)) {
            continue;
        } else if (item.parents.size() > 1 || !knows(command, item.name)) {
            findings.push_back({path, item.name, "there is no such option", "see dec " + section + " --help"});
        } else {
            item.parents = {section};
            wanted.push_back(std::move(item));
        }
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    return wanted;
}

}  // namespace dec::app
