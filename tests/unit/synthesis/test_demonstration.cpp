#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "dec/io/cim.hpp"
#include "dec/model/lin_dist3_flow.hpp"
#include "dec/synthesis/populate.hpp"
#include "support/places.hpp"

using namespace dec;

namespace {

feeder::Feeder demonstration() {
    auto const tables = test::source_path("inputs/ieee123");
    auto feeder = synthesis::read_tables(tables);
    (void)synthesis::populate(feeder, synthesis::read_settings(tables));
    return feeder;
}

/// Voltages, pu, of all nodes but the ideal source's, in the linear model.
std::vector<double> voltages(feeder::Feeder feeder, double curtailed) {
    core::Communicator const comm{MPI_COMM_WORLD};
    partition::Whole whole;
    whole.feeder = std::move(feeder);
    feeder::Notes notes;
    whole.tree = feeder::validate(whole.feeder, notes);
    whole.agents = partition::find_agents(whole.feeder, whole.tree);
    whole.partition = partition::split(whole.feeder, whole.tree, whole.agents, partition::Grain::secondary, 1);
    auto const piece = partition::distribute(comm, whole);
    model::LinDist3Flow flow{comm, piece, {}};
    std::vector<double> const alpha(piece.feeder.pv_systems.size(), curtailed);
    model::FlowState state;
    flow.solve(alpha, state);
    std::vector<double> result;
    for (std::size_t v = 0; v < piece.own; ++v)
        if (piece.vertices[v].kind == feeder::Vertex::Kind::bus)
            for (auto p : piece.vertices[v].phases.list()) result.push_back(std::sqrt(state.v_sq[3 * v + slot(p)]));
    return result;
}

std::string content(std::string const& path) {
    std::ifstream file{path};
    REQUIRE(file);
    return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("at full sun 25 to 40 % of the demonstration feeder's nodes are above 1.05 pu", "[synthesis]") {
    auto const feeder = demonstration();

    auto const v = voltages(feeder, 0.0);

    CHECK(v.size() == feeder::totals(feeder).nodes);
    auto const above = std::count_if(v.begin(), v.end(), [](double u) { return u > 1.05; });
    double const share = static_cast<double>(above) / static_cast<double>(v.size());
    CHECK(share >= 0.25);
    CHECK(share <= 0.40);
}

TEST_CASE("curtailment can bring every node of the demonstration feeder inside its limits", "[synthesis]") {
    for (double const v : voltages(demonstration(), 1.0)) {
        CHECK(v < 1.05);
        CHECK(v > 0.95);
    }
}

TEST_CASE("inputs/ieee123_secondary.xml is what populate makes of inputs/ieee123, byte for byte", "[synthesis]") {
    auto const written = content(test::source_path("inputs/ieee123_secondary.xml"));

    auto const made = io::to_cim_xml(demonstration());

    CHECK(made.size() == written.size());
    CHECK((made == written));  // not both in the message
}

TEST_CASE("inputs/ieee123_secondary.xml is read without a warning: nothing is assumed or unknown", "[synthesis]") {
    CHECK(io::read_cim_xml(test::source_path("inputs/ieee123_secondary.xml")).report.warnings().empty());
}
