#include "scaled_program.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace dec::solvers {
namespace {

/// A row without free coefficients holds if it does so to this share of the terms put into it.
constexpr double holds = 1e-9;

using Inner = SparseMatrix::InnerIterator;

double power_of_two(double value) { return std::exp2(std::round(std::log2(value))); }

SparseMatrix stacked(SparseMatrix const& A, SparseMatrix const& G, Index columns) {
    std::vector<Eigen::Triplet<double>> entries;
    entries.reserve(static_cast<std::size_t>(A.nonZeros() + G.nonZeros()));
    auto const append = [&](SparseMatrix const& matrix, Index first_row) {
        for (Index j = 0; j < matrix.outerSize(); ++j)
            for (Inner e(matrix, j); e; ++e)
                entries.emplace_back(static_cast<int>(first_row + e.row()), static_cast<int>(j), e.value());
    };
    append(A, 0);
    append(G, A.rows());
    SparseMatrix C(A.rows() + G.rows(), columns);
    C.setFromTriplets(entries.begin(), entries.end());
    return C;
}

/// The values of A over those of G, into a matrix made by `stacked`: each column of A, then of G.
void restack(SparseMatrix const& A, SparseMatrix const& G, SparseMatrix& C) {
    for (Index j = 0; j < C.outerSize(); ++j) {
        auto* to = C.valuePtr() + C.outerIndexPtr()[j];
        if (j < A.outerSize())
            for (Inner e(A, j); e; ++e) *to++ = e.value();
        if (j < G.outerSize())
            for (Inner e(G, j); e; ++e) *to++ = e.value();
    }
}

RangeKind kind_of(double low, double high) {
    bool const has_low_limit = low > -no_limit;
    bool const has_high_limit = high < no_limit;
    if (!has_low_limit) return has_high_limit ? RangeKind::high : RangeKind::absent;
    if (!has_high_limit) return RangeKind::low;
    return same_limit(low, high) ? RangeKind::equality : RangeKind::both;
}

Multipliers no_multipliers(Index equalities, Index inequalities, Index variables) {
    return {.equality = Vector::Zero(equalities),
            .row_low = Vector::Zero(inequalities),
            .row_high = Vector::Zero(inequalities),
            .bound_low = Vector::Zero(variables),
            .bound_high = Vector::Zero(variables)};
}

}  // namespace

void ScaledProgram::shape(QuadraticProgram const& program) {
    auto const n = program.variables();
    equalities_ = program.equalities();
    P0_ = program.P;
    C0_ = stacked(program.A, program.G, n);
    P0_.makeCompressed();
    P = P0_;
    C = C0_;
    kinds_.assign(static_cast<std::size_t>(C.rows() + n), RangeKind::absent);
    q.resize(n);
    low.resize(C.rows() + n);
    high.resize(C.rows() + n);
    low0_.resize(C.rows() + n);
    high0_.resize(C.rows() + n);
    fixed_value_.resize(n);
    row_terms0_.resize(C.rows());
    row_unit0_.resize(C.rows());
    seen_P_.resize(0);
    seen_C_.resize(0);
}

std::optional<Multipliers> ScaledProgram::refresh(QuadraticProgram const& program) {
    for (Index j = 0; j < P0_.outerSize(); ++j) {
        auto* to = P0_.valuePtr() + P0_.outerIndexPtr()[j];
        for (Inner e(program.P, j); e; ++e) *to++ = e.value();
    }
    restack(program.A, program.G, C0_);
    q0_ = program.q;
    if (auto contradiction = classify(program)) return contradiction;
    put_in_fixed(program);
    if (auto contradiction = drop_empty_rows()) return contradiction;
    equilibrate();
    column_scale = equilibrated_columns_;
    row_scale = equilibrated_rows_.cwiseProduct(empty_row_scale_);
    apply_scales();
    return std::nullopt;
}

