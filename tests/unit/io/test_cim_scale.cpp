/// Files of regional size are read in seconds.
#include <fmt/format.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <chrono>

#include "dec/io/cim.hpp"
#include "small_cim.hpp"

namespace {

using namespace dec;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_instrumented = true;  // several times slower and larger: only that it works
#else
constexpr bool is_instrumented = false;
#endif
constexpr std::size_t file_size = is_instrumented ? 4'000'000 : 100'000'000;

/// One more pole: a bus, the line to it, and a load, with the identifiers and names of usual length.
void add_pole(std::string& text, std::size_t i) {
    auto out = std::back_inserter(text);
    auto const id = [](char kind, std::size_t number) {
        return fmt::format("{}{:07}-0123-4567-89AB-0123456789AB", kind, number);
    };
    auto const open = [&](char const* class_name, std::string const& identifier) {
        fmt::format_to(
            out,
            "<cim:{0} rdf:about=\"urn:uuid:{1}\">\n  <cim:IdentifiedObject.mRID>{1}</cim:IdentifiedObject.mRID>\n"
            "  <cim:IdentifiedObject.name>{0}_{2}</cim:IdentifiedObject.name>\n",
            class_name, identifier, i);
    };
    auto const link = [&](char const* attribute, std::string const& identifier) {
        fmt::format_to(out, "  <cim:{} rdf:resource=\"urn:uuid:{}\"/>\n", attribute, identifier);
    };
    auto const value = [&](char const* attribute, char const* literal) {
        fmt::format_to(out, "  <cim:{0}>{1}</cim:{0}>\n", attribute, literal);
    };
    auto const close = [&](char const* class_name) { fmt::format_to(out, "</cim:{}>\n", class_name); };
    auto const terminal = [&](char kind, std::string const& equipment, std::string const& node, char const* number) {
        open("Terminal", id(kind, i));
        link("Terminal.ConductingEquipment", equipment);
        link("Terminal.ConnectivityNode", node);
        value("ACDCTerminal.sequenceNumber", number);
        close("Terminal");
    };
    open("ConnectivityNode", id('N', i));
    link("ConnectivityNode.ConnectivityNodeContainer", "feeder");
    close("ConnectivityNode");
    open("ACLineSegment", id('L', i));
    link("ACLineSegment.PerLengthImpedance", "three");
    link("ConductingEquipment.BaseVoltage", "kv4");
    link("Equipment.EquipmentContainer", "feeder");
    value("Conductor.length", "35.5");
    close("ACLineSegment");
    terminal('S', id('L', i), i == 0 ? "n5" : id('N', i - 1), "1");
    terminal('T', id('L', i), id('N', i), "2");
    for (int phase = 0; phase < 3; ++phase) {
        open("ACLineSegmentPhase", id(static_cast<char>('A' + phase), i));
        link("ACLineSegmentPhase.ACLineSegment", id('L', i));
        fmt::format_to(
            out,
            "  <cim:ACLineSegmentPhase.phase rdf:resource=\"http://iec.ch/TC57/CIM100#SinglePhaseKind.{}\"/>\n"
            "  <cim:ACLineSegmentPhase.sequenceNumber>{}</cim:ACLineSegmentPhase.sequenceNumber>\n",
            "ABC"[phase], phase + 1);
        close("ACLineSegmentPhase");
    }
    open("EnergyConsumer", id('D', i));
    link("ConductingEquipment.BaseVoltage", "kv4");
    link("Equipment.EquipmentContainer", "feeder");
    link("EnergyConsumer.LoadResponse", "mixed");
    value("EnergyConsumer.p", "3000");
    value("EnergyConsumer.q", "1000");
    value("EnergyConsumer.grounded", "true");
    fmt::format_to(out,
                   "  <cim:EnergyConsumer.phaseConnection "
                   "rdf:resource=\"http://iec.ch/TC57/CIM100#PhaseShuntConnectionKind.Y\"/>\n");
    close("EnergyConsumer");
    terminal('U', id('D', i), id('N', i), "1");
}

}  // namespace

TEST_CASE("100 MB of XML are read in less than 10 s and 2 GB", "[io][cim][scale]") {
    std::string text = test::small_model().xml();
    text.erase(text.rfind("</rdf:RDF>"));
    text.reserve(file_size + 10'000);
    std::size_t poles = 0;
    while (text.size() < file_size) add_pole(text, poles++);
    text += "</rdf:RDF>\n";

    auto const start = std::chrono::steady_clock::now();
    auto const f = io::parse_cim_xml(text, "region.xml").feeder;
    auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);

    CHECK(f.lines.size() == 5 + poles);
    CHECK(f.loads.size() == 3 + poles);
    if (is_instrumented) return;
    CHECK(seconds < 10.0);
    CHECK(usage.ru_maxrss < 2'000'000);  // kB
}
