/// \file windings.hpp
/// Turns and short-circuit impedances of a transformer type at given taps.
#pragma once

#include <array>
#include <complex>
#include <span>
#include <vector>

#include "dec/feeder/per_unit.hpp"

namespace dec::feeder {

/// Factor on the turns of every winding.
using Taps = std::array<double, 3>;
/// Of every transformer. \param steps of every tap changer.
[[nodiscard]] std::vector<Taps> taps_of(Feeder const& feeder, std::span<double const> steps);
[[nodiscard]] Taps taps_of(Feeder const& feeder, Index<Transformer> unit);

[[nodiscard]] constexpr bool is_autotransformer(TransformerCode const& code) {
    return code.winding[0].connection == Connection::series;
}

/// Of an autotransformer: the neutral and what grounds it are those of its common winding.
void share_neutral(TransformerCode const& code, Transformer& unit);

/// An autotransformer is an ordinary one whose first winding holds the turns of the series and of the common winding; only that
/// its taps are in one of the two. With s = (V1 - V2) / V1 the share of the series winding, coils with the members z_s, z_c, z_t of a
/// star per volt make a star of the terminals
///
///     s (s z_s - (1 - s) z_c),   s z_c,   z_t + (1 - s) z_c
///
/// and the tests of a file, which are between terminals at nominal taps, give the coils' by the same. s = 1: no autotransformer.
class Windings {
  public:
    using Complex = std::complex<double>;
    /// \param three_phase impedances are per phase of a wye then.
    Windings(TransformerCode const& code, bool three_phase, Taps const& taps);

    /// In place of the rated voltage, V.
    [[nodiscard]] double volts(std::size_t w) const { return volts_[w]; }
    /// Of the coil of a winding itself, without its tap: as the rated voltage, but of a series winding its own, V.
    [[nodiscard]] double rated_coil(std::size_t w) const;
    /// Between two windings, pu on coils of one volt per volt rated.
    [[nodiscard]] Complex between(PerUnit const& pu) const;
    /// Members of the star of three windings, likewise.
    [[nodiscard]] std::array<Complex, 3> star(PerUnit const& pu) const;

  private:
    [[nodiscard]] Complex test(std::size_t k, PerUnit const& pu) const;

    TransformerCode const& code_;
    bool three_phase_;
    std::array<double, 3> volts_{};
    double rated_share_ = 1.0, share_ = 1.0;
};

}  // namespace dec::feeder
