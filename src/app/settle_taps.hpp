/// \file settle_taps.hpp
/// `--taps settle`: where regulators and switched capacitors come to rest before there is any sun.
#pragma once

#include <optional>

#include "command.hpp"
#include "dec/partition/piece.hpp"

namespace dec::app {

/// AC power flow with controls, at the piece's loads and without photovoltaics; leaves the taps and capacitors it ends with in
/// the piece's feeder. Collective. \throws core::Error on all ranks alike, where it has no solution or does not settle.
void settle_taps(Context& context, partition::Piece& piece, std::optional<double> source_voltage_pu);

/// Says once per control why it is left alone.
void warn_of_inactive(Context& context, std::vector<std::string> const& inactive);

}  // namespace dec::app
