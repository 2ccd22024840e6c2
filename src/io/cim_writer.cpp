/// \file cim_writer.cpp
/// The whole feeder as CIM100 RDF/XML, part after part.
#include "cim_writer.hpp"

#include <fmt/format.h>

#include "dec/core/error.hpp"
#include "dec/io/cim.hpp"
#include "files.hpp"

namespace dec::io {

namespace cim {

namespace {

/// A unit is its bank's only one, or a tank beside others.
void check_transformers(feeder::Feeder const& feeder, std::vector<core::Finding>& findings) {
    std::vector<std::size_t> units(feeder.banks.size(), 0);
    for (auto const& row : feeder.transformers.rows())
        if (row.bank.valid()) ++units[row.bank.at()];
    for (auto id : feeder.transformers.ids()) {
        auto const& row = feeder.transformers[id];
        auto const refuse = [&](std::string problem, std::string remedy) {
            findings.push_back({feeder.heading.origin, feeder::describe("transformer", feeder.transformers, id),
                                std::move(problem), std::move(remedy)});
        };
        if (!row.bank.valid() || !row.code.valid()) {
            refuse("belongs to no bank or has no ratings", "CIM needs a PowerTransformer with ends");
            continue;
        }
        auto const& code = feeder.transformer_codes[row.code];
        bool const is_tank = code.form == feeder::TransformerCode::Form::tank_tests;
        if (!is_tank && units[row.bank.at()] > 1)
            refuse("is given by its ends and shares its bank with others", "give it a bank of its own");
        for (auto const& test : code.short_circuit)
            if (is_tank && test.x_ohm < 0.0)
                refuse(fmt::format("has a short-circuit reactance of {} ohm", test.x_ohm),
                       "a short-circuit test gives magnitudes only: it must not be negative");
    }
}

}  // namespace

void require_expressible(feeder::Feeder const& feeder) {
    std::vector<core::Finding> findings;
    check_transformers(feeder, findings);
    for (auto id : feeder.series_compensators.ids())
        if (feeder.series_compensators[id].phases != feeder::PhaseSet::abc())
            findings.push_back({feeder.heading.origin,
                                feeder::describe("series compensator", feeder.series_compensators, id),
                                fmt::format("is on phases {}", to_text(feeder.series_compensators[id].phases)),
                                "a SeriesCompensator of CIM is on A, B and C"});
    auto const check_inverters = [&](std::string_view label, auto const& table) {
        for (auto id : table.ids())
            if (table[id].inverter.connection != feeder::Connection::wye)
                findings.push_back({feeder.heading.origin, feeder::describe(label, table, id),
                                    "is not connected in wye", "a PowerElectronicsConnection of CIM always is"});
    };
    check_inverters("pv", feeder.pv_systems);
    check_inverters("battery", feeder.batteries);
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
}

}  // namespace cim

std::string to_cim_xml(feeder::Feeder const& feeder) {
    cim::require_expressible(feeder);
    cim::Writer writer{feeder};
    writer.heading();
    writer.areas();
    writer.buses();
    cim::write_sources(writer);
    cim::write_line_codes(writer);
    cim::write_lines(writer);
    cim::write_switches(writer);
    cim::write_series_compensators(writer);
    cim::write_transformers(writer);
    cim::write_tap_changers(writer);
    cim::write_loads(writer);
    cim::write_capacitors(writer);
    cim::write_inverters(writer);
    cim::write_machines(writer);
    writer.limits();
    cim::write_measurements(writer);
    return writer.take();
}

void write_cim_xml(feeder::Feeder const& feeder, std::string const& path) { write_text_file(path, to_cim_xml(feeder)); }

}  // namespace dec::io
