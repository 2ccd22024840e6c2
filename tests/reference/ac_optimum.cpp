#include "reference/ac_optimum.hpp"

#include <Eigen/Core>
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
    Voltages(feeder::Feeder const& feeder, std::optional<double> source_voltage_pu)
        : alone_{MPI_COMM_SELF}, spread_{distributed(alone_, feeder)}, flow_{alone_,
                                                                             spread_->piece,
                                                                             {.source_voltage_pu = source_voltage_pu}} {
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

AcOptimum ac_optimum(feeder::Feeder const& feeder, fairness::Policy const& policy,
                     coordination::VoltageLimits const& limits, std::vector<double> const& start,
                     std::optional<double> source_voltage_pu, double near_pu) {
    constexpr double difference = 1e-4;
    constexpr int most_rounds = 25;
    Voltages voltages{feeder, source_voltage_pu};
    auto const count = static_cast<Eigen::Index>(voltages.ders());
    Vector const uncurtailed = voltages.at(std::vector<double>(voltages.ders(), 0.0));
    // One variable for all, or one each.
    bool const common = policy.shared_fraction;
    Eigen::Index const variables = common ? 1 : count;
    double total = 0.0;
    for (std::size_t d = 0; d < voltages.ders(); ++d) total += voltages.available_kw(d);

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
        double violation = 0.0;
        std::vector<Eigen::Index> rows;
        for (Eigen::Index i = 0; i < v.size(); ++i) {
            bool const keeps_low = !limits.relax_v_min || uncurtailed(i) >= limits.v_min_pu;
            violation = std::max(violation, v(i) - limits.v_max_pu);
            if (keeps_low) violation = std::max(violation, limits.v_min_pu - v(i));
            if (v(i) > limits.v_max_pu - near_pu || (keeps_low && v(i) < limits.v_min_pu + near_pu)) rows.push_back(i);
        }
        auto program = solvers::QuadraticProgram::of_size(variables, 0, static_cast<Eigen::Index>(rows.size()));
        std::vector<Eigen::Triplet<double>> P, G;
        double objective = 0.0;
        for (Eigen::Index d = 0; d < variables; ++d) {
            auto const cost = policy.cost(common ? total : voltages.available_kw(static_cast<std::size_t>(d)));
            objective += cost.of(x(d));
            P.emplace_back(d, d, 2.0 * cost.quadratic);
            program.q(d) = cost.linear;
            program.lb(d) = std::max(0.0, x(d) - radius);
            program.ub(d) = std::min(1.0, x(d) + radius);
            Vector moved = x;
            double const step = x(d) > 0.5 ? -difference : difference;
            moved(d) += step;
            Vector const slope = (voltages.at(shares(moved)) - v) / step;
            for (std::size_t r = 0; r < rows.size(); ++r)
                if (std::abs(slope(rows[r])) > 1e-9) G.emplace_back(static_cast<Eigen::Index>(r), d, slope(rows[r]));
        }
        if (violation <= 2e-6 && objective < best.objective)
            best = {.alpha = shares(x), .objective = objective, .violation_pu = violation};
        if (violation <= 2e-6 && std::abs(objective - last) <= 1e-5 * objective) break;
        last = objective;
        program.P.setFromTriplets(P.begin(), P.end());
        program.G.setFromTriplets(G.begin(), G.end());
        Vector const at_x = program.G * x;
        for (std::size_t r = 0; r < rows.size(); ++r) {
            auto const i = rows[r];
            auto const k = static_cast<Eigen::Index>(r);
            bool const keeps_low = !limits.relax_v_min || uncurtailed(i) >= limits.v_min_pu;
            program.h_high(k) = at_x(k) + limits.v_max_pu - v(i);
            program.h_low(k) = keeps_low ? at_x(k) + limits.v_min_pu - v(i) : -infinity;
        }
        solvers::InteriorPoint solver;
        solver.setup(program);
        auto const outcome = solver.solve();
        if (outcome.x.size() == 0) break;
        x = outcome.x;
    }
    return best;
}

}  // namespace dec::test
