#include "dec/feeder/line_constants.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace dec::feeder {

namespace {

using std::numbers::pi;
using Complex = std::complex<double>;
using ComplexMatrix = Eigen::MatrixXcd;
using RealMatrix = Eigen::MatrixXd;

constexpr double vacuum_permeability = 4e-7 * pi;  // H/m
constexpr double vacuum_permittivity = 8.854e-12;  // F/m
constexpr double copper_tape_ohm_m = 2.3718e-8;    // resistivity
constexpr double round_wire = 0.7788;              // GMR of a solid wire of radius 1: exp(-1/4)
constexpr double skin_effect_at_power_frequency = 1.02;
constexpr double carson_depth_m = 658.5;  // at 1 ohm m and 1 Hz
constexpr std::size_t most_phases = 3;
constexpr double touching = 1e-6;  // relative: cables may lie side by side, and their places are rounded

bool known(double value) { return !std::isnan(value); }
double first_known(double a, double b) { return known(a) ? a : b; }

/// With what follows from what is known.
Wire completed(Wire wire) {
    wire.gmr_m = first_known(wire.gmr_m, round_wire * wire.radius_m);
    wire.radius_m = first_known(wire.radius_m, wire.gmr_m / round_wire);
    wire.capacitance_radius_m = first_known(wire.capacitance_radius_m, wire.radius_m);
    wire.r_ac_ohm_m = first_known(wire.r_ac_ohm_m, skin_effect_at_power_frequency * wire.r_dc_ohm_m);
    wire.r_dc_ohm_m = first_known(wire.r_dc_ohm_m, wire.r_ac_ohm_m / skin_effect_at_power_frequency);
    return wire;
}

// ---- shields as conductors of their own

/// A grounded tube around the core of a cable.
struct Shield {
    double r_ohm_m, gmr_m;
    double radius_m;  ///< distance to its own core
    int strands;      ///< 0: closed all round
};

Shield shield_of(ConcentricNeutral const& neutral) {
    double const k = neutral.strands;
    double const radius = (neutral.outer_diameter_m - neutral.strand_diameter_m) / 2.0;
    double const strand_gmr = first_known(neutral.strand_gmr_m, round_wire * neutral.strand_diameter_m / 2.0);
    return {neutral.strand_r_ohm_m / k, std::pow(strand_gmr * k * std::pow(radius, k - 1.0), 1.0 / k), radius,
            neutral.strands};
}

Shield shield_of(TapeShield const& tape) {
    double const radius = (tape.outer_diameter_m - tape.thickness_m) / 2.0;
    double const overlap = std::sqrt(50.0 / (100.0 - tape.lap_percent));
    return {copper_tape_ohm_m / (pi * tape.outer_diameter_m * tape.thickness_m * overlap), radius, radius, 0};
}

Shield shield_of(Cable const& cable) {
    return std::visit([](auto const& shield) { return shield_of(shield); }, cable.shield);
}

/// Between a shield and a conductor outside it: the geometric mean over its strands.
double mean_distance(Shield const& shield, double between_centres) {
    if (shield.strands == 0) return between_centres;
    double const k = shield.strands;
    return between_centres * std::pow(1.0 - std::pow(shield.radius_m / between_centres, k), 1.0 / k);
}

// ---- the earth

/// The part of an impedance that the earth adds to that of the wires, ohm/m, without the ln(1/distance) of the wires.
class EarthReturn {
  public:
    EarthReturn(Earth const& earth, double frequency_hz)
        : earth_{earth}, frequency_hz_{frequency_hz}, omega_{2.0 * pi * frequency_hz},
          // the complex depth of Deri et al., at which the images begin
          depth_m_{1.0 / std::sqrt(Complex{0.0, omega_ * vacuum_permeability / earth.resistivity_ohm_m})} {}

    /// \param heights_m sum of the heights, twice the own one of a conductor with itself. \param apart_m horizontally.
    [[nodiscard]] Complex operator()(double heights_m, double apart_m) const {
        switch (earth_.model) {
            case EarthModel::modified_carson: {
                double const depth = carson_depth_m * std::sqrt(earth_.resistivity_ohm_m / frequency_hz_);
                return omega_ * vacuum_permeability * Complex{1.0 / 8.0, std::log(depth) / (2.0 * pi)};
            }
            case EarthModel::carson: return carson(heights_m, apart_m);
            case EarthModel::deri: break;
        }
        Complex const height = heights_m + 2.0 * depth_m_;
        return Complex{0.0, omega_ * vacuum_permeability / (2.0 * pi)} *
               std::log(std::sqrt(height * height + apart_m * apart_m));
    }

