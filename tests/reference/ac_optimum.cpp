#include "reference/ac_optimum.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "dec/powerflow/power_flow.hpp"
#include "dec/solvers/interior_point.hpp"
#include "support/coordinated.hpp"

namespace dec::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using Vector = Eigen::VectorXd;

/// Magnitudes at the limited nodes of a feeder on one rank, for any setpoints.
class Voltages {
  public:
    /// Loads that draw another power by a step at `v_max_pu` are what they are below.
    Voltages(feeder::Feeder const& feeder, std::optional<double> source_voltage_pu, double v_max_pu)
        : alone_{MPI_COMM_SELF}, spread_{distributed(alone_, feeder)}, flow_{alone_,
                                                                             spread_->piece,
                                                                             {.source_voltage_pu = source_voltage_pu}} {
        flow_.keep_models_above(v_max_pu);
        model::FlowState flat;
        flat.v_sq.assign(3 * spread_->piece.vertices.size(), 1.0);
        nodes_ = coordination::limited_nodes(spread_->piece, {}, flat);
    }
    [[nodiscard]] std::size_t ders() const { return spread_->piece.feeder.pv_systems.size(); }
    [[nodiscard]] double available_kw(std::size_t d) const { return spread_->flow->ders()[d].available * base_kw(); }
    [[nodiscard]] Vector at(std::vector<double> const& alpha) {
        using Start = powerflow::PowerFlow::Start;
        flow_.curtail(alpha);
        if (flow_.solve(Start::present).status != powerflow::Status::converged)
            if (flow_.solve(Start::no_load).status != powerflow::Status::converged) return {};
        Vector v(static_cast<Eigen::Index>(nodes_.size()));
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            auto const vertex = static_cast<std::size_t>(nodes_[i].vertex);
            auto const phases = spread_->piece.vertices[vertex].phases;
            auto const legs = static_cast<std::size_t>(phases.has_legs() ? 3 : 0);
            auto const phase = static_cast<feeder::Phase>(static_cast<std::size_t>(nodes_[i].place) + legs);
            v(static_cast<Eigen::Index>(i)) = std::abs(powerflow::seen_voltage(flow_, vertex, phase));
        }
        return v;
    }

  private:
    [[nodiscard]] double base_kw() const { return spread_->flow->settings().per_unit.power_si(1.0) / 1000.0; }
    core::Communicator alone_;
    std::unique_ptr<Distributed> spread_;
    powerflow::PowerFlow flow_;
    std::vector<coordination::Node> nodes_;
};

}  // namespace

namespace {

/// One linearisation: magnitudes near their limits and how every variable moves them.
struct Linearised {
    std::vector<Eigen::Index> rows;  ///< of the nodes
    Eigen::MatrixXd slope;           ///< rows x variables
    Vector at;                       ///< magnitudes of the rows, less slope times the shares
};

/// The least cost of shares whose linearised magnitudes hold. Limits are left out until they are broken, `here` or by an answer without
/// them, the most broken ones first.
Vector least(Linearised const& near, std::vector<fairness::Cost> const& costs, Vector const& here, Vector const& lower,
             Vector const& upper, Vector const& low, Vector const& high) {
    constexpr double holds = 2e-7, binds = 1e-5;
    constexpr std::size_t at_once = 100;
    auto const variables = near.slope.cols();
    std::vector<char> taken(near.rows.size(), 0);
    Vector x = here;
    for (std::size_t count = 0, rounds = 0;; ++rounds) {
        Vector const v = near.at + near.slope * x;
        std::vector<std::pair<double, std::size_t>> broken;
        for (std::size_t r = 0; r < taken.size(); ++r) {
            auto const k = static_cast<Eigen::Index>(r);
            double const by = std::max(v(k) - high(k), low(k) - v(k));
            if (taken[r] == 0 && by > (rounds == 0 ? -binds : holds)) broken.emplace_back(-by, r);
        }
        if (broken.empty() && rounds > 0) return x;
        std::ranges::sort(broken);
        broken.resize(std::min(broken.size(), at_once));
        for (auto const& [by, r] : broken) taken[r] = 1;
        count += broken.size();
        auto program = solvers::QuadraticProgram::of_size(variables, 0, static_cast<Eigen::Index>(count));
        std::vector<Eigen::Triplet<double>> P, G;
        for (Eigen::Index d = 0; d < variables; ++d) {
            P.emplace_back(d, d, 2.0 * costs[static_cast<std::size_t>(d)].quadratic);
            program.q(d) = costs[static_cast<std::size_t>(d)].linear;
        }
        program.lb = lower;
        program.ub = upper;
        Eigen::Index row = 0;
        for (std::size_t r = 0; r < taken.size(); ++r) {
            if (taken[r] == 0) continue;
            auto const k = static_cast<Eigen::Index>(r);
            for (Eigen::Index d = 0; d < variables; ++d)
                if (std::abs(near.slope(k, d)) > 1e-9) G.emplace_back(row, d, near.slope(k, d));
            program.h_high(row) = high(k) - near.at(k);
            program.h_low(row) = low(k) - near.at(k);
            ++row;
        }
        program.P.setFromTriplets(P.begin(), P.end());
        program.G.setFromTriplets(G.begin(), G.end());
        solvers::InteriorPoint solver;
        solver.setup(program);
        auto const outcome = solver.solve();
        if (outcome.x.size() == 0) return {};
        x = outcome.x;
    }
}

}  // namespace

