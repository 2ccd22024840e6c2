#include "dec/coordination/exact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "conflicts.hpp"
#include "dec/coordination/bisection.hpp"
#include "dec/coordination/piece_links.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/tree_interior_point.hpp"
#include "marginal_prices.hpp"
#include "record.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using fairness::Decision;

class ExactSearch {
  public:
    ExactSearch(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy, Settings const& settings,
                Observer const& observer)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, policy_{policy}, settings_{settings}, observer_{observer},
          links_{comm, flow.piece(), flow.exchange()}, prices_{comm, flow} {
        for (auto const& der : flow.ders()) available_kw_.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
        answer_.alpha.assign(available_kw_.size(), 0.0);
        flow_.solve(answer_.alpha, answer_.uncurtailed);
        answer_.curtailed = answer_.uncurtailed;
        answer_.nodes = limited_nodes(piece_, settings.limits, answer_.uncurtailed);
        limits_ = squared_limits(piece_, answer_.nodes);
        unknown_.v_sq.assign(answer_.uncurtailed.v_sq.size(), std::numeric_limits<double>::quiet_NaN());
        decisions_ = fairness::decide(policy, settings.scope, piece_, available_kw_, settings.contracts);
        answer_.binding.assign(available_kw_.size(), {});
    }

    Answer run() {
        if (record(comm_, flow_, {answer_.curtailed, worst_violation(), 0.0}, observer_, answer_)) answer_.status = Status::interrupted;
        else if (policy_.levels == fairness::Levels::largest_first) one_level_after_the_other();
        else if (policy_.tie_break) with_tie_break();
        else if (solve(start())) take_prices();
        if (answer_.status == Status::optimal || answer_.status == Status::relaxed) finish();
        return std::move(answer_);
    }

  private:
    [[nodiscard]] static std::size_t place(Node const& node) { return static_cast<std::size_t>(3 * node.vertex + node.place); }
    [[nodiscard]] double worst_violation() const {
        auto const badness = violations(piece_, answer_.nodes, answer_.curtailed);
        return comm_.max(badness.empty() ? 0.0 : std::ranges::max(badness));
    }
    [[nodiscard]] double objective_of(std::vector<double> const& alpha) const {
        double const own = fairness::objective(policy_, available_kw_, alpha, settings_.contracts);
        return policy_.levels == fairness::Levels::largest_first ? comm_.max(own) : comm_.sum(own);
    }

    bool solve(solvers::TreeStart const* start);
    void take_shares(std::span<double const> u);
    void take_prices();
    void name_binding(std::vector<char> const& ders);
    void with_tie_break();
    [[nodiscard]] bool proves_linear_optimum(std::vector<double> const& low, std::vector<double> const& high);
    void one_level_after_the_other();
    void ease_limits();
    void finish();
    [[nodiscard]] solvers::TreeStart const* start();
    [[nodiscard]] solvers::TreeStart warm() const { return {outcome_.u, outcome_.y, outcome_.price_low, outcome_.price_high}; }

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    PieceLinks links_;
    MarginalPrices prices_;
    std::vector<double> available_kw_;
    model::SquaredLimits limits_;
    model::FlowState unknown_;
    fairness::Decisions decisions_;
    model::AssembledProgram assembled_;
    solvers::TreeOutcome outcome_;
    solvers::TreeStart start_;
    std::vector<double> low_, high_;  // per node: price of its limits, objective per pu^2
    Answer answer_;
};

void ExactSearch::take_shares(std::span<double const> u) {
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d) {
        auto const& what = decisions_.ders[d];
        answer_.alpha[d] = what.role == Decision::Role::fixed ? what.fixed : 0.0;
    }
    for (std::size_t k = 0; k < u.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        answer_.alpha[d] = decisions_.ders[d].reach * u[k];
    }
}

