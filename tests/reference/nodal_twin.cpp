#include "reference/nodal_twin.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>

#include "dec/feeder/tree.hpp"
#include "reference/balanced.hpp"
#include "reference/phasor_circuit.hpp"

namespace dec::test {

using namespace feeder;

namespace {

using Complex = std::complex<double>;
using Node = PhasorCircuit::Node;
using Port = PhasorCircuit::Port;

class Twin {
  public:
    Twin(Feeder const& feeder, VoltageRange loads, VoltageRange injecting)
        : feeder_{feeder}, loads_{loads}, injecting_{injecting} {
        Notes notes;
        tree_ = validate(feeder, notes, Loops::allowed);
        for (auto id : feeder.buses.ids())
            for (Phase p : energised(id).list()) leader_[{id.value(), p}] = {id.value(), p};
        join_switches();
        for (auto const& [key, top] : leader_)
            if (find(key) == key) nodes_[key] = circuit_.node();
        add_source();
        add_lines();
        add_switches();
        for (auto id : feeder.transformers.ids()) add_transformer(id);
        add_capacitors();
        add_devices();
    }

    NodalAnswer solve() {
        circuit_.solve();
        NodalAnswer answer;
        for (auto id : feeder_.buses.ids())
            for (Phase p : feeder_.buses[id].phases.list())
                answer.volts.push_back(energised(id).contains(p)
                                           ? circuit_.voltage({at(id, p), PhasorCircuit::ground})
                                           : Complex{std::numeric_limits<double>::quiet_NaN(), 0.0});
        for (Node n : ideal_) answer.source_va += circuit_.delivered(n);
        return answer;
    }

  private:
    using Key = std::pair<std::int32_t, Phase>;

    [[nodiscard]] PhaseSet energised(Index<Bus> bus) const {
        auto const vertex = tree_.vertex_of_bus[bus.at()];
        return vertex < 0 ? PhaseSet{} : tree_.vertices[static_cast<std::size_t>(vertex)].phases;
    }
    Key find(Key key) const {
        while (leader_.at(key) != key) key = leader_.at(key);
        return key;
    }
    [[nodiscard]] Node at(Index<Bus> bus, Phase p) const { return nodes_.at(find({bus.value(), p})); }

    static bool is_ideal(Switch const& s) {
        return s.r_ohm == 0.0 && s.x_ohm == 0.0 && s.r0_ohm == 0.0 && s.x0_ohm == 0.0;
    }
    /// A closed switch without impedance makes two nodes one.
    void join_switches() {
        for (auto const& s : feeder_.switches.rows())
            if (is_ideal(s)) join(s);
    }
    void join(Switch const& s) {
        for (Phase p : (s.closed & energised(s.from) & energised(s.to)).list())
            leader_[find({s.from.value(), p})] = find({s.to.value(), p});
    }
    void add_switches() {
        for (auto const& s : feeder_.switches.rows()) {
            if (is_ideal(s)) continue;
            std::vector<Node> from, to;
            std::vector<Eigen::Index> places;
            for (Phase p : (s.closed & energised(s.from) & energised(s.to)).list()) {
                from.push_back(at(s.from, p));
                to.push_back(at(s.to, p));
                places.push_back(static_cast<Eigen::Index>(slot(p)));
            }
            if (places.empty()) continue;
            circuit_.series(from, to, sequence({s.r_ohm, s.x_ohm}, {s.r0_ohm, s.x0_ohm})(places, places));
        }
    }

    void add_source() {
        auto const& s = feeder_.sources.rows()[0];
        std::vector<Node> bus;
        for (int k = 0; k < 3; ++k) {
            ideal_.push_back(circuit_.node());
            circuit_.fix(ideal_.back(),
                         std::polar(s.voltage_v / std::numbers::sqrt3, s.angle_rad - 2.0 * std::numbers::pi * k / 3.0));
            bus.push_back(at(s.bus, static_cast<Phase>(k)));
        }
        circuit_.series(ideal_, bus, sequence({s.r_ohm, s.x_ohm}, {s.r0_ohm, s.x0_ohm}));
    }
    static Eigen::MatrixXcd sequence(Complex positive, Complex zero) {
        Eigen::MatrixXcd z = Eigen::MatrixXcd::Constant(3, 3, (zero - positive) / 3.0);
        z.diagonal().setConstant((zero + 2.0 * positive) / 3.0);
        return z;
    }

