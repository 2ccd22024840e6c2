/// What a branch says of a change of the powers at an AC operating point, against differences of its own equations.
#include <catch2/catch.hpp>
#include <complex>
#include <numbers>
#include <random>

#include "dec/model/lin_dist3_flow.hpp"
#include "dec/model/operating_point.hpp"

using namespace dec;
using namespace dec::model;
using Complex = std::complex<double>;
using Phasors = Eigen::Vector3cd;

namespace {

struct Example {
    BranchBlock block;
    partition::LocalVertex vertex;
    Phasors voltage, power;

    /// I = conj(S / V), the powers counted from the middle of the triangle behind a floating delta.
    [[nodiscard]] Phasors current(Phasors const& s) const {
        Phasors const v = vertex.floating_delta ? Phasors{voltage.array() - voltage.sum() / 3.0} : voltage;
        Phasors i = Phasors::Zero();
        for (Eigen::Index k = 0; k < 3; ++k)
            if (v(k) != Complex{}) i(k) = std::conj(s(k) / v(k));
        return i;
    }
    [[nodiscard]] Phasors above(Phasors const& s) const { return voltage + block.impedance * current(s); }
    /// What stands above the impedance, squared, as limits see it; and the power that enters there.
    [[nodiscard]] Vector3 v_sq_above(Phasors const& s) const {
        Phasors const v = above(s);
        if (!vertex.floating_delta) return v.cwiseAbs2();
        return Vector3{std::norm(v(0) - v(1)), std::norm(v(1) - v(2)), std::norm(v(2) - v(0))} / 3.0;
    }
    [[nodiscard]] Phasors entering(Phasors const& s) const {
        Phasors const v = vertex.floating_delta ? Phasors{above(s).array() - voltage.sum() / 3.0} : above(s);
        return v.cwiseProduct(current(s).conjugate());
    }
};

Vector6 split(Phasors const& s) {
    Vector6 both;
    both << s.real(), s.imag();
    return both;
}

Example example(unsigned seed, feeder::PhaseSet phases, bool floating) {
    std::mt19937 generator{seed};
    auto const draw = [&](double low, double high) { return std::uniform_real_distribution{low, high}(generator); };
    Example e;
    e.vertex.phases = phases;
    e.vertex.floating_delta = floating;
    e.voltage.setZero();
    e.power.setZero();
    for (feeder::Phase p : phases.list()) {
        auto const k = static_cast<Eigen::Index>(feeder::slot(p));
        double const angle = feeder::is_leg(p) ? (k == 0 ? 0.0 : std::numbers::pi)
                                               : -2.0 * std::numbers::pi / 3.0 * static_cast<double>(k);
        e.voltage(k) = std::polar(draw(0.9, 1.1), angle + draw(-0.1, 0.1));
        e.power(k) = {draw(-2.0, 2.0), draw(-1.0, 1.0)};
    }
    e.block.impedance.setZero();
    for (feeder::Phase m : phases.list())
        for (feeder::Phase n : phases.list()) {
            auto const i = static_cast<Eigen::Index>(feeder::slot(m)), k = static_cast<Eigen::Index>(feeder::slot(n));
            if (k <= i)
                e.block.impedance(i, k) = e.block.impedance(k, i) =
                    Complex{draw(0.0, 0.02), draw(0.0, 0.04)} * (i == k ? 1.0 : 0.4);
            if (i == k) {
                e.block.ratio(i, i) = 1.0;
                e.block.lift(i, i) = e.block.lift(i + 3, i + 3) = 1.0;
            }
        }
    return e;
}

}  // namespace

TEST_CASE("drop and marginal losses at an operating point are the differences of the branch's own equations",
          "[model][operating point]") {
    auto const seed = GENERATE(range(0U, 20U));
    auto const kind = GENERATE(0, 1, 2, 3, 4);
    using feeder::Phase;
    std::array const phases{feeder::PhaseSet::abc(), feeder::PhaseSet{Phase::a, Phase::c}, feeder::PhaseSet{Phase::b},
                            feeder::PhaseSet::split(), feeder::PhaseSet::abc()};
    auto const e = example(seed, phases[static_cast<std::size_t>(kind)], kind == 4);
    constexpr double step = 1e-5;

    auto const here = at_operating_point(e.block, e.vertex, {e.voltage, e.current(e.power)});

    CAPTURE(seed, kind);
    for (Phase p : e.vertex.phases.list())
        for (Complex const unit : {Complex{1.0, 0.0}, Complex{0.0, 1.0}}) {
            Phasors change = Phasors::Zero();
            change(static_cast<Eigen::Index>(feeder::slot(p))) = unit;
            Phasors const more = e.power + step * change, less = e.power - step * change;
            Vector3 const drop = (e.v_sq_above(more) - e.v_sq_above(less)) / (2.0 * step);
            Vector6 const entering = split(e.entering(more) - e.entering(less)) / (2.0 * step);
            Vector3 const found = here.drop * split(change);
            CHECK((model::seen_voltage(e.vertex, found) - drop).cwiseAbs().maxCoeff() < 1e-9);
            CHECK((here.lift * split(change) - entering).cwiseAbs().maxCoeff() < 1e-9);
        }
    CHECK(here.ratio == e.block.ratio);
}

TEST_CASE("at balanced voltages and no current an operating point is the linear model", "[model][operating point]") {
    auto const seed = GENERATE(range(0U, 5U));
    auto e = example(seed, feeder::PhaseSet::abc(), false);
    e.block.drop = drop_of_phases(e.block.impedance);
    double const third = 2.0 * std::numbers::pi / 3.0;

    auto const here = at_operating_point(
        e.block, e.vertex, {Phasors{1.0, std::polar(1.0, -third), std::polar(1.0, third)}, Phasors::Zero()});

    CHECK((here.drop - e.block.drop).cwiseAbs().maxCoeff() < 1e-15);
    CHECK((here.lift - e.block.lift).cwiseAbs().maxCoeff() < 1e-15);
}
