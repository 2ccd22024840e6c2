#include "dec/coordination/exact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "conflicts.hpp"
#include "dec/coordination/bisection.hpp"
#include "dec/coordination/piece_links.hpp"
#include "dec/coordination/power_limits.hpp"
#include "dec/fairness/contracts.hpp"
#include "dec/model/tree_program.hpp"
#include "dec/solvers/tree_interior_point.hpp"
#include "later_costs.hpp"
#include "marginal_prices.hpp"
#include "record.hpp"
#include "vertex_walks.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using fairness::Decision;

class ExactSearch {
  public:
    ExactSearch(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                Settings const& settings, Observer const& observer)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, policy_{policy}, settings_{settings}, observer_{observer},
          links_{comm, flow.piece(), flow.exchange()}, prices_{comm, flow}, walks_{comm,     flow,       links_,
                                                                                   prices_,  policy,     settings,
                                                                                   observer, decisions_, answer_} {
        for (auto const& der : flow.ders())
            available_kw_.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
        total_kw_ = comm.sum(std::accumulate(available_kw_.begin(), available_kw_.end(), 0.0));
        answer_.alpha.assign(available_kw_.size(), 0.0);
        flow_.set_reactive({});
        flow_.solve(answer_.alpha, answer_.uncurtailed);
        answer_.curtailed = answer_.uncurtailed;
        answer_.nodes = nodes_of(settings, piece_, answer_.uncurtailed);
        limits_ = squared_limits(piece_, answer_.nodes);
        unknown_.v_sq.assign(answer_.uncurtailed.v_sq.size(), std::numeric_limits<double>::quiet_NaN());
        decisions_ = fairness::decide(policy, settings.scope, piece_, available_kw_, settings.contracts);
        limit_powers();
        answer_.binding.assign(available_kw_.size(), {});
        if (settings.disclose) disclosure_.emplace(piece_);
    }

    Answer run() {
        if (record(comm_, flow_, {answer_.curtailed, worst_violation(), 0.0}, observer_, answer_))
            answer_.status = Status::interrupted;
        else if (policy_.levels == fairness::Levels::largest_first) one_level_after_the_other();
        else if (policy_.levels == fairness::Levels::oldest_first) one_date_after_the_other();
        else if (policy_.tie_break) with_tie_break();
        else if (solve(start())) take_prices();
        if (answer_.status == Status::optimal && is_short_)
            leave_open("the optimum is met within the gap that is reported, not within the tolerance");
        if (answer_.status == Status::optimal || answer_.status == Status::converged) use_least_reactive_power();
        if (answer_.status == Status::optimal || answer_.status == Status::relaxed ||
            answer_.status == Status::converged)
            finish();
        if (disclosure_) answer_.messages = disclosure_->take();
        return std::move(answer_);
    }

  private:
    [[nodiscard]] static std::size_t place(Node const& node) {
        return static_cast<std::size_t>(3 * node.vertex + node.place);
    }
    [[nodiscard]] double worst_violation() const { return coordination::worst_violation(comm_, piece_, answer_); }
    [[nodiscard]] double objective_of(std::vector<double> const& alpha) const {
        return total_objective(comm_, policy_, settings_, available_kw_, alpha);
    }

