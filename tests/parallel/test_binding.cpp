/// What binds a DER, found in two sweeps, against one transposed power flow for every limit.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "coordination/binding.hpp"
#include "dec/coordination/limits.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using coordination::PricedLimit;

namespace {

/// Prices of voltages and powers that depend on the seed and on whose they are, not on the rank.
struct Prices {
    unsigned seed = 0;
    double part = 1.0;  ///< of the nodes have one
    bool equal = false;
    bool of_powers = false;

    [[nodiscard]] std::vector<PricedLimit> draw(model::LinDist3Flow const& flow,
                                                std::vector<coordination::Node> const& nodes) const {
        auto const& piece = flow.piece();
        std::vector<PricedLimit> limits;
        for (auto const& node : nodes) {
            std::mt19937 random{seed * 7919U + static_cast<unsigned>(node.row)};
            std::uniform_real_distribution<double> unit{0.0, 1.0};
            if (unit(random) > part) continue;
            double const price = equal ? 1.0 : unit(random) < 0.2 ? -unit(random) : std::pow(unit(random), 3);
            limits.push_back({.vertex = node.vertex,
                              .order = node.row,
                              .of_voltage = price * coordination::seen_weight(piece, node)});
        }
        for (std::size_t j = 0; of_powers && j < piece.own; ++j) {
            auto const& vertex = piece.vertices[j];
            auto const global = static_cast<std::int64_t>(vertex.global.value());
            std::mt19937 random{seed * 104729U + static_cast<unsigned>(global)};
            std::uniform_real_distribution<double> any{-1.0, 1.0};
            if (vertex.parent < 0 || any(random) > 0.0) continue;
            auto& limit = limits.emplace_back(static_cast<std::int32_t>(j), piece.totals.nodes + global);
            for (auto p : vertex.phases.list()) {
                limit.of_power(static_cast<Eigen::Index>(feeder::slot(p))) = 0.1 * any(random);
                limit.of_power(static_cast<Eigen::Index>(feeder::slot(p)) + 3) = 0.05 * any(random);
            }
        }
        return limits;
    }
};

/// Per DER of this rank the part of every limit of the whole feeder, by its order.
std::map<std::int64_t, std::vector<double>> parts(core::Communicator const& comm, model::LinDist3Flow& flow,
                                                  std::vector<PricedLimit> const& limits) {
    std::vector<double> own;
    for (auto const& limit : limits) own.push_back(static_cast<double>(limit.order));
    std::map<std::int64_t, std::vector<double>> all;
    for (double const order : comm.all_gather(own)) {
        std::vector<double> of_voltage(3 * flow.piece().vertices.size(), 0.0), of_power(2 * of_voltage.size(), 0.0);
        for (auto const& limit : limits) {
            if (static_cast<double>(limit.order) != order) continue;
            auto const j = static_cast<std::ptrdiff_t>(limit.vertex);
            Eigen::Map<model::Vector3>{of_voltage.data() + 3 * j} = limit.of_voltage;
            Eigen::Map<model::Vector6>{of_power.data() + 6 * j} = limit.of_power;
        }
        std::vector<double> gradient(flow.ders().size());
        flow.gradient(of_voltage, gradient, of_power);
        for (double& g : gradient) g = -g;
        all[static_cast<std::int64_t>(order)] = std::move(gradient);
    }
    return all;
}

void compare(test::RandomFeeder const& wanted, Prices const& prices) {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const spread = test::distributed(comm, test::random_feeder(wanted));
    auto& flow = *spread->flow;
    model::FlowState nothing;
    flow.solve(std::vector<double>(flow.ders().size(), 0.0), nothing);
    auto const limits = prices.draw(flow, coordination::limited_nodes(spread->piece, {}, nothing));
    CAPTURE(wanted.seed, wanted.branches, wanted.voltage_dependent, prices.part, comm.size());

    auto const found = coordination::binding_limits(comm, flow, limits, std::vector<char>(flow.ders().size(), 1));

    auto const all = parts(comm, flow, limits);
    for (std::size_t d = 0; d < found.size(); ++d) {
        double largest = 0.0;
        for (auto const& [order, part] : all) largest = std::max(largest, part[d]);
        std::int64_t expected = -1;
        for (auto const& [order, part] : all)
            if (expected < 0 && largest > 0.0 && part[d] >= largest * (1.0 - 1e-9)) expected = order;
        CAPTURE(d, largest, found[d] < 0 ? 0.0 : all.at(found[d])[d] / largest);
        CHECK(found[d] == expected);
    }
}

}  // namespace

TEST_CASE("what binds each DER is the limit with the largest price times sensitivity", "[parallel][binding]") {
    auto const seed = GENERATE(range(0U, 5U));
    auto const branches = GENERATE(14, 40);
    auto const voltage_dependent = GENERATE(true, false);
    auto const part = GENERATE(1.0, 0.1);

    compare({.seed = seed, .branches = branches, .voltage_dependent = voltage_dependent}, {.seed = seed, .part = part});
}

TEST_CASE("ratings of branches bind DERs beside voltages", "[parallel][binding]") {
    auto const seed = GENERATE(range(20U, 25U));
    auto const voltage_dependent = GENERATE(true, false);

    compare({.seed = seed, .branches = 30, .voltage_dependent = voltage_dependent},
            {.seed = seed, .part = 0.3, .of_powers = true});
}

TEST_CASE("of limits that weigh the same on a DER the first in the feeder's order binds it", "[parallel][binding]") {
    auto const seed = GENERATE(range(40U, 45U));

    compare({.seed = seed, .branches = 30}, {.seed = seed, .equal = true});
}
