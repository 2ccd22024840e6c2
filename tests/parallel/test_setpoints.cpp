#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dec/core/error.hpp"
#include "dec/results/setpoints.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace dec;
using results::Setpoint;
using test::TemporaryFolder;

core::Communicator world() { return core::Communicator{MPI_COMM_WORLD}; }

std::string content_of(std::string const& path) {
    MPI_Barrier(MPI_COMM_WORLD);
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();
    MPI_Barrier(MPI_COMM_WORLD);
    return text.str();
}

/// Rows dealt to the ranks in turn, each rank's own in descending order.
std::vector<Setpoint> own_of(std::vector<Setpoint> const& all) {
    std::vector<Setpoint> own;
    for (auto row = all.rbegin(); row != all.rend(); ++row)
        if (row->row % world().size() == world().rank()) own.push_back(*row);
    return own;
}

void publish(std::string const& path, std::vector<Setpoint> const& own) {
    auto const file = results::write_setpoints(world(), path, own);
    core::together(world(), [&] {
        if (file) file->commit();
    });
}

}  // namespace

TEST_CASE("setpoints appear under their name only when they are committed", "[results][setpoints]") {
    TemporaryFolder const folder;

    { auto const file = results::write_setpoints(world(), folder / "setpoints.csv", {}); }

    MPI_Barrier(MPI_COMM_WORLD);  // the root has the file
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("setpoints are in the feeder's order whoever holds them", "[results][setpoints]") {
    TemporaryFolder const folder;
    std::vector<Setpoint> const all{{0, "pv_1", "_A1", "65", 5.0, 3.75, 0.25, "67.A"},
                                    {1, "pv_2", "_A2", "66", 7.5, 7.5, 0.0, ""},
                                    {2, "pv_3", "_A3", "67", 0.1, 0.1 / 3.0, 2.0 / 3.0, "67.s1"}};

    publish(folder / "setpoints.csv", own_of(all));

    CHECK(content_of(folder / "setpoints.csv") ==
          "name,mrid,bus,available_kw,allowed_kw,share,binding_node\n"
          "pv_1,_A1,65,5,3.75,0.25,67.A\n"
          "pv_2,_A2,66,7.5,7.5,0,\n"
          "pv_3,_A3,67,0.1,0.03333333333333333,0.6666666666666666,67.s1\n");
}

TEST_CASE("names with commas, quotes and line ends are quoted", "[results][setpoints]") {
    TemporaryFolder const folder;
    std::vector<Setpoint> const all{{0, "Solar, \"south\"", "two\nlines", "Straße", 1.0, std::nan(""), 0.5, "a,b.A"}};

    publish(folder / "setpoints.csv", own_of(all));

    CHECK(content_of(folder / "setpoints.csv") ==
          "name,mrid,bus,available_kw,allowed_kw,share,binding_node\n"
          "\"Solar, \"\"south\"\"\",\"two\nlines\",Straße,1,,0.5,\"a,b.A\"\n");
}

TEST_CASE("a feeder without DERs has a header and no rows", "[results][setpoints]") {
    TemporaryFolder const folder;

    publish(folder / "setpoints.csv", {});

    CHECK(content_of(folder / "setpoints.csv") == "name,mrid,bus,available_kw,allowed_kw,share,binding_node\n");
}

TEST_CASE("setpoints that cannot be written fail on every rank", "[results][setpoints]") {
    TemporaryFolder const folder;

    CHECK_THROWS_WITH(publish(folder / "missing/setpoints.csv", {}), Catch::Contains("No such file or directory"));
}