    void limit_powers();
    void set_reactive(std::vector<double> injected);
    void use_least_reactive_power();
    [[nodiscard]] solvers::TreeOutcome solve_with_powers(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                         solvers::TreeObserver const& watch);
    bool solve(solvers::TreeStart const* start, bool polish = true);
    [[nodiscard]] solvers::TreeOutcome solve_tree(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                  solvers::TreeObserver const& watch) {
        return disclosure_ ? disclosure_->solve(assembled_.program, links_, tree, start, watch)
                           : solvers::solve(assembled_.program, links_, tree, start, watch);
    }
    [[nodiscard]] bool stands_still() const;
    /// Of one program: what does not end before does not end at all.
    [[nodiscard]] std::int64_t most_iterations() const {
        return decides_least_ ? 40 : holds_limits_ ? 60 : has_powers_ ? 100 : 200;
    }
    [[nodiscard]] bool is_near(solvers::TreeOutcome const& outcome) const;
    void take_shares(std::span<double const> u);
    void take_prices();
    void name_binding(std::vector<char> const& ders);
    void with_tie_break();
    [[nodiscard]] bool break_tie(double least);
    void leave_open(std::string what);
    [[nodiscard]] double count_open() const;
    std::vector<char> settle(double cap);
    [[nodiscard]] bool solve_next_level();
    void one_level_after_the_other();
    void one_date_after_the_other();
    [[nodiscard]] bool walk_through_dates(std::vector<double> const& dates);
    void fix_dates(double first, double last);
    void hold_priced_limits();
    void loosen_held_limits();
    [[nodiscard]] bool rest_gives_nothing();
    void finish();
    [[nodiscard]] solvers::TreeStart const* start();
    [[nodiscard]] solvers::TreeStart start_at(std::vector<double> const& alpha) const;

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    PieceLinks links_;
    std::optional<Disclosure> disclosure_;
    MarginalPrices prices_;
    VertexWalks walks_;
    std::vector<double> available_kw_;
    double total_kw_ = 0.0;
    model::SquaredLimits limits_;
    model::PowerLimits powers_;
    bool has_powers_ = false;  // on any rank
    bool decides_reactive_ = false;
    bool is_short_ = false;      // a program ended near its optimum, but not within the tolerance
    bool decides_least_ = false;  // shares are decided: the smallest reactive powers are wanted
    bool holds_limits_ = false;  // some rows are given: nothing about them may be left out
    bool settled_ = false;       // something has been decided by an earlier program
    bool loosened_ = false;      // they have become limits with little room
    bool stood_still_ = false;   // a program since this was cleared ended above the tolerance
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
        if (assembled_.reactive[k] != 0) answer_.reactive[d] = powers_.ders[d].rated * u[k];
        else answer_.alpha[d] = decisions_.ders[d].reach * u[k];
    }
}

/// Where a run that is resumed begins; null without one.
solvers::TreeStart const* ExactSearch::start() {
    if (!settings_.start) return nullptr;
    assembled_ = model::assemble(comm_, flow_, limits_, decisions_, powers_);
    auto const& given = *settings_.start;
    for (std::size_t d = 0; decides_reactive_ && d < given.reactive_kvar.size(); ++d)
        if (powers_.decides(d)) answer_.reactive[d] = flow_.settings().per_unit.power(1000.0 * given.reactive_kvar[d]);
    start_ = start_at(given.alpha);
    for (auto const& node : answer_.nodes) {
        auto const row = static_cast<std::size_t>(assembled_.row_of_place[place(node)]);
        auto const low = given.price_low.find(node.row);
        auto const high = given.price_high.find(node.row);
        if (low != given.price_low.end() && node.low > 0.0)
            start_.price_low[row] = low->second / (2.0 * std::sqrt(node.low));
        if (high != given.price_high.end()) start_.price_high[row] = high->second / (2.0 * std::sqrt(node.high));
    }
    return &start_;
}

/// Prices of given rows, and of limits with hardly an inside, are so large that rounding of voltages keeps the gap from closing altogether.
bool ExactSearch::stands_still() const {
    constexpr double feasible = 1e-9, near = 1e-5, nothing = 1e-9;  // of all that could be given up
    double const all = policy_.cost == nullptr ? 1.0 : total_kw_;
    return outcome_.primal_residual <= feasible &&
           outcome_.gap <= std::max(near * std::abs(outcome_.objective), nothing * all);
}

/// The open shares as they are in `alpha`, without prices. \pre the program has been assembled.
solvers::TreeStart ExactSearch::start_at(std::vector<double> const& alpha) const {
    solvers::TreeStart start;
    start.y.assign(assembled_.program.groups.size(), 0.0);
    for (std::size_t k = 0; k < assembled_.der.size(); ++k) {
        auto const d = static_cast<std::size_t>(assembled_.der[k]);
        if (assembled_.reactive[k] != 0) {
            double const q = answer_.reactive[d] / powers_.ders[d].rated;
            start.u.push_back(std::isfinite(q) ? q : 0.0);
            continue;
        }
        start.u.push_back(alpha[d] / decisions_.ders[d].reach);
        auto const group = assembled_.program.controls[k].group;
        if (group >= 0)
            start.y[static_cast<std::size_t>(group)] =
                std::max(start.y[static_cast<std::size_t>(group)], start.u.back());
    }
    start.price_low.assign(assembled_.program.low.size(), 0.0);
    start.price_high = start.price_low;
    return start;
}

