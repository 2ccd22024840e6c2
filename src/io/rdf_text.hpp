/// \file rdf_text.hpp
/// CIM RDF/XML as text: one flat list of typed nodes, appended to one buffer.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace dec::io::cim {

/// A UUID as text, 36 characters. What nodes of a written file are identified by.
class NodeId {
  public:
    NodeId() = default;
    /// \pre 36 characters.
    explicit NodeId(std::string_view text);
    [[nodiscard]] std::string_view text() const { return {characters_.data(), characters_.size()}; }

  private:
    std::array<char, 36> characters_{};
};

/// True for 8-4-4-4-12 hexadecimal digits.
[[nodiscard]] bool is_uuid(std::string_view text);

/// One node while it is being written; closed when it goes out of scope. Attributes are named with their class
/// ("Conductor.length").
class Node {
  public:
    Node(std::string& buffer, std::string_view class_name, NodeId const& id);
    /// With mRID and name.
    Node(std::string& buffer, std::string_view class_name, NodeId const& id, std::string_view mrid,
         std::string_view name);
    Node(Node const&) = delete;
    Node& operator=(Node const&) = delete;
    ~Node();

    Node& text(std::string_view attribute, std::string_view value);
    /// The shortest decimal that reads back to the same number.
    Node& number(std::string_view attribute, double value);
    /// Leaves out what is not known (NaN).
    Node& known_number(std::string_view attribute, double value);
    Node& integer(std::string_view attribute, std::int64_t value);
    Node& flag(std::string_view attribute, std::same_as<bool> auto value) {
        return text(attribute, value ? "True" : "False");
    }
    Node& link(std::string_view attribute, NodeId const& target);
    /// "SinglePhaseKind", "A".
    Node& literal(std::string_view attribute, std::string_view enumeration, std::string_view value);

  private:
    std::string& buffer_;
    std::string_view class_name_;
};

/// What stands before the first and after the last node.
[[nodiscard]] std::string_view document_begin();
[[nodiscard]] std::string_view document_end();

}  // namespace dec::io::cim
