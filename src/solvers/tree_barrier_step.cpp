/// What each phase of an iteration does to limits and controls. Divisions are made once per iteration, where the model is
/// written; the moves of the corrector are kept, so that taking the step is a sum.
#include <algorithm>
#include <cmath>

#include "tree_barrier.hpp"

namespace dec::solvers {
namespace {

// A given row is that much less soft than a limit: nothing but its multiplier moves it.
constexpr double rigidity = 0.1;

// What ds/s and dz/z allow, without a division where they do not come into question.
void limit_ratio(double s, double ds, double z, double dz, double& ratio) {
    if (-ds > ratio * s || -dz > ratio * z) ratio = std::max(-ds / s, -dz / z);
}

struct Move {
    double s, z;
};

// One slack s >= 0 with its multiplier z, whose step moves the limit by the softness and by what it gives way besides. Large
// multipliers have large steps, or they would creep.
class Pair {
  public:
    Pair(double s, double z, TreeSoftness const& softness, double give, double reciprocal)
        : s_{s}, z_{z}, measure_{std::clamp(std::abs(z), 1.0, softness.large)},
          softness_{softness.least + measure_ * give}, reciprocal_{reciprocal} {}
    Pair(double s, double z, TreeSoftness const& softness, double give = 0.0) : Pair(s, z, softness, give, 0.0) {
        reciprocal_ = 1.0 / (measure_ * s + softness_ * z);
    }

    // To s z = goal, when what s has to follow moves by `step`.
    [[nodiscard]] Move move(double goal, double step) const {
        double const missing = (goal - z_ * (s_ + step)) * reciprocal_;
        return {step + softness_ * missing, measure_ * missing};
    }
    [[nodiscard]] double stiffness() const { return z_ * measure_ * reciprocal_; }
    [[nodiscard]] double reciprocal() const { return reciprocal_; }

  private:
    double s_, z_, measure_, softness_, reciprocal_;
};

// A variable between its bounds, t >= 0 and 1 - t >= 0.
struct Bounds {
    double t, z_low, z_high, reciprocal;  // 1 / (t (1 - t))

    [[nodiscard]] double of_low() const { return (1.0 - t) * reciprocal; }
    [[nodiscard]] double of_high() const { return t * reciprocal; }
    // Of the multipliers, to s z = goal.
    [[nodiscard]] double move_low(double goal, double dt) const { return (goal - z_low * (t + dt)) * of_low(); }
    [[nodiscard]] double move_high(double goal, double dt) const {
        return (goal - z_high * (1.0 - t - dt)) * of_high();
    }
    // ds dz of the move to s z = 0.
    [[nodiscard]] double second_low(double dt) const { return dt * move_low(0.0, dt); }
    [[nodiscard]] double second_high(double dt) const { return -dt * move_high(0.0, dt); }
};

}  // namespace

// One limit as it stands: s = Sign (bound - value).
class TreeBarrier::Rigid {
  public:
    struct Goal {
        double of_s;
    };
    static void prepare(Limits& limits, std::size_t i, TreeSoftness const& softness) {
        limits.reciprocal[i] = Pair(limits.s[i], limits.z[i], softness).reciprocal();
    }
    Rigid(Limits const& limits, std::size_t i, TreeSoftness const& softness)
        : s_{limits.s[i]}, z_{limits.z[i]}, pair_{s_, z_, softness, 0.0, limits.reciprocal[i]} {}

