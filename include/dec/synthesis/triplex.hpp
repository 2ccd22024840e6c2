/// \file triplex.hpp
/// Impedance of triplex service cable: two insulated conductors twisted around a bare neutral that carries them.
/// Source: modified Carson equations and Kron reduction as in W. H. Kersting, "Distribution System Modeling and
/// Analysis", chapters on line impedance and on secondaries; see docs/populate.md#triplex-drops.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::synthesis {

/// All three conductors are alike.
struct TriplexCable {
    double r_ohm_per_m = 0.0;  ///< AC resistance of one conductor at operating temperature
    double geometric_mean_radius_m = 0.0;
    double diameter_m = 0.0;  ///< of the bare conductor
    double insulation_thickness_m = 0.0;
    double ampacity_a = 0.0;
};

/// 1/0 AWG all-aluminium.
[[nodiscard]] TriplexCable triplex_1_0_aluminium();

/// Impedance per metre between the legs s1 and s2 at 60 Hz over earth of 100 ohm metre, the neutral eliminated. Legs have
/// their physical polarity (s2 is opposite to s1), so that the mutual term is positive. Shunt capacitance is neglected.
[[nodiscard]] feeder::LineCode triplex_line_code(TriplexCable const& cable);

}  // namespace dec::synthesis
