#include "naming.hpp"

#include <algorithm>

namespace dec::coordination {

std::string from_rank(core::Communicator const& comm, int rank, std::string text) {
    auto size = static_cast<int>(text.size());
    MPI_Bcast(&size, 1, MPI_INT, rank, comm.handle());
    text.resize(static_cast<std::size_t>(size));
    MPI_Bcast(text.data(), size, MPI_CHAR, rank, comm.handle());
    return text;
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
