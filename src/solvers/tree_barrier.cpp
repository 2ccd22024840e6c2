#include "tree_barrier.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {
namespace {

struct Move {
    double s, z;
};

// One slack s >= 0 with its multiplier z.
struct Bound {
    double s, z;

    // To s z = goal, when what s has to follow moves by `step`.
    [[nodiscard]] Move move(double goal, double step) const { return {step, (goal - z * (s + step)) / s}; }
    // This share of ds dz of the move to s z = 0.
    [[nodiscard]] double second_order(double step, double share) const { return share * move(0.0, step).z * step; }
    [[nodiscard]] double stiffness() const { return z / s; }
};

// The same where the multiplier's step moves the limit, by `softness` and by what it gives way besides. Divides once.
class Limit {
  public:
    Limit(double s, double z, double softness, double give = 0.0)
        : s_{s}, z_{z}, softness_{softness + give}, reciprocal_{1.0 / (s + softness_ * z)} {}

    [[nodiscard]] Move move(double goal, double step) const {
        double const dz = (goal - z_ * (s_ + step)) * reciprocal_;
        return {step + softness_ * dz, dz};
    }
    [[nodiscard]] double second_order(double step, double share) const {
        auto const [ds, dz] = move(0.0, step);
        return share * ds * dz;
    }
    [[nodiscard]] double stiffness() const { return z_ * reciprocal_; }

  private:
    double s_, z_, softness_, reciprocal_;
};

// A given row is that much less soft than a limit: nothing but its multiplier moves it.
constexpr double rigidity = 0.1;

// What ds/s and dz/z allow, without a division where they do not come into question.
void limit_ratio(double s, double ds, double z, double dz, double& ratio) {
    if (-ds > ratio * s || -dz > ratio * z) ratio = std::max(-ds / s, -dz / z);
}

constexpr double start_low = 0.1, start_high = 0.9;

// The excess e with s = slack + e, s z = e w = mu and z + w = excess_cost (1 + e).
double central_excess(double slack, double mu) {
    double const least = std::max(-slack, 0.0);
    double low = 0.0, high = 2.0 * mu / excess_cost;
    for (int halving = 0; halving < 50; ++halving) {
        double const middle = 0.5 * (low + high), e = least + middle;
        bool const is_more = mu / (slack + e) + mu / e > excess_cost * (1.0 + e);
        (is_more ? low : high) = middle;
    }
    return least + high;
}

}  // namespace

TreeBarrier::TreeBarrier(TreeProgram const& program, TreeUnits const& units, TreeElimination const& elimination,
                         bool elastic)
    : program_{program}, units_{units}, watched_{elimination.watched()}, elastic_{elastic} {
    set_variables();
    set_limits();
}

void TreeBarrier::set_variables() {
    auto const resize = [](Variables& variables, std::size_t count) {
        for (auto* const field : {&variables.t, &variables.z_low, &variables.z_high, &variables.cost,
                                  &variables.curvature, &variables.prediction})
            field->assign(count, 0.0);
        variables.moves.assign(count, 0);
    };
    auto const set = [this](Variables& variables, std::size_t i, TreeTerm const& term, double lower, double range) {
        variables.cost[i] = units_.cost * (term.cost + term.curvature * lower) * range;
        variables.curvature[i] = units_.cost * term.curvature * range * range;
        constant_ += units_.cost * (term.cost + 0.5 * term.curvature * lower) * lower;
        if (term.log_weight > 0.0) {
            variables.log_weight.resize(variables.t.size(), 0.0);
            variables.log_weight[i] = units_.cost * term.log_weight;
        }
    };
    resize(controls_, program_.controls.size());
    for (std::size_t d = 0; d < program_.controls.size(); ++d) {
        auto const& control = program_.controls[d];
        set(controls_, d, control.term, units_.control_lower[d], units_.control_range[d]);
        controls_.moves[d] = units_.control_fixed[d] ? 0 : 1;
        if (control.role == TreeControl::Role::capped)
            caps_.push_back(
                {.control = d,
                 .ratio = units_.group_range[static_cast<std::size_t>(control.group)] / units_.control_range[d]});
    }
    price_.assign(program_.controls.size(), 0.0);
    resize(shared_, program_.groups.size());
    for (std::size_t g = 0; g < program_.groups.size(); ++g) {
        if (program_.groups[g].top < 0) continue;
        set(shared_, g, program_.groups[g].term, units_.group_lower[g], units_.group_range[g]);
        shared_.moves[g] = units_.group_fixed[g] ? 0 : 1;
    }
}

