#include "dec/coordination/bisection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "conflicts.hpp"
#include "dec/core/archive.hpp"
#include "naming.hpp"
#include "ramps.hpp"
#include "record.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
/// A limit that is exceeded by less than this, in pu^2, holds: the rounding of a power flow over many branches.
constexpr double rounding = 1e-12;
/// Nodes nearer than this are equally bad; the first in the feeder's order is named.
constexpr double tie = 1e-9;

/// A candidate for "the worst node of all ranks".
struct Candidate {
    double badness = -infinity;
    std::int64_t row = -1;
    std::size_t node = 0;  ///< into this rank's nodes
    int rank = 0;
};

/// The node of largest badness over all ranks, of those nearer to it than `near` the first. Collective.
Candidate worst_of_all(core::Communicator const& comm, std::span<Node const> nodes, std::vector<double> const& badness,
                       double near) {
    auto const local = badness.empty() ? -infinity : *std::ranges::max_element(badness);
    double const largest = comm.max(local);
    Candidate best{.badness = largest};
    if (largest == -infinity) return best;
    double first = infinity;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (badness[i] >= largest - near && static_cast<double>(nodes[i].row) < first) {
            first = static_cast<double>(nodes[i].row);
            best.node = i;
        }
    double const winner = comm.min(first);
    best.row = static_cast<std::int64_t>(winner);
    double const owner = comm.max(first == winner ? static_cast<double>(comm.rank()) : -1.0);
    best.rank = static_cast<int>(owner);
    return best;
}

/// What both ways of finding the scalar share: the model, the nodes, the DERs' ramps.
class ScalarSearch {
  public:
    ScalarSearch(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                 Settings const& settings, Observer const& observer)
        : comm_{comm}, flow_{flow}, policy_{policy}, settings_{settings}, observer_{observer}, piece_{flow.piece()} {
        auto ramps = ramps_of(comm, flow, policy, settings.contracts);
        ramps_ = std::move(ramps.ders);
        first_ = ramps.first;
        last_ = ramps.last;
        available_kw_ = ramps.curtailable_kw;
        answer_.alpha.assign(flow.ders().size(), 0.0);
        flow_.solve(answer_.alpha, answer_.uncurtailed);
        answer_.nodes = nodes_of(settings, piece_, answer_.uncurtailed);
        answer_.curtailed = answer_.uncurtailed;
    }

    Answer closed_form();
    Answer walk();

  private:
    void set_scalar(double k) {
        double change = 0.0;
        for (std::size_t d = 0; d < ramps_.size(); ++d) {
            double const share = ramps_[d].share(k);
            change = std::max(change, std::abs(share - answer_.alpha[d]));
            answer_.alpha[d] = share;
        }
        largest_change_ = comm_.max(change);
        answer_.objective = policy_.objective(k, available_kw_);
    }
    [[nodiscard]] std::vector<double> violations(model::FlowState const& state) const {
        return coordination::violations(piece_, answer_.nodes, state);
    }
    /// \return true if somebody asked for a stop.
    bool record(double violation) {
        return coordination::record(comm_, flow_, {answer_.curtailed, violation, largest_change_}, observer_, answer_);
    }
    void name_binding(Candidate const& worst) {
        answer_.binding_row = worst.row;
        answer_.binding_node = name(worst);
    }
    [[nodiscard]] std::string name(Candidate const& c) const {
        return from_rank(comm_, c.rank,
                         comm_.rank() == c.rank ? node_name(piece_, answer_.nodes[c.node]) : std::string{});
    }
    [[nodiscard]] double next_scalar(Candidate const& worst, double k, double violation);
    [[nodiscard]] double node_sign(Candidate const& worst) const;
    void report_conflict(Candidate const& needs_more, Candidate const& needs_less);

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    fairness::Policy const& policy_;
    Settings const& settings_;
    Observer const& observer_;
    partition::Piece const& piece_;
    std::vector<fairness::Ramp> ramps_;
    double first_ = 0.0, last_ = 0.0;  ///< scalars at which nothing and everything is curtailed
    double available_kw_ = 0.0;        ///< that contracts leave to be curtailed
    double largest_change_ = 0.0;
    Answer answer_;
};

