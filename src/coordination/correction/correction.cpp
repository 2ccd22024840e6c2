#include "dec/coordination/correction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "../marginal_prices.hpp"
#include "../record.hpp"
#include "ac_point.hpp"
#include "least_cost.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
/// An answer is the least if it costs no more than this part of the objective, or so much, above it.
constexpr double near = 1e-3, no_cost = 1e-6;

bool is_solved(Status status) {
    return status == Status::optimal || status == Status::converged || status == Status::relaxed;
}

/// Per pu^2 of the squared voltages of `nodes`, from per pu.
struct PricesOfSquares {
    std::vector<double> low, high;
    PricesOfSquares(std::span<Node const> nodes, Answer const& answer) {
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            auto const& node = nodes[i];
            low.push_back(node.low > 0.0 ? answer.price_low[i] / (2.0 * std::sqrt(node.low)) : 0.0);
            high.push_back(answer.price_high[i] / (2.0 * std::sqrt(node.high)));
        }
    }
};

/// A relaxed answer is outside its own limits already.
double says_itself(core::Communicator const& comm, partition::Piece const& piece, Answer const& answer) {
    if (answer.status != Status::relaxed) return 0.0;
    return worst_violation_pu(comm, piece, answer.nodes, answer.curtailed);
}

/// Limits as AC voltages with nothing curtailed leave them.
struct AcLimits {
    std::vector<Node> nodes;
    std::int64_t below_vmin = 0;  ///< of all ranks
    std::vector<char> sagging;    ///< per node: has no lower limit though it should keep one
};

AcLimits limits_at(core::Communicator const& comm, partition::Piece const& piece, VoltageLimits const& limits,
                   model::FlowState const& uncurtailed) {
    AcLimits found{.nodes = limited_nodes(piece, limits, uncurtailed)};
    std::int64_t below = 0;
    for (auto& node : found.nodes) {
        double const v = std::sqrt(std::max(0.0, seen(piece, uncurtailed, node)));
        below += v < limits.v_min_pu ? 1 : 0;
        found.sagging.push_back(!limits.relax_v_min && v < limits.v_min_pu - ac_tolerance_pu ? 1 : 0);
        if (found.sagging.back() != 0) node.low = -infinity;
    }
    found.below_vmin = comm.sum(below);
    return found;
}

void note_sagging(core::Communicator const& comm, partition::Piece const& piece, AcLimits const& limits,
                  Answer& answer) {
    if (comm.max(std::ranges::count(limits.sagging, 1)) == 0) return;
    answer.status = Status::not_ac_feasible;
    auto const names = named(comm, piece, limits.nodes, limits.sagging);
    if (comm.is_root())
        answer.ac_notes.push_back(
            fmt::format("below the lower limit with nothing curtailed, where no curtailment can help: {}; without a "
                        "lower limit there, "
                        "all other limits are kept",
                        names));
}

class Correction {
  public:
    Correction(core::Communicator const& comm, model::LinDist3Flow& flow, powerflow::PowerFlow& ac,
               Method const& method, fairness::Policy const& policy, Settings const& settings, Observer const& observer,
               Answer linear, CorrectionSettings const& own)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, method_{method}, policy_{policy}, settings_{settings},
          observer_{observer}, own_{own}, point_{comm, flow.piece(), ac},
          model_prices_{comm, flow}, linear_{std::move(linear)}, current_{linear_}, history_{linear_},
          nothing_(linear_.alpha.size(), 0.0) {
        for (std::size_t d = 0; d < flow.ders().size(); ++d) {
            available_kw_.push_back(flow.settings().per_unit.power_si(flow.ders()[d].available) / 1000.0);
            everything_.push_back(fairness::reach_of(
                available_kw_[d], settings.contracts.empty() ? fairness::Contract{} : settings.contracts[d]));
        }
    }

    Answer run();

  private:
    bool begin();
    void rounds();
    bool visit();
    void move_limits();
    void rebuild(bool at_ac_point);
    [[nodiscard]] bool has_prices() const;
    void weigh_what_the_model_lacks();
    [[nodiscard]] double above_least(Answer const& answer);
    void say_how_near(Answer& answer);
    bool solve_again();
    bool solve_again_nearer(Answer& next);
    [[nodiscard]] Settings moved_settings();
    bool relax_hopeless();
    void keep_if_better();
    [[nodiscard]] bool record_round(double change);
    void approach_from_best();
    Answer finish();