/// One program, with the decisions and limits as they stand. \return false if there is no answer; the status then says why.
bool ExactSearch::solve(solvers::TreeStart const* start, bool polish) {
    if (answer_.iterations >= settings_.max_iterations) {
        answer_.status = Status::iteration_limit;
        return false;
    }
    assembled_ = model::assemble(comm_, flow_, limits_, decisions_, powers_);
    solvers::TreeSettings tree{
        .tolerance = settings_.tolerance,
        .max_iterations = static_cast<int>(std::min(settings_.max_iterations - answer_.iterations, most_iterations())),
        .presolve = settings_.presolve && !holds_limits_ && !disclosure_,
        .give = decides_least_ ? powers_.room : 0.0,
        .polish = polish,
        .control_prices = has_powers_};
    auto const before = answer_.alpha;
    solvers::TreeObserver const watch = [&](solvers::TreeRound const& round) {
        if (round.iteration == 0) return false;  // where it starts from is no round
        auto const last = answer_.alpha;
        take_shares(round.u);
        double change = 0.0;
        for (std::size_t d = 0; d < last.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - last[d]));
        answer_.objective = objective_of(answer_.alpha);
        return record(comm_, flow_, {unknown_, round.primal_residual, comm_.max(change), round.dual_residual},
                      observer_, answer_);
    };
    outcome_ = solve_with_powers(tree, start, watch);
    // Programs after the first have an answer, the one before; what stands in its way is rounding.
    bool const may_relax = settings_.elastic && !settled_ && policy_.levels != fairness::Levels::oldest_first;
    if (outcome_.status == solvers::TreeStatus::primal_infeasible && may_relax) {
        tree.elastic = true;
        outcome_ = solve_tree(tree, nullptr, watch);
        answer_.status = Status::relaxed;
    }
    switch (outcome_.status) {
        case solvers::TreeStatus::optimal: break;
        case solvers::TreeStatus::iteration_limit:
            if ((holds_limits_ || loosened_) && stands_still()) {
                outcome_.status = solvers::TreeStatus::optimal;
                stood_still_ = true;
            } else if (has_powers_ && is_near(outcome_)) {
                outcome_.status = solvers::TreeStatus::optimal;
                is_short_ = true;
            } else answer_.status = Status::iteration_limit;
            break;
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
        report_conflict(comm_, flow_, settings_.limits, answer_, low_, high_);
        return false;
    }
    take_shares(outcome_.u);
    flow_.set_reactive(answer_.reactive);
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    // What exceeding limits costs is not in the objective, but in the gap.
    answer_.duality_gap = outcome_.gap / std::max(std::abs(outcome_.objective + outcome_.penalty), 1e-6);
    return outcome_.status == solvers::TreeStatus::optimal;
}

/// What limits powers, besides voltages.
void ExactSearch::limit_powers() {
    model::FlowState everything;
    if (settings_.ratings != Ratings::none) {
        flow_.solve(std::vector<double>(answer_.alpha.size(), 1.0), everything);
        auto rated = rated_branches(flow_, settings_.ratings, answer_.uncurtailed, everything);
        answer_.ratings = std::move(rated.limited);
        answer_.beyond_help = rated.beyond_help;
    }
    powers_ = power_limits(flow_, decisions_, settings_, answer_.ratings, answer_.uncurtailed, everything);
    decides_reactive_ = settings_.reactive;
    has_powers_ = settings_.reactive || settings_.ratings != Ratings::none;
    if (decides_reactive_) answer_.reactive.assign(answer_.alpha.size(), std::numeric_limits<double>::quiet_NaN());
}

/// Where nearly everything about reactive powers costs nothing, the gap closes slowly below this.
bool ExactSearch::is_near(solvers::TreeOutcome const& outcome) const {
    constexpr double feasible = 1e-8, near = 1e-4, nothing = 1e-9;  // of all that could be given up
    double const all = policy_.cost == nullptr ? 1.0 : total_kw_;
    return outcome.status == solvers::TreeStatus::iteration_limit && outcome.primal_residual <= feasible &&
           outcome.gap <= std::max(near * std::abs(outcome.objective), nothing * all);
}

void ExactSearch::set_reactive(std::vector<double> injected) {
    answer_.reactive = std::move(injected);
    flow_.set_reactive(answer_.reactive);
}