Answer ScalarSearch::closed_form() {
    if (record(comm_.max(answer_.nodes.empty() ? 0.0 : std::ranges::max(violations(answer_.uncurtailed))))) {
        answer_.status = Status::interrupted;
        return std::move(answer_);
    }
    std::vector<double> everything;
    for (auto const& ramp : ramps_) everything.push_back(ramp.share(1.0));
    model::FlowState change;
    flow_.solve_change(everything, change);

    // Each limit bounds the fraction from below or from above; what no fraction meets has a bound beyond 1.
    std::vector<double> at_least, at_most;
    for (auto const& node : answer_.nodes) {
        double const v = seen(piece_, answer_.uncurtailed, node);
        double const dv = seen(piece_, change, node);
        double lower = 0.0;
        double upper = 1.0;
        auto const bound = [&](double excess, double slope) {  // excess + fraction * slope <= 0
            if (excess > rounding) lower = std::max(lower, slope < 0.0 ? -excess / slope : infinity);
            else if (slope > 0.0) upper = std::min(upper, std::max(0.0, -excess / slope));
        };
        bound(v - node.high, dv);
        if (node.low > -infinity) bound(node.low - v, -dv);
        at_least.push_back(lower);
        at_most.push_back(-upper);
    }
    auto const needs_more = worst_of_all(comm_, answer_.nodes, at_least, tie);
    auto const needs_less = worst_of_all(comm_, answer_.nodes, at_most, tie);
    if (needs_more.badness > 1.0 + rounding) {
        answer_.status = Status::infeasible;
        report_hopeless(comm_, flow_, settings_.limits, answer_, true);
        return std::move(answer_);
    }
    if (needs_more.badness > -needs_less.badness + rounding) {
        answer_.status = Status::infeasible;
        report_conflict(needs_more, needs_less);
        return std::move(answer_);
    }
    set_scalar(std::clamp(needs_more.badness, 0.0, 1.0));
    answer_.price_low.assign(answer_.nodes.size(), 0.0);
    answer_.price_high = answer_.price_low;
    if (needs_more.badness > 0.0) {
        name_binding(needs_more);
        if (comm_.rank() == needs_more.rank) {
            // d(objective) = available d(fraction), d(fraction) = d(limit^2) / slope
            auto const& node = answer_.nodes[needs_more.node];
            double const slope = seen(piece_, change, node);
            auto& prices = slope < 0.0 ? answer_.price_high : answer_.price_low;
            prices[needs_more.node] =
                2.0 * std::sqrt(slope < 0.0 ? node.high : node.low) * available_kw_ / std::abs(slope);
        }
    }
    flow_.solve(answer_.alpha, answer_.curtailed);
    auto const badness = violations(answer_.curtailed);
    record(comm_.max(badness.empty() ? 0.0 : std::ranges::max(badness)));
    answer_.status = Status::optimal;
    return std::move(answer_);
}

double ScalarSearch::node_sign(Candidate const& worst) const {
    std::array sign{0.0};
    if (comm_.rank() == worst.rank) {
        auto const& node = answer_.nodes[worst.node];
        sign[0] = seen(piece_, answer_.curtailed, node) > node.high ? 1.0 : -1.0;
    }
    comm_.sum(sign);
    return sign[0];
}

