/// \file dss_circuit.hpp
/// What a script leaves behind: objects, each with all that was said of it in the order in which it was said, because in
/// OpenDSS the order decides. What it means is found out afterwards, class by class.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dec/core/error.hpp"
#include "dec/feeder/line_constants.hpp"
#include "dec/io/report.hpp"
#include "dss_classes.hpp"
#include "dss_text.hpp"

namespace dec::io::dss {

struct Setting {
    std::uint8_t property = 0;  ///< place in properties(class)
    bool ends_edit = false;     ///< the last one of a command: OpenDSS works out what follows from a command then
    Value value;
    Place place;
};

using feeder::EarthModel;

struct Object {
    Class kind = Class::line;
    std::string name;  ///< lower case
    Place place;       ///< of its "new"
    bool enabled = true;
    EarthModel earth = EarthModel::deri;  ///< of the circuit when the object was made
    std::vector<Setting> settings;
    std::vector<std::uint8_t> open;  ///< per conductor, 1: opened at one of its ends
    [[nodiscard]] bool is_open() const;
};

struct Coordinates {
    double x, y;
};

/// What stands for the whole circuit.
struct Options {
    double frequency_hz = 60.0;
    double load_multiplier = 1.0, generation_multiplier = 1.0;
    EarthModel earth = EarthModel::deri;
    std::vector<double> voltage_bases_kv{0.208, 0.480, 12.47, 24.9, 34.5, 115.0, 230.0};
    bool has_calculated_bases = false;
};

class Circuit {
  public:
    Sources sources;
    Report report;
    std::vector<core::Finding> findings;
    Options options;
    std::string name;
    std::map<std::string, double, std::less<>> forced_base_kv;  ///< line to neutral, by bus
    std::unordered_map<std::string, Coordinates> coordinates;

    [[nodiscard]] Object& add(Class kind, std::string_view object_name, Place place);
    [[nodiscard]] Object* find(Class kind, std::string_view object_name);
    [[nodiscard]] Object const* find(Class kind, std::string_view object_name) const;
    /// In the order of their making.
    [[nodiscard]] std::vector<Object> const& objects(Class kind) const {
        return objects_[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] std::vector<Object>& objects(Class kind) { return objects_[static_cast<std::size_t>(kind)]; }
    /// Forgets all objects.
    void clear();

    void finding(Place place, std::string element, std::string problem, std::string remedy);
    /// Said once for each `what`, with the place where it was met first.
    void unknown(std::string_view what, Place place, std::string_view element);

  private:
    std::array<std::vector<Object>, class_count> objects_;
    std::array<std::unordered_map<std::string, std::size_t>, class_count> by_name_;
};

/// "line.l1".
[[nodiscard]] std::string describe(Object const& object);

/// Carries out the script and what it redirects to. \throws core::Error for files that cannot be read.
[[nodiscard]] Circuit run_script(std::string const& path);

}  // namespace dec::io::dss
