/// \file convert.cpp
/// `dec convert IN OUT`: the same feeder in another format.
///
///   dec convert inputs/ieee123_secondary.xml feeder.xml.gz
#include <fmt/format.h>

#include <memory>

#include "dec/io/catalogue.hpp"
#include "open_feeder.hpp"

namespace dec::app {

Run add_convert(CLI::App& dec) {
    struct Options {
        std::string in, out;
        Talk talk;
    };
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("convert", "the same feeder in another format");
    command.add_option("IN", options->in, "feeder to read: " + io::readable_formats())->required();
    command.add_option("OUT", options->out, "feeder to write: " + io::readable_formats())->required();
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        core::together(context.comm, [&] {
            if (!context.comm.is_root()) return;
            auto const read = io::read_feeder(options->in);
            for (auto const& warning : read.report.warnings()) context.log.warning(warning);
            io::write_feeder(read.feeder, options->out);
            context.log.info(fmt::format("{}: {} buses to {}", read.feeder.heading.name, read.feeder.buses.size(), options->out));
        });
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
