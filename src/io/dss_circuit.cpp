#include "dss_circuit.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dec::io::dss {

bool Object::is_open() const { return std::ranges::find(open, std::uint8_t{1}) != open.end(); }

Object& Circuit::add(Class kind, std::string_view object_name, Place place) {
    auto& list = objects(kind);
    auto key = lower_case(object_name);
    by_name_[static_cast<std::size_t>(kind)].insert_or_assign(key, list.size());
    return list.emplace_back(Object{.kind = kind, .name = std::move(key), .place = place, .earth = options.earth});
}

Object const* Circuit::find(Class kind, std::string_view object_name) const {
    auto const& names = by_name_[static_cast<std::size_t>(kind)];
    auto const found = names.find(lower_case(object_name));
    return found == names.end() ? nullptr : &objects(kind)[found->second];
}

Object* Circuit::find(Class kind, std::string_view object_name) {
    return const_cast<Object*>(std::as_const(*this).find(kind, object_name));
}

void Circuit::clear() {
    for (auto& list : objects_) list.clear();
    for (auto& names : by_name_) names.clear();
    name.clear();
    forced_base_kv.clear();
    coordinates.clear();
    auto const earth = options.earth;  // OpenDSS keeps it over a clear
    auto const frequency = options.frequency_hz;
    options = {.frequency_hz = frequency, .earth = earth};
}

void Circuit::finding(Place place, std::string element, std::string problem, std::string remedy) {
    findings.push_back({fmt::format("{}:{}", sources.path(place.file), place.line), std::move(element),
                        std::move(problem), std::move(remedy)});
}

void Circuit::unknown(std::string_view what, Place place, std::string_view element) {
    report.add(what, Use::assumed, fmt::format("{}, {}", element, sources.describe(place)),
               "unknown here and left out");
}

std::string describe(Object const& object) { return fmt::format("{}.{}", name_of(object.kind), object.name); }

}  // namespace dec::io::dss
