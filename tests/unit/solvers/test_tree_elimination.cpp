/// One step of the elimination on a tree against the same quadratic solved as one dense system.
#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <random>

#include "../../../src/solvers/tree_elimination.hpp"
#include "support/random_tree.hpp"

using namespace dec;
using solvers::TreeControl;
using testing::RandomTree;

namespace {

struct Twin {
    solvers::TreeModel model;
    Eigen::VectorXd curvature, slope;  // of rows: all states, limits of flows, limits of pairs
    Eigen::MatrixXd of_controls;       // curvature of controls and groups
    Eigen::VectorXd control_slope;
};

// Curvatures from nothing to what limits have that are nearly met, and from free controls to such that hardly move.
Twin random_model(solvers::TreeProgram const& program, solvers::TreeElimination const& elimination,
                  solvers::TreeStep& step, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> unit(0.0, 1.0);
    auto const exponent = [&](double from, double to) { return std::pow(10.0, from + (to - from) * unit(random)); };
    auto const sign = [&] { return 2.0 * unit(random) - 1.0; };
    Twin twin;
    elimination.resize(twin.model, step);
    auto const states = program.low.size(), limits = program.flow_limits.size() + program.pair_limits.size();
    twin.curvature.setZero(static_cast<Eigen::Index>(states + limits));
    twin.slope = twin.curvature;
    auto const& watched = elimination.watched();
    for (std::size_t w = 0; w < watched.size() + program.flow_limits.size(); ++w) {
        auto const row = static_cast<Eigen::Index>(w < watched.size() ? static_cast<std::size_t>(watched[w])
                                                                      : states + w - watched.size());
        twin.model.row_curvature[w] = twin.curvature(row) = unit(random) < 0.3 ? 0.0 : exponent(-3.0, 5.0);
        twin.model.row_slope[w] = twin.slope(row) = sign();
    }
    auto const controls = program.controls.size(), groups = program.groups.size();
    twin.of_controls.setZero(static_cast<Eigen::Index>(controls + groups),
                             static_cast<Eigen::Index>(controls + groups));
    twin.control_slope.setZero(static_cast<Eigen::Index>(controls + groups));
    for (std::size_t d = 0; d < controls; ++d) {
        auto const at = static_cast<Eigen::Index>(d);
        double const h = exponent(-3.0, 3.0), slope = sign();
        twin.of_controls(at, at) = h;
        twin.control_slope(at) = slope;
        twin.model.control_slope[d] = slope;
        if (program.controls[d].role != TreeControl::Role::tied) {
            twin.model.control_inverse[d] = 1.0 / h;
            continue;
        }
        twin.model.share[d] = 1.0;
        twin.model.shared_curvature[d] = h;
        twin.model.shared_slope[d] = slope;
    }
    // A pair has a curvature of its own, of which the model has the inverse.
    for (std::size_t i = 0; i < program.pair_limits.size(); ++i) {
        auto const d = static_cast<Eigen::Index>(program.pair_limits[i].control);
        if (i > 0 && program.pair_limits[i - 1].control == program.pair_limits[i].control) continue;
        double const cross = 0.9 * sign() * std::sqrt(twin.of_controls(d, d) * twin.of_controls(d + 1, d + 1));
        twin.of_controls(d, d + 1) = twin.of_controls(d + 1, d) = cross;
        Eigen::Matrix2d const inverse = twin.of_controls.block<2, 2>(d, d).inverse();
        auto const first = static_cast<std::size_t>(d);
        twin.model.control_inverse[first] = inverse(0, 0);
        twin.model.control_inverse[first + 1] = inverse(1, 1);
        twin.model.control_cross[first] = inverse(0, 1);
    }
    for (std::size_t g = 0; g < groups; ++g) {
        auto const at = static_cast<Eigen::Index>(controls + g);
        twin.model.group_curvature[g] = twin.of_controls(at, at) = exponent(-3.0, 3.0);
        twin.model.group_slope[g] = twin.control_slope(at) = sign();
    }
    return twin;
}

// Minimum of the quadratic over x = (u, y, v, s) subject to A x = 0.
Eigen::VectorXd dense_step(solvers::QuadraticProgram const& program, Twin const& twin) {
    auto const n = program.q.size(), m = program.b.size(), rows = twin.curvature.size();
    Eigen::MatrixXd const A = program.A, G_all = program.G;
    // Caps, which there are none of here, would be between states and limits of flows.
    REQUIRE(G_all.rows() == rows);
    Eigen::MatrixXd K = Eigen::MatrixXd::Zero(n + m, n + m);
    K.topLeftCorner(n, n) = G_all.transpose() * twin.curvature.asDiagonal() * G_all;
    auto const controls = twin.of_controls.rows();
    K.topLeftCorner(controls, controls) += twin.of_controls;
    K.topRightCorner(n, m) = A.transpose();
    K.bottomLeftCorner(m, n) = A;
    Eigen::VectorXd right = Eigen::VectorXd::Zero(n + m);
    right.head(n) = -G_all.transpose() * twin.slope;
    right.head(controls) -= twin.control_slope;
    Eigen::FullPivLU<Eigen::MatrixXd> const lu(K);
    Eigen::VectorXd x = lu.solve(right);
    x += lu.solve(right - K * x);
    return x.head(n);
}

}  // namespace

