#include <fmt/format.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "additions.hpp"

namespace dec::synthesis {

namespace {

using feeder::Bus;
using feeder::ElementKind;
using feeder::Feeder;
using feeder::Measurement;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::Switch;
using feeder::TerminalRef;

/// The platform's classes, which its measurements are named after.
std::string_view switch_class(Switch::Kind kind) {
    switch (kind) {
        case Switch::Kind::load_break_switch: return "LoadBreakSwitch";
        case Switch::Kind::breaker: return "Breaker";
        case Switch::Kind::recloser: return "Recloser";
        case Switch::Kind::fuse: return "Fuse";
        case Switch::Kind::sectionaliser: return "Sectionaliser";
        case Switch::Kind::disconnector: return "Disconnector";
        case Switch::Kind::jumper: return "Jumper";
        case Switch::Kind::ground_disconnector: return "GroundDisconnector";
        case Switch::Kind::plain: break;
    }
    return "Switch";
}

std::string_view type_text(Measurement::Type type) {
    switch (type) {
        case Measurement::Type::voltage: return "PNV";
        case Measurement::Type::power: return "VA";
        case Measurement::Type::current: return "A";
        case Measurement::Type::position: return "Pos";
        case Measurement::Type::state_of_charge: break;
    }
    return "SoC";
}

class Measuring {
  public:
    explicit Measuring(Feeder& feeder)
        : feeder_{feeder}, names_{feeder.measurements.names()}, voltage_known_(feeder.buses.size()) {
        for (auto const& row : feeder.measurements.rows()) {
            if (row.phases.empty()) existing_.insert(key(row.type, row.at, 0));
            for (Phase p : row.phases.list()) existing_.insert(key(row.type, row.at, phase_key(p)));
            if (row.type == Measurement::Type::voltage && row.at.bus.valid()) know_voltage(row.at.bus, row.phases);
        }
    }

    void run() {
        at_devices();
        at_switches();
        at_transformers();
        at_lines();
        at_nodes_left();
    }

  private:
    using Type = Measurement::Type;

    /// What makes two measurements the same; voltages are told apart by bus, a branch has two.
    struct Key {
        Type type;
        ElementKind kind;
        std::int32_t element, bus;
        unsigned phase;  ///< 0: none
        auto operator<=>(Key const&) const = default;
    };
    static Key key(Type type, TerminalRef const& at, unsigned phase) {
        return {type, at.kind, at.element, type == Type::voltage ? at.bus.value() : -1, phase};
    }
    static unsigned phase_key(Phase p) { return 1U + static_cast<unsigned>(p); }

    void know_voltage(Index<Bus> bus, PhaseSet phases) { voltage_known_[bus.at()] = voltage_known_[bus.at()] | phases; }

    /// \param owner class and name, as measurements are called.
    void add(Type type, std::string const& owner, TerminalRef const& at, PhaseSet phases) {
        if (type == Type::voltage) know_voltage(at.bus, phases);
        for (Phase p : phases.list()) {
            PhaseSet one;
            one.insert(p);
            add_one(key(type, at, phase_key(p)), owner, at, one, feeder::to_text(p));
        }
    }

    void add_one(Key const& what, std::string const& owner, TerminalRef const& at, PhaseSet phases,
                 std::string_view suffix) {
        if (!existing_.insert(what).second) return;
        Measurement const row{.type = what.type, .phases = phases, .discrete = what.type == Type::position, .at = at};
        add_named(feeder_, feeder_.measurements, names_, row, "measurement",
                  fmt::format("{}_{}_{}_{}", owner, type_text(what.type), at.terminal, suffix));
    }

    /// Voltages of the node only where nothing measures them yet.
    void add_missing_voltages(std::string const& owner, TerminalRef const& at, PhaseSet phases) {
        add(Type::voltage, owner, at, phases - voltage_known_[at.bus.at()]);
    }

    static PhaseSet conductors(feeder::Connection connection, PhaseSet phases) {
        if (connection != feeder::Connection::delta) return phases;
        PhaseSet ends;
        for (Phase p : phases.list())
            for (Phase end : feeder::delta_pair(p)) ends.insert(end);
        return ends;
    }