/// With all shares as they are the smallest sum of q^2 / s. The limits may leave no inside: they have a little room.
void ExactSearch::use_least_reactive_power() {
    // pu^2, of ratings their part; and as much again may be missed.
    constexpr std::array rooms{1e-9, 5e-9};
    if (!decides_reactive_) return;
    auto const reactive = answer_.reactive;
    auto const gap = answer_.duality_gap;
    auto const status = answer_.status;
    for (auto& can : powers_.ders) {
        can.given.reset();
        can.cost = flow_.settings().per_unit.power_si(can.rated) / 1000.0;
    }
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        decisions_.ders[d].role = Decision::Role::fixed;
        decisions_.ders[d].fixed = answer_.alpha[d];
    }
    auto const limits = squared_limits(piece_, answer_.nodes);
    auto const decided = answer_.curtailed;
    holds_limits_ = false;
    decides_least_ = true;
    auto const found = [&](double room) {
        powers_.room = room;
        limits_ = limits;
        for (auto const& node : answer_.nodes) {
            double const v = seen(piece_, decided, node);
            auto& low = limits_.low[place(node)];
            auto& high = limits_.high[place(node)];
            low = std::min(low, v) - room;
            high = std::max(high, v) + room;
        }
        answer_.status = Status::optimal;
        return solve(nullptr) && worst_violation() <= 3.0 * room;
    };
    bool is_least = false;
    for (double const room : rooms)
        is_least = is_least || (answer_.status != Status::interrupted && found(room));
    answer_.conflicts.clear();
    if (answer_.status != Status::interrupted) answer_.status = status;
    if (!is_least && answer_.status != Status::interrupted) {
        set_reactive(reactive);
        flow_.solve(answer_.alpha, answer_.curtailed);
        leave_open("the reactive powers keep the limits, but whether smaller ones do as well is not settled");
    }
    answer_.objective = objective_of(answer_.alpha);
    answer_.duality_gap = gap;
}

solvers::TreeOutcome ExactSearch::solve_with_powers(solvers::TreeSettings const& tree, solvers::TreeStart const* start,
                                                    solvers::TreeObserver const& watch) {
    if (!decides_reactive_ || decides_least_ || tree.elastic) return solve_tree(tree, start, watch);
    std::vector<double> later(assembled_.der.size(), 0.0);
    for (std::size_t k = 0; k < later.size(); ++k) {
        auto const& can = powers_.ders;
        if (assembled_.reactive[k] == 0) continue;
        later[k] = flow_.settings().per_unit.power_si(can[static_cast<std::size_t>(assembled_.der[k])].rated) / 1000.0;
    }
    auto const solve_one = [&](bool resume, solvers::TreeStart const* from) {
        auto now = tree;
        now.resume = resume;
        now.polish = true;
        return solve_tree(now, from, watch);
    };
    return solve_with_idle_controls(assembled_.program, later, links_, settings_.tolerance, solve_one, start);
}

void ExactSearch::take_prices() {
    report_prices(low_, high_, answer_);
    if (!powers_.branches.empty()) {
        answer_.price_rating = rating_prices(powers_, assembled_, outcome_);
        for (double& price : answer_.price_rating) price *= flow_.settings().per_unit.power(1000.0);
    }
    name_binding(std::vector<char>(answer_.alpha.size(), 1));
}

void ExactSearch::name_binding(std::vector<char> const& ders) { prices_.name_binding(ders, low_, high_, answer_); }

/// Of all answers that cost the least the one of smallest sum of available alpha^2: a second program in what the prices of the
/// first leave open.
void ExactSearch::with_tie_break() {
    auto const* const from = start();
    if (!has_powers_ && !policy_.shared_fraction && (solve(from, false) || answer_.status == Status::iteration_limit) &&
        answer_.status != Status::relaxed && walks_.can_begin() && walks_.cheapest())
        return;
    if (answer_.status == Status::infeasible || answer_.status == Status::interrupted) return;
    answer_.status = Status::optimal;
    if (!solve(from)) return;
    take_prices();
    if (answer_.status == Status::relaxed) return;
    auto const first = answer_.alpha;
    auto const first_reactive = answer_.reactive;
    double const least = answer_.objective;
    auto const gap = answer_.duality_gap;
    if (!break_tie(least)) {
        if (answer_.status == Status::interrupted) return;
        answer_.alpha = first;
        set_reactive(first_reactive);
        leave_open(
            "no answer costs less, but which of those that cost the same has the smallest squares is not settled");
    }
    answer_.duality_gap = gap;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
}

