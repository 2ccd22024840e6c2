#include "open_feeder.hpp"

#include "dec/feeder/areas.hpp"

namespace dec::app {

void FeederOptions::add_to(CLI::App& command) {
    command.add_option("FEEDER", path, "feeder to read: " + io::readable_formats())->required();
    command.add_option("--load-scale", load_scale, "multiply every load")->capture_default_str()->check(CLI::NonNegativeNumber);
    command.add_option("--pv-scale", pv_scale, "multiply the power every PV system has available")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    command.add_option("--taps", taps, "regulators at the file's steps, or all at neutral")
        ->capture_default_str()
        ->check(CLI::IsMember({"file", "neutral"}));
    command.add_option("--open", open, "switches to open, NAME,…")->delimiter(',');
    command.add_option("--close", close, "switches to close, NAME,…")->delimiter(',');
}

std::optional<feeder::Feeder> read_on_root(Context& context, FeederOptions const& options) {
    std::optional<feeder::Feeder> feeder;
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        auto read = io::read_feeder(options.path);
        for (auto const& warning : read.report.warnings()) context.log.warning(warning);
        feeder = std::move(read.feeder);
        feeder::set_switches(*feeder, options.open, options.close);
        if (options.taps == "neutral") feeder::set_taps_neutral(*feeder);
        feeder::scale(*feeder, options.load_scale, options.pv_scale);
    });
    return feeder;
}

partition::Piece hand_out(Context& context, std::optional<feeder::Feeder> feeder) {
    std::optional<partition::Whole> whole;
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        feeder::Notes notes;
        whole.emplace();
        whole->feeder = std::move(*feeder);
        whole->tree = feeder::validate(whole->feeder, notes);
        for (auto const& warning : notes.warnings) context.log.warning(warning);
        feeder::derive_areas(whole->feeder);
        whole->agents = partition::find_agents(whole->feeder);
        whole->partition = partition::split(whole->feeder, whole->tree, whole->agents, context.comm.size());
    });
    return partition::distribute(context.comm, whole);
}

}  // namespace dec::app