/// Follows the worst node's violation f(k) to its first zero beyond k. f is piecewise linear; its rate is known exactly up
/// to the next corner, and nowhere falls faster than with all falling parts at work, so that no zero is stepped over.
/// \return infinity if the node stays outside its limit whatever is curtailed.
double ScalarSearch::next_scalar(Candidate const& worst, double k, double violation) {
    std::vector<double> weight(3 * piece_.vertices.size(), 0.0);
    double const sign = node_sign(worst);
    if (comm_.rank() == worst.rank) {
        auto const& node = answer_.nodes[worst.node];
        Eigen::Map<model::Vector3>{weight.data() + static_cast<std::ptrdiff_t>(node.vertex)* 3} =
            sign * seen_weight(piece_, node);
    }
    std::vector<double> effect(ramps_.size());
    flow_.gradient(weight, effect);

    while (true) {
        double falling = 0.0, net = 0.0, corner = infinity, start = infinity;
        for (std::size_t d = 0; d < ramps_.size(); ++d) {
            auto const& ramp = ramps_[d];
            if (ramp.end == infinity || k >= ramp.end) continue;
            if (k < ramp.start) {
                corner = std::min(corner, ramp.start);
                start = std::min(start, ramp.start);
                continue;
            }
            double const rate = effect[d] * ramp.most / (ramp.end - ramp.start);
            net += rate;
            falling += std::min(0.0, rate);
            corner = std::min(corner, ramp.end);
        }
        net = comm_.sum(net);
        falling = comm_.sum(falling);
        corner = comm_.min(corner);
        start = comm_.min(start);
        double const straight = net < 0.0 ? k - violation / net : infinity;
        if (straight < infinity && straight <= corner) return straight;
        // Inside, up to rounding, and not on the way further in. On the way it goes on: k is to be exact, not the violation small.
        if (violation <= rounding && net >= 0.0) return k;
        if (corner == infinity) return infinity;
        double const safe = falling < 0.0 ? std::min(k - violation / falling, start) : start;
        double const next = std::max(corner, std::min(safe, last_));
        double change = 0.0;
        for (std::size_t d = 0; d < ramps_.size(); ++d)
            if (ramps_[d].end < infinity) change += effect[d] * (ramps_[d].share(next) - ramps_[d].share(k));
        violation += comm_.sum(change);
        k = next;
    }
}

Answer ScalarSearch::walk() {
    double k = first_;
    answer_.objective = policy_.objective(k, available_kw_);
    while (true) {
        // The one to follow is exactly the worst: the violation of another node, however near, is not its own.
        auto const worst = worst_of_all(comm_, answer_.nodes, violations(answer_.curtailed), 0.0);
        bool const stop = record(worst.badness);
        if (worst.badness <= rounding) break;
        if (stop) {
            answer_.status = Status::interrupted;
            return std::move(answer_);
        }
        if (answer_.iterations >= settings_.max_iterations) {
            answer_.status = Status::iteration_limit;
            return std::move(answer_);
        }
        double const next = next_scalar(worst, k, worst.badness);
        if (next > last_) {
            answer_.status = Status::infeasible;
            report_hopeless(comm_, flow_, settings_.limits, answer_, true);
            if (comm_.is_root() && answer_.conflicts.empty())
                answer_.conflicts.push_back({{}, "policy", "no scalar meets all limits at once", "try another policy"});
            return std::move(answer_);
        }
        // A step below the resolution of k would repeat the round for ever.
        k = std::max(next, std::nextafter(k, infinity));
        set_scalar(k);
        flow_.solve(answer_.alpha, answer_.curtailed);
    }
    if (k > first_) name_binding(worst_of_all(comm_, answer_.nodes, violations(answer_.curtailed), tie));
    answer_.status = Status::optimal;
    return std::move(answer_);
}

void ScalarSearch::report_conflict(Candidate const& needs_more, Candidate const& needs_less) {
    auto const more = name(needs_more);
    auto const less = name(needs_less);
    answer_.conflicts.push_back(
        {piece_.feeder.heading.origin, fmt::format("nodes {} and {}", more, less),
         fmt::format("{} needs a curtailed fraction of at least {:.6f}, {} one of at most {:.6f}", more,
                     needs_more.badness, less, -needs_less.badness),
         "raise --vmax, or lower --vmin (0: no lower limit)"});
}

}  // namespace

Answer bisection(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
                 Settings const& settings, Observer const& observer) {
    ScalarSearch search{comm, flow, policy, settings, observer};
    return policy.shared_fraction ? search.closed_form() : search.walk();
}

Answer walk(core::Communicator const& comm, model::LinDist3Flow& flow, fairness::Policy const& policy,
            Settings const& settings, Observer const& observer) {
    return ScalarSearch{comm, flow, policy, settings, observer}.walk();
}

}  // namespace dec::coordination
