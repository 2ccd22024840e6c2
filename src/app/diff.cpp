/// \file diff.cpp
/// `dec diff A B`: do two results files, or two feeders, say the same? Exit code 0 if they do, 1 if they differ.
///
///   dec diff one_rank.h5 four_ranks.h5
///   dec diff feeder.xml feeder.xml.gz
#include <fmt/format.h>

#include <memory>

#include "dec/io/catalogue.hpp"
#include "dec/results/diff.hpp"
#include "open_feeder.hpp"

namespace dec::app {

Run add_diff(CLI::App& dec) {
    struct Options {
        std::string a, b;
        double tolerance = 1e-9;
        Talk talk;
    };
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("diff", "two results or two feeders: what differs (exit code 1 if anything does)");
    command.add_option("A", options->a, "results file or feeder")->required();
    command.add_option("B", options->b, "results file or feeder")->required();
    command.add_option("--tolerance", options->tolerance, "largest difference of two numbers, relative to max(1, |number|)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        std::int64_t differ = 0;
        core::together(context.comm, [&] {
            if (!context.comm.is_root()) return;
            bool const results = results::is_results_file(options->a) && results::is_results_file(options->b);
            auto const lines = results ? results::differences(options->a, options->b, options->tolerance)
                                       : feeder::differences(io::read_feeder(options->a).feeder, io::read_feeder(options->b).feeder,
                                                             options->tolerance);
            for (auto const& line : lines) fmt::print("{}\n", line);
            if (lines.empty()) context.log.info("no differences");
            differ = lines.empty() ? 0 : 1;
        });
        return context.comm.max(differ) == 0 ? core::ExitCode::solved : core::ExitCode{1};
    };
}

}  // namespace dec::app