    [[nodiscard]] bool holds() const { return violation_ <= ac_tolerance_pu + allowed_; }
    [[nodiscard]] double curtailed_kw(Answer const& answer) const {
        return comm_.sum(std::inner_product(answer.alpha.begin(), answer.alpha.end(), available_kw_.begin(), 0.0));
    }
    /// One scalar needs no sensitivities: it is where a limit binds.
    [[nodiscard]] bool is_sum_of_costs() const {
        bool const is_scalar = policy_.shared_fraction && settings_.scope == fairness::Scope::feeder;
        return policy_.cost != nullptr && policy_.levels == fairness::Levels::none && !is_scalar;
    }
    /// What is to be small.
    [[nodiscard]] double burden(Answer const& answer) const {
        return policy_.cost != nullptr || policy_.levels != fairness::Levels::none ? answer.objective
                                                                                   : curtailed_kw(answer);
    }
    [[nodiscard]] Answer between(Answer const& a, Answer const& b, double part) const;
    void keep_models(bool keep);
    [[nodiscard]] bool holds_afresh();
    void give_back_room();

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    Method const& method_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    CorrectionSettings const& own_;
    AcPoint point_;
    MarginalPrices model_prices_;
    Answer linear_, current_;
    Answer history_;  // all rounds
    std::vector<double> nothing_, everything_, available_kw_;
    AcLimits limits_;             // what is asked of AC voltages
    std::vector<double> room_;    // per node: what that keeps from the upper limit, pu
    bool models_kept_ = false;    // above the upper limit
    bool any_steps_ = false;      // of loads at the upper limit
    std::vector<char> hopeless_;  // per node: above its limit whatever is curtailed; empty before anybody has looked
    bool any_hopeless_ = false;
    // Per DER, kW per share: worth of what sensitivities of the model lack, at the last prices.
    std::vector<double> beside_;
    bool weighs_ = false;                           // they are in the program
    std::optional<double> above_;                   // what the answer that came to rest may cost above the least
    std::vector<double> offset_, feasible_offset_;  // per node, pu^2; those of the last program that had an answer
    double tolerance_ = settings_.tolerance;
    double step_ = 1.0;                       // share of a new offset that is believed
    double violation_ = 0.0, allowed_ = 0.0;  // pu, of the current setpoints
    double last_violation_ = infinity;        // of the last setpoints that violated something
    bool may_rebuild_ = own_.rebuild, rebuilt_ = false, retreated_ = false, settled_ = false, stopped_ = false;
    std::int64_t round_ = 0;
    std::vector<double> solvable_, solvable_reactive_;  // the last setpoints for which power flow had an answer
    std::optional<Answer> best_;                        // the least burden of those that hold all AC limits
    std::optional<Answer> least_;                       // of those that do not, the one nearest to it
    double least_violation_ = infinity;
    std::string trouble_;    // why the rounds ended early
    std::string conflicts_;  // and who stands in the way; on the root
    AcRecord record_;
};

Answer Correction::run() {
    if (!begin()) {
        keep_models(false);
        if (comm_.is_root() && !point_.why().empty()) linear_.ac_notes.push_back(point_.why());
        if (is_solved(linear_.status)) {
            linear_.status = Status::not_ac_feasible;
            linear_.has_setpoints = false;
        }
        return std::move(linear_);
    }
    rounds();
    if (!is_solved(linear_.status) && round_ == 0 && !settled_) {
        keep_models(false);
        if (rebuilt_) flow_.linearise_balanced();
        return std::move(linear_);
    }
    if (!settled_ && !stopped_) approach_from_best();
    return finish();
}

