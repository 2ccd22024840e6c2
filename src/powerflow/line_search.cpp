/// Newton's method whose steps are cut until the currents fit better than before: for the corners of inverter curves, between
/// which whole steps may go back and forth.
#include <algorithm>
#include <cmath>

#include "equations.hpp"

namespace dec::powerflow {

namespace {

constexpr auto width = Elimination::width;

constexpr std::int64_t most_steps = 50;
/// A step that shrinks the mismatch by less than this share of its length is cut (Armijo's condition).
constexpr double sufficient = 1e-4;
constexpr double shortest = 1.0 / 1024.0;

}  // namespace

void PowerFlow::Equations::add_linear_part(std::span<double> into) const {
    for (std::size_t j = 0; j < piece.own; ++j) {
        Eigen::Map<Eigen::Matrix<double, 6, 1> const> const v{voltage.data() + width * j};
        if (first[j] < first[j + 1])
            Eigen::Map<Eigen::Matrix<double, 6, 1>>{into.data() + width* j} += device_slope(j) * v;
    }
}

bool PowerFlow::Equations::search_along_steps(Outcome& outcome) {
    // What the network brings to the devices is linear in the voltages: between two solutions it needs no third.
    auto brought = own_current;
    add_linear_part(brought);
    std::vector<double> brought_before(brought.size()), brought_after(brought.size()), after(voltage.size()),
        mismatch(brought.size());
    auto const size_of_mismatch = [&] {
        gather(mismatch);
        add_linear_part(mismatch);
        double sum = 0.0;
        for (std::size_t i = 0; i < mismatch.size(); ++i)
            sum += (mismatch[i] - brought[i]) * (mismatch[i] - brought[i]);
        return std::sqrt(comm.sum(sum));
    };
    auto const between = [](std::vector<double> const& a, std::vector<double> const& b, double share,
                            std::vector<double>& c) {
        for (std::size_t i = 0; i < c.size(); ++i) c[i] = a[i] + share * (b[i] - a[i]);
    };
    double size = size_of_mismatch();
    for (std::int64_t k = 0; k < most_steps && outcome.iterations < settings.max_iterations; ++k) {
        linearise(Slope::tangent);
        gather(own_current);
        before = voltage;
        brought_before = brought;
        double const change = step();
        ++outcome.iterations;
        outcome.changes.push_back(change);
        outcome.change_pu = change;
        if (!std::isfinite(change)) return false;
        if (change <= settings.tolerance_pu) return true;
        after = voltage;
        brought_after = own_current;
        add_linear_part(brought_after);
        brought = brought_after;
        double share = 1.0, now = size_of_mismatch();
        while (!(now <= (1.0 - sufficient * share) * size)) {
            share *= 0.5;
            if (share < shortest) return false;
            between(before, after, share, voltage);
            between(brought_before, brought_after, share, brought);
            now = size_of_mismatch();
        }
        size = now;
    }
    return false;
}

}  // namespace dec::powerflow
