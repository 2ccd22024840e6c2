/// \file small_cim.hpp
/// A small made-up feeder with one of everything, as CIM objects that a test can change before they become text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dec::test {

/// How identifiers are written.
enum class Spelling { urn_uuid, rdf_id };

class CimModel {
  public:
    /// A value is a literal, ">id" for a link to another object, "~Enum.literal" for an enumeration.
    struct Property {
        std::string attribute, value;
    };
    struct Object {
        std::string class_name, id;
        std::vector<Property> properties;
    };

    /// mRID and name are `id` unless given.
    void add(std::string class_name, std::string id, std::vector<Property> properties);
    void remove(std::string_view id);
    void remove(std::string_view id, std::string_view attribute);
    /// Replaces the value, or adds the property.
    void set(std::string_view id, std::string_view attribute, std::string_view value);
    void rename_class(std::string_view id, std::string_view class_name) { at(id).class_name = class_name; }
    /// Renames an attribute wherever it stands. \return how often.
    std::size_t rename_attribute(std::string_view attribute, std::string_view other);
    /// Removes an attribute from all objects. \return how often.
    std::size_t remove_attribute(std::string_view attribute);
    /// Stores an association at its other end: link `attribute` from x to y becomes link `inverse` from y to x.
    std::size_t turn(std::string_view attribute, std::string_view inverse);
    void reverse_order();

    [[nodiscard]] std::string xml(Spelling spelling = Spelling::urn_uuid) const;

  private:
    Object& at(std::string_view id);
    std::vector<Object> objects_;
};

/// Radial, valid; see the comments in small_cim.cpp for what hangs where.
[[nodiscard]] CimModel small_model();

}  // namespace dec::test