/// Limits as AC voltages have them, and AC voltages of the linear answer. \return false where there are none.
bool Correction::begin() {
    record_.corrected = true;
    record_.alpha_linear = linear_.alpha;
    if (!is_solved(linear_.status)) {
        // Where the linear model has no answer, AC voltages may: beginning where most is curtailed.
        auto all = current_;
        all.alpha = everything_;
        current_ = between(all, all, 0.0);
        std::ranges::fill(record_.alpha_linear, std::numeric_limits<double>::quiet_NaN());
    }
    if (!point_.solve(nothing_)) return false;
    solvable_ = nothing_;
    limits_ = limits_at(comm_, piece_, settings_.limits, point_.state());
    record_.nodes_below_vmin = limits_.below_vmin;
    // Both models say that no setpoints exist.
    if (!is_solved(linear_.status) && comm_.max(std::ranges::count(limits_.sagging, 1)) > 0) return false;
    keep_models(true);
    room_ = point_.room_before_steps(limits_.nodes);
    any_steps_ = comm_.max(room_.empty() ? 0.0 : std::ranges::max(room_)) > 0.0;
    for (std::size_t i = 0; i < room_.size(); ++i) {
        auto& high = limits_.nodes[i].high;
        high = std::pow(std::sqrt(high) - room_[i], 2);
    }
    offset_.assign(limits_.nodes.size(), 0.0);
    feasible_offset_ = offset_;
    allowed_ = says_itself(comm_, piece_, linear_);
    if (!visit()) return false;
    AcRecord here;
    point_.describe(limits_.nodes, here);
    record_.v_max_linear_pu = is_solved(linear_.status) ? here.v_max_pu : std::numeric_limits<double>::quiet_NaN();
    if (!any_steps_) keep_if_better();
    return true;
}

void Correction::rounds() {
    constexpr double still = 1e-4, none = 1e-9, fastest = 0.1;
    constexpr std::int64_t rebuilds = 3;
    double last_moved = infinity;
    settled_ = holds() && curtailed_kw(current_) <= none && holds_afresh();
    while (!settled_ && round_ < own_.max_rounds) {
        if (may_rebuild_ && round_ < rebuilds) rebuild(true);
        move_limits();
        weigh_what_the_model_lacks();
        auto const before = current_;
        if (!solve_again()) return;
        ++round_;
        if (!visit()) {
            trouble_ = point_.why();
            return;
        }
        // Where loads step, early: what a power flow from no load asks for is then part of the next round.
        bool const fails_afresh = any_steps_ && holds() && !holds_afresh();
        if (!fails_afresh) keep_if_better();
        double change = 0.0;
        for (std::size_t d = 0; d < before.alpha.size(); ++d)
            change = std::max(change, std::abs(current_.alpha[d] - before.alpha[d]));
        if (record_round(comm_.max(change))) {
            stopped_ = true;
            return;
        }
        auto const relative = [](double a, double b) {
            return std::max(0.0, std::abs(a - b) - none) / std::max({std::abs(a), std::abs(b), none});
        };
        double const moved = std::max(relative(curtailed_kw(current_), curtailed_kw(before)),
                                      relative(burden(current_), burden(before)));
        // Changes that shrink by a factor q from round to round add up to q / (1 - q) of the last one. One ratio alone says little:
        // not less than `fastest`.
        bool const shrinks = std::isfinite(last_moved) && moved < 0.5 * last_moved;
        double const q = shrinks ? std::max(fastest, moved / last_moved) : 0.5;
        double const left = moved * q / (1.0 - q);
        last_moved = retreated_ ? infinity : moved;
        settled_ = !retreated_ && !fails_afresh && holds() && left <= still && (any_steps_ || holds_afresh());
        if (!settled_ || !is_sum_of_costs() || !has_prices()) continue;
        double const last_above = above_.value_or(infinity);
        above_ = above_least(current_);
        // Shares may stand still before the prices do, on which what the model lacks depends.
        bool const may_come_nearer = weighs_ && *above_ <= 0.5 * last_above;
        settled_ = *above_ <= near * current_.objective + no_cost || !may_come_nearer;
    }
    if (!settled_) trouble_ = fmt::format("after {} rounds the curtailment still changes", round_);
}

/// An answer has no voltage above the limit. There loads may draw another power than below, some by a step: seen from such a point
/// the limit is not where it is, and rounds would go back and forth across it.
void Correction::keep_models(bool keep) {
    models_kept_ = keep;
    // What draws another power by a step has two states. Curtailment comes from above.
    if (keep) static_cast<void>(point_.solve_afresh(nothing_));
    point_.keep_models_above(keep ? std::optional{settings_.limits.v_max_pu} : std::nullopt);
}

