/// write_random_feeders FOLDER FIRST COUNT: random feeders as CIM files for other programs to solve, each with an upper limit
/// that asks for little, half or nearly all of the curtailment there is, and now and then for more. One line per feeder on
/// standard output: file, limit in pu.
#include <fmt/format.h>
#include <mpi.h>

#include <cstdlib>

#include "dec/io/catalogue.hpp"
#include "reference/brute_force.hpp"
#include "support/random_feeder.hpp"

int main(int argc, char** argv) {
    using namespace dec;
    MPI_Init(&argc, &argv);
    if (argc != 4) {
        fmt::print(stderr, "usage: write_random_feeders FOLDER FIRST COUNT\n");
        return 2;
    }
    auto const first = static_cast<unsigned>(std::atoi(argv[2])), count = static_cast<unsigned>(std::atoi(argv[3]));
    for (unsigned seed = first; seed < first + count; ++seed) {
        constexpr std::array shares{0.8, 0.5, 0.2, -0.1};
        auto const feeder = test::random_feeder(
            {.seed = seed, .branches = 8 + static_cast<int>(seed % 5) * 4, .voltage_dependent = seed % 3 != 0});
        auto const path = fmt::format("{}/random_{}.xml", argv[1], seed);
        io::write_feeder(feeder, path);
        fmt::print("{} {:.9f}\n", path, test::limit_between(test::DenseTwin{feeder}, shares[seed % 7 % shares.size()]));
    }
    MPI_Finalize();
    return 0;
}