// Large multipliers have large steps, or they would creep.
double TreeBarrier::softness_of(double multiplier) const {
    return softness_ / std::clamp(std::abs(multiplier), 1.0, large_multiplier_);
}

void TreeBarrier::set_limits() {
    auto const is_fixed = [this](std::size_t w) {
        auto const row = static_cast<std::size_t>(watched_[w]);
        return is_given(program_.low[row], program_.high[row]);
    };
    for (std::size_t w = 0; w < watched_.size(); ++w) {
        if (!is_fixed(w)) continue;
        fixed_.row.push_back(static_cast<std::int32_t>(w));
        fixed_.bound.push_back(program_.low[static_cast<std::size_t>(watched_[w])]);
    }
    fixed_.z.assign(fixed_.row.size(), 0.0);
    auto const set = [&](Limits& limits, std::vector<double> const& bounds) {
        for (std::size_t w = 0; w < watched_.size(); ++w) {
            double const bound = bounds[static_cast<std::size_t>(watched_[w])];
            if (!std::isfinite(bound) || is_fixed(w)) continue;
            limits.row.push_back(static_cast<std::int32_t>(w));
            limits.bound.push_back(bound);
        }
    };
    first_pair_ = watched_.size() + program_.flow_limits.size();
    set(low_, program_.low);
    set(high_, program_.high);
    first_disc_ = first_pair_ + program_.pair_limits.size();
    // Limits of flows come after those of states.
    auto const add = [this](auto const& limit, std::size_t row) {
        if (limit.side == TreeSide::first_of_disc)
            discs_.push_back({.first = row, .row = first_disc_ + discs_.size(), .centre = {limit.bound, 0.0}});
        else if (limit.side == TreeSide::second_of_disc) discs_.back().centre[1] = limit.bound;
        if (limit.side == TreeSide::first_of_disc) return;
        bool const disc = limit.side == TreeSide::second_of_disc;
        if (disc) discs_.back().limit = high_.row.size();
        high_.row.push_back(static_cast<std::int32_t>(disc ? discs_.back().row : row));
        high_.bound.push_back(disc ? 0.5 : limit.bound);
    };
    for (std::size_t i = 0; i < program_.flow_limits.size(); ++i) add(program_.flow_limits[i], watched_.size() + i);
    for (std::size_t i = 0; i < program_.pair_limits.size(); ++i) {
        auto const& limit = program_.pair_limits[i];
        auto const d = static_cast<std::size_t>(limit.control);
        add(limit, first_pair_ + i);
        bool const half_plane = limit.side == TreeSide::half_plane;
        pairs_.push_back({.control = d,
                          .first = limit.first * units_.control_range[d],
                          .second = limit.second * units_.control_range[d + 1],
                          .limit = high_.row.size() - 1,
                          .disc = half_plane ? -1 : static_cast<std::int32_t>(discs_.size()) - 1,
                          .coordinate = static_cast<std::uint8_t>(limit.side == TreeSide::second_of_disc ? 1 : 0)});
    }
    for (auto* const limits : {&low_, &high_}) {
        limits->s.assign(limits->row.size(), 1.0);
        limits->z.assign(limits->row.size(), 1.0);
        if (elastic_) limits->e = limits->w = limits->s;
    }
    if (!pairs_.empty()) pair_price_.assign(controls_.t.size(), 0.0);
    value_.assign(first_disc_ + discs_.size(), 0.0);
    prediction_.assign(value_.size(), 0.0);
}

void TreeBarrier::start_cold(TreeFlow& flow, TreeGroups& groups) {
    double const mu = elastic_ ? 0.1 * excess_cost : 1.0;
    auto const place = [mu](Variables& variables) {
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            if (variables.moves[i] == 0) continue;
            // Where the term by itself is least, but inside.
            double const cost = variables.cost[i], curvature = variables.curvature[i];
            double const least = curvature > 0.0 ? -cost / curvature : cost < 0.0 ? 1.0 : 0.0;
            variables.t[i] = std::clamp(least, start_low, start_high);
            variables.z_low[i] = mu / variables.t[i];
            variables.z_high[i] = mu / (1.0 - variables.t[i]);
        }
    };
    place(controls_);
    place(shared_);
    set_slacks(flow, groups, 0.025, mu);
    set_prices(flow);
}

