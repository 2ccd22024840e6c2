/// \file generate.cpp
/// `dec generate OUT`: synthetic feeders of a given size, one network or a region of several substations.
///
///   dec generate small.h5 --buses 2000 --seed 7
///   dec generate sunny.h5 --buses 3000 --pv-penetration 0.5 --target-vmax 1.07
///   mpirun --oversubscribe -n 2 dec generate region.h5 --buses 30000 --substations 3
#include "dec/synthesis/generate.hpp"

#include <fmt/format.h>

#include <memory>
#include <numeric>

#include "dec/io/native.hpp"
#include "generated_pv.hpp"
#include "open_feeder.hpp"
#include "signals.hpp"
#include "usage.hpp"

namespace dec::app {

namespace {

using synthesis::Generator;

struct Options {
    synthesis::GenerateOptions what;
    std::string out;
    std::optional<double> target_vmax;
    Talk talk;
};

/// What was made, for the last line.
struct Sum {
    feeder::RowCounts rows{};
    feeder::Totals totals;

    void add(feeder::Feeder const& part) {
        auto const counts = feeder::row_counts(part);
        for (std::size_t table = 0; table < rows.size(); ++table) rows[table] += counts[table];
        auto const more = feeder::totals(part);
        totals.nodes += more.nodes;
        totals.load_w += more.load_w;
        totals.pv_w += more.pv_w;
    }
    template <class Row>
    [[nodiscard]] std::int64_t of() const {
        return rows[feeder::place_of_table<Row>()];
    }
    [[nodiscard]] std::string text(core::Communicator const& comm) const {
        auto const all = [&](std::int64_t mine) { return comm.sum(mine); };
        auto const buses = all(of<feeder::Bus>()), nodes = all(static_cast<std::int64_t>(totals.nodes)),
                   loads = all(of<feeder::Load>()), pv = all(of<feeder::PvSystem>()), areas = all(of<feeder::Area>());
        double const load_w = comm.sum(totals.load_w), pv_w = comm.sum(totals.pv_w);
        return fmt::format("{} buses, {} nodes, {} loads of {:.1f} MW, {} PV systems of {:.1f} MW, {} areas", buses,
                           nodes, loads, load_w / 1e6, pv, pv_w / 1e6, areas);
    }
};

/// Writes a native file, every rank its own consecutive feeders, holding no more than a few of them at a time. Collective.
Sum write_in_parts(core::Communicator const& comm, Generator const& generator, std::string const& path) {
    constexpr std::int64_t rows_at_once = 50'000;  // buses
    auto const own = own_feeders(comm, generator);
    auto const none = synthesis::GrownBefore{};

    // 1. How many rows there are. Names of areas hold a number that is not known yet: as if it were the largest.
    synthesis::GrownBefore mine;
    io::NativeExtent extent;
    Sum sum;
    core::together(comm, [&] {
        synthesis::GrownBefore last;
        last.switch_areas = generator.is_region() ? 0 : generator.options().buses;
        for (auto number = own.first; number < own.last && signal_received() == 0; ++number) {
            feeder::Feeder part;
            mine.add(generator.grow(number, last, part));
            extent.add(part);
            sum.add(part);
        }
    });
    stop_if_asked(comm, "generating");

    // 2. Where this rank's begin; then again, to the file.
    io::NativeWriter writer{comm, path, extent};
    synthesis::GrownBefore before{writer.first(), 0};
    std::vector<double> const areas = comm.all_gather(std::array{static_cast<double>(mine.switch_areas)});
    before.switch_areas = std::llround(std::accumulate(areas.begin(), areas.begin() + comm.rank(), 0.0));
    std::vector<feeder::Heading> headings;
    std::vector<feeder::RowCounts> first;
    core::together(comm, [&] {
        feeder::Feeder part;
        for (auto number = own.first; number < own.last && signal_received() == 0; ++number) {
            if (generator.is_region()) {
                headings.push_back(generator.heading(number));
                first.push_back(before.rows);
            }
            before.add(generator.grow(number, generator.is_region() ? none : before, part));
            if (static_cast<std::int64_t>(part.buses.size()) < rows_at_once && number + 1 < own.last) continue;
            writer.append(part);
            part = {};
        }
    });
    stop_if_asked(comm, "generating");
    if (generator.is_region()) writer.feeders(generator.heading(), headings, first, io::NativeOrder::depth_first);
    else writer.heading(generator.heading(), io::NativeOrder::depth_first);
    writer.commit();
    return sum;
}

/// Other formats are written from a whole feeder, by one rank.
Sum write_whole(core::Communicator const& comm, Generator const& generator, std::string const& path) {
    Sum sum;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        auto const feeder = synthesis::generate(generator.options());
        io::write_feeder(feeder, path);
        sum.add(feeder);
    });
    return sum;
}

}  // namespace

Run add_generate(CLI::App& dec) {
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("generate", "synthetic feeders of a given size");
    command.add_option("OUT", options->out, "feeder to write: " + io::writable_formats())->required();
    command.add_option("--buses", options->what.buses, "number of buses")
        ->capture_default_str()
        ->type_name("N")
        ->check(whole_number_from(static_cast<double>(synthesis::least_generated_buses)));
    command.add_option("--feeders", options->what.feeders, "number of feeders; default: one per 6000 buses")
        ->type_name("N")
        ->check(whole_number_from(1));
    command
        .add_option("--substations", options->what.substations,
                    "a region: so many substations, each feeder a network of its own; default: one network on one bus")
        ->type_name("N")
        ->check(whole_number_from(1));
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
                    "scale the PV so that this is the highest voltage of the AC power flow at full sun, pu")
        ->type_name("PU")
        ->check(positive_number());
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        require_writable_feeder(context.comm, options->out);
        auto const& comm = context.comm;
        auto what = options->what;
        if (options->target_vmax) what.pv_scale = pv_scale_for(comm, Generator{what}, *options->target_vmax);
        Generator const generator{what};
        bool const native = io::is_native_name(options->out);
        if (generator.is_region() && !native)
            throw core::InvalidInput{core::Finding{options->out, "--substations",
                                                   "a region is written as a native file only", "give a name in .h5"}};
        auto const sum =
            native ? write_in_parts(comm, generator, options->out) : write_whole(comm, generator, options->out);
        auto const text = sum.text(comm);
        context.log.info(fmt::format("{}: {}{} written to {}", generator.heading().name,
                                     generator.is_region() ? fmt::format("{} feeders, ", generator.feeders()) : "",
                                     text, options->out));
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