/// Whether the limits hold with devices as they are, from no load. There one phase of a load may be above the step and another below,
/// which no answer of kept models is: nodes that are too high then keep as much more room.
bool Correction::holds_afresh() {
    std::vector<double> kept_v;
    for (auto const& node : limits_.nodes)
        kept_v.push_back(std::sqrt(std::max(0.0, seen(piece_, point_.state(), node))));
    bool const kept = models_kept_;
    keep_models(false);
    bool const known = point_.solve_afresh(current_.alpha, current_.reactive);
    double worst = known ? 0.0 : infinity;
    for (std::size_t i = 0; known && i < kept_v.size(); ++i) {
        auto& node = limits_.nodes[i];
        double const v = std::sqrt(std::max(0.0, seen(piece_, point_.state(), node)));
        double const limit = std::sqrt(node.high) + room_[i];
        if (node.low > 0.0) worst = std::max(worst, std::sqrt(node.low) - v);
        worst = std::max(worst, v - limit);
        if (v <= limit + ac_tolerance_pu + allowed_) continue;
        room_[i] = std::max(room_[i], v - kept_v[i]);
        node.high = std::pow(limit - room_[i], 2);
    }
    keep_models(kept);
    static_cast<void>(point_.solve(current_.alpha, current_.reactive));
    violation_ = point_.violation_pu(limits_.nodes);
    return comm_.max(worst) <= ac_tolerance_pu + allowed_;
}

/// The limits themselves again.
void Correction::give_back_room() {
    for (std::size_t i = 0; i < room_.size(); ++i) {
        auto& high = limits_.nodes[i].high;
        high = std::pow(std::sqrt(high) + room_[i], 2);
    }
    std::ranges::fill(room_, 0.0);
}

/// AC voltages at the current setpoints; where there are none, halfway to where there were. \return false if that does not help.
bool Correction::visit() {
    constexpr int most_retreats = 10;
    retreated_ = false;
    for (int retreat = 0; !point_.solve(current_.alpha, current_.reactive); ++retreat) {
        if (retreat == most_retreats) return false;
        auto goal = current_;
        goal.alpha = best_ ? best_->alpha : solvable_;
        goal.reactive = best_ ? best_->reactive : solvable_reactive_;
        current_ = between(current_, goal, 0.5);
        retreated_ = true;
    }
    solvable_ = current_.alpha;
    solvable_reactive_ = current_.reactive;
    violation_ = point_.violation_pu(limits_.nodes);
    return true;
}

/// `part` of the way from one answer's setpoints to another's.
Answer Correction::between(Answer const& a, Answer const& b, double part) const {
    Answer middle = a;
    for (std::size_t d = 0; d < middle.alpha.size(); ++d) middle.alpha[d] += part * (b.alpha[d] - a.alpha[d]);
    for (std::size_t d = 0; d < std::min(middle.reactive.size(), b.reactive.size()); ++d)
        middle.reactive[d] += part * (b.reactive[d] - a.reactive[d]);
    flow_.set_reactive(middle.reactive);
    flow_.solve(middle.alpha, middle.curtailed);
    middle.price_low.clear();
    middle.price_high.clear();
    middle.duality_gap.reset();
    middle.objective += part * (b.objective - a.objective);
    if (policy_.cost != nullptr || policy_.levels != fairness::Levels::none) {
        double const own = fairness::objective(policy_, available_kw_, middle.alpha, settings_.contracts);
        middle.objective = policy_.levels == fairness::Levels::largest_first ? comm_.max(own) : comm_.sum(own);
    }
    return middle;
}

void Correction::keep_if_better() {
    if (holds()) {
        if (!best_ || burden(current_) < burden(*best_)) best_ = current_;
    } else if (violation_ < least_violation_) {
        least_violation_ = violation_;
        least_ = current_;
    }
}

/// AC voltages less linear ones; where the violation does not shrink by half of the step that was believed, less of it is.
void Correction::move_limits() {
    constexpr double least_step = 0.125;
    if (!holds()) {
        bool const enough = violation_ <= (1.0 - 0.5 * step_) * last_violation_;
        step_ = enough ? std::min(1.0, 2.0 * step_) : std::max(least_step, 0.5 * step_);
        last_violation_ = violation_;
    }
    for (std::size_t i = 0; i < offset_.size(); ++i) {
        auto const& node = limits_.nodes[i];
        double const found = seen(piece_, point_.state(), node) - seen(piece_, current_.curtailed, node);
        offset_[i] += (round_ == 0 ? 1.0 : step_) * (found - offset_[i]);
    }
}