void TreeBarrier::start_warm(TreeFlow& flow, TreeGroups& groups, TreeStart const& start) {
    constexpr double mu = 3e-3;
    auto const place = [](Variables& variables, std::vector<double> const& at, std::vector<double> const& lower,
                          std::vector<double> const& range) {
        for (std::size_t i = 0; i < variables.t.size(); ++i) {
            if (variables.moves[i] == 0) continue;
            variables.t[i] = std::clamp((at[i] - lower[i]) / range[i], 0.03, 0.97);
            variables.z_low[i] = mu / variables.t[i];
            variables.z_high[i] = mu / (1.0 - variables.t[i]);
        }
    };
    place(controls_, start.u, units_.control_lower, units_.control_range);
    place(shared_, start.y, units_.group_lower, units_.group_range);
    set_slacks(flow, groups, 0.0025, mu);
    take_prices(start);
    set_prices(flow);
}

// Where the start has larger ones.
void TreeBarrier::take_prices(TreeStart const& start) {
    auto const price_of_row = [&](std::size_t w) {
        if (w < first_pair_) return start.price_flow.empty() ? 0.0 : start.price_flow[w - watched_.size()];
        return start.price_pair.empty() ? 0.0 : start.price_pair[w - first_pair_];
    };
    auto const take = [&](Limits& limits, std::vector<double> const& prices) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            double price = 0.0;
            if (w < watched_.size()) {
                price = prices[static_cast<std::size_t>(watched_[w])];
            } else if (w < first_disc_) {
                price = price_of_row(w);
            } else {
                auto const first = discs_[w - first_disc_].first;
                price = std::hypot(price_of_row(first), price_of_row(first + 1));
            }
            limits.z[i] = std::max(limits.z[i], units_.cost * price);
        }
    };
    take(low_, start.price_low);
    take(high_, start.price_high);
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const row = static_cast<std::size_t>(watched_[static_cast<std::size_t>(fixed_.row[i])]);
        fixed_.z[i] = units_.cost * (start.price_high[row] - start.price_low[row]);
    }
}

void TreeBarrier::start_exact(TreeFlow& flow, TreeGroups& groups, TreeStart const& start) {
    auto const place = [](Variables& variables, std::vector<double> const& at, std::vector<double> const& lower,
                          std::vector<double> const& range) {
        for (std::size_t i = 0; i < variables.t.size(); ++i)
            if (variables.moves[i] != 0) variables.t[i] = std::clamp((at[i] - lower[i]) / range[i], 0.0, 1.0);
    };
    place(controls_, start.u, units_.control_lower, units_.control_range);
    place(shared_, start.y, units_.group_lower, units_.group_range);
    set_slacks(flow, groups, 0.0, 0.0);
    take_prices(start);
    set_prices(flow);
}

// Multipliers of caps are no part of a start: they are what else holds their controls in place.
void TreeBarrier::end_start(TreePoint const& point) {
    constexpr double at_cap = 1e-9;
    for (auto& cap : caps_) {
        double const pull = -units_.cost * units_.control_range[cap.control] * point.derivative[cap.control];
        cap.z = cap.value < at_cap ? std::max(pull, 0.0) : 0.0;
    }
}

// Ties follow their group.
void TreeBarrier::follow_groups(TreeGroups& groups) {
    of_groups_ = shared_.t;
    groups.from_top(of_groups_);
    for (std::size_t d = 0; d < controls_.t.size(); ++d)
        if (program_.controls[d].role == TreeControl::Role::tied)
            controls_.t[d] = of_groups_[static_cast<std::size_t>(program_.controls[d].group)];
}

// y - u, in units of the control.
double TreeBarrier::gap_of(Cap const& cap) const {
    auto const g = static_cast<std::size_t>(program_.controls[cap.control].group);
    double const y = units_.group_lower[g] + units_.group_range[g] * of_groups_[g];
    return (y - units_.control_lower[cap.control]) / units_.control_range[cap.control] - controls_.t[cap.control];
}

