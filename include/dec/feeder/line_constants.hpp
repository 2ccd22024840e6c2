/// \file line_constants.hpp
/// Impedance and charging of a metre of line from its conductors and where they hang or lie. Everything in SI.
/// Sources: Carson, BSTJ 5 (1926) 539; Deri et al., IEEE Trans. PAS 100 (1981) 3686; Kersting, Distribution System Modeling
/// and Analysis, chapters 4 and 5. Where these leave a choice it is OpenDSS's (its LineConstants units), which is said below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dec/feeder/elements.hpp"

namespace dec::feeder {

/// How the current returns through the earth.
enum class EarthModel : std::uint8_t {
    modified_carson,  ///< first terms of Carson's series (OpenDSS "Carson"); no heights. GridLAB-D and Kersting do so
    carson,           ///< Carson's series to the fourth power of distance over depth (OpenDSS "FullCarson")
    deri              ///< images below a complex depth; wires with skin effect (OpenDSS "Deri", its default)
};

/// "modified Carson", "Carson", "Deri".
[[nodiscard]] std::string_view to_text(EarthModel model);

struct Earth {
    EarthModel model = EarthModel::deri;
    double resistivity_ohm_m = 100.0;
};

/// A bare wire, or the core of a cable. What is unknown follows from what is known, as in OpenDSS: GMR = 0.7788 radius,
/// AC resistance = 1.02 DC resistance, radius for the capacitance = radius.
struct Wire {
    double radius_m = unknown;
    double gmr_m = unknown;                 ///< geometric mean radius
    double r_dc_ohm_m = unknown;            ///< ohm/m; only the Deri model uses it, and adds the skin effect
    double r_ac_ohm_m = unknown;            ///< ohm/m; the Carson models use it
    double capacitance_radius_m = unknown;  ///< where it differs from `radius_m`, as for a bundle
};

/// Strands wound around a cable, grounded.
struct ConcentricNeutral {
    int strands = 0;
    double strand_diameter_m = unknown;
    double strand_gmr_m = unknown;      ///< unknown: 0.7788 of the strand's radius
    double strand_r_ohm_m = unknown;    ///< of one strand, ohm/m
    double outer_diameter_m = unknown;  ///< over the strands
};

/// A copper tape wound around a cable, grounded; its resistivity is 2.3718e-8 ohm m.
struct TapeShield {
    double outer_diameter_m = unknown;  ///< over the tape (OpenDSS DiaShield; CIM gives the diameter under it)
    double thickness_m = unknown;
    double lap_percent = 20.0;
};

/// What makes a cable of a wire. The charging of a phase is that of the insulation, to its own shield only.
struct Cable {
    double relative_permittivity = 2.3;
    double insulation_thickness_m = unknown;
    double insulation_outer_diameter_m = unknown;
    std::variant<ConcentricNeutral, TapeShield> shield;
};

/// One conductor in the cross section of a line.
struct PlacedConductor {
    Wire wire;
    std::optional<Cable> cable;  ///< nothing: bare
    double x_m = 0.0;
    double y_m = 0.0;  ///< height above the earth; of cables and buried wires the sign does not matter
};

/// The cross section of a line. The first `phases` conductors become the rows of the matrices; the others are neutrals,
/// which are eliminated with all shields as grounded everywhere (Kron 1939). Either all phases are cables or none is, all
/// with the same kind of shield; neutrals are bare.
struct LineGeometry {
    std::vector<PlacedConductor> conductors;
    std::size_t phases = 0;
};

/// What keeps a geometry from being calculated, as the end of a sentence; empty when nothing does.
[[nodiscard]] std::string geometry_problem(LineGeometry const& geometry);

/// Series impedance (ohm/m) and shunt susceptance (S/m) of the phases, in the order of the conductors.
/// \pre geometry_problem(geometry) is empty.
[[nodiscard]] LineCode line_constants(LineGeometry const& geometry, Earth const& earth, double frequency_hz = 60.0);

/// One wire that stands for `count` equal ones in the corners of a regular polygon with sides of `spacing_m`.
[[nodiscard]] Wire bundle(Wire const& wire, int count, double spacing_m);

}  // namespace dec::feeder
