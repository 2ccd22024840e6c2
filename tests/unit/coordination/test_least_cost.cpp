/// The dual bound by which an answer is shown to be near the least.
#include <catch2/catch.hpp>
#include <random>

#include "coordination/correction/least_cost.hpp"
#include "support/coordinated.hpp"
#include "support/feeder_maker.hpp"

using namespace dec;
using fairness::Decision;

namespace {

/// Shares of DERs that are free or tied in two groups, with one limit: sum of effect times share >= needed.
struct Problem {
    fairness::Decisions decisions;
    std::vector<double> effect;
    double needed = 0.0;

    [[nodiscard]] double cost(std::vector<double> const& alpha) const {
        double sum = 0.0;
        for (std::size_t d = 0; d < alpha.size(); ++d)
            sum += decisions.ders[d].cost.of(alpha[d] / decisions.ders[d].reach);
        return sum;
    }
    [[nodiscard]] double relief(std::vector<double> const& alpha) const {
        double sum = 0.0;
        for (std::size_t d = 0; d < alpha.size(); ++d) sum += effect[d] * alpha[d];
        return sum;
    }
    /// With the limit at this price, seen from these shares.
    [[nodiscard]] double bound(std::vector<double> const& alpha, double price) const {
        core::Communicator const alone{MPI_COMM_SELF};
        test::FeederMaker make;
        auto const head = make.bus("head", 7200.0);
        make.source(head);
        auto const spread = test::distributed(alone, make.finish());
        std::vector<double> gradient;
        for (double const e : effect) gradient.push_back(-price * e);
        return coordination::least_cost(
            alone, coordination::PieceLinks{alone, spread->piece, spread->flow->exchange()}, decisions,
            {.alpha = alpha, .gradient = gradient, .slack_kw = price * (relief(alpha) - needed)});
    }
};

Problem random_problem(unsigned seed, bool tied) {
    std::mt19937 random{seed};
    std::uniform_real_distribution<double> share{0.1, 1.0};
    Problem problem;
    problem.decisions.groups = 2;
    for (int d = 0; d < 6; ++d) {
        Decision decision{.role = tied ? Decision::Role::tied : Decision::Role::free,
                          .reach = tied ? share(random) : 1.0,
                          .cost = {.linear = share(random),
                                   .quadratic = share(random),
                                   .logarithmic = d % 2 == 0 ? share(random) : 0.0},
                          .group = tied ? d % 2 : -1};
        problem.decisions.ders.push_back(decision);
        problem.effect.push_back(share(random));
        problem.needed += 0.4 * problem.effect.back() * decision.reach;
    }
    return problem;
}

}  // namespace

TEST_CASE("no shares that keep the limit cost less than the bound, whatever its price", "[correction]") {
    auto const seed = GENERATE(range(0U, 8U));
    auto const tied = GENERATE(false, true);
    auto const problem = random_problem(seed, tied);
    std::mt19937 random{seed + 100};
    std::uniform_real_distribution<double> share{0.0, 0.999};
    auto const shares = [&] {
        std::array const common{share(random), share(random)};
        std::vector<double> alpha;
        for (std::size_t d = 0; d < problem.effect.size(); ++d)
            alpha.push_back(problem.decisions.ders[d].reach * (tied ? common[d % 2] : share(random)));
        return alpha;
    };

    double nearest = 0.0, least = 1e99;
    auto const here = shares();
    for (int i = 0; i < 200; ++i) nearest = std::max(nearest, problem.bound(here, 0.1 * i));
    for (int i = 0; i < 20000; ++i)
        if (auto const alpha = shares(); problem.relief(alpha) >= problem.needed)
            least = std::min(least, problem.cost(alpha));

    CAPTURE(seed, tied, nearest, least);
    CHECK(least >= nearest - 1e-9);
    // Strong duality: the best price's bound is the least cost, to what samples and steps of the price miss.
    CHECK(nearest >= (tied ? 0.98 : 0.75) * least);
}

TEST_CASE("the bound at the prices of an optimum is its cost", "[correction]") {
    Problem problem;
    problem.decisions.groups = 1;
    for (double const q : {1.0, 2.0, 4.0}) {
        problem.decisions.ders.push_back({.role = Decision::Role::free, .cost = {.quadratic = q}});
        problem.effect.push_back(1.0);
    }
    problem.needed = 0.7;
    // 2 q u = price, sum of u = needed.
    double const price = 0.7 / (1.0 / 2.0 + 1.0 / 4.0 + 1.0 / 8.0);
    std::vector<double> const alpha{price / 2.0, price / 4.0, price / 8.0};

    CHECK(problem.bound(alpha, price) == Approx(problem.cost(alpha)).epsilon(1e-12));
    CHECK(problem.bound({0.5, 0.5, 0.0}, price) == Approx(problem.cost(alpha)).epsilon(1e-12));
}
