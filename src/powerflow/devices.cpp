#include "devices.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "branch.hpp"

namespace dec::powerflow {

namespace {

using feeder::Connection;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;
using partition::Piece;

/// Phases between which a device's part `p` sits; a second of the same: to ground.
std::array<Phase, 2> ends(Connection connection, Phase p) {
    return connection == Connection::delta ? feeder::delta_pair(p) : std::array{p, p};
}

struct Ratings {
    double nominal_v = feeder::unknown, low_pu = feeder::unknown, high_pu = feeder::unknown;
};

class Collecting {
  public:
    Collecting(Piece const& piece, Settings const& settings) : piece_{piece}, settings_{settings} {}

    /// \param own of the device itself: nominal voltage across a place of it, V, and limits in pu of it; NaN where usual.
    void add(core::Index<feeder::Bus> bus, Connection connection, PhaseSet phases, DeviceKind kind, std::size_t element,
             feeder::LoadModel const& model, auto const& va, Ratings const& own = {}) {
        auto const vertex = piece_.vertex_of_bus[bus.at()];
        if (vertex < 0) return;
        auto const& there = piece_.vertices[static_cast<std::size_t>(vertex)];
        auto [low, high, floor] = limits_of(kind, settings_.load_limits);
        if (settings_.load_limits == LoadLimits::file) {
            if (std::isfinite(own.low_pu)) low = own.low_pu;
            if (std::isfinite(own.high_pu)) high = own.high_pu;
            floor = std::min(floor, low);
        }
        for (Phase p : phases.list()) {
            Complex const s = std::conj(va(slot(p))) / settings_.per_unit.base_va;
            if (s == Complex{}) continue;
            auto const [m, n] = ends(connection, p);
            Device d{.vertex = vertex,
                     .kind = kind,
                     .element = static_cast<std::int32_t>(element),
                     .place = static_cast<std::int8_t>(slot(p)),
                     .low = low,
                     .high = high,
                     .floor = floor,
                     .own_high = high};
            seat(d, there, m, n);
            if (m != n) d.nominal = d.unit = feeder::is_leg(m) ? 2.0 : std::numbers::sqrt3;
            if (std::isfinite(own.nominal_v)) d.nominal = own.nominal_v / piece_.feeder.buses[bus].base_v;
            d.exponential = model.exponential;
            d.steps = std::isfinite(own.low_pu);
            d.p_exponent = model.p_exponent;
            d.q_exponent = model.q_exponent;
            d.power = s;
            if (!model.exponential) {
                d.impedance = {s.real() * model.p_impedance, s.imag() * model.q_impedance};
                d.current = {s.real() * model.p_current, s.imag() * model.q_current};
                d.power = {s.real() * model.p_power, s.imag() * model.q_power};
            }
            list_.push_back(d);
        }
    }

    std::vector<Device> take() {
        std::ranges::stable_sort(list_, {}, &Device::vertex);
        return std::move(list_);
    }

  private:
    /// Between m and n, or m and ground if they are the same.
    static void seat(Device& d, partition::LocalVertex const& there, Phase m, Phase n) {
        auto const row = [&](Phase p) { return static_cast<std::int8_t>(there.phases.position(p)); };
        d.row = {row(m), m == n ? std::int8_t{-1} : row(n)};
        if (!has_differences(there)) return;
        auto const last = static_cast<std::int8_t>(there.phases.size() - 1);
        d.has_limit = m != n;
        if (m == n && d.row[0] != last) {
            d.row[1] = last;
            d.sign[1] = 1.0;
        } else if (m != n) {
            for (auto& r : d.row)
                if (r == last) r = -1;
        }
    }

