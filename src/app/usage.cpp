#include "usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

namespace dec::app {

namespace {

/// \param wanted continues "… is not".
CLI::Validator number(std::string wanted, std::function<bool(double)> fits) {
    auto const check = [wanted = std::move(wanted), fits = std::move(fits)](std::string const& text) {
        double value = 0.0;
        bool const fine = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && fits(value);
        return fine ? std::string{} : fmt::format("{} is not {}", text, wanted);
    };
    return {check, ""};
}

/// An option nobody knows takes its value for an argument, so the first unknown option is what is wrong.
core::Finding about_extras(CLI::App const& dec, std::string const& command) {
    auto const extras = dec.remaining(true);
    for (auto const& text : extras)
        if (text.starts_with("-") && text != "--")
            return {{}, text, "there is no such option", "see " + command + " --help"};
    return {{}, extras.empty() ? "" : extras.front(), "is one argument too many", "see " + command + " --help"};
}

core::Finding about_no_command(CLI::App const& dec) {
    std::string names;
    for (auto const* command : dec.get_subcommands([](CLI::App const*) { return true; }))
        names += (names.empty() ? "" : ", ") + command->get_name();
    auto const extras = dec.remaining();
    return extras.empty()
               ? core::Finding{{}, "dec", "no command given", "give one of " + names + "; see dec --help"}
               : core::Finding{
                     {}, extras.front(), "there is no such command", "give one of " + names + "; see dec --help"};
}

}  // namespace

CLI::Validator any_number() {
    return number("a number", [](double) { return true; });
}
CLI::Validator number_from_zero() {
    return number("a number of at least 0", [](double x) { return x >= 0.0; });
}
CLI::Validator positive_number() {
    return number("a number above 0", [](double x) { return x > 0.0; });
}
CLI::Validator fraction() {
    return number("a number from 0 to 1", [](double x) { return x >= 0.0 && x <= 1.0; });
}
CLI::Validator hour_of_day() {
    return number("an hour from 0 to below 24", [](double x) { return x >= 0.0 && x < 24.0; });
}
CLI::Validator whole_number_from(double least) {
    constexpr double most = 9007199254740992.0;  // 2^53
    return number(fmt::format("a whole number of at least {}", least),
                  [least](double x) { return x >= least && x <= most && x == std::floor(x); });
}

void one_of(CLI::Option& option, std::vector<std::string> words) {
    option.type_name(fmt::format("{}", fmt::join(words, "|")));
    option.check(CLI::Validator{[words = std::move(words)](std::string const& text) {
                                    bool const known = std::ranges::find(words, text) != words.end();
                                    if (known) return std::string{};
                                    if (words.size() == 1)
                                        return fmt::format("{} is not available; the only value is \"{}\"", text,
                                                           words.front());
                                    return fmt::format("{} is not {}", text, fmt::join(words, " or "));
                                },
                                ""});
}

core::InvalidInput misuse(CLI::App const& dec, CLI::ParseError const& stop) {
    auto const chosen = dec.get_subcommands();
    if (chosen.empty()) return core::InvalidInput{about_no_command(dec)};
    auto const command = "dec " + chosen.front()->get_name();
    if (dynamic_cast<CLI::ExtrasError const*>(&stop) != nullptr) return core::InvalidInput{about_extras(dec, command)};
    // The value of an unknown option may have been taken for the argument, and the argument be missing for it.
    if (dynamic_cast<CLI::RequiredError const*>(&stop) != nullptr && !dec.remaining(true).empty())
        return core::InvalidInput{about_extras(dec, command)};
    std::string const text = stop.what();
    auto const option = text.substr(0, text.find_first_of(": "));
    if (dynamic_cast<CLI::FileError const*>(&stop) != nullptr)
        return core::InvalidInput{
            {dec.get_config_ptr()->as<std::string>(), {}, "cannot be read", "check the name after --config"}};
    if (dynamic_cast<CLI::ArgumentMismatch const*>(&stop) != nullptr)
        return core::InvalidInput{
            {{},
             option,
             text.find("At Most") == std::string::npos ? "needs a value" : "is given more than once",
             "see " + command + " --help"}};
    return core::InvalidInput{{{}, {}, text, "see " + command + " --help"}};
}

void require_different_files(core::Communicator const& comm, std::initializer_list<NamedFile> files) {
    namespace fs = std::filesystem;
    auto const same = [](std::string const& a, std::string const& b) {
        std::error_code error;
        return fs::equivalent(a, b, error) || fs::weakly_canonical(a, error) == fs::weakly_canonical(b, error);
    };
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        for (auto a = files.begin(); a != files.end(); ++a)
            for (auto b = files.begin(); b != a; ++b)
                if (!a->path.empty() && !b->path.empty() && same(a->path, b->path))
                    throw core::InvalidInput{{a->path,
                                              {},
                                              fmt::format("{} and {} name the same file", b->option, a->option),
                                              "give each a name of its own"}};
    });
}

}  // namespace dec::app
