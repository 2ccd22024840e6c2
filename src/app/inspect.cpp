/// \file inspect.cpp
/// `dec inspect FILE`: what is in a feeder or a results file.
///
///   dec inspect inputs/ieee123_secondary.xml --report
///   dec inspect results.h5
///   dec inspect feeders.txt
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "dec/core/text.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/feeder/tree.hpp"
#include "dec/io/fleet.hpp"
#include "dec/io/sparql.hpp"
#include "dec/partition/agents.hpp"
#include "dec/results/diff.hpp"
#include "open_feeder.hpp"

namespace dec::app {

namespace {

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string voltage_levels(feeder::Feeder const& feeder) {
    std::map<double, std::size_t, std::greater<>> buses;
    std::size_t split_phase = 0;
    for (auto const& bus : feeder.buses.rows()) {
        if (bus.phases.has_legs()) ++split_phase;
        else ++buses[std::round(bus.base_v * std::sqrt(3.0) * 10.0) / 10.0];
    }
    std::string text;
    auto const add = [&](std::string const& level, std::size_t count) {
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", level, counted(count, "bus", "buses"));
    };
    for (auto const& [volts, count] : buses) add(fmt::format("{:g} kV", volts / 1000.0), count);
    if (split_phase > 0) add("split phase", split_phase);
    return text;
}

void print_feeder(feeder::Feeder const& feeder) {
    auto const sum = totals(feeder);
    auto const line = [](std::string_view label, std::string const& text) {
        fmt::print("{:<22}{}\n", label, core::printable(text));
    };
    line("feeder", fmt::format("{} ({})", feeder.heading.name, feeder.heading.mrid));
    line("substation",
         fmt::format("{}, {}, {}", feeder.heading.substation, feeder.heading.subregion, feeder.heading.region));
    line("buses", fmt::format("{}, {} nodes", feeder.buses.size(), sum.nodes));
    line("voltages line to line", voltage_levels(feeder));
    double metres = 0.0;
    for (auto const& row : feeder.lines.rows()) metres += row.length_m;
    line("lines",
         fmt::format("{}, {:.2f} km, {} line codes", feeder.lines.size(), metres / 1000.0, feeder.line_codes.size()));
    std::size_t open = 0;
    for (auto const& row : feeder.switches.rows()) open += row.closed.empty() ? 1 : 0;
    line("switches", fmt::format("{}, {} open", feeder.switches.size(), open));
    line("transformers", fmt::format("{} in {}, {}", counted(feeder.transformers.size(), "unit", "units"),
                                     counted(feeder.banks.size(), "bank", "banks"),
                                     counted(feeder.tap_changers.size(), "tap changer", "tap changers")));
    line("series compensators", fmt::format("{}", feeder.series_compensators.size()));
    line("loads", fmt::format("{}, {:.3f} kW, {:.3f} kvar", feeder.loads.size(), sum.load_w / 1e3, sum.load_var / 1e3));
    line("capacitors", fmt::format("{}, {:.3f} kvar", feeder.capacitors.size(), sum.capacitor_var / 1e3));
    line("PV systems", fmt::format("{}, {:.3f} kW", feeder.pv_systems.size(), sum.pv_w / 1e3));
    line("batteries", fmt::format("{}, {:.3f} kW", feeder.batteries.size(), sum.battery_w / 1e3));
    line("machines", fmt::format("{}, {:.3f} kW", feeder.machines.size(), sum.machine_w / 1e3));
    line("measurements", fmt::format("{}", feeder.measurements.size()));
}

void print_agents(feeder::Feeder feeder, feeder::Tree const& tree) {
    feeder::derive_areas(feeder);
    auto const agents = partition::find_agents(feeder, tree);
    std::map<feeder::Area::Kind, std::size_t> count;
    for (auto const& agent : agents.agents.rows()) ++count[agent.kind];
    fmt::print("{:<22}{}: 1 feeder, {} between switches, {}\n", "agents", agents.agents.size(),
               counted(count[feeder::Area::Kind::switch_delimited], "area", "areas"),
               counted(count[feeder::Area::Kind::secondary], "secondary", "secondaries"));
}

/// What a fleet consists of; none of its feeders is read.
void print_fleet(core::Log const& log, std::string const& path) {
    auto const fleet = io::read_fleet(path);
    for (auto const& warning : fleet.warnings) log.warning(warning);
    double buses = 0.0;
    for (auto const& member : fleet.members) buses += member.buses;
    fmt::print("fleet                 {}: {}, about {:.0f} buses\n\n  {:<40} {:>10}  {}\n", core::printable(path),
               counted(fleet.members.size(), "feeder", "feeders"), buses, "feeder", "buses", "file");
    for (auto const& member : fleet.members)
        fmt::print("  {:<40} {:>10.0f}  {}\n", core::printable(member.name), member.buses,
                   core::printable(member.path + member.group));
}

void print_feeders(std::vector<io::ListedFeeder> const& feeders) {
    constexpr std::string_view heading = "mRID", name = "name", substation = "substation";
    auto width_mrid = heading.size(), width_name = name.size();
    for (auto const& feeder : feeders) {
        width_mrid = std::max(width_mrid, feeder.mrid.size());
        width_name = std::max(width_name, feeder.name.size());
    }
    auto const line = [&](std::string_view first, std::string_view second, std::string_view third) {
        fmt::print("{:<{}}  {:<{}}  {}\n", core::printable(first), width_mrid, core::printable(second), width_name,
                   core::printable(third));
    };
    line(heading, name, substation);
    for (auto const& feeder : feeders) line(feeder.mrid, feeder.name, feeder.substation);
}

}  // namespace

Run add_inspect(CLI::App& dec) {
    struct Options {
        std::string path;
        bool report = false;
        io::ReadOptions reading;
        Talk talk;
    };
    auto const options = std::make_shared<Options>();
    auto& command = *dec.add_subcommand("inspect", "what is in a feeder or a results file");
    command
        .add_option(
            "FILE", options->path,
            "feeder (" + io::readable_formats() +
                ", sparql+http://host:port/path?mrid=…), results file (.h5), or endpoint: which feeders it holds")
        ->required();
    command.add_flag("--report", options->report,
                     "what was read, assumed, ignored and unknown, per class and attribute");
    add_read_options(command, options->reading);
    options->talk.add_to(command);
    return [options](Context& context) {
        context.log = options->talk.log(context.comm);
        context.writes = false;
        core::together(context.comm, [&] {
            if (!context.comm.is_root()) return;
            if (io::is_endpoint(options->path) && !io::names_feeder(options->path))
                return print_feeders(io::list_feeders(options->path, options->reading));
            if (!io::is_endpoint(options->path) && results::is_results_file(options->path)) {
                if (options->report) context.log.warning("--report is about feeders; this is a results file");
                fmt::print("{}", results::describe_file(options->path));
                return;
            }
            if (io::is_fleet(options->path)) {
                print_fleet(context.log, options->path);
                return;
            }
            auto const read = io::read_feeder(options->path, options->reading);
            print_feeder(read.feeder);
            feeder::Notes notes;
            auto const tree = feeder::validate(read.feeder, notes);
            print_agents(read.feeder, tree);
            auto const dark = std::ranges::count(tree.vertex_of_bus, -1);
            fmt::print("{:<22}radial, {}\n", "tree",
                       dark == 0 ? "all buses energised" : fmt::format("{} buses not energised", dark));
            for (auto const& warning : notes.warnings) context.log.warning(warning);
            if (options->report) fmt::print("\n{}", read.report.to_table());
            else
                for (auto const& warning : read.report.warnings()) context.log.warning(warning);
        });
        return core::ExitCode::solved;
    };
}

}  // namespace dec::app