/// Where a run that is resumed begins; null without one.
solvers::TreeStart const* ExactSearch::start() {
    if (!settings_.start) return nullptr;
    assembled_ = model::assemble(comm_, flow_, limits_, decisions_);
    auto const& given = *settings_.start;
    start_ = {};
    start_.y.assign(assembled_.program.groups.size(), 0.0);
    for (std::size_t k = 0; k < assembled_.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        start_.u.push_back(given.alpha[d] / decisions_.ders[d].reach);
        auto const group = assembled_.program.controls[k].group;
        if (group >= 0) start_.y[static_cast<std::size_t>(group)] = std::max(start_.y[static_cast<std::size_t>(group)], start_.u.back());
    }
    start_.price_low.assign(assembled_.program.low.size(), 0.0);
    start_.price_high = start_.price_low;
    for (auto const& node : answer_.nodes) {
        auto const row = static_cast<std::size_t>(assembled_.row_of_place[place(node)]);
        auto const low = given.price_low.find(node.row);
        auto const high = given.price_high.find(node.row);
        if (low != given.price_low.end() && node.low > 0.0) start_.price_low[row] = low->second / (2.0 * std::sqrt(node.low));
        if (high != given.price_high.end()) start_.price_high[row] = high->second / (2.0 * std::sqrt(node.high));
    }
    return &start_;
}

/// One program, with the decisions and limits as they stand. \return false if there is no answer; the status then says why.
bool ExactSearch::solve(solvers::TreeStart const* start) {
    assembled_ = model::assemble(comm_, flow_, limits_, decisions_);
    solvers::TreeSettings tree{.tolerance = settings_.tolerance,
                               .max_iterations = static_cast<int>(settings_.max_iterations),
                               .presolve = settings_.presolve};
    auto const before = answer_.alpha;
    solvers::TreeObserver const watch = [&](solvers::TreeRound const& round) {
        auto const last = answer_.alpha;
        take_shares(round.u);
        double change = 0.0;
        for (std::size_t d = 0; d < last.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - last[d]));
        answer_.objective = objective_of(answer_.alpha);
        return record(comm_, flow_, {unknown_, round.primal_residual, comm_.max(change), round.dual_residual}, observer_, answer_);
    };
    outcome_ = solvers::solve(assembled_.program, links_, tree, start, watch);
    if (outcome_.status == solvers::TreeStatus::primal_infeasible && settings_.elastic) {
        tree.elastic = true;
        outcome_ = solvers::solve(assembled_.program, links_, tree, nullptr, watch);
        answer_.status = Status::relaxed;
    }
    switch (outcome_.status) {
        case solvers::TreeStatus::optimal: break;
        case solvers::TreeStatus::iteration_limit: answer_.status = Status::iteration_limit; break;
        case solvers::TreeStatus::numerical_failure: answer_.status = Status::diverged; break;
        case solvers::TreeStatus::stopped: answer_.status = Status::interrupted; break;
        case solvers::TreeStatus::primal_infeasible:
            answer_.status = Status::infeasible;
            answer_.alpha = before;
            break;
    }
    low_.clear();
    high_.clear();
    for (auto const& node : answer_.nodes) {
        auto const row = static_cast<std::size_t>(assembled_.row_of_place[place(node)]);
        low_.push_back(outcome_.price_low[row]);
        high_.push_back(outcome_.price_high[row]);
    }
    if (outcome_.status == solvers::TreeStatus::primal_infeasible) {
        report_conflict(comm_, flow_, answer_, low_, high_);
        return false;
    }
    take_shares(outcome_.u);
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.duality_gap = outcome_.gap / std::max(std::abs(outcome_.objective), 1e-6);
    return outcome_.status == solvers::TreeStatus::optimal;
}

/// From squared voltages to voltages: d(v^2) = 2 v dv.
void ExactSearch::take_prices() {
    answer_.price_low.clear();
    answer_.price_high.clear();
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        answer_.price_low.push_back(node.low > 0.0 ? 2.0 * std::sqrt(node.low) * low_[i] : 0.0);
        answer_.price_high.push_back(2.0 * std::sqrt(node.high) * high_[i]);
    }
    name_binding(std::vector<char>(answer_.alpha.size(), 1));
}

void ExactSearch::name_binding(std::vector<char> const& ders) {
    constexpr double nothing = 1e-7;  // curtailed share that nobody would notice
    auto const names = prices_.binding_nodes(answer_.nodes, low_, high_);
    for (std::size_t d = 0; d < ders.size(); ++d)
        if (ders[d] != 0 && answer_.alpha[d] > nothing) answer_.binding[d] = names[d];
}

