#include "open_feeder.hpp"

#include <array>
#include <filesystem>
#include <utility>

#include "dec/core/output_file.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/io/fleet.hpp"
#include "dec/partition/prepare.hpp"
#include "usage.hpp"

namespace dec::app {

// Without `allow_extra_args(false)` the option would also take the arguments after it; with the largest
// number expected, the help would say that it does.
void add_names(CLI::App& command, std::string const& option, std::vector<std::string>& names, std::string const& what) {
    CLI::Validator const not_empty{
        [](std::string const& name) { return std::string{name.empty() ? "a name is missing" : ""}; }, ""};
    command.add_option(option, names, what)
        ->delimiter(',')
        ->expected(1, CLI::detail::expected_max_vector_size - 1)
        ->allow_extra_args(false)
        ->type_name("NAME,...")
        ->check(not_empty);
}

void add_read_options(CLI::App& command, io::ReadOptions& options) {
    static constexpr std::array<std::pair<std::string_view, feeder::EarthModel>, 3> models{
        {{"modified-carson", feeder::EarthModel::modified_carson},
         {"carson", feeder::EarthModel::carson},
         {"deri", feeder::EarthModel::deri}}};
    std::vector<std::string> words;
    for (auto const& [word, model] : models) words.emplace_back(word);
    auto& option = *command
                        .add_option_function<std::string>(
                            "--earth-model",
                            [&options](std::string const& chosen) {
                                for (auto const& [word, model] : models)
                                    if (word == chosen) options.earth.model = model;
                            },
                            "of lines described by their wires, where the file does not say it")
                        ->default_str(words.front());
    one_of(option, std::move(words));
    command
        .add_option("--endpoint-patience", options.endpoint_patience_s,
                    "how long a SPARQL endpoint may be silent, seconds")
        ->capture_default_str()
        ->type_name("S")
        ->check(positive_number());
}

void FeederOptions::add_to(CLI::App& command) {
    command
        .add_option("FEEDER", path,
                    "feeder to read: " + io::readable_formats() + ", or sparql+http://host:port/path?mrid=…")
        ->required();
    command.add_option("--load-scale", load_scale, "multiply every load")
        ->capture_default_str()
        ->type_name("X")
        ->check(number_from_zero());
    command.add_option("--pv-scale", pv_scale, "multiply the power every PV system has available")
        ->capture_default_str()
        ->type_name("X")
        ->check(number_from_zero());
    one_of(*command
                .add_option(
                    "--taps", taps,
                    "regulators at the file's steps, all at neutral, or where they and switched capacitors come to "
                    "rest at these loads without PV")
                ->capture_default_str(),
           {"file", "neutral", "settle"});
    add_names(command, "--open", open, "switches to open");
    add_names(command, "--close", close, "switches to close");
    add_read_options(command, reading);
}

std::optional<feeder::Feeder> read_on_root(Context& context, FeederOptions const& options) {
    std::optional<feeder::Feeder> feeder;
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        if (options.reading.group.empty() && io::is_fleet(options.path))
            throw core::InvalidInput{core::Finding{
                options.path,
                {},
                std::filesystem::is_directory(options.path) ? "is a folder, not a feeder" : "is a fleet, not a feeder",
                "name one feeder; dec solve and dec inspect take a fleet, and a folder of tables becomes a feeder with "
                "dec populate"}};
        auto read = io::read_feeder(options.path, options.reading);
        for (auto const& warning : read.report.warnings()) context.log.warning(warning);
        feeder = std::move(read.feeder);
        feeder::set_switches(*feeder, options.open, options.close);
        if (options.taps == "neutral") feeder::set_taps_neutral(*feeder);
        feeder::scale(*feeder, options.load_scale, options.pv_scale);
    });
    return feeder;
}

void require_writable_feeder(core::Communicator const& comm, std::string const& path) {
    io::require_writable_ending(path);
    core::require_writable(comm, path);
}

partition::Piece hand_out(Context& context, std::optional<feeder::Feeder> feeder, partition::Grain grain,
                          feeder::Loops loops) {
    std::optional<partition::Whole> whole;
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        feeder::Notes notes;
        whole = partition::prepare(std::move(*feeder), grain, context.comm.size(), loops, notes);
        for (auto const& warning : notes.warnings) context.log.warning(warning);
    });
    return partition::distribute(context.comm, whole);
}

partition::Piece whole_on_one_rank(feeder::Feeder feeder) {
    feeder::Notes notes;
    std::optional<partition::Whole> whole{std::in_place};
    whole->feeder = std::move(feeder);
    whole->tree = feeder::validate(whole->feeder, notes);
    whole->agents = partition::find_agents(whole->feeder, whole->tree);
    whole->partition = partition::split(whole->feeder, whole->tree, whole->agents, partition::Grain::secondary, 1);
    return partition::distribute(core::Communicator{MPI_COMM_SELF}, whole);
}

}  // namespace dec::app
