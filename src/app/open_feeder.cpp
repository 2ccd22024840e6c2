#include "open_feeder.hpp"

#include <array>
#include <filesystem>
#include <utility>

#include "dec/core/output_file.hpp"
#include "dec/feeder/areas.hpp"
#include "dec/io/native.hpp"
#include "dec/partition/names.hpp"
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
}

void FeederOptions::add_to(CLI::App& command) {
    command.add_option("FEEDER", path, "feeder to read: " + io::readable_formats())->required();
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

namespace {

/// On the root. What was assumed or left out is logged.
feeder::Feeder read_with_switches(Context& context, FeederOptions const& options, io::ReadFeeder read) {
    for (auto const& warning : read.report.warnings()) context.log.warning(warning);
    feeder::set_switches(read.feeder, options.open, options.close);
    if (options.taps == "neutral") feeder::set_taps_neutral(read.feeder);
    return std::move(read.feeder);
}

feeder::Feeder read_whole(Context& context, FeederOptions const& options) {
    if (std::filesystem::is_directory(options.path))
        throw core::InvalidInput{core::Finding{options.path,
                                               {},
                                               "is a folder, not a feeder",
                                               "name a file; a folder of tables becomes one with dec populate"}};
    auto feeder = read_with_switches(context, options, io::read_feeder(options.path, options.reading));
    feeder::scale(feeder, options.load_scale, options.pv_scale);
    return feeder;
}

/// Nothing where it cannot be read: whoever reads all of it says why.
std::optional<feeder::Feeder> read_outline(Context& context, FeederOptions const& options) {
    try {
        auto read = io::read_native_outline(options.path);
        return read_with_switches(context, options, std::move(read));
    } catch (core::Error const&) {
        return std::nullopt;
    }
}

/// The piece's texts and numbers; false on all ranks alike where something is wrong with them. Collective.
bool complete(core::Communicator const& comm, FeederOptions const& options, partition::Piece& piece) {
    bool sound = true;
    core::together(comm, [&] {
        auto& rows = piece.global;
        try {
            io::complete_from_native(
                options.path, piece.feeder,
                {rows.buses, rows.lines, rows.transformers, rows.banks, rows.loads, rows.pv_systems});
        } catch (core::InvalidInput const&) {
            sound = false;
            return;
        }
        feeder::scale(piece.feeder, options.load_scale, options.pv_scale);
        sound = feeder::are_elements_sound(piece.feeder);
    });
    if (comm.min(sound ? 1.0 : 0.0) == 0.0) return false;
    return partition::names_stand_once(comm, piece);
}

}  // namespace

std::optional<feeder::Feeder> read_on_root(Context& context, FeederOptions const& options) {
    std::optional<feeder::Feeder> feeder;
    core::together(context.comm, [&] {
        if (context.comm.is_root()) feeder = read_whole(context, options);
    });
    return feeder;
}

OpenFeeder open_feeder(Context& context, FeederOptions const& options) {
    OpenFeeder open{.options = &options};
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        if (io::is_native(options.path)) open.feeder = read_outline(context, options);
        open.is_outline = open.feeder.has_value();
        if (!open.feeder) open.feeder = read_whole(context, options);
    });
    return open;
}

void require_writable_feeder(core::Communicator const& comm, std::string const& path) {
    io::require_writable_ending(path);
    core::require_writable(comm, path);
}

namespace {

/// The rest of what the root knows, once the tree is there.
void split(core::Communicator const& comm, partition::Grain grain, partition::Whole& whole) {
    feeder::derive_areas(whole.feeder);
    whole.agents = partition::find_agents(whole.feeder, whole.tree);
    whole.partition = partition::split(whole.feeder, whole.tree, whole.agents, grain, comm.size());
}

}  // namespace

partition::Piece hand_out(Context& context, std::optional<feeder::Feeder> feeder, partition::Grain grain,
                          feeder::Loops loops) {
    std::optional<partition::Whole> whole;
    core::together(context.comm, [&] {
        if (!context.comm.is_root()) return;
        feeder::Notes notes;
        whole.emplace();
        whole->feeder = std::move(*feeder);
        whole->tree = feeder::validate(whole->feeder, notes, loops);
        for (auto const& warning : notes.warnings) context.log.warning(warning);
        split(context.comm, grain, *whole);
    });
    return partition::distribute(context.comm, whole);
}

partition::Piece hand_out(Context& context, OpenFeeder open, partition::Grain grain, feeder::Loops loops) {
    auto const& comm = context.comm;
    std::optional<partition::Whole> whole;
    core::together(comm, [&] {
        if (!comm.is_root() || !open.is_outline) return;
        auto tree = feeder::hang_outline(*open.feeder, loops);
        if (!tree) return;
        whole.emplace();
        whole->feeder = std::move(*open.feeder);
        whole->tree = std::move(*tree);
        split(comm, grain, *whole);
    });
    if (comm.max(std::int64_t{whole.has_value()}) > 0) {
        auto piece = partition::distribute(comm, whole);
        whole.reset();
        if (complete(comm, *open.options, piece)) return piece;
    }
    // There is something to say of the feeder, with names: that takes all of it.
    core::together(comm, [&] {
        if (comm.is_root() && (open.is_outline)) open.feeder = read_whole(context, *open.options);
    });
    return hand_out(context, std::move(open.feeder), grain, loops);
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