/// \return false if the answer is not the one of smallest squares among those that cost `least`, or the run was interrupted.
bool ExactSearch::break_tie(double least) {
    constexpr double same = 1e-8;
    auto const found = [&] {
        answer_.status = Status::optimal;
        stood_still_ = false;
        return solve(nullptr) && !stood_still_ &&
               objective_of(answer_.alpha) <= least + same * std::max(std::abs(least), 1e-3);
    };
    auto const squares = [&](std::size_t d) {
        return available_kw_[d] * decisions_.ders[d].reach * decisions_.ders[d].reach;
    };
    auto const decisions = decisions_;
    auto const limits = limits_;
    settle(1.0);
    hold_priced_limits();
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost = {.quadratic = squares(d)};
    if (count_open() == 0.0 || found()) return true;
    // What prices leave open may have no inside. So small a part of the squares beside the cost that this stays the least leads
    // to the same answer (Mangasarian and Meyer, SIAM J. Control Optim. 17, 1979); how small shows in the cost.
    for (double const part : {1e-2, 1e-4, 1e-6}) {
        if (answer_.status == Status::interrupted) return false;
        decisions_ = decisions;
        limits_ = limits;
        holds_limits_ = false;
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost.quadratic = part * squares(d);
        if (found()) return true;
    }
    return false;
}

void ExactSearch::leave_open(std::string what) {
    answer_.status = Status::converged;
    answer_.open = std::move(what);
}

double ExactSearch::count_open() const {
    double open = 0.0;
    for (auto const& what : decisions_.ders) open += what.role == Decision::Role::fixed ? 0.0 : 1.0;
    return comm_.sum(open);
}

/// Fixes every share that is at a bound in all optima: whose bound has a price. `cap` is what shares with a cap have at most.
/// \return which ones.
std::vector<char> ExactSearch::settle(double cap) {
    constexpr double negligible = 1e-8;  // price of a bound compared with the cost of a share
    constexpr double clear = 1e-7;       // farther from its bound a share stays where it is: the limits are met there
    settled_ = true;
    auto gradient = prices_.gradient(answer_.nodes, low_, high_);
    if (has_powers_) {
        // Capabilities and ratings have prices, too.
        powers_.room = 1e-9;
        for (std::size_t k = 0; k < assembled_.der.size() && !outcome_.control_price.empty(); ++k) {
            auto const d = static_cast<std::size_t>(assembled_.der[k]);
            if (assembled_.reactive[k] == 0) gradient[d] = outcome_.control_price[k] / decisions_.ders[d].reach;
        }
        for (std::size_t i = 0; i < assembled_.program.pair_limits.size(); ++i) {
            auto const& limit = assembled_.program.pair_limits[i];
            auto const d = static_cast<std::size_t>(assembled_.der[static_cast<std::size_t>(limit.control)]);
            gradient[d] += limit.first * outcome_.price_pair[i] / decisions_.ders[d].reach;
        }
    }
    double const open = count_open();
    std::vector<double> worth(gradient.size(), 0.0), scale(gradient.size(), 0.0);
    std::vector<double> of_group(2 * static_cast<std::size_t>(decisions_.groups), 0.0);
    for (std::size_t d = 0; d < gradient.size(); ++d) {
        auto const& what = decisions_.ders[d];
        if (what.role == Decision::Role::fixed) continue;
        worth[d] = -(what.cost.linear + what.reach * gradient[d]);
        // The prices of all caps together are one.
        scale[d] = what.role == Decision::Role::capped ? 1.0 / open : available_kw_[d] * what.reach;
        if (what.role != Decision::Role::tied) continue;
        of_group[2 * static_cast<std::size_t>(what.group)] += worth[d];
        of_group[2 * static_cast<std::size_t>(what.group) + 1] += scale[d];
    }
    links_.sum(of_group);
    std::vector<char> settled(gradient.size(), 0);
    for (std::size_t d = 0; d < gradient.size(); ++d) {
        auto& what = decisions_.ders[d];
        if (what.role == Decision::Role::fixed) continue;
        bool const tied = what.role == Decision::Role::tied;
        double const more = tied ? of_group[2 * static_cast<std::size_t>(what.group)] : worth[d];
        double const relative = more / (tied ? of_group[2 * static_cast<std::size_t>(what.group) + 1] : scale[d]);
        double const bound = more < 0.0                            ? what.lower
                             : what.role == Decision::Role::capped ? std::min(cap, what.upper)
                                                                   : what.upper;
        // Of the price and the distance to the bound one is zero at the optimum: the smaller one, each on its own scale.
        double const u = answer_.alpha[d] / what.reach;
        if (std::abs(relative) <= negligible || std::abs(relative) * cap <= std::abs(bound - u)) continue;
        what.role = Decision::Role::fixed;
        what.fixed = what.reach * (std::abs(bound - u) < clear ? bound : u);
        answer_.alpha[d] = what.fixed;
        settled[d] = 1;
    }
    // A circle that presses on the share presses on the reactive power: both are where its force points.
    auto const& limits = assembled_.program.pair_limits;
    for (std::size_t i = 1; has_powers_ && i < limits.size(); ++i) {
        if (limits[i].side != solvers::TreeSide::second_of_disc) continue;
        auto const d = static_cast<std::size_t>(assembled_.der[static_cast<std::size_t>(limits[i].control)]);
        double const force = std::hypot(outcome_.price_pair[i - 1], outcome_.price_pair[i]);
        if (settled[d] != 0 && force > negligible * scale[d])
            powers_.ders[d].given = answer_.reactive[d] / powers_.ders[d].rated;
    }
    flow_.solve(answer_.alpha, answer_.curtailed);
    return settled;
}