/// Sensitivities at the AC point, or balanced again. Offsets begin anew: they are what this model does not say.
void Correction::rebuild(bool at_ac_point) {
    if (at_ac_point) flow_.linearise_at(point_.operating_points(), point_.load_points());
    else flow_.linearise_balanced();
    rebuilt_ = at_ac_point;
    flow_.set_reactive(current_.reactive);
    flow_.solve(current_.alpha, current_.curtailed);
    for (std::size_t i = 0; i < offset_.size(); ++i)
        offset_[i] =
            seen(piece_, point_.state(), limits_.nodes[i]) - seen(piece_, current_.curtailed, limits_.nodes[i]);
    feasible_offset_ = offset_;
}

/// Whether the current answer has what limits cost in it. Prices of a relaxed one are those of exceeding limits.
bool Correction::has_prices() const {
    bool const any = method_.general && current_.status != Status::relaxed && !current_.price_high.empty();
    return comm_.max(any ? 1.0 : 0.0) > 0.0;
}

/// Offsets take the voltages of the model to where AC has them, but not how they answer to a share. What that is worth at the last prices
/// is added to the cost of a share: where shares and prices stand still, the conditions of an optimum hold with AC sensitivities.
/// Where that is not a small part, as behind delta-wye banks whose legs have PV each, prices and shares would chase each other.
void Correction::weigh_what_the_model_lacks() {
    constexpr double largest_part = 0.3;
    beside_.clear();
    weighs_ = false;
    if (!is_sum_of_costs() || !has_prices()) return;
    PricesOfSquares const price{current_.nodes, current_};
    beside_ = point_.gradient(current_.nodes, price.low, price.high);
    auto const of_model = model_prices_.gradient(current_.nodes, price.low, price.high);
    double all = 0.0, lacking = 0.0;
    for (std::size_t d = 0; d < beside_.size(); ++d) {
        all += std::abs(beside_[d]);
        beside_[d] -= of_model[d];
        lacking += std::abs(beside_[d]);
    }
    weighs_ = comm_.sum(lacking) <= largest_part * comm_.sum(all);
    if (!weighs_) beside_.clear();
}

/// What the method is asked: the limits where the linear voltages have to be for the AC voltages to hold.
Settings Correction::moved_settings() {
    auto settings = settings_;
    settings.start.reset();
    settings.tolerance = tolerance_;
    settings.nodes = limits_.nodes;
    settings.beside = beside_;
    for (std::size_t i = 0; i < offset_.size(); ++i) {
        (*settings.nodes)[i].high -= offset_[i];
        (*settings.nodes)[i].low -= offset_[i];
    }
    if (any_hopeless_) {
        // As low as they can be in this model, with a little room so that the program has an inside.
        constexpr double room = 2e-5;
        model::FlowState lowest;
        flow_.solve(everything_, lowest);
        for (std::size_t i = 0; i < offset_.size(); ++i)
            if (auto& node = (*settings.nodes)[i]; hopeless_[i] != 0)
                node.high = std::max(node.high, seen(piece_, lowest, node) + room);
    }
    // The prices of a relaxed answer are those of exceeding limits.
    if (method_.general && !current_.price_high.empty() && current_.status != Status::relaxed) {
        Settings::Start start{.alpha = current_.alpha};
        for (std::size_t i = 0; i < current_.nodes.size(); ++i) {
            if (current_.price_low[i] > 0.0) start.price_low[current_.nodes[i].row] = current_.price_low[i];
            if (current_.price_high[i] > 0.0) start.price_high[current_.nodes[i].row] = current_.price_high[i];
        }
        settings.start = std::move(start);
    }
    return settings;
}

