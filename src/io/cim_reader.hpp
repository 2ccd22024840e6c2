/// \file cim_reader.hpp
/// From CIM objects, wherever they came from, to a feeder.
#pragma once

#include <string>

#include "cim_objects.hpp"
#include "dec/io/catalogue.hpp"

namespace dec::io::cim {

/// \param objects connected. \param origin names the file or endpoint in messages.
/// \throws core::InvalidInput with everything that is wrong.
[[nodiscard]] ReadFeeder build_feeder(Objects const& objects, std::string const& origin, ReadOptions const& options);

}  // namespace dec::io::cim
