/// \file dss_classes.hpp
/// The classes of OpenDSS and their properties in the order in which they may be given without a name.
/// Source: property lists of OpenDSS 9.8 (DSS C-API 0.14).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace dec::io::dss {

enum class Class : std::uint8_t {
    vsource,
    line,
    line_code,
    line_geometry,
    line_spacing,
    wire_data,
    cn_data,
    ts_data,
    transformer,
    xfmr_code,
    auto_transformer,
    reg_control,
    capacitor,
    cap_control,
    reactor,
    load,
    generator,
    pv_system,
    storage,
    inv_control,
    xy_curve,
    load_shape,
    fuse,
    relay,
    recloser,
    swt_control,
    without_meaning,  ///< any other class that OpenDSS knows: monitors, meters, curves of growth, price, trip …
};
inline constexpr std::size_t class_count = static_cast<std::size_t>(Class::without_meaning) + 1;

/// Nothing for a class that OpenDSS does not have.
[[nodiscard]] std::optional<Class> class_of(std::string_view name);
/// "line", as OpenDSS writes it in lower case.
[[nodiscard]] std::string_view name_of(Class kind);

struct Property {
    std::string_view name;    ///< lower case
    bool has_meaning = true;  ///< else it is known and without influence here
};
[[nodiscard]] std::vector<Property> const& properties(Class kind);

/// Place of a property in `properties`, by its name or the beginning of one: the first in order. Any case.
[[nodiscard]] std::optional<std::size_t> property_place(Class kind, std::string_view name);

}  // namespace dec::io::dss