std::optional<Multipliers> ScaledProgram::classify(QuadraticProgram const& program) {
    auto const p = program.equalities();
    auto const m = program.inequalities();
    auto const n = program.variables();
    low0_ << program.b, program.h_low, program.lb;
    high0_ << program.b, program.h_high, program.ub;
    for (Index r = 0; r < ranges(); ++r) {
        auto const found = r < p ? RangeKind::equality : kind_of(low0_[r], high0_[r]);
        if (found == RangeKind::both && low0_[r] > high0_[r]) {
            auto show = no_multipliers(p, m, n);
            (r < p + m ? show.row_low[r - p] : show.bound_low[r - p - m]) = 1.0;
            (r < p + m ? show.row_high[r - p] : show.bound_high[r - p - m]) = 1.0;
            return show;
        }
        set_kind(r, found);
        if (found == RangeKind::equality) low0_[r] = high0_[r] = low0_[r] + 0.5 * (high0_[r] - low0_[r]);
        else if (!has_low(found)) low0_[r] = 0.0;
        if (found == RangeKind::low || found == RangeKind::absent) high0_[r] = 0.0;
    }
    return std::nullopt;
}

void ScaledProgram::put_in_fixed(QuadraticProgram const& program) {
    auto const n = variables();
    row_terms0_.setZero();
    row_unit0_.setZero();
    for (Index j = 0; j < n; ++j) fixed_value_[j] = fixed(j) ? low0_[rows() + j] : 0.0;
    Vector const shift = program.P * fixed_value_;
    constant0_ = 0.5 * fixed_value_.dot(shift) + q0_.dot(fixed_value_);
    q0_ += shift;
    for (Index j = 0; j < n; ++j) {
        for (auto k = P0_.outerIndexPtr()[j]; k < P0_.outerIndexPtr()[j + 1]; ++k)
            if (fixed(j) || fixed(P0_.innerIndexPtr()[k])) P0_.valuePtr()[k] = 0.0;
        if (fixed(j)) q0_[j] = 0.0;
        for (auto k = C0_.outerIndexPtr()[j]; k < C0_.outerIndexPtr()[j + 1]; ++k) {
            auto const row = C0_.innerIndexPtr()[k];
            auto& value = C0_.valuePtr()[k];
            row_unit0_[row] = std::max(row_unit0_[row], std::abs(value));
            if (fixed(j)) {
                auto const term = value * fixed_value_[j];
                row_terms0_[row] += std::abs(term);
                low0_[row] -= term;
                high0_[row] -= term;
            }
            if (fixed(j) || kind(row) == RangeKind::absent) value = 0.0;
        }
    }
}

std::optional<Multipliers> ScaledProgram::drop_empty_rows() {
    std::vector<bool> empty(static_cast<std::size_t>(rows()), true);
    for (Index k = 0; k < C0_.nonZeros(); ++k)
        if (C0_.valuePtr()[k] != 0.0) empty[static_cast<std::size_t>(C0_.innerIndexPtr()[k])] = false;
    empty_row_scale_.setOnes(rows());
    for (Index r = 0; r < rows(); ++r) {
        if (!empty[static_cast<std::size_t>(r)] || kind(r) == RangeKind::absent) continue;
        bool const equality = kind(r) == RangeKind::equality;
        auto const lack = equality || has_low(kind(r)) ? low0_[r] : 0.0;  // by how much it is too small if positive
        auto const excess = equality || has_high(kind(r)) ? -high0_[r] : 0.0;
        auto const unit = row_unit0_[r] > 0.0 ? row_unit0_[r] : 1.0;
        if (std::max(lack, excess) > holds * std::max(row_terms0_[r], unit)) {
            auto show = no_multipliers(equalities_, rows() - equalities_, variables());
            if (r < equalities_) show.equality[r] = lack > 0.0 ? -1.0 : 1.0;
            else (lack > 0.0 ? show.row_low : show.row_high)[r - equalities_] = 1.0;
            return show;
        }
        set_kind(r, RangeKind::absent);
        empty_row_scale_[r] = power_of_two(1.0 / unit);
    }
    return std::nullopt;
}

