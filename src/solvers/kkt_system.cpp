#include "kkt_system.hpp"

#include <algorithm>

namespace dec::solvers {
namespace {

using Inner = SparseMatrix::InnerIterator;

}  // namespace

void add_product(SparseMatrix const& C, Vector const& x, Vector& y) {
    for (Index j = 0; j < C.outerSize(); ++j)
        for (Inner e(C, j); e; ++e) y[e.row()] += e.value() * x[j];
}

void add_transposed_product(SparseMatrix const& C, Vector const& x, Vector& y) {
    for (Index j = 0; j < C.outerSize(); ++j) {
        double sum = 0.0;
        for (Inner e(C, j); e; ++e) sum += e.value() * x[e.row()];
        y[j] += sum;
    }
}

void add_symmetric_product(SparseMatrix const& P, SparseMatrix const& C, Vector const& v, Vector& product) {
    auto const n = P.cols();
    for (Index j = 0; j < n; ++j) {
        double sum = 0.0;
        for (Inner e(P, j); e; ++e) sum += e.value() * v[e.row()];
        for (Inner e(C, j); e; ++e) {
            sum += e.value() * v[n + e.row()];
            product[n + e.row()] += e.value() * v[j];
        }
        product[j] += sum;
    }
}

void KktSystem::analyse(SparseMatrix const& P, SparseMatrix const& C) {
    auto const n = static_cast<int>(P.rows());
    auto const m = static_cast<int>(C.rows());
    std::vector<QuasidefiniteLdl::Place> places;
    places.reserve(static_cast<std::size_t>(n + m + P.nonZeros() + C.nonZeros()));
    for (int i = 0; i < n + m; ++i) places.push_back({i, i});
    upper_.clear();
    diagonal_.assign(static_cast<std::size_t>(n), -1);
    for (int j = 0; j < n; ++j)
        for (Index k = P.outerIndexPtr()[j]; k < P.outerIndexPtr()[j + 1]; ++k) {
            auto const i = P.innerIndexPtr()[k];
            if (i == j) diagonal_[static_cast<std::size_t>(j)] = k;
            if (i >= j) continue;
            upper_.push_back(k);
            places.push_back({i, j});
        }
    for (int j = 0; j < n; ++j)
        for (Inner e(C, j); e; ++e) places.push_back({n + static_cast<int>(e.row()), j});

    std::vector<signed char> signs(static_cast<std::size_t>(n + m), 1);
    std::fill(signs.begin() + n, signs.end(), static_cast<signed char>(-1));
    factor_.analyse(places, std::move(signs));
    values_.resize(places.size());
    weights_.setZero(n + m);
}

void KktSystem::factorise(SparseMatrix const& P, SparseMatrix const& C, Vector const& d, Vector const& e,
                          double regularisation) {
    P_ = &P;
    C_ = &C;
    d_ = d;
    e_ = e;
    weights_.head(d.size()) = (1.0 + d.array()).inverse();
    weights_.tail(e.size()) = (1.0 + e.array()).inverse();
    auto value = values_.begin();
    for (Index j = 0; j < d.size(); ++j) {
        auto const stored = diagonal_[static_cast<std::size_t>(j)];
        *value++ = (stored < 0 ? 0.0 : P.valuePtr()[stored]) + d[j] + share_of_variables * regularisation;
    }
    for (auto const of_row : e) *value++ = -of_row - regularisation;
    for (auto const k : upper_) *value++ = P.valuePtr()[k];
    std::copy(C.valuePtr(), C.valuePtr() + C.nonZeros(), value);
    factor_.factorise(values_, regularisation);
}

void KktSystem::multiply(Vector const& v, Vector& product) const {
    product.head(d_.size()) = d_.cwiseProduct(v.head(d_.size()));
    product.tail(e_.size()) = -e_.cwiseProduct(v.tail(e_.size()));
    add_symmetric_product(*P_, *C_, v, product);
}

}  // namespace dec::solvers
