#include "dec/core/patience.hpp"

#include <chrono>
#include <thread>

namespace dec::core {

void broadcast_patiently(Communicator const& comm, std::vector<char>& bytes) {
    constexpr std::chrono::microseconds nap{500};
    MPI_Request ready = MPI_REQUEST_NULL;
    MPI_Ibarrier(comm.handle(), &ready);
    for (int arrived = 0; arrived == 0;) {
        MPI_Test(&ready, &arrived, MPI_STATUS_IGNORE);
        if (arrived == 0) std::this_thread::sleep_for(nap);
    }
    comm.broadcast(bytes);
}

}  // namespace dec::core
