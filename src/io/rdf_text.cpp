#include "rdf_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace dec::io::cim {

namespace {

void append_escaped(std::string& buffer, std::string_view text) {
    for (char const c : text) {
        switch (c) {
            case '&': buffer += "&amp;"; break;
            case '<': buffer += "&lt;"; break;
            case '>': buffer += "&gt;"; break;
            default:
                // XML 1.0 has no way to write other control characters, not even escaped
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n') buffer += c;
                else if (c == '\r') buffer += "&#13;";
        }
    }
}

}  // namespace

NodeId::NodeId(std::string_view text) { std::copy_n(text.begin(), characters_.size(), characters_.begin()); }

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        char const c = text[i];
        bool const digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (hyphen ? c != '-' : !digit) return false;
    }
    return true;
}

Node::Node(std::string& buffer, std::string_view class_name, NodeId const& id)
    : buffer_{buffer}, class_name_{class_name} {
    fmt::format_to(std::back_inserter(buffer_), "<cim:{} rdf:about=\"urn:uuid:{}\">\n", class_name_, id.text());
}

Node::Node(std::string& buffer, std::string_view class_name, NodeId const& id, std::string_view mrid,
           std::string_view name)
    : Node{buffer, class_name, id} {
    text("IdentifiedObject.mRID", mrid);
    text("IdentifiedObject.name", name);
}

Node::~Node() { fmt::format_to(std::back_inserter(buffer_), "</cim:{}>\n", class_name_); }

Node& Node::text(std::string_view attribute, std::string_view value) {
    fmt::format_to(std::back_inserter(buffer_), "  <cim:{}>", attribute);
    append_escaped(buffer_, value);
    fmt::format_to(std::back_inserter(buffer_), "</cim:{}>\n", attribute);
    return *this;
}

Node& Node::number(std::string_view attribute, double value) {
    fmt::format_to(std::back_inserter(buffer_), "  <cim:{0}>{1}</cim:{0}>\n", attribute, value);
    return *this;
}

Node& Node::known_number(std::string_view attribute, double value) {
    return std::isnan(value) ? *this : number(attribute, value);
}

Node& Node::integer(std::string_view attribute, std::int64_t value) {
    fmt::format_to(std::back_inserter(buffer_), "  <cim:{0}>{1}</cim:{0}>\n", attribute, value);
    return *this;
}

Node& Node::link(std::string_view attribute, NodeId const& target) {
    fmt::format_to(std::back_inserter(buffer_), "  <cim:{} rdf:resource=\"urn:uuid:{}\"/>\n", attribute, target.text());
    return *this;
}

Node& Node::literal(std::string_view attribute, std::string_view enumeration, std::string_view value) {
    fmt::format_to(std::back_inserter(buffer_), "  <cim:{} rdf:resource=\"http://iec.ch/TC57/CIM100#{}.{}\"/>\n",
                   attribute, enumeration, value);
    return *this;
}

std::string_view document_begin() {
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
           "<rdf:RDF xmlns:cim=\"http://iec.ch/TC57/CIM100#\" "
           "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n";
}

std::string_view document_end() { return "</rdf:RDF>\n"; }

}  // namespace dec::io::cim
