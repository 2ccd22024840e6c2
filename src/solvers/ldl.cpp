#include "ldl.hpp"

#include <Eigen/OrderingMethods>
#include <algorithm>
#include <cmath>
#include <utility>

namespace dec::solvers {
namespace {

std::size_t at(int i) { return static_cast<std::size_t>(i); }

/// Turns counts, stored one place further on, into where each run begins.
void accumulate(std::vector<int>& counts) {
    for (std::size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
}

}  // namespace

void QuasidefiniteLdl::analyse(std::span<Place const> places, std::vector<signed char> signs) {
    signs_ = std::move(signs);
    order(places);
    permute(places);
    find_structure();
}

void QuasidefiniteLdl::order(std::span<Place const> places) {
    auto const size = static_cast<int>(signs_.size());
    std::vector<Eigen::Triplet<double>> pattern;
    pattern.reserve(places.size());
    for (auto const& p : places) pattern.emplace_back(p.row, p.column, 1.0);
    SparseMatrix matrix(size, size);
    matrix.setFromTriplets(pattern.begin(), pattern.end());
    Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> sequence(size);
    if (size > 0) Eigen::AMDOrdering<int>{}(matrix, sequence);

    position_.resize(at(size));
    for (int k = 0; k < size; ++k) position_[at(sequence.indices()[k])] = k;
    std::vector<signed char> permuted(at(size));
    for (int i = 0; i < size; ++i) permuted[at(position_[at(i)])] = signs_[at(i)];
    signs_ = std::move(permuted);
}

void QuasidefiniteLdl::permute(std::span<Place const> places) {
    auto const size = signs_.size();
    auto const column = [&](Place p) { return at(std::max(position_[at(p.row)], position_[at(p.column)])); };
    upper_start_.assign(size + 1, 0);
    for (auto const& p : places)
        if (p.row != p.column) ++upper_start_[column(p) + 1];
    accumulate(upper_start_);

    auto next = upper_start_;
    upper_row_.resize(at(upper_start_.back()));
    destination_.clear();
    destination_.reserve(places.size());
    for (auto const& p : places) {
        if (p.row == p.column) {
            destination_.push_back(-1 - position_[at(p.row)]);
            continue;
        }
        auto const to = next[column(p)]++;
        upper_row_[at(to)] = std::min(position_[at(p.row)], position_[at(p.column)]);
        destination_.push_back(to);
    }
    upper_value_.resize(upper_row_.size());
    diagonal_.resize(size);
}

/// The columns that meet row k of L: all that are passed on the way from the coefficients of column k of the upper
/// triangle to k in the elimination tree.
void QuasidefiniteLdl::append_column_pattern(std::size_t k, std::vector<int> const& parent, std::vector<int>& seen) {
    auto const begin = pattern_.size();
    auto const mark = static_cast<int>(k);
    seen[k] = mark;
    for (auto p = upper_start_[k]; p < upper_start_[k + 1]; ++p)
        for (auto i = upper_row_[at(p)]; seen[at(i)] != mark; i = parent[at(i)]) {
            seen[at(i)] = mark;
            pattern_.push_back(i);
        }
    std::sort(pattern_.begin() + static_cast<std::ptrdiff_t>(begin), pattern_.end());
}

void QuasidefiniteLdl::find_structure() {
    auto const size = signs_.size();
    std::vector<int> parent(size, -1);
    std::vector<int> ancestor(size, -1);  // the same with paths shortened
    for (std::size_t k = 0; k < size; ++k)
        for (auto p = upper_start_[k]; p < upper_start_[k + 1]; ++p)
            for (auto i = upper_row_[at(p)]; i >= 0 && at(i) < k;) {
                auto const above = std::exchange(ancestor[at(i)], static_cast<int>(k));
                if (above < 0) parent[at(i)] = static_cast<int>(k);
                i = above;
            }

    pattern_.clear();
    pattern_start_.assign(1, 0);
    start_.assign(size + 1, 0);
    std::vector<int> seen(size, -1);
    for (std::size_t k = 0; k < size; ++k) {
        append_column_pattern(k, parent, seen);
        for (auto p = at(pattern_start_[k]); p < pattern_.size(); ++p) ++start_[at(pattern_[p]) + 1];
        pattern_start_.push_back(static_cast<int>(pattern_.size()));
    }
    accumulate(start_);

    filled_.assign(start_.begin(), start_.end() - 1);
    rows_.resize(pattern_.size());
    for (std::size_t k = 0; k < size; ++k)
        for (auto p = pattern_start_[k]; p < pattern_start_[k + 1]; ++p)
            rows_[at(filled_[at(pattern_[at(p)])]++)] = static_cast<int>(k);
    l_.resize(rows_.size());
    inverse_pivot_.resize(size);
    work_.assign(size, 0.0);
}

int QuasidefiniteLdl::factorise(std::span<double const> values, double least) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto const to = destination_[i];
        (to >= 0 ? upper_value_[at(to)] : diagonal_[at(-1 - to)]) = values[i];
    }
    std::copy(start_.begin(), start_.end() - 1, filled_.begin());

    int replaced = 0;
    for (std::size_t k = 0; k < signs_.size(); ++k) {
        for (auto p = upper_start_[k]; p < upper_start_[k + 1]; ++p) work_[at(upper_row_[at(p)])] = upper_value_[at(p)];
        double pivot = diagonal_[k];
        for (auto p = pattern_start_[k]; p < pattern_start_[k + 1]; ++p) {
            auto const j = at(pattern_[at(p)]);
            auto const y = std::exchange(work_[j], 0.0);
            auto const end = filled_[j]++;
            for (auto e = start_[j]; e < end; ++e) work_[at(rows_[at(e)])] -= l_[at(e)] * y;
            auto const l = y * inverse_pivot_[j];
            l_[at(end)] = l;
            pivot -= l * y;
        }
        // Written so that a pivot that is not a number is replaced, too.
        if (!(pivot * signs_[k] >= least)) {
            pivot = least * signs_[k];
            ++replaced;
        }
        inverse_pivot_[k] = 1.0 / pivot;
    }
    return replaced;
}

void QuasidefiniteLdl::solve(Vector& x) {
    auto const size = signs_.size();
    for (std::size_t i = 0; i < size; ++i) work_[at(position_[i])] = x[static_cast<Index>(i)];
    for (std::size_t j = 0; j < size; ++j) {
        auto const value = work_[j];
        for (auto e = start_[j]; e < start_[j + 1]; ++e) work_[at(rows_[at(e)])] -= l_[at(e)] * value;
    }
    for (std::size_t j = size; j-- > 0;) {
        auto value = work_[j] * inverse_pivot_[j];
        for (auto e = start_[j]; e < start_[j + 1]; ++e) value -= l_[at(e)] * work_[at(rows_[at(e)])];
        work_[j] = value;
    }
    for (std::size_t i = 0; i < size; ++i) x[static_cast<Index>(i)] = work_[at(position_[i])];
    std::fill(work_.begin(), work_.end(), 0.0);
}

}  // namespace dec::solvers