    [[nodiscard]] double slack() const { return s_; }
    [[nodiscard]] double stiffness() const { return pair_.stiffness(); }
    // To zero complementarity, and to the target with this share of the second-order terms.
    static Goal prediction() { return {0.0}; }
    static Goal correction(Limits const& limits, std::size_t i, double target, double share) {
        return {target - share * limits.second[i]};
    }
    // Keeps the second-order terms, or the step.
    template <bool Corrected>
    void reach(Limits& limits, std::size_t i, Goal goal, double step, TreeReach& reach) const {
        auto const [ds, dz] = pair_.move(goal.of_s, step);
        limit_ratio(s_, ds, z_, dz, reach.ratio);
        if constexpr (Corrected) {
            limits.ds[i] = ds;
            limits.dz[i] = dz;
        } else {
            limits.second[i] = ds * dz;
            reach.cross += ds * dz;
        }
    }
    [[nodiscard]] double push(Goal goal, double residual) const { return pair_.move(goal.of_s, residual).z; }
    void add(TreeSums& sums) const { sums.complementarity += s_ * z_; }

  private:
    double s_, z_;
    Pair pair_;
};

// The same with s = Sign (bound - value) + e. Eliminating e makes the limit softer by `give`.
class TreeBarrier::Elastic {
  public:
    struct Goal {
        double of_s, of_e;
    };
    static void prepare(Limits& limits, std::size_t i, TreeSoftness const& softness) {
        double const elasticity = 1.0 / (limits.w[i] + excess_cost * limits.e[i]);
        limits.elasticity[i] = elasticity;
        limits.reciprocal[i] = Pair(limits.s[i], limits.z[i], softness, limits.e[i] * elasticity).reciprocal();
    }
    Elastic(Limits const& limits, std::size_t i, TreeSoftness const& softness)
        : s_{limits.s[i]}, z_{limits.z[i]}, e_{limits.e[i]}, w_{limits.w[i]}, elasticity_{limits.elasticity[i]},
          residual_{excess_cost * (1.0 + e_) - z_ - w_}, pair_{s_, z_, softness, e_ * elasticity_,
                                                               limits.reciprocal[i]} {}

    [[nodiscard]] double slack() const { return s_ - e_; }
    [[nodiscard]] double stiffness() const { return pair_.stiffness(); }
    static Goal prediction() { return {0.0, 0.0}; }
    static Goal correction(Limits const& limits, std::size_t i, double target, double share) {
        return {target - share * limits.second[i], target - share * limits.second_e[i]};
    }
    template <bool Corrected>
    void reach(Limits& limits, std::size_t i, Goal goal, double step, TreeReach& reach) const {
        // From e w = goal and cost' = z + w.
        double const own = own_move(goal);
        auto const [ds, dz] = pair_.move(goal.of_s, step + own);
        double const de = own + e_ * elasticity_ * dz;
        double const dw = excess_cost * de - dz + residual_;
        limit_ratio(s_, ds, z_, dz, reach.ratio);
        limit_ratio(e_, de, w_, dw, reach.ratio);
        if constexpr (Corrected) {
            limits.ds[i] = ds;
            limits.dz[i] = dz;
            limits.de[i] = de;
            limits.dw[i] = dw;
        } else {
            limits.second[i] = ds * dz;
            limits.second_e[i] = de * dw;
            reach.cross += ds * dz + de * dw;
        }
    }
    [[nodiscard]] double push(Goal goal, double residual) const {
        return pair_.move(goal.of_s, residual + own_move(goal)).z;
    }
    void add(TreeSums& sums) const {
        sums.complementarity += s_ * z_ + e_ * w_;
        sums.objective += excess_cost * (e_ + 0.5 * e_ * e_);
    }

  private:
    [[nodiscard]] double own_move(Goal goal) const { return (goal.of_e - e_ * (w_ + residual_)) * elasticity_; }

    double s_, z_, e_, w_;
    double elasticity_, residual_;
    Pair pair_;
};

template <class Kind, int Sign>
void TreeBarrier::model_limits(Limits& limits, TreeModel& model, TreeSums& sums) {
    double largest = 0.0, excess = 0.0;
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind::prepare(limits, i, softness_);
        Kind const limit(limits, i, softness_);
        double const residual = Sign * (limits.bound[i] - value_[w]) - limit.slack();
        model.row_slope[w] += Sign * limit.push(Kind::prediction(), residual);
        model.row_curvature[w] += limit.stiffness();
        largest = std::max(largest, std::abs(residual));
        excess += limits.z[i] * std::abs(residual);
        limit.add(sums);
    }
    primal_residual_ = std::max(primal_residual_, largest);
    sums.excess += excess;
    sums.pairs += static_cast<double>(limits.s.size() + limits.e.size());
}

