/// \file opendss.hpp
/// Scripts of OpenDSS (`.dss`): what is read, ignored and done otherwise is in docs/opendss.md.
#pragma once

#include <string>

#include "dec/io/catalogue.hpp"

namespace dec::io {

/// Carries out a script with all it redirects to, up to its end, and takes what is there then. Nothing is solved: taps and
/// capacitors stand where the script puts them. Not collective.
/// \throws core::InvalidInput every finding with file, line and object: files that are not there or lead back to themselves,
///   brackets that are not closed, numbers that are none, objects that are not there or are defined twice, and what cannot
///   be modelled. See catalogue.hpp for other errors.
[[nodiscard]] ReadFeeder read_opendss(std::string const& path);

}  // namespace dec::io
