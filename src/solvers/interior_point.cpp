#include "dec/solvers/interior_point.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "embedding.hpp"
#include "optimality.hpp"
#include "polish.hpp"
#include "scaled_program.hpp"

namespace dec::solvers {
namespace {

/// What is asked for is said in units of the equilibrated program, which may be a few times larger than the caller's.
constexpr double margin = 1e-3;

bool same_pattern(SparseMatrix const& a, SparseMatrix const& b) {
    if (a.rows() != b.rows() || a.cols() != b.cols() || a.nonZeros() != b.nonZeros()) return false;
    for (Index j = 0; j < a.outerSize(); ++j) {
        SparseMatrix::InnerIterator in_a(a, j);
        SparseMatrix::InnerIterator in_b(b, j);
        for (; in_a && in_b; ++in_a, ++in_b)
            if (in_a.row() != in_b.row()) return false;
        if (in_a || in_b) return false;
    }
    return true;
}

bool fits(Start const& start, QuadraticProgram const& program) {
    auto const n = program.variables();
    auto const m = program.inequalities();
    auto const& given = start.multipliers;
    return start.x.size() == n && given.equality.size() == program.equalities() && given.row_low.size() == m &&
           given.row_high.size() == m && given.bound_low.size() == n && given.bound_high.size() == n;
}

double error_of(Outcome const& outcome) {
    double worst = 0.0;
    for (auto const error :
         {outcome.primal.relative, outcome.dual.relative, outcome.gap.relative, outcome.complementarity.relative}) {
        if (!std::isfinite(error)) return infinity;  // comparisons lose what is not a number
        worst = std::max(worst, error);
    }
    return worst;
}

}  // namespace

class InteriorPoint::Engine {
  public:
    explicit Engine(Settings const& settings) : settings_{settings} {}

    void setup(QuadraticProgram const& program);
    void update(QuadraticProgram const& program);
    Outcome solve(Start const* start);

  private:
    void start_cold();
    void start_warm(Start const& start);
    Outcome iterate(int first, int limit);
    void assess(int iteration);
    void certify(Outcome& best, int iteration);
    void certify(Vector const& x, Vector const& net, Outcome& best, int iteration);
    bool step();
    void predict();
    void polish();
    Outcome finish(Status unless_good_enough);

