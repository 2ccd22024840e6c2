#include "dec/model/injections.hpp"

namespace dec::model {

namespace {

using feeder::Connection;
using feeder::PerPhase;
using feeder::PerUnit;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;

Eigen::Index place(Phase p) { return static_cast<Eigen::Index>(slot(p)); }

/// Where a device's part on one phase, or between one pair, draws its power, and the squared voltage it sees.
struct Seat {
    Eigen::Matrix<double, 6, 2> power;  ///< (P, Q) of the part to what the bus's phases deliver
    Eigen::RowVector3d voltage;
};

Seat seat(Connection connection, Phase p) {
    if (connection == Connection::delta) {
        auto const [m, n] = feeder::delta_pair(p);
        return {pair_power(m, n), pair_voltage(m, n)};
    }
    Seat s{Eigen::Matrix<double, 6, 2>::Zero(), Eigen::RowVector3d::Zero()};
    s.power(place(p), 0) = s.power(place(p) + 3, 1) = 1.0;
    s.voltage(place(p)) = 1.0;
    return s;
}

/// z of p(v) = p (1 + z/2 (v - 1)): twice the impedance share plus the current share, or the exponent.
Eigen::Vector2d voltage_exponents(feeder::LoadModel const& model) {
    if (model.exponential) return {model.p_exponent, model.q_exponent};
    return {2.0 * model.p_impedance + model.p_current, 2.0 * model.q_impedance + model.q_current};
}

LoadPoint near_nominal(feeder::Load const& load, Eigen::Vector2d exponents, PerUnit const& pu) {
    LoadPoint point;
    for (Phase p : load.phases.list()) {
        std::complex<double> const nominal{pu.power(load.p_w[slot(p)]), pu.power(load.q_var[slot(p)])};
        point.slope[slot(p)] = {0.5 * exponents(0) * nominal.real(), 0.5 * exponents(1) * nominal.imag()};
        point.constant[slot(p)] = nominal - point.slope[slot(p)];
    }
    return point;
}

void add_load(Injection& at, feeder::Load const& load, LoadPoint const& point) {
    auto const split = [](std::complex<double> s) { return Eigen::Vector2d{s.real(), s.imag()}; };
    for (Phase p : load.phases.list()) {
        auto const s = seat(load.connection, p);
        at.constant += s.power * split(point.constant[slot(p)]);
        at.slope += s.power * split(point.slope[slot(p)]) * s.voltage;
    }
}

void add_capacitor(Injection& at, feeder::Capacitor const& c, double base_v, PerUnit const& pu) {
    for (Phase p : c.phases.list()) {
        auto const s = seat(c.connection, p);
        double const b = pu.admittance(c.b_per_section_s[slot(p)] * c.sections[slot(p)], base_v);
        at.slope -= b * s.power.col(1) * s.voltage;
    }
}

Vector6 drawn(Connection connection, PhaseSet phases, PerPhase const& p_w, PerPhase const& q_var, PerUnit const& pu) {
    Vector6 sum = Vector6::Zero();
    for (Phase p : phases.list())
        sum += seat(connection, p).power * Eigen::Vector2d{pu.power(p_w[slot(p)]), pu.power(q_var[slot(p)])};
    return sum;
}

}  // namespace

void Injections::add(std::size_t i, Injection const& more) {
    Eigen::Map<Vector6>{constant_.data() + 6 * i} += more.constant;
    if (more.slope.isZero(0.0)) return;
    auto& row = slope_row_[i];
    if (row < 0) {
        row = static_cast<std::int32_t>(slopes_.size());
        slopes_.push_back(Matrix63::Zero());
    }
    slopes_[static_cast<std::size_t>(row)] += more.slope;
}

Injections injections(partition::Piece const& piece, PerUnit const& pu, std::span<LoadPoint const> loads) {
    auto const& feeder = piece.feeder;
    Injections result{piece.own};
    auto const add_at = [&](core::Index<feeder::Bus> bus, auto const& drawn_there) {
        if (auto const vertex = piece.vertex_of_bus[bus.at()]; vertex >= 0) {
            Injection more;
            drawn_there(more);
            result.add(static_cast<std::size_t>(vertex), more);
        }
    };
    for (std::size_t i = 0; i < feeder.loads.size(); ++i) {
        auto const& load = feeder.loads.rows()[i];
        add_at(load.bus, [&](Injection& more) {
            if (!loads.empty()) {
                add_load(more, load, loads[i]);
                return;
            }
            Eigen::Vector2d const exponents =
                load.model.valid() ? voltage_exponents(feeder.load_models[load.model]) : Eigen::Vector2d{0.0, 0.0};
            add_load(more, load, near_nominal(load, exponents, pu));
        });
    }
    for (auto const& c : feeder.capacitors.rows())
        add_at(c.bus, [&](Injection& more) { add_capacitor(more, c, feeder.buses[c.bus].base_v, pu); });
    for (auto const& m : feeder.machines.rows())
        add_at(m.bus, [&](Injection& more) {
            PerPhase p{}, q{};
            for (Phase phase : m.phases.list()) {
                p[slot(phase)] = m.p_w / static_cast<double>(m.phases.size());
                q[slot(phase)] = m.q_var / static_cast<double>(m.phases.size());
            }
            more.constant -= drawn(Connection::wye, m.phases, p, q, pu);
        });
    auto const add_inverter = [&](feeder::Inverter const& inverter) {
        add_at(inverter.bus, [&](Injection& more) {
            more.constant -= drawn(inverter.connection, inverter.phases, inverter.p_w, inverter.q_var, pu);
        });
    };
    for (auto const& battery : feeder.batteries.rows()) add_inverter(battery.inverter);
    for (auto const& pv : feeder.pv_systems.rows()) add_inverter(pv.inverter);
    return result;
}

std::vector<Der> ders(partition::Piece const& piece, PerUnit const& pu) {
    std::vector<Der> result;
    result.reserve(piece.feeder.pv_systems.size());
    for (auto const& pv : piece.feeder.pv_systems.rows()) {
        Der der;
        der.vertex = piece.vertex_of_bus[pv.inverter.bus.at()];
        if (der.vertex >= 0) {
            auto const& p = pv.inverter.p_w;
            der.available = pu.power(p[0] + p[1] + p[2]);
            der.full = drawn(pv.inverter.connection, pv.inverter.phases, pv.inverter.p_w, {}, pu);
            der.rated = pu.power(pv.inverter.rated_va);
            der.own_reactive = -drawn(pv.inverter.connection, pv.inverter.phases, {}, pv.inverter.q_var, pu);
            PerPhase share{};
            for (Phase phase : pv.inverter.phases.list()) {
                auto const s = slot(phase);
                der.reactive += pu.power(pv.inverter.q_var[s]);
                share[s] = pu.power_si(der.available > 0.0 ? pu.power(p[s]) / der.available
                                                           : 1.0 / static_cast<double>(pv.inverter.phases.size()));
            }
            der.per_reactive = drawn(pv.inverter.connection, pv.inverter.phases, {}, share, pu);
        }
        result.push_back(der);
    }
    return result;
}

}  // namespace dec::model