    void add_lines() {
        for (auto const& line : feeder_.lines.rows()) {
            if (energised(line.from).empty() || energised(line.to).empty()) continue;
            auto const& code = feeder_.line_codes[line.code];
            double const length = code.form == LineCode::Form::whole_line ? 1.0 : line.length_m;
            std::vector<Node> from, to;
            Eigen::MatrixXcd z(line.conductors, line.conductors), y(line.conductors, line.conductors);
            for (std::size_t i = 0; i < line.conductors; ++i) {
                from.push_back(at(line.from, line.phases[i]));
                to.push_back(at(line.to, line.phases[i]));
                for (std::size_t k = 0; k < line.conductors; ++k) {
                    auto const row = static_cast<Eigen::Index>(i), column = static_cast<Eigen::Index>(k);
                    z(row, column) = length * Complex{code.r_ohm[i][k], code.x_ohm[i][k]};
                    y(row, column) = length * Complex{code.g_s[i][k], code.b_s[i][k]};
                }
            }
            circuit_.series(from, to, z);
            // A shunt matrix as branches between its nodes and to ground.
            for (auto const& end : {from, to})
                for (Eigen::Index i = 0; i < y.rows(); ++i) {
                    auto const node = end[static_cast<std::size_t>(i)];
                    circuit_.shunt({node, PhasorCircuit::ground}, 0.5 * y.row(i).sum());
                    for (Eigen::Index k = 0; k < i; ++k)
                        circuit_.shunt({node, end[static_cast<std::size_t>(k)]}, -0.5 * y(i, k));
                }
        }
        for (auto const& c : feeder_.series_compensators.rows()) {
            if (energised(c.from).empty() || energised(c.to).empty()) continue;
            std::vector<Node> from, to;
            for (Phase p : PhaseSet::abc().list()) {
                from.push_back(at(c.from, p));
                to.push_back(at(c.to, p));
            }
            circuit_.series(from, to, sequence({c.r_ohm, c.x_ohm}, {c.r0_ohm, c.x0_ohm}));
        }
    }

    /// Coil of a three-phase winding: a phase or a pair of phases, in which direction.
    struct Choice {
        std::optional<Phase> plus, minus;
    };
    static Complex phasor(Choice const& c) {
        return (c.plus ? unit_phasor(*c.plus) : Complex{}) - (c.minus ? unit_phasor(*c.minus) : Complex{});
    }
    static std::vector<Choice> choices(bool delta) {
        std::vector<Choice> all;
        for (Phase p : PhaseSet::abc().list()) {
            std::optional<Phase> const other = delta ? std::optional{delta_pair(p)[1]} : std::nullopt;
            all.push_back({p, other});
            all.push_back({other, p});
        }
        return all;
    }
    /// The coil of winding w that is in phase with `first` when the winding lags by its clock.
    static Choice in_phase(Choice const& first, bool delta, int clock) {
        for (auto const& c : choices(delta)) {
            auto const turned = phasor(c) * std::polar(1.0, -std::numbers::pi / 6.0 * clock) / phasor(first);
            if (std::abs(std::arg(turned)) < 1e-6) return c;
        }
        FAIL("no coil is in phase");
        return {};
    }

