#include "dec/solvers/interior_point.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "embedding.hpp"
#include "optimality.hpp"
#include "polish.hpp"
#include "scaled_program.hpp"

namespace dec::solvers {
namespace {

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
    auto const worst = std::max({outcome.primal.relative, outcome.dual.relative, outcome.gap.relative});
    // NaN is lost in comparisons, in sums it is not.
    auto const sum = outcome.primal.relative + outcome.dual.relative + outcome.gap.relative;
    return std::isfinite(sum) ? worst : infinity;
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
    Outcome iterate();
    void assess(int iteration);
    [[nodiscard]] bool certify(Outcome& outcome);
    bool step();
    void factorise();
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
    Point point_, direction_, best_point_;
    Outcome current_, best_;
    double best_error_ = infinity;
    int best_iteration_ = 0;
    double regularisation_ = 0.0;
};

void InteriorPoint::Engine::setup(QuadraticProgram const& program) {
    if (auto findings = validate(program); !findings.empty()) throw core::InvalidInput{std::move(findings)};
    program_ = program;
    scaled_.shape(program_);
    kkt_.analyse(scaled_.P, scaled_.C);
    embedding_.resize();
    polish_.resize();
    for (auto* point : {&point_, &direction_, &best_point_}) point->resize(scaled_);
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
    regularisation_ = settings_.regularisation;
    if (start) start_warm(*start);
    else start_cold();
    return iterate();
}

void InteriorPoint::Engine::start_cold() {
    embedding_.spring_start(point_, regularisation_);
    auto const typical = point_.x.size() == 0 ? 0.0 : point_.x.lpNorm<Eigen::Infinity>();
    if (typical > 0.0 && (typical < 1e-2 || typical > 1e2)) {
        scaled_.rescale(std::clamp(typical, 1e-12, 1e12));
        embedding_.spring_start(point_, regularisation_);
    }
    embedding_.make_interior(point_, 1.0, 1.0);
}

void InteriorPoint::Engine::start_warm(Start const& start) {
    scaled_.take(start.x, start.multipliers, point_.x, point_.net);
    embedding_.make_interior(point_, 1e-3, 1e-3);
}

Outcome InteriorPoint::Engine::iterate() {
    units_ = scaled_.units();
    best_error_ = infinity;
    best_iteration_ = 0;
    for (int iteration = 0;; ++iteration) {
        embedding_.evaluate(point_);
        assess(iteration);
        if (best_error_ <= settings_.tolerance) return finish(Status::optimal);
        if (Outcome outcome; point_.kappa > point_.tau && certify(outcome)) {
            outcome.iterations = iteration;
            return outcome;
        }
        if (iteration == settings_.max_iterations) return finish(Status::iteration_limit);
        if (!step()) return finish(Status::numerical_failure);
    }
}

void InteriorPoint::Engine::assess(int iteration) {
    scaled_.give(point_.x, point_.net, 1.0 / point_.tau, current_.x, current_.multipliers);
    judge_.measure(program_, units_, current_);
    current_.iterations = iteration;
    if (auto const error = error_of(current_); error < best_error_ || iteration == 0) {
        best_error_ = error;
        best_iteration_ = iteration;
        std::swap(best_, current_);
        best_point_ = point_;
    }
}

bool InteriorPoint::Engine::certify(Outcome& outcome) {
    Outcome candidate;
    scaled_.give(point_.x, point_.net, 1.0, candidate.x, candidate.multipliers);
    for (Index j = 0; j < scaled_.variables(); ++j)
        if (scaled_.fixed(j)) candidate.x[j] = 0.0;
    candidate.multipliers.bound_low.setZero();
    candidate.multipliers.bound_high.setZero();
    return certify_infeasible(program_, units_, std::move(candidate.multipliers), settings_.certificate_tolerance,
                              outcome) ||
           certify_unbounded(program_, units_, std::move(candidate.x), settings_.certificate_tolerance, outcome);
}

void InteriorPoint::Engine::factorise() {
    constexpr double poor = 1e-7;
    constexpr double most = 1e-5;
    regularisation_ = std::max(settings_.regularisation, 0.1 * regularisation_);
    while (!(embedding_.factorise(point_, regularisation_) < poor) && regularisation_ < most) regularisation_ *= 10.0;
}

bool InteriorPoint::Engine::step() {
    constexpr double most = 0.99;
    factorise();
    embedding_.predict(point_, direction_);
    auto const affine = std::min(1.0, embedding_.longest_step(point_, direction_));
    auto const sigma = std::pow(1.0 - affine, 3);
    embedding_.correct(point_, sigma, direction_);
    auto const length = std::min(1.0, most * embedding_.longest_step(point_, direction_));
    if (!(length > 1e-8)) return false;
    embedding_.advance(point_, direction_, length);
    return true;
}

void InteriorPoint::Engine::polish() {
    current_ = best_;
    Vector x = best_point_.x / best_point_.tau;
    Vector net = best_point_.net / best_point_.tau;
    polish_.improve(best_point_, settings_.regularisation, x, net);
    scaled_.give(x, net, 1.0, current_.x, current_.multipliers);
    judge_.measure(program_, units_, current_);
    if (error_of(current_) < best_error_) {
        best_error_ = error_of(current_);
        best_ = current_;
        best_.polished = true;
    }
}

Outcome InteriorPoint::Engine::finish(Status unless_good_enough) {
    if (settings_.polish) polish();
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
