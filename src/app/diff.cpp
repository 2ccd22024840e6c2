/// \file diff.cpp
/// `dec diff A B`: do two results files, or two feeders, say the same? Exit code 0 if they do, 1 if they differ.
///
///   dec diff one_rank.h5 four_ranks.h5
///   dec diff feeder.xml feeder.xml.gz
#include "dec/results/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "dec/core/text.hpp"
#include "dec/io/catalogue.hpp"
#include "dec/io/sparql.hpp"
#include "open_feeder.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

std::vector<std::string> compare(std::string const& a, std::string const& b, double tolerance,
                                 io::ReadOptions const& reading) {
    auto const is_results = [](std::string const& path) {
        return !io::is_endpoint(path) && results::is_results_file(path);
    };
    bool const results_a = is_results(a), results_b = is_results(b);
    if (results_a != results_b)
        throw core::InvalidInput{core::Finding{
            results_a ? b : a, {}, "is not a results file, but the other one is", "compare two of a kind"}};
    return results_a
               ? results::differences(a, b, tolerance)
               : feeder::differences(io::read_feeder(a, reading).feeder, io::read_feeder(b, reading).feeder, tolerance);
}

/// Two unrelated files differ in everything, which nobody reads line by line.
void print(std::vector<std::string> const& lines, bool all) {
    constexpr std::size_t most = 100;
    auto const shown = all ? lines.size() : std::min(most, lines.size());
    for (std::size_t i = 0; i < shown; ++i) fmt::print("{}\n", core::printable(lines[i]));
    if (shown < lines.size()) fmt::print("and {} more differences; --verbose lists all\n", lines.size() - shown);
}

}  // namespace

Run add_diff(CLI::App& dec) {
    struct Options {
        std::string a, b;
        double tolerance = 1e-9;
        io::ReadOptions reading;
        Talk talk;
    };
    auto const options = std::make_shared<Options>();
    auto& command =
        *dec.add_subcommand("diff", "two results or two feeders: what differs (exit code 1 if anything does)");
    command.add_option("A", options->a, "results file or feeder")->required();
    command.add_option("B", options->b, "results file or feeder")->required();
    command
        .add_option("--tolerance", options->tolerance,
                    "largest difference of two numbers, relative to max(1, |number|)")
        ->capture_default_str()
        ->type_name("X")
        ->check(number_from_zero());
    add_read_options(command, options->reading);
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        context.writes = false;
        std::int64_t differ = 0;
        core::together(context.comm, [&] {
            if (!context.comm.is_root()) return;
            auto const lines = compare(options->a, options->b, options->tolerance, options->reading);
            print(lines, options->talk.verbose);
            if (lines.empty()) context.log.info("no differences");
            differ = lines.empty() ? 0 : 1;
        });
        return context.comm.max(differ) == 0 ? core::ExitCode::solved : core::ExitCode{1};
    };
}

}  // namespace dec::app
