/// \file cim_names.hpp
/// How CIM100 spells our enumerations; one list for reader and writer.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "dec/feeder/elements.hpp"

namespace dec::io {

template <class Enum>
struct Spelling {
    Enum value;
    std::string_view literal;
};

/// A capacitor between two phases, as LinearShuntCompensatorPhase.bPerSection of a delta gives it (IEC 61970-301), has a third
/// of the susceptance to neutral that delivers the same.
inline constexpr double wye_of_delta = 3.0;

/// Classes of switches.
inline constexpr std::array<Spelling<feeder::Switch::Kind>, 9> switch_classes{{
    {feeder::Switch::Kind::load_break_switch, "LoadBreakSwitch"},
    {feeder::Switch::Kind::breaker, "Breaker"},
    {feeder::Switch::Kind::recloser, "Recloser"},
    {feeder::Switch::Kind::fuse, "Fuse"},
    {feeder::Switch::Kind::sectionaliser, "Sectionaliser"},
    {feeder::Switch::Kind::disconnector, "Disconnector"},
    {feeder::Switch::Kind::jumper, "Jumper"},
    {feeder::Switch::Kind::ground_disconnector, "GroundDisconnector"},
    {feeder::Switch::Kind::plain, "Switch"},
}};

/// RegulatingControlModeKind
inline constexpr std::array<Spelling<feeder::RegulatorControl::Mode>, 8> control_modes{{
    {feeder::RegulatorControl::Mode::voltage, "voltage"},
    {feeder::RegulatorControl::Mode::reactive_power, "reactivePower"},
    {feeder::RegulatorControl::Mode::current_flow, "currentFlow"},
    {feeder::RegulatorControl::Mode::active_power, "activePower"},
    {feeder::RegulatorControl::Mode::time, "timeScheduled"},
    {feeder::RegulatorControl::Mode::power_factor, "powerFactor"},
    {feeder::RegulatorControl::Mode::admittance, "admittance"},
    {feeder::RegulatorControl::Mode::temperature, "temperature"},
}};

/// WindingConnection; a grounded wye may also be spelt Yn. "A" is the common winding of an autotransformer; here it is the other one
/// that says so, the series winding before it.
inline constexpr std::array<Spelling<feeder::Connection>, 3> winding_connections{{
    {feeder::Connection::wye, "Y"},
    {feeder::Connection::delta, "D"},
    {feeder::Connection::single, "I"},
}};

/// PhaseShuntConnectionKind
inline constexpr std::array<Spelling<feeder::Connection>, 3> shunt_connections = winding_connections;

/// ConverterControlModeKind
inline constexpr std::array<Spelling<feeder::Inverter::ControlMode>, 3> converter_modes{{
    {feeder::Inverter::ControlMode::constant_power_factor, "constantPowerFactor"},
    {feeder::Inverter::ControlMode::constant_reactive_power, "constantReactivePower"},
    {feeder::Inverter::ControlMode::dynamic, "dynamic"},
}};

/// BatteryStateKind
inline constexpr std::array<Spelling<feeder::Battery::State>, 5> battery_states{{
    {feeder::Battery::State::waiting, "waiting"},
    {feeder::Battery::State::charging, "charging"},
    {feeder::Battery::State::discharging, "discharging"},
    {feeder::Battery::State::full, "full"},
    {feeder::Battery::State::empty, "empty"},
}};

/// Measurement.measurementType
inline constexpr std::array<Spelling<feeder::Measurement::Type>, 5> measurement_types{{
    {feeder::Measurement::Type::voltage, "PNV"},
    {feeder::Measurement::Type::power, "VA"},
    {feeder::Measurement::Type::current, "A"},
    {feeder::Measurement::Type::position, "Pos"},
    {feeder::Measurement::Type::state_of_charge, "SoC"},
}};

/// Letters of an OrderedPhaseCodeKind.
inline constexpr std::array<Spelling<feeder::Conductor>, 6> conductor_letters{{
    {feeder::Conductor::a, "A"},
    {feeder::Conductor::b, "B"},
    {feeder::Conductor::c, "C"},
    {feeder::Conductor::s1, "s1"},
    {feeder::Conductor::s2, "s2"},
    {feeder::Conductor::neutral, "N"},
}};

template <class Enum, std::size_t N>
[[nodiscard]] constexpr std::string_view to_cim(std::array<Spelling<Enum>, N> const& spellings, Enum value) {
    for (auto const& spelling : spellings)
        if (spelling.value == value) return spelling.literal;
    return {};
}

template <class Enum, std::size_t N>
[[nodiscard]] constexpr std::optional<Enum> from_cim(std::array<Spelling<Enum>, N> const& spellings,
                                                     std::string_view literal) {
    for (auto const& spelling : spellings)
        if (spelling.literal == literal) return spelling.value;
    return std::nullopt;
}

}  // namespace dec::io
