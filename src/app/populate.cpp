/// \file populate.cpp
/// `dec populate IN OUT`: secondaries, houses and PV for a feeder that has none; or a feeder from a folder of tables.
///
///   dec populate inputs/ieee123 feeder.xml
///   dec populate feeder.xml populated.xml --pv-penetration 0.8 --target-vmax 1.08 --seed 7
#include "dec/synthesis/populate.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "answerable.hpp"
#include "dec/feeder/tree.hpp"
#include "open_feeder.hpp"
#include "pv_target.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct PopulateOptions {
    std::string in, out;
    std::optional<std::uint64_t> seed;
    std::optional<double> pv_penetration, load_scale, target_vmax;
    io::ReadOptions reading;
    Talk talk;
};

/// The feeder to start from and what is asked: the tables' own settings, over which the command line wins.
std::pair<feeder::Feeder, synthesis::PopulateOptions> read_input(Context& context, PopulateOptions const& options) {
    std::pair<feeder::Feeder, synthesis::PopulateOptions> input;
    auto& [feeder, asked] = input;
    if (std::filesystem::is_directory(options.in)) {
        feeder = synthesis::read_tables(options.in);
        asked = synthesis::read_settings(options.in);
    } else {
        auto read = io::read_feeder(options.in, options.reading);
        for (auto const& warning : read.report.warnings()) context.log.warning(warning);
        feeder = std::move(read.feeder);
    }
    if (options.seed) asked.seed = *options.seed;
    if (options.pv_penetration) asked.pv_penetration = options.pv_penetration;
    if (options.load_scale) asked.load_scale = *options.load_scale;
    return input;
}

feeder::Feeder populate(Context& context, PopulateOptions const& options) {
    auto [feeder, asked] = read_input(context, options);
    feeder::Notes notes;
    static_cast<void>(feeder::validate(feeder, notes));
    for (auto const& warning : notes.warnings) context.log.warning(warning);
    auto const added = synthesis::populate(feeder, asked);
    if (options.target_vmax)
        scale_pv_from(feeder, added.first_pv, pv_factor_for(feeder, added.first_pv, *options.target_vmax));
    context.log.info(fmt::format(
        "{}: {} service transformers, {} houses, {} rooftop PV systems added, {} utility PV systems; {:.0f} kW of PV "
        "in all",
        feeder.heading.name, added.service_transformers, added.houses, added.rooftop_pv, added.utility_pv,
        totals(feeder).pv_w / 1e3));
    if (auto const way = options_with_an_answer(feeder); !way)
        context.log.warning("dec solve has no answer for it as it stands (exit code 3); try other loads or less PV");
    else if (!way->empty())
        context.log.warning(
            fmt::format("dec solve has no answer for it as it stands (exit code 3); it has one with {}", *way));
    return feeder;
}

}  // namespace

Run add_populate(CLI::App& dec) {
    auto const options = std::make_shared<PopulateOptions>();
    auto& command = *dec.add_subcommand("populate", "add secondaries, houses and PV to a feeder");
    command
        .add_option("IN", options->in,
                    "feeder to read (" + io::readable_formats() + "), or a folder of tables such as inputs/ieee123")
        ->required();
    command.add_option("OUT", options->out, "feeder to write: " + io::writable_formats())->required();
    command.add_option("--seed", options->seed, "of everything drawn; default: the tables' settings, else 1")
        ->type_name("N")
        ->check(whole_number_from(0));
    command
        .add_option("--pv-penetration", options->pv_penetration,
                    "share of customers that get PV; default: the tables' settings, else 0.6")
        ->type_name("X")
        ->check(fraction());
    command
        .add_option("--load-scale", options->load_scale,
                    "multiply every load in the file written; default: the tables' settings, else 1")
        ->type_name("X")
        ->check(number_from_zero());
    command
        .add_option("--target-vmax", options->target_vmax,
                    "scale the added PV so that the highest voltage of the linear model is this, pu")
        ->type_name("PU")
        ->check(positive_number());
    add_read_options(command, options->reading);
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        require_different_files(context.comm, {{"IN", options->in}, {"OUT", options->out}});
        require_writable_feeder(context.comm, options->out);
        std::optional<feeder::Feeder> feeder;
        core::together(context.comm, [&] {
            if (context.comm.is_root()) feeder = populate(context, *options);
        });
        stop_if_asked(context.comm, "populating");
        core::together(context.comm, [&] {
            if (!feeder) return;
            io::write_feeder(*feeder, options->out);
            context.log.info("written to " + options->out);
        });
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