/// With voltages that are given: cold, then from where the level before has ended; then with limits that have a little room, which
/// need not be met to the tolerance. \return false if there is no answer.
bool ExactSearch::solve_next_level() {
    auto const found = [&](solvers::TreeStart const* from) {
        answer_.status = Status::optimal;
        stood_still_ = false;
        return solve(from);
    };
    auto const before = answer_.alpha;
    auto const reactive_before = answer_.reactive;
    if (found(nullptr) && !stood_still_) return true;
    if (answer_.status == Status::interrupted) return false;
    answer_.reactive = reactive_before;
    auto const near = start_at(before);
    if (found(&near) && !stood_still_) return true;
    if (answer_.status == Status::interrupted) return false;
    loosen_held_limits();
    return found(nullptr);
}

/// The largest share as small as possible; whoever has to bear it keeps it; then the same for the others.
void ExactSearch::one_level_after_the_other() {
    constexpr double nothing = 1e-9;  // share below which all that are left are free
    std::int64_t levels = 0;
    std::optional<double> gap;  // the widest
    bool wide = false;          // than the tolerance
    auto const* const from = start();
    if (!has_powers_ && count_open() > 0.0 && (solve(from, false) || answer_.status == Status::iteration_limit) &&
        answer_.status != Status::relaxed &&
        ((walks_.can_begin() && walks_.levels()) || answer_.status == Status::interrupted))
        return;
    if (answer_.status == Status::infeasible) return;
    answer_.status = Status::optimal;
    while (count_open() > 0.0) {
        if (levels > 0 && rest_gives_nothing()) break;
        auto const before = answer_.alpha;
        auto const reactive_before = answer_.reactive;
        if (levels == 0 ? !solve(from) : !solve_next_level()) {
            if (levels == 0 || answer_.status == Status::interrupted) return;
            // What was decided so far stands.
            answer_.alpha = before;
            set_reactive(reactive_before);
            answer_.duality_gap = gap;
            leave_open(fmt::format("the first {} levels are as low as possible, those below are not settled", levels));
            break;
        }
        wide = wide || stood_still_;
        if (answer_.duality_gap) gap = std::max(gap.value_or(0.0), *answer_.duality_gap);
        if (levels == 0) take_prices();
        double largest = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
            if (decisions_.ders[d].role != Decision::Role::fixed) largest = std::max(largest, answer_.alpha[d]);
        largest = comm_.max(largest);
        if (largest <= nothing || answer_.status == Status::relaxed) break;
        ++levels;
        auto const settled = settle(largest);
        if (levels > 1) name_binding(settled);
        if (comm_.max(settled.empty() ? 0.0 : static_cast<double>(std::ranges::max(settled))) == 0.0) {
            leave_open(fmt::format("the first {} levels are as low as possible, those below are not settled", levels));
            break;
        }
        hold_priced_limits();
    }
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
        if (decisions_.ders[d].role == Decision::Role::capped && answer_.alpha[d] <= nothing) answer_.alpha[d] = 0.0;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.levels = levels;
    if (answer_.status != Status::optimal) return;
    answer_.duality_gap = gap;
    if (wide)
        leave_open(fmt::format("levels after the first are within a relative gap of {:.1e}, not within the tolerance",
                               gap.value_or(0.0)));
}