  private:
    /// Carson's P + jQ to the fourth power of k, the distance to the image in units of the depth.
    [[nodiscard]] Complex carson(double heights_m, double apart_m) const {
        double const image_m = std::max(std::hypot(heights_m, apart_m), 1e-9);  // a cable may lie at zero depth
        double const theta = std::acos(heights_m / image_m);
        double const k = image_m * std::sqrt(omega_ * vacuum_permeability / earth_.resistivity_ohm_m);
        double const b1 = std::numbers::sqrt2 / 6.0, b2 = 1.0 / 16.0, b3 = b1 / 15.0, b4 = b2 / 24.0;
        double const c2 = 0.5 + std::log(2.0) - std::numbers::egamma + 0.75, c4 = c2 + 1.0 / 4.0 + 1.0 / 6.0;
        double const p = pi / 8.0 - b1 * k * std::cos(theta) +
                         b2 * k * k * ((c2 - std::log(k)) * std::cos(2.0 * theta) + theta * std::sin(2.0 * theta)) +
                         b3 * std::pow(k, 3) * std::cos(3.0 * theta) -
                         b4 * pi / 4.0 * std::pow(k, 4) * std::cos(4.0 * theta);
        double const q =
            0.5 * (0.5 + std::log(2.0) - std::numbers::egamma - std::log(k)) + b1 * k * std::cos(theta) -
            b2 * pi / 4.0 * k * k * std::cos(2.0 * theta) + b3 * std::pow(k, 3) * std::cos(3.0 * theta) -
            b4 * std::pow(k, 4) * ((c4 - std::log(k)) * std::cos(4.0 * theta) + theta * std::sin(4.0 * theta));
        return omega_ * vacuum_permeability / pi * Complex{p, q + 0.5 * std::log(image_m)};
    }

    Earth earth_;
    double frequency_hz_, omega_;
    Complex depth_m_;
};

// ---- series impedance

/// I0(z)/I1(z), Re z > 0, by the continued fraction 2/z + 1/(4/z + 1/(6/z + …)).
Complex bessel_ratio(Complex z) {
    int const terms = 30 + static_cast<int>(std::abs(z));
    Complex ratio = 2.0 * terms / z;
    for (int n = terms - 1; n >= 1; --n) ratio = 2.0 * n / z + 1.0 / ratio;
    return ratio;
}

/// Resistance of a round wire in which the current crowds to the surface.
double resistance_with_skin_effect(double r_dc_ohm_m, double frequency_hz) {
    Complex const z = Complex{1.0, 1.0} * std::sqrt(frequency_hz * vacuum_permeability / r_dc_ohm_m);
    return (z * bessel_ratio(z)).real() * r_dc_ohm_m / 2.0;
}

/// What the loop of one conductor consists of: cores and bare wires first, then shields.
struct Loop {
    double x_m, height_m, r_ohm_m, gmr_m;
    std::optional<Shield> shield;
    std::size_t conductor;
};

std::vector<Loop> loops_of(LineGeometry const& geometry, Earth const& earth, double frequency_hz) {
    std::vector<Loop> loops;
    for (std::size_t i = 0; i < geometry.conductors.size(); ++i) {
        auto const& placed = geometry.conductors[i];
        auto const wire = completed(placed.wire);
        double const r = earth.model == EarthModel::deri ? resistance_with_skin_effect(wire.r_dc_ohm_m, frequency_hz)
                                                         : wire.r_ac_ohm_m;
        loops.push_back({placed.x_m, std::abs(placed.y_m), r, wire.gmr_m, {}, i});
    }
    for (std::size_t i = 0; i < geometry.conductors.size(); ++i) {
        auto const& placed = geometry.conductors[i];
        if (!placed.cable) continue;
        auto const shield = shield_of(*placed.cable);
        loops.push_back({placed.x_m, std::abs(placed.y_m), shield.r_ohm_m, shield.gmr_m, shield, i});
    }
    return loops;
}

/// What couples two loops: the distance between their conductors.
double distance(Loop const& a, Loop const& b, LineGeometry const& geometry) {
    auto const& at_a = geometry.conductors[a.conductor];
    auto const& at_b = geometry.conductors[b.conductor];
    double const between = std::hypot(at_a.x_m - at_b.x_m, at_a.y_m - at_b.y_m);
    if (a.shield.has_value() == b.shield.has_value()) return between;
    auto const& shield = a.shield ? *a.shield : *b.shield;
    return a.conductor == b.conductor ? shield.radius_m : mean_distance(shield, between);
}

/// The first `kept` rows when no voltage is left on the others: they are grounded everywhere.
template <class Matrix>
Matrix kron_reduced(Matrix const& full, Eigen::Index kept) {
    auto const gone = full.rows() - kept;
    if (gone == 0) return full;
    return full.topLeftCorner(kept, kept) -
           full.topRightCorner(kept, gone) *
               full.bottomRightCorner(gone, gone).partialPivLu().solve(full.bottomLeftCorner(gone, kept));
}

ComplexMatrix series_impedance(LineGeometry const& geometry, Earth const& earth, double frequency_hz) {
    EarthReturn const earth_return{earth, frequency_hz};
    Complex const per_log{0.0, frequency_hz * vacuum_permeability};
    auto const loops = loops_of(geometry, earth, frequency_hz);
    auto const n = static_cast<Eigen::Index>(loops.size());
    ComplexMatrix z{n, n};
    for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index k = 0; k <= i; ++k) {
            auto const& a = loops[static_cast<std::size_t>(i)];
            auto const& b = loops[static_cast<std::size_t>(k)];
            z(i, k) = earth_return(a.height_m + b.height_m, a.x_m - b.x_m) -
                      per_log * std::log(i == k ? a.gmr_m : distance(a, b, geometry));
            if (i == k) z(i, i) += a.r_ohm_m;
            z(k, i) = z(i, k);
        }
    return kron_reduced(z, static_cast<Eigen::Index>(geometry.phases));
}

