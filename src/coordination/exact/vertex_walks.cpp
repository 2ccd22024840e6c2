#include "vertex_walks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../record.hpp"

namespace dec::coordination {

VertexWalks::VertexWalks(core::Communicator const& comm, model::LinDist3Flow& flow, PieceLinks const& links,
                         MarginalPrices& prices, fairness::Policy const& policy, Settings const& settings,
                         Observer const& observer, fairness::Decisions const& decisions, Answer& answer)
    : comm_{comm}, flow_{flow}, links_{links}, prices_{prices}, policy_{policy}, settings_{settings},
      observer_{observer}, decisions_{decisions}, answer_{answer} {
    for (auto const& der : flow.ders())
        available_kw_.push_back(flow.settings().per_unit.power_si(der.available) / 1000.0);
}

bool VertexWalks::can_begin() const {
    constexpr double near = 1e-6;  // pu^2
    return worst_violation(comm_, flow_.piece(), answer_) <= near;
}

FeederSimplex VertexWalks::begin(bool capped) {
    std::vector<double> most;
    for (auto const& what : decisions_.ders)
        most.push_back(what.role == fairness::Decision::Role::fixed ? 0.0 : what.reach * what.upper);
    return {comm_,         flow_,   links_,
            answer_.nodes, prices_, std::move(most),
            answer_.alpha, capped,  [this](std::vector<double> const& alpha) { return look(alpha); }};
}

/// A round of the history for what a walk has come to. \return true if somebody asked for a stop.
bool VertexWalks::look(std::vector<double> const& alpha) {
    double change = 0.0;
    for (std::size_t d = 0; d < alpha.size(); ++d) change = std::max(change, std::abs(answer_.alpha[d] - alpha[d]));
    answer_.alpha = alpha;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = total_objective(comm_, policy_, settings_, available_kw_, answer_.alpha);
    bool const stop =
        record(comm_, flow_, {answer_.curtailed, worst_violation(comm_, flow_.piece(), answer_), comm_.max(change)},
               observer_, answer_);
    if (stop) answer_.status = Status::interrupted;
    return stop;
}

/// \return false if the shares are no answer.
bool VertexWalks::arrive(std::vector<double> const& alpha, double gap) {
    constexpr double holds = 1e-9;  // pu^2
    answer_.alpha = alpha;
    flow_.solve(answer_.alpha, answer_.curtailed);
    answer_.objective = total_objective(comm_, policy_, settings_, available_kw_, answer_.alpha);
    answer_.duality_gap = gap;
    answer_.status = Status::optimal;
    return worst_violation(comm_, flow_.piece(), answer_) <= holds;
}

void VertexWalks::take_prices() {
    report_prices(low_, high_, answer_);
    prices_.name_binding(std::vector<char>(answer_.alpha.size(), 1), low_, high_, {}, answer_);
}

bool VertexWalks::levels(std::vector<double> const& low, std::vector<double> const& high) {
    constexpr double nothing = 1e-9;  // share below which all that are left are free
    constexpr double same = 1e-9;     // levels that are no more apart are one
    auto const before = answer_;
    auto simplex = begin(true);
    simplex.begin_at(low, high);
    std::int64_t levels = 0;
    double gap = 0.0, last = std::numeric_limits<double>::infinity();
    while (simplex.minimise_cap() && !look(simplex.alpha())) {
        gap = std::max(gap, simplex.gap());
        double const level = simplex.cap();
        if (level > nothing && level < last - same) {
            ++levels;
            last = level;
        }
        simplex.prices(low_, high_);
        auto const settled = simplex.settle();
        if (!answer_.levels) take_prices();
        else prices_.name_binding(settled, low_, high_, {}, answer_);
        answer_.levels = levels;
        double open = 0.0;
        for (std::size_t d = 0; d < answer_.alpha.size(); ++d) open += simplex.is_open(d) ? 1.0 : 0.0;
        if (level > nothing && comm_.sum(open) > 0.0) continue;
        if (arrive(simplex.alpha(), gap)) return true;
        break;
    }
    if (answer_.status != Status::interrupted) answer_ = before;
    return false;
}

bool VertexWalks::dates(std::vector<double> const& dates) {
    constexpr double nothing = 1e-7;  // kW
    auto const before = answer_;
    auto const date_of = [&](std::size_t d) { return static_cast<double>(*settings_.contracts[d].connected); };
    auto simplex = begin(false);
    std::int64_t levels = 0;
    double gap = 0.0;
    // As most dates give nothing, several are tried together and fewer if they have to give something.
    for (std::size_t at = 0, count = dates.size(); at < dates.size();) {
        std::vector<double> cost(available_kw_.size(), 0.0);
        for (std::size_t d = 0; d < cost.size(); ++d)
            if (is_open(d) && date_of(d) >= dates[at] && date_of(d) <= dates[at + count - 1])
                cost[d] = available_kw_[d];
        if (!simplex.minimise(cost) || look(simplex.alpha())) break;
        gap = std::max(gap, simplex.gap());
        double given_up = 0.0;
        for (std::size_t d = 0; d < cost.size(); ++d) given_up += cost[d] * answer_.alpha[d];
        bool const gives = comm_.sum(given_up) > nothing;
        if (gives && count > 1) {
            count = (count + 1) / 2;
            continue;
        }
        simplex.prices(low_, high_);
        auto settled = simplex.settle();
        if (gives && ++levels == 1) take_prices();
        else if (gives) prices_.name_binding(settled, low_, high_, {}, answer_);
        at += count;
        count = gives ? std::min<std::size_t>(1, dates.size() - at) : dates.size() - at;
        if (at < dates.size()) continue;
        bool const tie_is_broken = simplex.minimise_squares(available_kw_);
        answer_.levels = levels;
        if (!arrive(simplex.alpha(), gap)) break;
        simplex.prices(low_, high_);
        for (std::size_t d = 0; d < settled.size(); ++d) settled[d] = simplex.is_open(d) ? 1 : 0;
        prices_.name_binding(settled, low_, high_, {}, answer_);
        if (tie_is_broken) return true;
        answer_.status = Status::converged;
        answer_.open =
            "on no date less can be given up, but which of the answers has the smallest squares is not settled";
        return true;
    }
    if (answer_.status != Status::interrupted) answer_ = before;
    return false;
}

}  // namespace dec::coordination