/// Powers of two that bring the magnitudes of all coefficients of c D P D and E C D as near to one as they can, in the sense of
/// least squares of their logarithms, by conjugate gradients (Curtis and Reid). Whatever units rows, variables and objective
/// are written in, the scaled coefficients are the same.
class ScaledProgram::GeometricScales {
  public:
    GeometricScales(SparseMatrix const& P, SparseMatrix const& C) : P_{P}, C_{C}, n_{C.cols()}, m_{C.rows()} {
        residual_.setZero(n_ + m_ + 1);
        count_.setZero(n_ + m_ + 1);
        visit([&](double coefficient, Index first, Index second, Index third) {
            auto const magnitude = std::log2(std::abs(coefficient));
            for (auto const i : {first, second, third}) {
                if (i < 0) continue;
                residual_[i] -= magnitude;
                count_[i] += 1.0;
            }
        });
        solve();
    }

    [[nodiscard]] Vector columns() const { return scales_.head(n_); }
    [[nodiscard]] Vector rows() const { return scales_.segment(n_, m_); }
    [[nodiscard]] double cost() const { return scales_[n_ + m_]; }

  private:
    /// Calls with each coefficient and the numbers of the scales it is multiplied by, -1 for none.
    template <class Use>
    void visit(Use const& use) const {
        for (Index j = 0; j < n_; ++j) {
            for (Inner e(P_, j); e; ++e)
                if (e.value() != 0.0) use(e.value(), e.row(), j, n_ + m_);
            for (Inner e(C_, j); e; ++e)
                if (e.value() != 0.0) use(e.value(), n_ + e.row(), j, Index{-1});
        }
    }

    void solve() {
        constexpr int most = 30;
        constexpr double close_enough = 0.1;  // of a power of two
        scales_.setZero(residual_.size());
        Vector const inverse = count_.cwiseMax(1.0).cwiseInverse();
        Vector direction = Vector::Zero(residual_.size());
        Vector product(residual_.size());
        Vector step = residual_.cwiseProduct(inverse);
        double size = 1.0;
        for (int k = 0; k < most && step.size() > 0 && step.lpNorm<Eigen::Infinity>() > close_enough; ++k) {
            auto const before = std::exchange(size, residual_.dot(step));
            direction = step + (k == 0 ? 0.0 : size / before) * direction;
            product.setZero();
            visit([&](double, Index first, Index second, Index third) {
                auto const sum = direction[first] + direction[second] + (third < 0 ? 0.0 : direction[third]);
                product[first] += sum;
                product[second] += sum;
                if (third >= 0) product[third] += sum;
            });
            auto const length = size / direction.dot(product);
            scales_ += length * direction;
            residual_ -= length * product;
            step = residual_.cwiseProduct(inverse);
        }
        scales_ = scales_.unaryExpr(
            [](double exponent) { return std::exp2(std::round(std::clamp(exponent, -100.0, 100.0))); });
    }

    SparseMatrix const& P_;
    SparseMatrix const& C_;
    Index n_, m_;
    Vector scales_, residual_, count_;
};

/// Every row and column of [c P C'; C 0] gets a largest coefficient of one (Ruiz), from geometric scales on: the former alone
/// has many solutions, and finds another one for other units.
void ScaledProgram::equilibrate() {
    auto const P_values = P0_.coeffs().matrix();
    auto const C_values = C0_.coeffs().matrix();
    bool const seen = equilibrated_columns_.size() == variables() && equilibrated_rows_.size() == rows() &&
                      seen_P_.size() == P_values.size() && seen_C_.size() == C_values.size() && seen_P_ == P_values &&
                      seen_C_ == C_values;
    if (seen) return;
    seen_P_ = P_values;
    seen_C_ = C_values;

    constexpr int passes = 20;
    constexpr double close_enough = 0.05;
    GeometricScales const geometric{P0_, C0_};
    equilibrated_columns_ = geometric.columns();
    equilibrated_rows_ = geometric.rows();
    auto const cost = geometric.cost();
    Vector column_norm(variables());
    Vector row_norm(rows());
    auto& D = equilibrated_columns_;
    auto& E = equilibrated_rows_;
    for (int pass = 0; pass < passes; ++pass) {
        column_norm.setZero();
        row_norm.setZero();
        for (Index j = 0; j < variables(); ++j) {
            for (Inner e(P0_, j); e; ++e)
                column_norm[j] = std::max(column_norm[j], cost * std::abs(e.value()) * D[e.row()] * D[j]);
            for (Inner e(C0_, j); e; ++e) {
                auto const size = std::abs(e.value()) * E[e.row()] * D[j];
                column_norm[j] = std::max(column_norm[j], size);
                row_norm[e.row()] = std::max(row_norm[e.row()], size);
            }
        }
        double worst = 0.0;
        auto const adjust = [&](Vector& scale, Vector const& norm) {
            for (Index i = 0; i < norm.size(); ++i) {
                if (norm[i] == 0.0) continue;
                worst = std::max(worst, std::abs(1.0 - norm[i]));
                scale[i] /= std::sqrt(norm[i]);
            }
        };
        adjust(D, column_norm);
        adjust(E, row_norm);
        if (worst < close_enough) break;
    }
    D = D.unaryExpr(&power_of_two);
    E = E.unaryExpr(&power_of_two);
}

