/// \file cim_xml.cpp
/// RDF/XML text into CIM objects: a flat list of typed nodes under rdf:RDF.
#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>

#include "cim_reader.hpp"
#include "dec/core/error.hpp"
#include "dec/io/cim.hpp"
#include "encoding.hpp"
#include "files.hpp"

namespace dec::io {

namespace {

constexpr std::string_view cim_namespace = "http://iec.ch/TC57/CIM100#";

[[noreturn]] void refuse(std::string const& origin, std::string problem, std::string remedy) {
    throw core::InvalidInput{core::Finding{origin, {}, std::move(problem), std::move(remedy)}};
}

std::string_view local_name(char const* qualified) {
    std::string_view name{qualified};
    auto const colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool is_truncated(std::string_view text) {
    auto const end = text.find_last_not_of(" \t\r\n");
    return end == std::string_view::npos || !text.substr(0, end + 1).ends_with("RDF>");
}

/// The text of a property: all of it, however comments and CDATA sections cut it.
std::string_view text_of(cim::Objects& objects, pugi::xml_node property) {
    if (!property.first_child()) return property.value();
    std::string joined = property.value();
    for (auto const child : property.children())
        if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) joined += child.value();
    return objects.keep(std::move(joined));
}

void parse(pugi::xml_document& document, std::string& buffer, std::string_view original, std::string const& origin) {
    if (original.find_first_not_of(" \t\r\n") == std::string_view::npos)
        refuse(origin, "is empty", "it may be the rest of an interrupted copy: make it again");
    if (is_html(original))
        refuse(origin, "is an HTML page, not CIM RDF/XML", "download the file itself, not the page that shows it");
    auto const result = document.load_buffer_inplace(
        buffer.data(), buffer.size(), pugi::parse_default | pugi::parse_embed_pcdata, pugi::encoding_utf8);
    if (result) return;
    auto const offset = std::min(static_cast<std::size_t>(result.offset), original.size());
    auto const line = 1 + std::count(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
    if (result.status == pugi::status_no_document_element)
        refuse(origin, "is not XML", "a CIM100 RDF/XML file is needed");
    if (is_truncated(original))
        refuse(origin, fmt::format("the XML ends too early, in line {} (byte {})", line, original.size()),
               "the file is truncated: copy or export it again");
    refuse(origin, fmt::format("the XML is damaged in line {} (byte {}): {}", line, offset, result.description()),
           "copy or export the file again");
}

/// An entity of the file's own would be read as the letters of its name.
void refuse_entities(std::string_view text, std::string const& origin) {
    auto const type = text.find("<!DOCTYPE");
    auto const root = text.find("RDF", type == std::string_view::npos ? 0 : type);
    if (type != std::string_view::npos && text.substr(type, root - type).find("<!ENTITY") != std::string_view::npos)
        refuse(origin, "declares entities of its own, which are not read",
               "export it without a document type declaration");
}

/// The version of CIM by its namespace, the one of the root that is not RDF's own. \return what to warn of, if anything.
std::string other_version(pugi::xml_node root, std::string const& origin) {
    std::string other;
    for (auto const attribute : root.attributes()) {
        std::string_view const uri = attribute.value();
        if (!std::string_view{attribute.name()}.starts_with("xmlns")) continue;
        if (uri == cim_namespace) return {};
        if (uri.find("iec.ch/TC57") != std::string_view::npos || uri.find("cim") != std::string_view::npos) other = uri;
    }
    if (other.empty())
        refuse(origin, "names no CIM namespace",
               fmt::format("a CIM100 RDF/XML file is needed: xmlns:cim=\"{}\"", cim_namespace));
    return other;
}

void add_object(cim::Objects& objects, pugi::xml_node node, std::string const& origin,
                std::vector<core::Finding>& findings) {
    std::string_view identifier;
    for (auto const attribute : node.attributes()) {
        auto const name = local_name(attribute.name());
        if (name == "about" || name == "ID") identifier = attribute.value();
    }
    auto const class_name = local_name(node.name());
    if (identifier.empty()) {
        findings.push_back(
            {origin, std::string{class_name}, "has neither rdf:about nor rdf:ID", "give it an identifier"});
        return;
    }
    objects.add(identifier, class_name);
    for (auto const property : node.children()) {
        if (property.type() != pugi::node_element) continue;
        auto const name = local_name(property.name());
        std::string_view resource;
        for (auto const attribute : property.attributes())
            if (local_name(attribute.name()) == "resource") resource = attribute.value();
        if (resource.empty()) objects.add_text(name, text_of(objects, property));
        else objects.add_resource(name, resource);
    }
}

}  // namespace

ReadFeeder parse_cim_xml(std::string_view text, std::string const& origin, ReadOptions const& options) {
    cim::Objects objects;
    auto const original = xml_as_utf8(std::string{text}, origin);
    auto& buffer = objects.keep(original);
    std::vector<core::Finding> findings;
    std::string version;
    {
        pugi::xml_document document;  // only its texts live on, in the buffer
        parse(document, buffer, original, origin);
        auto const root = document.document_element();
        if (local_name(root.name()) != "RDF")
            refuse(origin, fmt::format("begins with <{}> instead of <rdf:RDF>", root.name()),
                   "a CIM100 RDF/XML file is needed");
        refuse_entities(original, origin);
        version = other_version(root, origin);
        for (auto const node : root.children())
            if (node.type() == pugi::node_element) add_object(objects, node, origin, findings);
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    objects.connect();
    auto read = cim::build_feeder(objects, origin, options);
    if (!version.empty())
        read.report.add("xmlns", Use::assumed, version,
                        fmt::format("another version of CIM than {}, read as that one", cim_namespace));
    return read;
}

ReadFeeder read_cim_xml(std::string const& path, ReadOptions const& options) {
    return parse_cim_xml(read_text_file(path), path, options);
}

}  // namespace dec::io
