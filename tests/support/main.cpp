/// \file main.cpp
/// One main for every test executable: MPI around Catch2. Every rank runs every test; a rank other than the first
/// prints only when it fails, so that a failure on any rank fails the run and can be read.
#define CATCH_CONFIG_RUNNER
#include <mpi.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <sstream>

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    std::ostringstream muted;
    auto* const terminal = std::cout.rdbuf();
    if (rank != 0) std::cout.rdbuf(muted.rdbuf());
    int const failures = Catch::Session().run(argc, argv);
    std::cout.rdbuf(terminal);
    if (rank != 0 && failures != 0) std::cout << "rank " << rank << ":\n" << muted.str() << std::flush;
    MPI_Finalize();
    return failures;
}