template <class Kind, int Sign>
void TreeBarrier::correct_limits(Limits const& limits, TreeModel& model) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind const limit(limits, i, softness_);
        double const residual = Sign * (limits.bound[i] - value_[w]) - limit.slack();
        model.row_slope[w] += Sign * limit.push(Kind::correction(limits, i, target_, second_share_), residual);
    }
}

template <class Kind, int Sign, bool Corrected>
void TreeBarrier::reach_limits(Limits& limits, TreeStep const& step, TreeReach& reach) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind const limit(limits, i, softness_);
        double const residual = Sign * (limits.bound[i] - value_[w]) - limit.slack();
        auto const goal = Corrected ? Kind::correction(limits, i, target_, second_share_) : Kind::prediction();
        limit.template reach<Corrected>(limits, i, goal, residual - Sign * step.row[w], reach);
    }
}

template <class Visitor>
void TreeBarrier::on_both_sides(Visitor&& visit) {
    if (elastic_) {
        visit.template operator()<Elastic, -1>(low_);
        visit.template operator()<Elastic, 1>(high_);
    } else {
        visit.template operator()<Rigid, -1>(low_);
        visit.template operator()<Rigid, 1>(high_);
    }
}

void TreeBarrier::advance(double length, TreeStep const& step) {
    auto const add = [length](std::vector<double>& to, std::vector<double> const& move) {
        double* const at = to.data();
        double const* const by = move.data();
        for (std::size_t i = 0; i < to.size(); ++i) at[i] += length * by[i];
    };
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        double const missing = value_[w] + step.row[w] - fixed_.bound[i];
        fixed_.z[i] += length * missing * softness_.stiffness(fixed_.z[i]) / rigidity;
    }
    add(value_, step.row);
    for (auto* const limits : {&low_, &high_}) {
        add(limits->s, limits->ds);
        add(limits->z, limits->dz);
        add(limits->e, limits->de);
        add(limits->w, limits->dw);
    }
    for (auto& cap : caps_) {
        cap.value += length * (cap.ratio * step.of_group[cap.control] - step.control[cap.control]);
        cap.s += length * cap.ds;
        cap.z += length * cap.dz;
    }
    add(price_, step.price);
    auto const advance_variables = [&](Variables& variables, std::vector<double> const& dt) {
        add(variables.t, dt);
        add(variables.z_low, variables.dz_low);
        add(variables.z_high, variables.dz_high);
    };
    advance_variables(controls_, step.control);
    advance_variables(shared_, step.group);
}

