/// A native file that is hung and split by its outline, each rank reading the rest of its own, against the same feeder read whole.
#include <catch2/catch.hpp>

#include "dec/feeder/outline.hpp"
#include "dec/io/native.hpp"
#include "dec/partition/names.hpp"
#include "dec/partition/piece.hpp"
#include "dec/synthesis/generate.hpp"
#include "support/random_feeder.hpp"
#include "support/temporary_folder.hpp"

using namespace dec;
using namespace dec::feeder;
using partition::Piece;

namespace {

/// The pieces of a feeder that hangs. Collective.
Piece split_over(core::Communicator const& comm, std::optional<partition::Whole> whole, partition::SourceRows& rows) {
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        whole->agents = partition::find_agents(whole->feeder, whole->tree);
        whole->partition =
            partition::split(whole->feeder, whole->tree, whole->agents, partition::Grain::secondary, comm.size());
    });
    return partition::distribute(comm, whole, rows);
}

Piece by_whole(core::Communicator const& comm, Feeder const& feeder, partition::SourceRows& rows) {
    std::optional<partition::Whole> whole;
    Notes notes;
    if (comm.is_root()) whole.emplace(partition::Whole{.feeder = feeder, .tree = validate(feeder, notes)});
    return split_over(comm, std::move(whole), rows);
}

/// As the command does it; nothing on all ranks alike where the outline does not do.
std::optional<Piece> by_outline(core::Communicator const& comm, std::string const& path, partition::SourceRows& rows) {
    std::optional<partition::Whole> whole;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        auto outline = io::read_native_outline(path).feeder;
        if (auto tree = hang_outline(outline))
            whole.emplace(partition::Whole{.feeder = std::move(outline), .tree = std::move(*tree)});
    });
    if (comm.max(std::int64_t{whole.has_value()}) == 0) return std::nullopt;
    auto piece = split_over(comm, std::move(whole), rows);
    auto const& global = piece.global;
    core::together(comm, [&] {
        io::complete_from_native(
            path, piece.feeder,
            {global.buses, rows.lines, rows.transformers, rows.banks, rows.loads, global.pv_systems});
    });
    return piece;
}

void check_same(Piece const& a, Piece const& b) {
    CHECK(differences(a.feeder, b.feeder, 0.0).empty());
    CHECK(a.feeder.buses.names() == b.feeder.buses.names());
    CHECK(a.feeder.lines.mrids() == b.feeder.lines.mrids());
    CHECK(a.feeder.loads.names() == b.feeder.loads.names());
    CHECK(a.feeder.pv_connection_mrids == b.feeder.pv_connection_mrids);
    CHECK(a.global.buses == b.global.buses);
    CHECK(a.global.pv_systems == b.global.pv_systems);
    CHECK(a.agent_row == b.agent_row);
    REQUIRE(a.vertices.size() == b.vertices.size());
    for (std::size_t i = 0; i < a.vertices.size(); ++i) {
        CHECK(a.vertices[i].global == b.vertices[i].global);
        CHECK(a.vertices[i].distance_m == b.vertices[i].distance_m);
    }
}

}  // namespace

namespace {

/// Compares both ways; \return whether the outline did. Collective.
bool check_both_ways(Feeder const& feeder) {
    core::Communicator const comm{MPI_COMM_WORLD};
    test::TemporaryFolder const folder;
    core::together(comm, [&] {
        if (comm.is_root()) io::write_native(feeder, folder / "feeder.h5");
    });
    partition::SourceRows rows, whole_rows;
    auto const piece = by_outline(comm, folder / "feeder.h5", rows);
    if (!piece) return false;
    check_same(*piece, by_whole(comm, feeder, whole_rows));
    CHECK(rows.lines == whole_rows.lines);
    CHECK(rows.loads == whole_rows.loads);
    CHECK(are_elements_sound(piece->feeder));
    CHECK(partition::names_stand_once(comm, *piece, rows));
    return true;
}

}  // namespace

TEST_CASE("pieces split by the outline of a native file are those of the whole feeder, bit for bit",
          "[parallel][outline]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto feeder = test::random_feeder({.seed = seed, .branches = 25});
    CAPTURE(seed);

    // What lies behind an open switch is worth a note, which an outline cannot give.
    Notes notes;
    static_cast<void>(validate(feeder, notes));
    CHECK(check_both_ways(feeder) == notes.warnings.empty());
    for (auto& row : feeder.switches.rows()) row.closed = row.phases;
    notes.warnings.clear();
    static_cast<void>(validate(feeder, notes));
    CHECK(check_both_ways(feeder) == notes.warnings.empty());
}

TEST_CASE("generated feeders are split by their outlines", "[parallel][outline]") {
    auto const seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{6}));

    CHECK(check_both_ways(synthesis::generate({.buses = 700, .seed = seed})));
}

TEST_CASE("a name that stands twice is found, on whatever ranks the two are", "[parallel][outline]") {
    auto const seed = GENERATE(range(0U, 10U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = test::random_feeder({.seed = seed, .branches = 25});
    partition::SourceRows rows;
    auto piece = by_whole(comm, feeder, rows);
    CHECK(partition::names_stand_once(comm, piece, rows));
    auto const last = feeder.buses.size() - 1;
    auto const name = std::string{feeder.buses.name(Index<Bus>{seed % last})};

    core::TextColumn names;
    for (auto id : piece.feeder.buses.ids())
        names.push_back(piece.global.buses[id.at()] == static_cast<std::int64_t>(last) ? std::string_view{name}
                                                                                       : piece.feeder.buses.name(id));
    piece.feeder.buses.names() = names;

    CHECK_FALSE(partition::names_stand_once(comm, piece, rows));
}