/// A linear cost with a small curvature has one answer, which from some curvature on downwards is the linear program's with the
/// smallest sum of available alpha^2 (Mangasarian and Meyer, SIAM J. Control Optim. 17(6), 1979). Whether it is small enough
/// is proven from prices extrapolated to none at all.
void ExactSearch::with_tie_break() {
    constexpr double first = 1e-4, last = 1e-7;
    auto const linear = decisions_;
    auto const curve = [&](double curvature) {
        for (std::size_t d = 0; d < linear.ders.size(); ++d) {
            auto const& what = linear.ders[d];
            decisions_.ders[d].cost.quadratic = what.cost.quadratic + curvature * available_kw_[d] * what.reach * what.reach;
        }
    };
    auto const* from = start();
    for (double curvature = first;; curvature *= 0.1) {
        curve(curvature);
        if (!solve(from)) return;
        if (answer_.status == Status::relaxed) break;
        auto const low = low_, high = high_;
        start_ = warm();
        from = &start_;
        curve(0.5 * curvature);
        if (!solve(from)) return;
        start_ = warm();
        for (std::size_t i = 0; i < low_.size(); ++i) {
            low_[i] = std::max(0.0, 2.0 * low_[i] - low[i]);
            high_[i] = std::max(0.0, 2.0 * high_[i] - high[i]);
        }
        decisions_ = linear;
        if (proves_linear_optimum(low_, high_) || curvature < last) break;
    }
    decisions_ = linear;
    take_prices();
}

/// Weak duality: at any prices the least cost over the bounds of the shares alone, plus what limits are worth, is a lower bound.
bool ExactSearch::proves_linear_optimum(std::vector<double> const& low, std::vector<double> const& high) {
    constexpr double enough = 1e-9;
    auto const gradient = prices_.gradient(answer_.nodes, low, high);
    double bound = 0.0, cost = 0.0;
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        double const v = seen(piece_, answer_.curtailed, node);
        if (high[i] > 0.0) bound += high[i] * (v - node.high);
        if (low[i] > 0.0) bound += low[i] * (node.low - v);
    }
    std::vector<double> group_slope(static_cast<std::size_t>(decisions_.groups), 0.0), group_at(group_slope.size(), 0.0);
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d) {
        auto const& what = decisions_.ders[d];
        if (what.role == Decision::Role::fixed) continue;
        double const u = answer_.alpha[d] / what.reach;
        cost += what.cost.linear * u;
        double const slope = what.cost.linear + what.reach * gradient[d];
        if (what.role == Decision::Role::tied) {
            group_slope[static_cast<std::size_t>(what.group)] += slope;
            group_at[static_cast<std::size_t>(what.group)] = std::max(group_at[static_cast<std::size_t>(what.group)], u);
        } else {
            bound += std::min(slope * (what.lower - u), slope * (what.upper - u));
        }
    }
    links_.sum(group_slope);
    links_.max(group_at);
    double const gap = -comm_.sum(bound) - [&] {
        double sum = 0.0;
        for (std::size_t g = 0; g < group_slope.size(); ++g)
            sum += std::min(group_slope[g] * (0.0 - group_at[g]), group_slope[g] * (1.0 - group_at[g]));
        return sum;
    }();
    return gap <= enough * std::max(comm_.sum(cost), 1e-6);
}

