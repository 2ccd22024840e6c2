#include "cim_reader.hpp"

#include "cim_context.hpp"

namespace dec::io::cim {

ReadFeeder build_feeder(Objects const& objects, std::string const& origin, ReadOptions const& options) {
    Context context{objects, origin, options};
    read_heading(context);
    read_areas(context);
    read_buses(context);

    read_sources(context);
    read_lines(context);
    read_switches(context);
    read_series_compensators(context);
    read_transformers(context);
    read_loads(context);
    read_capacitors(context);
    read_inverters(context);
    read_machines(context);

    // what refers to equipment of any kind
    read_tap_changers(context);
    read_capacitor_controls(context);
    read_measurements(context);
    read_base_voltages(context);
    read_coordinates(context);

    context.feeder.derive_bus_phases();
    return context.finish();
}

}  // namespace dec::io::cim