bool Correction::solve_again() {
    auto next = method_.run(comm_, flow_, policy_, moved_settings(), {});
    bool const has_answer = is_solved(linear_.status) || round_ > 0;
    if (next.status == Status::infeasible && has_answer && relax_hopeless())
        next = method_.run(comm_, flow_, policy_, moved_settings(), {});
    auto const ends_early = [&] { return !is_solved(next.status) && next.status != Status::infeasible; };
    // What is left of the residuals where branches mix all powers may be more than the method tolerates of others.
    constexpr double looser = 10.0, loosest = 1.01e-7;
    while (rebuilt_ && ends_early() && looser * tolerance_ <= loosest) {
        tolerance_ *= looser;
        next = method_.run(comm_, flow_, policy_, moved_settings(), {});
    }
    if (rebuilt_ && ends_early()) {
        // Branches that mix all powers are harder to solve: the rest of the way without.
        may_rebuild_ = false;
        rebuild(false);
        next = method_.run(comm_, flow_, policy_, moved_settings(), {});
    }
    if (next.status == Status::infeasible && !(has_answer && solve_again_nearer(next))) {
        trouble_ = fmt::format("no curtailment by {} keeps all limits where AC power flow moves them to", policy_.name);
        for (auto const& conflict : next.conflicts)
            if (!conflict.element.empty())
                conflicts_ += (conflicts_.empty() ? "; in conflict: " : ", ") + conflict.element;
        return false;
    }
    if (!is_solved(next.status)) {
        trouble_ = fmt::format("with the limits where AC power flow moves them to, the method ends as {}",
                               to_text(next.status));
        return false;
    }
    feasible_offset_ = offset_;
    allowed_ = says_itself(comm_, piece_, next);
    current_ = std::move(next);
    return true;
}

/// Where the last limits had an answer and these have none, the truth may lie between.
bool Correction::solve_again_nearer(Answer& next) {
    constexpr int most = 3;
    for (int i = 0; i < most && next.status == Status::infeasible; ++i) {
        for (std::size_t k = 0; k < offset_.size(); ++k) offset_[k] = 0.5 * (offset_[k] + feasible_offset_[k]);
        next = method_.run(comm_, flow_, policy_, moved_settings(), {});
    }
    return next.status != Status::infeasible;
}

/// Nodes above their limit with everything curtailed are relaxed to that voltage. \return true if there are any that were not known.
bool Correction::relax_hopeless() {
    constexpr double room = 4e-5;  // pu^2, more than what a model is given
    if (!hopeless_.empty() || comm_.max(static_cast<std::int64_t>(limits_.nodes.size())) == 0) return false;
    hopeless_.assign(limits_.nodes.size(), 0);
    bool const kept = models_kept_;
    keep_models(false);
    if (!point_.solve(everything_)) return false;
    solvable_ = everything_;
    for (std::size_t i = 0; i < hopeless_.size(); ++i) {
        auto& node = limits_.nodes[i];
        double const v = seen(piece_, point_.state(), node);
        if (std::sqrt(v) <= std::sqrt(node.high) + ac_tolerance_pu) continue;
        hopeless_[i] = 1;
        node.high = v + room;
        room_[i] = 0.0;
    }
    any_hopeless_ = comm_.max(std::ranges::count(hopeless_, 1)) > 0;
    if (!any_hopeless_) keep_models(kept);
    return any_hopeless_;
}

bool Correction::record_round(double change) {
    auto const bad = violations(piece_, limits_.nodes, point_.state());
    double const dual =
        current_.rounds.empty() ? std::numeric_limits<double>::quiet_NaN() : current_.rounds.back().dual_residual;
    history_.alpha = current_.alpha;
    history_.objective = current_.objective;
    return record(comm_, flow_,
                  {point_.state(), comm_.max(bad.empty() ? 0.0 : std::ranges::max(bad)), change, dual, round_},
                  observer_, history_);
}

/// The rounds have not come to rest: the best setpoints that hold, or, where none did, with everything curtailed; and from there as
/// near to the last as the limits allow.
void Correction::approach_from_best() {
    constexpr int most_halvings = 8;
    keep_models(false);
    give_back_room();
    auto const holds_at = [&](Answer const& answer) {
        return point_.solve_afresh(answer.alpha, answer.reactive) &&
               point_.violation_pu(limits_.nodes) <= ac_tolerance_pu + allowed_;
    };
    if (best_ && !holds_at(*best_)) best_.reset();
    if (!best_) {
        relax_hopeless();
        auto all = between(current_, current_, 0.0);
        all.alpha = everything_;
        all = between(all, all, 0.0);
        allowed_ = 0.0;
        if (holds_at(all)) best_ = all;
    }
    if (!best_) {
        if (least_) current_ = *least_;
        return;
    }
    auto outside = current_;
    current_ = *best_;
    for (int i = 0; i < most_halvings; ++i) {
        auto middle = between(current_, outside, 0.5);
        bool const inside = holds_at(middle) && burden(middle) <= burden(current_);
        (inside ? current_ : outside) = std::move(middle);
    }
}

