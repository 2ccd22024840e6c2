#include "judge.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace dec::test {
namespace {

using Matrix = Eigen::MatrixXd;

/// |value| over 1 + the magnitudes of the terms.
double relative(double value, double terms) { return std::abs(value) / (1.0 + terms); }

double over(double value, double low, double high) { return std::max({low - value, value - high, 0.0}); }

double magnitude(double limit) { return std::isfinite(limit) ? std::abs(limit) : 0.0; }

void check_limits(Vector const& values, Vector const& terms, Vector const& low, Vector const& high, Vector const& z_low,
                  Vector const& z_high, Verdict& verdict) {
    for (Index i = 0; i < values.size(); ++i) {
        verdict.primal = std::max(verdict.primal, relative(over(values[i], low[i], high[i]),
                                                           terms[i] + magnitude(low[i]) + magnitude(high[i])));
        verdict.sign = std::max({verdict.sign, -z_low[i], -z_high[i]});
        if (std::isfinite(low[i])) verdict.complementarity += z_low[i] * std::abs(values[i] - low[i]);
        else verdict.sign = std::max(verdict.sign, z_low[i]);
        if (std::isfinite(high[i])) verdict.complementarity += z_high[i] * std::abs(high[i] - values[i]);
        else verdict.sign = std::max(verdict.sign, z_high[i]);
    }
}

double limit_value(Vector const& limit, Vector const& multiplier) {
    double sum = 0.0;
    for (Index i = 0; i < limit.size(); ++i)
        if (multiplier[i] != 0.0) sum += limit[i] * multiplier[i];
    return sum;
}

/// b'equality + h_high'row_high - h_low'row_low + ub'bound_high - lb'bound_low
double limits_value(QuadraticProgram const& program, Multipliers const& z) {
    return limit_value(program.b, z.equality) + limit_value(program.h_high, z.row_high) -
           limit_value(program.h_low, z.row_low) + limit_value(program.ub, z.bound_high) -
           limit_value(program.lb, z.bound_low);
}

bool signs_fit(Vector const& z, Vector const& limit) {
    if (z.size() != limit.size()) return false;
    for (Index i = 0; i < z.size(); ++i)
        if (!(z[i] >= 0.0) || (z[i] > 0.0 && !std::isfinite(limit[i]))) return false;
    return true;
}

}  // namespace

double Verdict::worst() const { return std::max({primal, dual, sign, complementarity, gap}); }

Verdict judge(QuadraticProgram const& program, Vector const& x, Multipliers const& z) {
    Matrix const P = program.P;
    Matrix const A = program.A;
    Matrix const G = program.G;
    Verdict verdict;
    Vector const equalities = A * x;
    Vector const equality_terms = A.cwiseAbs() * x.cwiseAbs();
    for (Index i = 0; i < equalities.size(); ++i)
        verdict.primal = std::max(verdict.primal,
                                  relative(equalities[i] - program.b[i], equality_terms[i] + std::abs(program.b[i])));
    check_limits(G * x, G.cwiseAbs() * x.cwiseAbs(), program.h_low, program.h_high, z.row_low, z.row_high, verdict);
    check_limits(x, x.cwiseAbs(), program.lb, program.ub, z.bound_low, z.bound_high, verdict);

    Vector const rows = z.row_high - z.row_low;
    Vector const gradient =
        P * x + program.q + A.transpose() * z.equality + G.transpose() * rows + z.bound_high - z.bound_low;
    Vector const terms = P.cwiseAbs() * x.cwiseAbs() + program.q.cwiseAbs() +
                         A.transpose().cwiseAbs() * z.equality.cwiseAbs() + G.transpose().cwiseAbs() * rows.cwiseAbs() +
                         z.bound_high + z.bound_low;
    for (Index j = 0; j < x.size(); ++j) verdict.dual = std::max(verdict.dual, relative(gradient[j], terms[j]));

    double const quadratic = 0.5 * x.dot(P * x);
    double const primal = quadratic + program.q.dot(x) + program.offset;
    double const dual = -quadratic - limits_value(program, z) + program.offset;
    verdict.gap = relative(primal - dual, std::abs(primal));
    verdict.complementarity = relative(verdict.complementarity, std::abs(primal));
    return verdict;
}

double farkas_error(QuadraticProgram const& program, Multipliers const& z) {
    if (z.equality.size() != program.equalities() || !signs_fit(z.row_low, program.h_low) ||
        !signs_fit(z.row_high, program.h_high) || !signs_fit(z.bound_low, program.lb) ||
        !signs_fit(z.bound_high, program.ub))
        return infinity;
    Matrix const A = program.A;
    Matrix const G = program.G;
    Vector const rows = z.row_high - z.row_low;
    Vector const sum = A.transpose() * z.equality + G.transpose() * rows + z.bound_high - z.bound_low;
    Vector const terms = A.transpose().cwiseAbs() * z.equality.cwiseAbs() + G.transpose().cwiseAbs() * rows.cwiseAbs() +
                         z.bound_high + z.bound_low;
    double worst = std::abs(limits_value(program, z) + 1.0);
    for (Index j = 0; j < sum.size(); ++j) worst = std::max(worst, relative(sum[j], terms[j]));
    return worst;
}

double ray_error(QuadraticProgram const& program, Vector const& ray) {
    if (ray.size() != program.variables()) return infinity;
    Matrix const P = program.P;
    Matrix const A = program.A;
    Matrix const G = program.G;
    double worst = std::abs(program.q.dot(ray) + 1.0);
    auto const zero = [&](Vector const& value, Vector const& terms) {
        for (Index i = 0; i < value.size(); ++i) worst = std::max(worst, relative(value[i], terms[i]));
    };
    zero(P * ray, P.cwiseAbs() * ray.cwiseAbs());
    zero(A * ray, A.cwiseAbs() * ray.cwiseAbs());
    auto const inside = [&](Vector const& value, Vector const& terms, Vector const& low, Vector const& high) {
        for (Index i = 0; i < value.size(); ++i)
            worst = std::max(worst, relative(over(value[i], std::isfinite(low[i]) ? 0.0 : -infinity,
                                                  std::isfinite(high[i]) ? 0.0 : infinity),
                                             terms[i]));
    };
    inside(G * ray, G.cwiseAbs() * ray.cwiseAbs(), program.h_low, program.h_high);
    inside(ray, ray.cwiseAbs(), program.lb, program.ub);
    return worst;
}

}  // namespace dec::test
