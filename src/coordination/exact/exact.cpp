#include "dec/coordination/exact.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../record.hpp"
#include "dec/coordination/bisection.hpp"
#include "search.hpp"

namespace dec::coordination {

ExactSearch::ExactSearch(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
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
    for (std::size_t d = 0; d < settings.beside.size(); ++d)
        decisions_.ders[d].cost.linear += decisions_.ders[d].reach * settings.beside[d];
    limit_powers();
    answer_.binding.assign(available_kw_.size(), {});
    if (settings.disclose) disclosure_.emplace(piece_);
}

Answer ExactSearch::run() {
    if (record(comm_, flow_, {answer_.curtailed, worst_violation(), 0.0}, observer_, answer_))
        answer_.status = Status::interrupted;
    else if (policy_.levels == fairness::Levels::largest_first) one_level_after_the_other();
    else if (policy_.levels == fairness::Levels::oldest_first) one_date_after_the_other();
    else if (policy_.tie_break) with_tie_break();
    else if (has_scalar()) along_the_scalar();
    else if (solve(start())) take_prices();
    if (answer_.status == Status::optimal && is_short_)
        leave_open("the optimum is met within the gap that is reported, not within the tolerance");
    if (answer_.status == Status::optimal || answer_.status == Status::converged) use_least_reactive_power();
    if (answer_.status == Status::optimal || answer_.status == Status::relaxed || answer_.status == Status::converged)
        finish();
    if (disclosure_) answer_.messages = disclosure_->take();
    return std::move(answer_);
}

double ExactSearch::worst_violation() const { return coordination::worst_violation(comm_, piece_, answer_); }

double ExactSearch::objective_of(std::vector<double> const& alpha) const {
    if (has_scalar()) return policy_.objective(scalar_, ramps_.curtailable_kw);
    return total_objective(comm_, policy_, settings_, available_kw_, alpha);
}

double ExactSearch::cost_of(std::vector<double> const& alpha) const {
    auto const& beside = settings_.beside;
    return objective_of(alpha) + comm_.sum(std::inner_product(beside.begin(), beside.end(), alpha.begin(), 0.0));
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

void ExactSearch::leave_open(std::string what) {
    answer_.status = Status::converged;
    answer_.open = std::move(what);
}

void ExactSearch::take_prices() {
    report_prices(low_, high_, answer_);
    answer_.price_rating = rating_prices(powers_, assembled_, outcome_);
    for (double& price : answer_.price_rating) price *= flow_.settings().per_unit.power(1000.0);
    name_binding(std::vector<char>(answer_.alpha.size(), 1));
}

void ExactSearch::name_binding(std::vector<char> const& ders) {
    prices_.name_binding(ders, low_, high_, rating_forces(powers_, assembled_, outcome_), answer_);
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

namespace {

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
