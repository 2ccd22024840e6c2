#include "cim_objects.hpp"

namespace dec::io::cim {

std::string_view bare_identifier(std::string_view uri) {
    static constexpr std::string_view uuid_scheme = "urn:uuid:";
    if (uri.starts_with(uuid_scheme)) uri.remove_prefix(uuid_scheme.size());
    else if (auto const hash = uri.rfind('#'); hash != std::string_view::npos) uri.remove_prefix(hash + 1);
    // an XML name may not begin with a digit: older models write _UUID for UUID
    if (uri.starts_with('_')) uri.remove_prefix(1);
    return uri;
}

namespace {

/// "…CIM100#SinglePhaseKind.A": a namespace, and a literal behind a dot.
bool is_enumeration(std::string_view uri) {
    auto const hash = uri.rfind('#');
    return uri.starts_with("http") && hash != std::string_view::npos && uri.find('.', hash) != std::string_view::npos;
}

}  // namespace

std::size_t Objects::Names::intern(std::string_view name) {
    auto const [place, is_new] = places.try_emplace(name, names.size());
    if (is_new) names.push_back(name);
    return place->second;
}

ObjectId Objects::add(std::string_view identifier, std::string_view class_name) {
    ClassId const class_id{classes_.intern(class_name)};
    if (class_id.at() == members_.size()) members_.emplace_back();
    ObjectId const id{objects_.size()};
    objects_.push_back({bare_identifier(identifier), class_id, properties_.size()});
    members_[class_id.at()].push_back(id);
    return id;
}

void Objects::add_text(std::string_view attribute, std::string_view text) {
    properties_.push_back({text, AttributeId{attributes_.intern(attribute)}, {}, false});
}

void Objects::add_resource(std::string_view attribute, std::string_view uri) {
    if (is_enumeration(uri)) return add_text(attribute, uri.substr(uri.rfind('.') + 1));
    properties_.push_back({bare_identifier(uri), AttributeId{attributes_.intern(attribute)}, {}, true});
}

void Objects::connect() {
    std::unordered_map<std::string_view, ObjectId> by_identifier;
    by_identifier.reserve(objects_.size());
    for (std::size_t i = 0; i < objects_.size(); ++i)
        if (!by_identifier.try_emplace(objects_[i].identifier, ObjectId{i}).second) duplicates_.emplace_back(i);

    first_back_link_.assign(objects_.size() + 1, 0);
    for (auto& property : properties_) {
        if (!property.is_link) continue;
        auto const found = by_identifier.find(property.value);
        if (found == by_identifier.end()) continue;
        property.target = found->second;
        ++first_back_link_[property.target.at() + 1];
    }
    for (std::size_t i = 1; i < first_back_link_.size(); ++i) first_back_link_[i] += first_back_link_[i - 1];

    back_links_.resize(first_back_link_.back());
    std::vector<std::size_t> next(first_back_link_.begin(), first_back_link_.end() - 1);
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        ObjectId const from{i};
        auto const place = first_property(from);
        auto const own = properties(from);
        for (std::size_t k = 0; k < own.size(); ++k)
            if (own[k].target.valid()) back_links_[next[own[k].target.at()]++] = {from, place + k};
    }
}

std::span<ObjectId const> Objects::of_class(std::string_view class_name) const {
    auto const found = classes_.places.find(class_name);
    if (found == classes_.places.end()) return {};
    return members_[found->second];
}

std::span<Property const> Objects::properties(ObjectId id) const {
    auto const begin = objects_[id.at()].first_property;
    auto const end = id.at() + 1 < objects_.size() ? objects_[id.at() + 1].first_property : properties_.size();
    return std::span{properties_}.subspan(begin, end - begin);
}

std::span<BackLink const> Objects::back_links(ObjectId id) const {
    auto const begin = first_back_link_[id.at()];
    return std::span{back_links_}.subspan(begin, first_back_link_[id.at() + 1] - begin);
}

AttributeId Objects::find_attribute(std::string_view name) const {
    auto const found = attributes_.places.find(name);
    return found == attributes_.places.end() ? AttributeId{} : AttributeId{found->second};
}

}  // namespace dec::io::cim
