/// The walk from vertex to vertex, alone, against the general interior point on the same program written out in full.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "coordination/exact/feeder_simplex.hpp"
#include "dec/coordination/limits.hpp"
#include "dec/solvers/interior_point.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;
using coordination::FeederSimplex;

namespace {

/// A random feeder with limits on both sides around the voltages at half the sun, where every walk begins. Numbers depend on the seed
/// and on whose they are, not on the rank; rows and columns of `effect` are in the feeder's order.
struct Walk {
    core::Communicator comm{MPI_COMM_WORLD};
    std::unique_ptr<test::Distributed> spread;
    std::vector<coordination::Node> nodes;
    std::vector<double> weight;  // per own DER
    Eigen::MatrixXd effect;      // of every DER's share on every limited voltage
    Eigen::VectorXd low, high;   // without what the voltages are with nothing curtailed

    explicit Walk(unsigned seed)
        : spread{test::distributed(comm, test::random_feeder({.seed = seed, .branches = 20}))} {
        auto& flow = *spread->flow;
        auto const& piece = spread->piece;
        auto const ders = flow.ders().size();
        model::FlowState nothing, half, change;
        flow.solve(std::vector<double>(ders, 0.0), nothing);
        flow.solve(std::vector<double>(ders, 0.5), half);
        flow.solve_change(std::vector<double>(ders, 1.0), change);
        nodes = coordination::limited_nodes(piece, {}, nothing);
        std::vector<double> room_low, room_high;
        for (auto& node : nodes) {
            std::mt19937 random{seed * 7919U + static_cast<unsigned>(node.row)};
            std::uniform_real_distribution<double> part{0.05, 0.6};
            double const v = seen(piece, half, node), moved = std::abs(seen(piece, change, node));
            node.high = v + part(random) * moved + 1e-6;
            node.low = v - part(random) * moved - 1e-6;
            room_high.push_back(node.high - seen(piece, nothing, node));
            room_low.push_back(node.low - seen(piece, nothing, node));
        }
        for (std::size_t d = 0; d < ders; ++d) {
            std::mt19937 random{seed * 104729U + static_cast<unsigned>(piece.global.pv_systems[d])};
            weight.push_back(std::uniform_real_distribution<double>{-0.3, 1.0}(random));
        }
        auto const to_vector = [](std::vector<double> const& values) {
            return Eigen::VectorXd{
                Eigen::Map<Eigen::VectorXd const>{values.data(), static_cast<Eigen::Index>(values.size())}};
        };
        low = to_vector(comm.all_gather(room_low));
        high = to_vector(comm.all_gather(room_high));
        auto const all = static_cast<std::int64_t>(test::all_ders(comm, piece, weight).size());
        effect.resize(low.size(), all);
        for (std::int64_t k = 0; k < all; ++k) {
            std::vector<double> one(ders, 0.0), moved;
            for (std::size_t d = 0; d < ders; ++d) one[d] = piece.global.pv_systems[d] == k ? 1.0 : 0.0;
            flow.solve_change(one, change);
            for (auto const& node : nodes) moved.push_back(seen(piece, change, node));
            effect.col(k) = to_vector(comm.all_gather(moved));
        }
    }

    [[nodiscard]] FeederSimplex simplex(coordination::PieceLinks const& links, coordination::MarginalPrices& prices,
                                        bool capped) const {
        auto const ders = weight.size();
        return {comm,
                *spread->flow,
                links,
                nodes,
                prices,
                std::vector<double>(ders, 1.0),
                std::vector<double>(ders, 0.5),
                capped,
                [](std::vector<double> const&) { return false; }};
    }
    [[nodiscard]] Eigen::VectorXd in_order(std::vector<double> const& own) const {
        auto const all = test::all_ders(comm, spread->piece, own);
        return Eigen::Map<Eigen::VectorXd const>{all.data(), static_cast<Eigen::Index>(all.size())};
    }
    /// Shares, limits and bounds; `more` variables and rows for the caller to fill in.
    [[nodiscard]] solvers::QuadraticProgram program(Eigen::Index more_variables, Eigen::MatrixXd const& more_rows,
                                                    Eigen::VectorXd const& more_high) const {
        auto const n = effect.cols(), m = effect.rows(), extra = more_rows.rows();
        auto qp = solvers::QuadraticProgram::of_size(n + more_variables, 0, m + extra);
        Eigen::MatrixXd G = Eigen::MatrixXd::Zero(m + extra, n + more_variables);
        G.topLeftCorner(m, n) = effect;
        G.bottomRows(extra) = more_rows;
        qp.G = G.sparseView();
        qp.h_low << low, Eigen::VectorXd::Constant(extra, -solvers::infinity);
        qp.h_high << high, more_high;
        qp.lb.setZero();
        qp.ub.setOnes();
        return qp;
    }
    [[nodiscard]] bool keeps_limits(Eigen::VectorXd const& alpha) const {
        Eigen::VectorXd const v = effect * alpha;
        return (v - high).maxCoeff() < 1e-9 && (low - v).maxCoeff() < 1e-9 && alpha.minCoeff() >= -1e-9 &&
               alpha.maxCoeff() <= 1.0 + 1e-9;
    }
};

Eigen::VectorXd optimum(solvers::QuadraticProgram const& qp) {
    solvers::InteriorPoint general;
    general.setup(qp);
    auto const outcome = general.solve();
    REQUIRE(outcome.status == solvers::Status::optimal);
    return outcome.x;
}

}  // namespace