// Slopes of all limits and bounds for the step to s z = target; `Corrected`: with second-order terms, curvatures stay.
template <bool Corrected>
void TreeBarrier::write_model(TreeModel& model, TreeSums& sums) {
    std::ranges::fill(model.row_slope, 0.0);
    if constexpr (Corrected) {
        on_both_sides([&]<class Kind, int Sign>(Limits const& limits) { correct_limits<Kind, Sign>(limits, model); });
    } else {
        std::ranges::fill(model.row_curvature, 0.0);
        primal_residual_ = dual_residual_ = 0.0;
        on_both_sides([&]<class Kind, int Sign>(Limits& limits) { model_limits<Kind, Sign>(limits, model, sums); });
    }
    // A multiplier steps by what is missing after the step, over the softness.
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        double const residual = value_[w] - fixed_.bound[i];
        double const stiffness = softness_.stiffness(fixed_.z[i]) / rigidity;
        model.row_slope[w] += residual * stiffness;
        if constexpr (Corrected) continue;
        model.row_curvature[w] += stiffness;
        primal_residual_ = std::max(primal_residual_, std::abs(residual));
    }
    couple_discs(false, model);
    std::ranges::fill(pair_price_, 0.0);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        pair_price_[pairs_[i].control] += pair_multiplier(i) * pairs_[i].first;
        pair_price_[pairs_[i].control + 1] += pair_multiplier(i) * pairs_[i].second;
    }
    model_controls<Corrected>(model, sums);
    couple_pairs(model);
    for (auto& cap : caps_) {
        Pair const pair{cap.s, cap.z, softness_};
        double const residual = cap.value - cap.s;
        double const goal = Corrected ? target_ - second_share_ * cap.second : 0.0;
        if constexpr (!Corrected) {
            primal_residual_ = std::max(primal_residual_, std::abs(residual));
            sums.excess += cap.z * std::abs(residual);
            sums.complementarity += cap.s * cap.z;
            sums.pairs += 1.0;
        }
        couple_cap(cap, pair.stiffness(), pair.move(goal, residual).z, model);
    }
    for (std::size_t g = 0; g < shared_.t.size(); ++g) {
        auto term = own_term(shared_, g, units_.group_lower[g], units_.group_range[g], units_.group_worth[g]);
        if constexpr (!Corrected) add_objective(shared_, g, units_.group_lower[g], units_.group_range[g], sums);
        if (shared_.moves[g] != 0) add_bounds<Corrected>(shared_, g, term, sums);
        model.group_curvature[g] = units_.group_fixed[g] ? INFINITY : term.curvature;
        model.group_slope[g] = term.slope;
    }
}

template <bool Corrected>
void TreeBarrier::model_controls(TreeModel& model, TreeSums& sums) {
    for (std::size_t d = 0; d < controls_.t.size(); ++d) {
        auto term = own_term(controls_, d, units_.control_lower[d], units_.control_range[d], units_.control_worth[d]);
        if constexpr (!Corrected) add_objective(controls_, d, units_.control_lower[d], units_.control_range[d], sums);
        if (controls_.moves[d] == 0) {
            // Tied ones count with their group.
            model.control_inverse[d] = 0.0;
            model.control_slope[d] = term.slope + price_[d];
            if (program_.controls[d].role != TreeControl::Role::tied) continue;
            model.share[d] = 1.0;
            model.shared_curvature[d] = term.curvature;
            model.shared_slope[d] = term.slope + price_[d];
            continue;
        }
        if constexpr (!Corrected) {
            double const derivative = term.slope + price_[d] + controls_.z_high[d] - controls_.z_low[d] +
                                      (pairs_.empty() ? 0.0 : pair_price_[d]);
            if (caps_.empty() || program_.controls[d].role == TreeControl::Role::free)
                dual_residual_ = std::max(dual_residual_, std::abs(derivative));
        }
        add_bounds<Corrected>(controls_, d, term, sums);
        // Of pairs and caps the inverse is written again, with the same bits.
        if (!Corrected || !is_separable_) model.control_inverse[d] = 1.0 / term.curvature;
        model.control_slope[d] = term.slope + price_[d];
    }
}

TreeBarrier::Term TreeBarrier::own_term(Variables const& variables, std::size_t i, double lower, double range,
                                        double worth) const {
    double const t = variables.t[i];
    Term term{variables.curvature[i] + proximity_ * worth, variables.cost[i] + variables.curvature[i] * t};
    if (variables.is_logarithmic(i)) {
        double const relative = range / (1.0 - lower - range * t);
        term.slope += variables.log_weight[i] * relative;
        term.curvature += variables.log_weight[i] * relative * relative;
    }
    return term;
}

