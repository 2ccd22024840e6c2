#include <algorithm>
#include <cmath>

#include "search.hpp"

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

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

/// Limits again instead of given voltages, a little wider, so that there is an inside: on the side of the limit, or on both where what
/// was decided is not to be given up on the other.
void ExactSearch::loosen_held_limits(bool both_sides) {
    constexpr double room = 4e-9;  // pu^2
    for (auto const& node : answer_.nodes) {
        auto& low = limits_.low[place(node)];
        auto& high = limits_.high[place(node)];
        if (low != high) continue;
        bool const upper = node.high - high < low - node.low;
        double const held = low;
        low = both_sides || !upper ? (upper ? held : node.low) - room : node.low;
        high = both_sides || upper ? (upper ? node.high : held) + room : node.high;
    }
    holds_limits_ = false;
    loosened_ = true;
}

}  // namespace dec::coordination