    Piece const& piece_;
    Settings const& settings_;
    std::vector<Device> list_;
};

/// conj(S(r)) and r times its derivative.
struct Drawn {
    Complex value, slope;
};
Drawn drawn(Device const& d, double r) {
    if (d.exponential) {
        double const p = d.power.real() * std::pow(r, d.p_exponent);
        double const q = d.power.imag() * std::pow(r, d.q_exponent);
        return {{p, q}, {p * d.p_exponent, q * d.q_exponent}};
    }
    Complex const z = d.impedance * (r * r);
    Complex const i = d.current * r;
    return {z + i + d.power, 2.0 * z + i};
}

/// conj(S) at a limit r, where the impedance begins.
Complex drawn_at_limit(Device const& d, double r) { return drawn(d, d.exponential && d.steps ? 1.0 : r).value; }

/// Between its lower limit and the floor: a current that falls in a line to that of the nominal impedance.
Drawn below_limit(Device const& d, double r) {
    Complex const at_limit = drawn_at_limit(d, d.low) / d.low, at_floor = drawn(d, 1.0).value * d.floor;
    Complex const slope = (at_limit - at_floor) / (d.low - d.floor);
    Complex const offset = at_floor - slope * d.floor;
    return {(offset + slope * r) * r, (offset + 2.0 * slope * r) * r};
}

bool is_impedance(Device const& d, double r) { return d.stays_above || r < d.floor || r > d.high; }
/// The admittance a device turns into beyond its limits: above, or where its lower limit is the floor, that which it has there.
Complex admittance(Device const& d, double r) {
    double const limit = d.stays_above || r > d.high ? d.high : d.floor < d.low ? 1.0 : d.low;
    double const volts = limit * d.nominal;
    return drawn_at_limit(d, limit) / (volts * volts);
}

}  // namespace

DeviceLimits limits_of(DeviceKind kind, LoadLimits which) {
    if (which == LoadLimits::wide) return {0.5, 1.5, 0.5};
    return kind == DeviceKind::load ? DeviceLimits{0.95, 1.05, 0.5} : DeviceLimits{0.90, 1.10, 0.90};
}

Complex current(Device const& d, Complex v) {
    double const v_sq = std::norm(v);
    double const r = std::sqrt(v_sq) / d.nominal;
    if (is_impedance(d, r)) return admittance(d, r) * v;
    return v * ((r < d.low ? below_limit(d, r) : drawn(d, r)).value / v_sq);
}

DeviceCurrent linearised(Device const& d, Complex v) {
    double const v_sq = std::norm(v);
    double const r = std::sqrt(v_sq) / d.nominal;
    if (is_impedance(d, r)) {
        Complex const y = admittance(d, r);
        return {y * v, y, {}};
    }
    // I = k(|V|) V with k = conj(S)/|V|^2, and d|V| = Re(conj(V) dV)/|V|.
    auto const [value, slope] = r < d.low ? below_limit(d, r) : drawn(d, r);
    return {v * (value / v_sq), slope / (2.0 * v_sq), (0.5 * slope - value) * (v * v) / (v_sq * v_sq)};
}

DevicePower drawn_power(Device const& d, double v) {
    double const r = v / d.nominal, v_sq = v * v / (d.unit * d.unit);
    if (is_impedance(d, r)) {
        Complex const s = admittance(d, r) * (v * v);
        return {std::conj(s), std::conj(s) / v_sq};
    }
    auto const [value, slope] = r < d.low ? below_limit(d, r) : drawn(d, r);
    return {std::conj(value), std::conj(slope) / (2.0 * v_sq)};
}

std::vector<Device> devices(Piece const& piece, Settings const& settings) {
    auto const& f = piece.feeder;
    Collecting all{piece, settings};
    feeder::LoadModel const constant_power;
    for (std::size_t i = 0; i < f.loads.size(); ++i) {
        auto const& load = f.loads.rows()[i];
        all.add(load.bus, load.connection, load.phases, DeviceKind::load, i,
                load.model.valid() ? f.load_models[load.model] : constant_power,
                [&](std::size_t k) {
                    return Complex{load.p_w[k], load.q_var[k]};
                },
                {load.nominal_v, load.low_pu, load.high_pu});
    }
    for (std::size_t i = 0; i < f.machines.size(); ++i) {
        auto const& m = f.machines.rows()[i];
        all.add(m.bus, Connection::wye, m.phases, DeviceKind::machine, i, constant_power, [&](std::size_t) {
            return -Complex{m.p_w, m.q_var} / static_cast<double>(m.phases.size());
        });
    }
    auto const add_inverter = [&](feeder::Inverter const& inverter, DeviceKind kind, std::size_t i, double scale) {
        all.add(inverter.bus, inverter.connection, inverter.phases, kind, i, constant_power, [&](std::size_t k) {
            return -scale * Complex{inverter.p_w[k], inverter.q_var[k]};
        });
    };
    for (std::size_t i = 0; i < f.batteries.size(); ++i)
        add_inverter(f.batteries.rows()[i].inverter, DeviceKind::battery, i, 1.0);
    for (std::size_t i = 0; i < f.pv_systems.size(); ++i)
        add_inverter(f.pv_systems.rows()[i].inverter, DeviceKind::pv, i, settings.pv_scale);
    return all.take();
}

std::vector<Follower> followers(Piece const& piece, Settings const& settings, std::vector<Device> const& devices) {
    std::vector<Follower> all;
    if (settings.curves.empty()) return all;
    for (std::size_t d = 0; d < devices.size(); ++d) {
        if (devices[d].kind != DeviceKind::pv) continue;
        bool const same = !all.empty() && all.back().first + all.back().count == d &&
                          devices[all.back().first].element == devices[d].element;
        if (!same) all.push_back({.vertex = devices[d].vertex, .first = d});
        ++all.back().count;
    }
    for (auto& follower : all) {
        auto const& pv = piece.feeder.pv_systems.rows()[static_cast<std::size_t>(devices[follower.first].element)];
        Complex sum;
        for (std::size_t k = 0; k < follower.count; ++k) sum += devices[follower.first + k].power;
        // Powers of devices are conjugates of what is drawn.
        follower.rating = {.available_w = -sum.real() * settings.per_unit.base_va,
                           .q_var = sum.imag() * settings.per_unit.base_va,
                           .rated_w = pv.max_p_w > 0.0 ? pv.max_p_w : pv.inverter.rated_va,
                           .rated_va = pv.inverter.rated_va};
        for (std::size_t k = 0; k < follower.count; ++k)
            follower.share[k] = sum.real() == 0.0 ? 0.0 : devices[follower.first + k].power.real() / sum.real();
    }
    return all;
}

Capacitors capacitors(Piece const& piece, std::span<feeder::PerPhase const> sections, feeder::PerUnit const& pu) {
    Capacitors all;
    all.row.assign(piece.own, -1);
    std::vector<std::size_t> vertex_of_row;
    for (std::size_t i = 0; i < sections.size(); ++i) {
        auto const& c = piece.feeder.capacitors.rows()[i];
        auto const vertex = piece.vertex_of_bus[c.bus.at()];
        if (vertex < 0) continue;
        auto const there = piece.vertices[static_cast<std::size_t>(vertex)].phases;
        auto& row = all.row[static_cast<std::size_t>(vertex)];
        if (row < 0) {
            row = static_cast<std::int32_t>(all.places.size());
            all.places.emplace_back(Eigen::Matrix3cd::Zero());
            vertex_of_row.push_back(static_cast<std::size_t>(vertex));
        }
        auto& y = all.places[static_cast<std::size_t>(row)];
        auto const place = [&](Phase p) { return static_cast<Eigen::Index>(there.position(p)); };
        auto const siemens = [&](Phase p) {
            return Complex{0.0, pu.admittance(c.b_per_section_s[slot(p)] * sections[i][slot(p)],
                                              piece.feeder.buses[c.bus].base_v)};
        };
        if (c.connection == Connection::delta) {
            // The susceptance is that of the wye with the same reactive power.
            for (Phase p : c.phases.list()) {
                auto const [m, n] = feeder::delta_pair(p);
                Complex const b = siemens(p) / (feeder::is_leg(m) ? 4.0 : 3.0);
                y(place(m), place(m)) += b;
                y(place(n), place(n)) += b;
                y(place(m), place(n)) -= b;
                y(place(n), place(m)) -= b;
            }
            continue;
        }
        Complex sum;
        for (Phase p : c.phases.list()) sum += siemens(p);
        for (Phase p : c.phases.list()) {
            y(place(p), place(p)) += siemens(p);
            // A free neutral stands at the mean of its phases, weighted by their susceptances.
            if (c.grounded || sum == Complex{}) continue;
            for (Phase q : c.phases.list()) y(place(p), place(q)) -= siemens(p) * siemens(q) / sum;
        }
    }
    all.coordinates = all.places;
    for (std::size_t row = 0; row < vertex_of_row.size(); ++row) {
        auto const m = basis(piece.vertices[vertex_of_row[row]]);
        auto corner = all.coordinates[row].topLeftCorner(m.rows(), m.rows());
        corner = (m.transpose() * corner * m).eval();
    }
    return all;
}

}  // namespace dec::powerflow
