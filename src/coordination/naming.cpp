#include "naming.hpp"

namespace dec::coordination {

std::string from_rank(core::Communicator const& comm, int rank, std::string text) {
    auto size = static_cast<int>(text.size());
    MPI_Bcast(&size, 1, MPI_INT, rank, comm.handle());
    text.resize(static_cast<std::size_t>(size));
    MPI_Bcast(text.data(), size, MPI_CHAR, rank, comm.handle());
    return text;
}

std::string what_helps(bool high) {
    return high ? "lower --source-voltage, try --taps neutral, or raise --vmax"
                : "raise --source-voltage, lower --vmin (0: no lower limit), or leave --vmin-relax on";
}

}  // namespace dec::coordination
