#include "dec/io/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string_view>

#include "dec/core/hdf5.hpp"
#include "dec/io/catalogue.hpp"
#include "files.hpp"

namespace dec::io {

namespace fs = std::filesystem;

namespace {

constexpr auto feeders_group = "/feeders";

/// Bytes that a bus takes in a file, about: of generated and of public feeders. Good for an order of work, no more.
struct Ending {
    std::string_view text;
    double bytes_per_bus;
};
constexpr std::array endings{Ending{".xml.gz", 500.0}, Ending{".xml", 8000.0}, Ending{".h5", 330.0},
                             Ending{".dss", 300.0}};

Ending const* ending_of(std::string const& path) {
    auto const found = std::ranges::find_if(endings, [&](auto const& ending) { return has_ending(path, ending.text); });
    return found == endings.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(std::string const& path, std::string problem, std::string remedy) {
    throw core::InvalidInput{core::Finding{path, {}, std::move(problem), std::move(remedy)}};
}

std::string trimmed(std::string_view text) {
    constexpr auto blank = " \t\r";
    auto const begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return {};
    return std::string{text.substr(begin, text.find_last_not_of(blank) - begin + 1)};
}

FleetMember member_of(std::string name, std::string const& path) {
    auto const* const ending = ending_of(path);
    if (name.empty()) {
        name = fs::path{path}.filename().string();
        if (ending != nullptr) name.resize(name.size() - ending->text.size());
    }
    std::error_code none;
    auto const bytes = fs::file_size(path, none);
    return {std::move(name),
            path,
            {},
            none || ending == nullptr ? 0.0 : static_cast<double>(bytes) / ending->bytes_per_bus};
}

Fleet read_list(std::string const& path) {
    auto const text = read_text_file(path);
    Fleet fleet;
    std::vector<core::Finding> findings;
    std::map<std::string, std::size_t, std::less<>> line_of;
    std::size_t line = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        auto const end = std::min(text.find('\n', begin), text.size());
        ++line;
        auto const whole = std::string_view{text}.substr(begin, end - begin);
        begin = end + 1;
        auto entry = trimmed(whole.substr(0, whole.find('#')));
        if (entry.empty()) continue;
        std::string name;
        if (auto const equals = entry.find('='); equals != std::string::npos) {
            name = trimmed(std::string_view{entry}.substr(0, equals));
            entry = trimmed(std::string_view{entry}.substr(equals + 1));
        }
        auto member = member_of(std::move(name), (fs::path{path}.parent_path() / entry).string());
        auto const where = fmt::format("line {}", line);
        std::error_code none;
        if (!fs::is_regular_file(member.path, none))
            findings.push_back(
                {path, where, fmt::format("{} is no file", member.path), "paths start at the list's folder"});
        else if (ending_of(member.path) == nullptr)
            findings.push_back({path, where, fmt::format("{} has an ending that is no feeder format", member.path),
                                "formats are " + readable_formats()});
        if (member.name.empty() || member.name == "." || member.name == ".." ||
            member.name.find('/') != std::string::npos)
            findings.push_back({path, where, fmt::format("\"{}\" cannot be the name of a feeder", member.name),
                                "no empty name and no slash"});
        else if (auto const [other, first] = line_of.emplace(member.name, line); !first)
            findings.push_back({path, where, fmt::format("{} is the name of line {}, too", member.name, other->second),
                                "name them apart: name = path"});
        fleet.members.push_back(std::move(member));
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    if (fleet.members.empty()) refuse(path, "names no feeder", "one path a line");
    return fleet;
}

bool is_result(std::string const& path) {
    try {
        auto const attributes = core::Hdf5Reader{path}.attributes("/");
        auto const format = attributes.find("format");
        auto const* text = format == attributes.end() ? nullptr : std::get_if<std::string>(&format->second);
        return text != nullptr && text->starts_with("dec-") && *text != "dec-feeder" && *text != "dec-region";
    } catch (core::Error const&) {
        return false;  // whatever is wrong with it is said when it is read
    }
}

Fleet read_folder(std::string const& path) {
    Fleet fleet;
    std::size_t scripts = 0;
    std::vector<std::string> files;
    std::error_code error;
    fs::directory_iterator const folder{path, error};
    if (error) throw core::SystemFailure{{path, {}, "cannot be read: " + error.message(), "get permission to read it"}};
    for (auto const& entry : folder)
        if (entry.is_regular_file() && !entry.path().filename().string().starts_with('.') &&
            ending_of(entry.path().string()) != nullptr)
            files.push_back(entry.path().string());
    std::ranges::sort(files);
    std::map<std::string, std::string> file_of;
    for (auto const& file : files) {
        if (has_ending(file, ".dss")) {
            ++scripts;
            continue;
        }
        if (has_ending(file, ".h5") && is_result(file)) {
            fleet.warnings.push_back(fmt::format("{}: is no feeder and is left out", file));
            continue;
        }
        auto member = member_of({}, file);
        if (auto const [other, first] = file_of.emplace(member.name, file); !first)
            refuse(path, fmt::format("{} and {} would have one name", other->second, file),
                   "move one of them, or name them apart in a list (.txt)");
        fleet.members.push_back(std::move(member));
    }
    if (fleet.members.empty())
        refuse(path, "is a folder, not a feeder, and has none in it",
               scripts > 0 ? "name the scripts of OpenDSS in a list (.txt)"
                           : "name a file; a folder of tables becomes one with dec populate");
    if (scripts > 0)
        fleet.warnings.push_back(
            fmt::format("{}: {} scripts of OpenDSS are left out, since they may be parts of each other; name them in a "
                        "list (.txt)",
                        path, scripts));
    return fleet;
}

Fleet read_region(std::string const& path) {
    Fleet fleet;
    core::Hdf5Reader const file{path};
    if (file.contains("/feeders/name")) {  // a region: ranges of rows (docs/native.md)
        auto const names = std::get<std::vector<std::string>>(file.column("/feeders/name").data);
        auto const begins = std::get<std::vector<std::int64_t>>(file.column("/feeders/first_buses").data);
        for (std::size_t i = 0; i < names.size() && begins.size() == names.size(); ++i)
            fleet.members.push_back(
                {names[i], path, fmt::format("{}/{}", feeders_group, names[i]),
                 static_cast<double>((i + 1 < begins.size() ? begins[i + 1] : file.rows("/buses/name")) - begins[i]),
                 static_cast<std::int64_t>(i)});
    }
    for (auto const& name : file.groups_in(feeders_group)) {
        auto const group = fmt::format("{}/{}", feeders_group, name);
        auto const buses = group + "/buses/name";
        fleet.members.push_back(
            {name, path, group, file.contains(buses) ? static_cast<double>(file.rows(buses)) : 0.0});
    }
    if (fleet.members.empty()) refuse(path, "has no feeder in its group /feeders", "write it again");
    return fleet;
}

}  // namespace

bool is_fleet(std::string const& path) {
    std::error_code none;
    if (fs::is_directory(path, none) || has_ending(path, ".txt")) return true;
    if (!has_ending(path, ".h5") || !fs::is_regular_file(path, none) || !core::is_hdf5(path)) return false;
    return !is_result(path) && core::Hdf5Reader{path}.contains(feeders_group);
}

Fleet read_fleet(std::string const& path) {
    if (fs::is_directory(path)) return read_folder(path);
    return has_ending(path, ".txt") ? read_list(path) : read_region(path);
}

}  // namespace dec::io
