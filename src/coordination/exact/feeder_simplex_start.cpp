#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "feeder_simplex.hpp"

namespace dec::coordination {

namespace {

// Of the highest price: what is less is none. Of a pivot: what is less than this part of the first is rounding.
constexpr double no_price = 1e-9, no_pivot = 1e-7;
// Of two pivots that are so nearly the same the first in the feeder's order is taken, on any number of ranks.
constexpr double alike = 1e-9;
// In pu^2, in shares: by so much the start may miss a limit or bound, which first steps put right.
constexpr double near = 1e-9;

/// Rows and columns of the pivots of Gaussian elimination with complete pivoting, the first one in this column.
std::vector<std::pair<Eigen::Index, Eigen::Index>> find_pivots(Eigen::MatrixXd matrix, Eigen::Index first_column) {
    std::vector<std::pair<Eigen::Index, Eigen::Index>> pivots;
    std::vector<char> row_is_free(static_cast<std::size_t>(matrix.rows()), 1);
    std::vector<char> column_is_free(static_cast<std::size_t>(matrix.cols()), 1);
    double largest = 0.0;
    while (pivots.size() < row_is_free.size()) {
        double best = no_pivot * largest;
        std::pair<Eigen::Index, Eigen::Index> pivot{-1, -1};
        for (Eigen::Index c = 0; c < matrix.cols(); ++c) {
            if (column_is_free[static_cast<std::size_t>(c)] == 0 || (pivots.empty() && c != first_column)) continue;
            for (Eigen::Index r = 0; r < matrix.rows(); ++r) {
                if (row_is_free[static_cast<std::size_t>(r)] == 0 || std::abs(matrix(r, c)) <= (1.0 + alike) * best)
                    continue;
                best = std::abs(matrix(r, c));
                pivot = {r, c};
            }
        }
        auto const [row, column] = pivot;
        if (row < 0) break;
        largest = std::max(largest, best);
        pivots.push_back(pivot);
        row_is_free[static_cast<std::size_t>(row)] = 0;
        column_is_free[static_cast<std::size_t>(column)] = 0;
        Eigen::VectorXd factor = matrix.col(column) / matrix(row, column);
        for (Eigen::Index r = 0; r < matrix.rows(); ++r)
            if (row_is_free[static_cast<std::size_t>(r)] == 0) factor(r) = 0.0;
        Eigen::RowVectorXd const eliminated = matrix.row(row);
        matrix.noalias() -= factor * eliminated;
    }
    return pivots;
}

}  // namespace

bool FeederSimplex::begin_at(std::vector<double> const& low, std::vector<double> const& high) {
    auto const before = alpha_;
    auto const places = place_;
    double const cap = cap_;
    auto const rows = priced_limits(low, high);
    if (rows.empty()) return false;
    press(low, high);
    choose_basis(rows);
    refactor();
    find_state();
    refine();
    double worst = 0.0;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        worst = std::max({worst, voltage_[i] - nodes_[i].high, nodes_[i].low - voltage_[i]});
    for (std::size_t d = 0; d < alpha_.size(); ++d)
        if (place_[d] != Place::fixed) worst = std::max({worst, -alpha_[d], alpha_[d] - ceiling(d)});
    if (comm_.max(worst) <= near) return true;
    rows_.clear();
    std::ranges::fill(met_, 0);
    std::ranges::fill(slot_, -1);
    cap_slot_ = -1;
    cap_ = cap;
    alpha_ = before;
    place_ = places;
    find_state();
    return false;
}

/// Limits with a price, in the feeder's order; none if they are too many.
std::vector<FeederSimplex::Row> FeederSimplex::priced_limits(std::vector<double> const& low,
                                                             std::vector<double> const& high) {
    double highest = 0.0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) highest = std::max({highest, low[i], high[i]});
    highest = comm_.max(highest);
    std::vector<double> own;  // twice the row, and one for an upper limit
    std::vector<std::ptrdiff_t> node;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (std::max(low[i], high[i]) <= no_price * highest) continue;
        own.push_back(2.0 * static_cast<double>(nodes_[i].row) + (high[i] > low[i] ? 1.0 : 0.0));
        node.push_back(static_cast<std::ptrdiff_t>(i));
    }
    auto all = comm_.all_gather(own);
    if (all.size() > most_rows) return {};
    std::ranges::sort(all);
    std::vector<Row> rows;
    for (double const limit : all) {
        auto const mine = std::ranges::find(own, limit);
        bool const is_high = std::fmod(limit, 2.0) > 0.0;
        rows.push_back(
            make_row({.event = is_high ? Event::high_limit : Event::low_limit,
                      .index = mine == own.end() ? -1 : node[static_cast<std::size_t>(mine - own.begin())]}));
    }
    return rows;
}

