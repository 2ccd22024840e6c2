#include "naming.hpp"

#include <algorithm>

#include "dec/core/archive.hpp"

namespace dec::coordination {

std::string from_rank(core::Communicator const& comm, int rank, std::string text) {
    std::vector<char> bytes{text.begin(), text.end()};
    comm.broadcast(bytes, rank);
    return {bytes.begin(), bytes.end()};
}

std::vector<std::string> names_in_order(core::Communicator const& comm,
                                        std::vector<std::pair<std::int64_t, std::string>> const& own) {
    core::Packer pack;
    for (auto const& [row, name] : own) {
        pack(row);
        pack(name);
    }
    std::vector<std::pair<std::int64_t, std::string>> in_order;
    for (auto const& bytes : comm.gather(pack.take())) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& [row, name] = in_order.emplace_back();
            unpack(row);
            unpack(name);
        }
    }
    std::ranges::sort(in_order);
    std::vector<std::string> names;
    for (auto& [row, name] : in_order) names.push_back(std::move(name));
    return names;
}

Remedies::Remedies(core::Communicator const& comm, partition::Piece const& piece, VoltageLimits const& limits)
    : v_min_relaxed_{limits.relax_v_min} {
    bool const neutral = std::ranges::all_of(piece.feeder.tap_changers.rows(),
                                             [](auto const& tap) { return tap.step == tap.neutral_step; });
    taps_neutral_ = comm.max(std::int64_t{neutral ? 0 : 1}) == 0;
}

std::string Remedies::against(bool high) const {
    if (high)
        return taps_neutral_ ? "lower --source-voltage, or raise --vmax"
                             : "lower --source-voltage, try --taps neutral, or raise --vmax";
    return v_min_relaxed_ ? "raise --source-voltage, or lower --vmin (0: no lower limit)"
                          : "raise --source-voltage, lower --vmin (0: no lower limit), or leave --vmin-relax on";
}

}  // namespace dec::coordination