void TreeBarrier::add_objective(Variables const& variables, std::size_t i, double lower, double range, TreeSums& sums) {
    double const t = variables.t[i];
    sums.objective += (variables.cost[i] + 0.5 * variables.curvature[i] * t) * t;
    if (variables.is_logarithmic(i)) sums.objective -= variables.log_weight[i] * std::log(1.0 - lower - range * t);
}

template <bool Corrected>
void TreeBarrier::add_bounds(Variables& variables, std::size_t i, Term& term, TreeSums& sums) const {
    double const t = variables.t[i], z_low = variables.z_low[i], z_high = variables.z_high[i];
    if constexpr (Corrected) {
        Bounds const bounds{t, z_low, z_high, variables.reciprocal[i]};
        double const dt = variables.prediction[i];
        term.curvature += z_low * bounds.of_low() + z_high * bounds.of_high();
        term.slope += (target_ - second_share_ * bounds.second_high(dt)) * bounds.of_high() -
                      (target_ - second_share_ * bounds.second_low(dt)) * bounds.of_low();
    } else {
        Bounds const bounds{t, z_low, z_high, variables.reciprocal[i] = 1.0 / (t * (1.0 - t))};
        term.curvature += z_low * bounds.of_low() + z_high * bounds.of_high();
        sums.complementarity += z_low * t + z_high * (1.0 - t);
        sums.pairs += 2.0;
    }
}

template <bool Corrected>
void TreeBarrier::reach_variables(Variables& variables, std::vector<double> const& dt, TreeReach& reach) const {
    for (std::size_t i = 0; i < variables.t.size(); ++i) {
        if (variables.moves[i] == 0) continue;
        Bounds const bounds{variables.t[i], variables.z_low[i], variables.z_high[i], variables.reciprocal[i]};
        double goal_low = 0.0, goal_high = 0.0;
        if constexpr (Corrected) {
            goal_low = target_ - second_share_ * bounds.second_low(variables.prediction[i]);
            goal_high = target_ - second_share_ * bounds.second_high(variables.prediction[i]);
        }
        double const dz_low = bounds.move_low(goal_low, dt[i]);
        double const dz_high = bounds.move_high(goal_high, dt[i]);
        limit_ratio(bounds.t, dt[i], bounds.z_low, dz_low, reach.ratio);
        limit_ratio(1.0 - bounds.t, -dt[i], bounds.z_high, dz_high, reach.ratio);
        if constexpr (Corrected) {
            variables.dz_low[i] = dz_low;
            variables.dz_high[i] = dz_high;
        } else {
            variables.prediction[i] = dt[i];
            reach.cross += dt[i] * (dz_low - dz_high);
        }
    }
}

template <bool Corrected>
TreeReach TreeBarrier::reach_of(TreeStep& step) {
    TreeReach reach;
    follow_pairs(step);
    follow_discs(step);
    if constexpr (!Corrected) remember_discs(step);
    on_both_sides(
        [&]<class Kind, int Sign>(Limits& limits) { reach_limits<Kind, Sign, Corrected>(limits, step, reach); });
    reach_variables<Corrected>(controls_, step.control, reach);
    reach_variables<Corrected>(shared_, step.group, reach);
    for (auto& cap : caps_) {
        Pair const pair{cap.s, cap.z, softness_};
        double const goal = Corrected ? target_ - second_share_ * cap.second : 0.0;
        auto const [ds, dz] =
            pair.move(goal, cap.value - cap.s + cap.ratio * step.of_group[cap.control] - step.control[cap.control]);
        limit_ratio(cap.s, ds, cap.z, dz, reach.ratio);
        if constexpr (Corrected) {
            cap.ds = ds;
            cap.dz = dz;
        } else {
            cap.second = ds * dz;
            reach.cross += ds * dz;
        }
    }
    return reach;
}

TreeSums TreeBarrier::predict(double length, TreeStep const& step, TreeModel& model) {
    if (length > 0.0) {
        advance(length, step);
        advance_discs(length, step, model);
        measure_discs();
    }
    TreeSums sums;
    sums.objective = constant_;
    write_model<false>(model, sums);
    return sums;
}