TEST_CASE("the walk's smallest cap is that of the general solver", "[parallel][feeder-simplex]") {
    auto const seed = GENERATE(range(0U, 12U));
    Walk const walk{seed};
    CAPTURE(seed, walk.comm.size());
    coordination::PieceLinks const links{walk.comm, walk.spread->piece, walk.spread->flow->exchange()};
    coordination::MarginalPrices prices{walk.comm, *walk.spread->flow};
    auto simplex = walk.simplex(links, prices, true);

    REQUIRE(simplex.minimise_cap());

    auto const n = walk.effect.cols();
    Eigen::MatrixXd below_cap(n, n + 1);
    below_cap << Eigen::MatrixXd::Identity(n, n), -Eigen::VectorXd::Ones(n);
    auto qp = walk.program(1, below_cap, Eigen::VectorXd::Zero(n));
    qp.q(n) = 1.0;
    auto const alpha = walk.in_order(simplex.alpha());
    CHECK(simplex.cap() == Approx(optimum(qp)(n)).margin(1e-7));
    CHECK(simplex.cap() == Approx(alpha.maxCoeff()).margin(1e-10));
    CHECK(simplex.gap() < 1e-8);
    CHECK(walk.keeps_limits(alpha));
}

TEST_CASE("the walk's least cost, and of its answers the smallest squares, are those of the general solver",
          "[parallel][feeder-simplex]") {
    auto const seed = GENERATE(range(20U, 32U));
    auto const costs_alike = GENERATE(false, true);  // many answers cost the same
    Walk walk{seed};
    if (costs_alike) std::ranges::fill(walk.weight, 1.0);
    CAPTURE(seed, costs_alike, walk.comm.size());
    coordination::PieceLinks const links{walk.comm, walk.spread->piece, walk.spread->flow->exchange()};
    coordination::MarginalPrices prices{walk.comm, *walk.spread->flow};
    auto simplex = walk.simplex(links, prices, false);

    REQUIRE(simplex.minimise(walk.weight));

    auto const cost = walk.in_order(walk.weight);
    auto qp = walk.program(0, Eigen::MatrixXd(0, walk.effect.cols()), Eigen::VectorXd(0));
    qp.q = cost;
    double const least = cost.dot(optimum(qp));
    auto alpha = walk.in_order(simplex.alpha());
    CHECK(cost.dot(alpha) == Approx(least).margin(1e-7));
    CHECK(walk.keeps_limits(alpha));
    CHECK(simplex.gap() < 1e-8);

    double const of_vertex = alpha.squaredNorm();
    (void)simplex.settle();
    REQUIRE(simplex.minimise_squares(std::vector<double>(walk.weight.size(), 1.0)));
    alpha = walk.in_order(simplex.alpha());
    CHECK(cost.dot(alpha) == Approx(least).margin(1e-7));
    CHECK(walk.keeps_limits(alpha));
    CHECK(alpha.squaredNorm() <= of_vertex + 1e-9);
    // So small a part of the squares beside the cost leads to the same answer.
    constexpr double part = 1e-5;
    qp.P = Eigen::MatrixXd{2.0 * part * Eigen::MatrixXd::Identity(cost.size(), cost.size())}.sparseView();
    CHECK(cost.dot(alpha) + part * alpha.squaredNorm() == Approx(qp.objective(optimum(qp))).margin(1e-9));
}