/// What the answer may cost above the least, by a dual bound with AC sensitivities at the present voltages, on this side of the limits:
/// beyond them devices are others.
/// \pre it has prices and is of a sum of costs.
double Correction::above_least(Answer const& answer) {
    PricesOfSquares const price{answer.nodes, answer};
    auto const gradient = point_.gradient(answer.nodes, price.low, price.high);
    Priced here{.alpha = answer.alpha, .gradient = gradient};
    for (std::size_t i = 0; i < answer.nodes.size(); ++i) {
        auto const& node = limits_.nodes[i];
        double const v = seen(piece_, point_.state(), node);
        double const high = std::pow(std::sqrt(node.high) + room_[i], 2);
        if (price.high[i] > 0.0) here.slack_kw += price.high[i] * (high - v);
        if (price.low[i] > 0.0) here.slack_kw += price.low[i] * (v - node.low);
    }
    here.slack_kw = comm_.sum(here.slack_kw);
    auto const decisions = fairness::decide(policy_, settings_.scope, piece_, available_kw_, settings_.contracts);
    double const least = least_cost(comm_, PieceLinks{comm_, piece_, flow_.exchange()}, decisions, here);
    return std::max(0.0, answer.objective - least);
}

/// An answer that came to rest is the least in the sense of the model. What AC power flow says of that.
/// \pre answer.nodes are the limits themselves, power flow is at the setpoints.
void Correction::say_how_near(Answer& answer) {
    constexpr double at_limit = 5.0 * ac_tolerance_pu, no_kw = 1e-6;
    if (answer.status != Status::optimal) return;
    auto const leave_open = [&](std::string why) {
        answer.status = Status::converged;
        answer.open = "AC limits hold; " + std::move(why);
    };
    double kept = infinity;  // of the nearest limit, pu
    for (auto const& node : answer.nodes) {
        double const v = std::sqrt(std::max(0.0, seen(piece_, point_.state(), node)));
        kept = std::min(kept, std::sqrt(node.high) - v);
        if (node.low > 0.0) kept = std::min(kept, v - std::sqrt(node.low));
    }
    kept = -comm_.max(-kept);
    if (curtailed_kw(answer) > no_kw && kept > at_limit)
        return leave_open(fmt::format("all voltages stay {:.2g} pu inside them, so that less may do", kept));
    if (!above_) return;
    if (settings_.reactive || settings_.ratings != Ratings::none)
        return leave_open("how near the least this is was not looked at with reactive powers or ratings");
    answer.duality_gap = *above_ / std::max(answer.objective, no_cost);
    if (*above_ > near * answer.objective + no_cost)
        leave_open(fmt::format("with AC sensitivities up to {:.2g} % less might do", 100.0 * *answer.duality_gap));
}

/// The balanced model again, with the setpoints that were chosen; limits and prices are those of AC voltages.
Answer Correction::finish() {
    Answer answer = std::move(current_);
    if (rebuilt_) flow_.linearise_balanced();
    if (models_kept_) keep_models(false);
    bool const known = point_.solve_afresh(answer.alpha, answer.reactive);
    give_back_room();
    for (std::size_t i = 0; i < answer.price_high.size(); ++i) {
        // Prices per pu of the limits the method had.
        auto const& asked = answer.nodes[i];
        auto const& real = limits_.nodes[i];
        if (asked.low > 0.0 && real.low > 0.0) answer.price_low[i] *= std::sqrt(real.low / asked.low);
        answer.price_high[i] *= std::sqrt(real.high / asked.high);
    }
    answer.nodes = limits_.nodes;
    answer.uncurtailed = std::move(linear_.uncurtailed);
    flow_.set_reactive(answer.reactive);
    flow_.solve(answer.alpha, answer.curtailed);
    answer.at_limit = 2.0 * settings_.limits.v_max_pu * 2.0 * ac_tolerance_pu;
    current_ = answer;
    if (known) {
        point_.describe(limits_.nodes, record_);
        violation_ = record_.violation_pu;
        if (settled_ && is_solved(answer.status)) say_how_near(answer);
        if (!settled_ && !stopped_) static_cast<void>(record_round(0.0));
    }
    answer.rounds = std::move(history_.rounds);
    answer.agent_curtailed_kw = std::move(history_.agent_curtailed_kw);
    answer.boundary_v_sq = std::move(history_.boundary_v_sq);
    answer.iterations = linear_.iterations;
    record_.rounds = round_;
    if (known) answer.ac = std::move(record_);

    if (stopped_) answer.status = Status::interrupted;
    else if (settled_ && !is_solved(answer.status)) answer.status = Status::optimal;
    else if (!settled_ && known && holds()) {
        answer.status = allowed_ > 0.0 ? Status::relaxed : Status::converged;
        answer.open = (allowed_ > 0.0 ? "AC limits are exceeded by no more than linear ones, not least: "
                                      : "AC limits hold, feasible, not optimal: ") +
                      trouble_;
    } else if (!settled_) {
        answer.status = Status::not_ac_feasible;
        answer.has_setpoints = false;
        if (comm_.is_root())
            answer.ac_notes.push_back("no setpoints were found that keep the AC limits: " + trouble_ + conflicts_);
    }
    if (any_hopeless_) {
        if (!stopped_) answer.status = Status::not_ac_feasible;
        auto const names = named(comm_, piece_, limits_.nodes, hopeless_);
        if (comm_.is_root())
            answer.ac_notes.push_back(fmt::format(
                "above the upper limit with everything curtailed, where no curtailment can help: {}; relaxed to that "
                "voltage, all other limits are kept",
                names));
    }
    if (!stopped_) note_sagging(comm_, piece_, limits_, answer);
    return answer;
}

}  // namespace