// Values that follow from t, and slacks of at least this share of the width between limits.
void TreeBarrier::set_slacks(TreeFlow& flow, TreeGroups& groups, double least_share, double mu) {
    follow_groups(groups);
    for (auto& cap : caps_) {
        cap.value = gap_of(cap);
        cap.s = std::max(cap.value, 4.0 * least_share);
        cap.z = mu > 0.0 ? mu / cap.s : 0.0;
    }

    TreePoint point;
    read(point.u, point.y);
    find_states(program_, flow, point);
    take_values(point);
    auto const set = [&](Limits& limits, double sign) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            double width = std::max(std::abs(limits.bound[i]), 1e-3);
            if (w < watched_.size()) {
                auto const row = static_cast<std::size_t>(watched_[w]);
                width = program_.high[row] - program_.low[row];
                if (!std::isfinite(width) || width <= 0.0) width = 0.2 * std::max(1.0, std::abs(limits.bound[i]));
            }
            double const slack = sign * (limits.bound[i] - value_[w]);
            limits.s[i] = std::max(slack, least_share * width);
            if (elastic_) {
                limits.e[i] = central_excess(slack, mu);
                limits.s[i] = slack + limits.e[i];
                limits.w[i] = mu / limits.e[i];
            }
            limits.z[i] = mu > 0.0 ? mu / limits.s[i] : 0.0;
        }
    };
    set(low_, -1.0);
    set(high_, 1.0);
}

void TreeBarrier::set_prices(TreeFlow& flow) {
    press_discs();
    TreePoint point;
    read_prices(point);
    find_prices(program_, flow, point);
    for (std::size_t d = 0; d < price_.size(); ++d)
        price_[d] = units_.cost * units_.control_range[d] * point.control_price[d];
}

// One limit as it stands: s = Sign (bound - value).
class TreeBarrier::Rigid {
  public:
    struct Moves {
        double s, z;
    };
    Rigid(Limits const& limits, std::size_t i, double softness)
        : s_{limits.s[i]}, z_{limits.z[i]}, pair_{s_, z_, softness} {}

    [[nodiscard]] double slack() const { return s_; }
    [[nodiscard]] double stiffness() const { return pair_.stiffness(); }
    // Second-order terms of the step to zero complementarity.
    [[nodiscard]] double second_order(double step, double share) const { return pair_.second_order(step, share); }
    [[nodiscard]] Moves move(double target, double second, double step) const {
        auto const [ds, dz] = pair_.move(target - second, step);
        return {ds, dz};
    }
    void take(Limits& limits, std::size_t i, double length, Moves const& moves) const {
        limits.s[i] = s_ + length * moves.s;
        limits.z[i] = z_ + length * moves.z;
    }
    void add(Moves const& moves, TreeReach& reach) const {
        limit_ratio(s_, moves.s, z_, moves.z, reach.ratio);
        reach.cross += moves.s * moves.z;
    }
    static double none() { return 0.0; }

  private:
    double s_, z_;
    Limit pair_;
};

// The same with s = Sign (bound - value) + e. Eliminating e makes the limit softer by `give`.
class TreeBarrier::Elastic {
  public:
    struct Moves {
        double s, z, e, w;
    };
    struct Second {
        double of_s = 0.0, of_e = 0.0;
    };
    Elastic(Limits const& limits, std::size_t i, double softness)
        : s_{limits.s[i]}, z_{limits.z[i]}, e_{limits.e[i]}, w_{limits.w[i]}, give_{e_ / (w_ + excess_cost * e_)},
          residual_{excess_cost * (1.0 + e_) - z_ - w_}, pair_{s_, z_, softness, give_} {}

    [[nodiscard]] double slack() const { return s_ - e_; }
    [[nodiscard]] double stiffness() const { return pair_.stiffness(); }
    [[nodiscard]] Second second_order(double step, double share) const {
        auto const moves = move(0.0, {}, step);
        return {share * moves.s * moves.z, share * moves.e * moves.w};
    }
    [[nodiscard]] Moves move(double target, Second const& second, double step) const {
        // From e w = target and cost' = z + w.
        double const own = (target - second.of_e - e_ * (w_ + residual_)) * give_ / e_;
        auto const [ds, dz] = pair_.move(target - second.of_s, step + own);
        double const de = own + give_ * dz;
        return {ds, dz, de, excess_cost * de - dz + residual_};
    }
    void take(Limits& limits, std::size_t i, double length, Moves const& moves) const {
        limits.s[i] = s_ + length * moves.s;
        limits.z[i] = z_ + length * moves.z;
        limits.e[i] = e_ + length * moves.e;
        limits.w[i] = w_ + length * moves.w;
    }
    void add(Moves const& moves, TreeReach& reach) const {
        limit_ratio(s_, moves.s, z_, moves.z, reach.ratio);
        limit_ratio(e_, moves.e, w_, moves.w, reach.ratio);
        reach.cross += moves.s * moves.z + moves.e * moves.w;
    }
    static Second none() { return {}; }