void TreeBarrier::observe(TreePoint const& point, TreeModel& model) {
    set_values(point);
    TreeSums unused;
    write_model<false>(model, unused);
}

TreeReach TreeBarrier::reach_of_prediction(TreeStep& step) { return reach_of<false>(step); }

void TreeBarrier::correct(double target, double second_share, TreeModel& model) {
    target_ = target;
    second_share_ = second_share;
    bend_discs(model);
    TreeSums unused;
    write_model<true>(model, unused);
}

TreeReach TreeBarrier::reach_of_correction(TreeStep& step) { return reach_of<true>(step); }

// A cap joins its control to the scalar of the group: the control is eliminated, and what is left is the group's.
void TreeBarrier::couple_cap(Cap const& cap, double stiffness, double push, TreeModel& model) {
    auto const d = cap.control;
    if (model.control_inverse[d] == 0.0) {
        model.share[d] = 0.0;
        model.shared_curvature[d] = cap.ratio * cap.ratio * stiffness;
        model.shared_slope[d] = -cap.ratio * (push + cap.z);
        return;
    }
    double const curvature = 1.0 / model.control_inverse[d], slope = model.control_slope[d] + cap.z;
    double const inverse = 1.0 / (curvature + stiffness);
    model.control_inverse[d] = inverse;
    model.control_slope[d] = slope + push;
    model.share[d] = cap.ratio * stiffness * inverse;
    model.shared_curvature[d] = cap.ratio * cap.ratio * stiffness * curvature * inverse;
    model.shared_slope[d] = cap.ratio * (inverse * (stiffness * slope - curvature * push) - cap.z);
}

// Limits of a pair make its curvature a 2 x 2 block, of which the model holds the inverse.
void TreeBarrier::couple_pairs(TreeModel& model) const {
    for (std::size_t i = 0; i < pairs_.size();) {
        auto const d = pairs_[i].control;
        double h1 = 0.0, h2 = 0.0, h12 = 0.0;
        for (; i < pairs_.size() && pairs_[i].control == d; ++i) {
            auto const& pair = pairs_[i];
            double const curvature = model.row_curvature[first_pair_ + i];
            double const slope = model.row_slope[first_pair_ + i] + pair_multiplier(i);
            h1 += curvature * pair.first * pair.first;
            h12 += curvature * pair.first * pair.second;
            h2 += curvature * pair.second * pair.second;
            if (pair.disc >= 0 && pair.coordinate == 0) {
                auto const& other = pairs_[i + 1];
                double const cross = model.row_cross[first_pair_ + i];
                h1 += 2.0 * cross * pair.first * other.first;
                h12 += cross * (pair.first * other.second + pair.second * other.first);
                h2 += 2.0 * cross * pair.second * other.second;
            }
            model.control_slope[d] += slope * pair.first;
            model.control_slope[d + 1] += slope * pair.second;
        }
        // (H + own)^-1 with own = diag(1 / inverse), which may be infinite.
        double const i1 = model.control_inverse[d], i2 = model.control_inverse[d + 1];
        double const a = 1.0 + i1 * h1, c = 1.0 + i2 * h2;
        double const reciprocal = 1.0 / (a * c - i1 * i2 * h12 * h12);
        model.control_inverse[d] = i1 * c * reciprocal;
        model.control_inverse[d + 1] = i2 * a * reciprocal;
        model.control_cross[d] = -i1 * i2 * h12 * reciprocal;
    }
}

// What limits of pairs move by follows from their controls.
void TreeBarrier::follow_pairs(TreeStep& step) const {
    for (std::size_t i = 0; i < pairs_.size(); ++i)
        step.row[first_pair_ + i] =
            pairs_[i].first * step.control[pairs_[i].control] + pairs_[i].second * step.control[pairs_[i].control + 1];
}

}  // namespace dec::solvers
