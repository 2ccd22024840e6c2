/// The assembled program says what the distributed power flow says, on any number of ranks.
#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "dec/coordination/limits.hpp"
#include "dec/coordination/piece_links.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/sparse_form.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

model::SquaredLimits no_limits(partition::Piece const& piece) {
    return {std::vector<double>(3 * piece.own, -solvers::infinity),
            std::vector<double>(3 * piece.own, solvers::infinity)};
}

std::vector<double> available_kw(model::LinDist3Flow const& flow) {
    std::vector<double> kw;
    for (auto const& der : flow.ders()) kw.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
    return kw;
}

/// Every DER's share by its row of the feeder, so that all numbers of ranks draw the same.
std::vector<double> drawn_shares(partition::Piece const& piece, unsigned seed) {
    std::vector<double> alpha;
    for (auto const row : piece.global.pv_systems) {
        std::mt19937 generator{seed * 1000 + static_cast<unsigned>(row)};
        alpha.push_back(std::uniform_real_distribution{0.0, 1.0}(generator));
    }
    return alpha;
}

/// Largest violation of any equation of the program at shares alpha and the voltages of a power flow. Collective.
double residual(solvers::TreeProgram const& program, solvers::TreeLinks& links, std::vector<double> const& u,
                std::vector<double> const& state) {
    constexpr std::size_t width = 6;
    std::vector<Vector> flow(program.vertices.size());
    std::vector<double> above(width * program.above.size()), below(width * program.below.size());
    auto const matrix = [&](std::int64_t& at, Eigen::Index rows, Eigen::Index columns) {
        Matrix m = Eigen::Map<Matrix const>(program.numbers.data() + at, rows, columns);
        at += rows * columns;
        return m;
    };
    struct Read {
        Matrix R, L, D, K;
        Vector e, c;
    };
    auto const read = [&](solvers::TreeVertex const& v) {
        Read b;
        auto at = v.first_number;
        if (!v.root) {
            if (v.straight) {
                auto const tau = matrix(at, v.rows, 1);
                b.R = Matrix::Zero(v.rows, v.parent_rows);
                b.L = Matrix::Zero(v.parent_flows, v.flows);
                for (Eigen::Index r = 0; r < v.rows; ++r) {
                    Eigen::Index const up = v.place[static_cast<std::size_t>(r)];
                    b.R(r, up) = tau(r);
                    b.L(up, r) = 1.0;
                    if (v.flows == 2 * v.rows) b.L(up + v.parent_rows, r + v.rows) = 1.0;
                }
            } else {
                b.R = matrix(at, v.rows, v.parent_rows);
                b.L = matrix(at, v.parent_flows, v.flows);
            }
            b.D = matrix(at, v.rows, v.flows);
        }
        b.e = matrix(at, v.rows, 1);
        b.c = matrix(at, v.flows, 1);
        b.K = v.sloped ? matrix(at, v.flows, v.rows) : Matrix::Zero(v.flows, v.rows);
        return b;
    };
    auto const v_of = [&](solvers::TreeVertex const& v) -> Vector {
        return Eigen::Map<Vector const>(state.data() + v.first_row, v.rows);
    };
    std::vector<Vector> gathered;
    for (auto const& v : program.vertices) gathered.emplace_back(Vector::Zero(v.flows));
    for (int level = links.levels() - 1; level >= 0; --level) {
        auto const l = static_cast<std::size_t>(level);
        if (level < program.levels())
            for (auto j = program.level_start[l + 1] - 1; j >= program.level_start[l]; --j) {
                auto const i = static_cast<std::size_t>(j);
                auto const& v = program.vertices[i];
                auto const b = read(v);
                flow[i] = gathered[i] + b.c + b.K * v_of(v);
                for (std::int32_t k = 0; k < v.controls; ++k) {
                    auto const c = static_cast<std::size_t>(v.first_control + k);
                    flow[i] +=
                        u[c] * Eigen::Map<Vector const>(program.gains.data() + program.controls[c].first_gain, v.flows);
                }
                if (v.parent >= 0) gathered[static_cast<std::size_t>(v.parent)] += b.L * flow[i];
                for (std::size_t k = 0; k < program.above.size(); ++k)
                    if (program.above[k].vertex == j) {
                        // Or of the last, which waits for nobody.
                        REQUIRE((program.above[k].level == level || level == links.levels() - 1));
                        REQUIRE(program.above[k].parent_flows == v.parent_flows);
                        Vector const message = b.L * flow[i];
                        std::copy_n(message.data(), message.size(),
                                    above.begin() + static_cast<std::ptrdiff_t>(width * k));
                    }
            }
        links.up(level, above, below, width);
        for (std::size_t k = 0; k < program.below.size(); ++k)
            if (program.below[k].level == level)
                gathered[static_cast<std::size_t>(program.below[k].vertex)] +=
                    Eigen::Map<Vector const>(below.data() + width * k, program.below[k].parent_flows);
    }
    double worst = 0.0;
    for (int level = 0; level < links.levels(); ++level) {
        for (std::size_t k = 0; k < program.below.size(); ++k) {
            auto const& v = program.vertices[static_cast<std::size_t>(program.below[k].vertex)];
            REQUIRE(program.below[k].parent_rows == v.rows);
            std::copy_n(v_of(v).data(), v.rows, below.begin() + static_cast<std::ptrdiff_t>(width * k));
        }
        links.down(level, below, above, width);
        for (std::size_t i = 0; i < program.vertices.size(); ++i) {
            auto const& v = program.vertices[i];
            auto const b = read(v);
            Vector expected = b.e;
            if (!v.root) {
                Vector up;
                if (v.parent >= 0) up = v_of(program.vertices[static_cast<std::size_t>(v.parent)]);
                for (std::size_t k = 0; k < program.above.size(); ++k)
                    if (program.above[k].vertex == static_cast<std::int32_t>(i)) {
                        if (program.above[k].level != level) continue;
                        up = Eigen::Map<Vector const>(above.data() + width * k, v.parent_rows);
                    }
                if (up.size() == 0) continue;
                expected += b.R * up - b.D * flow[i];
            }
            worst = std::max(worst, (expected - v_of(v)).cwiseAbs().maxCoeff());
        }
    }
    std::vector<double> all{worst};
    links.max(all);
    return all[0];
}

}  // namespace

