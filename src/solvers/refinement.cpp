#include "refinement.hpp"

#include <cmath>

namespace dec::solvers {
namespace {

/// Refinement is done when the residual is this small, relative to the right-hand side.
constexpr double exact = 1e-13;
constexpr int most_steps = 8;
/// A step that does not make the residual this much smaller is slow.
constexpr double slow = 0.1;
/// Where the rest is left to GMRES.
constexpr double not_exact = 1e-11;
constexpr Index krylov_size = 10;

/// The least-squares problem of GMRES, one column after another, kept triangular by rotations.
class LeastSquares {
  public:
    using Column = Eigen::Matrix<double, krylov_size + 1, 1>;

    explicit LeastSquares(double residual) { right_[0] = residual; }

    /// \param column of the Hessenberg matrix. \return the residual that remains.
    double append(Column column) {
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
    Column right_ = Column::Zero();
    Eigen::Matrix<double, krylov_size, 1> cosine_, sine_;
};

}  // namespace

void Refinement::resize(Index size) {
    residual_.setZero(size);
    trial_.setZero(size);
    basis_.resize(size, krylov_size + 1);
    corrections_.resize(size, krylov_size);
}

double Refinement::weighted(LinearSystem const& system, Vector const& v) const {
    if (v.size() == 0) return 0.0;
    auto const largest = v.cwiseProduct(system.weights()).cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
    return std::isfinite(largest) ? largest : infinity;
}

void Refinement::find_residual(LinearSystem const& system, Vector const& right, Vector const& solution) {
    system.multiply(solution, residual_);
    residual_ = right - residual_;
}

double Refinement::solve(LinearSystem& system, Vector const& right, Vector& solution) {
    size_ = weighted(system, right);
    solution.setZero(right.size());
    if (size_ == 0.0) return 0.0;
    auto error = step(system, right, solution);
    if (error > not_exact * size_ && std::isfinite(error)) error = accelerate(system, right, solution, error);
    return error / size_;
}

double Refinement::step(LinearSystem& system, Vector const& right, Vector& solution) {
    solution = right;
    system.solve_roughly(solution);
    find_residual(system, right, solution);
    auto error = weighted(system, residual_);
    for (int steps = 0; steps < most_steps && error > exact * size_; ++steps) {
        trial_ = residual_;
        system.solve_roughly(trial_);
        trial_ += solution;
        auto const before = error;
        if (!accept_if_better(system, right, solution, error) || error > slow * before) break;
    }
    return error;
}

/// Takes `trial_` for the solution if its residual is smaller.
bool Refinement::accept_if_better(LinearSystem const& system, Vector const& right, Vector& solution, double& error) {
    find_residual(system, right, trial_);
    auto const found = weighted(system, residual_);
    if (!(found < error)) return false;
    std::swap(solution, trial_);
    error = found;
    return true;
}

double Refinement::accelerate(LinearSystem& system, Vector const& right, Vector& solution, double error) {
    auto const& weights = system.weights();
    find_residual(system, right, solution);
    residual_ = residual_.cwiseProduct(weights);
    auto const length = residual_.norm();
    LeastSquares problem{length};
    basis_.col(0) = residual_ / length;
    for (Index k = 0; k < krylov_size; ++k) {
        trial_ = basis_.col(k).cwiseQuotient(weights);
        system.solve_roughly(trial_);
        corrections_.col(k) = trial_;
        system.multiply(trial_, residual_);
        residual_ = residual_.cwiseProduct(weights);
        LeastSquares::Column column = LeastSquares::Column::Zero();
        for (Index i = 0; i <= k; ++i) {
            column[i] = residual_.dot(basis_.col(i));
            residual_ -= column[i] * basis_.col(i);
        }
        column[k + 1] = residual_.norm();
        basis_.col(k + 1) = residual_ / (column[k + 1] > 0.0 ? column[k + 1] : 1.0);
        if (problem.append(column) < exact * size_) break;
    }
    trial_ = solution;
    trial_.noalias() += corrections_.leftCols(problem.size()) * problem.weights();
    accept_if_better(system, right, solution, error);
    return error;
}

}  // namespace dec::solvers
