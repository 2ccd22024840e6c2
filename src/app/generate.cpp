/// \file generate.cpp
/// `dec generate OUT`: a synthetic feeder of a given size.
///
///   dec generate small.h5 --buses 2000 --seed 7
///   dec generate sunny.h5 --buses 3000 --pv-penetration 0.5 --target-vmax 1.07
#include "dec/synthesis/generate.hpp"

#include <fmt/format.h>

#include <limits>
#include <memory>

#include "open_feeder.hpp"
#include "pv_target.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

struct Options {
    synthesis::GenerateOptions what;
    std::string out;
    std::optional<double> target_vmax;
    Talk talk;
};

/// Feeders of a region meet only in the source, so each is looked at alone and the one that comes highest decides.
double pv_scale_for(synthesis::GenerateOptions const& what, double target_pu) {
    if (what.pv_penetration == 0.0)
        throw core::InvalidInput{
            core::Finding{{}, "--target-vmax", "there is no PV to scale", "ask for a larger --pv-penetration"}};
    double scale = std::numeric_limits<double>::infinity();
    for (std::int64_t number = 0; number < synthesis::generated_feeders(what); ++number) {
        auto const feeder = synthesis::generate_one(what, number);
        if (feeder.pv_systems.empty()) continue;
        scale = std::min(scale, pv_factor_for(feeder, core::Index<feeder::PvSystem>{0}, target_pu));
        if (signal_received() != 0) break;
    }
    return scale;
}

feeder::Feeder generate(Options const& options) {
    auto what = options.what;
    if (options.target_vmax) what.pv_scale = pv_scale_for(what, *options.target_vmax);
    return synthesis::generate(what);
}

}  // namespace

Run add_generate(CLI::App& dec) {
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("generate", "a synthetic feeder of a given size");
    command.add_option("OUT", options->out, "feeder to write: " + io::writable_formats())->required();
    command.add_option("--buses", options->what.buses, "number of buses")
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number_from(static_cast<double>(synthesis::least_generated_buses)));
    command.add_option("--seed", options->what.seed, "of everything drawn")
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number_from(0));
    command.add_option("--pv-penetration", options->what.pv_penetration, "share of houses that have PV")
        ->capture_default_str()
        ->type_name("X")
        ->check(fraction());
    command
        .add_option("--target-vmax", options->target_vmax,
                    "scale the PV so that the highest voltage of the linear model is about this, pu")
        ->type_name("PU")
        ->check(positive_number());
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        require_writable_feeder(context.comm, options->out);
        std::optional<feeder::Feeder> feeder;
        core::together(context.comm, [&] {
            if (context.comm.is_root()) feeder = generate(*options);
        });
        stop_if_asked(context.comm, "generating");
        core::together(context.comm, [&] {
            if (!feeder) return;
            io::write_feeder(*feeder, options->out);
            auto const sum = totals(*feeder);
            context.log.info(fmt::format(
                "{}: {} buses, {} nodes, {} loads of {:.1f} MW, {} PV systems of {:.1f} MW, {} "
                "areas written to {}",
                feeder->heading.name, feeder->buses.size(), sum.nodes, feeder->loads.size(), sum.load_w / 1e6,
                feeder->pv_systems.size(), sum.pv_w / 1e6, feeder->areas.size(), options->out));
        });
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