/// The largest share as small as possible; whoever has to bear it keeps it; then the same for the others.
void ExactSearch::one_level_after_the_other() {
    constexpr double nothing = 1e-9;     // share below which all that are left are free
    constexpr double negligible = 1e-9;  // worth compared with that of the DER that moves the priced voltages most
    std::int64_t levels = 0;
    auto const* from = start();
    while (true) {
        double left = 0.0;
        for (auto const& what : decisions_.ders) left += what.role == Decision::Role::capped ? 1.0 : 0.0;
        left = comm_.sum(left);
        if (left == 0.0) break;
        if (!solve(from)) return;
        from = nullptr;
        if (levels == 0) take_prices();
        double largest = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
            if (decisions_.ders[d].role == Decision::Role::capped) largest = std::max(largest, answer_.alpha[d]);
        largest = comm_.max(largest);
        if (largest <= nothing || answer_.status == Status::relaxed) break;
        ++levels;

        // What one more unit of a DER's share is worth to the others: the multiplier of its cap.
        auto const gradient = prices_.gradient(answer_.nodes, low_, high_);
        double most = 0.0;
        for (std::size_t d = 0; d < gradient.size(); ++d)
            if (decisions_.ders[d].role == Decision::Role::capped) most = std::max(most, std::abs(gradient[d]));
        most = comm_.max(most);
        std::vector<char> fixed(gradient.size(), 0);
        for (std::size_t d = 0; d < gradient.size(); ++d) {
            auto& what = decisions_.ders[d];
            if (what.role != Decision::Role::capped) continue;
            double const worth = -gradient[d];
            // Whom it helps to curtail bears all that is asked of anybody, whom it harms nothing. Of worth and room below the cap
            // one is zero at the optimum: the smaller one, each on its own scale.
            double const own = worth > 0.0 ? std::min(largest, what.upper) : what.lower;
            if (std::abs(worth) > negligible * most && left * std::abs(worth) * largest > std::abs(own - answer_.alpha[d])) {
                what.role = Decision::Role::fixed;
                what.fixed = own;
                answer_.alpha[d] = own;
                fixed[d] = 1;
            }
        }
        if (levels > 1) name_binding(fixed);
        if (comm_.max(fixed.empty() ? 0.0 : static_cast<double>(std::ranges::max(fixed))) == 0.0) break;
        flow_.solve(answer_.alpha, answer_.curtailed);
        ease_limits();
    }
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
        if (decisions_.ders[d].role == Decision::Role::capped && answer_.alpha[d] <= nothing) answer_.alpha[d] = 0.0;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.levels = levels;
}

/// What was decided ends exactly at limits. Those that nobody who is left moves have done their part; the others get the
/// room of a rounding, so that what was decided stays feasible.
void ExactSearch::ease_limits() {
    constexpr double at_limit = 1e-8;    // pu^2
    constexpr double rounding = 1e-9;    // pu^2
    constexpr double unmoved = 1e-9;     // pu^2, by all who are left together
    std::vector<double> left(answer_.alpha.size(), 0.0);
    for (std::size_t d = 0; d < left.size(); ++d) left[d] = decisions_.ders[d].role == Decision::Role::capped ? 1.0 : 0.0;
    model::FlowState change;
    flow_.solve_change(left, change);
    for (auto const& node : answer_.nodes) {
        double const v = seen(piece_, answer_.curtailed, node);
        bool const moves = std::abs(seen(piece_, change, node)) > unmoved;
        if (v > node.high - at_limit) limits_.high[place(node)] = moves ? node.high + rounding : infinity;
        if (v < node.low + at_limit) limits_.low[place(node)] = moves ? node.low - rounding : -infinity;
    }
}

/// The last line of the history is the answer itself, with its voltages.
void ExactSearch::finish() {
    if (answer_.rounds.size() > 1) {
        auto const rounds = answer_.rounds.size() - 1;
        answer_.agent_curtailed_kw.resize(answer_.agent_curtailed_kw.size() / answer_.rounds.size() * rounds);
        answer_.boundary_v_sq.resize(answer_.boundary_v_sq.size() / answer_.rounds.size() * rounds);
        double const change = answer_.rounds.back().max_alpha_change;
        answer_.rounds.pop_back();
        record(comm_, flow_, {answer_.curtailed, worst_violation(), change, outcome_.dual_residual}, {}, answer_);
    }
}

bool is_scalar(fairness::Policy const& policy, Settings const& settings) {
    return policy.ramp != nullptr && (!policy.shared_fraction || (settings.scope == fairness::Scope::feeder && settings.contracts.empty()));
}

}  // namespace

Answer exact_on_tree(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                     Settings const& settings, Observer const& observer) {
    return ExactSearch{comm, flow, policy, settings, observer}.run();
}

Answer exact(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy, Settings const& settings,
             Observer const& observer) {
    if (!is_scalar(policy, settings)) return exact_on_tree(comm, flow, policy, settings, observer);
    auto answer = bisection(comm, flow, policy, settings, observer);
    bool const may_relax = settings.elastic && policy.shared_fraction && answer.status == Status::infeasible;
    return may_relax ? exact_on_tree(comm, flow, policy, settings, observer) : answer;
}

}  // namespace dec::coordination