/// Tries whether all limits hold if those that are left give up nothing. \return true if so; they then do.
bool ExactSearch::rest_gives_nothing() {
    constexpr double holds = 1e-9;  // pu^2
    if (has_powers_) return false;  // voltages are not all there is to hold
    auto const before = answer_.alpha;
    for (std::size_t d = 0; d < answer_.alpha.size(); ++d)
        if (decisions_.ders[d].role != Decision::Role::fixed) answer_.alpha[d] = 0.0;
    flow_.solve(answer_.alpha, answer_.curtailed);
    if (worst_violation() <= holds) return true;
    answer_.alpha = before;
    flow_.solve(answer_.alpha, answer_.curtailed);
    return false;
}

/// Fixes what was connected on these days where it stands.
void ExactSearch::fix_dates(double first, double last) {
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        auto& what = decisions_.ders[d];
        auto const& contract = settings_.contracts[d];
        if (what.role == Decision::Role::fixed || !contract.connected) continue;
        auto const day = static_cast<double>(*contract.connected);
        if (day < first || day > last) continue;
        what.role = Decision::Role::fixed;
        what.fixed = answer_.alpha[d];
    }
}

/// As little as possible from the oldest; then, with that as it is, from the next. As most of them give nothing, several dates
/// are tried together and fewer if they have to give something.
void ExactSearch::one_date_after_the_other() {
    constexpr double nothing = 1e-7;  // kW
    fairness::require_dates(comm_, piece_, available_kw_, settings_.contracts);
    std::vector<double> own;
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d)
        if (decisions_.ders[d].role != Decision::Role::fixed)
            own.push_back(static_cast<double>(*settings_.contracts[d].connected));
    auto dates = comm_.all_gather(own);
    std::ranges::sort(dates);
    dates.erase(std::ranges::unique(dates).begin(), dates.end());
    auto const set_costs = [&](double first, double last) {
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
            auto& what = decisions_.ders[d];
            what.cost = {};
            if (what.role == Decision::Role::fixed) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day < first || day > last) continue;
            what.cost.linear = available_kw_[d];
        }
    };
    auto const given_up = [&](double first, double last) {
        double sum = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d) {
            if (!settings_.contracts[d].connected) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day >= first && day <= last) sum += available_kw_[d] * answer_.alpha[d];
        }
        return comm_.sum(sum);
    };
    auto const open_of = [&](double first, double last) {
        double open = 0.0;
        for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
            if (decisions_.ders[d].role == Decision::Role::fixed) continue;
            auto const day = static_cast<double>(*settings_.contracts[d].connected);
            if (day >= first && day <= last) open += 1.0;
        }
        return comm_.sum(open);
    };
    if (!has_powers_ &&
        (walk_through_dates(dates) || answer_.status == Status::interrupted || answer_.status == Status::infeasible))
        return;
    std::int64_t levels = 0;
    std::size_t at = 0, count = dates.size();
    while (at < dates.size() && count_open() > 0.0) {
        double const first = dates[at], last = dates[at + count - 1];
        set_costs(first, last);
        bool const open = open_of(first, last) > 0.0;
        if (open && !solve(nullptr)) return;
        if (!open || given_up(first, last) <= nothing) {
            fix_dates(first, last);
            at += count;
            count = dates.size() - at;
            continue;
        }
        if (count > 1) {
            count /= 2;
            continue;
        }
        ++levels;
        if (levels == 1) take_prices();
        auto const settled = settle(1.0);
        if (levels > 1) name_binding(settled);
        hold_priced_limits();
        ++at;
        count = at < dates.size() ? 1 : 0;
    }
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) decisions_.ders[d].cost = {.quadratic = available_kw_[d]};
    auto const before = answer_.alpha;
    auto const reactive_before = answer_.reactive;
    stood_still_ = false;
    if (count_open() > 0.0 && (!solve(nullptr) || stood_still_)) {
        if (answer_.status == Status::interrupted) return;
        answer_.alpha = before;
        set_reactive(reactive_before);
        leave_open("on no date less can be given up, but which of the answers has the smallest squares is not settled");
    }
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = objective_of(answer_.alpha);
    answer_.levels = levels;
}

