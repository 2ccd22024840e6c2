/// The published and recomputed answers of the IEEE 123 primary (docs/equations.md#known-answers), on any number of ranks.
#include <catch2/catch.hpp>
#include <cmath>

#include "dec/coordination/exact.hpp"
#include "support/coordinated.hpp"
#include "support/original_feeder.hpp"

using namespace dec;

namespace {

struct KnownAnswer {
    double load_scale, pv_scale, source_pu, highest_pu, fraction;
};

}  // namespace

TEST_CASE("a common fraction on the IEEE 123 primary is the known one to 1e-10", "[parallel][known]") {
    auto const known = GENERATE(KnownAnswer{0.432, 0.786621, 1.0475, 1.069101926, 0.661223767691},
                                KnownAnswer{0.37, 0.88, 1.04, 1.066261711, 0.501037423818},
                                KnownAnswer{0.37, 0.88, 1.0475, 1.073578263, 0.729644713443});
    core::Communicator const comm{MPI_COMM_WORLD};
    auto feeder = test::original_feeder();
    if (!feeder) return;
    scale(*feeder, known.load_scale, known.pv_scale);
    auto const spread = test::distributed(comm, *feeder, {.source_voltage_pu = known.source_pu});

    coordination::Settings const settings{.max_iterations = 200, .tolerance = 1e-9};
    auto const answer = coordination::exact(comm, *spread->flow, *fairness::find_policy("proportional"), settings, {});
    // On the tree the fraction is as exact as the relative gap.
    auto const on_tree =
        coordination::exact_on_tree(comm, *spread->flow, *fairness::find_policy("proportional"), settings, {});

    CHECK(on_tree.status == coordination::Status::optimal);
    for (double alpha : on_tree.alpha) CHECK(std::abs(alpha - known.fraction) < 2e-9);
    // Those that would raise 66.C, on other phases, have none.
    for (auto const& node : on_tree.binding) CHECK((node.empty() || node == "66.C"));
    CHECK(answer.status == coordination::Status::optimal);
    CHECK(answer.binding_node == "66.C");
    for (double alpha : answer.alpha) CHECK(std::abs(alpha - known.fraction) < 1e-10);
    double highest = 0.0;
    for (double v_sq : test::all_voltages(comm, spread->piece, answer.uncurtailed)) highest = std::fmax(highest, v_sq);
    CHECK(std::abs(std::sqrt(highest) - known.highest_pu) < 1e-9);
}