    Settings settings_;
    QuadraticProgram program_;
    bool has_program_ = false;
    ScaledProgram scaled_;
    Units units_;
    KktSystem kkt_;
    Embedding embedding_{scaled_, kkt_};
    Polish polish_{scaled_, kkt_};
    Judge judge_;
    Point point_, predictor_, direction_, best_point_;
    Outcome current_, best_;
    double best_error_ = infinity;
    double regularisation_ = 0.0;
};

void InteriorPoint::Engine::setup(QuadraticProgram const& program) {
    if (auto findings = validate(program); !findings.empty()) throw core::InvalidInput{std::move(findings)};
    program_ = program;
    scaled_.shape(program_);
    kkt_.analyse(scaled_.P, scaled_.C);
    embedding_.resize();
    polish_.resize();
    for (auto* point : {&point_, &predictor_, &direction_, &best_point_}) point->resize(scaled_);
    has_program_ = true;
}

void InteriorPoint::Engine::update(QuadraticProgram const& program) {
    if (!has_program_) throw std::logic_error{"InteriorPoint::update before setup"};
    auto findings = validate(program);
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    if (!same_pattern(program.P, program_.P) || !same_pattern(program.A, program_.A) ||
        !same_pattern(program.G, program_.G))
        throw std::logic_error{"InteriorPoint::update with a program of another structure than in setup"};
    program_ = program;
}

Outcome InteriorPoint::Engine::solve(Start const* start) {
    if (!has_program_) throw std::logic_error{"InteriorPoint::solve before setup"};
    if (auto const contradiction = scaled_.refresh(program_)) {
        Outcome outcome;
        Units const ones{Vector::Ones(program_.variables()), Vector::Ones(scaled_.rows()), 1.0};
        if (certify_infeasible(program_, ones, *contradiction, settings_.certificate_tolerance, outcome))
            return outcome;
    }
    if (start && !fits(*start, program_)) throw std::logic_error{"InteriorPoint::solve from a start of another size"};
    int spent = 0;
    if (start) {
        start_warm(*start);
        auto const outcome = iterate(0, (settings_.max_iterations + 1) / 2);
        bool const given_up = outcome.status == Status::iteration_limit || outcome.status == Status::numerical_failure;
        if (!given_up) return outcome;
        spent = outcome.iterations;
    }
    start_cold();
    return iterate(spent, settings_.max_iterations);
}

void InteriorPoint::Engine::start_cold() {
    regularisation_ = settings_.regularisation;
    embedding_.spring_start(point_, regularisation_);
    auto const typical = point_.x.size() == 0 ? 0.0 : point_.x.lpNorm<Eigen::Infinity>();
    if (typical > 0.0 && (typical < 1e-2 || typical > 1e2)) {
        scaled_.rescale(std::clamp(typical, 1e-12, 1e12));
        embedding_.spring_start(point_, regularisation_);
    }
    embedding_.make_interior(point_, 1.0, 1.0);
}

void InteriorPoint::Engine::start_warm(Start const& start) {
    regularisation_ = settings_.regularisation;
    scaled_.take(start.x, start.multipliers, point_.x, point_.net);
    embedding_.make_interior(point_, 1e-3, 1e-3);
}

Outcome InteriorPoint::Engine::iterate(int first, int limit) {
    constexpr int patience = 6;
    constexpr double nothing_left = 1e-24;
    units_ = scaled_.units();
    best_error_ = infinity;
    Outcome certificate;
    auto const end = [&](Status unless_good_enough) {
        if (best_error_ > settings_.tolerance && certificate.certificate_residual <= settings_.certificate_tolerance)
            return certificate;
        return finish(unless_good_enough);
    };
    int in_vain = 0;
    for (int iteration = first;; ++iteration) {
        embedding_.evaluate(point_);
        auto const before = best_error_;
        assess(iteration);
        if (best_error_ <= settings_.tolerance) {
            if (settings_.polish) polish();
            in_vain = best_error_ < 0.5 * before ? 0 : in_vain + 1;
            if (best_error_ <= margin * settings_.tolerance || in_vain == patience) return end(Status::optimal);
        } else if (point_.kappa > point_.tau) {
            auto const residual = certificate.certificate_residual;
            certify(certificate, iteration);
            auto const now = certificate.certificate_residual;
            if (now <= margin * settings_.certificate_tolerance) return certificate;
            if (now <= settings_.certificate_tolerance && now == residual) return certificate;
        }
        if (iteration == limit) return end(Status::iteration_limit);
        if (embedding_.mu() < nothing_left || !step()) return end(Status::numerical_failure);
    }
}

void InteriorPoint::Engine::assess(int iteration) {
    scaled_.give(point_.x, point_.net, 1.0 / point_.tau, current_.x, current_.multipliers);
    judge_.measure(program_, units_, current_);
    current_.iterations = iteration;
    current_.polished = false;
    auto const error = error_of(current_);
    if (!(error < best_error_) && best_error_ < infinity) return;
    best_error_ = error;
    std::swap(best_, current_);
    best_point_ = point_;
}

/// Takes what the iterate proves if that is better than the best so far, as it is and with the limits it meets met exactly.
void InteriorPoint::Engine::certify(Outcome& best, int iteration) {
    constexpr double clear = 0.1;
    certify(point_.x, point_.net, best, iteration);
    if (point_.tau > clear * point_.kappa || best.certificate_residual <= margin * settings_.certificate_tolerance)
        return;
    Vector x = point_.x;
    Vector net = point_.net;
    polish_.improve(point_, 0.0, settings_.regularisation, x, net);
    certify(x, net, best, iteration);
}

void InteriorPoint::Engine::certify(Vector const& x, Vector const& net, Outcome& best, int iteration) {
    scaled_.give(x, net, 1.0, current_.x, current_.multipliers);
    for (Index j = 0; j < scaled_.variables(); ++j)
        if (scaled_.fixed(j)) current_.x[j] = 0.0;
    current_.multipliers.bound_low.setZero();
    current_.multipliers.bound_high.setZero();
    Outcome found;
    bool const proves =
        certify_infeasible(program_, units_, current_.multipliers, settings_.certificate_tolerance, found) ||
        certify_unbounded(program_, units_, current_.x, settings_.certificate_tolerance, found);
    if (!proves || !(found.certificate_residual < best.certificate_residual)) return;
    found.iterations = iteration;
    best = std::move(found);
}

/// Finds the predictor with as little regularisation as gives it to a few digits. While an answer is sought, steps are
/// proximal: directions in which the program is flat, or constraints depend on each other, stay where they are. A certificate,
/// or the last digits of an answer, need the true system wherever it can be solved.
void InteriorPoint::Engine::predict() {
    constexpr double poor = 1e-6;
    constexpr double most = 1e-5;
    bool const exactly = point_.kappa > point_.tau || best_error_ <= settings_.tolerance;
    regularisation_ = std::max(settings_.regularisation, 0.1 * regularisation_);
    for (;; regularisation_ *= 10.0) {
        embedding_.factorise(point_, regularisation_);
        if (exactly && embedding_.predict(point_, predictor_) <= poor) return;
        embedding_.keep_regularisation();
        if (embedding_.predict(point_, predictor_) <= poor || regularisation_ >= most) return;
    }
}

bool InteriorPoint::Engine::step() {
    constexpr double most = 0.99;
    constexpr double none = 1e-8;
    constexpr double short_step = 0.1;
    predict();
    auto const affine = std::min(1.0, embedding_.longest_step(point_, predictor_));
    auto const correct = [&](double sigma, double second_order) {
        embedding_.correct(point_, sigma, second_order, predictor_, direction_);
        return std::min(1.0, most * embedding_.longest_step(point_, direction_));
    };
    auto length = correct(std::pow(1.0 - affine, 3), affine * affine);
    // Second-order terms of a predictor that leads nowhere mislead; a step to the centre comes first then.
    for (double const sigma : {0.1, 0.5, 0.9})
        if (length < short_step) length = correct(sigma, 0.0);
    if (!(length > none)) return false;
    embedding_.advance(point_, direction_, length);
    return true;
}

void InteriorPoint::Engine::polish() {
    current_.iterations = best_.iterations;
    Vector x = point_.x / point_.tau;
    Vector net = point_.net / point_.tau;
    polish_.improve(point_, 1.0, settings_.regularisation, x, net);
    scaled_.give(x, net, 1.0, current_.x, current_.multipliers);
    judge_.measure(program_, units_, current_);
    if (error_of(current_) < best_error_) {
        best_error_ = error_of(current_);
        std::swap(best_, current_);
        best_.polished = true;
    }
}

Outcome InteriorPoint::Engine::finish(Status unless_good_enough) {
    if (settings_.polish && best_error_ > settings_.tolerance) {
        point_ = best_point_;
        polish();
    }
    auto outcome = best_;
    outcome.status = best_error_ <= settings_.tolerance ? Status::optimal : unless_good_enough;
    return outcome;
}

InteriorPoint::InteriorPoint(Settings const& settings) {
    if (auto findings = settings.validate(); !findings.empty()) throw core::InvalidInput{std::move(findings)};
    engine_ = std::make_unique<Engine>(settings);
}

InteriorPoint::~InteriorPoint() = default;
InteriorPoint::InteriorPoint(InteriorPoint&&) noexcept = default;
InteriorPoint& InteriorPoint::operator=(InteriorPoint&&) noexcept = default;

void InteriorPoint::setup(QuadraticProgram const& program) { engine_->setup(program); }
void InteriorPoint::update(QuadraticProgram const& program) { engine_->update(program); }
Outcome InteriorPoint::solve() { return engine_->solve(nullptr); }
Outcome InteriorPoint::solve(Start const& start) { return engine_->solve(&start); }

}  // namespace dec::solvers
