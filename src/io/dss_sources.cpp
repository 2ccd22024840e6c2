/// \file dss_sources.cpp
/// The source of the circuit, and everything else that delivers power: generators, photovoltaics, storage.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "dss_context.hpp"

namespace dec::io::dss {

using feeder::Inverter;

namespace {

using Complex = std::complex<double>;

constexpr double degree = std::numbers::pi / 180.0;

/// Impedances of a source, given in one of three ways: the last one counts.
struct Thevenin {
    enum class By : std::uint8_t { power, current, impedance };
    By by = By::power;
    double mva3 = 2000.0, mva1 = 2100.0, isc3 = 10000.0, isc1 = 10540.0, x1r1 = 4.0, x0r0 = 3.0;
    Complex z1{1.65, 6.6}, z0{1.9, 5.7};
    bool z0_was_said = false;

    /// From short-circuit powers or currents, kV line to line. The single-phase current is 3 V / |2 Z1 + Z0|.
    /// \return false if no zero sequence impedance has that ratio and gives that current.
    bool work_out(double kv) {
        if (by == By::impedance) return true;
        if (by == By::power) {
            isc3 = mva3 * 1e3 / (std::numbers::sqrt3 * kv);
            isc1 = mva1 * 1e3 / (std::numbers::sqrt3 * kv);
        }
        double const volts = kv * 1e3 / std::numbers::sqrt3;
        double const size1 = volts / isc3;
        double const x1 = size1 / std::sqrt(1.0 + 1.0 / (x1r1 * x1r1));
        z1 = {x1 / x1r1, x1};
        // |2 z1 + r0 (1 + j x0r0)| = 3 V / I1, a quadratic equation in r0
        double const a = 1.0 + x0r0 * x0r0;
        double const b = 4.0 * (z1.real() + z1.imag() * x0r0);
        double const c = 4.0 * std::norm(z1) - std::pow(3.0 * volts / isc1, 2);
        double const discriminant = b * b - 4.0 * a * c;
        if (!(discriminant >= 0.0)) return false;
        double const root = std::sqrt(discriminant);
        double const r0 = std::max((-b + root) / (2.0 * a), (-b - root) / (2.0 * a));
        z0 = {r0, r0 * x0r0};
        return true;
    }
};

void read_one_source(Context& context, Object const& object) {
    Thevenin z;
    std::string_view bus = "sourcebus";
    double kv = 115.0, pu = 1.0, angle = 0.0, base_mva = 100.0;
    std::optional<Complex> pu1, pu0;
    int phases = 3;
    auto const complex = [](Said const& said) {
        auto const list = said.numbers();
        return list.size() < 2 ? Complex{} : Complex{list[0], list[1]};
    };
    context.replay(object, [&](Said const& said) {
        using By = Thevenin::By;
        if (said.is("bus1")) bus = said.text();
        else if (said.is("basekv")) kv = said.number();
        else if (said.is("pu")) pu = said.number();
        else if (said.is("angle")) angle = said.number();
        else if (said.is("phases")) phases = said.integer();
        else if (said.is("mvasc3")) z.mva3 = said.number(), z.by = By::power;
        else if (said.is("mvasc1")) z.mva1 = said.number(), z.by = By::power;
        else if (said.is("isc3")) z.isc3 = said.number(), z.by = By::current;
        else if (said.is("isc1")) z.isc1 = said.number(), z.by = By::current;
        else if (said.is("x1r1")) z.x1r1 = said.number();
        else if (said.is("x0r0")) z.x0r0 = said.number();
        else if (said.is("r1")) z.z1.real(said.number()), z.by = By::impedance;
        else if (said.is("x1")) z.z1.imag(said.number()), z.by = By::impedance;
        else if (said.is("r0")) z.z0.real(said.number()), z.by = By::impedance;
        else if (said.is("x0")) z.z0.imag(said.number()), z.by = By::impedance;
        else if (said.is("z1")) {
            z.z1 = complex(said), z.by = By::impedance;
            if (!z.z0_was_said) z.z0 = z.z1;
        } else if (said.is("z0")) z.z0 = complex(said), z.z0_was_said = true, z.by = By::impedance;
        else if (said.is("puz1")) pu1 = complex(said), z.by = By::impedance;
        else if (said.is("puz0")) pu0 = complex(said), z.by = By::impedance;
        else if (said.is("basemva")) base_mva = said.number();
        else if (said.is("sequence") && !starts_with(said.text(), "p"))
            said.finding("only the positive sequence is supported", "leave it out");
        else if (said.is("model") && starts_with(said.text(), "i"))
            context.assume("vsource.model", object, "ideal: taken with its impedance");
        else if (said.is("z2") || said.is("puz2")) context.assume("vsource.z2", object, "taken equal to z1");
        else if (said.is("bus2") && parse_bus(said.text(), 1, 1).nodes.front() != 0)
            said.finding("a source between two buses is not supported", "leave bus2 out");
        else if (said.is("frequency") && said.number() != context.circuit.options.frequency_hz)
            said.finding("has another frequency than the circuit", "set defaultbasefrequency to it");
    });
    if (phases != 3) return context.finding(object, fmt::format("has {} phases", phases), "a source here has three");
    if (!(kv > 0.0)) return context.finding(object, fmt::format("has {} kV", kv), "give a positive basekv");
    double const ohm = kv * kv / base_mva;
    if (pu1) z.z1 = *pu1 * ohm, z.z0 = pu0.value_or(*pu1) * ohm;
    if (!z.work_out(kv))
        return context.finding(object, "its short-circuit values have no impedance that fits them",
                               "give r1, x1, r0 and x0");
    feeder::Source row;
    row.bus = context.bus(parse_bus(bus, 3, 3).name);
    row.nominal_v = kv * 1e3;
    row.voltage_v = kv * 1e3 * pu;
    row.angle_rad = angle * degree;
    row.r_ohm = z.z1.real();
    row.x_ohm = z.z1.imag();
    row.r0_ohm = z.z0.real();
    row.x0_ohm = z.z0.imag();
    auto const id = context.feeder.sources.add(row, object.name, context.mrid(object));
    context.elements[describe(object)] = {feeder::ElementKind::source, id.value(), {row.bus}};
}

// ---- what all converters and machines have

struct Drawn {
    std::string_view bus;
    std::size_t phases = 3;
    double kv = 12.47, kva = 500.0, pf = 1.0, kvar = 0.0;
    bool is_delta = false, by_pf = true;
    double most_kvar = feeder::unknown, least_kvar = feeder::unknown;  ///< delivered and taken, both positive
    bool watts_first = false, pf_first = false;

