/// \file names.hpp
/// Whether the elements of a feeder have names of their own, asked without anybody holding all of them.
#pragma once

#include "dec/core/communicator.hpp"
#include "dec/partition/source_rows.hpp"

namespace dec::partition {

/// True if within each of the tables of buses, lines, transformers, loads and photovoltaic systems every name stands once over all
/// pieces. Names are compared by 64 bits: a million of them pass for two alike, where they are not, with a chance of 3e-8; the other
/// way round never. Collective; the same on all ranks.
[[nodiscard]] bool names_stand_once(core::Communicator const& comm, Piece const& piece, SourceRows const& rows);

}  // namespace dec::partition
