#include "dec/solvers/tree_interior_point.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "tree_barrier.hpp"
#include "tree_elimination.hpp"
#include "tree_optimality.hpp"
#include "tree_presolve.hpp"

namespace dec::solvers {
namespace {

// Share of the way to the boundary.
constexpr double boldness = 0.995;
// Objectives are compared with the optimum, and with this part of what the mean control costs in full.
constexpr double least_objective = 1e-2;
// A certificate counts from this share of its multipliers on.
constexpr double certificate_share = 1e-10;
// s z does not fall below this share of what is missing to hold the limits, at their prices. Where limits nearly depend on each other
// multipliers pass from one to the other slowly, a step of softness each; with all slacks at zero already none would open again.
constexpr double least_excess = 0.1;
// Polishing ends where less than this is left of the optimality conditions, or after so many steps, or so many that gained nothing.
constexpr double exact = 1e-12;
constexpr int most_polishing = 30, patience = 6;
// With less than this left one step that gains nothing is enough; with more polishing is tried again, so often, after so many more
// iterations at most.
constexpr double exact_enough = 1e-10;
constexpr int most_polished = 3, most_more = 10;
// What elastic limits are exceeded by need not be known better.
constexpr double excess_tolerance = 1e-7;

TreeOutcome outcome_of(TreeStatus status, TreeJudgement const& judgement, int iterations, TreePoint&& point,
                       bool control_prices) {
    TreeOutcome outcome;
    outcome.status = status;
    outcome.iterations = iterations;
    outcome.objective = judgement.objective;
    outcome.dual_objective = judgement.dual_objective;
    outcome.primal_residual = judgement.violation;
    outcome.dual_residual = judgement.stationarity;
    outcome.complementarity = judgement.complementarity;
    outcome.penalty = judgement.penalty;
    outcome.gap = std::abs(judgement.objective + judgement.penalty - judgement.dual_objective);
    outcome.violation = judgement.total_violation;
    outcome.u = std::move(point.u);
    outcome.y = std::move(point.y);
    outcome.state = std::move(point.state);
    outcome.flow = std::move(point.flow);
    outcome.price_low = std::move(point.price_low);
    outcome.price_high = std::move(point.price_high);
    outcome.price_flow = std::move(point.price_flow);
    outcome.price_pair = std::move(point.price_pair);
    if (control_prices) outcome.control_price = std::move(point.control_price);
    return outcome;
}

class Iteration {
  public:
    Iteration(TreeProgram const& program, TreeLinks& links, TreeSettings const& settings)
        : program_{program}, links_{links}, settings_{settings}, groups_{program, links},
          units_{find_units(program, links, groups_, settings.idle_controls)}, flow_{program, links},
          elimination_{program, links, units_.control_range}, barrier_{program, units_, elimination_, settings} {
        elimination_.resize(model_, step_);
    }

    TreeOutcome run(TreeStart const* start, TreeObserver const& observer);

  private:
    struct Progress {
        double complementarity, pairs, objective, excess, primal_residual, dual_residual;
    };
    Progress advance(double length);
    struct Prediction {
        double target, second_share;
    };
    Prediction predictor(Progress const& progress);
    double corrector(Prediction const& prediction);
    TreeJudgement judge_point();
    int polish(TreeJudgement& best);
    [[nodiscard]] bool is_within_tolerance(TreeJudgement const& judgement) const;
    [[nodiscard]] bool stands_still(double primal, double gap);
    bool finishes(int iteration);
    std::optional<TreeOutcome> resume(TreeStart const& start);
    TreeOutcome answer_found(int iteration);
    [[nodiscard]] bool proves_infeasible(TreeJudgement const& judgement) const {
        return !settings_.elastic && judgement.certificate > certificate_share * judgement.multipliers;
    }
    [[nodiscard]] double allowed_gap(double objective) const {
        return tolerance_ * std::max(std::abs(objective), least_objective / units_.cost);
    }
    TreeOutcome answer(TreeStatus status, TreeJudgement const& judgement, int iterations);

