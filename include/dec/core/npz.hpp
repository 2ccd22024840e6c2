/// \file npz.hpp
/// numpy archives: arrays by name in one file, as `numpy.load` reads them.
/// Source: numpy/doc NEP 1 (the .npy format, version 1.0); PKWARE APPNOTE 6.3 (zip, stored).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dec::core {

class NpzArchive {
  public:
    void add(std::string_view name, std::span<double const> values);
    void add(std::string_view name, std::span<std::int64_t const> values);
    void add(std::string_view name, double scalar);
    /// As fixed-length bytes ("S<n>"), UTF-8.
    void add(std::string_view name, std::span<std::string const> texts);

    /// Writes the archive at once. Not collective. \throws SystemFailure; InvalidInput if it would be 4 GiB or more.
    void write(std::string const& path) const;

  private:
    void add_array(std::string_view name, std::string_view type, std::string_view shape, std::string_view data);

    struct Entry {
        std::string name, bytes;
    };
    std::vector<Entry> entries_;
};

}  // namespace dec::core
