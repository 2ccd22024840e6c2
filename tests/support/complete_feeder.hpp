/// \file complete_feeder.hpp
/// A small valid feeder that has something of everything: every table, every kind, every optional field known and
/// unknown, awkward names and all spellings of mRIDs. For whatever must lose nothing.
#pragma once

#include "dec/feeder/feeder.hpp"

namespace dec::test {

[[nodiscard]] feeder::Feeder complete_feeder();

}  // namespace dec::test
