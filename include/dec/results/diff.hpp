/// \file diff.hpp
/// Do two results files say the same?
#pragma once

#include <string>
#include <vector>

namespace dec::results {

/// Every dataset and attribute of both files but `/partition` and `/timing`: texts and integers equal, floats equal
/// within `tolerance` relative to max(1, |value|) (NaN equals NaN), same shapes, same units. \return a line per
/// difference (first place, largest deviation); empty when they agree. \throws core::InvalidInput
[[nodiscard]] std::vector<std::string> differences(std::string const& path_a, std::string const& path_b,
                                                   double tolerance);

/// What is in a results file, for a person: the root attributes and every dataset with shape and unit.
[[nodiscard]] std::string describe_file(std::string const& path);

/// True if the file is HDF5 and its root attribute "format" is "dec-results". False for anything else that exists.
/// \throws core::InvalidInput if there is no such file, or it is HDF5 but damaged.
[[nodiscard]] bool is_results_file(std::string const& path);

}  // namespace dec::results
