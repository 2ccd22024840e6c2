/// \file cim_objects.hpp
/// CIM objects as they come from a file or an endpoint, before they mean anything: identifier, class, properties.
/// The readers of XML and of query answers fill this store; the builder of the feeder sees nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dec/core/index.hpp"

namespace dec::io::cim {

/// The identifier in a resource or subject without what the dialects put in front of it.
[[nodiscard]] std::string_view bare_identifier(std::string_view uri);

struct Object;
struct Class;
struct Attribute;
using ObjectId = core::Index<Object>;
using ClassId = core::Index<Class>;
using AttributeId = core::Index<Attribute>;

struct Property {
    std::string_view
        value;  ///< text; of a link the identifier it names; of an enumeration its literal ("A", "voltage")
    AttributeId attribute;
    ObjectId target;       ///< of a link, after Objects::connect; invalid: no such object
    bool is_link = false;  ///< names another object
};

/// A link seen from the object it leads to.
struct BackLink {
    ObjectId from;
    std::size_t property;  ///< place in Objects::properties()
};

/// All objects of one model. Texts are views: whoever adds them keeps them alive, most simply by `keep`.
/// Identifiers are compared without what the dialects put in front ("urn:uuid:", "#", "_", the base of an endpoint).
class Objects {
  public:
    /// Stores a text as long as the store lives and gives it back in place.
    [[nodiscard]] std::string& keep(std::string text) {
        return *kept_.emplace_back(std::make_unique<std::string>(std::move(text)));
    }

    /// \param identifier in any of the spellings above. \param class_name without namespace ("ACLineSegment").
    ObjectId add(std::string_view identifier, std::string_view class_name);
    /// A literal of the object added last. \param attribute without namespace ("Conductor.length").
    void add_text(std::string_view attribute, std::string_view text);
    /// A resource of the object added last: another object or an enumeration's literal.
    void add_resource(std::string_view attribute, std::string_view uri);
    /// An object that is not in the store but, as whoever fills it knows, where the others come from. Links to it lead nowhere.
    void know_elsewhere(std::string_view identifier) { elsewhere_.insert(bare_identifier(identifier)); }
    /// Resolves the links. Call once, after everything was added.
    void connect();

    [[nodiscard]] std::size_t size() const { return objects_.size(); }
    [[nodiscard]] std::string_view identifier(ObjectId id) const { return objects_[id.at()].identifier; }
    [[nodiscard]] std::string_view class_name(ObjectId id) const {
        return classes_.names[objects_[id.at()].class_id.at()];
    }
    /// Objects of a class in the order they were added.
    [[nodiscard]] std::span<ObjectId const> of_class(std::string_view class_name) const;
    /// Objects whose identifier another one had before them.
    [[nodiscard]] std::vector<ObjectId> const& duplicates() const { return duplicates_; }
    [[nodiscard]] bool is_elsewhere(std::string_view identifier) const { return elsewhere_.contains(identifier); }

    /// Properties of all objects, object after object.
    [[nodiscard]] std::span<Property const> properties() const { return properties_; }
    [[nodiscard]] std::size_t first_property(ObjectId id) const { return objects_[id.at()].first_property; }
    [[nodiscard]] std::span<Property const> properties(ObjectId id) const;
    [[nodiscard]] std::span<BackLink const> back_links(ObjectId id) const;

    [[nodiscard]] std::string_view attribute_name(AttributeId id) const { return attributes_.names[id.at()]; }
    [[nodiscard]] std::size_t attribute_count() const { return attributes_.names.size(); }
    /// Invalid when no object has the attribute.
    [[nodiscard]] AttributeId find_attribute(std::string_view name) const;

  private:
    struct Record {
        std::string_view identifier;
        ClassId class_id;
        std::size_t first_property = 0;
    };
    struct Names {
        std::vector<std::string_view> names;
        std::unordered_map<std::string_view, std::size_t> places;
        std::size_t intern(std::string_view name);
    };

    std::vector<std::unique_ptr<std::string>> kept_;  // not copied: the views would lead into another store
    Names classes_, attributes_;
    std::vector<std::vector<ObjectId>> members_;  // of each class
    std::vector<Record> objects_;
    std::vector<Property> properties_;
    std::vector<BackLink> back_links_;  // grouped by the object they lead to
    std::vector<std::size_t> first_back_link_;
    std::vector<ObjectId> duplicates_;
    std::unordered_set<std::string_view> elsewhere_;
};

}  // namespace dec::io::cim