TEST_CASE("the assembled program holds at every power flow, on any number of ranks", "[parallel][model]") {
    auto const seed = GENERATE(range(0U, 40U));
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 24, .voltage_dependent = seed % 2 == 0});
    auto const spread = test::distributed(comm, feeder);
    auto& flow = *spread->flow;
    auto const name = GENERATE(as<std::string>{}, "quadratic", "proportional", "min-max");
    CAPTURE(seed, name);
    auto decisions =
        fairness::decide(*fairness::find_policy(name), fairness::Scope::feeder, spread->piece, available_kw(flow), {});
    auto alpha = drawn_shares(spread->piece, seed);
    for (std::size_t d = 0; d < alpha.size(); ++d)
        if (spread->piece.global.pv_systems[d] % 3 == 0) {  // some that are not decided
            decisions.ders[d].role = fairness::Decision::Role::fixed;
            decisions.ders[d].fixed = alpha[d];
        } else if (decisions.ders[d].role == fairness::Decision::Role::fixed) {
            alpha[d] = 0.0;
        }

    auto const assembled = model::assemble(comm, flow, no_limits(spread->piece), decisions);

    model::FlowState state;
    flow.solve(alpha, state);
    std::vector<double> u, v(assembled.program.low.size());
    for (auto const d : assembled.der) u.push_back(alpha[static_cast<std::size_t>(d)]);
    for (std::size_t k = 0; k < assembled.row_of_place.size(); ++k)
        if (assembled.row_of_place[k] >= 0) v[static_cast<std::size_t>(assembled.row_of_place[k])] = state.v_sq[k];
    coordination::PieceLinks links{comm, spread->piece, flow.exchange()};
    CHECK(residual(assembled.program, links, u, v) < 1e-12);
}

TEST_CASE("the sparse form holds at every power flow too, and sees line-to-line voltages", "[model]") {
    auto const seed = GENERATE(range(0U, 20U));
    core::Communicator const alone{MPI_COMM_SELF};
    auto const feeder = test::random_feeder({.seed = seed, .branches = 20});
    auto const spread = test::distributed(alone, feeder);
    auto& flow = *spread->flow;
    auto const alpha = drawn_shares(spread->piece, seed);
    auto const decisions = fairness::decide(*fairness::find_policy("quadratic"), fairness::Scope::feeder, spread->piece,
                                            available_kw(flow), {});
    model::FlowState state;
    flow.solve(alpha, state);
    auto const nodes = coordination::limited_nodes(spread->piece, {.v_min_pu = 0.0, .relax_v_min = false}, state);
    auto limits = no_limits(spread->piece);
    for (auto const& node : nodes)
        limits.high[static_cast<std::size_t>(3 * node.vertex + node.place)] =
            coordination::seen(spread->piece, state, node);

    auto const assembled = model::assemble(alone, flow, limits, decisions);
    auto const form = solvers::sparse_form(assembled.program);

    Vector x(form.program.variables());
    for (std::size_t c = 0; c < assembled.der.size(); ++c)
        x(static_cast<Eigen::Index>(c)) = alpha[static_cast<std::size_t>(assembled.der[c])];
    for (std::size_t k = 0; k < assembled.row_of_place.size(); ++k)
        if (assembled.row_of_place[k] >= 0) x(form.first_state + assembled.row_of_place[k]) = state.v_sq[k];
    // Flows follow from the balances alone.
    auto const flows = form.program.variables() - form.first_flow;
    Vector const rest =
        form.program.b.head(flows) - form.program.A.topRows(flows).leftCols(form.first_flow) * x.head(form.first_flow);
    x.tail(flows) = Matrix{form.program.A.topRows(flows).rightCols(flows)}.partialPivLu().solve(rest);
    CHECK((form.program.A * x - form.program.b).cwiseAbs().maxCoeff() < 1e-12);
    REQUIRE(form.program.inequalities() == static_cast<Eigen::Index>(nodes.size()));
    CHECK((form.program.G * x - form.program.h_high).cwiseAbs().maxCoeff() < 1e-12);
}