    void add_transformer(Index<Transformer> id) {
        auto const& unit = feeder_.transformers[id];
        auto const& code = feeder_.transformer_codes[unit.code];
        for (std::size_t w = 0; w < code.windings; ++w)
            if (energised(unit.winding[w].bus).empty()) return;
        std::array<double, 3> tapped{};
        bool const is_auto = code.winding[0].connection == Connection::series;
        // Of the coil itself: a series winding has the difference.
        std::array<double, 3> rated{};
        for (std::size_t w = 0; w < code.windings; ++w) rated[w] = code.winding[w].rated_v;
        if (is_auto) rated[0] -= rated[1];
        tapped = rated;
        for (auto const& tap : feeder_.tap_changers.rows())
            if (tap.transformer == id) tapped[tap.winding] *= tap.ratio();
        bool const three = unit.phases(0).size() == 3;
        std::array<Node, 3> neutral{};
        std::array<double, 3> coil_volts{};  // at which impedances are given
        for (std::size_t w = 0; w < code.windings; ++w) {
            bool const delta = code.winding[w].connection == Connection::delta;
            Complex const z{unit.winding[w].ground_r_ohm, unit.winding[w].ground_x_ohm};
            neutral[w] = PhasorCircuit::ground;
            if (!delta && z != Complex{})
                circuit_.shunt({neutral[w] = circuit_.node(), PhasorCircuit::ground}, 1.0 / z);
            coil_volts[w] = rated[w] / (three && !delta ? std::numbers::sqrt3 : 1.0);
            if (three && !delta) tapped[w] /= std::numbers::sqrt3;
            auto const& conductors = unit.winding[w].conductors;
            bool const free = three && !delta && std::ranges::count(conductors, Conductor::neutral) == 0;
            if (free)  // but for the ties of its three coils
                circuit_.shunt({neutral[w] = circuit_.node(), PhasorCircuit::ground},
                               Complex{0.0, -0.5e-6 * code.winding[0].rated_va / (coil_volts[w] * coil_volts[w])});
        }
        for (std::size_t core = 0; core < (three ? 3U : 1U); ++core) {
            std::vector<Port> ports;
            std::vector<double> volts;
            Choice first;
            for (std::size_t w = 0; w < code.windings; ++w) {
                bool const delta = code.winding[w].connection == Connection::delta;
                auto const& conductors = unit.winding[w].conductors;
                Choice coil{phase_of(conductors[0]), phase_of(conductors[1])};
                if (three)
                    coil = w == 0 ? choices(delta)[2 * core]
                                  : in_phase(first, delta, code.winding[w].clock - code.winding[0].clock);
                if (w == 0) first = coil;
                auto const end = [&](std::optional<Phase> p) { return p ? at(unit.winding[w].bus, *p) : neutral[w]; };
                ports.push_back({end(coil.plus), end(coil.minus)});
                if (is_auto && w == 1) {
                    ports[0].minus = ports[1].plus;
                    circuit_.shunt({ports[0].minus, PhasorCircuit::ground},
                                   Complex{0.0, -0.5e-6 * code.winding[0].rated_va / (three ? 3.0 : 1.0) /
                                                    (coil_volts[0] * coil_volts[0])});
                }
                volts.push_back(tapped[w]);
                double const va = code.winding[0].rated_va / (three ? 3.0 : 1.0);
                for (auto p : {coil.plus, coil.minus})
                    if (p)
                        circuit_.shunt({end(p), PhasorCircuit::ground},
                                       Complex{0.0, -0.5e-6 * va / (coil_volts[w] * coil_volts[w])});
            }
            circuit_.shunt(ports[1],
                           Complex{code.no_load_w, -code.no_load_var} / (three ? 3.0 : 1.0) / (volts[1] * volts[1]));
            // Impedances belong to the rated volts; taps change the turns alone.
            circuit_.windings(ports, volts, [&](std::size_t i, std::size_t k) {
                static constexpr std::array<std::array<std::size_t, 3>, 3> test{{{0, 0, 1}, {0, 0, 2}, {1, 2, 0}}};
                auto const per_volt = [&](std::size_t place) {
                    auto const& t = code.short_circuit[place];
                    // Three-phase tests are per phase of a wye.
                    double const volt = code.winding[t.from].rated_v / (three ? std::numbers::sqrt3 : 1.0);
                    return Complex{t.r_ohm, t.x_ohm} / (volt * volt);
                };
                auto const place = test[i][k];
                Complex z = per_volt(place);
                if (is_auto) {
                    // From the terminals to the coils: H. W. Dommel, EMTP Theory Book, 1986, 6.45 and 6.50.
                    double const high = code.winding[0].rated_v, low = code.winding[1].rated_v, series = high - low;
                    if (place == 0) z *= high * high / (series * series);
                    if (place == 1)
                        z = per_volt(0) * high * low / (series * series) + z * high / series -
                            per_volt(2) * low / series;
                }
                return z * (volts[i] * volts[i]);
            });
        }
    }

    [[nodiscard]] Port port(Index<Bus> bus, Connection connection, Phase p) const {
        if (connection != Connection::delta) return {at(bus, p), PhasorCircuit::ground};
        auto const [m, n] = delta_pair(p);
        return {at(bus, m), at(bus, n)};
    }
    [[nodiscard]] double nominal(Index<Bus> bus, Connection connection, Phase p) const {
        double const base = feeder_.buses[bus].base_v;
        if (connection != Connection::delta) return base;
        return base * (is_leg(p) ? 2.0 : std::numbers::sqrt3);
    }