void ScaledProgram::rescale(double typical) {
    auto const factor = power_of_two(typical);
    column_scale *= factor;
    row_scale /= factor;
    apply_scales();
}

void ScaledProgram::apply_scales() {
    auto const& D = column_scale;
    auto const& E = row_scale;
    for (Index j = 0; j < variables(); ++j) {
        for (auto k = P.outerIndexPtr()[j]; k < P.outerIndexPtr()[j + 1]; ++k)
            P.valuePtr()[k] = P0_.valuePtr()[k] * D[P.innerIndexPtr()[k]] * D[j];
        for (auto k = C.outerIndexPtr()[j]; k < C.outerIndexPtr()[j + 1]; ++k)
            C.valuePtr()[k] = C0_.valuePtr()[k] * E[C.innerIndexPtr()[k]] * D[j];
    }
    low << low0_.head(rows()).cwiseProduct(E), low0_.tail(variables()).cwiseQuotient(D);
    high << high0_.head(rows()).cwiseProduct(E), high0_.tail(variables()).cwiseQuotient(D);

    q = q0_.cwiseProduct(D);
    auto const largest = [](auto const& values) { return values.size() == 0 ? 0.0 : values.cwiseAbs().maxCoeff(); };
    auto const cost = std::max(largest(q), largest(P.coeffs().matrix()));
    cost_scale = cost > 0.0 ? power_of_two(1.0 / cost) : 1.0;
    P.coeffs() *= cost_scale;
    q *= cost_scale;
    constant = constant0_ * cost_scale;
}

void ScaledProgram::give(Vector const& x, Vector const& net, double share, Vector& x0, Multipliers& multipliers) const {
    auto const m = rows() - equalities_;
    auto const of_rows = net.head(rows()).cwiseProduct(row_scale) * (share / cost_scale);
    auto const of_bounds = net.tail(variables()).cwiseQuotient(column_scale) * (share / cost_scale);
    x0 = share * x.cwiseProduct(column_scale);
    for (Index j = 0; j < variables(); ++j)
        if (fixed(j)) x0[j] = fixed_value_[j];
    multipliers.equality = of_rows.head(equalities_);
    multipliers.row_low = (-of_rows.tail(m)).cwiseMax(0.0);
    multipliers.row_high = of_rows.tail(m).cwiseMax(0.0);
    multipliers.bound_low = (-of_bounds).cwiseMax(0.0);
    multipliers.bound_high = of_bounds.cwiseMax(0.0);
}

void ScaledProgram::take(Vector const& x0, Multipliers const& multipliers, Vector& x, Vector& net) const {
    x = x0.cwiseQuotient(column_scale);
    net << multipliers.equality, multipliers.row_high - multipliers.row_low,
        multipliers.bound_high - multipliers.bound_low;
    net.head(rows()) = cost_scale * net.head(rows()).cwiseQuotient(row_scale);
    net.tail(variables()) = cost_scale * net.tail(variables()).cwiseProduct(column_scale);
    for (Index j = 0; j < variables(); ++j)
        if (fixed(j)) x[j] = net[rows() + j] = 0.0;
    for (Index i = 0; i < rows(); ++i)
        if (kind(i) == RangeKind::absent) net[i] = 0.0;
}

Units ScaledProgram::units() const { return {column_scale, row_scale.cwiseInverse(), 1.0 / cost_scale}; }

}  // namespace dec::solvers
