#include "least_cost.hpp"

#include <algorithm>
#include <cmath>

namespace dec::coordination {

namespace {

/// The least of cost(u) + slope u for lower <= u <= upper. Its derivative grows with u.
double least_of(fairness::Cost const& cost, double slope, double lower, double upper) {
    constexpr int halvings = 60;
    auto const grows = [&](double u) {
        double const logarithm = cost.logarithmic == 0.0 ? 0.0 : cost.logarithmic / (1.0 - u);
        return cost.linear + slope + 2.0 * cost.quadratic * u + logarithm > 0.0;
    };
    for (int i = 0; i < halvings; ++i) {
        double const u = 0.5 * (lower + upper);
        (grows(u) ? upper : lower) = u;
    }
    double const u = 0.5 * (lower + upper);
    return cost.of(u) + slope * u;
}

}  // namespace

double least_cost(core::Communicator const& comm, PieceLinks const& links, fairness::Decisions const& decisions,
                  Priced const& here) {
    using Role = fairness::Decision::Role;
    constexpr std::size_t width = 4;
    std::vector<double> groups(width * static_cast<std::size_t>(decisions.groups), 0.0);
    double least = 0.0;
    for (std::size_t d = 0; d < decisions.ders.size(); ++d) {
        auto const& what = decisions.ders[d];
        if (what.role == Role::fixed) continue;
        double const slope = what.reach * here.gradient[d], u = here.alpha[d] / what.reach;
        least -= slope * u;
        if (what.role == Role::tied) {
            auto* const sum = groups.data() + width * static_cast<std::size_t>(what.group);
            sum[0] += what.cost.linear;
            sum[1] += what.cost.quadratic;
            sum[2] += what.cost.logarithmic;
            sum[3] += slope;
        } else least += least_of(what.cost, slope, what.lower, what.upper);
    }
    links.sum(groups);
    least = comm.sum(least) - here.slack_kw;
    for (std::size_t g = 0; g < groups.size(); g += width)
        least += least_of({.linear = groups[g], .quadratic = groups[g + 1], .logarithmic = groups[g + 2]},
                          groups[g + 3], 0.0, 1.0);
    return least;
}

}  // namespace dec::coordination