    void add_capacitors() {
        for (auto const& c : feeder_.capacitors.rows()) {
            if (energised(c.bus).empty()) continue;
            Node neutral = PhasorCircuit::ground;
            if (c.connection != Connection::delta && !c.grounded) neutral = circuit_.node();
            for (Phase p : c.phases.list()) {
                auto to = port(c.bus, c.connection, p);
                if (c.connection != Connection::delta) to.minus = neutral;
                double const wye = feeder_.buses[c.bus].base_v / nominal(c.bus, c.connection, p);
                circuit_.shunt(to, Complex{0.0, c.b_per_section_s[slot(p)] * c.sections[slot(p)] * wye * wye});
            }
        }
    }

    /// \param own_rated volts at which it is rated; NaN: its bus's base.
    /// \param goes_on whether its model holds up to the limits; else it draws its nominal power there.
    void draw(Index<Bus> bus, Connection connection, Phase p, VoltageRange limits,
              std::function<Complex(double)> const& model, double own_rated = unknown, bool goes_on = true) {
        if (energised(bus).empty()) return;
        double const rated = std::isnan(own_rated) ? nominal(bus, connection, p) : own_rated;
        auto const at_pu = [=](double pu) {
            bool const at_limit = pu == limits.low || pu == limits.high;
            return model(at_limit && !goes_on ? 1.0 : pu);
        };
        circuit_.draw(port(bus, connection, p), [=](double volts) {
            double const pu = volts / rated;
            double const inside = std::clamp(pu, limits.low, limits.high);
            if (pu >= limits.low || limits.floor == limits.low) return at_pu(inside) * (pu / inside) * (pu / inside);
            // The current (per pu) on the chord between that at the limit and the nominal impedance's at the floor.
            if (pu <= limits.floor) return at_pu(1.0) * pu * pu;
            double const share = (pu - limits.floor) / (limits.low - limits.floor);
            return pu * (share * at_pu(limits.low) / limits.low + (1.0 - share) * at_pu(1.0) * limits.floor);
        });
    }
    void add_devices() {
        for (auto const& load : feeder_.loads.rows())
            for (Phase p : load.phases.list()) {
                LoadModel const m = load.model.valid() ? feeder_.load_models[load.model] : LoadModel{};
                double const w = load.p_w[slot(p)], var = load.q_var[slot(p)];
                auto limits = loads_;
                if (!std::isnan(load.low_pu)) limits.low = load.low_pu;
                if (!std::isnan(load.high_pu)) limits.high = load.high_pu;
                auto const model = [=](double v) {
                    if (m.exponential) return Complex{w * std::pow(v, m.p_exponent), var * std::pow(v, m.q_exponent)};
                    return Complex{w * (m.p_power + m.p_current * v + m.p_impedance * v * v),
                                   var * (m.q_power + m.q_current * v + m.q_impedance * v * v)};
                };
                draw(load.bus, load.connection, p, limits, model, load.nominal_v,
                     !m.exponential || std::isnan(load.low_pu));
            }
        auto const inject = [&](Index<Bus> bus, Connection connection, Phase p, Complex va) {
            draw(bus, connection, p, injecting_, [=](double) { return -va; });
        };
        auto const inverter = [&](Inverter const& i) {
            for (Phase p : i.phases.list()) inject(i.bus, i.connection, p, {i.p_w[slot(p)], i.q_var[slot(p)]});
        };
        for (auto const& pv : feeder_.pv_systems.rows()) inverter(pv.inverter);
        for (auto const& battery : feeder_.batteries.rows()) inverter(battery.inverter);
        for (auto const& m : feeder_.machines.rows())
            for (Phase p : m.phases.list())
                inject(m.bus, Connection::wye, p, Complex{m.p_w, m.q_var} / static_cast<double>(m.phases.size()));
    }

    Feeder const& feeder_;
    VoltageRange loads_, injecting_;
    Tree tree_;
    std::map<Key, Key> leader_;
    std::map<Key, Node> nodes_;
    PhasorCircuit circuit_;
    std::vector<Node> ideal_;
};

}  // namespace

NodalAnswer nodal_twin(Feeder const& feeder, VoltageRange loads, VoltageRange injecting) {
    return Twin{feeder, loads, injecting}.solve();
}

}  // namespace dec::test
