#include "dec/io/opendss.hpp"
#include "dss_context.hpp"

namespace dec::io {

ReadFeeder read_opendss(std::string const& path) {
    auto circuit = dss::run_script(path);
    if (circuit.name.empty()) {
        circuit.findings.push_back(
            {path, {}, "defines no circuit", "begin with New Circuit.name, or name the master file"});
        throw core::InvalidInput{std::move(circuit.findings)};
    }
    dss::Context context{circuit};
    context.feeder.heading.origin = path;
    dss::find_split_buses(context);
    dss::read_source(context);
    dss::read_lines(context);
    dss::read_transformers(context);
    dss::read_reactors(context);
    dss::read_capacitors(context);
    dss::read_loads(context);
    dss::read_generation(context);
    dss::read_controls(context);
    if (circuit.findings.empty()) {
        dss::drop_dead_conductors(context);
        dss::name_islands(context);
        dss::find_base_voltages(context);
    }
    context.feeder.derive_bus_phases();
    return context.finish();
}

}  // namespace dec::io
