#include "dec/io/catalogue.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "dec/core/error.hpp"
#include "dec/io/cim.hpp"
#include "dec/io/native.hpp"
#include "dec/io/opendss.hpp"
#include "dec/io/sparql.hpp"
#include "files.hpp"

namespace dec::io {

namespace {

/// A new format is one line in `formats`.
struct Format {
    std::string_view ending;
    ReadFeeder (*read)(std::string const& path, ReadOptions const& options);
    void (*write)(feeder::Feeder const& feeder, std::string const& path);  ///< nothing: it can be read only
};

constexpr std::array formats{
    Format{".xml", read_cim_xml, write_cim_xml},
    Format{".xml.gz", read_cim_xml, write_cim_xml},
    Format{".h5",
           [](std::string const& path, ReadOptions const& options) {
               return read_native(path, options.group, options.member);
           },
           write_native},
    Format{".dss", [](std::string const& path, ReadOptions const&) { return read_opendss(path); }, nullptr},
};

Format const& format_of(std::string const& path) {
    for (auto const& format : formats)
        if (has_ending(path, format.ending)) return format;
    throw core::InvalidInput{
        core::Finding{path, {}, "has an ending that is no feeder format", "formats are " + readable_formats()}};
}

}  // namespace

ReadFeeder read_feeder(std::string const& path, ReadOptions const& options) {
    if (is_endpoint(path)) return read_endpoint(path, options);
    require_file(path);
    return format_of(path).read(path, options);
}

void write_feeder(feeder::Feeder const& feeder, std::string const& path) {
    require_writable_ending(path);
    format_of(path).write(feeder, path);
}

void require_writable_ending(std::string const& path) {
    auto const& format = format_of(path);
    if (format.write == nullptr)
        throw core::InvalidInput{core::Finding{path,
                                               {},
                                               fmt::format("{} can be read, not written", format.ending),
                                               "formats that can be written are " + writable_formats()}};
}

namespace {

std::string listed(bool only_writable) {
    std::string text;
    for (auto const& format : formats) {
        if (only_writable && format.write == nullptr) continue;
        if (!text.empty()) text += ", ";
        text += format.ending;
    }
    return text;
}

}  // namespace

std::string readable_formats() { return listed(false); }
std::string writable_formats() { return listed(true); }

}  // namespace dec::io
