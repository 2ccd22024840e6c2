/// \file feeder_maker.hpp
/// Small feeders by hand, element by element, in SI. Names are made up where a test does not care.
#pragma once

#include <complex>
#include <initializer_list>
#include <string>
#include <vector>

#include "dec/feeder/feeder.hpp"

namespace dec::test {

using Complex = std::complex<double>;
using PerPhaseComplex = std::array<Complex, 3>;  ///< places A, B, C or s1, s2, -

/// Square matrix of a line's conductors, ohm.
using LineImpedance = std::vector<std::vector<Complex>>;

/// One winding of a unit: where it sits, in the order of its polarity.
struct Seat {
    feeder::Index<feeder::Bus> bus;
    std::array<feeder::Conductor, 4> conductors{};
};

class FeederMaker {
  public:
    using BusId = feeder::Index<feeder::Bus>;

    explicit FeederMaker(std::string const& name = "test feeder");

    /// \param base_v to neutral.
    BusId bus(std::string const& name, double base_v);
    /// The source, behind an impedance given by positive and zero sequence, ohm.
    void source(BusId bus, double voltage_pu = 1.0, Complex positive = {}, Complex zero = {});
    feeder::Index<feeder::Line> line(BusId from, BusId to, std::vector<feeder::Phase> const& phases,
                                     LineImpedance const& z_ohm, std::string const& name = {});
    feeder::Index<feeder::Switch> link(BusId from, BusId to, feeder::PhaseSet phases, bool closed = true,
                                       std::string const& name = {});
    feeder::Index<feeder::TransformerCode> code(feeder::TransformerCode const& row);
    feeder::Index<feeder::Transformer> unit(feeder::Index<feeder::TransformerCode> code, std::vector<Seat> const& seats,
                                            std::string const& name = {});
    /// A tap changer that multiplies the voltage of a winding (0, 1, 2) by `ratio`.
    void tap(feeder::Index<feeder::Transformer> unit, std::uint8_t winding, double ratio);
    feeder::Index<feeder::LoadModel> load_model(feeder::LoadModel const& row);
    feeder::Index<feeder::Load> load(BusId bus, feeder::PhaseSet phases, PerPhaseComplex const& va,
                                     feeder::Connection connection = feeder::Connection::wye,
                                     feeder::Index<feeder::LoadModel> model = {});
    /// \param siemens per phase, wye equivalent.
    feeder::Index<feeder::Capacitor> capacitor(BusId bus, feeder::PhaseSet phases, double siemens,
                                               feeder::Connection connection = feeder::Connection::wye);
    feeder::Index<feeder::PvSystem> pv(BusId bus, feeder::PhaseSet phases, PerPhaseComplex const& va,
                                       feeder::Connection connection = feeder::Connection::wye,
                                       std::string const& name = {});

    /// The feeder with the phases of its buses and its areas.
    [[nodiscard]] feeder::Feeder finish() const;

    feeder::Feeder feeder;  ///< for whatever else a test wants to change
};

/// A code of one coil per winding (a single-phase tank) or of three.
/// \param rated_v across the coil for one phase, line to line for three. \param z_ohm referred to the first winding.
[[nodiscard]] feeder::TransformerCode two_windings(std::uint8_t phases, double rated_v_1, double rated_v_2,
                                                   Complex z_ohm);
/// Three windings by their three short-circuit tests 1-2, 1-3, 2-3, ohm referred to the first of the two.
[[nodiscard]] feeder::TransformerCode three_windings(std::uint8_t phases, std::array<double, 3> const& rated_v,
                                                     std::array<Complex, 3> const& z_ohm);

}  // namespace dec::test
