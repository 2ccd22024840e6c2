#include "kkt_system.hpp"

#include <algorithm>
#include <cmath>

namespace dec::solvers {
namespace {

using Inner = SparseMatrix::InnerIterator;

/// Smaller pivots are rounding; regularisation keeps true ones well above.
constexpr double least_pivot = 1e-14;
/// Refinement is done when the residual is this small, relative to the right-hand side.
constexpr double exact = 1e-14;
constexpr int most_refinements = 8;
/// A refinement that does not make the residual this much smaller is slow.
constexpr double slow = 0.1;
/// Where refinement is left to GMRES.
constexpr double not_exact = 1e-12;
constexpr Index krylov_size = 10;

/// Largest magnitude; infinity if any entry is not a number.
double largest(Vector const& v) {
    auto const found = v.size() == 0 ? 0.0 : v.cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
    return std::isfinite(found) ? found : infinity;
}

/// The least-squares problem of GMRES, one column after another, kept triangular by rotations.
class LeastSquares {
  public:
    explicit LeastSquares(double residual) { right_[0] = residual; }

    /// \param column of the Hessenberg matrix; one entry more than there will be columns. \return the residual that remains.
    double append(Eigen::Matrix<double, krylov_size + 1, 1> column) {
        for (Index i = 0; i < size_; ++i) rotate(i, column[i], column[i + 1]);
        auto const length = std::hypot(column[size_], column[size_ + 1]);
        cosine_[size_] = length > 0.0 ? column[size_] / length : 1.0;
        sine_[size_] = length > 0.0 ? column[size_ + 1] / length : 0.0;
        rotate(size_, column[size_], column[size_ + 1]);
        rotate(size_, right_[size_], right_[size_ + 1]);
        triangle_.col(size_) = column.head<krylov_size>();
        return std::abs(right_[++size_]);
    }
    [[nodiscard]] Index size() const { return size_; }
    [[nodiscard]] auto weights() const {
        Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, krylov_size, 1> w = right_.head(size_);
        triangle_.topLeftCorner(size_, size_).triangularView<Eigen::Upper>().solveInPlace(w);
        return w;
    }

  private:
    void rotate(Index i, double& a, double& b) const {
        auto const rotated = cosine_[i] * a + sine_[i] * b;
        b = cosine_[i] * b - sine_[i] * a;
        a = rotated;
    }

    Index size_ = 0;
    Eigen::Matrix<double, krylov_size, krylov_size> triangle_ = decltype(triangle_)::Zero();
    Eigen::Matrix<double, krylov_size + 1, 1> right_ = decltype(right_)::Zero();
    Eigen::Matrix<double, krylov_size, 1> cosine_, sine_;
};

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
    residual_.resize(n + m);
    trial_.resize(n + m);
    basis_.resize(n + m, krylov_size + 1);
    corrections_.resize(n + m, krylov_size);
}

void KktSystem::factorise(SparseMatrix const& P, SparseMatrix const& C, Vector const& d, Vector const& e,
                          double regularisation) {
    P_ = &P;
    C_ = &C;
    d_ = d;
    e_ = e;
    auto value = values_.begin();
    for (Index j = 0; j < d.size(); ++j) {
        auto const stored = diagonal_[static_cast<std::size_t>(j)];
        *value++ = (stored < 0 ? 0.0 : P.valuePtr()[stored]) + d[j] + regularisation;
    }
    for (Index i = 0; i < e.size(); ++i) *value++ = -e[i] - regularisation;
    for (auto const k : upper_) *value++ = P.valuePtr()[k];
    std::copy(C.valuePtr(), C.valuePtr() + C.nonZeros(), value);
    factor_.factorise(values_, least_pivot);
}

void KktSystem::multiply(Vector const& v, Vector& product) const {
    auto const n = d_.size();
    product.head(n) = d_.cwiseProduct(v.head(n));
    product.tail(e_.size()) = -e_.cwiseProduct(v.tail(e_.size()));
    for (Index j = 0; j < n; ++j) {
        double sum = 0.0;
        for (Inner k(*P_, j); k; ++k) sum += k.value() * v[k.row()];
        for (Inner k(*C_, j); k; ++k) {
            sum += k.value() * v[n + k.row()];
            product[n + k.row()] += k.value() * v[j];
        }
        product[j] += sum;
    }
}

double KktSystem::solve(Vector const& right, Vector& solution) {
    auto const size = largest(right);
    solution.setZero(right.size());
    if (size == 0.0) return 0.0;
    auto error = refine(right, solution);
    if (error > not_exact * size && std::isfinite(error)) error = accelerate(right, solution, error);
    return error / size;
}

double KktSystem::refine(Vector const& right, Vector& solution) {
    auto const size = largest(right);
    solution = right;
    factor_.solve(solution);
    multiply(solution, residual_);
    residual_ = right - residual_;
    auto error = largest(residual_);
    for (int step = 0; step < most_refinements && error > exact * size; ++step) {
        trial_ = residual_;
        factor_.solve(trial_);
        trial_ += solution;
        auto const before = error;
        if (!accept_if_better(right, solution, error) || error > slow * before) break;
    }
    return error;
}

/// Takes `trial_` for the solution if its residual is smaller.
bool KktSystem::accept_if_better(Vector const& right, Vector& solution, double& error) {
    multiply(trial_, residual_);
    residual_ = right - residual_;
    auto const found = largest(residual_);
    if (!(found < error)) return false;
    std::swap(solution, trial_);
    error = found;
    return true;
}

double KktSystem::accelerate(Vector const& right, Vector& solution, double error) {
    multiply(solution, residual_);
    residual_ = right - residual_;
    auto const length = residual_.norm();
    LeastSquares problem{length};
    basis_.col(0) = residual_ / length;
    for (Index k = 0; k < krylov_size; ++k) {
        trial_ = basis_.col(k);
        factor_.solve(trial_);
        corrections_.col(k) = trial_;
        multiply(trial_, residual_);
        Eigen::Matrix<double, krylov_size + 1, 1> column = Eigen::Matrix<double, krylov_size + 1, 1>::Zero();
        for (Index i = 0; i <= k; ++i) {
            column[i] = residual_.dot(basis_.col(i));
            residual_ -= column[i] * basis_.col(i);
        }
        column[k + 1] = residual_.norm();
        basis_.col(k + 1) = residual_ / (column[k + 1] > 0.0 ? column[k + 1] : 1.0);
        if (problem.append(column) < exact * length) break;
    }
    trial_ = solution;
    trial_.noalias() += corrections_.leftCols(problem.size()) * problem.weights();
    accept_if_better(right, solution, error);
    return error;
}

}  // namespace dec::solvers
