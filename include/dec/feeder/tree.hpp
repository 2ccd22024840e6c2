/// \file tree.hpp
/// The feeder as a tree hanging from its source, after open switches.
#pragma once

#include <cstdint>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::feeder {

/// What joins a vertex to its parent. Several may do so side by side, each for its own phases (a bank of
/// single-phase units, a jumper beside an open-delta regulator); transformers may also share phases (parallel units).
struct Feeding {
    enum class Kind : std::uint8_t {
        source_impedance,  ///< ideal source to source bus; element: row of Feeder::sources
        line,
        switch_,
        series_compensator,
        transformer,  ///< two windings, or the two halves of a centre tap; element: row of Feeder::transformers
        star_member,  ///< one winding of a three-winding unit, between its bus and the star point
    };
    Kind kind = Kind::line;
    std::int32_t element = -1;
    std::uint8_t upstream = 0;  ///< which end (0, 1, 2) is towards the source; of a star member: 1 if the star point is
    std::uint8_t winding = 0;   ///< star_member: which winding
    std::uint8_t fed_winding = 0;  ///< star_member: the winding that feeds the star point
};

/// One place of the tree.
struct Vertex {
    enum class Kind : std::uint8_t { ideal_source, bus, star_point };
    Kind kind = Kind::bus;
    std::int32_t parent = -1;        ///< position in Tree::vertices, smaller than the vertex's own
    Index<Bus> bus;                  ///< valid for Kind::bus
    Index<Transformer> transformer;  ///< valid for Kind::star_point
    PhaseSet phases;                 ///< energised here
    bool floating_delta = false;     ///< no neutral reference: limits are line to line
    std::int32_t first_feeding = 0, feedings = 0;
    double distance_m = 0.0;  ///< line length from the substation
};

/// Branches side by side that close a loop: the tree does without them, the network does not.
struct Tie {
    std::int32_t from = -1, to = -1;  ///< positions in Tree::vertices; `upstream` of its feedings is the end at `from`
    std::int32_t first_feeding = 0, feedings = 0;
};

/// All that is energised, parents before children (depth-first, children in the feeder's order).
struct Tree {
    std::vector<Vertex> vertices;  ///< [0] is the ideal source
    std::vector<Feeding> feedings;
    std::vector<Tie> ties;                    ///< none in a radial feeder
    std::vector<std::int32_t> vertex_of_bus;  ///< -1: not energised (behind an open switch)
};

/// Warnings about what is legal but worth knowing: each with a count and an example.
struct Notes {
    std::vector<std::string> warnings;
};

/// Whether loops are wrong, or become the tree's ties.
enum class Loops : std::uint8_t { refused, allowed };

/// Checks everything that can be wrong in a feeder and hangs it from its source.
/// \throws core::InvalidInput with every finding: loops (naming their branches) where they are refused, islands, missing
///   terminals, phases that do not match, impedances that are missing, all zero, unsymmetric or not passive, NaN, duplicate
///   names.
[[nodiscard]] Tree validate(Feeder const& feeder, Notes& notes, Loops loops = Loops::refused);

/// For a reader that has findings of its own, to say all that is wrong at once: everything `validate` finds, or where the
/// feeder may have holes, names only. Never throws.
[[nodiscard]] std::vector<core::Finding> further_findings(Feeder const& feeder, bool has_holes);

}  // namespace dec::feeder