  private:
    double s_, z_, e_, w_;
    double give_, residual_;
    Limit pair_;
};

template <class Kind, int Sign>
void TreeBarrier::advance_limits(Limits& limits, double length, TreeStep const& step) {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind const limit(limits, i, softness_of(limits.z[i]));
        // value_ has moved already; the residual was with the value before.
        double const residual = Sign * (limits.bound[i] - (value_[w] - length * step.row[w])) - limit.slack();
        auto const second = limit.second_order(residual - Sign * prediction_[w], second_share_);
        limit.take(limits, i, length, limit.move(target_, second, residual - Sign * step.row[w]));
    }
}

template <class Kind, int Sign>
void TreeBarrier::model_limits(Limits const& limits, double target, bool corrected, TreeModel& model) {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind const limit(limits, i, softness_of(limits.z[i]));
        double const residual = Sign * (limits.bound[i] - value_[w]) - limit.slack();
        auto const second =
            corrected ? limit.second_order(residual - Sign * prediction_[w], second_share_) : Kind::none();
        model.row_slope[w] += Sign * limit.move(target, second, residual).z;
        if (!corrected) {
            model.row_curvature[w] += limit.stiffness();
            primal_residual_ = std::max(primal_residual_, std::abs(residual));
            excess_ += limits.z[i] * std::abs(residual);
        }
    }
}

template <class Kind, int Sign>
void TreeBarrier::reach_limits(Limits const& limits, bool corrected, TreeStep const& step, TreeReach& reach) const {
    for (std::size_t i = 0; i < limits.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(limits.row[i]);
        Kind const limit(limits, i, softness_of(limits.z[i]));
        double const residual = Sign * (limits.bound[i] - value_[w]) - limit.slack();
        auto const second =
            corrected ? limit.second_order(residual - Sign * prediction_[w], second_share_) : Kind::none();
        limit.add(limit.move(corrected ? target_ : 0.0, second, residual - Sign * step.row[w]), reach);
    }
}

void TreeBarrier::advance_limits(double length, TreeStep const& step) {
    if (elastic_) {
        advance_limits<Elastic, -1>(low_, length, step);
        advance_limits<Elastic, 1>(high_, length, step);
    } else {
        advance_limits<Rigid, -1>(low_, length, step);
        advance_limits<Rigid, 1>(high_, length, step);
    }
}

void TreeBarrier::model_limits(double target, bool corrected, TreeModel& model) {
    if (elastic_) {
        model_limits<Elastic, -1>(low_, target, corrected, model);
        model_limits<Elastic, 1>(high_, target, corrected, model);
    } else {
        model_limits<Rigid, -1>(low_, target, corrected, model);
        model_limits<Rigid, 1>(high_, target, corrected, model);
    }
}

void TreeBarrier::reach_limits(bool corrected, TreeStep const& step, TreeReach& reach) const {
    if (elastic_) {
        reach_limits<Elastic, -1>(low_, corrected, step, reach);
        reach_limits<Elastic, 1>(high_, corrected, step, reach);
    } else {
        reach_limits<Rigid, -1>(low_, corrected, step, reach);
        reach_limits<Rigid, 1>(high_, corrected, step, reach);
    }
}

void TreeBarrier::advance_variables(Variables& variables, std::vector<double> const& dt, double length) const {
    for (std::size_t i = 0; i < variables.t.size(); ++i) {
        if (variables.moves[i] != 0) {
            double const t = variables.t[i];
            Bound const low{t, variables.z_low[i]}, high{1.0 - t, variables.z_high[i]};
            double const of_low = low.second_order(variables.prediction[i], second_share_);
            double const of_high = high.second_order(-variables.prediction[i], second_share_);
            variables.z_low[i] += length * low.move(target_ - of_low, dt[i]).z;
            variables.z_high[i] += length * high.move(target_ - of_high, -dt[i]).z;
        }
        variables.t[i] += length * dt[i];
    }
}

