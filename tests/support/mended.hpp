/// \file mended.hpp
/// What public CIM100 files do not carry, or carry wrongly, of the OpenDSS models they were made from.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::test {

/// Single-phase loads in OpenDSS have rated voltages of their own (2400 V, 240 V); CIM100 knows only the base voltage, 4160 V / sqrt(3)
/// = 2401.8 V or 415 V / sqrt(3) = 239.6 V. Each gets a bus of its own with the right base, behind an ideal switch.
void rate_loads_at(double volts, feeder::Feeder& feeder);
void rate_loads_at_2400_volts(feeder::Feeder& feeder);

/// The export of ieee8500 divides the impedances of lines without a line code (1 m of 1 ohm/km) by the kilometres of a mile, and
/// writes the charging of sequence line codes in GS/m.
void mend_export(feeder::Feeder& feeder);

/// A switch is a line of 1 m with 1 + 1j ohm/km in OpenDSS: CIM100 gives it no impedance.
void give_switches_their_impedance(feeder::Feeder& feeder);

}  // namespace dec::test