    TreeProgram const& program_;
    TreeLinks& links_;
    TreeSettings const& settings_;
    TreeGroups groups_;
    TreeUnits units_;
    TreeFlow flow_;
    TreeElimination elimination_;
    TreeBarrier barrier_;
    TreeModel model_;
    TreeStep step_;
    TreePoint point_;
    double tolerance_ = settings_.tolerance;  // of gaps
    // Within the tolerance, polished; and how long a more exact answer is looked for.
    struct Found {
        TreeJudgement judgement;
        TreePoint point;
    };
    std::optional<Found> found_;
    int polished_ = 0, last_iteration_ = 0;
    double best_merit_ = INFINITY;
    int without_progress_ = 0;
};

Iteration::Progress Iteration::advance(double length) {
    auto const sums = barrier_.predict(length, step_, model_);
    std::array total{sums.complementarity, sums.pairs, sums.objective, sums.excess};
    links_.sum(total);
    std::array largest{barrier_.primal_residual(), barrier_.dual_residual()};
    links_.max(largest);
    return {total[0], total[1], total[2], total[3], largest[0], largest[1]};
}

// Where s z should go, from how far it could go at once.
Iteration::Prediction Iteration::predictor(Progress const& progress) {
    elimination_.factor(model_);
    elimination_.solve(model_, step_);
    auto const reach = barrier_.reach_of_prediction(step_);
    std::array largest{reach.ratio};
    links_.max(largest);
    std::array total{reach.cross};
    links_.sum(total);
    double const length = largest[0] > 1.0 ? 1.0 / largest[0] : 1.0;
    double const left = (1.0 - length) * progress.complementarity + length * length * total[0];
    double const share = std::clamp(left / progress.complementarity, 0.0, 1.0);
    return {share * share * share * progress.complementarity / progress.pairs, std::sqrt(length)};
}

// Length of the step. Second-order terms are of a full step; where that is far out of reach they mislead.
double Iteration::corrector(Prediction const& prediction) {
    barrier_.correct(prediction.target, prediction.second_share, model_);
    elimination_.update_slopes(model_);
    elimination_.solve(model_, step_);
    std::array largest{barrier_.reach_of_correction(step_).ratio};
    links_.max(largest);
    return largest[0] > boldness ? boldness / largest[0] : 1.0;
}

TreeJudgement Iteration::judge_point() {
    barrier_.read(point_.u, point_.y);
    barrier_.read_prices(point_);
    return judge(program_, units_, links_, groups_, flow_, point_, settings_.elastic);
}

// Makes a judged point more exact, if it can. Returns the number of steps.
int Iteration::polish(TreeJudgement& best) {
    auto best_point = point_;
    auto const price = barrier_.begin_polish();
    std::array mean{price.logarithms, price.count};
    links_.sum(mean);
    barrier_.set_penalties(mean[1] > 0.0 ? std::exp(mean[0] / mean[1]) : 1.0);
    int without_progress = 0, step = 0;
    for (; step <= most_polishing; ++step) {
        if (without_progress > (best.residual() <= exact_enough ? 1 : patience)) break;
        auto const polished = judge_point();
        ++without_progress;
        if (step > 0 && polished.residual() < best.residual() &&
            (is_within_tolerance(polished) || !is_within_tolerance(best))) {
            if (polished.residual() < 0.5 * best.residual()) without_progress = 0;
            best = polished;
            best_point = point_;
            if (best.residual() <= exact) break;
        }
        std::array moved{barrier_.settle(point_, groups_) ? 1.0 : 0.0};
        links_.max(moved);
        if (moved[0] != 0.0) {
            barrier_.read(point_.u, point_.y);
            find_states(program_, flow_, point_);
        }
        barrier_.polish_model(point_, model_);
        elimination_.factor(model_);
        elimination_.solve(model_, step_);
        barrier_.polish_step(step_, groups_);
    }
    point_ = std::move(best_point);
    return step;
}

bool Iteration::is_within_tolerance(TreeJudgement const& judgement) const {
    constexpr double stationary = 1e-8;
    if (settings_.give > 0.0 && judgement.limits <= settings_.give && judgement.stationarity <= stationary &&
        judgement.complementarity <= stationary)
        return true;
    double const cost = judgement.objective + judgement.penalty;
    double const limits = settings_.elastic ? std::max(settings_.tolerance, excess_tolerance) : settings_.tolerance;
    return judgement.limits <= limits && std::abs(cost - judgement.dual_objective) <= allowed_gap(cost);
}

// Near the optimum of degenerate programs rounding may keep the iteration from the tolerance; where it comes to a halt polishing
// may still find which limits are met.
bool Iteration::stands_still(double primal, double gap) {
    constexpr double near = 1e6;
    constexpr int often = 4;
    double const merit = std::max(primal, gap);
    if (merit < 0.5 * best_merit_) {
        best_merit_ = merit;
        without_progress_ = 0;
        return false;
    }
    return ++without_progress_ % often == 0 && merit < near && settings_.polish;
}

// Judges where the iteration is, and polishes. Whether an answer within the tolerance is as exact as it gets. If not the iteration goes
// on from where it was, to a hundredth of the gap, from where polishing sees better which limits are met.
bool Iteration::finishes(int iteration) {
    auto judgement = judge_point();
    if (settings_.polish) static_cast<void>(polish(judgement));
    bool const is_answer = is_within_tolerance(judgement);
    if (is_answer && (!found_ || judgement.residual() < found_->judgement.residual()))
        found_ = Found{judgement, point_};
    if (found_ && (!settings_.polish || found_->judgement.residual() <= exact_enough || ++polished_ == most_polished))
        return true;
    if (settings_.polish) {
        barrier_.end_polish(groups_);
        static_cast<void>(judge_point());
    }
    if (is_answer) {
        tolerance_ *= 0.01;
        last_iteration_ = iteration + most_more;
    } else {
        barrier_.stiffen();
    }
    return false;
}

// The answer, if polishing the start leads to it.
std::optional<TreeOutcome> Iteration::resume(TreeStart const& start) {
    barrier_.start_exact(flow_, groups_, start);
    static_cast<void>(judge_point());
    barrier_.end_start(point_);
    auto judgement = judge_point();
    int const steps = polish(judgement);
    if (!is_within_tolerance(judgement) || judgement.residual() > exact_enough) return std::nullopt;
    return answer(TreeStatus::optimal, judgement, steps);
}

TreeOutcome Iteration::answer_found(int iteration) {
    point_ = std::move(found_->point);
    return answer(TreeStatus::optimal, found_->judgement, iteration);
}

TreeOutcome Iteration::run(TreeStart const* start, TreeObserver const& observer) {
    if (!units_.agree) return answer(TreeStatus::primal_infeasible, judge_point(), 0);
    if (start != nullptr && settings_.resume)
        if (auto outcome = resume(*start)) return std::move(*outcome);
    if (start != nullptr) barrier_.start_warm(flow_, groups_, *start);
    else barrier_.start_cold(flow_, groups_);

    double length = 0.0;
    int short_steps = 0;
    for (int iteration = 0;; ++iteration) {
        auto const progress = advance(length);
        double const objective = progress.objective / units_.cost;
        double const gap = progress.complementarity / units_.cost;
        if (observer) barrier_.read(point_.u, point_.y);
        if (observer && observer({.iteration = iteration,
                                  .objective = objective,
                                  .primal_residual = progress.primal_residual,
                                  .dual_residual = progress.dual_residual,
                                  .gap = gap,
                                  .u = point_.u,
                                  .y = point_.y}))
            return answer(TreeStatus::stopped, judge_point(), iteration);
        bool const finite = std::isfinite(progress.complementarity) && std::isfinite(progress.primal_residual);
        if (found_ && (!finite || iteration >= last_iteration_)) return answer_found(iteration);
        if (!finite) return answer(TreeStatus::numerical_failure, judge_point(), iteration);
        bool const reached = progress.primal_residual <= settings_.tolerance && gap <= allowed_gap(objective);
        if (reached || stands_still(progress.primal_residual / settings_.tolerance, gap / allowed_gap(objective))) {
            if (finishes(iteration)) return answer_found(iteration);
            barrier_.observe(point_, model_);
        }
        if (iteration == settings_.max_iterations) {
            if (found_) return answer_found(iteration);
            auto const judgement = judge_point();
            return answer(proves_infeasible(judgement) ? TreeStatus::primal_infeasible : TreeStatus::iteration_limit,
                          judgement, iteration);
        }
        short_steps = iteration > 0 && length < 0.2 ? short_steps + 1 : 0;
        // Later now and then: what is missing to hold the limits may as well be what regularisation leaves of them.
        bool const is_late = iteration >= 15 && iteration % 5 == 0;
        if (short_steps > 1 || (is_late && progress.primal_residual > settings_.tolerance)) {
            auto const judgement = judge_point();
            if (proves_infeasible(judgement)) return answer(TreeStatus::primal_infeasible, judgement, iteration);
        }
        // Below this nothing is gained, and systems become nearly singular.
        double const missing =
            settings_.elastic ? 0.0 : least_excess * progress.excess;  // elastic limits give way instead
        double const least = std::max(0.1 * units_.cost * allowed_gap(objective), missing) / progress.pairs;
        auto prediction = predictor(progress);
        prediction.target = std::max(prediction.target, least);
        length = corrector(prediction);
    }
}

TreeOutcome Iteration::answer(TreeStatus status, TreeJudgement const& judgement, int iterations) {
    return outcome_of(status, judgement, iterations, std::move(point_), settings_.control_prices);
}

}  // namespace

TreeOutcome solve(TreeProgram const& program, TreeLinks& links, TreeSettings const& settings, TreeStart const* start,
                  TreeObserver const& observer) {
    // What is dropped because other limits imply it counts where those are exceeded.
    if (!settings.presolve || settings.elastic) return Iteration(program, links, settings).run(start, observer);
    TreeGroups groups(program, links);
    auto const units = find_units(program, links, groups, settings.idle_controls);
    if (!units.agree) return Iteration(program, links, settings).run(start, observer);

    TreeFlow flow(program, links);
    TreePresolve presolve(program, units, links, flow);
    for (;;) {
        auto const reduced = presolve.reduce();
        TreeStart restricted;
        if (start != nullptr) restricted = presolve.restrict(*start);
        std::array offset{presolve.offset()};
        links.sum(offset);
        TreePoint shown;
        TreeObserver const watch = [&](TreeRound const& round) {
            presolve.expand(round.u, round.y, shown.u, shown.y);
            auto of_program = round;
            of_program.objective += offset[0];
            of_program.u = shown.u;
            of_program.y = shown.y;
            return observer(of_program);
        };
        auto outcome = Iteration(reduced, links, settings)
                           .run(start != nullptr ? &restricted : nullptr, observer ? watch : TreeObserver{});

        TreeStart full;
        presolve.expand({.u = std::move(outcome.u),
                         .y = std::move(outcome.y),
                         .price_low = std::move(outcome.price_low),
                         .price_high = std::move(outcome.price_high),
                         .price_flow = std::move(outcome.price_flow),
                         .price_pair = std::move(outcome.price_pair)},
                        full);
        TreePoint point;
        point.u = std::move(full.u);
        point.y = std::move(full.y);
        point.price_low = std::move(full.price_low);
        point.price_high = std::move(full.price_high);
        point.price_flow = std::move(full.price_flow);
        find_states(program, flow, point);
        // What was dropped must hold; rounding is all that can speak against it.
        std::array again{0.0};
        for (std::size_t i = 0; i < point.observed.size() && outcome.status == TreeStatus::optimal; ++i) {
            auto const check = [&](double violation, std::uint8_t& keep) {
                if (violation <= std::max(settings.tolerance, 1e-9) || keep != 0) return;
                keep = 1;
                again[0] = 1.0;
            };
            check(program.low[i] - point.observed[i], presolve.keep_low[i]);
            check(point.observed[i] - program.high[i], presolve.keep_high[i]);
        }
        links.max(again);
        if (again[0] != 0.0) continue;
        if (settings.control_prices) {
            find_prices(program, flow, point);
            outcome.control_price = std::move(point.control_price);
        }
        outcome.objective += offset[0];
        outcome.dual_objective += offset[0];
        outcome.u = std::move(point.u);
        outcome.y = std::move(point.y);
        outcome.price_low = std::move(point.price_low);
        outcome.price_high = std::move(point.price_high);
        outcome.price_flow = std::move(point.price_flow);
        outcome.price_pair = std::move(full.price_pair);
        outcome.state = std::move(point.state);
        outcome.flow = std::move(point.flow);
        return outcome;
    }
}

TreeOutcome evaluate(TreeProgram const& program, TreeLinks& links, TreeStart const& point, bool control_prices) {
    TreeGroups groups{program, links};
    auto const units = find_units(program, links, groups);
    TreeFlow flow{program, links};
    TreePoint at;
    at.u = point.u;
    at.y = point.y;
    at.price_low = point.price_low;
    at.price_high = point.price_high;
    at.price_flow = point.price_flow;
    at.price_pair = point.price_pair;
    at.cap.assign(program.controls.size(), 0.0);
    auto judgement = judge(program, units, links, groups, flow, at);
    // Multipliers of caps are no part of a start: they are what else holds their controls in place.
    constexpr double at_cap = 1e-9;
    for (std::size_t d = 0; d < at.cap.size(); ++d)
        if (program.controls[d].role == TreeControl::Role::capped && at.cap_slack[d] < at_cap)
            at.cap[d] = std::max(-at.derivative[d], 0.0);
    judgement = judge(program, units, links, groups, flow, at);
    return outcome_of(TreeStatus::optimal, judgement, 0, std::move(at), control_prices);
}

}  // namespace dec::solvers