void TreeBarrier::reach_variables(Variables const& variables, bool corrected, std::vector<double> const& dt,
                                  TreeReach& reach) const {
    for (std::size_t i = 0; i < variables.t.size(); ++i) {
        if (variables.moves[i] == 0) continue;
        double const t = variables.t[i];
        Bound const low{t, variables.z_low[i]}, high{1.0 - t, variables.z_high[i]};
        double const of_low = corrected ? target_ - low.second_order(variables.prediction[i], second_share_) : 0.0;
        double const of_high = corrected ? target_ - high.second_order(-variables.prediction[i], second_share_) : 0.0;
        double const dz_low = low.move(of_low, dt[i]).z;
        double const dz_high = high.move(of_high, -dt[i]).z;
        if (-dt[i] > reach.ratio * low.s || dt[i] > reach.ratio * high.s || -dz_low > reach.ratio * low.z ||
            -dz_high > reach.ratio * high.z)
            reach.ratio = std::max({-dt[i] / low.s, dt[i] / high.s, -dz_low / low.z, -dz_high / high.z});
        reach.cross += dt[i] * (dz_low - dz_high);
    }
}

void TreeBarrier::add_sums(Variables const& variables, std::vector<double> const& lower,
                           std::vector<double> const& range, TreeSums& sums) const {
    for (std::size_t i = 0; i < variables.t.size(); ++i) {
        double const t = variables.t[i];
        sums.objective += (variables.cost[i] + 0.5 * variables.curvature[i] * t) * t;
        if (variables.is_logarithmic(i))
            sums.objective -= variables.log_weight[i] * std::log(1.0 - lower[i] - range[i] * t);
        if (variables.moves[i] == 0) continue;
        sums.complementarity += variables.z_low[i] * t + variables.z_high[i] * (1.0 - t);
        sums.pairs += 2.0;
    }
}

void TreeBarrier::write_model(double target, bool corrected, TreeModel& model) {
    std::ranges::fill(model.row_slope, 0.0);
    if (!corrected) {
        std::ranges::fill(model.row_curvature, 0.0);
        primal_residual_ = 0.0;
        dual_residual_ = 0.0;
        excess_ = 0.0;
    }
    model_limits(target, corrected, model);
    // A multiplier steps by what is missing after the step, over the softness.
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const w = static_cast<std::size_t>(fixed_.row[i]);
        double const residual = value_[w] - fixed_.bound[i];
        double const stiffness = 1.0 / (rigidity * softness_of(fixed_.z[i]));
        model.row_slope[w] += residual * stiffness;
        if (corrected) continue;
        model.row_curvature[w] += stiffness;
        primal_residual_ = std::max(primal_residual_, std::abs(residual));
    }
    couple_discs(false, model);
    std::ranges::fill(pair_price_, 0.0);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        pair_price_[pairs_[i].control] += pair_multiplier(i) * pairs_[i].first;
        pair_price_[pairs_[i].control + 1] += pair_multiplier(i) * pairs_[i].second;
    }

    // Returns the derivative of the Lagrangian.
    auto const term = [&](Variables const& variables, std::size_t i, double lower, double range, double worth,
                          double& curvature, double& slope) {
        double const t = variables.t[i];
        curvature = variables.curvature[i] + proximity_ * worth;
        slope = variables.cost[i] + variables.curvature[i] * t;
        if (variables.is_logarithmic(i)) {
            double const relative = range / (1.0 - lower - range * t);
            slope += variables.log_weight[i] * relative;
            curvature += variables.log_weight[i] * relative * relative;
        }
        if (variables.moves[i] == 0) return 0.0;
        Bound const low{t, variables.z_low[i]}, high{1.0 - t, variables.z_high[i]};
        double const of_low = corrected ? low.second_order(variables.prediction[i], second_share_) : 0.0;
        double const of_high = corrected ? high.second_order(-variables.prediction[i], second_share_) : 0.0;
        double const derivative = slope + high.z - low.z;
        curvature += low.z / low.s + high.z / high.s;
        slope += (target - of_high) / high.s - (target - of_low) / low.s;
        return derivative;
    };
    for (std::size_t d = 0; d < controls_.t.size(); ++d) {
        double curvature = 0.0, slope = 0.0;
        double const derivative = term(controls_, d, units_.control_lower[d], units_.control_range[d],
                                       units_.control_worth[d], curvature, slope) +
                                  price_[d];
        auto const role = program_.controls[d].role;
        if (!corrected && controls_.moves[d] != 0 && role == TreeControl::Role::free)
            dual_residual_ = std::max(dual_residual_, std::abs(derivative + (pairs_.empty() ? 0.0 : pair_price_[d])));
        model.control_inverse[d] = controls_.moves[d] != 0 ? 1.0 / curvature : 0.0;
        slope += price_[d];
        model.control_slope[d] = slope;
        if (role != TreeControl::Role::tied) continue;
        model.share[d] = 1.0;
        model.shared_curvature[d] = curvature;
        model.shared_slope[d] = slope;
    }
    couple_pairs(model);
    for (auto& cap : caps_) {
        Limit const pair{cap.s, cap.z, softness_of(cap.z)};
        double const residual = cap.value - cap.s;
        double const second = corrected ? pair.second_order(residual + cap.prediction, second_share_) : 0.0;
        double const stiffness = pair.stiffness();
        double const push = pair.move(target - second, residual).z;
        if (!corrected) {
            primal_residual_ = std::max(primal_residual_, std::abs(residual));
            excess_ += cap.z * std::abs(residual);
        }
        couple_cap(cap, stiffness, push, model);
    }
    for (std::size_t g = 0; g < shared_.t.size(); ++g) {
        double curvature = 0.0, slope = 0.0;
        term(shared_, g, units_.group_lower[g], units_.group_range[g], units_.group_worth[g], curvature, slope);
        model.group_curvature[g] = units_.group_fixed[g] ? INFINITY : curvature;
        model.group_slope[g] = slope;
    }
}

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