std::vector<Node> limits_to_start_with(core::Communicator const& comm, model::LinDist3Flow& flow,
                                       powerflow::PowerFlow& ac, VoltageLimits const& limits) {
    auto const& piece = flow.piece();
    std::vector<double> const nothing(flow.ders().size(), 0.0);
    model::FlowState uncurtailed;
    flow.solve(nothing, uncurtailed);
    auto nodes = limited_nodes(piece, limits, uncurtailed);
    AcPoint point{comm, piece, ac};
    if (!point.solve(nothing)) return nodes;
    auto const by_ac = limits_at(comm, piece, limits, point.state()).nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].low = std::min(nodes[i].low, by_ac[i].low);
    return nodes;
}

void check_ac(core::Communicator const& comm, model::LinDist3Flow const& flow, powerflow::PowerFlow& ac,
              Settings const& settings, Answer& answer) {
    auto const& piece = flow.piece();
    AcPoint point{comm, piece, ac};
    auto const give_up = [&] {
        if (is_solved(answer.status)) answer.status = Status::not_ac_feasible;
        if (comm.is_root()) answer.ac_notes.push_back(point.why());
    };
    if (!point.solve(std::vector<double>(answer.alpha.size(), 0.0))) return give_up();
    auto const limits = limits_at(comm, piece, settings.limits, point.state());
    if (!point.solve_afresh(answer.alpha, answer.reactive)) return give_up();
    AcRecord record{.nodes_below_vmin = limits.below_vmin, .alpha_linear = answer.alpha};
    point.describe(limits.nodes, record);
    record.v_max_linear_pu = record.v_max_pu;
    double const allowed = says_itself(comm, piece, answer) + ac_tolerance_pu;
    answer.ac = std::move(record);
    if (!is_solved(answer.status)) return;
    note_sagging(comm, piece, limits, answer);
    if (answer.ac->violation_pu <= allowed) return;
    answer.status = Status::not_ac_feasible;
    std::vector<char> outside;
    for (auto const& node : limits.nodes) {
        double const v = std::sqrt(std::max(0.0, seen(piece, answer.ac->state, node)));
        bool const low = node.low > 0.0 && v < std::sqrt(node.low) - allowed;
        outside.push_back(v > std::sqrt(node.high) + allowed || low ? 1 : 0);
    }
    auto const names = named(comm, piece, limits.nodes, outside);
    if (comm.is_root())
        answer.ac_notes.push_back(
            fmt::format("AC voltages are up to {:.5f} pu outside their limits, at {}", answer.ac->violation_pu, names));
}

Answer correct_to_ac(core::Communicator const& comm, model::LinDist3Flow& flow, powerflow::PowerFlow& ac,
                     Method const& method, fairness::Policy const& policy, Settings const& settings,
                     Observer const& observer, Answer linear, CorrectionSettings const& own) {
    return Correction{comm, flow, ac, method, policy, settings, observer, std::move(linear), own}.run();
}

}  // namespace dec::coordination