AcOptimum ac_optimum(feeder::Feeder const& feeder, fairness::Policy const& policy,
                     coordination::VoltageLimits const& limits, std::vector<double> const& start,
                     std::optional<double> source_voltage_pu, double near_pu) {
    constexpr double difference = 1e-4, holds = 2e-6;
    constexpr int most_rounds = 25;
    Voltages voltages{feeder, source_voltage_pu, limits.v_max_pu};
    auto const count = static_cast<Eigen::Index>(voltages.ders());
    Vector const uncurtailed = voltages.at(std::vector<double>(voltages.ders(), 0.0));
    // One variable for all, or one each.
    bool const common = policy.shared_fraction;
    Eigen::Index const variables = common ? 1 : count;
    double total = 0.0;
    for (std::size_t d = 0; d < voltages.ders(); ++d) total += voltages.available_kw(d);
    std::vector<fairness::Cost> costs;
    for (Eigen::Index d = 0; d < variables; ++d)
        costs.push_back(policy.cost(common ? total : voltages.available_kw(static_cast<std::size_t>(d))));
    auto const keeps_low = [&](Eigen::Index i) { return !limits.relax_v_min || uncurtailed(i) >= limits.v_min_pu; };

    AcOptimum best{.alpha = start, .objective = infinity};
    Vector x = Vector::Zero(variables);
    for (Eigen::Index d = 0; d < variables; ++d) x(d) = start[static_cast<std::size_t>(d)];
    auto const shares = [&](Vector const& u) {
        std::vector<double> alpha(voltages.ders());
        for (std::size_t d = 0; d < alpha.size(); ++d) alpha[d] = u(common ? 0 : static_cast<Eigen::Index>(d));
        return alpha;
    };
    double radius = 1.0, last = infinity;
    for (int round = 0; round<most_rounds; ++round, radius *= round> 5 ? 0.5 : 1.0) {
        Vector const v = voltages.at(shares(x));
        if (v.size() == 0) break;
        double violation = 0.0, objective = 0.0;
        Linearised near;
        for (Eigen::Index i = 0; i < v.size(); ++i) {
            violation = std::max(violation, v(i) - limits.v_max_pu);
            if (keeps_low(i)) violation = std::max(violation, limits.v_min_pu - v(i));
            if (v(i) > limits.v_max_pu - near_pu || (keeps_low(i) && v(i) < limits.v_min_pu + near_pu))
                near.rows.push_back(i);
        }
        for (Eigen::Index d = 0; d < variables; ++d) objective += costs[static_cast<std::size_t>(d)].of(x(d));
        if (violation <= holds && objective < best.objective)
            best = {.alpha = shares(x), .objective = objective, .violation_pu = violation};
        if (violation <= holds && std::abs(objective - last) <= 1e-5 * objective) break;
        last = objective;

        auto const rows = static_cast<Eigen::Index>(near.rows.size());
        near.slope.resize(rows, variables);
        for (Eigen::Index d = 0; d < variables; ++d) {
            Vector moved = x;
            double const step = x(d) > 0.5 ? -difference : difference;
            moved(d) += step;
            Vector const there = voltages.at(shares(moved));
            if (there.size() == 0) return best;
            near.slope.col(d) = (there(near.rows) - v(near.rows)) / step;
        }
        near.at = v(near.rows) - near.slope * x;
        Vector low(rows), high = Vector::Constant(rows, limits.v_max_pu);
        for (Eigen::Index r = 0; r < rows; ++r)
            low(r) = keeps_low(near.rows[static_cast<std::size_t>(r)]) ? limits.v_min_pu : -infinity;
        Vector const lower = (x.array() - radius).max(0.0), upper = (x.array() + radius).min(1.0);
        Vector const next = least(near, costs, x, lower, upper, low, high);
        if (next.size() == 0) break;
        x = next;
    }
    return best;
}

}  // namespace dec::test