TreeSums TreeBarrier::predict(double length, TreeStep const& step, TreeModel& model) {
    if (length > 0.0) {
        for (std::size_t w = 0; w < value_.size(); ++w) value_[w] += length * step.row[w];
        advance_limits(length, step);
        advance_discs(length, step, model);
        measure_discs();
        for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(fixed_.row[i]);
            double const after = value_[w] + (1.0 - length) * step.row[w];
            fixed_.z[i] += length * (after - fixed_.bound[i]) / (rigidity * softness_of(fixed_.z[i]));
        }
        for (auto& cap : caps_) {
            Limit const pair{cap.s, cap.z, softness_of(cap.z)};
            double const residual = cap.value - cap.s;
            double const move = cap.ratio * step.of_group[cap.control] - step.control[cap.control];
            double const second = pair.second_order(residual + cap.prediction, second_share_);
            auto const [ds, dz] = pair.move(target_ - second, residual + move);
            cap.z += length * dz;
            cap.s += length * ds;
            cap.value += length * move;
        }
        for (std::size_t d = 0; d < price_.size(); ++d) price_[d] += length * step.price[d];
        advance_variables(controls_, step.control, length);
        advance_variables(shared_, step.group, length);
    }
    write_model(0.0, false, model);
    TreeSums sums;
    sums.objective = constant_;
    add_sums(controls_, units_.control_lower, units_.control_range, sums);
    add_sums(shared_, units_.group_lower, units_.group_range, sums);
    for (auto const* const limits : {&low_, &high_}) {
        for (std::size_t i = 0; i < limits->s.size(); ++i) sums.complementarity += limits->s[i] * limits->z[i];
        for (std::size_t i = 0; i < limits->e.size(); ++i) {
            sums.complementarity += limits->e[i] * limits->w[i];
            sums.objective += excess_cost * (limits->e[i] + 0.5 * limits->e[i] * limits->e[i]);
        }
        sums.pairs += static_cast<double>(limits->s.size() + limits->e.size());
    }
    for (auto const& cap : caps_) sums.complementarity += cap.s * cap.z;
    sums.pairs += static_cast<double>(caps_.size());
    sums.excess = excess_;
    return sums;
}

void TreeBarrier::stiffen() {
    proximity_ = std::min(10.0 * proximity_, 1e-3);
    softness_ = std::min(10.0 * softness_, 1e-6);
    large_multiplier_ = 1.0;
}

void TreeBarrier::observe(TreePoint const& point, TreeModel& model) {
    set_values(point);
    write_model(0.0, false, model);
}

void TreeBarrier::take_values(TreePoint const& point) {
    for (std::size_t w = 0; w < watched_.size(); ++w) value_[w] = point.observed[static_cast<std::size_t>(watched_[w])];
    std::ranges::copy(point.observed_flow, value_.begin() + static_cast<std::ptrdiff_t>(watched_.size()));
    std::ranges::copy(point.observed_pair, value_.begin() + static_cast<std::ptrdiff_t>(first_pair_));
    measure_discs();
}