/// The same from vertex to vertex. \return false if that was given up or interrupted.
bool ExactSearch::walk_through_dates(std::vector<double> const& dates) {
    constexpr double steepness = 1e3;
    auto const before = answer_;
    // Anything that keeps the limits is a beginning; the dearer the older is a good one.
    for (std::size_t d = 0; d < decisions_.ders.size(); ++d) {
        if (decisions_.ders[d].role == Decision::Role::fixed) continue;
        auto const date = static_cast<double>(*settings_.contracts[d].connected);
        auto const rank = std::ranges::lower_bound(dates, date) - dates.begin();
        double const age = 1.0 - static_cast<double>(rank) / static_cast<double>(dates.size());
        decisions_.ders[d].cost = {.quadratic = available_kw_[d] * std::pow(steepness, age)};
    }
    if (count_open() > 0.0 && !solve(nullptr, false) && answer_.status != Status::iteration_limit) return false;
    if (walks_.can_begin() && walks_.dates(dates)) return true;
    if (answer_.status != Status::interrupted) answer_ = before;
    return false;
}

/// At every optimum a limit with a price is met: the voltage stays where it is from now on. Those that nobody who is left moves have
/// done their part.
void ExactSearch::hold_priced_limits() {
    constexpr double at_limit = 1e-8;    // pu^2
    constexpr double unmoved = 1e-9;     // pu^2, by all who are left together
    constexpr double negligible = 1e-9;  // price compared with the highest
    std::vector<double> left(answer_.alpha.size(), 0.0);
    for (std::size_t d = 0; d < left.size(); ++d)
        left[d] = decisions_.ders[d].role == Decision::Role::fixed ? 0.0 : decisions_.ders[d].reach;
    model::FlowState change, by_reactive;
    flow_.solve_change(left, change);
    if (decides_reactive_) {
        std::vector<double> rated;
        for (auto const& can : powers_.ders) rated.push_back(can.rated);
        flow_.solve_change(std::vector<double>(left.size(), 0.0), by_reactive, rated);
    }
    double highest = 0.0;
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) highest = std::max({highest, low_[i], high_[i]});
    highest = comm_.max(highest);
    double held = 0.0;
    for (std::size_t i = 0; i < answer_.nodes.size(); ++i) {
        auto const& node = answer_.nodes[i];
        double const v = seen(piece_, answer_.curtailed, node);
        bool const moves = std::abs(seen(piece_, change, node)) > unmoved ||
                           (decides_reactive_ && std::abs(seen(piece_, by_reactive, node)) > unmoved);
        auto& low = limits_.low[place(node)];
        auto& high = limits_.high[place(node)];
        bool const at_high = v > node.high - at_limit, at_low = v < node.low + at_limit;
        if (!at_high && !at_low) continue;
        if (!moves) {
            low = -infinity;
            high = infinity;
        } else if ((at_high && high_[i] > negligible * highest) || (at_low && low_[i] > negligible * highest)) {
            low = high = v;
            held = 1.0;
        }
    }
    holds_limits_ = holds_limits_ || comm_.max(held) > 0.0;
}

/// Limits again instead of given voltages, a little wider, so that there is an inside.
void ExactSearch::loosen_held_limits() {
    constexpr double room = 4e-9;  // pu^2
    for (auto const& node : answer_.nodes) {
        auto& low = limits_.low[place(node)];
        auto& high = limits_.high[place(node)];
        if (low != high) continue;
        bool const upper = node.high - high < low - node.low;
        low = upper ? node.low : node.low - room;
        high = upper ? node.high + room : node.high;
    }
    holds_limits_ = false;
    loosened_ = true;
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
    return policy.ramp != nullptr &&
           (!policy.shared_fraction || (settings.scope == fairness::Scope::feeder && settings.contracts.empty()));
}

}  // namespace

Answer exact_on_tree(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                     Settings const& settings, Observer const& observer) {
    return ExactSearch{comm, flow, policy, settings, observer}.run();
}

Answer exact(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
             Settings const& settings, Observer const& observer) {
    bool const of_voltages_alone = !settings.reactive && settings.ratings == Ratings::none;
    if (!is_scalar(policy, settings) || !of_voltages_alone)
        return exact_on_tree(comm, flow, policy, settings, observer);
    auto answer = bisection(comm, flow, policy, settings, observer);
    bool const may_relax = settings.elastic && policy.shared_fraction && answer.status == Status::infeasible;
    return may_relax ? exact_on_tree(comm, flow, policy, settings, observer) : answer;
}

}  // namespace dec::coordination
