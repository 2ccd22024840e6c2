#include <algorithm>
#include <array>
#include <cmath>

#include "feeder_simplex.hpp"

namespace dec::coordination {

namespace {

constexpr int most_newton_steps = 100;
constexpr double met = 1e-13;       // of a limit, in shares of who moves it most
constexpr double violated = 1e-11;  // pu^2: limits that are exceeded by more get a row
// A direction in which nobody moves is left alone.
constexpr double regularisation = 1e-13;

}  // namespace

/// Shares, dual function and its derivatives for the multipliers of the rows: u = A' lambda / weight within bounds.
struct FeederSimplex::Squares {
    Eigen::VectorXd lambda, slope;
    Eigen::MatrixXd curvature;
    double value = 0.0;
    std::vector<double> u;
};

void FeederSimplex::evaluate(std::vector<double> const& weight, std::vector<double> const& from,
                             Eigen::VectorXd const& rooms, Squares& at) const {
    auto const m = size();
    at.u = from;
    at.slope = Eigen::VectorXd::Zero(m);
    at.curvature = Eigen::MatrixXd::Zero(m, m);
    at.value = 0.0;
    Eigen::VectorXd effect(m);
    for (std::size_t d = 0; d < from.size(); ++d) {
        if (place_[d] == Place::fixed) continue;
        for (std::ptrdiff_t r = 0; r < m; ++r) effect(r) = rows_[static_cast<std::size_t>(r)].effect[d];
        double const wanted = effect.dot(at.lambda) / weight[d];
        at.u[d] = std::clamp(wanted, 0.0, upper_[d]);
        at.value += 0.5 * weight[d] * at.u[d] * at.u[d];
        at.slope -= effect * (at.u[d] - from[d]);
        if (wanted >= 0.0 && wanted <= upper_[d])
            at.curvature.selfadjointView<Eigen::Lower>().rankUpdate(effect, 1.0 / weight[d]);
    }
    std::array value{at.value};
    links_.sum(value);
    links_.sum({at.slope.data(), rows_.size()});
    links_.sum({at.curvature.data(), static_cast<std::size_t>(at.curvature.size())});
    at.slope += rooms;
    at.value = value[0] + at.lambda.dot(at.slope);
}

/// Multipliers at which all rows are kept: the dual function is concave and of pieces of second degree, so that Newton's method ends.
/// \return false if it did not.
bool FeederSimplex::balance(std::vector<double> const& weight, std::vector<double> const& from,
                            Eigen::VectorXd const& rooms, Squares& at) const {
    auto const limit_sign = [this](std::ptrdiff_t r) {
        auto const& row = rows_[static_cast<std::size_t>(r)];
        return row.held ? 0.0 : row.high ? -1.0 : 1.0;
    };
    auto const project = [&](Eigen::VectorXd& lambda) {
        for (std::ptrdiff_t r = 0; r < size(); ++r)
            if (double const sign = limit_sign(r); sign * lambda(r) < 0.0) lambda(r) = 0.0;
    };
    evaluate(weight, from, rooms, at);
    for (int step = 0; step < most_newton_steps; ++step) {
        std::vector<std::ptrdiff_t> free;
        double worst = 0.0;
        for (std::ptrdiff_t r = 0; r < size(); ++r) {
            bool const at_zero = at.lambda(r) == 0.0 && limit_sign(r) * at.slope(r) < 0.0;
            if (at_zero) continue;
            free.push_back(r);
            worst = std::max(worst, std::abs(at.slope(r)));
        }
        if (worst <= met) return true;
        Eigen::MatrixXd const full = at.curvature.selfadjointView<Eigen::Lower>();
        Eigen::MatrixXd system = full(free, free);
        system.diagonal().array() += regularisation * std::max(system.diagonal().maxCoeff(), 1e-3);
        Eigen::VectorXd const newton = system.ldlt().solve(at.slope(free));
        double length = 1.0;
        for (;; length *= 0.5) {
            if (length < 1e-10) return worst <= 1e-10;
            Squares next;
            next.lambda = at.lambda;
            for (std::size_t k = 0; k < free.size(); ++k)
                next.lambda(free[k]) += length * newton(static_cast<std::ptrdiff_t>(k));
            project(next.lambda);
            evaluate(weight, from, rooms, next);
            double const promised = at.slope.dot(next.lambda - at.lambda);
            // Near the end rounding of values hides what is gained; slopes still show it.
            bool const gains = next.value >= at.value + 1e-4 * promised ||
                               (std::abs(promised) <= 1e-12 * std::max(std::abs(at.value), 1e-12) && length == 1.0);
            if (!gains) continue;
            at = std::move(next);
            break;
        }
    }
    return false;
}

bool FeederSimplex::minimise_squares(std::vector<double> const& weights) {
    double heaviest = 0.0;
    for (std::size_t d = 0; d < weights.size(); ++d)
        if (place_[d] != Place::fixed) heaviest = std::max(heaviest, weights[d]);
    heaviest = comm_.max(heaviest);
    if (heaviest == 0.0) return true;
    auto weight = weights;
    for (auto& w : weight) w /= heaviest;
    auto const vertex = alpha_;
    Squares at;
    at.lambda = Eigen::VectorXd::Zero(size());
    while (rows_.size() <= most_rows) {
        alpha_ = vertex;
        find_state();
        Eigen::VectorXd rooms = Eigen::VectorXd::Zero(size());
        for (std::ptrdiff_t r = 0; r < size(); ++r) rooms(r) = room(rows_[static_cast<std::size_t>(r)]);
        links_.sum({rooms.data(), rows_.size()});
        if (!balance(weight, vertex, rooms, at)) break;
        alpha_ = at.u;
        find_state();
        std::vector<Candidate> candidates;
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            double const v = voltage_[i];
            double const above = (met_[i] & 1) == 0 ? v - nodes_[i].high : 0.0;
            double const below = (met_[i] & 2) == 0 ? nodes_[i].low - v : 0.0;
            if (std::max(above, below) <= violated) continue;
            candidates.push_back({std::max(above, below), nodes_[i].row});
            blocks.push_back({.event = above > below ? Event::high_limit : Event::low_limit,
                              .index = static_cast<std::ptrdiff_t>(i)});
        }
        auto const choice = choose(candidates);
        if (choice.value == 0.0) {
            price_ = at.lambda * heaviest;
            return true;
        }
        Block worst{.event = Event::high_limit};
        if (choice.index >= 0) worst = blocks[static_cast<std::size_t>(choice.index)];
        std::array is_low{worst.event == Event::low_limit ? 1.0 : 0.0};
        links_.max(is_low);
        if (is_low[0] != 0.0) worst.event = Event::low_limit;
        rows_.push_back(make_row(worst));
        at.lambda.conservativeResize(size());
        at.lambda(size() - 1) = 0.0;
    }
    alpha_ = vertex;
    find_state();
    return false;
}

}  // namespace dec::coordination
