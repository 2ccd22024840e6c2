#include "dec/partition/names.hpp"

#include <bit>
#include <functional>

#include "dec/core/archive.hpp"

namespace dec::partition {

namespace {

/// A name as it is compared, and the row that has it.
struct Named {
    std::uint64_t name = 0;
    std::int64_t row = 0;
};

/// Whether no two rows have the same name; a row may be there several times.
bool all_differ(std::vector<Named> const& all) {
    constexpr std::int64_t nobody = -1;
    std::vector<Named> place(std::bit_ceil(2 * all.size() + 1), {.row = nobody});
    for (auto const& one : all) {
        auto at = one.name & (place.size() - 1);
        while (place[at].row != nobody && place[at].name != one.name) at = (at + 1) & (place.size() - 1);
        if (place[at].row == nobody) place[at] = one;
        else if (place[at].row != one.row) return false;
    }
    return true;
}

/// Each name goes to the rank that its first bits say; the last ones are the table's there.
bool differ_over_ranks(core::Communicator const& comm, std::vector<Named> own) {
    if (comm.size() == 1) return all_differ(own);
    auto const ranks = static_cast<std::size_t>(comm.size());
    std::vector<std::vector<Named>> parts(ranks);
    for (auto const& one : own) parts[(one.name >> 32U) % ranks].push_back(one);
    own = {};
    std::vector<std::vector<char>> messages;
    for (auto& part : parts) {
        core::Packer pack;
        pack(part);
        part = {};
        messages.push_back(pack.take());
    }
    std::vector<Named> all, part;
    for (auto const& bytes : comm.all_to_all(messages)) {
        core::Unpacker unpack{bytes};
        unpack(part);
        all.insert(all.end(), part.begin(), part.end());
    }
    return all_differ(all);
}

}  // namespace

bool names_stand_once(core::Communicator const& comm, Piece const& piece, SourceRows const& rows) {
    bool once = true;
    auto const look_at = [&](auto const& table, auto const& ids, std::vector<std::int64_t> const& row_of) {
        std::vector<Named> own;
        own.reserve(row_of.size());
        for (auto id : ids) own.push_back({std::hash<std::string_view>{}(table.name(id)), row_of[id.at()]});
        once = differ_over_ranks(comm, std::move(own)) && once;
    };
    auto const& feeder = piece.feeder;
    look_at(feeder.buses, piece.own_buses, piece.global.buses);
    look_at(feeder.lines, feeder.lines.ids(), rows.lines);
    look_at(feeder.transformers, feeder.transformers.ids(), rows.transformers);
    look_at(feeder.loads, feeder.loads.ids(), rows.loads);
    look_at(feeder.pv_systems, feeder.pv_systems.ids(), piece.global.pv_systems);
    return comm.min(once ? 1.0 : 0.0) > 0.0;
}

}  // namespace dec::partition
