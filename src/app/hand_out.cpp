#include "hand_out.hpp"

#include <algorithm>
#include <utility>

#include "dec/feeder/outline.hpp"
#include "dec/io/native.hpp"
#include "dec/partition/names.hpp"
#include "dec/partition/prepare.hpp"

namespace dec::app {

namespace {

/// Nothing where it cannot be read, or a switch is not there: whoever reads all of it says why.
std::optional<feeder::Feeder> read_outline(FeederOptions const& options) {
    if (!io::is_native_name(options.path) || !options.reading.group.empty()) return std::nullopt;
    try {
        auto outline = io::read_native_outline(options.path).feeder;
        feeder::set_switches(outline, options.open, options.close);
        if (options.taps == "neutral") feeder::set_taps_neutral(outline);
        return outline;
    } catch (core::Error const&) {
        return std::nullopt;
    }
}

/// Keeps the rows of texts that nobody asks for once it is known that they are sound.
void forget(core::TextColumn& texts) {
    texts.bytes() = {};
    std::ranges::fill(texts.ends(), 0);
}

/// Reads the piece's texts and numbers; false on all ranks alike where something is wrong with them. Collective.
bool complete(core::Communicator const& comm, FeederOptions const& options, partition::Piece& piece,
              partition::SourceRows const& rows) {
    bool sound = true;
    core::together(comm, [&] {
        try {
            io::complete_from_native(
                options.path, piece.feeder,
                {piece.global.buses, rows.lines, rows.transformers, rows.banks, rows.loads, piece.global.pv_systems});
        } catch (core::InvalidInput const&) {
            sound = false;
            return;
        }
        feeder::scale(piece.feeder, options.load_scale, options.pv_scale);
        sound = feeder::are_elements_sound(piece.feeder);
    });
    if (comm.min(sound ? 1.0 : 0.0) == 0.0) return false;
    if (!partition::names_stand_once(comm, piece, rows)) return false;
    auto& feeder = piece.feeder;
    for (auto* texts : {&feeder.buses.mrids(), &feeder.banks.names(), &feeder.banks.mrids(), &feeder.loads.names(),
                        &feeder.loads.mrids()})
        forget(*texts);
    return true;
}

}  // namespace

OpenFeeder open_feeder(Context& context, FeederOptions const& options) {
    auto const& comm = context.comm;
    OpenFeeder open{.options = options, .feeder = {}};
    core::together(comm, [&] {
        if (comm.is_root()) open.feeder = read_outline(options);
    });
    open.is_outline = comm.max(std::int64_t{open.feeder.has_value()}) > 0;
    if (!open.is_outline) open.feeder = read_on_root(context, options);
    return open;
}

partition::Piece hand_out(Context& context, OpenFeeder open, partition::Grain grain, feeder::Loops loops) {
    if (!open.is_outline) return hand_out(context, std::move(open.feeder), grain, loops);
    auto const& comm = context.comm;
    std::optional<partition::Whole> whole;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        auto tree = feeder::hang_outline(*open.feeder, loops);
        if (tree) whole = partition::prepare(std::move(*open.feeder), std::move(*tree), grain, comm.size());
    });
    if (comm.max(std::int64_t{whole.has_value()}) > 0) {
        partition::SourceRows rows;
        auto piece = partition::distribute(comm, whole, rows);
        whole.reset();
        if (complete(comm, open.options, piece, rows)) return piece;
    }
    // There is something to say of the feeder, with names: that takes all of it.
    open.feeder.reset();
    return hand_out(context, read_on_root(context, open.options), grain, loops);
}

}  // namespace dec::app