// ---- charging

/// F/m, of bare wires over an earth that is a perfect conductor: by images.
RealMatrix overhead_capacitance(LineGeometry const& geometry) {
    auto const n = static_cast<Eigen::Index>(geometry.conductors.size());
    RealMatrix potential{n, n};
    for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index k = 0; k < n; ++k) {
            auto const& a = geometry.conductors[static_cast<std::size_t>(i)];
            auto const& b = geometry.conductors[static_cast<std::size_t>(k)];
            double const apart =
                i == k ? completed(a.wire).capacitance_radius_m : std::hypot(a.x_m - b.x_m, a.y_m - b.y_m);
            potential(i, k) =
                std::log(std::hypot(a.x_m - b.x_m, a.y_m + b.y_m) / apart) / (2.0 * pi * vacuum_permittivity);
        }
    return kron_reduced(potential, static_cast<Eigen::Index>(geometry.phases)).inverse();
}

RealMatrix capacitance(LineGeometry const& geometry) {
    if (!geometry.conductors.front().cable) return overhead_capacitance(geometry);
    auto const n = static_cast<Eigen::Index>(geometry.phases);
    RealMatrix result = RealMatrix::Zero(n, n);
    for (Eigen::Index i = 0; i < n; ++i) {
        auto const& cable = *geometry.conductors[static_cast<std::size_t>(i)].cable;
        double const outside = cable.insulation_outer_diameter_m / 2.0;
        result(i, i) = 2.0 * pi * vacuum_permittivity * cable.relative_permittivity /
                       std::log(outside / (outside - cable.insulation_thickness_m));
    }
    return result;
}

// ---- what may be wrong

bool positive(double value) { return value > 0.0 && std::isfinite(value); }

std::string wire_problem(Wire const& given) {
    auto const wire = completed(given);
    if (!positive(wire.gmr_m) || !positive(wire.radius_m)) return "has neither a positive radius nor a GMR";
    if (!positive(wire.capacitance_radius_m)) return "has no positive radius for its capacitance";
    if (!positive(wire.r_ac_ohm_m) || !positive(wire.r_dc_ohm_m)) return "has no positive resistance";
    return {};
}

std::string shield_problem(ConcentricNeutral const& neutral) {
    if (neutral.strands < 2) return fmt::format("has {} neutral strands, at least 2 are possible", neutral.strands);
    if (!positive(neutral.strand_diameter_m) || !positive(neutral.strand_r_ohm_m))
        return "has neutral strands without diameter or resistance";
    if (known(neutral.strand_gmr_m) && !positive(neutral.strand_gmr_m)) return "has neutral strands with a GMR of zero";
    if (!(neutral.outer_diameter_m > 2.0 * neutral.strand_diameter_m))
        return "has no diameter over its neutral that its strands fit into";
    return {};
}

std::string shield_problem(TapeShield const& tape) {
    if (!positive(tape.thickness_m)) return "has a tape without thickness";
    if (!(tape.outer_diameter_m > 2.0 * tape.thickness_m)) return "has no diameter over its shield";
    if (!(tape.lap_percent >= 0.0 && tape.lap_percent < 100.0))
        return fmt::format("has a tape that overlaps by {} %", tape.lap_percent);
    return {};
}

