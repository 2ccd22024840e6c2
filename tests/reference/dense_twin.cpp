#include "reference/dense_twin.hpp"

#include <cmath>
#include <stdexcept>

#include "reference/balanced.hpp"

namespace dec::test {

using namespace feeder;

namespace {

using Complex = std::complex<double>;
using Drop = Eigen::Matrix<double, 3, 6>;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

int at(Phase p) { return static_cast<int>(slot(p)); }
Phase phase_of_place(int place, bool legs) {
    return legs ? (place == 0 ? Phase::s1 : Phase::s2) : static_cast<Phase>(place);
}
bool ends_in_neutral(Transformer const& unit, std::size_t w) {
    auto const& c = unit.winding[w].conductors;
    return c[0] == Conductor::neutral || c[1] == Conductor::neutral;
}

/// Rows of the derivative of `squares` with respect to the power drawn, S = P + jQ of each place, where no current flows.
/// Currents are conj(S / V) at unit phasors; `squares` takes the voltage differences that Z and the currents make.
template <class Squares>
Drop derivative(Eigen::Matrix3cd const& z_ohm, bool legs, Squares const& squares) {
    constexpr double step = 1e-3;
    Drop drop;
    Eigen::Vector3cd unit;
    for (int i = 0; i < 3; ++i) unit(i) = unit_phasor(phase_of_place(i, legs));
    for (int n = 0; n < 6; ++n) {
        auto const upstream = [&](double size) {
            Eigen::Vector3cd current = Eigen::Vector3cd::Zero();
            current(n % 3) = std::conj((n < 3 ? Complex{size} : Complex{0.0, size}) / unit(n % 3));
            return squares(Eigen::Vector3cd{unit + z_ohm * current});
        };
        drop.col(n) = (upstream(step) - upstream(-step)) / (2.0 * step);
    }
    return drop / 1000.0;  // ohm and kVA make 1e-3 kV^2
}

Drop phase_drop(Eigen::Matrix3cd const& z_ohm, bool legs) {
    return derivative(z_ohm, legs, [](Eigen::Vector3cd const& v) { return Eigen::Vector3d{v.cwiseAbs2()}; });
}
/// Of |V_m - V_n|^2 / 3.
Drop pair_drop(Eigen::Matrix3cd const& z_ohm) {
    return derivative(z_ohm, false, [](Eigen::Vector3cd const& v) {
        return Eigen::Vector3d{std::norm(v(0) - v(1)) / 3.0, std::norm(v(1) - v(2)) / 3.0,
                               std::norm(v(2) - v(0)) / 3.0};
    });
}

void multiply(Eigen::Matrix<double, 6, 6>& lift, int to, int from, Complex factor) {
    lift(to, from) += factor.real();
    lift(to, from + 3) -= factor.imag();
    lift(to + 3, from) += factor.imag();
    lift(to + 3, from + 3) += factor.real();
}

Eigen::Matrix3d pair_means() {
    Eigen::Matrix3d h;
    h << 0.5, 0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 0.5;
    return h;
}

/// The phases, with signs, whose sum stands in phase with `target`: one phase, or a difference of two.
struct Match {
    int plus = -1, minus = -1;
};
Match in_phase_with(Complex target) {
    auto const v = [](int i) { return i < 0 ? Complex{} : unit_phasor(static_cast<Phase>(i)); };
    for (int plus = -1; plus < 3; ++plus)
        for (int minus = -1; minus < 3; ++minus) {
            Complex const sum = v(plus) - v(minus);
            if (plus == minus || std::abs(sum / std::abs(sum) - target / std::abs(target)) > 1e-9) continue;
            return {plus, minus};
        }
    throw std::logic_error{"no winding stands at this clock"};
}

}  // namespace

DenseTwin::DenseTwin(Feeder const& feeder, std::optional<double> source_voltage_pu) : feeder_{feeder} {
    places_.resize(feeder.buses.size() + feeder.transformers.size() + 1);
    auto const& source = feeder.sources.rows()[0];
    double const kv =
        (source_voltage_pu ? *source_voltage_pu * source.nominal_v : source.voltage_v) / std::sqrt(3.0) / 1000.0;
    source_kv_sq_ = kv * kv;
    places_.back().phases = PhaseSet::abc();
    grow();
    place_devices();
    assemble();
}

void DenseTwin::grow() {
    auto const& source = feeder_.sources.rows()[0];
    Eigen::Matrix3cd z;
    Complex const z1{source.r_ohm, source.x_ohm}, z0{source.r0_ohm, source.x0_ohm};
    for (int m = 0; m < 3; ++m)
        for (int n = 0; n < 3; ++n) z(m, n) = m == n ? (z0 + 2.0 * z1) / 3.0 : (z0 - z1) / 3.0;
    try_series(static_cast<int>(places_.size()) - 1, source.bus.value(), PhaseSet::abc(), z);

    // Whatever joins a place that is reached to one that is not: again and again until nothing is added.
    std::vector<bool> lines(feeder_.lines.size()), switches(feeder_.switches.size()),
        compensators(feeder_.series_compensators.size()), units(feeder_.transformers.size());
    bool grown = true;
    auto const once = [&](std::vector<bool>& done, std::size_t i, bool joined) {
        if (!joined) return;
        done[i] = true;
        grown = true;
    };
    while (grown) {
        grown = false;
        for (auto id : feeder_.lines.ids()) {
            if (lines[id.at()]) continue;
            auto const& line = feeder_.lines[id];
            auto const& code = feeder_.line_codes[line.code];
            double const length = code.form == LineCode::Form::whole_line ? 1.0 : line.length_m;
            Eigen::Matrix3cd ohm = Eigen::Matrix3cd::Zero();
            for (std::size_t i = 0; i < line.conductors; ++i)
                for (std::size_t k = 0; k < line.conductors; ++k)
                    ohm(at(line.phases[i]), at(line.phases[k])) = Complex{code.r_ohm[i][k], code.x_ohm[i][k]} * length;
            once(lines, id.at(), try_series(line.from.value(), line.to.value(), line.phase_set(), ohm));
        }
        for (auto id : feeder_.switches.ids()) {
            if (switches[id.at()]) continue;
            auto const& s = feeder_.switches[id];
            once(switches, id.at(), try_series(s.from.value(), s.to.value(), s.closed, Eigen::Matrix3cd::Zero()));
        }
        for (auto id : feeder_.series_compensators.ids()) {
            if (compensators[id.at()]) continue;
            auto const& c = feeder_.series_compensators[id];
            Complex const positive{c.r_ohm, c.x_ohm}, zero{c.r0_ohm, c.x0_ohm};
            Eigen::Matrix3cd ohm = Eigen::Matrix3cd::Zero();
            for (Phase m : c.phases.list())
                for (Phase n : c.phases.list())
                    ohm(at(m), at(n)) = m == n ? (zero + 2.0 * positive) / 3.0 : (zero - positive) / 3.0;
            once(compensators, id.at(), try_series(c.from.value(), c.to.value(), c.phases, ohm));
        }
        for (auto id : feeder_.transformers.ids())
            if (!units[id.at()]) once(units, id.at(), try_unit(id));
    }
}

void DenseTwin::add(Edge const& edge, bool floating) {
    auto& place = places_[static_cast<std::size_t>(edge.down)];
    place.phases = place.phases | edge.phases;
    place.floating = floating;
    edges_.push_back(edge);
}

bool DenseTwin::try_series(int from, int to, PhaseSet phases, Eigen::Matrix3cd const& z_ohm) {
    auto phases_of = [&](int place) { return places_[static_cast<std::size_t>(place)].phases; };
    if (phases_of(from).empty()) std::swap(from, to);
    auto const carried = phases_of(from) & phases;
    if (carried.empty() || !phases_of(to).empty()) return false;
    Eigen::Matrix3cd z = z_ohm;
    for (int i = 0; i < 3; ++i)
        if (!carried.contains(phase_of_place(i, carried.has_legs()))) {
            z.row(i).setZero();
            z.col(i).setZero();
        }
    bool const floating = places_[static_cast<std::size_t>(from)].floating;
    Edge edge{.up = from, .down = to, .phases = carried, .by_pairs = floating && carried.size() == 3};
    for (Phase p : carried.list()) {
        edge.ratio(at(p), at(p)) = 1.0;
        multiply(edge.lift, at(p), at(p), 1.0);
    }
    if (edge.by_pairs) edge.ratio = pair_means();
    edge.drop = edge.by_pairs ? pair_drop(z) : phase_drop(z, carried.has_legs());
    if (floating && carried.size() == 2)
        for (int m = 0; m < 3; ++m)
            if (int const n = (m + 1) % 3;
                carried.contains(static_cast<Phase>(m)) && carried.contains(static_cast<Phase>(n)))
                edge.drop.row(m) = edge.drop.row(n) = pair_drop(z).row(m);
    add(edge, floating);
    return true;
}

std::array<double, 3> DenseTwin::tapped_volts(Index<Transformer> id) const {
    std::array<double, 3> volts{};
    for (std::size_t w = 0; w < 3; ++w)
        volts[w] = feeder_.transformer_codes[feeder_.transformers[id].code].winding[w].rated_v;
    for (auto const& tap : feeder_.tap_changers.rows())
        if (tap.transformer == id)
            volts[tap.winding] *= 1.0 + (tap.step - tap.neutral_step) * tap.increment_percent / 100.0;
    return volts;
}

bool DenseTwin::try_unit(Index<Transformer> id) {
    auto const& unit = feeder_.transformers[id];
    auto const& code = feeder_.transformer_codes[unit.code];
    bool const legs_of_one_bus = code.windings == 3 && unit.winding[1].bus == unit.winding[2].bus;
    if (code.windings == 3 && !legs_of_one_bus) return try_star(id);
    auto const there = [&](std::size_t w) { return places_[unit.winding[w].bus.at()].phases; };
    std::size_t const up = !there(0).empty() && there(0).contains(unit.phases(0)) ? 0 : 1;
    if (there(up).empty() || !there(up).contains(unit.phases(up))) return false;
    auto const volts = tapped_volts(id);
    if (legs_of_one_bus) centre_tap(unit, volts);
    else if (unit.phases(1 - up).size() == 3) three_phases(unit, volts, up, 1 - up);
    else single_coil(unit, volts, up, 1 - up);
    return true;
}

/// Squared kV across a coil's upstream seat, times the turns, become row `row`; its power is drawn there.
void DenseTwin::see_upstream(Edge& edge, Transformer const& unit, std::size_t up, int row, double turns_sq) const {
    auto const& conductors = unit.winding[up].conductors;
    if (ends_in_neutral(unit, up)) {
        auto const p = *phase_of(conductors[0] == Conductor::neutral ? conductors[1] : conductors[0]);
        edge.ratio(row, at(p)) = turns_sq;
        multiply(edge.lift, at(p), row, 1.0);
        return;
    }
    auto const m = *phase_of(conductors[0]), n = *phase_of(conductors[1]);
    Complex const across = unit_phasor(m) - unit_phasor(n);
    edge.ratio(row, at(m)) = edge.ratio(row, at(n)) = 1.5 * turns_sq;
    multiply(edge.lift, at(m), row, unit_phasor(m) / across);
    multiply(edge.lift, at(n), row, -unit_phasor(n) / across);
}

void DenseTwin::single_coil(Transformer const& unit, std::array<double, 3> const& volts, std::size_t up,
                            std::size_t down) {
    auto const& test = feeder_.transformer_codes[unit.code].short_circuit[0];
    double const rated = feeder_.transformer_codes[unit.code].winding[test.from].rated_v;
    Complex const z = Complex{test.r_ohm, test.x_ohm} * (volts[down] / rated) * (volts[down] / rated);
    auto const p = *unit.phases(down).list().begin();
    Edge edge{.up = unit.winding[up].bus.value(), .down = unit.winding[down].bus.value(), .phases = {p}};
    see_upstream(edge, unit, up, at(p), volts[down] * volts[down] / (volts[up] * volts[up]));
    edge.drop(at(p), at(p)) = 2.0 * z.real() / 1000.0;
    edge.drop(at(p), at(p) + 3) = 2.0 * z.imag() / 1000.0;
    add(edge, false);
}

void DenseTwin::centre_tap(Transformer const& unit, std::array<double, 3> const& volts) {
    auto const& code = feeder_.transformer_codes[unit.code];
    auto const ohm_at_a_leg = [&](std::size_t k) {
        auto const& test = code.short_circuit[k];
        double const turns = code.winding[1].rated_v / code.winding[test.from].rated_v;
        return Complex{test.r_ohm, test.x_ohm} * turns * turns;
    };
    Complex const z0 = 0.5 * (ohm_at_a_leg(0) + ohm_at_a_leg(1) - ohm_at_a_leg(2));
    Edge edge{.up = unit.winding[0].bus.value(), .down = unit.winding[1].bus.value(), .phases = PhaseSet::split()};
    for (std::size_t w = 1; w < 3; ++w) {
        int const leg = at(*unit.phases(w).list().begin());
        Complex const own = ohm_at_a_leg(w - 1) - z0;
        see_upstream(edge, unit, 0, leg, volts[w] * volts[w] / (volts[0] * volts[0]));
        // v_s1 = tau^2 v_m - 2[(r0 + r1) P_s1 + r0 P_s2] - 2[(x0 + x1) Q_s1 + x0 Q_s2]
        for (int other = 0; other < 2; ++other) {
            Complex const z = z0 + (other == leg ? own : Complex{});
            edge.drop(leg, other) = 2.0 * z.real() / 1000.0;
            edge.drop(leg, other + 3) = 2.0 * z.imag() / 1000.0;
        }
    }
    add(edge, false);
}

void DenseTwin::three_phases(Transformer const& unit, std::array<double, 3> const& volts, std::size_t up,
                             std::size_t down) {
    auto const& code = feeder_.transformer_codes[unit.code];
    auto const& test = code.short_circuit[0];
    double const turns_sq = volts[down] * volts[down] / (volts[up] * volts[up]);
    double const rated = code.winding[test.from].rated_v;
    Complex const z = Complex{test.r_ohm, test.x_ohm} * (volts[down] / rated) * (volts[down] / rated);
    bool const floating = code.winding[down].connection == Connection::delta;
    double const lag = (code.winding[down].clock - code.winding[up].clock) * std::numbers::pi / 6.0;
    Edge edge{.up = unit.winding[up].bus.value(),
              .down = unit.winding[down].bus.value(),
              .phases = PhaseSet::abc(),
              .by_pairs = floating};
    auto const downstream = [&](int k) { return std::polar(1.0, -lag) * unit_phasor(static_cast<Phase>(k % 3)); };
    auto const rows = [&](int row, Match const& match) {
        if (match.plus >= 0 && match.minus >= 0)
            edge.ratio(row, match.plus) = edge.ratio(row, match.minus) = 0.5 * turns_sq;
        else edge.ratio(row, std::max(match.plus, match.minus)) = turns_sq;
    };
    for (int k = 0; k < 3; ++k) {
        auto const match = in_phase_with(downstream(k));
        rows(k, floating ? in_phase_with(downstream(k) - downstream(k + 1)) : match);
        double const windings = match.plus >= 0 && match.minus >= 0 ? std::sqrt(3.0) : 1.0;
        if (match.plus >= 0)
            multiply(edge.lift, match.plus, k,
                     unit_phasor(static_cast<Phase>(match.plus)) / (windings * downstream(k)));
        if (match.minus >= 0)
            multiply(edge.lift, match.minus, k,
                     -unit_phasor(static_cast<Phase>(match.minus)) / (windings * downstream(k)));
    }
    Eigen::Matrix3cd const matrix = z * Eigen::Matrix3cd::Identity();
    edge.drop = floating ? pair_drop(matrix) : phase_drop(matrix, false);
    add(edge, floating);
}

/// A three-phase unit of three wye windings, all at one clock. The star point is counted in pu of rated kV.
bool DenseTwin::try_star(Index<Transformer> id) {
    auto const& unit = feeder_.transformers[id];
    auto const& code = feeder_.transformer_codes[unit.code];
    std::size_t up = 0;
    while (up < 3 && places_[unit.winding[up].bus.at()].phases != PhaseSet::abc()) ++up;
    if (up == 3) return false;
    auto const volts = tapped_volts(id);
    auto const to_neutral_kv = [](double line_to_line) { return line_to_line / std::sqrt(3.0) / 1000.0; };
    std::array<Complex, 3> tests;
    for (std::size_t k = 0; k < 3; ++k) {
        auto const& test = code.short_circuit[k];
        double const kv = to_neutral_kv(code.winding[test.from].rated_v);
        tests[k] = Complex{test.r_ohm, test.x_ohm} / (kv * kv) / 1000.0;  // pu of 1 kVA
    }
    std::array const star{0.5 * (tests[0] + tests[1] - tests[2]), 0.5 * (tests[0] + tests[2] - tests[1]),
                          0.5 * (tests[1] + tests[2] - tests[0])};
    int const point = static_cast<int>(feeder_.buses.size()) + id.value();
    for (std::size_t i = 0; i < 3; ++i) {
        std::size_t const w = i == 0 ? up : (up + i) % 3;
        double const kv = to_neutral_kv(volts[w]);
        int const bus = unit.winding[w].bus.value();
        Edge edge{.up = i == 0 ? bus : point, .down = i == 0 ? point : bus, .phases = PhaseSet::abc()};
        double const scale = i == 0 ? 1.0 : kv * kv;
        for (int k = 0; k < 3; ++k) {
            edge.ratio(k, k) = i == 0 ? 1.0 / (kv * kv) : kv * kv;
            edge.drop(k, k) = 2.0 * star[w].real() * scale;
            edge.drop(k, k + 3) = 2.0 * star[w].imag() * scale;
            multiply(edge.lift, k, k, 1.0);
        }
        add(edge, false);
    }
    return true;
}

void DenseTwin::add_device(Index<Bus> bus, Connection connection, Phase phase, Complex kva,
                           std::array<double, 2> exponents) {
    auto& place = places_[bus.at()];
    if (place.phases.empty()) return;
    double const kv = feeder_.buses[bus].base_v / 1000.0;
    bool const pair = connection == Connection::delta;
    auto const m = pair ? delta_pair(phase)[0] : phase;
    auto const n = pair ? delta_pair(phase)[1] : phase;
    Complex const across = unit_phasor(m) - (pair ? unit_phasor(n) : Complex{});
    auto const ends = pair ? std::vector<Phase>{m, n} : std::vector<Phase>{m};
    for (Phase end : ends) {
        Complex const share = pair ? (end == m ? unit_phasor(m) : -unit_phasor(n)) / across : Complex{1.0};
        // P and Q answer to the device's own voltage each in its way: split the power's two parts.
        for (auto const& [part, exponent] :
             {std::pair{Complex{kva.real(), 0.0}, exponents[0]}, std::pair{Complex{0.0, kva.imag()}, exponents[1]}}) {
            Eigen::Matrix<double, 6, 1> drawn = Eigen::Matrix<double, 6, 1>::Zero();
            drawn(at(end)) = (part * share).real();
            drawn(at(end) + 3) = (part * share).imag();
            place.constant += (1.0 - 0.5 * exponent) * drawn;
            for (Phase sensed : ends)
                place.slope.col(at(sensed)) += 0.5 * exponent * drawn / (kv * kv * static_cast<double>(ends.size()));
        }
    }
}

void DenseTwin::place_devices() {
    for (auto const& load : feeder_.loads.rows()) {
        std::array<double, 2> exponents{};
        if (load.model.valid()) {
            auto const& m = feeder_.load_models[load.model];
            exponents = m.exponential
                            ? std::array{m.p_exponent, m.q_exponent}
                            : std::array{2.0 * m.p_impedance + m.p_current, 2.0 * m.q_impedance + m.q_current};
        }
        for (Phase p : load.phases.list())
            add_device(load.bus, load.connection, p, Complex{load.p_w[slot(p)], load.q_var[slot(p)]} / 1000.0,
                       exponents);
    }
    for (auto const& c : feeder_.capacitors.rows()) {
        double const base_v = feeder_.buses[c.bus].base_v;
        for (Phase p : c.phases.list())
            add_device(c.bus, c.connection, p,
                       Complex{0.0, -c.b_per_section_s[slot(p)] * c.sections[slot(p)] * base_v * base_v / 1000.0},
                       {2.0, 2.0});
    }
    for (auto const& m : feeder_.machines.rows())
        for (Phase p : m.phases.list())
            add_device(m.bus, Connection::wye, p,
                       -Complex{m.p_w, m.q_var} / (1000.0 * static_cast<double>(m.phases.size())), {});
    auto const inverter = [&](Inverter const& i) {
        for (Phase p : i.phases.list())
            add_device(i.bus, i.connection, p, -Complex{i.p_w[slot(p)], i.q_var[slot(p)]} / 1000.0, {});
    };
    for (auto const& b : feeder_.batteries.rows()) inverter(b.inverter);
    for (auto const& pv : feeder_.pv_systems.rows()) {
        auto const& i = pv.inverter;
        bool const live = !places_[i.bus.at()].phases.empty();
        available_.push_back(live ? (i.p_w[0] + i.p_w[1] + i.p_w[2]) / 1000.0 : 0.0);
        // What curtailing all of it adds is what a load of the same power would.
        auto const before = places_[i.bus.at()].constant;
        for (Phase p : i.phases.list()) add_device(i.bus, i.connection, p, Complex{i.p_w[slot(p)], 0.0} / 1000.0, {});
        full_.emplace_back(places_[i.bus.at()].constant - before);
        places_[i.bus.at()].constant = before;
        inverter(i);
    }
}

void DenseTwin::assemble() {
    int columns = 0;
    auto const root = places_.size() - 1;
    v_at_.assign(places_.size(), {-1, -1, -1});
    s_at_.assign(edges_.size(), {-1, -1, -1});
    for (std::size_t j = 0; j < root; ++j)
        for (Phase p : places_[j].phases.list()) v_at_[j][slot(p)] = columns++;
    for (std::size_t e = 0; e < edges_.size(); ++e)
        for (Phase p : edges_[e].phases.list()) {
            s_at_[e][slot(p)] = columns;
            columns += 2;
        }
    Eigen::MatrixXd system = Eigen::MatrixXd::Zero(columns, columns);
    constant_ = Eigen::VectorXd::Zero(columns);
    per_der_ = Eigen::MatrixXd::Zero(columns, static_cast<Eigen::Index>(full_.size()));
    int row = 0;

    // Voltages along every edge.
    for (std::size_t e = 0; e < edges_.size(); ++e) {
        auto const& edge = edges_[e];
        auto const up = static_cast<std::size_t>(edge.up), down = static_cast<std::size_t>(edge.down);
        for (Phase p : edge.phases.list()) {
            Eigen::RowVector3d below = Eigen::RowVector3d::Unit(at(p));
            if (edge.by_pairs) below = pair_means().row(at(p));
            for (std::size_t k = 0; k < 3; ++k) {
                auto const i = static_cast<Eigen::Index>(k);
                if (below(i) != 0.0) system(row, v_at_[down][k]) += below(i);
                double const above = edge.ratio(at(p), i);
                if (up == root) constant_(row) += above * source_kv_sq_;
                else if (above != 0.0) system(row, v_at_[up][k]) -= above;
                if (s_at_[e][k] < 0) continue;
                system(row, s_at_[e][k]) += edge.drop(at(p), i);
                system(row, s_at_[e][k] + 1) += edge.drop(at(p), i + 3);
            }
            ++row;
        }
    }

    // Active and reactive power at every place: what arrives = what goes on + what is drawn.
    for (std::size_t j = 0; j < root; ++j)
        for (Phase p : places_[j].phases.list())
            for (int part : {0, 1}) {
                int const i = at(p) + 3 * part;
                for (std::size_t e = 0; e < edges_.size(); ++e) {
                    if (static_cast<std::size_t>(edges_[e].down) == j && s_at_[e][slot(p)] >= 0)
                        system(row, s_at_[e][slot(p)] + part) += 1.0;
                    if (static_cast<std::size_t>(edges_[e].up) != j) continue;
                    for (std::size_t k = 0; k < 3; ++k)
                        if (s_at_[e][k] >= 0)
                            for (int from : {0, 1})
                                system(row, s_at_[e][k] + from) -= edges_[e].lift(i, static_cast<int>(k) + 3 * from);
                }
                for (std::size_t k = 0; k < 3; ++k)
                    if (v_at_[j][k] >= 0) system(row, v_at_[j][k]) -= places_[j].slope(i, static_cast<Eigen::Index>(k));
                constant_(row) = places_[j].constant(i);
                for (std::size_t d = 0; d < full_.size(); ++d)
                    if (feeder_.pv_systems.rows()[d].inverter.bus.at() == j)
                        per_der_(row, static_cast<Eigen::Index>(d)) = full_[d](i);
                ++row;
            }
    if (row != columns) throw std::logic_error{"the dense twin needs one branch to every node"};
    system_ = system.sparseView();
    factors_.compute(system_);
    if (factors_.info() != Eigen::Success) throw std::logic_error{"the dense twin has no solution"};

    for (auto id : feeder_.buses.ids())
        for (Phase p : feeder_.buses[id].phases.list()) {
            auto const& place = places_[id.at()];
            auto const [m, n] = delta_pair(p);
            auto const name = std::string{feeder_.buses.name(id)} + "." + std::string{to_text(p)};
            if (place.floating)
                nodes_.push_back(
                    {name + std::string{to_text(n)}, place.phases.contains(m) && place.phases.contains(n)});
            else nodes_.push_back({name, place.phases.contains(p)});
        }
}

Eigen::VectorXd DenseTwin::solution(std::vector<double> const& alpha) const {
    using Precise = Eigen::Matrix<long double, Eigen::Dynamic, 1>;
    Eigen::VectorXd const right =
        constant_ + per_der_ * Eigen::Map<Eigen::VectorXd const>(alpha.data(), static_cast<Eigen::Index>(alpha.size()));
    Eigen::VectorXd x = factors_.solve(right);
    // Kilovolts and kilowatts side by side cost digits: residuals in extended precision bring them back (Wilkinson 1963).
    for (int step = 0; step < 2; ++step) {
        Precise const residual = right.cast<long double>() - system_.cast<long double>() * x.cast<long double>();
        x += factors_.solve(Eigen::VectorXd{residual.cast<double>()});
    }
    return x;
}

Eigen::VectorXd DenseTwin::v_sq(std::vector<double> const& alpha) const {
    auto const x = solution(alpha);
    Eigen::VectorXd result = Eigen::VectorXd::Constant(static_cast<Eigen::Index>(nodes_.size()), nan);
    Eigen::Index node = 0;
    for (auto id : feeder_.buses.ids()) {
        double const kv = feeder_.buses[id].base_v / 1000.0;
        for (Phase p : feeder_.buses[id].phases.list()) {
            if (int const column = v_at_[id.at()][slot(p)]; column >= 0) result(node) = x(column) / (kv * kv);
            ++node;
        }
    }
    return result;
}

Eigen::VectorXd DenseTwin::seen(std::vector<double> const& alpha) const {
    auto const v = v_sq(alpha);
    Eigen::VectorXd result = v;
    Eigen::Index first = 0;
    for (auto id : feeder_.buses.ids()) {
        auto const phases = feeder_.buses[id].phases;
        for (Phase p : phases.list()) {
            auto const node = first + static_cast<Eigen::Index>(phases.position(p));
            if (!nodes_[static_cast<std::size_t>(node)].limited) result(node) = nan;
            else if (places_[id.at()].floating) {
                auto const [m, n] = delta_pair(p);
                result(node) = 0.5 * (v(first + static_cast<Eigen::Index>(phases.position(m))) +
                                      v(first + static_cast<Eigen::Index>(phases.position(n))));
            }
        }
        first += static_cast<Eigen::Index>(phases.size());
    }
    return result;
}

std::vector<std::complex<double>> DenseTwin::into(std::vector<double> const& alpha) const {
    auto const x = solution(alpha);
    std::vector<Complex> result;
    for (auto id : feeder_.buses.ids())
        for (Phase p : feeder_.buses[id].phases.list()) {
            Complex sum;
            for (std::size_t e = 0; e < edges_.size(); ++e)
                if (edges_[e].down == id.value() && s_at_[e][slot(p)] >= 0)
                    sum += Complex{x(s_at_[e][slot(p)]), x(s_at_[e][slot(p)] + 1)};
            result.push_back(sum);
        }
    return result;
}

}  // namespace dec::test