void TreeBarrier::set_values(TreePoint const& point) {
    take_values(point);
    for (std::size_t d = 0; d < price_.size(); ++d)
        price_[d] = units_.cost * units_.control_range[d] * point.control_price[d];
}

TreeReach TreeBarrier::reach_of_prediction(TreeStep& step) {
    TreeReach reach;
    follow_pairs(step);
    follow_discs(step);
    reach_limits(false, step, reach);
    prediction_ = step.row;
    reach_variables(controls_, false, step.control, reach);
    reach_variables(shared_, false, step.group, reach);
    controls_.prediction = step.control;
    shared_.prediction = step.group;
    for (auto& cap : caps_) {
        Limit const pair{cap.s, cap.z, softness_of(cap.z)};
        cap.prediction = cap.ratio * step.of_group[cap.control] - step.control[cap.control];
        auto const [ds, dz] = pair.move(0.0, cap.value - cap.s + cap.prediction);
        reach.ratio = std::max({reach.ratio, -ds / cap.s, -dz / cap.z});
        reach.cross += ds * dz;
    }
    return reach;
}

void TreeBarrier::correct(double target, double second_share, TreeModel& model) {
    target_ = target;
    second_share_ = second_share;
    bend_discs(model);
    // Curvatures of controls with caps are written again, with the same bits.
    write_model(target, true, model);
}

TreeReach TreeBarrier::reach_of_correction(TreeStep& step) {
    TreeReach reach;
    follow_pairs(step);
    follow_discs(step);
    reach_limits(true, step, reach);
    reach_variables(controls_, true, step.control, reach);
    reach_variables(shared_, true, step.group, reach);
    for (auto const& cap : caps_) {
        Limit const pair{cap.s, cap.z, softness_of(cap.z)};
        double const residual = cap.value - cap.s;
        auto const [ds, dz] = pair.move(target_ - pair.second_order(residual + cap.prediction, second_share_),
                                        residual + cap.ratio * step.of_group[cap.control] - step.control[cap.control]);
        reach.ratio = std::max({reach.ratio, -ds / cap.s, -dz / cap.z});
        reach.cross += ds * dz;
    }
    return reach;
}

void TreeBarrier::read(std::vector<double>& u, std::vector<double>& y) const {
    u.resize(controls_.t.size());
    for (std::size_t d = 0; d < u.size(); ++d)
        u[d] = units_.control_lower[d] + units_.control_range[d] * controls_.t[d];
    y.resize(shared_.t.size());
    for (std::size_t g = 0; g < y.size(); ++g) y[g] = units_.group_lower[g] + units_.group_range[g] * shared_.t[g];
}

void TreeBarrier::read_prices(TreePoint& point) const {
    auto const price = [this](double multiplier) { return std::max(multiplier, 0.0) / units_.cost; };
    point.price_low.assign(program_.low.size(), 0.0);
    point.price_high.assign(program_.low.size(), 0.0);
    point.price_flow.assign(program_.flow_limits.size(), 0.0);
    point.price_pair.assign(pairs_.size(), 0.0);
    auto const read_limits = [&](Limits const& limits, std::vector<double>& prices) {
        for (std::size_t i = 0; i < limits.row.size(); ++i) {
            auto const w = static_cast<std::size_t>(limits.row[i]);
            if (w >= first_disc_) continue;
            auto& to = w < watched_.size() ? prices[static_cast<std::size_t>(watched_[w])]
                       : w < first_pair_   ? point.price_flow[w - watched_.size()]
                                           : point.price_pair[w - first_pair_];
            to = price(limits.z[i]);
        }
    };
    read_limits(low_, point.price_low);
    read_limits(high_, point.price_high);
    for (auto const& disc : discs_)
        for (std::size_t k = 0; k < 2; ++k) {
            auto const w = disc.first + k;
            (w < first_pair_ ? point.price_flow[w - watched_.size()] : point.price_pair[w - first_pair_]) =
                disc.force[k] / units_.cost;
        }
    for (std::size_t i = 0; i < fixed_.row.size(); ++i) {
        auto const row = static_cast<std::size_t>(watched_[static_cast<std::size_t>(fixed_.row[i])]);
        (fixed_.z[i] > 0.0 ? point.price_high : point.price_low)[row] = price(std::abs(fixed_.z[i]));
    }
    point.cap.assign(controls_.t.size(), 0.0);
    for (auto const& limit : caps_) point.cap[limit.control] = price(limit.z) / units_.control_range[limit.control];
}

}  // namespace dec::solvers