/// Shares that prices press to a bound go there. Of a price and the distance to the bound one is zero at the optimum: the smaller one, each
/// on its own scale.
void FeederSimplex::press(std::vector<double> const& low, std::vector<double> const& high) {
    auto const gradient = prices_.gradient(nodes_, low, high);
    std::array<double, 2> sums{};
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        if (place_[d] == Place::fixed) continue;
        sums[0] += std::abs(gradient[d]);
        sums[1] += 1.0;
    }
    links_.sum(sums);
    double const mean = sums[0] / sums[1];
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        if (place_[d] == Place::fixed) continue;
        double const bound = gradient[d] > 0.0 ? 0.0 : ceiling(d), relative = std::abs(gradient[d]) / mean;
        bool const is_pressed = relative > no_price && relative * cap_ > std::abs(bound - alpha_[d]);
        place_[d] = !is_pressed         ? Place::between
                    : gradient[d] > 0.0 ? Place::lower
                    : upper_[d] < cap_  ? Place::upper
                                        : Place::cap;
        if (is_pressed) alpha_[d] = bound;
    }
}

/// Of these limits as many get a row as depend on each other in no way, and as many shares that are farthest from their bounds a column.
void FeederSimplex::choose_basis(std::vector<Row> const& limits) {
    auto const m = limits.size();
    auto const& name = flow_.piece().global.pv_systems;
    // One column after the other: whose, how far from its bounds, and its part of each limit.
    auto const width = m + 2;
    std::vector<double> own;
    Eigen::VectorXd of_cap = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(m));
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        if (is_between(d)) {
            own.push_back(static_cast<double>(name[d]));
            own.push_back(std::max(std::min(alpha_[d], ceiling(d) - alpha_[d]), 0.0));
            for (auto const& limit : limits) own.push_back(limit.effect[d]);
        } else if (place_[d] == Place::cap)
            for (std::size_t r = 0; r < m; ++r) of_cap(static_cast<Eigen::Index>(r)) += limits[r].effect[d];
    }
    links_.sum({of_cap.data(), m});
    auto const all = comm_.all_gather(own);
    auto const count = all.size() / width;
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t k) { return all[k * width]; });
    Eigen::MatrixXd matrix(m, count + 1);
    matrix.col(0) = cap_ * of_cap;
    for (std::size_t k = 0; k < count; ++k) {
        double const* const column = all.data() + order[k] * width;
        matrix.col(static_cast<Eigen::Index>(k + 1)) =
            column[1] * Eigen::Map<Eigen::VectorXd const>{column + 2, static_cast<Eigen::Index>(m)};
    }
    std::vector<std::ptrdiff_t> slot_of(count, -1);
    std::vector<char> has_row(m, 0);
    for (auto const& [row, column] : find_pivots(std::move(matrix), 0)) {
        auto const slot = size();
        if (column == 0) cap_slot_ = slot;
        else slot_of[order[static_cast<std::size_t>(column - 1)]] = slot;
        rows_.push_back(limits[static_cast<std::size_t>(row)]);
        has_row[static_cast<std::size_t>(row)] = 1;
    }
    for (std::size_t r = 0; r < m; ++r)
        if (has_row[r] == 0) forget(limits[r]);
    for (std::size_t k = 0; k < count; ++k) {
        if (slot_of[k] < 0) continue;
        auto const mine = std::ranges::find(name, static_cast<std::int64_t>(all[k * width]));
        if (mine != name.end()) enter(mine - name.begin(), false, slot_of[k]);
    }
}

}  // namespace dec::coordination
