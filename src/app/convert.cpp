/// \file convert.cpp
/// `dec convert IN OUT`: the same feeder in another format.
///
///   dec convert inputs/ieee123_secondary.xml feeder.xml.gz
#include <fmt/format.h>

#include <memory>

#include "dec/io/catalogue.hpp"
#include "open_feeder.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

Run add_convert(CLI::App& dec) {
    struct Options {
        std::string in, out;
        io::ReadOptions reading;
        Talk talk;
    };
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("convert", "the same feeder in another format");
    command.add_option("IN", options->in, "feeder to read: " + io::readable_formats())->required();
    command.add_option("OUT", options->out, "feeder to write: " + io::writable_formats())->required();
    add_read_options(command, options->reading);
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        require_different_files(context.comm, {{"IN", options->in}, {"OUT", options->out}});
        require_writable_feeder(context.comm, options->out);
        auto const feeder = read_on_root(context, {.path = options->in, .reading = options->reading});
        stop_if_asked(context.comm, "reading");
        core::together(context.comm, [&] {
            if (!feeder) return;
            io::write_feeder(*feeder, options->out);
            context.log.info(
                fmt::format("{}: {} buses written to {}", feeder->heading.name, feeder->buses.size(), options->out));
        });
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