    bool take(Said const& said) {
        if (said.is("bus1")) bus = said.text();
        else if (said.is("phases")) phases = static_cast<std::size_t>(std::max(said.integer(), 0));
        else if (said.is("kv")) kv = said.number();
        else if (said.is("kva")) kva = said.number();
        else if (said.is("conn")) is_delta = said.is_delta();
        else if (said.is("pf")) set_pf(said);
        else if (said.is("kvar")) kvar = said.number(), by_pf = false;
        else if (said.is("kvarmax")) {
            most_kvar = std::abs(said.number());
            if (std::isnan(least_kvar)) least_kvar = most_kvar;
        } else if (said.is("kvarmaxabs")) least_kvar = std::abs(said.number());
        else if (said.is("wattpriority")) watts_first = said.flag();
        else if (said.is("pfpriority")) pf_first = said.flag();
        else return false;
        return true;
    }
    void set_pf(Said const& said) {
        pf = said.number();
        by_pf = true;
        if (pf != 0.0 && std::abs(pf) <= 1.0) return;
        said.finding(fmt::format("has a power factor of {}", pf), "give one between -1 and 1 that is not 0");
        pf = 1.0;
    }
    [[nodiscard]] double kvar_of(double kw) const {
        return std::copysign(kw * std::sqrt(std::max(1.0 / (pf * pf) - 1.0, 0.0)), kw * pf);
    }
    /// Reactive power and rating as an OpenDSS inverter keeps them; kvar wins unless told otherwise.
    [[nodiscard]] Complex within_rating(double kw) const {
        double q = by_pf ? kvar_of(kw) : kvar;
        double const most = std::isnan(most_kvar) ? kva : most_kvar, least = std::isnan(least_kvar) ? kva : least_kvar;
        q = std::clamp(q, -least, most);
        if (std::hypot(kw, q) <= kva) return {kw, q};
        if (by_pf && pf_first)
            return {std::copysign(kva * std::abs(pf), kw), std::copysign(kva * std::sqrt(1.0 - pf * pf), pf)};
        if (watts_first) {
            kw = std::clamp(kw, -kva, kva);
            return {kw, std::copysign(std::sqrt(kva * kva - kw * kw), q)};
        }
        return {std::copysign(std::sqrt(std::max(kva * kva - q * q, 0.0)), kw), q};
    }
};

bool can_be_placed(Context& context, Object const& object, Drawn const& drawn) {
    if (drawn.bus.empty()) context.finding(object, "has no bus", "give bus1");
    else if (drawn.phases < 1 || drawn.phases > 3)
        context.finding(object, fmt::format("has {} phases", drawn.phases), "one to three are possible");
    else return true;
    return false;
}

Inverter make_inverter(Context& context, Object const& object, Drawn const& drawn, Complex kva) {
    auto const spec = parse_bus(drawn.bus, conductors_of(drawn.is_delta, drawn.phases), drawn.phases);
    Inverter row;
    row.bus = context.bus(spec.name);
    auto const seats = context.seats(object, spec, drawn.is_delta, drawn.phases);
    row.connection = seats.connection;
    row.phases = seats.phases;
    for (std::size_t i = 0; i < 3; ++i) {
        row.p_w[i] = kva.real() * 1e3 * seats.share[i];
        row.q_var[i] = kva.imag() * 1e3 * seats.share[i];
    }
    row.rated_va = drawn.kva * 1e3;
    bool const to_neutral = drawn.phases == 1 && seats.connection == feeder::Connection::wye;
    row.rated_v = drawn.kv * 1e3 * (to_neutral ? std::numbers::sqrt3 : 1.0);
    row.max_q_var = (std::isnan(drawn.most_kvar) ? drawn.kva : drawn.most_kvar) * 1e3;
    row.min_q_var = -(std::isnan(drawn.least_kvar) ? drawn.kva : drawn.least_kvar) * 1e3;
    row.control_mode =
        drawn.by_pf ? Inverter::ControlMode::constant_power_factor : Inverter::ControlMode::constant_reactive_power;
    return row;
}

void read_photovoltaic(Context& context, Object const& object) {
    Drawn drawn;
    double irradiance = 1.0, pmpp = 500.0, limit = 1.0, temperature = 25.0, cut_in = 20.0, cut_out = 20.0;
    Object const* efficiency = nullptr;
    Object const* by_temperature = nullptr;
    context.replay(object, [&](Said const& said) {
        if (drawn.take(said)) return;
        if (said.is("irradiance")) irradiance = said.number();
        else if (said.is("pmpp")) pmpp = said.number();
        else if (said.is("%pmpp")) limit = said.number() / 100.0;
        else if (said.is("temperature")) temperature = said.number();
        else if (said.is("%cutin")) cut_in = said.number();
        else if (said.is("%cutout")) cut_out = said.number();
        else if (said.is("effcurve")) efficiency = context.reference(said, Class::xy_curve);
        else if (said.is("p-tcurve")) by_temperature = context.reference(said, Class::xy_curve);
    });
    if (!can_be_placed(context, object, drawn)) return;
    double kw =
        irradiance * pmpp * (by_temperature == nullptr ? 1.0 : context.interpolate(*by_temperature, temperature));
    double const least = cut_out / 100.0 * drawn.kva;
    if (kw < least) kw = 0.0;
    if (efficiency != nullptr && kw > 0.0) kw *= context.interpolate(*efficiency, kw / drawn.kva);
    kw = std::min(kw, pmpp * limit);
    feeder::PvSystem row;
    row.inverter = make_inverter(context, object, drawn, drawn.within_rating(kw));
    row.max_p_w = pmpp * 1e3;
    auto const id = feeder::add_pv(context.feeder, row, object.name, context.mrid(object), object.name,
                                   context.mrid("inverter of " + describe(object)));
    context.elements[describe(object)] = {feeder::ElementKind::pv, id.value(), {row.inverter.bus}};
}

void read_storage(Context& context, Object const& object) {
    using State = feeder::Battery::State;
    Drawn drawn;
    drawn.kva = 25.0;
    bool has_kva = false;
    double kw_rated = 25.0, limit = 1.0, kwh = 50.0, stored = 50.0, reserve = 20.0, discharge = 100.0, charge = 100.0,
           idling = 1.0;
    auto state = State::waiting;
    context.replay(object, [&](Said const& said) {
        has_kva = has_kva || said.is("kva");
        if (drawn.take(said)) return;
        if (said.is("kwrated")) {
            kw_rated = said.number();
            if (!has_kva) drawn.kva = kw_rated;
        } else if (said.is("%kwrated")) limit = said.number() / 100.0;
        else if (said.is("kwhrated")) kwh = stored = said.number();
        else if (said.is("kwhstored")) stored = said.number();
        else if (said.is("%stored")) stored = kwh * said.number() / 100.0;
        else if (said.is("%reserve")) reserve = said.number();
        else if (said.is("%discharge")) discharge = said.number();
        else if (said.is("%charge")) charge = said.number();
        else if (said.is("%idlingkw")) idling = said.number();
        else if (said.is("kw")) {
            double const kw = said.number();
            state = kw > 0.0 ? State::discharging : kw < 0.0 ? State::charging : State::waiting;
            if (kw > 0.0) discharge = kw / kw_rated * 100.0;
            if (kw < 0.0) charge = -kw / kw_rated * 100.0;
        } else if (said.is("state"))
            state = starts_with(said.text(), "d")   ? State::discharging
                    : starts_with(said.text(), "c") ? State::charging
                                                    : State::waiting;
    });
    if (!can_be_placed(context, object, drawn)) return;
    // Full, it does not charge; at its reserve it does not discharge.
    if (state == State::charging && !(stored < kwh)) state = State::full;
    if (state == State::discharging && !(stored > kwh * reserve / 100.0)) state = State::empty;
    double const most = kw_rated * limit;
    double const kw = state == State::charging      ? -std::min(kw_rated * charge / 100.0, most)
                      : state == State::discharging ? std::min(kw_rated * discharge / 100.0, most)
                                                    : -kw_rated * idling / 100.0;
    feeder::Battery row;
    row.inverter = make_inverter(context, object, drawn, drawn.within_rating(kw));
    row.max_p_w = kw_rated * 1e3;
    row.min_p_w = -kw_rated * 1e3;
    row.rated_wh = kwh * 1e3;
    row.stored_wh = stored * 1e3;
    row.state = state;
    auto const id = feeder::add_battery(context.feeder, row, object.name, context.mrid(object), object.name,
                                        context.mrid("inverter of " + describe(object)));
    context.elements[describe(object)] = {feeder::ElementKind::battery, id.value(), {row.inverter.bus}};
}

/// A generator keeps its power factor when its active power is changed, and finds a new one when kvar is given.
void read_generator(Context& context, Object const& object) {
    Drawn drawn;
    double kw = 1000.0, kvar = 60.0, pf = 0.88, most = 120.0, least = -120.0;
    int model = 1;
    bool has_kva = false;
    auto const follow_pf = [&] {
        kvar = std::copysign(kw * std::sqrt(std::max(1.0 / (pf * pf) - 1.0, 0.0)), kw * pf);
        most = 2.0 * std::abs(kvar);
        least = -most;
    };
    drawn.kva = 1.2 * kw;
    context.replay(object, [&](Said const& said) {
        if (said.is("kw")) {
            kw = said.number();
            if (!has_kva) drawn.kva = 1.2 * kw;
            follow_pf();
        } else if (said.is("kvar")) {
            kvar = said.number();
            double const size = std::hypot(kw, kvar);
            pf = size > 0.0 && kw != 0.0 ? std::copysign(kw / size, kw * kvar) : 1.0;
            most = 2.0 * kvar;
            least = -most;
        } else if (said.is("maxkvar")) most = said.number();
        else if (said.is("minkvar")) least = said.number();
        else if (said.is("mva")) drawn.kva = said.number() * 1e3, has_kva = true;
        else if (said.is("model")) model = said.integer();
        else if (drawn.take(said)) {
            has_kva = has_kva || said.is("kva");
            if (!said.is("pf")) return;
            pf = drawn.pf;
            follow_pf();
        }
    });
    if (!can_be_placed(context, object, drawn)) return;
    if (model == 3) {
        kvar = std::clamp(kvar, std::min(least, most), std::max(least, most));
        context.assume("generator.model", object,
                       "model 3 holds a voltage: taken as a fixed injection of its kW and kvar");
    } else if (model != 1 && model != 4 && model != 5 && model != 7) {
        context.assume("generator.model", object, fmt::format("model {}: taken as a fixed injection", model));
    }
    double const multiplier = context.circuit.options.generation_multiplier;
    auto const spec = parse_bus(drawn.bus, conductors_of(drawn.is_delta, drawn.phases), drawn.phases);
    feeder::Machine row;
    row.bus = context.bus(spec.name);
    auto const seats = context.seats(object, spec, drawn.is_delta, drawn.phases);
    if (seats.connection == feeder::Connection::delta && seats.phases.size() != 3)
        return context.finding(object, "is connected between two phases",
                               "model it as a PVSystem, or with three phases");
    row.phases = seats.phases;
    row.p_w = kw * 1e3 * multiplier;
    row.q_var = kvar * 1e3 * multiplier;
    row.rated_va = drawn.kva * 1e3;
    row.rated_v = drawn.kv * 1e3;
    auto const id = context.feeder.machines.add(row, object.name, context.mrid(object));
    context.elements[describe(object)] = {feeder::ElementKind::machine, id.value(), {row.bus}};
}

}  // namespace

void read_source(Context& context) {
    for (auto const& object : context.circuit.objects(Class::vsource))
        if (object.enabled) {
            context.begin(object);
            read_one_source(context, object);
        }
}

void read_generation(Context& context) {
    auto const each = [&](Class kind, auto const& read) {
        for (auto const& object : context.circuit.objects(kind))
            if (object.enabled && !object.is_open()) {
                context.begin(object);
                read(context, object);
            }
    };
    each(Class::generator, read_generator);
    each(Class::pv_system, read_photovoltaic);
    each(Class::storage, read_storage);
}

}  // namespace dec::io::dss
