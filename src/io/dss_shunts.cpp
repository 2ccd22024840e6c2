/// \file dss_shunts.cpp
/// Capacitors and reactors: between phases and ground, or in series.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "dss_context.hpp"

namespace dec::io::dss {

using feeder::Connection;
using feeder::slot;

namespace {

using Complex = std::complex<double>;

/// True if an element with two terminals leads from one bus to another.
bool is_series(std::string_view bus1, std::string_view bus2) {
    return !bus2.empty() && parse_bus(bus1, 0, 0).name != parse_bus(bus2, 0, 0).name;
}

void add_series(Context& context, Object const& object, std::string_view bus1, std::string_view bus2,
                std::size_t phases, Complex z1, Complex z0, double normal_a, double emergency_a) {
    auto const from = parse_bus(bus1, phases, phases), to = parse_bus(bus2, phases, phases);
    feeder::SeriesCompensator row;
    row.from = context.bus(from.name);
    row.to = context.bus(to.name);
    row.phases = {};
    for (std::size_t i = 0; i < phases; ++i) {
        auto const a = context.phase(from.name, from.nodes[i]), b = context.phase(to.name, to.nodes[i]);
        if (!a || a != b)
            return context.finding(object, fmt::format("runs from node {} to node {}", from.nodes[i], to.nodes[i]),
                                   "connect each of its conductors to the same phase at both ends");
        row.phases.insert(*a);
    }
    row.r_ohm = z1.real();
    row.x_ohm = z1.imag();
    row.r0_ohm = z0.real();
    row.x0_ohm = z0.imag();
    row.rating = {normal_a > 0.0 ? normal_a : feeder::unknown, emergency_a > 0.0 ? emergency_a : feeder::unknown};
    auto const id = context.feeder.series_compensators.add(row, object.name, context.mrid(object));
    context.elements[describe(object)] = {feeder::ElementKind::series_compensator, id.value(), {row.from, row.to}};
}

/// \param b_s susceptance of one step in one place.
void add_shunt(Context& context, Object const& object, std::string_view bus, bool is_delta, std::size_t phases,
               double kv, double b_s, double sections, int steps, bool grounded) {
    auto const spec = parse_bus(bus, conductors_of(is_delta, phases), phases);
    feeder::Capacitor row;
    row.bus = context.bus(spec.name);
    auto const seats = context.seats(object, spec, is_delta, phases);
    row.connection = seats.connection;
    row.phases = seats.phases;
    bool const two_of_three = !is_delta && phases == 2;
    row.nominal_v = kv * 1e3 / (two_of_three ? std::numbers::sqrt3 : 1.0);
    for (Phase p : row.phases.list()) {
        // As a wye: three times what is between two phases, four times what is between two legs.
        double const as_wye = row.connection != Connection::delta ? 1.0 : feeder::is_leg(p) ? 4.0 : 3.0;
        row.b_per_section_s[slot(p)] = b_s * as_wye * seats.share[slot(p)] * static_cast<double>(phases);
        row.sections[slot(p)] = sections;
    }
    row.maximum_sections = steps;
    row.normal_sections = steps;
    row.grounded = grounded && row.connection == Connection::wye;
    auto const id = context.feeder.capacitors.add(row, object.name, context.mrid(object));
    context.elements[describe(object)] = {feeder::ElementKind::capacitor, id.value(), {row.bus}};
}

bool has_phases(Context& context, Object const& object, std::size_t phases) {
    if (phases >= 1 && phases <= 3) return true;
    context.finding(object, fmt::format("has {} phases", phases), "one to three are possible");
    return false;
}

}  // namespace

void read_capacitors(Context& context) {
    double const omega = 2.0 * std::numbers::pi * context.circuit.options.frequency_hz;
    for (auto const& object : context.circuit.objects(Class::capacitor)) {
        if (!object.enabled) continue;
        context.begin(object);
        std::string_view bus1, bus2;
        std::size_t phases = 3;
        std::vector<double> kvar{1200.0}, states{1.0};
        double kv = 12.47, microfarad = 0.0, normal_a = 0.0, emergency_a = 0.0;
        bool is_delta = false, filters = false;
        context.replay(object, [&](Said const& said) {
            if (said.is("bus1")) bus1 = said.text();
            else if (said.is("bus2")) bus2 = said.text();
            else if (said.is("phases")) phases = static_cast<std::size_t>(std::max(said.integer(), 0));
            else if (said.is("kv")) kv = said.number();
            else if (said.is("conn")) is_delta = said.is_delta();
            else if (said.is("normamps")) normal_a = said.number();
            else if (said.is("emergamps")) emergency_a = said.number();
            else if (said.is("r") || said.is("xl")) filters = filters || said.number() != 0.0;
            else if (said.is("cmatrix")) said.finding("cmatrix is not supported", "give kvar");
            else if (said.is("states")) states = said.numbers();
            else if (said.is("cuf")) {
                auto const list = said.numbers();
                microfarad = list.empty() ? 0.0 : list.front();
            } else if (said.is("kvar")) {
                auto const list = said.numbers();
                for (std::size_t i = 0; i < std::min(kvar.size(), list.size()); ++i) kvar[i] = list[i];
                microfarad = 0.0;
            } else if (said.is("numsteps")) {
                auto const steps = static_cast<std::size_t>(std::clamp(said.integer(), 1, 1000));
                // The bank keeps its size and is divided.
                if (kvar.size() == 1) kvar.assign(steps, kvar.front() / static_cast<double>(steps));
                else kvar.resize(steps, kvar.back());
                states.assign(steps, 1.0);
            }
        });
        if (bus1.empty()) {
            context.finding(object, "has no bus", "give bus1");
            continue;
        }
        if (!has_phases(context, object, phases)) continue;
        if (filters) context.assume("capacitor.xl", object, "resistance and inductance in series are left out");
        // OpenDSS gives all steps the size of the first.
        double const volts = rated_volts(kv, is_delta, phases);
        double const b_s = microfarad > 0.0 ? omega * microfarad * 1e-6
                                            : kvar.front() / static_cast<double>(phases) * 1e3 / (volts * volts);
        double sections = 0.0;
        for (std::size_t i = 0; i < std::min(states.size(), kvar.size()); ++i) sections += states[i] != 0.0 ? 1.0 : 0.0;
        if (is_series(bus1, bus2)) {
            if (object.is_open()) continue;
            Complex const z{0.0, -1.0 / (b_s * sections)};
            if (sections > 0.0) add_series(context, object, bus1, bus2, phases, z, z, normal_a, emergency_a);
            else context.finding(object, "is in series and has no step closed", "disable it, or close a step");
            continue;
        }
        // Opened, it is there for its control to close.
        if (object.is_open()) sections = 0.0;
        auto const neutral = parse_bus(bus2, phases, phases).nodes;
        bool const grounded = bus2.empty() || neutral.front() == 0;
        add_shunt(context, object, bus1, is_delta, phases, kv, b_s, sections, static_cast<int>(kvar.size()), grounded);
    }
}

namespace {

struct DrawnReactor {
    std::string_view bus1, bus2;
    std::size_t phases = 3;
    double kvar = 100.0, kv = 12.47, r = 0.0, x = 0.0;
    Complex z1, z0;
    bool by_kvar = true, by_sequence = false, has_z0 = false, is_delta = false;
    double normal_a = 0.0, emergency_a = 0.0;
};

DrawnReactor draw_reactor(Context& context, Object const& object) {
    DrawnReactor drawn;
    double const omega = 2.0 * std::numbers::pi * context.circuit.options.frequency_hz;
    auto const complex = [](Said const& said) {
        auto const list = said.numbers();
        return list.size() < 2 ? Complex{} : Complex{list[0], list[1]};
    };
    context.replay(object, [&](Said const& said) {
        if (said.is("bus1")) drawn.bus1 = said.text();
        else if (said.is("bus2")) drawn.bus2 = said.text();
        else if (said.is("phases")) drawn.phases = static_cast<std::size_t>(std::max(said.integer(), 0));
        else if (said.is("conn")) drawn.is_delta = said.is_delta();
        else if (said.is("kv")) drawn.kv = said.number();
        else if (said.is("kvar")) drawn.kvar = said.number(), drawn.by_kvar = true, drawn.by_sequence = false;
        else if (said.is("r")) drawn.r = said.number();
        else if (said.is("x")) drawn.x = said.number(), drawn.by_kvar = drawn.by_sequence = false;
        else if (said.is("lmh")) drawn.x = said.number() * 1e-3 * omega, drawn.by_kvar = drawn.by_sequence = false;
        else if (said.is("z")) {
            drawn.r = complex(said).real(), drawn.x = complex(said).imag();
            drawn.by_kvar = drawn.by_sequence = false;
        } else if (said.is("z1")) {
            drawn.z1 = complex(said), drawn.by_sequence = true, drawn.by_kvar = false;
            if (!drawn.has_z0) drawn.z0 = drawn.z1;
        } else if (said.is("z0")) drawn.z0 = complex(said), drawn.has_z0 = true;
        else if (said.is("z2")) {
            if (complex(said) != drawn.z1) said.finding("z2 other than z1 is not supported", "leave it out");
        } else if (said.is("rmatrix") || said.is("xmatrix") || said.is("rp") || (said.is("parallel") && said.flag()))
            said.finding(fmt::format("{} is not supported", said.name()), "give r and x, or z1 and z0");
        else if (said.is("normamps")) drawn.normal_a = said.number();
        else if (said.is("emergamps")) drawn.emergency_a = said.number();
    });
    if (drawn.by_kvar && drawn.phases > 0) {
        double const volts = rated_volts(drawn.kv, drawn.is_delta, drawn.phases);
        drawn.x = volts * volts * static_cast<double>(drawn.phases) / (drawn.kvar * 1e3);
    }
    if (!drawn.by_sequence) drawn.z1 = drawn.z0 = {drawn.r, drawn.x};
    return drawn;
}

/// Between a node of a neutral (4 or above) and ground.
bool is_at_neutral(DrawnReactor const& drawn) {
    return drawn.phases == 1 && !is_series(drawn.bus1, drawn.bus2) && parse_bus(drawn.bus1, 1, 1).nodes.front() > 3;
}

}  // namespace

std::unordered_map<std::string, std::complex<double>> neutral_reactors(Context& context) {
    std::unordered_map<std::string, std::complex<double>> found;
    for (auto const& object : context.circuit.objects(Class::reactor)) {
        if (!object.enabled) continue;
        auto const drawn = draw_reactor(context, object);
        auto const spec = parse_bus(drawn.bus1, 1, 1);
        if (is_at_neutral(drawn)) found.emplace(fmt::format("{}.{}", spec.name, spec.nodes.front()), drawn.z1);
    }
    return found;
}

void read_reactors(Context& context) {
    for (auto const& object : context.circuit.objects(Class::reactor)) {
        if (!object.enabled || object.is_open()) continue;
        context.begin(object);
        auto const drawn = draw_reactor(context, object);
        if (drawn.bus1.empty()) {
            context.finding(object, "has no bus", "give bus1");
            continue;
        }
        if (!has_phases(context, object, drawn.phases) || is_at_neutral(drawn)) continue;
        if (is_series(drawn.bus1, drawn.bus2)) {
            add_series(context, object, drawn.bus1, drawn.bus2, drawn.phases, drawn.z1, drawn.z0, drawn.normal_a,
                       drawn.emergency_a);
            continue;
        }
        if (drawn.z1 != drawn.z0 || drawn.z1.imag() == 0.0) {
            context.finding(object, "is a shunt that is not a reactance alone", "give it kvar and kv, or x");
            continue;
        }
        if (drawn.z1.real() != 0.0) context.assume("reactor.r", object, "the losses of a shunt reactor are left out");
        double const b_s = (1.0 / drawn.z1).imag();
        add_shunt(context, object, drawn.bus1, drawn.is_delta, drawn.phases, drawn.kv, b_s, 1.0, 1, true);
    }
}

}  // namespace dec::io::dss
