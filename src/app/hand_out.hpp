/// \file hand_out.hpp
/// From a path to a piece of feeder on every rank, without one rank reading all of it where the format allows.
#pragma once

#include <optional>

#include "open_feeder.hpp"

namespace dec::app {

/// A feeder on its way to the ranks, on the root; nothing elsewhere.
struct OpenFeeder {
    FeederOptions const& options;
    std::optional<feeder::Feeder> feeder;
    bool is_outline = false;  ///< on all ranks alike: every rank reads the rest of its piece itself
};

/// As `read_on_root`, for a feeder that is handed out: of a native file only what it takes to hang and split it. Keeps a reference
/// to `options`. Collective. \throws core::Error on all ranks alike.
[[nodiscard]] OpenFeeder open_feeder(Context& context, FeederOptions const& options);

/// As `hand_out` of a whole feeder, with the same pieces and the same findings. Collective. \throws core::Error on all ranks alike.
[[nodiscard]] partition::Piece hand_out(Context& context, OpenFeeder open, partition::Grain grain,
                                        feeder::Loops loops = feeder::Loops::refused);

}  // namespace dec::app