    void at_devices() {
        for (auto id : feeder_.loads.ids()) {
            auto const& row = feeder_.loads[id];
            at_device("EnergyConsumer", feeder_.loads.name(id), {ElementKind::load, id.value(), 1, row.bus},
                      conductors(row.connection, row.phases));
        }
        for (auto id : feeder_.capacitors.ids()) {
            auto const& row = feeder_.capacitors[id];
            TerminalRef const at{ElementKind::capacitor, id.value(), 1, row.bus};
            auto const phases = conductors(row.connection, row.phases);
            auto const owner = at_device("LinearShuntCompensator", feeder_.capacitors.name(id), at, phases);
            add(Type::position, owner, at, phases);
        }
        for (auto id : feeder_.pv_systems.ids())
            at_inverter(feeder_.pv_systems[id].inverter, feeder_.pv_connection_names[id.at()],
                        {ElementKind::pv, id.value()});
        for (auto id : feeder_.batteries.ids()) {
            auto const& inverter = feeder_.batteries[id].inverter;
            TerminalRef const at{ElementKind::battery, id.value(), 1, inverter.bus};
            auto const owner = at_inverter(inverter, feeder_.battery_connection_names[id.at()], at);
            add_one(key(Type::state_of_charge, at, 0), owner, at, {}, "none");
        }
    }

    std::string at_inverter(feeder::Inverter const& inverter, std::string_view name, TerminalRef at) {
        at.bus = inverter.bus;
        return at_device("PowerElectronicsConnection", name, at, conductors(inverter.connection, inverter.phases));
    }

    std::string at_device(std::string_view kind, std::string_view name, TerminalRef const& at, PhaseSet phases) {
        auto owner = fmt::format("{}_{}", kind, name);
        add(Type::voltage, owner, at, phases);
        add(Type::power, owner, at, phases);
        return owner;
    }

    void at_switches() {
        for (auto id : feeder_.switches.ids()) {
            auto const& row = feeder_.switches[id];
            auto const owner = fmt::format("{}_{}", switch_class(row.kind), feeder_.switches.name(id));
            TerminalRef const at{ElementKind::switch_, id.value(), 1, row.from};
            add(Type::current, owner, at, row.phases);
            add(Type::position, owner, at, row.phases);
        }
    }

    /// The platform measures at the bank; its units differ by phase.
    void at_transformers() {
        for (auto const& unit : feeder_.transformers.rows()) {
            auto const owner = fmt::format("PowerTransformer_{}", feeder_.banks.name(unit.bank));
            for (std::uint8_t w = 0; w < feeder_.transformer_codes[unit.code].windings; ++w) {
                auto const at = at_winding(unit, w);
                add_missing_voltages(owner, at, unit.phases(w));
                if (w == 0) add(Type::power, owner, at, unit.phases(w));
            }
        }
        for (auto const& tap : feeder_.tap_changers.rows()) {
            auto const& unit = feeder_.transformers[tap.transformer];
            auto const owner = fmt::format("RatioTapChanger_{}", feeder_.banks.name(unit.bank));
            add(Type::position, owner, at_winding(unit, tap.winding), unit.phases(tap.winding));
        }
    }

    static TerminalRef at_winding(feeder::Transformer const& unit, std::uint8_t winding) {
        return {ElementKind::bank, unit.bank.value(), static_cast<std::uint8_t>(winding + 1),
                unit.winding[winding].bus};
    }

    void at_lines() {
        for (auto id : feeder_.lines.ids()) {
            auto const& row = feeder_.lines[id];
            auto const owner = fmt::format("ACLineSegment_{}", feeder_.lines.name(id));
            TerminalRef const at{ElementKind::line, id.value(), 1, row.from};
            add_missing_voltages(owner, at, row.phase_set());
            add_missing_voltages(owner, {at.kind, at.element, 2, row.to}, row.phase_set());
            add(Type::power, owner, at, row.phase_set());
        }
    }

    /// Buses that only a switch reaches.
    void at_nodes_left() {
        for (auto id : feeder_.switches.ids()) {
            auto const& row = feeder_.switches[id];
            auto const owner = fmt::format("{}_{}", switch_class(row.kind), feeder_.switches.name(id));
            add_missing_voltages(owner, {ElementKind::switch_, id.value(), 1, row.from}, row.phases);
            add_missing_voltages(owner, {ElementKind::switch_, id.value(), 2, row.to}, row.phases);
        }
    }

    Feeder& feeder_;
    Names names_;
    std::set<Key> existing_;
    std::vector<PhaseSet> voltage_known_;  // by bus
};

}  // namespace

void add_measurements(Feeder& feeder) { Measuring{feeder}.run(); }

}  // namespace dec::synthesis
