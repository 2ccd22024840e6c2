/// \file main.cpp
/// dec as a library: one rank describes a feeder, all ranks agree on what it carries.
#include <mpi.h>

#include <cstdlib>
#include <dec/core/communicator.hpp>
#include <dec/feeder/feeder.hpp>
#include <dec/feeder/tree.hpp>
#include <iostream>

namespace {

/// A source, 100 m of line and a house of 3 kW on phase A.
dec::feeder::Feeder one_house() {
    using namespace dec::feeder;
    Feeder feeder;
    auto const substation = feeder.buses.add({.phases = PhaseSet::abc(), .base_v = 2400.0}, "substation");
    auto const house = feeder.buses.add({.phases = {Phase::a}, .base_v = 2400.0}, "house");
    feeder.sources.add({.bus = substation, .nominal_v = 4160.0, .voltage_v = 4160.0, .x_ohm = 1.0, .x0_ohm = 1.0},
                       "grid");

    LineCode code{.conductors = 1};
    code.r_ohm[0][0] = 1e-3;
    code.x_ohm[0][0] = 1e-3;
    auto const overhead = feeder.line_codes.add(code, "overhead");
    feeder.lines.add({.from = substation, .to = house, .conductors = 1, .code = overhead, .length_m = 100.0}, "span");
    feeder.loads.add({.bus = house, .phases = {Phase::a}, .p_w = {3000.0, 0.0, 0.0}}, "load");
    return feeder;
}

}  // namespace

int main(int argc, char** argv) {
    MPI_Init(&argc, &argv);
    bool as_expected = false;
    {
        dec::core::Communicator const comm{MPI_COMM_WORLD};
        std::size_t vertices = 0;
        if (comm.is_root()) {
            dec::feeder::Notes notes;
            vertices = dec::feeder::validate(one_house(), notes).vertices.size();
            std::cout << "the feeder has " << vertices << " vertices\n";
        }
        // The ideal source and both buses, counted once over all ranks.
        as_expected = comm.sum(static_cast<double>(vertices)) == 3.0;
    }
    MPI_Finalize();
    return as_expected ? EXIT_SUCCESS : EXIT_FAILURE;
}