TEST_CASE("a step on the tree is the step of the same quadratic as one dense system", "[solvers][tree]") {
    for (std::uint32_t seed = 0; seed < 300; ++seed) {
        RandomTree wanted;
        wanted.seed = seed;
        wanted.vertices = 3 + static_cast<int>(seed % 20);
        wanted.roots = seed % 7 == 0 ? 2 : 1;
        wanted.reactive = seed % 2 == 1;
        wanted.sloped = seed % 3 == 1;
        wanted.dense = seed % 5 == 2;
        wanted.ratios = seed % 4 == 3;
        wanted.mixed = seed % 5 == 4;
        wanted.rated = seed % 3 != 0;
        wanted.paired = seed % 4 == 1;
        wanted.groups = seed % 6 == 2 ? RandomTree::Groups::tied : RandomTree::Groups::none;
        auto program = testing::random_tree(wanted);
        solvers::NoLinks links;
        solvers::TreeElimination elimination(program, links, std::vector<double>(program.controls.size(), 1.0));
        solvers::TreeStep step;
        auto const twin = random_model(program, elimination, step, seed);
        auto const quadratic = testing::as_quadratic(program);
        auto const expected = dense_step(quadratic, twin);

        elimination.factor(twin.model);
        elimination.solve(twin.model, step);

        CAPTURE(seed);
        auto const controls = static_cast<Eigen::Index>(program.controls.size());
        Eigen::VectorXd const moved = Eigen::MatrixXd{quadratic.G} * expected;
        double const scale = 1.0 + expected.cwiseAbs().maxCoeff();
        for (Eigen::Index d = 0; d < controls; ++d)
            CHECK(step.control[static_cast<std::size_t>(d)] == Approx(expected(d)).margin(1e-9 * scale));
        for (std::size_t g = 0; g < program.groups.size(); ++g)
            CHECK(step.group[g] == Approx(expected(controls + static_cast<Eigen::Index>(g))).margin(1e-9 * scale));
        auto const& watched = elimination.watched();
        for (std::size_t w = 0; w < watched.size(); ++w)
            CHECK(step.row[w] == Approx(moved(watched[w])).margin(1e-9 * scale));
        for (std::size_t i = 0; i < program.flow_limits.size(); ++i)
            CHECK(step.row[watched.size() + i] ==
                  Approx(moved(static_cast<Eigen::Index>(program.low.size() + i))).margin(1e-9 * scale));

        // The same curvatures with other slopes.
        auto other = twin;
        for (auto* const slopes :
             {&other.model.row_slope, &other.model.control_slope, &other.model.shared_slope, &other.model.group_slope})
            for (auto& slope : *slopes) slope *= -2.0;
        elimination.update_slopes(other.model);
        elimination.solve(other.model, step);
        for (Eigen::Index d = 0; d < controls; ++d)
            CHECK(step.control[static_cast<std::size_t>(d)] == Approx(-2.0 * expected(d)).margin(1e-8 * scale));
    }
}
