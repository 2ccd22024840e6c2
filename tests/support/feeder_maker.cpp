#include "support/feeder_maker.hpp"

#include <cmath>

#include "dec/feeder/areas.hpp"

namespace dec::test {

using namespace feeder;

namespace {

std::string named(std::string const& given, std::string const& kind, std::size_t number) {
    return given.empty() ? kind + " " + std::to_string(number) : given;
}

void split(PerPhaseComplex const& va, PerPhase& p, PerPhase& q) {
    for (std::size_t i = 0; i < va.size(); ++i) {
        p[i] = va[i].real();
        q[i] = va[i].imag();
    }
}

}  // namespace

FeederMaker::FeederMaker(std::string const& name) {
    feeder.heading.name = feeder.heading.mrid = feeder.heading.origin = name;
}

FeederMaker::BusId FeederMaker::bus(std::string const& name, double base_v) {
    return feeder.buses.add({.base_v = base_v}, name);
}

void FeederMaker::source(BusId bus, double voltage_pu, Complex positive, Complex zero) {
    double const line_to_line = feeder.buses[bus].base_v * std::sqrt(3.0);
    feeder.sources.add({.bus = bus,
                        .nominal_v = line_to_line,
                        .voltage_v = voltage_pu * line_to_line,
                        .r_ohm = positive.real(),
                        .x_ohm = positive.imag(),
                        .r0_ohm = zero.real(),
                        .x0_ohm = zero.imag()},
                       "source");
}

Index<Line> FeederMaker::line(BusId from, BusId to, std::vector<Phase> const& phases, LineImpedance const& z_ohm,
                              std::string const& name) {
    LineCode code{.form = LineCode::Form::whole_line, .conductors = static_cast<std::uint8_t>(phases.size())};
    Line row{.from = from, .to = to, .conductors = code.conductors};
    for (std::size_t i = 0; i < phases.size(); ++i) {
        row.phases[i] = phases[i];
        for (std::size_t k = 0; k < phases.size(); ++k) {
            code.r_ohm[i][k] = z_ohm[i][k].real();
            code.x_ohm[i][k] = z_ohm[i][k].imag();
        }
    }
    auto const own_name = named(name, "line", feeder.lines.size());
    row.code = feeder.line_codes.add(code, own_name);
    return feeder.lines.add(row, own_name);
}

Index<Switch> FeederMaker::link(BusId from, BusId to, PhaseSet phases, bool closed, std::string const& name) {
    return feeder.switches.add({.from = from, .to = to, .phases = phases, .closed = closed ? phases : PhaseSet{}},
                               named(name, "switch", feeder.switches.size()));
}

Index<TransformerCode> FeederMaker::code(TransformerCode const& row) {
    return feeder.transformer_codes.add(row, named({}, "code", feeder.transformer_codes.size()));
}

Index<Transformer> FeederMaker::unit(Index<TransformerCode> code, std::vector<Seat> const& seats,
                                     std::string const& name) {
    Transformer row{.code = code};
    for (std::size_t w = 0; w < seats.size(); ++w) {
        row.winding[w].bus = seats[w].bus;
        row.winding[w].conductors = seats[w].conductors;
    }
    return feeder.transformers.add(row, named(name, "transformer", feeder.transformers.size()));
}

void FeederMaker::tap(Index<Transformer> unit, std::uint8_t winding, double ratio) {
    feeder.tap_changers.add(
        {.transformer = unit, .winding = winding, .step = 1.0, .increment_percent = 100.0 * (ratio - 1.0)},
        named({}, "tap changer", feeder.tap_changers.size()));
}

Index<LoadModel> FeederMaker::load_model(LoadModel const& row) {
    return feeder.load_models.add(row, named({}, "model", feeder.load_models.size()));
}

Index<Load> FeederMaker::load(BusId bus, PhaseSet phases, PerPhaseComplex const& va, Connection connection,
                              Index<LoadModel> model) {
    Load row{.bus = bus, .connection = connection, .phases = phases, .model = model};
    split(va, row.p_w, row.q_var);
    return feeder.loads.add(row, named({}, "load", feeder.loads.size()));
}

Index<Capacitor> FeederMaker::capacitor(BusId bus, PhaseSet phases, double siemens, Connection connection) {
    Capacitor row{.bus = bus, .connection = connection, .phases = phases, .nominal_v = feeder.buses[bus].base_v};
    for (Phase p : phases.list()) {
        row.b_per_section_s[slot(p)] = siemens;
        row.sections[slot(p)] = 1.0;
    }
    return feeder.capacitors.add(row, named({}, "capacitor", feeder.capacitors.size()));
}

Index<PvSystem> FeederMaker::pv(BusId bus, PhaseSet phases, PerPhaseComplex const& va, Connection connection,
                                std::string const& name) {
    PvSystem row;
    row.inverter = {.bus = bus, .connection = connection, .phases = phases};
    split(va, row.inverter.p_w, row.inverter.q_var);
    for (double p : row.inverter.p_w) row.max_p_w += p;
    row.inverter.rated_va = 1.1 * row.max_p_w;
    auto const own_name = named(name, "pv", feeder.pv_systems.size());
    return add_pv(feeder, row, own_name, {}, own_name, {});
}

Feeder FeederMaker::finish() const {
    auto done = feeder;
    done.derive_bus_phases();
    derive_areas(done);
    return done;
}

TransformerCode two_windings(std::uint8_t phases, double rated_v_1, double rated_v_2, Complex z_ohm) {
    TransformerCode code{.windings = 2, .phases = phases};
    code.winding[0] = {.rated_v = rated_v_1, .rated_va = 50e3};
    code.winding[1] = {.rated_v = rated_v_2, .rated_va = 50e3};
    code.short_circuit[0] = {.from = 0, .to = 1, .r_ohm = z_ohm.real(), .x_ohm = z_ohm.imag()};
    return code;
}

TransformerCode three_windings(std::uint8_t phases, std::array<double, 3> const& rated_v,
                               std::array<Complex, 3> const& z_ohm) {
    TransformerCode code{.windings = 3, .phases = phases};
    static constexpr std::array<std::array<std::uint8_t, 2>, 3> pairs{{{0, 1}, {0, 2}, {1, 2}}};
    for (std::size_t i = 0; i < 3; ++i) {
        code.winding[i] = {.rated_v = rated_v[i], .rated_va = 50e3};
        code.short_circuit[i] = {pairs[i][0], pairs[i][1], z_ohm[i].real(), z_ohm[i].imag()};
    }
    return code;
}

}  // namespace dec::test