std::string cable_problem(Cable const& cable) {
    if (!(cable.relative_permittivity >= 1.0)) return "has an insulation with a relative permittivity below 1";
    if (!positive(cable.insulation_thickness_m) ||
        !(cable.insulation_outer_diameter_m > 2.0 * cable.insulation_thickness_m))
        return "has no insulation of known thickness and diameter";
    return std::visit([](auto const& shield) { return shield_problem(shield); }, cable.shield);
}

/// Half the room that a conductor takes up.
double half_width(PlacedConductor const& placed) {
    if (!placed.cable) return completed(placed.wire).radius_m;
    auto const diameter = std::visit([](auto const& shield) { return shield.outer_diameter_m; }, placed.cable->shield);
    return diameter / 2.0;
}

}  // namespace

std::string_view to_text(EarthModel model) {
    switch (model) {
        case EarthModel::modified_carson: return "modified Carson";
        case EarthModel::carson: return "Carson";
        case EarthModel::deri: return "Deri";
    }
    return {};
}

std::string geometry_problem(LineGeometry const& geometry) {
    auto const& conductors = geometry.conductors;
    if (geometry.phases < 1 || geometry.phases > most_phases || geometry.phases > conductors.size())
        return fmt::format("has {} phases in {} conductors, 1 to {} are possible", geometry.phases, conductors.size(),
                           most_phases);
    bool const is_cable = conductors.front().cable.has_value();
    for (std::size_t i = 0; i < conductors.size(); ++i) {
        auto const& placed = conductors[i];
        auto problem = wire_problem(placed.wire);
        if (problem.empty() && placed.cable) problem = cable_problem(*placed.cable);
        if (!problem.empty()) return fmt::format("conductor {} {}", i + 1, problem);
        if (!std::isfinite(placed.x_m) || !std::isfinite(placed.y_m))
            return fmt::format("conductor {} has no place above or below the ground", i + 1);
        if (i >= geometry.phases && placed.cable)
            return fmt::format("conductor {} is a neutral and a cable, neutrals are bare wires", i + 1);
        if (i < geometry.phases && placed.cable.has_value() != is_cable) return "is partly cable and partly bare wire";
        if (is_cable && i < geometry.phases && placed.cable->shield.index() != conductors.front().cable->shield.index())
            return "mixes concentric neutrals and tape shields";
        if (!is_cable && placed.y_m <= 0.0)
            return fmt::format("conductor {} is a bare wire {} m above the ground", i + 1, placed.y_m);
        for (std::size_t k = 0; k < i; ++k)
            if (std::hypot(placed.x_m - conductors[k].x_m, placed.y_m - conductors[k].y_m) <
                (half_width(placed) + half_width(conductors[k])) * (1.0 - touching))
                return fmt::format("conductors {} and {} are in the same place", k + 1, i + 1);
    }
    return {};
}

LineCode line_constants(LineGeometry const& geometry, Earth const& earth, double frequency_hz) {
    LineCode code;
    code.conductors = static_cast<std::uint8_t>(geometry.phases);
    auto const z = series_impedance(geometry, earth, frequency_hz);
    auto const c = capacitance(geometry);
    for (std::size_t i = 0; i < geometry.phases; ++i)
        for (std::size_t k = 0; k < geometry.phases; ++k) {
            // the upper triangle is the lower one's to the last digit, whatever the elimination rounded
            auto const row = static_cast<Eigen::Index>(std::max(i, k));
            auto const column = static_cast<Eigen::Index>(std::min(i, k));
            code.r_ohm[i][k] = z(row, column).real();
            code.x_ohm[i][k] = z(row, column).imag();
            code.b_s[i][k] = 2.0 * pi * frequency_hz * c(row, column);
        }
    return code;
}

Wire bundle(Wire const& wire, int count, double spacing_m) {
    if (count < 2) return wire;
    double const circle_m = spacing_m / (2.0 * std::sin(pi / count));
    auto const together = [&](double radius_m) {
        return std::pow(radius_m * count * std::pow(circle_m, count - 1), 1.0 / count);
    };
    auto const one = completed(wire);
    return {.radius_m = circle_m + one.radius_m,
            .gmr_m = together(one.gmr_m),
            .r_dc_ohm_m = one.r_dc_ohm_m / count,
            .r_ac_ohm_m = one.r_ac_ohm_m / count,
            .capacitance_radius_m = together(one.capacitance_radius_m)};
}

}  // namespace dec::feeder
